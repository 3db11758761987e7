"""Where file dialogs begin: in the folder that was used last for the purpose, else by the image."""

from __future__ import annotations

from pathlib import Path

_LAST: dict[str, Path] = {}  # purpose -> folder, as long as napari runs


def start_folder(purpose: str, image_file: Path | None = None) -> Path:
    """The folder used last for ``purpose``, else the one of the image, else the home folder."""
    last = _LAST.get(purpose)
    if last is not None and last.is_dir():
        return last
    if image_file is not None and image_file.parent.is_dir():
        return image_file.parent
    return Path.home()


def used_folder(purpose: str, chosen: Path) -> None:
    """A file in this folder was chosen."""
    _LAST[purpose] = chosen.parent
