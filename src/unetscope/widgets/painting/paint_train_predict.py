"""The dock widget "Paint, train, predict"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from qtpy.QtCore import QEvent

from unetscope.session.engine.door import EngineDoor
from unetscope.session.layers.connections import Connections
from unetscope.session.open_sessions import open_sessions
from unetscope.session.requests import Jobs
from unetscope.session.values import Message
from unetscope.widgets.kit.docked_panel import DockedPanel
from unetscope.widgets.kit.keyboard import Keyboard
from unetscope.widgets.kit.looks import small_button, theme_tints
from unetscope.widgets.kit.panel import Panel, all_parts
from unetscope.widgets.kit.preferences import Preferences
from unetscope.widgets.kit.question_card import ask
from unetscope.widgets.kit.status_card import StatusCard
from unetscope.widgets.painting.five_sections import SECTIONS
from unetscope.widgets.painting.forgetting_line import ForgettingLine
from unetscope.widgets.painting.journal_bar import JournalBar
from unetscope.workbench.timers import single_shot
from unetscope.workbench.workbench import Workbench

#: What lies below each other, from top to bottom; the status line stays above them.
PANELS: tuple[type[Panel], ...] = (JournalBar, ForgettingLine, *SECTIONS)
Part = TypeVar("Part", bound=Panel)


class PaintTrainPredict(DockedPanel):
    """Paint a few strokes, watch the answer, train, predict.

    Parameters
    ----------
    napari_viewer
        The viewer (napari hands it in).
    jobs
        Another engine, for tests; None takes the real one.
    panels
        Other parts than :data:`PANELS`.
    """

    def __init__(
        self, napari_viewer: Any, jobs: Jobs | None = None, panels: Sequence[type[Panel]] = PANELS
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._preferences = Preferences()
        self._connections = Connections()
        self._refresh_soon = single_shot(self, 0, self.refresh)
        engine, model = self._preferences.engine, self._preferences.default_model
        jobs = jobs or EngineDoor(engine)
        self.bench = Workbench(napari_viewer, jobs, model, partial(ask, self), self)
        self.bench.trainer.advanced = replace(
            self.bench.trainer.advanced, learning_rate=engine.learning_rate, seed=engine.seed
        )
        self.session = self.bench.session
        self.session.live = self._preferences.live
        self.session.budget = self._preferences.budget
        self.status = StatusCard(self.bench)
        laid_out = tuple(kind(self.bench) for kind in panels)
        self.panels = (self.status, *all_parts(laid_out))
        self._lay_out(laid_out)
        self.keyboard = self._bind_keys()
        self._theme_changed()
        self._connect()
        self.refresh()
        open_sessions.enter(napari_viewer, self.session)
        self.destroyed.connect(self.bench.close)

    def part(self, kind: type[Part]) -> Part:
        """The part of this kind.

        Raises
        ------
        KeyError
            If the dock has none.
        """
        for panel in self.panels:
            if isinstance(panel, kind):
                return panel
        raise KeyError(f"this dock has no {kind.__name__}; add it to a section")

    # ---- building

    def _lay_out(self, panels: Sequence[Panel]) -> None:
        look_inside = small_button(
            "Look inside …",
            "Feature maps, kernels and receptive fields of the model, on your image.",
        )
        look_inside.clicked.connect(lambda _checked: self._open_dock("Look inside"))
        self.lay_out(self.status, (*panels, look_inside))
        for panel in self.panels:
            panel.called_for.connect(partial(self.bring_out, panel))
            panel.dock_wanted.connect(self._open_dock)

    def bring_out(self, panel: Panel) -> None:
        """Open the sections and folds that hide a part, and scroll to it."""
        for holder in self.panels:
            holder.bring_out(panel)
        self.bring_into_view(panel)

    def _bind_keys(self) -> Keyboard:
        actions = tuple(action for panel in self.panels for action in panel.ACTIONS)
        calls = {name: call for panel in self.panels for name, call in panel.keys().items()}
        keyboard = Keyboard(self._viewer, self, self.bench.choose_place, calls, actions)
        keyboard.tell(*(panel.show_keys for panel in self.panels))
        for panel in self.panels:
            panel.help_wanted.connect(keyboard.card.toggle)
        self._connections.connect(self.bench.layers.strokes_made, keyboard.shortcuts.bind_layer)
        self._take_keys(keyboard)
        return keyboard

    def _take_keys(self, keyboard: Keyboard) -> None:
        """Take the keys of the preferences, and say which are refused."""
        refused = keyboard.take(self._preferences.keys)
        if refused:
            self.session.message = Message(" ".join(refused), "error")

    def _connect(self) -> None:
        self._connections.connect(self.session.events, self._session_changed)
        self._connections.connect(self._viewer.events.theme, self._theme_changed)
        self._connections.connect(self._viewer.layers.events.removing, self.make_canvas_current)
        if self._preferences.changed is not None:
            self._connections.connect(self._preferences.changed, self._preferences_changed)

    # ---- following

    def refresh(self) -> None:
        """Show the whole session."""
        for panel in self.panels:
            panel.refresh()

    def _session_changed(self, change: Any) -> None:
        for panel in self.panels:
            if change.signal.name in panel.SHOWS:
                panel.refresh()

    def _open_dock(self, name: str) -> None:
        """Open another panel beside this one; napari brings it forward if it is there already."""
        self._viewer.window.add_plugin_dock_widget("napari-unetscope", name)

    def _theme_changed(self, event: Any = None) -> None:
        tints = theme_tints(self._viewer.theme)
        for panel in self.panels:
            panel.set_tints(tints)
        self.keyboard.set_tints(tints)

    def _preferences_changed(self, event: Any) -> None:
        self.bench.take_settings(self._preferences.engine)
        self._take_keys(self.keyboard)

    # ---- ending

    def shut_down(self) -> None:
        """End all work and let go of the viewer; called when the window or napari closes."""
        open_sessions.leave(self._viewer, self.session)
        self._connections.close()
        for panel in self.panels:
            panel.let_go()
        self.bench.close()
        self.keyboard.close()

    def showEvent(self, event: Any) -> None:
        """Measure when there is something to measure."""
        super().showEvent(event)
        self._refresh_soon.start()

    def changeEvent(self, event: Any) -> None:
        """Measure again when font or style change."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._refresh_soon.start()
