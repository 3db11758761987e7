"""What annotations are here: a label image, its class table, and the objects in it."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import AnnotationError, LabelError
from unetscope.images.classes import LabelClass, default_class, default_color

#: Label values are stored in 16 bits at most.
MOST_CLASSES = 65535
#: The class of what says none.
UNNAMED = "unclassified"
_LONGEST_NAME = 120
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours and movements of a terminal
    r"|(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_UNSEEN = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
# Marks that turn the reading direction, and letters without width that only deceive.
_TURNING = frozenset(map(chr, (0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F))))
_TURNING |= frozenset(map(chr, range(0x2066, 0x206A)))
_TAG = re.compile(r"<(/?[A-Za-z!?][^<>]*)>?")
_UNTAGGED = "\u2039\\1\u203a"  # single guillemets
_FORMULA = re.compile(r"[=@]|[-+].*[(|!=*/+]")


@dataclass(frozen=True, eq=False)
class Annotations:
    """Labels of one image, whatever file they come from or go to.

    Attributes
    ----------
    labels
        (y, x) or (z, y, x), uint8 or uint16; 0 means unlabelled.
    classes
        One for every value in ``labels``, in increasing order of value.
    instances
        Number of the object at each pixel, uint32 of the same shape, 0 where there is none; None
        where objects are not told apart.
    notes
        What a person should know about the reading: what was renamed, cut off or left out.
    """

    labels: NDArray[Any]
    classes: tuple[LabelClass, ...]
    instances: NDArray[np.uint32] | None = None
    notes: tuple[str, ...] = ()


def as_annotations(
    labels: NDArray[Any],
    classes: Iterable[LabelClass] = (),
    instances: NDArray[Any] | None = None,
    notes: Sequence[str] = (),
) -> Annotations:
    """Annotations of a label image, with a default class for each value that ``classes`` lacks.

    Raises
    ------
    AnnotationError
        If labels are not (y, x) or (z, y, x) whole numbers from 0 to 65535, or instances do not
        have their shape.
    """
    labels = np.asarray(labels)
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "uib" or labels.size == 0:
        raise AnnotationError(
            f"labels of shape {labels.shape} and dtype {labels.dtype} are not label numbers in "
            "(y, x) or (z, y, x); give whole numbers"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > MOST_CLASSES:
        raise AnnotationError(
            f"labels reach from {low} to {high}; classes have the numbers 1 to {MOST_CLASSES}, "
            "0 means unlabelled"
        )
    if instances is not None:
        instances = np.asarray(instances)
        if instances.shape != labels.shape:
            raise AnnotationError(
                f"instances have the shape {instances.shape}, the labels {labels.shape}; give both "
                "for the same image"
            )
        if instances.dtype.kind not in "ui" or instances.min() < 0 or instances.max() >= 2**32:
            raise AnnotationError(
                f"the numbers of the objects in the labels are {instances.dtype} from "
                f"{instances.min()} to {instances.max()}; give whole numbers from 0 to 4294967295"
            )
        instances = instances.astype(np.uint32, copy=False)
    labels = labels.astype(np.uint8 if high < 256 else np.uint16, copy=False)
    table = ClassTable(classes)
    for value in np.flatnonzero(value_counts(labels)):
        table.add_value(int(value))
    return Annotations(labels, table.classes, instances, tuple(notes))


def value_counts(labels: NDArray[Any]) -> NDArray[np.int64]:
    """How many pixels have each value of unsigned 8 or 16 bit ``labels``, from 0 on."""
    counts = np.zeros(MOST_CLASSES + 1, np.int64)
    for plane in np.atleast_2d(labels):  # bincount needs eight times the bytes of what it counts
        found = np.bincount(plane.ravel())
        counts[: len(found)] += found
    return counts


class ClassTable:
    """The classes met so far, and the value that a name of a file gets among them.

    A name is first looked up as it is, then without regard to upper and lower case; two names of
    one file that differ in case only stay two classes. Composed and decomposed letters are one.
    """

    def __init__(self, known: Iterable[LabelClass] | None = None) -> None:
        self._known = {c.value: c for c in known or ()}
        self._by_name: dict[str, int] = {}
        self._alike: dict[str, list[str]] = {}
        for one in self._known.values():
            name = harmless(one.name)
            if self._by_name.setdefault(name, one.value) == one.value:
                self._alike.setdefault(name.casefold(), []).append(name)
        self._expected: set[str] = set()
        self._taken: set[int] = set()
        self.added: list[str] = []
        self.by_number: dict[int, str] = {}

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """All classes in increasing order of value."""
        return tuple(self._known[value] for value in sorted(self._known))

    def expect(self, names: Iterable[str | None]) -> None:
        """All names of a file, so that one in another case takes no other one's class."""
        self._expected |= {harmless(name) for name in names if name is not None}

    def value_of(
        self, name: str | None, color: str | None = None, proposed: int | None = None
    ) -> int:
        """The value of the class called ``name``; a name that is new becomes a new class.

        It gets the ``proposed`` value where that is free. Without a name the proposed value alone
        decides.
        """
        if name is None and proposed is not None and proposed in self._known:
            self.by_number[proposed] = self._known[proposed].name
            return proposed
        called = harmless(name or "") or (f"class {proposed}" if proposed else UNNAMED)
        found = self._found(called)
        if found is not None:
            return found
        value = proposed if proposed and self._is_free(proposed) else self._next_free()
        self._add(LabelClass(value, called, color or default_color(value)))
        self.added.append(called)
        return value

    def add_value(self, value: int) -> None:
        """A class of this value with a default name, unless there is one."""
        if value and value not in self._known:
            self._add(default_class(value))

    def notes(self) -> list[str]:
        """Which classes are new, and which were found by their number alone, in words."""
        said = []
        if self.by_number:
            met = ", ".join(
                f"{value} is {name!r}" for value, name in sorted(self.by_number.items())
            )
            said.append(f"what has no name got the class of its number in the table: {met}")
        if self.added:
            named = ", ".join(self.added[:10]) + (", …" if len(self.added) > 10 else "")
            are = "is" if len(self.added) == 1 else "are"
            said.append(f"{counted(len(self.added), 'class', 'classes')} {are} new: {named}")
        return said

    def _found(self, called: str) -> int | None:
        """The class of this name, or the one of the table that differs in case and is not taken."""
        if called not in self._by_name:
            alike = [
                self._by_name[name]
                for name in self._alike.get(called.casefold(), ())
                if name not in self._expected and self._by_name[name] not in self._taken
            ]
            if not alike:
                return None
            self._taken.add(alike[0])
            self._by_name[called] = alike[0]
        return self._by_name[called]

    def _add(self, new: LabelClass) -> None:
        self._known[new.value] = new
        self._by_name[harmless(new.name)] = new.value

    def _is_free(self, value: int) -> bool:
        return 0 < value <= MOST_CLASSES and value not in self._known

    def _next_free(self) -> int:
        value = len(self._known) + 1
        while value in self._known:
            value += 1
        if value > MOST_CLASSES:
            raise AnnotationError(
                f"there are more than {MOST_CLASSES} classes; give objects of one kind one class"
            )
        return value


