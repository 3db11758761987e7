"""What a person has done at lessons: kept in one file on this computer, sent nowhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unetscope.images.claims import STATE
from unetscope.images.writing import replacing
from unetscope.lessons.declaration import Lesson

MOST_GUESSES = 200  # of a lesson; the newest are kept
_MOST_BYTES = 4 * 2**20
_Step = Annotated[int, Field(ge=1, le=12)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Guess(_Part):
    """One answer to a question: what was said of which step, and whether it was right."""

    step: _Step
    said: str
    right: bool
    on: str = ""
    when: str = ""


class Done(_Part):
    """What was done of one lesson: steps from 1, and the controls as they were left."""

    seen: set[_Step] = set()
    answered: set[_Step] = set()
    guesses: list[Guess] = []
    values: dict[str, Any] = {}


class _File(_Part):
    language: str = "en"
    lessons: dict[str, Done] = {}


@dataclass
class LearnerRecord:
    """The file, read and written anew at each change, so that two windows lose nothing.

    Attributes
    ----------
    path : where it lies; None keeps it in memory alone (a classroom that wants no traces).
    problem : a sentence where a damaged file was put aside, else "".
    """

    path: Path | None = field(default_factory=lambda: user_data_path("unetscope") / "lessons.json")
    problem: str = ""

    def __post_init__(self) -> None:
        self._kept = _File()
        self._read()

    @property
    def language(self) -> str:
        """The language that was chosen last."""
        return self._kept.language

    def of(self, lesson: str) -> Done:
        """What was done of a lesson."""
        return self._kept.lessons.get(lesson, Done())

    def is_done(self, lesson: Lesson) -> bool:
        """Whether every step was seen and every question answered or passed over."""
        done = self.of(lesson.id)
        asked = {number for number, step in enumerate(lesson.step, 1) if step.ask is not None}
        return done.seen >= set(range(1, len(lesson.step) + 1)) and done.answered >= asked

    def choose_language(self, language: str) -> None:
        """Keep the language."""

        def change(kept: _File) -> None:
            kept.language = language

        self._change(change)

    def see(self, lesson: str, step: int, values: Mapping[str, Any]) -> None:
        """A step (from 1) has been shown; its controls are as ``values``."""

        def change(done: Done) -> None:
            done.seen.add(step)
            done.values = dict(values)

        self._change_lesson(lesson, change)

    def answer(self, lesson: str, step: int, guess: Guess | None) -> None:
        """A question was answered; None where it was passed over."""

        def change(done: Done) -> None:
            done.answered.add(step)
            if guess is not None:
                done.guesses = [*done.guesses, guess][-MOST_GUESSES:]

        self._change_lesson(lesson, change)

    def as_csv(self) -> str:
        """Every guess, oldest first by lesson: for a teacher, where the learner hands it over."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("lesson", "step", "guess", "right", "on", "when"))
        for lesson, done in sorted(self._kept.lessons.items()):
            for one in done.guesses:
                right = "yes" if one.right else "no"
                writer.writerow((lesson, one.step, _harmless(one.said), right, one.on, one.when))
        return text.getvalue()

    # ---- inside

    def _change_lesson(self, lesson: str, change: Callable[[Done], None]) -> None:
        def whole(kept: _File) -> None:
            change(kept.lessons.setdefault(lesson, Done()))

        self._change(whole)

    def _change(self, change: Callable[[_File], None]) -> None:
        """Read, change, write: what another window has written meanwhile stays.

        Raises
        ------
        OutputError
            If it cannot be written; in memory it is changed all the same.
        """
        self._read()
        change(self._kept)
        if self.path is None:
            return
        told = self._kept.model_dump(mode="json")
        text = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True)
        with suppress(OSError):  # what follows says why
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path, STATE) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def _read(self) -> None:
        if self.path is None or not self.path.is_file():
            return
        try:
            if self.path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is too large")
            self._kept = _File.model_validate_json(self.path.read_bytes())
        except (ValidationError, ValueError, RecursionError):
            aside = self.path.with_suffix(f".damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}.json")
            with suppress(OSError):
                self.path.rename(aside)
            self.problem = (
                f"What was kept of your lessons could not be read; it is kept in {aside.name}, "
                "and a new file begins."
            )
        except OSError as error:
            self.problem = f"{self.path} cannot be read: {error.strerror}."


def new_guess(step: int, said: Any, *, right: bool, on: str) -> Guess:
    """A guess of this moment; ``step`` from 1, ``on`` the image it was made on."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Guess(step=step, said=str(said)[:500], right=right, on=on, when=when)


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "@", "\t") else text
