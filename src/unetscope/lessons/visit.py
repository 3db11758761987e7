"""A learner at a lesson: where they are, what they changed, what they guessed.

The window, the command line, pages and notebooks all go through a visit, so that a number is the
same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, Laid
from unetscope.lessons.declaration import Ask, Control, Lesson, LessonScene, LessonStep
from unetscope.lessons.lesson_files import with_controls
from unetscope.lessons.registry import lesson_scenes, named, run, verbs
from unetscope.lessons.shipped_runs import result_path, shipped_run
from unetscope.lessons.templates import filled, in_text, value_of
from unetscope.looking.answers import Shown, Working

_ENGLISH_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(,\d{3})+%?")
_GERMAN_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(\.\d{3})+%?")


@dataclass(frozen=True)
class Judged:
    """What became of a guess.

    Attributes
    ----------
    right : whether it is the answer, within the question's tolerance.
    answer : what is right, in words.
    text : what to say, in English.
    why : the lesson's own words for it, or "".
    """

    right: bool
    answer: str
    text: str
    why: str = ""


@dataclass
class Visit:
    """One lesson, being done.

    Attributes
    ----------
    lesson : which.
    at : the step, from 0.
    values : of the controls.
    own : the learner's image in place of the lesson's, or None.
    net, net_name : the learner's network, where the lesson takes one.
    seed : of the lesson's own image.
    answered : steps whose question was answered or skipped.
    """

    lesson: Lesson
    at: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    own: Laid | None = None
    net: Any = None
    net_name: str = ""
    seed: int = 0
    live: bool = False
    answered: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.values = {**self.lesson.first_values(), **self.values}
        self._facts: dict[int, Mapping[str, Any]] = {}
        self._benches: list[tuple[Any, Bench]] = []  # the newest; shared with copies of this visit

    @property
    def step(self) -> LessonStep:
        """The step it is at."""
        return self.lesson.step[self.at]

    @property
    def controls(self) -> tuple[Control, ...]:
        """The controls this step shows; on one's own image not those of the text's alone."""
        shown = self.step.controls
        found = tuple(one for one in self.lesson.control if shown is None or one.name in shown)
        if self.own is None:
            return found
        told = repr(dict(self.step.options))
        only_scene = repr(dict(self.lesson.scene.options))
        return tuple(
            one for one in found if f"'${one.name}'" in told or f"'${one.name}'" not in only_scene
        )

    @property
    def hidden(self) -> bool:
        """Whether the result waits for a guess."""
        ask = self.step.ask
        return ask is not None and ask.before and self.at not in self.answered

    def change(self, name: str, value: Any) -> None:
        """Set a control.

        Raises
        ------
        LessonError
            If there is none of that name, or it cannot have that value.
        """
        for one in self.lesson.control:
            if one.name == name:
                try:
                    self.values[name] = one.checked(value)
                except ValueError as error:
                    raise LessonError(f"{error}.") from None
                self._facts.pop(self.at, None)
                return
        raise LessonError(f"there is no control {name!r}.")

    def reset(self) -> None:
        """Controls, answers and image as at first; nothing of the learner's is touched."""
        self.values = self.lesson.first_values()
        self.answered.clear()
        self._facts.clear()
        self.own = None

    def bench(self) -> Bench:
        """What the step works on; made once for one image and what its scene is told."""
        scene = self.lesson.scene
        given = with_controls(scene.options, self.values)
        key = (id(self.own), repr(given), self.seed, id(self.net))
        for known, bench in self._benches:
            if known == key:
                return bench
        laid = self.own or laid_out(scene, self.values, self.seed)
        made = Bench(laid, self.net, self.net_name, self.seed)
        self._benches[:] = [(key, made)]
        return made

    def now(self) -> Visit:
        """This visit as it is, to be run in another thread; what comes of it goes to `take`."""
        there = replace(self, answered=set(self.answered))
        there._benches = self._benches  # noqa: SLF001  (one of its kind)
        return there

    def take(self, shown: Shown) -> None:
        """An answer that a copy of this visit got for the same step and controls."""
        self._facts[self.at] = shown.facts

    @property
    def from_shelf(self) -> bool:
        """Whether :meth:`run` gives the result that came with the lesson.

        It does where the experiment takes longer than anybody waits, nothing it depends on was
        changed, and it is not ``live``.
        """
        if self.live or self.step.live or self.own is not None or self.seed or self.net is not None:
            return False
        first = self.lesson.first_values()
        alike = all(
            with_controls(told, self.values) == with_controls(told, first)
            for told in (self.step.options, self.lesson.scene.options)
        )
        return alike and result_path(self.lesson, self.at).is_file()

    def run(self) -> Iterator[Working | Shown]:
        """Do the experiment of this step: progress, growing answers, the whole answer last."""
        at = self.at
        if self.from_shelf:
            shipped = shipped_run(self.lesson, at)
            self._facts[at] = shipped.facts
            yield shipped
            return
        one = named("verb", self.step.do, verbs())
        given = with_controls(self.step.options, self.values)
        for event in run(one, self.bench(), given):
            if isinstance(event, Shown):
                self._facts[at] = event.facts
            yield event

    def shown(self) -> Shown:
        """The whole answer of this step.

        Raises
        ------
        LessonError
            If it cannot be had, e.g. for want of strokes.
        """
        found = [event for event in self.run() if isinstance(event, Shown)]
        if not found:
            raise LessonError(f"{self.step.do} ended without an answer.")
        return found[-1]

    def facts(self) -> dict[str, Any]:
        """Values of the controls and facts of the step's newest answer."""
        return {**self.values, **self._facts.get(self.at, {})}

    @property
    def ready(self) -> bool:
        """Whether the step's experiment has been done with the present controls."""
        return self.at in self._facts

    def text(self) -> str:
        """What to do, with the values of the controls."""
        return filled(self.step.text, self.values, self.lesson.language)

    def notice(self) -> str:
        """What to see, with the numbers of the newest answer; "" before there is one."""
        if not self.ready:
            return ""
        return filled(self.step.notice, self.facts(), self.lesson.language)

    def question(self) -> str:
        """The question's text; "" where there is none or its numbers are not there yet."""
        ask = self.step.ask
        if ask is None or not self.ready:
            return ""
        return filled(ask.text, self.facts(), self.lesson.language)

    def skip(self) -> None:
        """Show the result without a guess."""
        self.answered.add(self.at)

    def guess(self, given: Any) -> Judged:
        """Judge a guess and show the result.

        Raises
        ------
        LessonError
            If there is no question, its answer is not there yet, or the guess is no such thing.
        """
        ask = self.step.ask
        if ask is None or not self.ready:
            raise LessonError("there is no question to answer yet.")
        answer = value_of(ask.answer, self.facts())
        right = _is_right(ask, answer, given, self.lesson.language)
        self.answered.add(self.at)
        words = in_text(answer, language=self.lesson.language)
        text = f"Yes, {words}." if right else f"It is {words}."
        why = filled(ask.why, self.facts(), self.lesson.language)
        return Judged(right, words, f"{text} {why}".strip(), why)


