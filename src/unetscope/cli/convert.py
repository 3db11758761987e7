"""``unetscope labels convert``: labels of one image in another format."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import typer

from unetscope.cli.forms import Convert
from unetscope.cli.reading import image_at, labels_at
from unetscope.cli.terminal import say_notes
from unetscope.images.annotations.formats import write_annotations
from unetscope.images.claims import Claim, Role
from unetscope.images.zarr_folder import name_of


def run(form: Convert) -> Iterator[Path]:
    """Read and write; yields the file, after what a person should know was said."""
    claim, asker = Claim(Role.LABELS, (form.source, form.image), form.overwrite), form.asker()
    shown = asker.read(partial(image_at, form.image))
    say_notes(name_of(form.image), shown.notes)
    read = asker.read(partial(labels_at, form.source, shown, form.image.name, ()))
    lost = write_annotations(
        read, form.target, form.format, claim, image_name=form.image.name, like=shown
    )
    for note in (*read.notes, *lost):
        typer.echo(note, err=True)
    yield form.target
