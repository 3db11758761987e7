"""``unetscope status``: how far answers are that are made block by block."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from unetscope.cli.forms import AnswerStatus
from unetscope.cli.terminal import named, say_error
from unetscope.errors import OutputError
from unetscope.scaling.running import state_of


def run(form: AnswerStatus) -> Iterator[str]:
    """A line for each answer; the exit code is 3 where one is not complete."""
    open_ones = 0
    for path in form.answers:
        try:
            state = state_of(path)
        except OutputError as error:
            say_error(named(path, error))
            open_ones += 1
            continue
        share = 100 * state.done // state.total
        open_ones += not state.complete
        word = "complete" if state.complete else "incomplete"
        lost = f", {len(state.missing)} pieces of the image are missing" if state.missing else ""
        yield f"{path}: {word}, {state.done} of {state.total} blocks ({share} %){lost}"
    if open_ones:
        raise typer.Exit(3)
