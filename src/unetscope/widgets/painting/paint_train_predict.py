"""The dock widget "Paint, train, predict"."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, QTimer

from unetscope.network.facts import BUNDLED_TITLES
from unetscope.session.engine.door import EngineDoor
from unetscope.session.layers.connections import Connections
from unetscope.session.open_sessions import open_sessions
from unetscope.session.requests import Jobs
from unetscope.session.values import Message
from unetscope.widgets.kit.asking import ask
from unetscope.widgets.kit.docked_panel import DockedPanel
from unetscope.widgets.kit.keyboard import Keyboard
from unetscope.widgets.kit.looks import small_button, theme_tints
from unetscope.widgets.kit.preferences import Preferences
from unetscope.widgets.kit.status_card import StatusCard
from unetscope.widgets.painting.accept_panel import AcceptPanel
from unetscope.widgets.painting.advanced_panel import AdvancedPanel
from unetscope.widgets.painting.balance_line import BalanceLine
from unetscope.widgets.painting.brush_panel import BrushPanel
from unetscope.widgets.painting.classes_panel import ClassesPanel
from unetscope.widgets.painting.doubts_panel import DoubtsPanel
from unetscope.widgets.painting.forgetting_line import ForgettingLine
from unetscope.widgets.painting.image_panel import ImagePanel
from unetscope.widgets.painting.journal_bar import JournalBar
from unetscope.widgets.painting.model_panel import ModelPanel
from unetscope.widgets.painting.places_panel import PlacesPanel
from unetscope.widgets.painting.plot_panel import PlotPanel
from unetscope.widgets.painting.prediction_panel import PredictionPanel
from unetscope.widgets.painting.through_panel import ThroughPanel
from unetscope.widgets.painting.training_panel import TrainingPanel
from unetscope.widgets.painting.view_panel import ViewPanel
from unetscope.widgets.project.project_section import ProjectSection
from unetscope.workbench.workbench import Workbench


class PaintTrainPredict(DockedPanel):
    """Paint a few strokes, watch the answer, train, predict.

    Parameters
    ----------
    napari_viewer
        The viewer (napari hands it in).
    jobs
        Another engine, for tests; None takes the real one.
    """

    def __init__(self, napari_viewer: Any, jobs: Jobs | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._preferences = Preferences()
        self._connections = Connections()
        self._measure_soon = QTimer(self)
        self._measure_soon.setSingleShot(True)
        self._measure_soon.timeout.connect(self.refresh)
        jobs = jobs or EngineDoor(self._preferences.engine)
        model = self._preferences.default_model
        self.bench = Workbench(napari_viewer, jobs, model, partial(ask, self), self)
        self.session = self.bench.session
        self.session.live = self._preferences.live
        self.session.budget = self._preferences.budget
        self._make_panels()
        self._lay_out()
        self._connect_panels()
        self.keyboard = self._bind_keys()
        self._connect_session()
        open_sessions.enter(napari_viewer, self.session)
        self.destroyed.connect(self.bench.close)

    # ---- building

    def _make_panels(self) -> None:
        session, tints = self.session, theme_tints(self._viewer.theme)
        advanced = replace(
            self.bench.trainer.advanced,
            learning_rate=self._preferences.engine.learning_rate,
            seed=self._preferences.engine.seed,
        )
        self.bench.trainer.advanced = advanced
        self.image_panel = ImagePanel(session)
        self.model_panel = ModelPanel(session, tuple(BUNDLED_TITLES.items()))
        self.status = StatusCard(session, tints)
        self.journal_bar = JournalBar(tints)
        self.forgetting_line = ForgettingLine(self.bench.guard, tints)
        self.projects = ProjectSection(self.bench, tints, self)
        self.classes_panel = ClassesPanel(session)
        self.balance_line = BalanceLine(session)
        self.brush_panel = BrushPanel()
        self.view_panel = ViewPanel(session)
        self.places_panel = PlacesPanel(session, self.bench.advisor)
        self.doubts_panel = DoubtsPanel(session, self.bench.checker)
        self.accept_panel = AcceptPanel(self.bench.accepter)
        self.through_panel = ThroughPanel(self.bench.through)
        self.training_panel = TrainingPanel(session, tints)
        self.plot_panel = PlotPanel(session, tints)
        self.prediction_panel = PredictionPanel(session)
        self.advanced_panel = AdvancedPanel(advanced)

    def _lay_out(self) -> None:
        self.look_inside = small_button(
            "Look inside …",
            "Feature maps, kernels and receptive fields of the model, on your image.",
        )
        self.look_inside.clicked.connect(lambda _checked: self._open_look_inside())
        above = (self.journal_bar, self.forgetting_line, self.projects.project)
        below = (self.projects.labels, self.look_inside)
        self.lay_out(self.status, (*above, *self._panels()[1:], *below))

    def _connect_panels(self) -> None:
        bench = self.bench
        self.journal_bar.restore.connect(bench.strokes.restore)
        self.journal_bar.decline.connect(bench.strokes.decline)
        labels = self.projects.labels
        self.projects.files.asked.connect(lambda _: self.bring_into_view(labels))
        self.projects.told.connect(lambda: self.bring_into_view(labels))
        self.image_panel.chosen.connect(bench.choose_image)
        self.image_panel.read_as.connect(bench.read_as)
        self.image_panel.origin = bench.sizes.origin
        self._connect_pixel_size()
        self.model_panel.bundled.connect(bench.shelf.open_bundled)
        self.model_panel.picker.opened.connect(bench.shelf.look_for_sources)
        bench.shelf.sources_found.connect(self.model_panel.show_sources)
        self.model_panel.with_source.connect(bench.shelf.open_with_source)
        self.model_panel.alone.connect(bench.shelf.use_alone)
        self.model_panel.load.connect(bench.shelf.load)
        self.model_panel.save.connect(bench.shelf.save)
        self.model_panel.go.connect(lambda back: bench.shelf.step(back=back))
        self.classes_panel.chosen.connect(bench.paint_with)
        self.classes_panel.renamed.connect(lambda v, name: bench.change_class(v, name=name))
        self.classes_panel.recoloured.connect(lambda v, color: bench.change_class(v, color=color))
        self.classes_panel.added.connect(bench.add_class)
        self.classes_panel.deleted.connect(bench.delete_class)
        self.classes_panel.eyed.connect(bench.switch_eye)
        self.view_panel.live_switched.connect(bench.set_live)
        self.view_panel.show_changed.connect(bench.restyle)
        self.view_panel.opacity_changed.connect(bench.set_opacity)
        self.view_panel.outlined.connect(lambda on: bench.results.outline(on=on))
        self.view_panel.hidden.connect(lambda on: bench.results.hide(on=on))
        self.brush_panel.resized.connect(lambda larger: bench.resize_brush(larger=larger))
        self.brush_panel.undo.connect(bench.strokes.undo)
        self.brush_panel.redo.connect(bench.strokes.redo)
        self.training_panel.train.connect(bench.train)
        self.training_panel.pause.connect(bench.trainer.pause_or_resume)
        self.training_panel.stop.connect(bench.trainer.stop)
        self.prediction_panel.predict.connect(bench.predict)
        self.prediction_panel.stop.connect(bench.stop_predicting)
        bench.project.changed.connect(self._offer_project)
        self.advanced_panel.changed.connect(self._advanced_changed)
        self.advanced_panel.adopt.connect(bench.adopt)

    def _offer_project(self) -> None:
        self.prediction_panel.offer_project(there=self.bench.project.opened is not None)

    def _connect_pixel_size(self) -> None:
        row, sizes = self.image_panel.pixel_size, self.bench.sizes
        row.typed.connect(sizes.set_typed)
        row.line_wanted.connect(sizes.start_line)
        row.line_told.connect(sizes.set_from_line)
        row.given_up.connect(sizes.drop_line)
        sizes.changed.connect(self.image_panel.refresh)
        sizes.changed.connect(row.fold)

    def _bind_keys(self) -> Keyboard:
        bench, view = self.bench, self.view_panel
        calls = {
            "train": bench.train_or_stop,
            "predict": lambda: bench.predict(self.prediction_panel.scope),
            "live": lambda: bench.set_live(not self.session.live),
            "show": view.show_next,
            "toggle": view.hide_button.toggle,
            "contour": view.outlines.toggle,
            "fainter": lambda: view.cover(more=False),
            "stronger": lambda: view.cover(more=True),
            "smaller_brush": lambda: bench.resize_brush(larger=False),
            "larger_brush": lambda: bench.resize_brush(larger=True),
            "undo": bench.strokes.undo,
            "redo": bench.strokes.redo,
            "next": bench.advisor.go_to_next,
            "back": bench.advisor.go_back,
            "next_image": lambda: bench.step_image(1),
            "previous_image": lambda: bench.step_image(-1),
        }
        keyboard = Keyboard(self._viewer, self, bench.choose_place, calls)
        keyboard.tell(
            self.brush_panel.show_keys,
            view.show_keys,
            self.prediction_panel.show_keys,
            self.training_panel.show_keys,
        )
        keyboard.set_tints(theme_tints(self._viewer.theme))
        self.brush_panel.help.connect(keyboard.card.toggle)
        self._connections.connect(bench.layers.strokes_made, keyboard.shortcuts.bind_layer)
        self._take_keys(keyboard)
        return keyboard

    def _take_keys(self, keyboard: Keyboard) -> None:
        """Take the keys of the preferences, and say which are refused."""
        refused = keyboard.take(self._preferences.keys)
        if refused:
            self.session.message = Message(" ".join(refused), "error")

    def _connect_session(self) -> None:
        self._connections.connect(self.session.events, self._session_changed)
        self._connections.connect(self.bench.layers.images_changed, self._offer_layers)
        self._connections.connect(self._viewer.events.theme, self._theme_changed)
        self._connections.connect(self._viewer.layers.events.removing, self.make_canvas_current)
        self._connections.connect(self.bench.strokes.keeper.changed, self._show_journal)
        self._connections.connect(self.bench.brush.changed, self._show_brush)
        if self._preferences.changed is not None:
            self._connections.connect(self._preferences.changed, self._preferences_changed)
        self.refresh()

    # ---- following

    def refresh(self) -> None:
        """Show the whole session."""
        for panel in self._panels():
            panel.refresh()
        self._offer_layers()
        self._show_journal()
        self._show_brush()
        self.projects.refresh()

    def _panels(self) -> tuple[Any, ...]:
        return (
            self.status,
            self.image_panel,
            self.model_panel,
            self.classes_panel,
            self.balance_line,
            self.brush_panel,
            self.view_panel,
            self.places_panel,
            self.doubts_panel,
            self.accept_panel,
            self.through_panel,
            self.training_panel,
            self.plot_panel,
            self.prediction_panel,
            self.advanced_panel,
        )

    def _session_changed(self, change: Any) -> None:
        """Refresh what shows the field that changed; every field may change the status line."""
        shown_by = _SHOWN_BY.get(change.signal.name, _EVERYWHERE)
        for panel in self._panels():
            if type(panel) in shown_by:
                panel.refresh()
        if change.signal.name == "image":
            self._show_journal()
            self._show_brush()

    def _show_journal(self) -> None:
        status = self.bench.strokes.status
        self.journal_bar.show_status(status)
        self.brush_panel.show_history(status)

    def _show_brush(self) -> None:
        image = self.session.image
        self.brush_panel.show_brush(self.bench.brush.size_px(image.key) if image else None)

    def _offer_layers(self) -> None:
        layers, image = self.bench.layers, self.session.image
        if image is None or layers.layer(image.key) is None:
            self.advanced_panel.offer_layers([], "")
            return
        strokes = layers.strokes_layer(image.key)
        chosen = str(strokes.unique_id) if strokes is not None else ""
        self.advanced_panel.offer_layers(layers.adoptable(image.key), chosen)

    def _open_look_inside(self) -> None:
        """Open the other panel beside this one; napari brings it forward if it is there already."""
        self._viewer.window.add_plugin_dock_widget("napari-unetscope", "Look inside")

    def _theme_changed(self, event: Any) -> None:
        tints = theme_tints(self._viewer.theme)
        self.status.set_tints(tints)
        self.plot_panel.set_tints(tints)
        self.training_panel.set_tints(tints)
        self.journal_bar.set_tints(tints)
        self.forgetting_line.set_tints(tints)
        self.projects.set_tints(tints)
        self.keyboard.set_tints(tints)

    def _advanced_changed(self, settings: Any) -> None:
        self.bench.trainer.advanced = settings

    def _preferences_changed(self, event: Any) -> None:
        self.bench.take_settings(self._preferences.engine)
        self._take_keys(self.keyboard)

    # ---- ending

    def shut_down(self) -> None:
        """End all work and let go of the viewer; called when the window or napari closes."""
        open_sessions.leave(self._viewer, self.session)
        self._connections.close()
        self.projects.close()
        self.bench.close()
        self.keyboard.close()

    def showEvent(self, event: Any) -> None:
        """Measure when there is something to measure."""
        super().showEvent(event)
        self._measure_soon.start()

    def changeEvent(self, event: Any) -> None:
        """Measure again when font or style change."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._measure_soon.start()


