"""How the answer is shown: as which kind of result, and how strongly."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)

from unetscope.session.result_kind import ResultKind
from unetscope.session.results import kinds
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.keys import Action, KeyTable
from unetscope.widgets.kit.looks import small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.workbench.workbench import Workbench

_OPACITY_STEP = 10  # percent


class ViewPanel(Panel):
    """Show and opacity; sets the session's fields itself."""

    SHOWS = frozenset({"show", "opacity"})

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self.buttons: dict[ResultKind, QPushButton] = {}
        group = QButtonGroup(self)
        for show in kinds():
            button = small_button(show.title, "")
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, kind=show: self._shown(kind))
            group.addButton(button)
            self.buttons[show] = button
        self.ACTIONS = tuple(  # kinds may have been registered since the file was imported
            Action(_shows(kind), kind.key, f"Show {kind.name}", kind.tip)
            for kind in self.buttons
            if kind.key
        )
        self.outlines, self.hide_button = small_button("Outlines", ""), small_button("Hide", "")
        for switch in (self.outlines, self.hide_button):
            switch.setCheckable(True)
        self.outlines.toggled.connect(lambda on: work.results.outline(on=on))
        self.hide_button.toggled.connect(lambda on: work.results.hide(on=on))
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setMinimumWidth(80)
        self.opacity.valueChanged.connect(self._opacity_moved)
        self.percent = QLabel()
        strength = QWidget()
        beside = QHBoxLayout(strength)
        beside.setContentsMargins(6, 0, 0, 0)
        beside.addWidget(self.opacity, 1)
        beside.addWidget(self.percent)
        below = flow(self.outlines, self.hide_button, strength)
        column(self, flow(*self.buttons.values(), spacing=1), below)

    def keys(self) -> Calls:
        """What is shown, and how strongly."""
        return {
            "show": self.show_next,
            "toggle": self.hide_button.toggle,
            "contour": self.outlines.toggle,
            "fainter": lambda: self._cover(more=False),
            "stronger": lambda: self._cover(more=True),
            **{_shows(kind): button.click for kind, button in self.buttons.items() if kind.key},
        }

    def show_keys(self, keys: KeyTable) -> None:
        """Tooltips with the keys as they are."""
        for show, button in self.buttons.items():
            button.setToolTip(f"{show.tip} ({keys.shown('show')}: the next one)")
        self.outlines.setToolTip(
            keys.tip("contour", "Draw the classes of the mask as outlines, up to 4 megapixels.")
        )
        self.hide_button.setToolTip(keys.tip("toggle", "Hide the answer, to see the image."))
        self.opacity.setToolTip(
            "How strongly the answer covers the image "
            f"({keys.shown('fainter')} less, {keys.shown('stronger')} more)."
        )

    def refresh(self) -> None:
        """Show the session's choices."""
        session = self._session
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(session.opacity * 100))
        self.opacity.blockSignals(False)
        self.buttons[session.show].setChecked(True)
        self.outlines.setEnabled(session.show.has_areas)  # there is nothing to outline else
        self.percent.setText(f"{round(session.opacity * 100)} %")
        self.percent.setMinimumWidth(self.percent.fontMetrics().horizontalAdvance("100 %"))

    def show_next(self) -> None:
        """Go on to the next kind of result."""
        shows = list(self.buttons)
        self._shown(shows[(shows.index(self._session.show) + 1) % len(shows)])

    def _cover(self, *, more: bool) -> None:
        """One step more or less of the answer over the image."""
        step = _OPACITY_STEP if more else -_OPACITY_STEP
        self.opacity.setValue(self.opacity.value() + step)

    def _shown(self, show: ResultKind) -> None:
        if self._session.show is not show:
            self._session.show = show
            self._work.restyle()

    def _opacity_moved(self, percent: int) -> None:
        self._session.opacity = percent / 100
        self._work.set_opacity()


def _shows(kind: ResultKind) -> str:
    """Name of the action of a kind's own key."""
    return f"show {kind.name}"
