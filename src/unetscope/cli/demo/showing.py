"""``unetscope demo``: which picture, and with a screen or without one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape

from unetscope.cli.demo import pictures
from unetscope.cli.demo.headless import DemoResult, metrics_rows, write_demo
from unetscope.cli.demo.pictures import DemoPicture
from unetscope.cli.demo.window import open_window
from unetscope.cli.forms import Demo
from unetscope.cli.terminal import Interview, messages, say_outcome, say_table
from unetscope.cli.train import trained
from unetscope.errors import LabelError
from unetscope.images.questions import Answers
from unetscope.images.writing import usable_folder
from unetscope.learning.prediction import predict_labels
from unetscope.learning.samples import make_samples


def run(form: Demo) -> Iterator[Path]:
    """Show it; yields the files that are written where there is no screen."""
    with_screen = not form.headless and _has_screen()
    picture = _picture(form, with_screen=with_screen)
    if with_screen:
        open_window(picture, train_seconds=form.seconds)
        return
    yield from _written(form, picture)


def _picture(form: Demo, *, with_screen: bool) -> DemoPicture:
    if form.image is not None and form.sample is not None:
        raise LabelError("--image and --sample exclude each other; give one of them.")
    if form.labels is not None and form.image is None:
        raise LabelError("--labels belong to an image; give --image FILE, too.")
    if form.image is not None:
        return pictures.own(form.image, form.labels, Interview(Answers()), guess=not with_screen)
    if form.sample is not None:
        return pictures.synthetic(form.sample, form.seed)
    return pictures.immunohistochemistry()


def _written(form: Demo, picture: DemoPicture) -> list[Path]:
    """The demonstration without a screen: train, predict, write; the files written."""
    usable_folder(form.out)
    if picture.note:
        messages().print(escape(picture.note), soft_wrap=True)
    samples = make_samples([picture.image], [picture.labels])
    learned, outcome = trained(form, samples, picture.classes)
    last = predict_labels(learned, picture.image)
    first = outcome.instant or learned
    instant = last if first is learned else predict_labels(first, picture.image)
    result = DemoResult(instant, last, outcome.validation)
    say_outcome(learned, outcome)
    say_table(metrics_rows(picture, result))
    return write_demo(picture, result, form.out)


def _has_screen() -> bool:
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True
