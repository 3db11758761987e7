"""Keys that walk a lesson: over the image while a lesson is open, and in the dock.

Over the image of a stack the arrows stay napari's, which go through its slices; there the dock's
own keys, or a click into it, walk on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from unetscope.widgets.kit.keys import Action

LESSON_ACTIONS = (
    Action("lesson_next", "Right", "Next step", "Shows what waits for a guess, then goes on."),
    Action("lesson_back", "Left", "Step before", "Before the first there is the gallery."),
    Action("lesson_reset", "R", "Reset the lesson", "As at first; the screen as it was."),
    Action("lesson_own", "I", "My image", "The lesson on your image, or on the text's numbers."),
    Action("lesson_gallery", "G", "Gallery", "All lessons; the screen as it was."),
)
_ARROWS = ("Left", "Right")


class LessonKeys:
    """Binds on a viewer while :meth:`take` holds, and on the dock for good.

    ``calls`` maps the name of an action to what it does; ``always`` takes the arrows of stacks, too
    (a classroom has nothing else to do with them).
    """

    def __init__(
        self, viewer: Any, calls: Mapping[str, Callable[[], object]], *, always: bool = False
    ) -> None:
        self._viewer, self._always = viewer, always
        self._calls = {one.key: calls[one.name] for one in LESSON_ACTIONS}
        self._taken: tuple[str, ...] = ()
        self._shortcuts: list[QShortcut] = []

    def add_to(self, widget: QWidget) -> None:
        """Let them work while ``widget`` or a part of it has the focus, but in fields of text."""
        for key, call in self._calls.items():
            shortcut = QShortcut(QKeySequence(key), widget)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(call)
            self._shortcuts.append(shortcut)

    def take(self, *, on: bool) -> None:
        """Take the keys over the image, or give them back."""
        stack = self._viewer.dims.ndim > 2 and not self._always
        wanted = tuple(k for k in self._calls if not (stack and k in _ARROWS)) if on else ()
        if wanted == self._taken:
            return
        for key in set(self._taken) - set(wanted):
            self._viewer.bind_key(key, None)
        for key in set(wanted) - set(self._taken):
            self._viewer.bind_key(key, _pressed(self._calls[key]), overwrite=True)
        self._taken = wanted

    def close(self) -> None:
        """Give napari its keys back."""
        self.take(on=False)
        for shortcut in self._shortcuts:
            with suppress(RuntimeError):  # Qt may have deleted it with its widget
                shortcut.setEnabled(False)
                shortcut.deleteLater()
        self._shortcuts.clear()


def _pressed(call: Callable[[], object]) -> Callable[[Any], None]:
    """napari hands the viewer over, which is not needed."""

    def press(_viewer: Any) -> None:
        call()

    return press
