"""What both panels share: a scrolled column that takes its width and notices its own end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

from napari.settings import get_settings
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QFrame,
    QMainWindow,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from unetscope.widgets.kit.focus_ring import FocusRing
from unetscope.widgets.kit.panel_watch import PanelWatch
from unetscope.workbench.job_threads import before_leaving
from unetscope.workbench.timers import single_shot


class DockedPanel(QWidget):
    """A dock widget's content; subclasses end their work in :meth:`shut_down`.

    ``preferred_width`` is asked for when the panel is docked: a new dock starts at the minimum.
    """

    preferred_width = 360

    def __init__(self) -> None:
        super().__init__()
        self._watched: QWidget | None = None
        self._docked = False
        self._scroll = QScrollArea()
        self._settle_soon = single_shot(self, 0, self._settle)
        self.setMinimumWidth(300)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.shut_down)

    def shut_down(self) -> None:
        """End all work and let go of the viewer; called when the window or napari closes."""
        raise NotImplementedError

    def taken_out(self) -> None:
        """The panel is gone and the viewer stays: end all work."""
        self.shut_down()

    def lay_out(self, fixed: QWidget, scrolled: Sequence[QWidget]) -> None:
        """``fixed`` stays at the top, the rest scrolls below it."""
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(8, 4, 8, 8)
        column.setSpacing(8)
        for panel in scrolled:
            column.addWidget(panel)
        column.addStretch(1)
        scroll = self._scroll
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        framed = QVBoxLayout()
        framed.setContentsMargins(8, 0, 8, 0)
        framed.addWidget(fixed)
        layout.addLayout(framed)
        layout.addWidget(scroll, 1)
        self._watch = PanelWatch(self, FocusRing(self, body))
        _panels.add(self)

    def bring_into_view(self, panel: QWidget) -> None:
        """Scroll to a panel once it has its size."""
        QTimer.singleShot(0, lambda: self._scroll.ensureWidgetVisible(panel, 0, 8))

    def sizeHint(self) -> QSize:
        """Wide enough for every row on one line, where the user has not said otherwise."""
        return QSize(self.preferred_width, super().sizeHint().height())

    def showEvent(self, event: Any) -> None:
        """Watch the window this widget has come into: a docked widget is not told of its end."""
        super().showEvent(event)
        self._follow_font()
        window = self.window()
        if window is not None and window is not self._watched:
            self._watched = window
            window.installEventFilter(self)

    def event(self, event: Any) -> bool:
        """Notice when the panel is taken out of its dock: nobody could stop its work any more."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parentWidget() is not None:
                self._docked = True
                self._settle_soon.start()
            elif self._docked:
                self.taken_out()
        return bool(super().event(event))

    def changeEvent(self, event: Any) -> None:
        """A theme or font size of napari's comes as a style."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._follow_font()

    def _follow_font(self) -> None:
        """Give napari's font size to what its style leaves out: tables, drawings, tool buttons."""
        font, size = self.font(), int(get_settings().appearance.font_size)
        if font.pointSize() != size:
            font.setPointSize(size)
            self.setFont(font)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Shut down when the main window closes."""
        if event.type() == QEvent.Type.Close and watched is self._watched:
            self.shut_down()
        return False

    def make_canvas_current(self, event: Any = None) -> None:
        """Make the canvas's OpenGL context the current one; for when a layer is being removed.

        napari deletes what it drew the layer with at once, in whichever context is current, and
        outside of a repaint that is the one in which Qt composes the window. Mesa's software
        renderer then loses the shader the canvas draws with, and the second repaint crashes.
        """
        dock = self.dock()
        window = dock.parentWidget() if dock is not None else self._watched
        centre = window.centralWidget() if isinstance(window, QMainWindow) else None
        for canvas in centre.findChildren(QOpenGLWidget) if centre is not None else ():
            if canvas.isValid():
                canvas.makeCurrent()

    def _settle(self) -> None:
        """Share one place with the other panel as tabs, and ask for the preferred width."""
        dock, window = self.dock(), self.window()
        if dock is None or not isinstance(window, QMainWindow):
            return
        dock.setWindowTitle(dock.windowTitle().partition(" (")[0])  # tabs cut what is longer
        for other in window.findChildren(DockedPanel):
            beside = other.dock()
            if other is self or beside is None or beside.isHidden() or beside.isFloating():
                continue
            if beside not in window.tabifiedDockWidgets(dock):
                window.tabifyDockWidget(beside, dock)
                dock.raise_()
        wanted = self.sizeHint().width()
        if dock.width() < wanted:
            window.resizeDocks([dock], [wanted], Qt.Orientation.Horizontal)

    def dock(self) -> QDockWidget | None:
        """The dock it is in; None for a panel that stands by itself."""
        dock: Any = self.parentWidget()
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        return dock


# ---- leaving Python

_panels: WeakSet[DockedPanel] = WeakSet()  # also those that were taken out and are still held


@before_leaving
def _take_down() -> None:
    """Delete what is left of the panels, before the binding of Qt does it.

    PyQt walks through its table of all objects as Python ends, and deletes those that Python owns.
    What is deleted calls the event filters that are written in Python, they are handed new objects,
    and when the table grows under the walk, the process ends with a fault.
    """
    if QApplication.instance() is None:
        return
    for panel in tuple(_panels):
        if isalive(panel):
            panel.shut_down()
            panel.deleteLater()
            QApplication.sendPostedEvents(panel, int(QEvent.Type.DeferredDelete))
