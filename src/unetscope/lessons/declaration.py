"""What a lesson's file may say: every key, its kind and its bounds.

A file is data. It names verbs and scenes that are installed, and cannot bring any of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
FactName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}(\[\d{1,3}\]){0,3}$")]
LessonId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
SeedId = Annotated[str, StringConstraints(pattern=r"^[ABC][0-9]{1,2}$")]
Text = Annotated[str, StringConstraints(max_length=2000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Grid = tuple[tuple[float, ...], ...]

LARGEST_GRID = 16
MOST_STOPS = 1001


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class About(_Part):
    """Where a lesson stands, what it needs and which statements of the texts it answers.

    Attributes
    ----------
    order : its number in the gallery.
    minutes : what it takes a learner.
    seeds : statements of the teaching texts, by the numbers of the design (A1, C24).
    docs : the page and anchor of the documentation that says more.
    field : "em", "lm" or "any": which images it is about.
    needs : what must be there: "nothing", "image", "strokes" or "net".
    """

    id: LessonId
    order: Annotated[int, Field(ge=0, le=999)]
    minutes: Annotated[int, Field(ge=1, le=240)] = 8
    seeds: tuple[SeedId, ...] = ()
    docs: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-/]*(\.md)?(#[a-z0-9-]+)?$")] = ""
    field: Literal["any", "em", "lm"] = "any"
    needs: Literal["nothing", "image", "strokes", "net"] = "nothing"


class LessonScene(_Part):
    """What is laid out at the start, and whether it may be one's own image.

    Attributes
    ----------
    make : a registered scene.
    options : what it is told.
    own : what of one's own may stand in its place: "no", "crop", "strokes" (image and strokes) or
        "net" (image and network).
    """

    make: Name
    options: Mapping[Name, Any] = Field(default_factory=dict, alias="with")
    own: Literal["no", "crop", "strokes", "net"] = "no"


class Control(_Part):
    """One thing the learner changes.

    Attributes
    ----------
    type : "slider", "choice", "toggle", "numbers" (a grid that can be edited), "kernel" (an odd
        square of weights with presets) or "place" (a pixel that is clicked).
    label : beside it; the name with spaces where nothing is said.
    start : its value at first.
    lowest, highest, stride : of a slider (``from``, ``to``, ``step``).
    of : the words of a choice.
    labels : what the words of a choice are called; as they are where nothing is said.
    unit : after the value.
    """

    name: Name
    type: Literal["slider", "choice", "toggle", "numbers", "kernel", "place"]
    label: Line | None = None
    start: Any = None
    lowest: float = Field(default=0.0, alias="from", allow_inf_nan=False)
    highest: float = Field(default=1.0, alias="to", allow_inf_nan=False)
    stride: float = Field(default=1.0, alias="step", gt=0, allow_inf_nan=False)
    of: Annotated[tuple[Line, ...], Field(max_length=12)] = ()
    labels: Annotated[tuple[Line, ...], Field(max_length=12)] = ()
    unit: Annotated[str, StringConstraints(max_length=12)] = ""

    @model_validator(mode="after")
    def _whole(self) -> Control:
        if self.type == "choice" and not self.of:
            raise ValueError("a choice needs its words: of = [...]")
        if self.labels and len(self.labels) != len(self.of):
            raise ValueError("labels must have a word for each of `of`")
        if self.type == "slider":
            if not self.highest > self.lowest:
                raise ValueError("a slider needs from < to")
            if (self.highest - self.lowest) / self.stride > MOST_STOPS - 1:
                raise ValueError(f"a slider may have {MOST_STOPS} stops")
        if self.type in ("numbers", "kernel"):
            _check_grid(self.first, odd=self.type == "kernel")
        else:
            self.checked(self.first)
        return self

    @property
    def first(self) -> Any:
        """The value at first."""
        if self.start is not None:
            return self.start
        if self.type == "choice":
            return self.of[0]
        return {"toggle": False, "slider": self._number(self.lowest), "place": [0, 0]}.get(
            self.type, ((0.0,) * 3,) * 3
        )

    def checked(self, value: Any) -> Any:
        """``value`` as this control may have it; ValueError otherwise."""
        if self.type == "choice" and value not in self.of:
            raise ValueError(f"{self.name} is {value!r}; it may be {', '.join(self.of)}")
        if self.type == "toggle" and not isinstance(value, bool):
            raise ValueError(f"{self.name} is {value!r}; it may be true or false")
        if self.type == "slider":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{self.name} is {value!r}, not a number")
            if not self.lowest <= value <= self.highest:
                raise ValueError(
                    f"{self.name} is {value}; it goes from {self.lowest:g} to {self.highest:g}"
                )
            return self._number(value)
        if self.type in ("numbers", "kernel"):
            return _check_grid(value, odd=self.type == "kernel")
        if self.type == "place":
            if not isinstance(value, list | tuple) or len(value) != 2:
                raise ValueError(f"{self.name} is {value!r}; a place is [y, x]")
            if not all(isinstance(part, int | float) and abs(part) < 1e9 for part in value):
                raise ValueError(f"{self.name} is {value!r}; a place is two whole numbers, [y, x]")
            return [int(part) for part in value]
        return value

    def stops(self) -> list[Any]:
        """Every value that a slider, choice or toggle can have."""
        if self.type == "choice":
            return list(self.of)
        if self.type == "toggle":
            return [False, True]
        count = round((self.highest - self.lowest) / self.stride) + 1
        return [self._number(self.lowest + i * self.stride) for i in range(count)]

    def _number(self, value: float) -> float | int:
        whole = self.stride == int(self.stride) and self.lowest == int(self.lowest)
        return round(value) if whole else round(float(value), 10)


class Ask(_Part):
    """A question, asked before the answer is seen.

    Attributes
    ----------
    type : "number", "choice", "click" (a place of the picture) or "order" (of the words in ``of``).
    answer : one place, as ``{pooled[0][0]}``, or the word itself.
    tolerance : how far a number may be off, or a click in pixels.
    before : whether the result is hidden until it is answered or skipped.
    why : said with the verdict.
    """

    text: Line
    type: Literal["number", "choice", "click", "order"]
    answer: Line
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    of: Annotated[tuple[Line, ...], Field(max_length=12)] = ()
    before: bool = True
    why: Text = ""

    @model_validator(mode="after")
    def _whole(self) -> Ask:
        if self.type in ("choice", "order") and len(self.of) < 2:
            raise ValueError(f"a question of type {self.type} needs two words or more: of = [...]")
        return self


class LessonStep(_Part):
    """One experiment of a lesson.

    Attributes
    ----------
    do : a registered verb.
    options : what it is told; ``$name`` is the value of a control.
    text : what to do; controls alone may stand in braces, for there are no facts yet.
    notice : what to see, with numbers of the answer in braces.
    controls : which controls are shown; all where nothing is said.
    live : False where it takes longer than ten seconds: a shipped result is shown, with *Run it
        live* beside.
    """

    do: Name
    options: Mapping[Name, Any] = Field(default_factory=dict, alias="with")
    text: Text = ""
    notice: Text = ""
    ask: Ask | None = None
    controls: tuple[Name, ...] | None = None
    live: bool = True


class Bound(_Part):
    """What a fact must be: between bounds, or near a number."""

    at_least: float | None = None
    at_most: float | None = None
    near: float | None = None
    within: Annotated[float, Field(ge=0)] = 0.0


class Expect(_Part):
    """What a step must give, as a test.

    Attributes
    ----------
    step : which of the steps, from 1.
    on : an image in place of the lesson's own, as the learner's would be.
    given : values of controls; others stay at their first.
    seed : of the scene.
    says : the statements of the texts that this holds.
    exact, structural, empirical : facts, as they must be, by how far they can be trusted; of a
        list also one, as ``"iou[0]"``.
    slow : whether it trains: run at night only.
    """

    step: Annotated[int, Field(ge=1, le=12)] = 1
    on: LessonScene | None = None
    given: Mapping[Name, Any] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0)] = 0
    says: tuple[SeedId, ...] = ()
    exact: Mapping[FactName, Any] = Field(default_factory=dict)
    structural: Mapping[FactName, Any] = Field(default_factory=dict)
    empirical: Mapping[FactName, Bound] = Field(default_factory=dict)
    slow: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Expect:
        if not (self.exact or self.structural or self.empirical):
            raise ValueError("an expectation needs exact, structural or empirical facts")
        return self


class Loose(_Part):
    """A statement of a text that does not hold as it is written, and what does.

    Attributes
    ----------
    verdict : "loose" (holds under conditions) or "wrong".
    says : the text's words, in short.
    holds : what is so, with the number.
    """

    id: SeedId
    verdict: Literal["loose", "wrong"]
    says: Line
    holds: Text
    kind: Literal["exact", "structural", "empirical"] = "exact"


class Lesson(_Part):
    """A whole lesson; ``language`` is that of its words, as which numbers in them are written."""

    lesson: About
    language: Literal["en", "de"] = "en"
    title: Line
    idea: Text
    caveat: Text = ""
    scene: LessonScene
    control: Annotated[tuple[Control, ...], Field(max_length=8)] = ()
    step: Annotated[tuple[LessonStep, ...], Field(min_length=1, max_length=12)]
    expect: Annotated[tuple[Expect, ...], Field(max_length=60)] = ()
    loose: Annotated[tuple[Loose, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Lesson:
        names = [one.name for one in self.control]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two controls are called {name!r}")
        for number, step in enumerate(self.step, 1):
            for name in step.controls or ():
                if name not in names:
                    raise ValueError(f"step {number} shows a control {name!r} that is not there")
        for one in self.expect:
            if one.step > len(self.step):
                raise ValueError(f"an expectation names step {one.step} of {len(self.step)}")
        return self

    @property
    def id(self) -> str:
        """Its name in commands and addresses."""
        return self.lesson.id

    def first_values(self) -> dict[str, Any]:
        """Every control as it is at first."""
        return {one.name: one.checked(one.first) for one in self.control}


def _check_grid(value: Any, *, odd: bool) -> Any:
    rows = [list(row) if isinstance(row, list | tuple) else None for row in value or ()]
    if not rows or any(not row or len(row) != len(rows[0] or ()) for row in rows):
        raise ValueError("numbers must be rows of equal length")
    if len(rows) > LARGEST_GRID or len(rows[0] or ()) > LARGEST_GRID:
        raise ValueError(f"numbers may have {LARGEST_GRID} rows and columns")
    for row in rows:
        for one in row or ():
            if isinstance(one, bool) or not isinstance(one, int | float) or not abs(one) < 1e9:
                raise ValueError(f"{one!r} is no number below 10⁹")
    if odd and (len(rows) % 2 == 0 or len(rows[0] or ()) % 2 == 0):
        raise ValueError("a kernel has an odd number of rows and columns, so that it has a middle")
    return rows
