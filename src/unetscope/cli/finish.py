"""``unetscope finish``: complete an answer whose blocks are all done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unetscope.cli.forms import Finish
from unetscope.scaling.running import finish, only_one


def run(form: Finish) -> Iterator[Path]:
    """Make the coarse levels and say that it is complete; yields the answer."""
    with only_one(form.answer):
        finish(form.answer, verify=form.verify)
    yield form.answer
