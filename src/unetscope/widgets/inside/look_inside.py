"""The dock widget "Look inside": the network as a glass box over your own image."""

from __future__ import annotations

from typing import Any

from unetscope.session.layers.connections import Connections
from unetscope.widgets.inside.answer_panel import AnswerPanel
from unetscope.widgets.inside.ask_panel import AskPanel
from unetscope.widgets.inside.look_panel import LookPanel
from unetscope.widgets.inside.network_panel import NetworkPanel
from unetscope.widgets.inside.saving import Saving
from unetscope.widgets.inside.subject_panel import SubjectPanel
from unetscope.widgets.kit.docked_panel import DockedPanel
from unetscope.widgets.kit.looks import theme_tints
from unetscope.workbench.inside.inspector import Inspector


class LookInside(DockedPanel):
    """Click a pixel and see what the network sees; take parts away, edit them, ask why.

    Parameters
    ----------
    napari_viewer
        The viewer (napari hands it in).
    model
        A network of your own (``torch.nn.Module``) to begin with; see also :meth:`show_model`.
    """

    preferred_width = 400

    def __init__(self, napari_viewer: Any, model: Any = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._connections = Connections()
        self.inspector = Inspector(napari_viewer, self)
        self.inside = self.inspector.inside
        tints = theme_tints(napari_viewer.theme)
        self.subject_panel = SubjectPanel(self.inspector, tints)
        self.network_panel = NetworkPanel(self.inspector, tints)
        self.look_panel = LookPanel(self.inspector, tints)
        self.ask_panel = AskPanel(self.inspector, tints)
        self.answer_panel = AnswerPanel(self.inspector, tints)
        self.saving = Saving(self.inspector, self)
        self.lay_out(self.subject_panel, self._panels()[1:])
        self._connect()
        self.destroyed.connect(self.inspector.close)
        if model is not None:
            self.show_model(model, type(model).__name__)

    def show_model(self, model: Any, title: str = "my network") -> None:
        """Look into a network of your own: any ``torch.nn.Module`` that takes one image."""
        self.inspector.networks.add(title, model)

    def _panels(self) -> tuple[Any, ...]:
        return (
            self.subject_panel,
            self.network_panel,
            self.look_panel,
            self.ask_panel,
            self.answer_panel,
        )

    def _connect(self) -> None:
        self._connections.connect(self.inside.events, self._changed)
        self._connections.connect(self._viewer.events.theme, self._theme_changed)
        self._connections.connect(self._viewer.layers.events.removing, self.make_canvas_current)
        self.answer_panel.export.connect(self.saving.export)
        self.answer_panel.report.connect(self.saving.report)
        self.ask_panel.unfolded.connect(self.bring_into_view)
        self.look_panel.unfolded.connect(self.bring_into_view)
        self.saving.said.connect(self.answer_panel.say)
        for panel in self._panels():
            panel.refresh("")

    def _changed(self, change: Any) -> None:
        for panel in self._panels():
            if change.signal.name in panel.SHOWS:
                panel.refresh(change.signal.name)

        shown = self.inside.shown
        if change.signal.name == "shown" and shown is not None and (shown.table or shown.plot):
            self.bring_into_view(self.answer_panel)

    def _theme_changed(self, event: Any) -> None:
        tints = theme_tints(self._viewer.theme)
        for panel in self._panels():
            panel.set_tints(tints)

    # ---- ending

    def taken_out(self) -> None:
        """The panel is gone and the viewer stays: what was shown on the image goes with it."""
        self.inspector.clear()
        super().taken_out()

    def shut_down(self) -> None:
        """End all work and let go of the viewer; called when the window or napari closes."""
        self._connections.close()
        self.saving.close()
        self.inspector.close()
