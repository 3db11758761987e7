"""The projects that were open last, in the user's data folder."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

from unetscope.errors import OutputError
from unetscope.images.claims import STATE
from unetscope.images.writing import replacing

MOST_RECENT = 12
_NAME = "recent_projects.json"
_MOST_BYTES = 2**20
_log = logging.getLogger(__name__)


def recent_projects(data_folder: Path | None = None) -> tuple[Path, ...]:
    """Folders of the projects that were open last, newest first; those that are gone are left out.

    A list that cannot be read counts as empty: it is a convenience, not data.
    """
    return tuple(path for path in _listed(_file(data_folder)) if path.is_dir())


def remember_project(folder: Path, data_folder: Path | None = None) -> None:
    """Put ``folder`` at the top of the list; where that cannot be written, the log says so."""
    newest = Path(os.path.abspath(folder))
    file = _file(data_folder)
    others = [path for path in _listed(file) if path != newest]
    _write([newest, *others][:MOST_RECENT], file)


def forget_project(folder: Path, data_folder: Path | None = None) -> None:
    """Take ``folder`` off the list."""
    gone = Path(os.path.abspath(folder))
    file = _file(data_folder)
    _write([path for path in _listed(file) if path != gone], file)


def _file(data_folder: Path | None) -> Path:
    return (data_folder or user_data_path("unetscope", appauthor=False)) / _NAME


def _listed(file: Path) -> list[Path]:
    with suppress(OSError, ValueError, RecursionError):
        if file.stat().st_size <= _MOST_BYTES:
            content = json.loads(file.read_bytes())
            if isinstance(content, list):
                return [Path(entry) for entry in content if isinstance(entry, str)]
    return []


def _write(folders: list[Path], file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file, STATE) as temporary:
            temporary.write_text(json.dumps([str(f) for f in folders], indent=1), encoding="utf-8")
    except (OSError, OutputError) as error:
        _log.warning("the list of recent projects was not saved: %s", error)
