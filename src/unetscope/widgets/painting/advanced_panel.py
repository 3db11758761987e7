"""What is folded away: settings that most people never touch, each with a word on when to."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox, SpinBox
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from unetscope.session.values import AdvancedSettings
from unetscope.widgets.kit.fold import Fold
from unetscope.widgets.kit.looks import LARGE_PX, NarrowCombo, line_px
from unetscope.widgets.kit.panel import Panel
from unetscope.workbench.workbench import Workbench

_TIPS = {
    "learning_rate": "How big a step the network learns in. Smaller is steadier and slower; lower "
    "it when the loss jumps up and down.",
    "patience_epochs": "Training ends after so many epochs without a gain on held-back pixels. "
    "Raise it for large, difficult data.",
    "patch_px": "Side of the squares the network learns from. Raise it when structures are larger "
    "than this; it takes more memory.",
    "batch_size": "Patches per step. Raise it on a GPU with memory to spare.",
    "validation_fraction": "Share of your strokes that is held back to judge training honestly. "
    "Lower it when you have painted very little.",
    "seed": "One seed gives the same result again on the same machine. Change it to see how much "
    "of a result is luck.",
}
_LABELS = {
    "learning_rate": "Learning rate",
    "patience_epochs": "Patience (epochs)",
    "patch_px": "Patch (px)",
    "batch_size": "Batch",
    "validation_fraction": "Held back",
    "seed": "Seed",
}


class AdvancedPanel(Panel):
    """The fold: how training goes, and which layer is painted on."""

    def __init__(self, work: Workbench) -> None:
        super().__init__(work)
        self._work = work
        self.fold = Fold("Advanced")
        self.fields = _fields(work.trainer.advanced)
        inner = QWidget()
        self.rows = rows = QFormLayout(inner)
        rows.setContentsMargins(4, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.paint_on = NarrowCombo()
        self.paint_on.setToolTip(
            "The labels layer that is painted on and learned from. Choose one of your own to "
            "learn from labels you have already."
        )
        self.paint_on.activated.connect(self._adopted)
        rows.addRow(_label("Paint on", self.paint_on.toolTip()), self.paint_on)
        for name, field in self.fields.items():
            field.native.setToolTip(_TIPS[name])
            rows.addRow(_label(_LABELS[name], _TIPS[name]), field.native)
            field.changed.connect(self._edited)
        self.fold.addWidget(inner)
        self.fold.alone_in(self)
        self._connections.connect(work.layers.images_changed, self._offer_layers)

    def settings(self) -> AdvancedSettings:
        """The settings as they stand."""
        return AdvancedSettings(**{name: field.value for name, field in self.fields.items()})

    def refresh(self) -> None:
        """Fields as high as the font needs; napari's style fixes their height otherwise."""
        line = line_px(self.paint_on)
        for field in self.fields.values():
            field.native.setMinimumHeight(round(line * 1.4))
        self.rows.setVerticalSpacing(max(2, line // 4))
        wide = line < LARGE_PX
        policy = QFormLayout.RowWrapPolicy
        self.rows.setRowWrapPolicy(policy.DontWrapRows if wide else policy.WrapAllRows)
        self.fold.fit()
        self._offer_layers()

    def _offer_layers(self) -> None:
        """List the labels layers that can be painted on."""
        layers, image, chosen = self._work.layers, self._session.image, ""
        self.paint_on.clear()
        self.paint_on.addItem("a new layer", "")
        if image is not None and layers.layer(image.key) is not None:
            strokes = layers.strokes_layer(image.key)
            chosen = str(strokes.unique_id) if strokes is not None else ""
            for key, name in layers.adoptable(image.key):
                self.paint_on.addItem(name, key)
        self.paint_on.setCurrentIndex(max(0, self.paint_on.findData(chosen)))

    def _edited(self, value: Any) -> None:
        self._work.trainer.advanced = self.settings()

    def _adopted(self, index: int) -> None:
        key = self.paint_on.itemData(index)
        if key:
            self._work.adopt(key)


def _fields(settings: AdvancedSettings) -> dict[str, Any]:
    made: dict[str, Any] = {
        "learning_rate": FloatSpinBox(value=settings.learning_rate, min=1e-6, max=0.1, step=1e-4),
        "patience_epochs": SpinBox(value=settings.patience_epochs, min=1, max=1000),
        "patch_px": ComboBox(value=settings.patch_px, choices=[64, 128, 192, 256, 384, 512]),
        "batch_size": SpinBox(value=settings.batch_size, min=1, max=256),
        "validation_fraction": FloatSpinBox(
            value=settings.validation_fraction, min=0.0, max=0.5, step=0.05
        ),
        "seed": SpinBox(value=settings.seed, min=0, max=2**31 - 1),
    }
    return made


def _label(text: str, tip: str) -> QLabel:
    label = QLabel(text)
    label.setToolTip(tip)
    return label
