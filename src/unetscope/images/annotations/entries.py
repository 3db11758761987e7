"""Files that list outlines, read entry by entry: one that is odd never refuses the rest.

Whatever an entry makes a reader raise leaves out this entry alone. How many were left out, why and
which ones is told in a sentence for each reason; only a file none of whose entries can be used is
refused. How much the entries may span is held in bounds here, for all formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from unetscope.errors import AnnotationError
from unetscope.images.annotations.edges import TooMuch
from unetscope.images.annotations.regions import Region
from unetscope.images.annotations.values import counted, plain_text

T = TypeVar("T")
#: What is told of one entry, and of several.
Remark = tuple[str, str]
#: Pixels that all regions of a file may span, whatever the size of the image ...
_MOST_PIXELS = 2**28
#: ... or so many times those of the image, if that is more.
_MOST_PER_PIXEL = 16
_NAMES_SHOWN = 4
_LONGEST_SHOWN = 60
_DAMAGED = "damaged or of an unknown form"
_CUT = (
    "reaches beyond the image and was cut off there",
    "reach beyond the image and were cut off there",
)


@dataclass
class Entry(Generic[T]):
    """One entry of a file; a reader that learns its own ``name`` sets it."""

    name: str
    content: T


class Entries:
    """The entries of one file for an image of ``image_shape``, and what was wrong with them.

    ``one`` and ``many`` are the words for an entry: "ROI", "ROIs".
    """

    def __init__(self, one: str, many: str, image_shape: tuple[int, ...]) -> None:
        self._words = one, many
        self._shape = image_shape if len(image_shape) == 3 else (1, *image_shape)
        self.total = 0
        self._left_out: dict[str, list[str]] = {}
        self._remarks: dict[Remark, list[str]] = {}
        self._spanned = 0

    def regions(
        self, entries: Iterable[Entry[T]], read: Callable[[Entry[T]], Region]
    ) -> list[Region]:
        """What ``read`` makes of each entry; it raises AnnotationError with the reason.

        Raises
        ------
        AnnotationError
            If there are entries and none can be used, or together they span too many pixels.
        """
        kept = []
        for entry in entries:
            self.total += 1
            try:
                region = read(entry)
            except TooMuch:
                raise
            except AnnotationError as error:
                self.leave_out(entry.name, str(error))
                continue
            except MemoryError:
                raise
            except Exception:  # whatever else an odd entry raises; it is counted and named
                self.leave_out(entry.name, _DAMAGED)
                continue
            self._count_pixels(region)
            reason = self._useless(region)
            if reason:
                self.leave_out(entry.name, reason)
                continue
            if region.beyond:
                self.remark(_CUT, entry.name)
            kept.append(region)
        if self.total and not kept:
            raise AnnotationError(
                f"nothing in it can be used: {'; '.join(self.notes())}; choose the annotations of "
                "this image, or export them again"
            )
        return kept

    def leave_out(self, name: str, reason: str) -> None:
        """Count an entry that is left out, by its reason."""
        self._left_out.setdefault(reason, []).append(name)

    def remark(self, what: Remark, name: str) -> None:
        """Count an entry that is kept, of which ``what`` is to be told."""
        self._remarks.setdefault(what, []).append(name)

    def notes(self) -> list[str]:
        """What was left out and what was changed, a sentence for each reason."""
        one, many = self._words
        of_all = f"of {counted(self.total, one, many)}"
        said = [
            f"{len(names):,} {of_all} {'was' if len(names) == 1 else 'were'} left out "
            f"({plain_text(reason)}): {_listed(names)}"
            for reason, names in self._left_out.items()
        ]
        said += [
            f"{len(names):,} {of_all} {what[len(names) > 1]}: {_listed(names)}"
            for what, names in self._remarks.items()
        ]
        return said if self.total else [f"the file holds no {many} of this image"]

    def _useless(self, region: Region) -> str | None:
        """Why a region has no pixel of the image; None where it has some."""
        if not 0 <= region.z < self._shape[0]:
            planes = counted(self._shape[0], "plane", "planes")
            return f"on plane {region.z + 1} of an image that has {planes}"
        if region.mask.any():
            return None
        if region.beyond:
            return f"outside of the image, which has {self._shape[-2]} × {self._shape[-1]} pixels"
        return "covering no pixel: smaller than one, or fewer than three corners"

    def _count_pixels(self, region: Region) -> None:
        depth, height, width = self._shape
        most = max(_MOST_PIXELS, _MOST_PER_PIXEL * depth * height * width)
        self._spanned += region.mask.size
        if self._spanned > most:
            raise TooMuch(
                f"the first {counted(self.total, *self._words)} span {self._spanned:,} pixels of "
                f"an image of shape {self._shape}, as they cover it many times; export fewer of "
                "them to one file"
            )


def _listed(names: list[str]) -> str:
    """A few of ``names``, each short and in one line."""
    plain = [plain_text(name)[:_LONGEST_SHOWN] or "(no name)" for name in names[:_NAMES_SHOWN]]
    return ", ".join(plain) + (", …" if len(names) > _NAMES_SHOWN else "")
