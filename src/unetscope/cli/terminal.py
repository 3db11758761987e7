"""What the terminal shows: events as progress bars, one line for an error, Ctrl-C as a wish."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.prompt import IntPrompt
from rich.table import Table

from unetscope.images.classes import LabelClass, default_name
from unetscope.images.questions import Answers, Question, Undecided
from unetscope.learning.end_reason import EndReason
from unetscope.learning.events import (
    EpochDone,
    Finished,
    HeadFitted,
    LearningEvent,
    Notice,
    PredictionEvent,
    Started,
    StepDone,
    TileDone,
    Validation,
)
from unetscope.scaling.file_results import FileBegun, FileResult, FilesDone

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel

T = TypeVar("T")

_REASONS: dict[str, str] = {
    EndReason.TIME: "the time was up",
    EndReason.PLATEAU: "nothing got better any more",
    EndReason.STEPS: "all epochs are done",
    EndReason.STOPPED: "you stopped it",
    EndReason.MEMORY: "memory ran out",
    EndReason.PEER: "a process that trained along ended",
}


class Interruption:
    """Ctrl-C as a flag: work ends between two events. A second Ctrl-C ends it at once."""

    def __init__(self) -> None:
        self.wished = False
        self._previous: Any = None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wished:
            raise KeyboardInterrupt
        self.wished = True


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training left: the last model it told of (None before the first), and how it ended."""

    model: PixelModel | None
    instant: PixelModel | None
    validation: Validation | None
    reason: str


def watch_training(
    events: Generator[LearningEvent, Any, None],
    console: Console,
    *,
    max_seconds: float | None,
) -> TrainingOutcome:
    """Run a training to its end, or to the first Ctrl-C, with a progress bar on ``console``."""
    model: PixelModel | None = None
    instant: PixelModel | None = None
    validation: Validation | None = None
    reason = "stopped"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Interruption() as interruption, Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=max_seconds, told="")
        for event in events:
            if isinstance(event, HeadFitted):
                model, instant = event.model, event.model
            elif isinstance(event, EpochDone):
                model, validation = event.model, event.validation or validation
            elif isinstance(event, Finished):
                model, reason = event.model, event.reason
                validation = event.validation or validation
            if isinstance(event, (StepDone, EpochDone)):
                progress.update(task, completed=event.seconds)
            told = told_line(event)
            if told is not None:
                progress.update(task, told=escape(told))
            if isinstance(event, (Started, Notice)):
                progress.console.print(escape(told_line(event) or ""), soft_wrap=True)
            if interruption.wished:
                progress.console.print("stopping …")
                break
        events.close()
    return TrainingOutcome(model, instant, validation, reason)


def told_line(event: LearningEvent) -> str | None:
    """One line of plain words about an event, or None where there is nothing new to say."""
    if isinstance(event, Started):
        pixels = ", ".join(f"{value}: {n:,}" for value, n in event.training_pixels.items())
        return f"on {event.device} ({event.precision}); pixels per class {pixels}; " + (
            event.validation_note
        )
    if isinstance(event, HeadFitted):
        return f"instant head in {event.seconds * 1000:.0f} ms"
    if isinstance(event, Notice):
        return event.text
    if isinstance(event, EpochDone):
        held = event.validation
        score = f", {held.mean_dice:.2f} on {held.witnesses}" if held and held.told else ""
        return f"epoch {event.epoch}, loss {event.train_loss:.3f}{score}"
    if isinstance(event, Finished):
        return _REASONS.get(event.reason, event.reason)
    return None


def held_back_line(validation: Validation | None, classes: Iterable[LabelClass]) -> str | None:
    """Scores by class on strokes no training pixel could see; not those of the segmentation."""
    if validation is None or not validation.dice:
        return None
    names = {c.value: c.name for c in classes}
    return validation.said(lambda value: names.get(value, default_name(value)))


