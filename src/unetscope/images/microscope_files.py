"""Files of electron microscopes behind one door: which is which, and who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from unetscope.images.damage import check_file, translated_errors
from unetscope.images.micrograph import Micrograph
from unetscope.images.microscopes.dm import read_dm
from unetscope.images.microscopes.emd import read_emd
from unetscope.images.microscopes.mrc import read_mrc
from unetscope.images.microscopes.ser import read_ser
from unetscope.images.one_of_many import refuse_choices
from unetscope.images.questions import Answers

#: Suffix -> format.
MICROSCOPE_FILES = {
    ".mrc": "MRC",
    ".mrcs": "MRC",
    ".rec": "MRC",
    ".dm3": "DM",
    ".dm4": "DM",
    ".ser": "SER",
    ".emd": "EMD",
}
_READERS: Mapping[str, Callable[[Path, str | None, Answers], Micrograph]] = {
    "MRC": read_mrc,
    "DM": read_dm,
    "SER": read_ser,
    "EMD": read_emd,
}
_MAP_AT = 208


def microscope_format(head: bytes, suffix: str) -> str | None:
    """ "MRC", "DM", "SER" or "EMD" by the first 212 bytes; by the name where those say nothing."""
    if head[_MAP_AT : _MAP_AT + 4] == b"MAP ":
        return "MRC"
    if head.startswith(b"II\x97\x01"):
        return "SER"
    if head.startswith(b"\x89HDF"):
        return "EMD" if suffix == ".emd" else None
    return MICROSCOPE_FILES.get(suffix)


def read_microscope_file(path: Path, kind: str, axes: str | None, answers: Answers) -> Micrograph:
    """The image of a file of a :func:`microscope_format`; its pixels stay in it.

    Raises
    ------
    Undecided, ImageError
        As :func:`~unetscope.images.files.read_micrograph`.
    """
    check_file(path)
    if answers.number("level"):
        refuse_choices(path, answers)
    with translated_errors(path, kind):
        return _READERS[kind](path, axes, answers)
