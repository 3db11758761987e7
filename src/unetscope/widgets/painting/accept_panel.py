"""Accept and correct: the tools that take the prediction over into the strokes."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QPushButton

from unetscope.session.layers.accept_tools import Tool
from unetscope.widgets.kit.arranging import column, flow
from unetscope.widgets.kit.looks import quiet, small_button
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.workbench import Workbench

_TIPS = {
    Tool.BRUSH: "Paint over what is right: each pixel becomes a label of the class predicted there."
    " Shift: of the class in the brush.",
    Tool.LASSO: "Draw around what is right: all inside becomes labels as predicted."
    " Shift: of the class in the brush.",
    Tool.REGION: "Click a connected predicted region that is right: it becomes labels."
    " Shift: of the class in the brush.",
    Tool.PATCH: "Click a patch of like grey: it is painted with the class in the brush. The size"
    " of the brush sets that of the patch.",
}
_IDLE = "What the prediction has right can be taken over as labels, what you painted stays."


class AcceptPanel(Panel):
    """The helper *Accept*: four tools, one of them on, and a sentence."""

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._accepter = accepter = work.accepter
        self.words = quiet(QLabel())
        self.words.setText(_IDLE)  # a text that is set later is given the lines it needs
        self.buttons: dict[Tool, QPushButton] = {}
        for tool, tip in _TIPS.items():
            button = small_button(tool.value, tip)
            button.setCheckable(True)
            button.clicked.connect(lambda on, chosen=tool: self._clicked(chosen, on=on))
            self.buttons[tool] = button
        column(self, flow(*self.buttons.values()), self.words)
        accepter.told.connect(self._told)
        accepter.tool_changed.connect(self._tool_changed)

    def _clicked(self, tool: Tool, *, on: bool) -> None:
        self._accepter.choose(tool if on else None)
        self._tool_changed(self._accepter.tools.tool)  # also where it could not be chosen

    def _tool_changed(self, tool: Tool | None) -> None:
        for each, button in self.buttons.items():
            button.setChecked(each is tool)
        self._told(_TIPS[tool] if tool is not None else _IDLE)

    def _told(self, text: str) -> None:
        if text:
            self.words.setText(text)

    def called_on(self, *, on: bool) -> None:
        """Closed, it puts its tool away."""
        if not on:
            self._accepter.choose(None)
