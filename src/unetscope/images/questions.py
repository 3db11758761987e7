"""What a file does not say and a person has to: the question, and the answers that are remembered.

A reader that finds several readings raises :class:`Undecided` with the :class:`Question`. The
window shows its choices, the command line names the option that answers it, a script gives the
answer as a parameter: all end in one :class:`Answers`, which a project keeps for its other files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Protocol

from unetscope.errors import AnnotationError, ImageError, LabelError

#: What can be asked: the field of :class:`Answers` that holds the answer.
About = Literal["axes", "series", "time", "label_image", "values", "zero"]
#: Of more choices the text of a question names no more; the window lists all.
_MOST_TOLD = 8
_OPTIONS: dict[str, str] = {
    "axes": "--axes",
    "series": "--series",
    "time": "--time",
    "label_image": "--label-image",
    "values": "--values",
    "zero": "--zero",
}

_POSSIBLE = {"values": ("classes", "objects"), "zero": ("unlabelled", "background")}


@dataclass(frozen=True)
class Choice:
    """One answer: ``value`` is what :class:`Answers` keeps, ``label`` what a person reads."""

    value: str
    label: str


class Asked(Protocol):
    """What a person is shown: a :class:`Question` about a file, or one about anything else."""

    @property
    def text(self) -> str:
        """What is asked."""

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers, the likeliest first."""


@dataclass(frozen=True)
class Question:
    """What is not known of ``name``; the likeliest of ``choices`` stands first."""

    about: About
    name: str
    text: str
    choices: tuple[Choice, ...]

    @property
    def option(self) -> str:
        """The option of the command line that answers it."""
        return _OPTIONS[self.about]

    @property
    def kind(self) -> tuple[str, ...]:
        """What is asked, between what: where it is equal, one answer may serve two files."""
        return (self.about, *sorted(choice.value for choice in self.choices))

    def words_of(self, value: str) -> str:
        """What a person reads of an answer; "" for one that is not to be chosen."""
        return next((choice.label for choice in self.choices if choice.value == value), "")

    def __str__(self) -> str:
        told = [f"{self.option} {c.value}: {c.label}" for c in self.choices[:_MOST_TOLD]]
        more = len(self.choices) - len(told)
        told += [f"… and {more:,} more"] if more else []
        return f"{self.text} ({'; '.join(told)})"


class Undecided(ImageError, AnnotationError, LabelError):
    """A file can be read in several ways; ``question`` asks which one is meant."""

    def __init__(self, question: Question) -> None:
        super().__init__(str(question))
        self.question = question


@dataclass(frozen=True)
class Answers:
    """What a person said of files that do not say it; None where nobody was asked.

    Attributes
    ----------
    axes
        One letter per array axis out of c, z, y, x.
    series
        Which image of a file with several (TIFF series, zarr container): its number from 0, or
        its name.
    label_image
        Which label image of an OME-Zarr.
    values
        What the numbers of a mask are: "classes" or "objects" (each number one object).
    zero
        What 0 of a two-valued mask (0/1, 0/255) means: "unlabelled" or "background".
    time, channel
        Which of several time points or channels, as a number from 0; no channel means all.
    level
        Which resolution of a pyramid; 0, the full one, where nothing is said.
    """

    axes: str | None = None
    series: str | None = None
    label_image: str | None = None
    values: str | None = None
    zero: str | None = None
    time: str | None = None
    channel: str | None = None
    level: str | None = None

    def with_answer(self, question: Question, value: str) -> Answers:
        """These answers and one more."""
        return replace(self, **{question.about: value})

    def over(self, other: Answers | None) -> Answers:
        """These answers, and those of ``other`` where nothing was said here."""
        mine = {k: v for k, v in asdict(self).items() if v is not None}
        return replace(other or Answers(), **mine)

    def as_record(self) -> dict[str, str]:
        """Plain values for a project file; what was not asked is left out."""
        return {k: v for k, v in asdict(self).items() if v is not None}

    def checked(self) -> Answers:
        """These answers, if they are some that can be given.

        Raises
        ------
        ImageError
            If one of them is no answer to its question, whatever the file.
        """
        axes = (self.axes or "yx").lower()
        if not set(axes) <= set("czyx") or len(set(axes)) != len(axes) or not {*"yx"} <= {*axes}:
            raise ImageError(
                f"--axes {self.axes!r} are no axes of an image; give y and x, and c or z where "
                "there are, each once, e.g. zyx"
            )
        for about, possible in _POSSIBLE.items():
            said = getattr(self, about)
            if said not in (None, *possible):
                raise ImageError(
                    f"{_OPTIONS[about]} {said!r} is not known; choose {' or '.join(possible)}"
                )
        for option in ("time", "channel", "level"):
            self.number(option)
        return self

    def number(self, option: Literal["time", "channel", "level"]) -> int | None:
        """A number from 0 that was said, or None.

        Raises
        ------
        ImageError
            If it is no such number.
        """
        said = getattr(self, option)
        if said is None:
            return None
        if not said.isdecimal():
            raise ImageError(f"--{option} {said!r} is no number; count from 0")
        return int(said)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Answers:
        """Answers of :meth:`as_record`; what is unknown or no text is left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in record.items() if k in known and isinstance(v, str)})