_EVERYWHERE = frozenset(
    {
        StatusCard,
        ImagePanel,
        ModelPanel,
        ClassesPanel,
        ViewPanel,
        TrainingPanel,
        PlotPanel,
        PredictionPanel,
    }
)
_SHOWN_BY = {
    "images": frozenset({ImagePanel}),
    "image": frozenset({StatusCard, ImagePanel, TrainingPanel, PredictionPanel}),
    "classes": frozenset({StatusCard, ClassesPanel, BalanceLine, PlotPanel}),
    "removed_classes": frozenset[type](),
    "eyes": frozenset({ClassesPanel}),
    "current_class": frozenset({ClassesPanel}),
    "brush_label": frozenset({ClassesPanel}),
    "painted": frozenset({StatusCard, ClassesPanel, BalanceLine, TrainingPanel, PredictionPanel}),
    "live": frozenset({StatusCard, ViewPanel}),
    "answering": frozenset({StatusCard}),
    "show": frozenset({ViewPanel}),
    "opacity": frozenset({ViewPanel}),
    "budget": frozenset({TrainingPanel}),
    "training": frozenset({StatusCard, ModelPanel, TrainingPanel, PlotPanel}),
    "prediction": frozenset({StatusCard, PredictionPanel}),
    "model": frozenset({StatusCard, ModelPanel, TrainingPanel, PredictionPanel}),
    "opening_model": frozenset({StatusCard, ModelPanel}),
    "versions": frozenset({ModelPanel, TrainingPanel}),
    "curves": frozenset({PlotPanel}),
    "message": frozenset({StatusCard}),
    "seen": frozenset({StatusCard}),
    "trained_image": frozenset({StatusCard}),
    "device": frozenset({ModelPanel}),
    "newest": frozenset[type](),
}
