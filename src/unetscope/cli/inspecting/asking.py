"""What ``unetscope inspect`` does: read options, ask, write files, say the answers in short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table as Lines

from unetscope import inspection
from unetscope.cli.inspecting.options import as_values
from unetscope.cli.inspecting.progress import watched
from unetscope.cli.reading import image_at, labels_at
from unetscope.cli.terminal import Interview, messages, say_notes
from unetscope.errors import ImageError, ModelError
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers
from unetscope.images.target import Target
from unetscope.images.writing import usable_folder
from unetscope.looking.answers import Shown
from unetscope.looking.glass import Glass, open_glass
from unetscope.looking.keeping import write_answer
from unetscope.looking.networks import before, named
from unetscope.looking.question import PaintedLabels
from unetscope.looking.questions import QUESTIONS

_SHOWN_ROWS = 20


@dataclass(frozen=True)
class Inspection:
    """One call of the command.

    Attributes
    ----------
    model, weights : a name or file, as in :func:`~unetscope.looking.networks.named`.
    questions : keys of :data:`~unetscope.looking.questions.QUESTIONS`; empty for what the other
        options suggest.
    typed : the questions' options, as they were typed.
    """

    model: str
    image: Path
    out: Path
    questions: tuple[str, ...]
    typed: Mapping[str, Any]
    answers: Answers
    weights: Path | None = None

    def run(self) -> Iterator[Path]:
        """Answer one question after the other; yields the files written.

        Raises
        ------
        UnetscopeError
            If an option is wrong; what can be seen of that is said before anything is computed.
        """
        unknown = [name for name in self.questions if name not in QUESTIONS]
        if unknown:
            raise ModelError(f"there is no question {unknown[0]!r}; ask {', '.join(QUESTIONS)}.")
        values = as_values(self.typed)
        glass = self._opened(values)
        usable_folder(self.out)
        for note in _notes(glass):
            messages().print(escape(f"{self.image.name}: {note}"), soft_wrap=True)
        for name in self.questions or _suggested(glass, values):
            question = QUESTIONS[name]
            own = {one.name: values[one.name] for one in question.options if one.name in values}
            shown = watched(question.ask(glass, own))
            written = write_answer(glass, shown, values.get("point"), self.out)
            say_answer(name, shown)
            yield from written

    def _opened(self, values: dict[str, Any]) -> Glass:
        """The network and the image; what is read of files takes its place among ``values``."""
        asker, seed = Interview(self.answers), values["seed"]
        image = asker.read(partial(image_at, self.image))
        say_notes(self.image.name, image.notes)
        labels = None
        if "labels" in values:
            path = values["labels"]
            found = asker.read(partial(labels_at, path, image, self.image.name, ()))
            say_notes(path.name, found.notes)
            labels = found.labels
        point = _checked_point(values.get("point"), image.spatial_shape)
        view = None if point is None else (_at(point[-2]), _at(point[-1]))
        target = Target(str(self.image), image, _plane(image, labels, point), view)
        glass = open_glass(named(self.model, target, seed=seed, weights=self.weights), whole=True)
        if point is not None:
            values["point"] = _inside(point, glass)
        if labels is not None:
            names = {one.value: one.name for one in glass.subject.classes}
            values["labels"] = PaintedLabels(labels, names)
        if "against" in values:
            other = named(values["against"], target, seed=seed)
            values["against"] = ((other.title, before(other.build(), glass.net)),)
        return glass


def _checked_point(point: Sequence[int] | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if point is None:
        return None
    fits = len(point) in (2, len(shape)) and all(
        0 <= p < n for p, n in zip(point, shape[-len(point) :], strict=True)
    )
    if not fits:
        raise ImageError(
            f"the point {tuple(point)} lies outside the image, which has {shape} pixels."
        )
    return tuple(point)


def _at(pixel: int) -> slice:
    return slice(pixel, pixel + 1)


def _plane(image: Micrograph, labels: np.ndarray | None, point: tuple[int, ...] | None) -> int:
    """The plane asked for, else the one with most labels, else the middle one."""
    if point is not None and len(point) == 3:
        return point[0]
    if labels is not None and labels.ndim == 3 and labels.any():
        return int(np.count_nonzero(labels, axis=(1, 2)).argmax())
    return image.depth // 2


def _inside(point: tuple[int, ...], glass: Glass) -> tuple[int, ...]:
    """The point with its plane, if the network sees it."""
    full = (glass.subject.target.z, *point[-2:])
    if not glass.inside(full):
        raise ImageError(
            f"the point {point} lies in the rim that was cut off for this network, which looks at "
            f"{glass.shape} pixels from {glass.origin}; choose one further inside."
        )
    return full


def _notes(glass: Glass) -> Iterator[str]:
    """What was done to the image."""
    image = glass.subject.target.image
    if glass.note:
        yield glass.note
    elif glass.shape != image.spatial_shape[-glass.axes :]:
        yield f"its rim was repeated up to {' × '.join(map(str, glass.shape))} px"
    if glass.axes == 2 and image.depth > 1:
        yield f"plane z={glass.subject.target.z} of {image.depth}"


def _suggested(glass: Glass, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The report, and with a layer what can be said of it."""
    layer = values.get("layer")
    if layer is None:
        return ("report",)
    try:
        inspection.kernels(glass.net, layer)
    except ModelError:
        return ("report", "maps", "field")
    convolution = ("convolution",) if "point" in values else ()
    return ("report", "maps", "kernels", "field", *convolution)


def say_answer(name: str, shown: Shown) -> None:
    """An answer in short: its sentence, and at most twenty rows of its table."""
    console = messages()
    console.print(f"[bold]{escape(name)}[/bold]  {escape(shown.text)}", soft_wrap=True)
    if shown.table is None or not shown.table.rows:
        return
    table = Lines(*(escape(column) for column in shown.table.columns))
    for row in shown.table.rows[:_SHOWN_ROWS]:
        table.add_row(*(escape(_said(value)) for value in row))
    console.print(table)
    left = len(shown.table.rows) - _SHOWN_ROWS
    if left > 0:
        console.print(f"… and {left} more rows in the file")


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return " × ".join(_said(one) for one in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)
