"""What ``unetscope inspect`` does: ask a network questions, write answers, say them in short."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from unetscope.cli.inspecting.answers import (
    answer_convolution,
    answer_field,
    answer_kernels,
    answer_maps,
    answer_report,
    answer_table,
)
from unetscope.cli.inspecting.changes import (
    answer_ablate,
    answer_compare,
    answer_edit,
    answer_equivariance,
)
from unetscope.cli.inspecting.files import Answer, Wanted
from unetscope.cli.inspecting.model import Network, Subject, load_network, make_subject
from unetscope.cli.inspecting.questions import (
    answer_attribution,
    answer_dissect,
    answer_effective,
    answer_health,
    answer_maximise,
    answer_pca,
)
from unetscope.cli.reading import image_at, labels_at
from unetscope.cli.terminal import Asker, messages, say_notes
from unetscope.errors import ModelError
from unetscope.images.questions import Answers
from unetscope.images.writing import usable_folder

QUESTIONS: dict[str, Callable[[Subject, Wanted, Path], Answer]] = {
    "report": answer_report,
    "table": answer_table,
    "maps": answer_maps,
    "kernels": answer_kernels,
    "field": answer_field,
    "effective": answer_effective,
    "convolution": answer_convolution,
    "ablate": answer_ablate,
    "edit": answer_edit,
    "attribution": answer_attribution,
    "dissect": answer_dissect,
    "compare": answer_compare,
    "equivariance": answer_equivariance,
    "health": answer_health,
    "pca": answer_pca,
    "maximise": answer_maximise,
}
_SHOWN_ROWS = 20
_NOTHING = Wanted()
_UNASKED = Answers()


@dataclass(frozen=True)
class Files:
    """What is read and where it is written.

    ``model`` and ``against`` are names or files, as in
    :func:`~unetscope.cli.inspecting.model.load_network`.
    """

    model: str
    image: Path
    out: Path
    labels: Path | None = None
    against: str | None = None
    weights: Path | None = None
    answers: Answers = _UNASKED


@dataclass(frozen=True)
class Inspection:
    """One call of the command.

    ``questions`` are keys of :data:`QUESTIONS`; empty for what the other options suggest.
    The last four are as they were typed: ``point`` and ``shift`` as ``"y,x"``, ``kernel`` a preset
    or ``"1,0,-1;2,0,-2;1,0,-1"``, ``polygon`` as ``"y,x y,x y,x"``.
    """

    files: Files
    questions: tuple[str, ...] = ()
    wanted: Wanted = _NOTHING
    point: str | None = None
    shift: str | None = None
    kernel: str | None = None
    polygon: str | None = None

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
        wanted = replace(
            self.wanted,
            shift=None if self.shift is None else whole_numbers(self.shift, "--shift"),
            kernel=None if self.kernel is None else typed_kernel(self.kernel),
            polygon=None if self.polygon is None else typed_polygon(self.polygon),
        )
        subject, against = self._subject()
        wanted = replace(wanted, against=against)
        usable_folder(self.files.out)
        for note in subject.notes:
            messages().print(escape(f"{self.files.image.name}: {note}"), soft_wrap=True)
        for name in self.questions or suggested(subject, wanted):
            answer = QUESTIONS[name](subject, wanted, self.files.out)
            say_answer(answer)
            yield from answer.files

    def _subject(self) -> tuple[Subject, Network | None]:
        files, seed = self.files, self.wanted.seed
        point = None if self.point is None else whole_numbers(self.point, "--point")
        asker = Asker(files.answers)
        image = asker.read(partial(image_at, files.image))
        say_notes(files.image.name, image.notes)
        labels = None
        if files.labels is not None:
            found = asker.read(partial(labels_at, files.labels, image, files.image.name, ()))
            say_notes(files.labels.name, found.notes)
            labels = found.labels
        network = load_network(
            files.model, channels=image.channels, seed=seed, weights=files.weights
        )
        subject = make_subject(network, image, labels=labels, point=point)
        if files.against is None:
            return subject, None
        return subject, load_network(files.against, channels=image.channels, seed=seed)


def suggested(subject: Subject, wanted: Wanted) -> tuple[str, ...]:
    """The report, and with a layer what can be said of it."""
    if wanted.layer is None:
        return ("report",)
    convolution = _has_kernels(subject, wanted.layer)
    asked = ["report", "maps", *(["kernels"] if convolution else []), "field"]
    if convolution and subject.point is not None:
        asked.append("convolution")
    return tuple(asked)


def _has_kernels(subject: Subject, layer: str) -> bool:
    from unetscope.inspection.showing.weights import kernels

    try:
        kernels(subject.module, layer)
    except ModelError:
        return False
    return True


def whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """``"12,40"`` as (12, 40).

    Raises
    ------
    ModelError
        If it is something else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ModelError(
            f"{option} is {text!r}; give whole numbers with commas, y,x or z,y,x."
        ) from None


def typed_kernel(text: str) -> str | tuple[tuple[float, ...], ...]:
    """``"1,0,-1;2,0,-2;1,0,-1"`` as rows of numbers; a word, which is a preset's name, as it is.

    Raises
    ------
    ModelError
        If there are numbers that do not make a kernel.
    """
    if not any(c.isdigit() or c in ",;" for c in text):
        return text
    rows = _numbers(text.rstrip("; ").split(";"))
    if rows is None or len({len(row) for row in rows}) != 1:
        raise ModelError(
            f"--kernel is {text!r}; give a preset such as sobel_x, or numbers with commas in rows "
            'of one length with semicolons, "1,0,-1;2,0,-2;1,0,-1".'
        )
    return rows


def typed_polygon(text: str) -> tuple[tuple[float, ...], ...]:
    """``"y,x y,x y,x"`` as corners.

    Raises
    ------
    ModelError
        If it is something else, or has fewer than three corners.
    """
    corners = _numbers(text.split())
    if corners is None or len(corners) < 3 or {len(corner) for corner in corners} != {2}:
        raise ModelError(
            f'--polygon is {text!r}; give three corners or more in pixels, "y,x y,x y,x".'
        )
    return corners


def _numbers(parts: Sequence[str]) -> tuple[tuple[float, ...], ...] | None:
    """Finite numbers with commas in every part; None where they are something else."""
    try:
        found = tuple(tuple(float(number) for number in part.split(",")) for part in parts)
    except ValueError:
        return None
    return found if all(math.isfinite(number) for part in found for number in part) else None


def say_answer(answer: Answer) -> None:
    """An answer in short: its sentence, and at most twenty rows of its table."""
    console = messages()
    console.print(f"[bold]{escape(answer.title)}[/bold]  {escape(answer.text)}", soft_wrap=True)
    if not answer.rows:
        return
    table = Table(*(escape(column) for column in answer.columns))
    for row in answer.rows[:_SHOWN_ROWS]:
        table.add_row(*(escape(_shown(value)) for value in row))
    console.print(table)
    left = len(answer.rows) - _SHOWN_ROWS
    if left > 0:
        console.print(f"… and {left} more rows in the file")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " × ".join(_shown(one) for one in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)
