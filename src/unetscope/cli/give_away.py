"""``unetscope export``: a model for programs that do not know unetscope."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from unetscope.cli.forms import GiveAway
from unetscope.cli.terminal import say_error
from unetscope.exchange.torchscript import check_torchscript, write_torchscript
from unetscope.images.claims import Claim, Role
from unetscope.learning.persistence import load_model


def run(form: GiveAway) -> Iterator[str | Path]:
    """Write; yields the files and, where asked, what came of running them.

    The exit code is 1 where more than one label in 100,000 differs.
    """
    model = load_model(form.model)
    claim = Claim(Role.MODEL, (form.model,), form.overwrite)
    yield from write_torchscript(model, form.out, claim, fixed=form.fixed)
    if form.check:
        found = check_torchscript(model, form.out, fixed=form.fixed)
        yield str(found)
        if found.labels * 100_000 > found.pixels:
            say_error(f"{form.out} does not answer like {form.model}; do not give it away.")
            raise typer.Exit(1)