def laid_out(scene: LessonScene, values: Mapping[str, Any], seed: int = 0) -> Laid:
    """The image that a scene makes, with ``$name`` taken from ``values``."""
    made = named("scene", scene.make, lesson_scenes())
    laid: Laid = made.call(seed, **made.checked(with_controls(scene.options, values)))
    return laid


def _is_right(ask: Ask, answer: Any, given: Any, language: str) -> bool:
    if ask.type == "number":
        return abs(_number(given, language) - float(answer)) <= ask.tolerance + 1e-9
    if ask.type == "click":
        y, x = (float(part) for part in given)
        return bool(max(abs(y - answer[0]), abs(x - answer[1])) <= ask.tolerance + 0.5)
    if ask.type == "order":
        return list(given) == list(answer)
    if given not in ask.of:
        raise LessonError(f"{given!r} is none of {', '.join(ask.of)}.")
    return str(given) == in_text(answer)


def _number(given: Any, language: str) -> float:
    """What a person wrote, with the decimal comma or the thousands of their language."""
    text = str(given).strip().replace("−", "-").replace("'", "").replace(" ", "")
    if language == "de":
        thousands = _GERMAN_THOUSANDS.fullmatch(text)
        text = text.replace(".", "") if "," in text or thousands else text
        text = text.replace(",", ".")
    elif "," in text and "." not in text and not _ENGLISH_THOUSANDS.fullmatch(text):
        text = text.replace(",", ".")  # 0,375 as people write it outside English
    percent = text.endswith("%")
    try:
        value = float(text.rstrip("%").replace(",", ""))
    except ValueError:
        raise LessonError(f"{given!r} is not a number; write e.g. 6 or 0.375.") from None
    return value / 100 if percent else value
