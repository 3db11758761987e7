"""Long questions with a progress bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from unetscope.cli.terminal import messages

if TYPE_CHECKING:
    from unetscope.inspection.asking.steps import Step

T = TypeVar("T")


def watched(steps: Iterator[Step[T]], title: str, console: Console | None = None) -> T:
    """The last result of ``steps``; how far they are is shown where somebody can see it.

    The bar goes when the work is over. Ctrl-C ends it between two steps.

    Parameters
    ----------
    console : where the bar is drawn; None for stderr.
    """
    from unetscope.inspection.asking.steps import finished

    return finished(_shown(steps, title, messages() if console is None else console))


def _shown(steps: Iterator[Step[T]], title: str, console: Console) -> Iterator[Step[T]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeRemainingColumn(),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(escape(title), total=1)
        for step in steps:
            progress.update(task, completed=step.done, total=step.total)
            yield step