def watch_pretraining(
    records: Iterator[dict[str, Any]], console: Console, *, seconds: float
) -> bool:
    """Run a pretraining with a progress bar; False if Ctrl-C ended it before its time."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Interruption() as interruption, Progress(*columns, console=console) as progress:
        task = progress.add_task("pretraining", total=seconds, told="")
        for record in records:
            told = f"step {record['step']}, loss {record['loss']:.3f}"
            progress.update(task, completed=record["seconds"], told=told)
            if "same" in record:
                progress.console.print(escape(str(record)), soft_wrap=True)
            if interruption.wished:
                return False
    return True


def watch_files(
    events: Iterable[PredictionEvent | FileBegun | FileResult | FilesDone], console: Console
) -> Iterator[FileResult | FilesDone]:
    """Pass on what came of each file, with a bar of its tiles on ``console``; notices are printed.

    A bar is drawn with the first tile, for reading a file may ask something before.
    Ctrl-C ends it between two tiles with :class:`KeyboardInterrupt`.
    """
    title, bar = "", None
    try:
        for event in events:
            if isinstance(event, FileBegun):
                count = f" ({event.done + 1} of {event.total})" if event.total > 1 else ""
                title = f"{event.image.name}{count}"
            elif isinstance(event, Notice):
                console.print(escape(event.text), soft_wrap=True)
            elif isinstance(event, TileDone):
                bar = bar or _Bar(title, console)
                bar.show(event)
            else:
                if bar is not None:
                    bar.end()
                bar = None
                yield event
    finally:
        if bar is not None:
            bar.end()


class _Bar:
    """How far a file is, in tiles."""

    def __init__(self, title: str, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} tiles"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task(escape(title), total=1)
        self._progress.start()

    def show(self, tile: TileDone) -> None:
        """One more tile is done."""
        self._progress.update(self._task, total=tile.total, completed=tile.done)

    def end(self) -> None:
        """Leave the bar as it is."""
        self._progress.stop()


def messages() -> Console:
    """Where messages and progress go: stderr, so that stdout holds the files written."""
    return Console(stderr=True)


class Interview:
    """Asks once what files do not say, and remembers it for the other files of the command.

    ``answers`` begin with what the options say. Where nobody sits at the terminal nothing is asked:
    the error then names the option.
    """

    def __init__(self, answers: Answers, *, may_ask: bool | None = None) -> None:
        self.answers = answers
        self._may_ask = sys.stdin.isatty() if may_ask is None else may_ask

    def read(self, reader: Callable[[Answers], T]) -> T:
        """What ``reader`` makes of the answers there are, and of those that it needs.

        Raises
        ------
        Undecided
            If a question is open and nobody can be asked, or the answer does not settle it.
        """
        asked: set[str] = set()
        while True:
            try:
                return reader(self.answers)
            except Undecided as undecided:
                question = undecided.question
                if not self._may_ask or question.about in asked:
                    raise
                asked.add(question.about)
                self.answers = self.answers.with_answer(question, _asked(question))


def _asked(question: Question) -> str:
    """The value of the choice whose number was typed."""
    console = messages()
    console.print(escape(question.text), soft_wrap=True, highlight=False)
    for number, choice in enumerate(question.choices, start=1):
        told = f"  {number}  {choice.label} ({question.option} {choice.value})"
        console.print(escape(told), soft_wrap=True, highlight=False)
    numbers = [str(number) for number, _ in enumerate(question.choices, start=1)]
    number = IntPrompt.ask("Number", console=console, choices=numbers, default=1)
    return question.choices[number - 1].value


def say_notes(name: str, notes: Iterable[str]) -> None:
    """What a person should know about the reading of a file, a line each on stderr."""
    for note in notes:
        messages().print(escape(f"{name}: {note}"), soft_wrap=True, highlight=False)


def named(path: Path, error: Exception | str) -> str:
    """What went wrong, with the name of the file it went wrong with."""
    told = str(error)
    return told if str(path) in told or path.name in told else f"{path}: {told}"


def say_error(text: str) -> None:
    """One red line on stderr."""
    messages().print(f"[bold red]{escape(text)}[/bold red]", soft_wrap=True, highlight=False)


def say_outcome(model: PixelModel, outcome: TrainingOutcome) -> None:
    """Why a training ended, and what held-back strokes say of it."""
    ended = _REASONS.get(outcome.reason, outcome.reason)
    line = held_back_line(outcome.validation, model.classes)
    said = f"training ended, {ended}" + (f": {line}" if line is not None else "")
    messages().print(escape(said), soft_wrap=True)


def say_table(rows: Sequence[dict[str, str]]) -> None:
    """A table of the rows, without the columns that are empty in all of them."""
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    table = Table(*(name.replace("_", " ") for name in columns))
    for row in rows:
        table.add_row(*(escape(row[name]) for name in columns))
    messages().print(table)
