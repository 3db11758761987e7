"""No word of the window is cut, in any font size and width; every control lies in its panel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QAbstractButton, QApplication, QLabel, QTableView, QWidget

from unetscope.session.journal.status import JournalStatus, RestoreOffer
from unetscope.widgets.kit.fold import Fold
from unetscope.widgets.kit.section_panel import SectionPanel
from unetscope.widgets.kit.telling import TwoLines
from unetscope.widgets.painting.image_panel import ImagePanel
from unetscope.widgets.painting.journal_bar import JournalBar
from unetscope.widgets.painting.training_panel import TrainingPanel
from widgets.conftest import Opened

Open = Callable[..., Opened]


def settled(panel: QWidget) -> None:
    for _ in range(6):
        QApplication.processEvents()
        time.sleep(0.01)


def flaws(panel: QWidget) -> Iterator[str]:
    """What is cut or lies outside of the panel."""
    for part in panel.findChildren(QWidget):
        if not part.isVisible() or part.window() is not panel.window():
            continue
        if isinstance(part, QLabel | QAbstractButton) and not isinstance(part, TwoLines):
            yield from _cut(part)
        left = part.mapTo(panel, QPoint(0, 0)).x()
        if isinstance(part, QAbstractButton | QLabel | QTableView) and (
            left < 0 or left + part.width() > panel.width()
        ):
            yield f"{_name(part)} ends at {left + part.width()} of {panel.width()} px"


def _cut(part: Any) -> Iterator[str]:
    wanted = part.sizeHint()
    if isinstance(part, QLabel) and part.wordWrap():
        needed = part.heightForWidth(part.width())
        if needed > part.height() + 1:
            yield f"{_name(part)} needs {needed} px of height and has {part.height()}"
        return
    if wanted.width() > part.width() + 1:
        yield f"{_name(part)} needs {wanted.width()} px and has {part.width()}"
    if wanted.height() > part.height() + 2:
        yield f"{_name(part)} needs {wanted.height()} px of height and has {part.height()}"


def _name(part: Any) -> str:
    words = part.text() if hasattr(part, "text") else part.accessibleName()
    return f"{type(part).__name__} “{words}”"


@pytest.mark.parametrize(("points", "width"), [(9, 300), (14, 320), (18, 360), (20, 400)])
def test_nothing_is_cut_in_paint_train_predict(
    show_window: Open, qtbot: Any, points: int, width: int
) -> None:
    opened = show_window(points=points, width=width, name="tio2 particles.tif")
    window = opened.window
    for section in window.findChildren(SectionPanel):
        section.open(on=True)
    opened.paint_both()
    qtbot.waitUntil(lambda: window.bench.answers.up_to_date)
    window.bench.set_live(False)
    window.part(TrainingPanel).train_button.click()
    qtbot.waitUntil(lambda: opened.session.training.reason != "")
    offer = RestoreOffer(1, 6, 600, time.time() - 60)
    window.part(JournalBar).show_status(JournalStatus(offer=offer))
    window.part(ImagePanel).pixel_size.button.click()
    settled(window)  # the curve folds at the end of a training
    for fold in window.findChildren(Fold):
        fold.expand(animate=False)
    window.resize(width, 900)
    window.refresh()
    settled(window)
    assert window.width() == width
    assert not list(flaws(window))