def color_of(red_green_blue: Sequence[Any]) -> str:
    """``#RRGGBB`` of three numbers from 0 to 255."""
    red, green, blue = (min(255, max(0, int(part))) for part in red_green_blue[:3])
    return f"#{red:02X}{green:02X}{blue:02X}"


def told_color(said: Any) -> str | None:
    """``#RRGGBB`` of three numbers or of such text in a file; None where it is no colour."""
    if isinstance(said, str) and re.fullmatch(r"#[0-9A-Fa-f]{6}", said):
        return said.upper()
    if isinstance(said, (list, tuple)) and len(said) >= 3:
        with suppress(TypeError, ValueError, OverflowError):
            return color_of(said)
    return None


def whole(said: Any) -> int | None:
    """The number from 0 to 4294967295 that a file tells as number or text; None for all else."""
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return None
    try:
        number = int(said) if isinstance(said, int) else int(float(said))
        same = float(said) == number
    except (ValueError, OverflowError):
        return None
    return number if same and 0 <= number < 2**32 else None


def counted(number: int, one: str, many: str) -> str:
    """``1 class``, ``2 classes``."""
    return f"{number:,} {one if number == 1 else many}"


def turned_hint(found: Sequence[Any], wanted: Sequence[Any]) -> str:
    """A hint, to be put behind an error, where labels would fit a picture that is turned."""
    if tuple(found) == tuple(wanted)[::-1] and len(wanted) == 2:
        return (
            "; they would fit if it were turned by 90°: other programs turn a picture by its "
            "EXIF orientation, so export image and labels with one orientation"
        )
    return ""


def plain_text(text: str) -> str:
    """``text`` as one line without what would command a terminal or turn the reading direction.

    Escape sequences, control characters and invisible marks go, every blank becomes one space,
    and letters are composed (NFC), so that names which look the same are the same.
    """
    text = _ESCAPES.sub("", text)
    text = "".join(" " if c.isspace() else c for c in text)
    kept = (c for c in text if unicodedata.category(c) not in _UNSEEN and c not in _TURNING)
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())


def harmless(name: str) -> str:
    """A name of a file as it may be shown, logged and exported.

    Besides what :func:`plain_text` takes away: the brackets of tags such as ``<b>`` become single
    quotation marks of the same shape, which no window takes for markup; a name that a spreadsheet
    would take for a formula begins with an apostrophe; and what goes on after 120 characters ends
    with a few signs of its own. Other names stay as they are.
    """
    plain = _TAG.sub(_UNTAGGED, plain_text(name))
    if _FORMULA.match(plain):
        plain = "'" + plain
    if len(plain) <= _LONGEST_NAME:
        return plain
    told_apart = f"…{zlib.crc32(plain.encode()) & 0xFFFF:04x}"  # two long names stay two
    return plain[: _LONGEST_NAME - len(told_apart)].rstrip() + told_apart


def color_parts(color: str) -> tuple[int, int, int]:
    """Red, green and blue from 0 to 255 of ``#RRGGBB``; grey where it is written otherwise."""
    try:
        number = int(color.removeprefix("#")[:6], 16)
    except ValueError:
        number = 0x999999
    return number >> 16 & 255, number >> 8 & 255, number & 255


def whole_labels(values: NDArray[Any], where: str) -> NDArray[Any]:
    """``values`` in the smallest unsigned dtype; LabelError unless all are whole and not negative.

    The shape is kept. Bool is read as 0 and 1.
    """
    if values.dtype.kind not in "uifb":
        raise LabelError(f"labels in {where} have dtype {values.dtype}; give whole numbers")
    if values.size == 0:
        return values.astype(np.uint8)
    low, high = values.min(), values.max()
    whole = values.dtype.kind != "f" or bool(
        (np.isfinite(values)).all() and (values == np.rint(values)).all()
    )
    if not whole or low < 0 or high >= 2**32:
        raise LabelError(
            f"labels in {where} reach from {low} to {high}; they must be whole "
            "numbers from 0 (unlabelled) to 4294967295"
        )
    return values.astype(np.min_scalar_type(int(high)))
