"""The kernel editor and the choice of what to take away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QWidget

from unetscope.widgets.inside.ablation_panel import AblationPanel
from unetscope.widgets.inside.kernel_editor import NOTE, PRESETS, KernelEditor
from widgets.inside_panels import DARK, shown_at

# ---- kernel editor


def made(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, list(PRESETS).index(name) + 1.0)


@pytest.fixture
def editor(qtbot: Any) -> KernelEditor:
    panel = KernelEditor(DARK, made)
    shown_at(panel, qtbot)
    panel.show_layer("enc1.conv1", np.arange(2 * 3 * 9.0).reshape(2, 3, 3, 3), out=1, inp=2)
    return panel


def test_the_learned_kernel_is_shown(editor: KernelEditor) -> None:
    assert editor.channels() == (1, 2)
    assert editor.kernel().tolist() == np.arange(45.0, 54).reshape(3, 3).tolist()
    editor.inp.setCurrentIndex(0)
    assert editor.channels() == (1, None)
    assert editor.kernel().tolist() == np.arange(36.0, 45).reshape(3, 3).tolist()  # their mean
    assert editor.note.text() == NOTE


def test_keys_choose_and_change_a_cell(editor: KernelEditor, qtbot: Any) -> None:
    before = editor.kernel()
    qtbot.keyClick(editor.grid, Qt.Key.Key_Left)
    qtbot.keyClick(editor.grid, Qt.Key.Key_Up)
    qtbot.keyClick(editor.grid, Qt.Key.Key_Minus)
    after = editor.kernel()
    assert after[0, 0] == pytest.approx(before[0, 0] - 53 / 20)
    assert (after != before).sum() == 1
    qtbot.keyClick(editor.grid, Qt.Key.Key_Plus, Qt.KeyboardModifier.NoModifier)
    assert editor.kernel()[0, 0] == pytest.approx(before[0, 0])


def test_a_value_can_be_typed(editor: KernelEditor, qtbot: Any) -> None:
    qtbot.keyClick(editor.grid, Qt.Key.Key_Return)
    field = editor.grid._field
    assert field.isVisible()
    field.setText("-1.5")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert editor.kernel()[1, 1] == -1.5
    assert not field.isVisible()
    qtbot.keyClick(editor.grid, Qt.Key.Key_Return)
    qtbot.keyClicks(field, "2,5x")  # a letter is not taken
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert editor.kernel()[1, 1] == 2.5
    qtbot.keyClick(editor.grid, Qt.Key.Key_Return)
    field.setText("-")  # not yet a number: Enter waits
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.isVisible()
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert editor.kernel()[1, 1] == 2.5
    assert not field.isVisible()


def wheel(grid: QWidget, place: QPointF, turn: int) -> QWheelEvent:
    return QWheelEvent(
        place,
        grid.mapToGlobal(place),
        QPoint(),
        QPoint(0, turn),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_the_wheel_changes_a_cell_only_after_a_click(
    editor: KernelEditor, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = editor.kernel()
    scroll = wheel(editor.grid, QPointF(10, 10), 120)
    monkeypatch.setattr(editor.grid, "hasFocus", lambda: False)
    editor.grid.wheelEvent(scroll)
    assert not scroll.isAccepted()
    assert editor.kernel().tolist() == before.tolist()
    monkeypatch.setattr(editor.grid, "hasFocus", lambda: True)
    editor.grid.wheelEvent(wheel(editor.grid, QPointF(10, 10), 120))
    assert editor.kernel()[0, 0] == pytest.approx(before[0, 0] + 53 / 20)


def test_apply_hands_over_a_preset_by_name_and_an_edit_as_numbers(
    editor: KernelEditor, qtbot: Any
) -> None:
    heard: list[tuple[Any, int, Any]] = []
    editor.applied.connect(lambda *told: heard.append(told))
    editor.presets["sobel_x"].click()
    editor.apply.click()
    assert heard.pop() == ("sobel_x", 1, 2)
    assert editor.kernel().tolist() == np.full((3, 3), 1.0).tolist()
    editor.grid.set_value((0, 2), 9.0)
    assert not editor.presets["sobel_x"].isChecked()
    editor.inp.setCurrentIndex(0)  # shows the learned kernels again
    editor.grid.set_value((0, 2), 9.0)
    editor.apply.click()
    kernel, out, inp = heard.pop()
    assert (out, inp) == (1, None)
    assert kernel[0, 2] == 9.0
    assert kernel.dtype == np.float64
    assert editor.keep_strength
    editor.keep.setChecked(False)
    assert not editor.keep_strength


def test_restore_shows_the_learned_kernel_again(editor: KernelEditor, qtbot: Any) -> None:
    before = editor.kernel()
    editor.presets["zero"].click()
    with qtbot.waitSignal(editor.restored):
        editor.restore.click()
    assert editor.kernel().tolist() == before.tolist()


def test_a_volume_kernel_is_edited_slice_by_slice(editor: KernelEditor) -> None:
    assert not editor.z.isVisible()
    editor.show_layer("conv", np.zeros((1, 1, 3, 3, 3)), inp=0)
    assert editor.z.isVisible()
    editor.z.setValue(2)
    editor.grid.set_value((0, 1), 5.0)
    assert np.argwhere(editor.kernel()).tolist() == [[2, 0, 1]]


def test_the_shown_weights_are_a_copy(editor: KernelEditor) -> None:
    weights = np.ones((1, 1, 3, 3))
    editor.show_layer("conv", weights, inp=0)
    editor.grid.set_value((0, 0), 7.0)
    assert weights.max() == 1.0


def test_kernels_need_four_or_five_axes(editor: KernelEditor) -> None:
    with pytest.raises(ValueError, match=r"not of shape \(3, 3\)"):
        editor.show_layer("conv", np.zeros((3, 3)))


# ---- ablation


@pytest.fixture
def ablation(qtbot: Any) -> AblationPanel:
    panel = AblationPanel(DARK)
    shown_at(panel, qtbot)
    return panel


def test_with_nothing_to_choose_nothing_can_be_asked(ablation: AblationPanel) -> None:
    assert not ablation.go.isEnabled()
    assert ablation.part() == ""
    assert "Choose a layer" in ablation.hint.text()


def test_every_kind_of_part_is_named_as_the_engine_reads_it(
    ablation: AblationPanel, qtbot: Any
) -> None:
    ablation.set_skips([("dec3", "enc3 → dec3"), ("dec1", "enc1 → dec1")])
    ablation.set_layer("enc1.conv2", 16, 8)
    ablation.skips.setCurrentIndex(1)
    with qtbot.waitSignal(ablation.asked) as heard:
        ablation.go.click()
    assert heard.args == ["skip:dec1", "mean"]
    ablation.kinds["channel"].setChecked(True)
    ablation.set_channel(3)
    assert ablation.part() == "channel:enc1.conv2:3"
    ablation.kinds["kernel"].setChecked(True)
    ablation.inp.setValue(5)
    ablation.mode.setCurrentIndex(2)
    assert (ablation.part(), ablation.chosen_mode()) == ("kernel:enc1.conv2:3,5", "shuffled")
    with qtbot.waitSignal(ablation.ranking_asked) as heard:
        ablation.rank.click()
    assert heard.args == ["enc1.conv2", "shuffled"]


def test_a_layer_without_kernels_offers_channels_alone(ablation: AblationPanel) -> None:
    ablation.set_layer("relu1", 16)
    assert ablation.part() == "channel:relu1:0"
    assert not ablation.kinds["kernel"].isEnabled()
    assert not ablation.kinds["skip"].isEnabled()


def test_the_engine_reads_the_parts(ablation: AblationPanel) -> None:
    editing = pytest.importorskip("unetscope.inspection.asking.ablation")
    ablation.set_skips([("dec1", "enc1 → dec1")])
    ablation.set_layer("enc1.conv2", 16, 8)
    for kind in ("skip", "channel", "kernel"):
        ablation.kinds[kind].setChecked(True)
        assert type(editing.parse_part(ablation.part())).__name__.lower().startswith(kind)
