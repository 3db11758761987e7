"""``unetscope finish``: complete an answer whose blocks are all done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from unetscope.cli.forms import Finish
from unetscope.cli.terminal import say_error
from unetscope.scaling.running import MissingPieces, finish, only_one


def run(form: Finish) -> Iterator[Path]:
    """Make the coarse levels and say that it is complete; yields the answer."""
    with only_one(form.answer):
        try:
            finish(form.answer, verify=form.verify, allow_missing=form.allow_missing)
        except MissingPieces as missing:
            say_error(str(missing))
            raise typer.Exit(3) from missing
    yield form.answer
