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

from unetscope import inspection
from unetscope.looking.questions.why_pixel import PREDICTED
from unetscope.widgets.inside.ablation_panel import AblationPanel
from unetscope.widgets.inside.kernel_editor import KernelEditor
from unetscope.widgets.inside.question_buttons import QuestionButtons
from unetscope.widgets.inside.why_panel import WhyPanel
from unetscope.widgets.kit.looks import NarrowCombo, Tints


class AskPanel(QWidget):
    """Buttons; some unfold what more there is to choose, one at a time: ``unfolded(panel)``."""

    SHOWS = frozenset({"glass", "layer", "channel"})
    unfolded = Signal(QWidget)

    def __init__(self, inspector: Any, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspector, self._inside = inspector, inspector.inside
        self._shown_kernels: Any = None
        self.without = AblationPanel(tints)
        self.kernel = KernelEditor(tints, _preset)
        self.why = WhyPanel()
        self.classes = _ClassesRow()
        self._panels: dict[str, QWidget] = {
            "ablate": self.without,
            "edit": self.kernel,
            "attribution": self.why,
            "dissect": self.classes,
        }
        self.questions = QuestionButtons("ask", tints)
        self.unfolding: dict[str, QPushButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self.questions.row)
        for panel in self._panels.values():
            panel.hide()
            layout.addWidget(panel)
        self._connect()

    def _connect(self) -> None:
        ask = self._inspector.questions.ask
        for name, button in self.questions.buttons.items():
            if name in self._panels:
                self.unfolding[name] = button
                button.toggled.connect(lambda on, own=name: self._unfold(own, on=on))
            else:
                button.clicked.connect(lambda _checked, own=name: ask(own))
        self.without.asked.connect(lambda part, mode: ask("ablate", part=part, mode=mode))
        self.without.ranking_asked.connect(lambda _layer, mode: ask("ablate", mode=mode))
        self.kernel.applied.connect(self._apply_kernel)
        self.kernel.restored.connect(self._inspector.restore)
        self.why.asked.connect(self._ask_why)
        self.classes.asked.connect(lambda every: ask("dissect", every_stage=every))

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        for part in (self.without, self.kernel, self.questions):
            part.set_tints(tints)

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
        self._inspector.questions.ask(
            "edit", kernel=kernel, channel=out, inp=inp, keep_norm=self.kernel.keep_strength
        )

    def _ask_why(self, method: str, region: str, target: int | None) -> None:
        polygon = self._inspector.drawn_polygon() if region == "polygon" else None
        self._inspector.questions.ask(
            "attribution",
            method=method,
            where=region,
            target=PREDICTED if target is None else target,
            polygon=polygon,
        )


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
    return inspection.preset(name, shape)


def _kernels(glass: Any, layer: str) -> Any:
    return inspection.kernels(glass.net, layer).values


def _outputs(glass: Any) -> list[str]:
    last = glass.table.rows[-1].output_shape if glass.table.rows else None
    return [f"output {i}" for i in range(last[0] if last else 1)]
