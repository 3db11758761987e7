"""Long questions with a progress bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from unetscope.cli.terminal import messages
from unetscope.looking.answers import Shown, Working
from unetscope.looking.question import Answer, last


def watched(answer: Answer, console: Console | None = None) -> Shown:
    """The whole answer; how far it is is shown where somebody can see it.

    The bar goes when the work is over. Ctrl-C ends it between two steps.

    Parameters
    ----------
    console : where the bar is drawn; None for stderr.
    """
    return last(_shown(answer, messages() if console is None else console))


def _shown(answer: Answer, console: Console) -> Iterator[Working | Shown]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeRemainingColumn(),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=1)
        for event in answer:
            if isinstance(event, Working):
                progress.update(
                    task,
                    description=escape(event.what),
                    completed=event.done,
                    total=event.total or 1,
                )
            yield event
