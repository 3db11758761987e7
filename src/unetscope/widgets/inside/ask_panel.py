"""Questions to the network: without this, another kernel, why, which class, what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from unetscope.widgets.inside.ablation_panel import AblationPanel
from unetscope.widgets.inside.help_button import HelpButton, with_help
from unetscope.widgets.inside.kernel_editor import KernelEditor
from unetscope.widgets.inside.why_panel import WhyPanel
from unetscope.widgets.kit.looks import NarrowCombo, Tints, small_button


class AskPanel(QWidget):
    """Buttons; some unfold what more there is to choose, one at a time: ``unfolded(panel)``."""

    SHOWS = frozenset({"glass", "layer", "channel"})
    unfolded = Signal(QWidget)

    def __init__(self, inspector: Any, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspector, self._inside = inspector, inspector.inside
        self._shown_kernels: Any = None
        ask = inspector.questions
        self.without = AblationPanel(tints)
        self.kernel = KernelEditor(tints, _preset)
        self.why = WhyPanel()
        self.classes = _ClassesRow()
        self.helps: list[HelpButton] = []
        self.unfolding: dict[str, QPushButton] = {}
        buttons = QFlowLayout()
        buttons.setSpacing(3)
        for text, tip, topic, panel in (
            ("Without this …", "Take a part away and compare the masks.", "ablation", self.without),
            ("Edit kernel …", "Write another kernel into a copy.", "kernel editing", self.kernel),
            ("Why this pixel? …", "What speaks for a class, and where.", "attribution", self.why),
            ("Which class? …", "Which channel fires on which of your strokes?", "dissection",
             self.classes),
        ):  # fmt: skip
            button = small_button(text, tip)
            button.setCheckable(True)
            button.toggled.connect(lambda on, own=text: self._unfold(own, on=on))
            self.unfolding[text] = button
            help_button = HelpButton(topic, tints)
            self.helps.append(help_button)
            buttons.addWidget(with_help(button, help_button))
            panel.hide()
        self._panels: dict[str, QWidget] = dict(
            zip(self.unfolding, (self.without, self.kernel, self.why, self.classes), strict=True)
        )
        for text, tip, topic, call in (
            ("Before / after", "What training changed in kernels and maps.", "before/after",
             ask.difference),
            ("Shift test", "Do the maps of the chosen layer move with the image?", "shift test",
             ask.shift),
            ("Health", "Dead channels, checkerboards, fields too small.", "health", ask.health),
        ):  # fmt: skip
            button = small_button(text, tip)
            button.clicked.connect(lambda _checked, call=call: call())
            help_button = HelpButton(topic, tints)
            self.helps.append(help_button)
            buttons.addWidget(with_help(button, help_button))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(buttons)
        for unfolded in self._panels.values():
            layout.addWidget(unfolded)
        self.without.asked.connect(ask.without)
        self.without.ranking_asked.connect(lambda _layer, mode: ask.ranking(mode))
        self.kernel.applied.connect(self._apply_kernel)
        self.kernel.restored.connect(inspector.restore)
        self.why.asked.connect(self._ask_why)
        self.classes.asked.connect(lambda every: ask.which_class(all_layers=every))

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.without.set_tints(tints)
        self.kernel.set_tints(tints)
        for one in self.helps:
            one.set_tints(tints)

    def refresh(self, changed: str) -> None:
        """Show the state."""
        glass = self._inside.glass
        self.setVisible(glass is not None)
        if glass is None:
            return
        if changed in ("glass", "layer", ""):
            self._show_layer(glass)
            self.why.set_classes([one.name for one in glass.subject.classes] or _outputs(glass))
        self.without.set_channel(self._inside.channel)
        if not self.kernel.isVisible():  # what is being written stays
            self.kernel.out.setValue(self._inside.channel)

    def _show_layer(self, glass: Any) -> None:
        self.without.set_skips([(skip.name, _words(skip, glass.skips)) for skip in glass.skips])
        layer = self._inspector.questions.convolution(glass)
        row = next((r for r in glass.table.rows if r.name == layer), None)
        bank = _kernels(glass, layer) if row is not None and "Conv" in row.kind else None
        channels = (row.output_shape or (0,))[0] if row is not None else 0
        self.without.set_layer(layer, channels, bank.shape[1] if bank is not None else 0)
        self.kernel.setEnabled(bank is not None)
        if bank is not None and (layer, glass.subject.key) != self._shown_kernels:
            self._shown_kernels = (layer, glass.subject.key)
            self.kernel.show_layer(layer, bank, min(self._inside.channel, len(bank) - 1))

    def _unfold(self, name: str, *, on: bool) -> None:
        for other, button in self.unfolding.items():
            if other != name and on:
                button.setChecked(False)
        self._panels[name].setVisible(on)
        if on:
            self._inside.shown = None  # an answer of another tool is none of this one
            self.unfolded.emit(self._panels[name])

    def _apply_kernel(self, kernel: Any, out: int, inp: int | None) -> None:
        self._inspector.questions.edited(kernel, out, inp, keep_norm=self.kernel.keep_strength)

    def _ask_why(self, method: str, region: str, target: int | None) -> None:
        polygon = self._inspector.drawn_polygon() if region == "polygon" else None
        self._inspector.questions.why(method, region, target, polygon)


class _ClassesRow(QWidget):
    """Which class?: ``asked(every stage)``, or of the chosen layer alone."""

    asked = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.scope = NarrowCombo()
        self.scope.addItem("every stage", True)
        self.scope.addItem("the chosen layer", False)
        self.go = QPushButton("Compare strokes")
        self.go.setToolTip("Compare every channel with what you have painted.")
        self.go.clicked.connect(lambda _checked: self.asked.emit(bool(self.scope.currentData())))
        row = QHBoxLayout()
        row.addWidget(QLabel("In"))
        row.addWidget(self.scope, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.go)


def _words(skip: Any, skips: Sequence[Any]) -> str:
    """ "enc1 → dec1"; with what it is joined with where one source goes to one place twice."""
    from unetscope.inspection.following.stage_groups import base_name

    place = base_name(skip.name)
    alike = [s for s in skips if s.source == skip.source and base_name(s.name) == place]
    if len(alike) == 1:
        return f"{skip.source} → {place}"
    sign = "beside" if skip.kind == "concatenation" else "+"
    return f"{skip.source} {sign} {skip.other} → {place}"


def _preset(name: str, shape: tuple[int, ...]) -> Any:
    from unetscope.inspection.asking.editing import preset

    return preset(name, shape)


def _kernels(glass: Any, layer: str) -> Any:
    from unetscope.inspection.showing.weights import kernels

    return kernels(glass.net, layer).values


def _outputs(glass: Any) -> list[str]:
    last = glass.table.rows[-1].output_shape if glass.table.rows else None
    return [f"output {i}" for i in range(last[0] if last else 1)]
