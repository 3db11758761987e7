"""Where numbers come from: files, hashes, options, versions, so that they can be made again.

``origin.json`` lies beside the results and names the files it tells of relative to itself. Nothing
in it says when it was written: the same work gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unetscope.errors import MeasurementError
from unetscope.images.annotations.documents import write_json
from unetscope.images.claims import Claim
from unetscope.images.classes import LabelClass

#: The version of the file.
_SCHEMA = 1
_PIECE_BYTES = 1 << 22
Plain = str | int | float | bool | None


@dataclass(frozen=True)
class FileSeen:
    """A file or a folder of one (OME-Zarr) as it was: where it lies, and what its bytes give."""

    path: str
    sha256: str


@dataclass(frozen=True)
class ImageOrigin:
    """What one image was measured from.

    Attributes
    ----------
    name
        As tables call it.
    labels, image
        The files that were read; ``image`` is None where no grey values were wanted.
    classes
        The table that labels were read with, where their file does not tell it.
    pixel_size_from
        Who said how large a pixel is: "told", "file", or "nobody".
    group
        The specimen or session it belongs to; "" where none was told.
    model
        What predicted the labels: its file with the hash, name, and what else is known.
    edits
        What a person did to the objects, one after the other.
    probabilities
        The file of class probabilities, where it was read.
    """

    name: str
    labels: FileSeen
    image: FileSeen | None = None
    classes: tuple[LabelClass, ...] = ()
    pixel_size_from: str = "nobody"
    group: str = ""
    model: Mapping[str, Plain] = field(default_factory=dict)
    edits: tuple[Mapping[str, Any], ...] = ()
    probabilities: FileSeen | None = None


@dataclass(frozen=True)
class Origin:
    """All that results were made from.

    Attributes
    ----------
    options
        What was asked for, as it was told.
    versions
        Of this package and of the libraries that count.
    columns
        The formula of each column, by its header.
    """

    images: tuple[ImageOrigin, ...]
    options: Mapping[str, Any]
    versions: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)


def file_seen(path: Path, beside: Path) -> FileSeen:
    """A file as it is now, its path told from the folder ``beside``; from the root of another disk.

    Raises
    ------
    MeasurementError
        If it cannot be read.
    """
    told = path.resolve()
    with suppress(ValueError):  # another drive
        told = Path(os.path.relpath(path.resolve(), beside.resolve()))
    return FileSeen(told.as_posix(), digest_of(path))


def digest_of(path: Path) -> str:
    """SHA-256 of the bytes of a file; of a folder that of its files, by their names.

    Raises
    ------
    MeasurementError
        If it cannot be read.
    """
    try:
        if not path.is_dir():
            with open(path, "rb") as opened:
                return hashlib.file_digest(opened, "sha256").hexdigest()
        files = sorted(file for file in path.rglob("*") if file.is_file())
        told = "".join(f"{digest_of(file)} {file.relative_to(path).as_posix()}\n" for file in files)
        return hashlib.sha256(told.encode()).hexdigest()
    except OSError as error:
        raise MeasurementError(
            f"{path} cannot be read ({error.strerror or error}); put it back where it was"
        ) from error


def write_origin(origin: Origin, results: Iterable[Path], path: Path, claim: Claim) -> None:
    """Write what results were made from, and the hash of each of them.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    content = as_told(origin)
    content["results"] = {result.name: digest_of(result) for result in results}
    write_json(content, path, claim)


def as_told(origin: Origin) -> dict[str, Any]:
    """The members of the file, without the hashes of results."""
    return {
        "schema": _SCHEMA,
        "versions": dict(origin.versions),
        "options": dict(sorted(origin.options.items())),
        "images": [asdict(image) for image in origin.images],
        "columns": dict(origin.columns),
    }


def read_origin(path: Path) -> Origin:
    """Read an ``origin.json``.

    Raises
    ------
    MeasurementError
        If it is none, or of another version.
    """
    try:
        content = json.loads(path.read_bytes())
        if content["schema"] != _SCHEMA:
            raise MeasurementError(
                f"{path} is of version {content['schema']}, this unetscope reads {_SCHEMA}; "
                "use the version that wrote it"
            )
        images = tuple(_image_of(told) for told in content["images"])
        columns = {str(key): str(text) for key, text in content["columns"].items()}
        versions = {str(key): str(text) for key, text in content["versions"].items()}
        return Origin(images, dict(content["options"]), versions, columns)
    except OSError as error:
        raise MeasurementError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, MeasurementError):
            raise
        raise MeasurementError(
            f"{path} does not say where numbers come from; give the origin.json that was written "
            "beside them"
        ) from error


def check_unchanged(origin: Origin, folder: Path) -> None:
    """Refuse where a file that was read is not there any more, or is another one.

    Raises
    ------
    MeasurementError
        With the name of the file.
    """
    for image in origin.images:
        for seen in (image.labels, image.image, image.probabilities):
            if seen is None:
                continue
            path = folder / seen.path
            if digest_of(path) != seen.sha256:
                raise MeasurementError(
                    f"{path} is not what was measured (its SHA-256 is another); put the file "
                    "back, or measure anew"
                )


def _image_of(told: Mapping[str, Any]) -> ImageOrigin:
    picture, probable = told["image"], told.get("probabilities")
    return ImageOrigin(
        str(told["name"]),
        _file_of(told["labels"]),
        None if picture is None else _file_of(picture),
        tuple(
            LabelClass(int(c["value"]), str(c["name"]), str(c["color"])) for c in told["classes"]
        ),
        str(told["pixel_size_from"]),
        str(told["group"]),
        dict(told["model"]),
        tuple(dict(edit) for edit in told["edits"]),
        None if probable is None else _file_of(probable),
    )


def _file_of(told: Mapping[str, Any]) -> FileSeen:
    return FileSeen(str(told["path"]), str(told["sha256"]))
