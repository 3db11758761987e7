"""A line when a training made an image worse: which, how much, and one click back."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from unetscope.learning.advice.progress import Forgotten
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import Tints, card_style, quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.forgetting_guard import GotWorse
from unetscope.workbench.workbench import Workbench

_MOST_NAMED = 3
_NAME_LENGTH = 28  # a longer name has no place to break and would be cut off


class ForgettingLine(Panel):
    """Hidden while nothing got worse."""

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._guard = guard = work.guard
        self.words, self.unjudged = quiet(QLabel()), quiet(QLabel())
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setAccessibleName("Images that got worse")
        self.words.linkActivated.connect(guard.show)
        self.back = small_button("", "")
        self.image = small_button("Show image", "")
        self.close_button = small_button("Dismiss", "Keep the new version.")
        self.back.clicked.connect(lambda _checked: guard.go_back())
        self.image.clicked.connect(lambda _checked: self._show_first())
        self.close_button.clicked.connect(lambda _checked: guard.dismiss())
        buttons = flow(self.back, self.image, self.close_button)
        column(self, self.words, self.unjudged, buttons, margins=(8, 6, 6, 6))
        guard.changed.connect(self.refresh)

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self.setStyleSheet(card_style("ForgettingLine", tints, tints.error))
        self.refresh()

    def refresh(self) -> None:
        """Say what got worse, or nothing."""
        warning = self._guard.warning
        self.setVisible(warning is not None)
        if warning is None:
            return
        self.words.setText(self._sentences(warning))
        self.words.setToolTip(warning.compared.basis)
        few = len(warning.compared.unjudged)
        self.unjudged.setVisible(bool(few))
        self.unjudged.setText(_too_few(few))
        names = [warning.names[key] for key in warning.compared.unjudged]
        self.unjudged.setToolTip(", ".join(names))
        self.back.setText(f"Go back to version {warning.since}")
        self.back.setEnabled(self._guard.can_go_back)
        self.back.setToolTip(
            "Let that version answer as it was, with Live off. Strokes and the new version stay."
        )
        self.image.setToolTip(f"Work on {warning.name(warning.compared.worse[0])}.")

    def _sentences(self, warning: GotWorse) -> str:
        worse = warning.compared.worse
        lines = [self._sentence(warning, found) for found in worse[:_MOST_NAMED]]
        if len(worse) > _MOST_NAMED:
            lines.append(f"… and {len(worse) - _MOST_NAMED} more.")
        return "<br>".join(lines)

    def _sentence(self, warning: GotWorse, found: Forgotten) -> str:
        link = (
            f'<a href="{escape(found.image)}" style="color: {self._tints.text}">'
            f"{escape(_shortened(warning.name(found)))}</a>"
        )
        figures = f": {found.before:.2f} → {found.after:.2f}" if warning.compared.figures else ""
        return f"{link} got worse{figures} since version {warning.since}."

    def _show_first(self) -> None:
        if self._guard.warning is not None:
            self._guard.show(self._guard.warning.compared.worse[0].image)


def _too_few(images: int) -> str:
    what = "1 image has" if images == 1 else f"{images} images have"
    return f"{what} too few held-back pixels to judge."


def _shortened(name: str) -> str:
    """A long name with "…" in its middle."""
    if len(name) <= _NAME_LENGTH:
        return name
    half = (_NAME_LENGTH - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
