"""Write another kernel into the network (a copy of it) and see what becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from unetscope.widgets.inside.kernel_grid import KernelGrid
from unetscope.widgets.kit.looks import NarrowCombo, Tints, line_px, quiet, small_button

PRESETS = {
    "sobel_x": "Sobel x",
    "sobel_y": "Sobel y",
    "laplacian": "Laplacian",
    "gaussian": "Gaussian",
    "sharpen": "Sharpen",
    "mean": "Mean",
    "identity": "Identity",
    "zero": "Zero",
}
NOTE = "Laid on as it stands (cross-correlation), not flipped."
Kernel = NDArray[np.float64]
MakePreset = Callable[[str, tuple[int, ...]], NDArray[Any]]


class KernelEditor(QWidget):
    """A kernel of one layer as a grid to change.

    Signals
    -------
    applied(kernel, out, inp) : write this in. ``kernel`` is a preset's name where one was chosen
        and not changed since, else a float64 array ([z,] y, x); ``out`` the output channel;
        ``inp`` the input channel, None for all of them. :attr:`keep_strength` goes with it.
    restored() : the network as it was.

    Parameters
    ----------
    make_preset : a preset's array for a kernel of a shape ([z,] y, x); without it a preset is not
        shown before it is applied.
    """

    applied = Signal(object, int, object)
    restored = Signal()

    def __init__(
        self, tints: Tints, make_preset: MakePreset | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.make_preset = make_preset
        self._kernels: NDArray[np.floating[Any]] = np.zeros((1, 1, 3, 3))
        self._kernel: Kernel = np.zeros((3, 3))
        self._preset: str | None = None
        self.title = quiet(QLabel())
        self.out = QSpinBox()
        self.inp = NarrowCombo()
        self.z = QSpinBox()
        self.grid = KernelGrid(tints)
        self.keep = QCheckBox("Keep strength")
        self.apply = QPushButton("Apply")
        self.restore = QPushButton("Restore")
        self.note = quiet(QLabel(NOTE))
        self.presets: dict[str, QPushButton] = {}
        self._explain()
        self._lay_out()
        self._connect()
        self.set_tints(tints)

    @property
    def keep_strength(self) -> bool:
        """Whether the kernel is scaled to the norm of the one it takes the place of."""
        return self.keep.isChecked()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self.grid.tints = tints
        self.title.setStyleSheet(f"color: {tints.text}; font-weight: bold;")
        self.note.setStyleSheet(f"color: {tints.faint};")
        self.grid.update()

    def show_layer(
        self, layer: str, kernels: NDArray[np.floating[Any]], out: int = 0, inp: int | None = None
    ) -> None:
        """Show the kernels (out, in, [z,] y, x) of a layer, at first that of ``out`` and ``inp``.

        Raises
        ------
        ValueError
            If the array has not four or five axes.
        """
        if kernels.ndim not in (4, 5):
            raise ValueError(f"kernels are (out, in, [z,] y, x), not of shape {kernels.shape}.")
        self._kernels = np.array(kernels)
        self.title.setText(f"Kernel of {layer}")
        pickers: tuple[QWidget, ...] = (self.out, self.inp, self.z)
        for picker in pickers:
            picker.blockSignals(True)
        self.out.setRange(0, len(kernels) - 1)
        self.out.setValue(out)
        self.inp.clear()
        self.inp.addItem("all", None)
        for i in range(kernels.shape[1]):
            self.inp.addItem(f"{i}", i)
        self.inp.setCurrentIndex(0 if inp is None else inp + 1)
        volume = kernels.ndim == 5
        self.z.setRange(0, kernels.shape[2] - 1 if volume else 0)
        self.z.setValue(kernels.shape[2] // 2 if volume else 0)
        self.z.setVisible(volume)
        self._z_label.setVisible(volume)
        for picker in pickers:
            picker.blockSignals(False)
        self.reset()

    def channels(self) -> tuple[int, int | None]:
        """Output channel, and input channel or None for all."""
        return self.out.value(), self.inp.currentData()

    def kernel(self) -> Kernel:
        """The kernel as it stands in the grid, ([z,] y, x)."""
        return self._kernel.copy()

    def reset(self) -> None:
        """Show the layer's own kernel again; for all input channels, their mean."""
        out, inp = self.channels()
        own = self._kernels[out].mean(axis=0) if inp is None else self._kernels[out, inp]
        self._take(np.asarray(own, dtype=np.float64), None)

    def _take(self, kernel: Kernel, preset: str | None) -> None:
        self._kernel = np.array(kernel, dtype=np.float64)
        self._preset = preset
        for name, button in self.presets.items():
            button.setChecked(name == preset)
        self._show_plane()

    def _show_plane(self) -> None:
        plane = self._kernel[self.z.value()] if self._kernel.ndim == 3 else self._kernel
        self.grid.show_values(plane, float(np.abs(self._kernel).max()))

    def _edited(self) -> None:
        index = (self.z.value(),) if self._kernel.ndim == 3 else ()
        self._kernel[index] = self.grid.values
        self._preset = None
        for button in self.presets.values():
            button.setChecked(False)

    def _choose_preset(self, name: str) -> None:
        if self.make_preset is None:
            self._take(self._kernel, name)
        else:
            self._take(np.asarray(self.make_preset(name, self._kernel.shape)), name)

    def _apply(self) -> None:
        out, inp = self.channels()
        self.applied.emit(self._preset or self.kernel(), out, inp)

    def _restore(self) -> None:
        self.reset()
        self.restored.emit()

    def _explain(self) -> None:
        self.out.setToolTip("The output channel (feature map) whose kernel is changed.")
        self.inp.setToolTip("The input channel it reads. “all”: the same kernel for every one.")
        self.z.setToolTip("The slice of the kernel shown below.")
        self.keep.setToolTip(
            "Scale the new kernel to the strength (the root of the sum of squares) of the old one, "
            "so that what follows gets values of the size it is used to."
        )
        self.keep.setChecked(True)
        self.apply.setToolTip("Write the kernel into a copy of the network; yours stays as it is.")
        self.restore.setToolTip("Back to the kernel that was learned.")

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.title)
        pickers, slices = QFlowLayout(), QHBoxLayout()  # one below the other in a large font
        self._z_label = QLabel("slice z")
        for label, part in ((QLabel("out"), self.out), (QLabel("in"), self.inp)):
            label.setToolTip(part.toolTip())
            pair = QWidget()
            row = QHBoxLayout(pair)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(label)
            row.addWidget(part, 1)
            pickers.addWidget(pair)
        slices.addWidget(self._z_label)
        slices.addWidget(self.z, 1)
        layout.addLayout(pickers)
        layout.addLayout(slices)
        layout.addWidget(self.grid)
        layout.addLayout(self._preset_buttons())
        layout.addWidget(self.keep)
        buttons = QHBoxLayout()
        buttons.addWidget(self.apply, 1)
        buttons.addWidget(self.restore, 1)
        layout.addLayout(buttons)
        layout.addWidget(self.note)

    def _preset_buttons(self) -> QFlowLayout:
        rows = QFlowLayout()  # as many side by side as there is room for
        rows.setSpacing(3)
        for name, text in PRESETS.items():
            button = small_button(text, f"Lay a {text} kernel into the grid.")
            button.setCheckable(True)
            button.clicked.connect(lambda _checked, name=name: self._choose_preset(name))
            self.presets[name] = button
            rows.addWidget(button)
        return rows

    def _connect(self) -> None:
        self.out.valueChanged.connect(lambda _value: self.reset())
        self.inp.currentIndexChanged.connect(lambda _index: self.reset())
        self.z.valueChanged.connect(lambda _value: self._show_plane())
        self.grid.edited.connect(self._edited)
        self.apply.clicked.connect(lambda _checked: self._apply())
        self.restore.clicked.connect(lambda _checked: self._restore())
        for part in (self.out, self.z):
            part.setMinimumHeight(round(line_px(self) * 1.4))
            part.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
