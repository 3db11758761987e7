"""Objects corrected by hand: join, split, drop, and back."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton

from unetscope.session.measuring.measure_guidance import measure_controls
from unetscope.widgets.kit.arranging import flow
from unetscope.widgets.kit.looks import small_button
from unetscope.widgets.kit.shortcuts import Calls
from unetscope.widgets.measuring.measure_panel import MeasurePanel
from unetscope.workbench.measuring.measure_bench import MeasureBench


class EditPanel(MeasurePanel):
    """A row of buttons: each is one step that can be taken back, also after a restart."""

    SHOWS = frozenset({"found", "selected", "tool", "points", "can_undo", "can_redo", "edits"})

    def __init__(self, bench: MeasureBench) -> None:
        super().__init__(bench)
        editor = bench.editor
        self.undo = small_button("↶", "Take the newest correction back (Z).")
        self.redo = small_button("↷", "Do it again (Shift+Z).")
        self.join = small_button("Join", "Make one object of those that are chosen (J).")
        self.split = small_button("Split", "")
        self.drop = small_button("Drop", "Take the chosen objects away (Backspace).")
        self.split.setCheckable(True)
        self.undo.setAccessibleName("Undo")
        self.redo.setAccessibleName("Redo")
        buttons: dict[QPushButton, object] = {
            self.undo: editor.undo,
            self.redo: editor.redo,
            self.join: editor.join,
            self.split: bench.tools.split,
            self.drop: editor.drop,
        }
        for button, call in buttons.items():
            button.clicked.connect(lambda _checked, do=call: do())
        flow(*buttons, owner=self)

    def keys(self) -> Calls:
        """As they are on the buttons."""
        bench = self._bench
        return {
            "J": bench.editor.join,
            "K": bench.tools.split,
            "Backspace": bench.editor.drop,
            "Delete": bench.editor.drop,
            "Z": bench.editor.undo,
            "Shift-Z": bench.editor.redo,
            "Enter": bench.tools.finish,
            "Escape": bench.tools.give_up,
        }

    def refresh(self) -> None:
        """Show what can be pressed."""
        state, can = self._state, measure_controls(self._state)
        self.setVisible(state.found is not None)
        self.undo.setEnabled(state.can_undo)
        self.redo.setEnabled(state.can_redo)
        self.join.setEnabled(can.join)
        self.drop.setEnabled(can.drop)
        splitting = state.tool == "split"
        self.split.setEnabled(splitting or state.found is not None)
        self.split.setChecked(splitting)
        self.split.setText(f"Split in {len(state.points)}" if len(state.points) > 1 else "Split")
        self.split.setToolTip(
            "Click two points or more on an object, then press it again (K or Enter)."
        )
