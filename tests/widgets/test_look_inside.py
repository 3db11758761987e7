"""The panel "Look inside" with the real engine on a small image."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unetscope.learning.events import EpochDone
from unetscope.learning.persistence import start_model
from unetscope.looking.answers import Pick
from unetscope.session.layers.inside_layers import EFFECTIVE, FIELD
from unetscope.session.values import TrainingStatus

WAIT_MS = 30_000


@pytest.fixture
def look(make_napari_viewer_proxy: Any, qtbot: Any) -> Iterator[Callable[..., Any]]:
    """A viewer with an image and the panel, opened on the bundled network."""
    from unetscope.widgets.inside.look_inside import LookInside

    made: list[Any] = []

    def make(image: Any = None, model: Any = None, **how: Any) -> Any:
        viewer = make_napari_viewer_proxy()
        rng = np.random.default_rng(0)
        viewer.add_image(rng.random((96, 96), np.float32) if image is None else image, **how)
        panel = LookInside(viewer, model)
        made.append(panel)
        viewer.window.add_dock_widget(panel, name="Look inside")
        inspector = panel.inspector

        def settle() -> None:
            qtbot.waitUntil(lambda: not inspector.busy, timeout=WAIT_MS)
            qtbot.wait(20)

        qtbot.waitUntil(lambda: panel.inside.glass is not None or panel.inside.message is not None,
                        timeout=WAIT_MS)  # fmt: skip
        settle()
        return SimpleNamespace(
            viewer=viewer, panel=panel, inside=panel.inside, inspector=inspector,
            ask=inspector.questions.ask, settle=settle,
        )  # fmt: skip

    yield make
    for panel in made:
        panel.shut_down()


def layer(viewer: Any, start: str) -> Any:
    return next((one for one in viewer.layers if one.name.startswith(f"inside: {start}")), None)


def test_the_bundled_network_opens_by_itself_and_shows_nothing_unasked(look) -> None:
    here = look()
    assert here.inside.glass.subject.title == "general-fast"
    stages = [stage.name for stage in here.inside.glass.diagram.stages]
    assert stages[0] == "enc1" and stages[-1] == "classifier" and len(stages) == 8
    assert here.inside.layer.startswith("enc1.")
    assert len(here.viewer.layers) == 1


def test_a_stage_of_the_drawing_shows_its_maps_in_one_placed_layer(look) -> None:
    here = look(scale=(0.5, 0.5), units=("um", "um"))
    here.panel.network_panel.drawing.chosen.emit("enc3")
    here.panel.look_panel.maps.click()
    here.settle()
    shown = layer(here.viewer, "maps of enc3")
    assert shown.data.shape == (64, 24, 24)
    np.testing.assert_allclose(shown.scale, (1, 2, 2))
    np.testing.assert_allclose(shown.translate, (0, 0.75, 0.75))
    assert sum(one.name.startswith("inside: maps") for one in here.viewer.layers) == 1
    here.inspector.choose_layer("enc1.relu1")
    here.settle()
    assert layer(here.viewer, "maps of enc1.relu1").data.shape == (16, 96, 96)
    assert layer(here.viewer, "maps of enc3") is None


def test_slider_and_channel_box_are_one(look) -> None:
    here = look()
    here.panel.look_panel.maps.click()
    here.settle()
    here.panel.look_panel.channel.setValue(5)
    assert here.viewer.dims.current_step[0] == 5
    here.viewer.dims.set_current_step(0, 7)
    assert here.inside.channel == 7 and here.panel.look_panel.channel.value() == 7


def test_the_probe_draws_the_field_and_says_what_is_strongest(look) -> None:
    here = look()
    here.inspector.choose_layer("bottleneck.relu2")
    here.settle()
    said: list[Any] = []
    here.inspector.probe.strongest.connect(said.append)
    here.panel.subject_panel.probe.setChecked(True)
    here.inspector.probe.point_at((40.0, 50.0))
    field = layer(here.viewer, FIELD)
    ends = np.concatenate([field.data[:, 0], field.data[:, 0] + field.data[:, 1]])
    # Cell (5, 6) of the bottleneck sees 68 px around 8·5 + 3.5 and 8·6 + 3.5; 96 px end at 95.5.
    solid = ends[(ends >= -0.5).all(axis=1) & (ends <= 95.5).all(axis=1)]
    assert solid.min(axis=0).tolist() == [9.5, 17.5]
    assert solid.max(axis=0).tolist() == [77.5, 85.5]
    values = here.inspector.probe.maps.values[:, 5, 6]
    assert said[-1] and all(v == pytest.approx(float(values[c])) for c, v, _ in said[-1])
    here.inspector.probe.point_at((40.0, 500.0))  # where the network sees nothing
    assert said[-1] == []
    assert "looks at" in here.panel.subject_panel.label.text()
    assert not any(FIELD in one.name for one in here.viewer.layers)


def test_painting_pauses_for_the_probe_and_gets_its_brush_back(look) -> None:
    here = look()
    strokes = here.viewer.add_labels(np.zeros((96, 96), np.uint8))
    strokes.mode = "paint"
    here.inspector.set_probing(True)
    assert here.viewer.layers.selection.active.name != strokes.name
    here.inspector.set_probing(False)
    assert here.viewer.layers.selection.active.name == strokes.name
    assert str(strokes.mode) == "paint"


def test_a_held_point_gets_the_measured_contour(look, qtbot) -> None:
    here = look()
    here.inspector.set_probing(True)
    here.inspector.probe.point_at((40.0, 50.0))
    qtbot.waitUntil(lambda: layer(here.viewer, EFFECTIVE) is not None, timeout=WAIT_MS)
    lines = layer(here.viewer, EFFECTIVE).data
    assert np.abs(lines[:, 0] - (40, 50)).max() < 5, "outside of a field of 5 px"


def test_the_arithmetic_of_the_chosen_layer_follows_the_point(look, qtbot) -> None:
    here = look()
    told: list[Any] = []
    here.inspector.probe.arithmetic.connect(told.append)
    here.panel.look_panel.arithmetic.setChecked(True)
    qtbot.waitUntil(lambda: here.inspector.probe.microscope is not None, timeout=WAIT_MS)
    here.inspector.probe.point_at((40.0, 50.0))
    value = told[-1]
    assert (value.layer, value.point) == ("enc1.conv2", (40, 50))
    assert value.total == pytest.approx(value.computed, rel=1e-4, abs=1e-5)
    assert not here.panel.look_panel.microscope.isHidden()


@pytest.mark.parametrize(
    ("question", "role"),
    [
        ("kernels", "kernels of enc1.conv2"),
        ("equivariance", "error when moved"),
        ("pca", "colours of enc1"),
        ("maximise", "what enc1"),
    ],
)
def test_a_question_is_answered_by_a_layer_of_the_group(look, question, role) -> None:
    here = look()
    here.ask(question)
    here.settle()
    assert here.inside.message is None
    assert layer(here.viewer, role) is not None and here.inside.shown is not None


def test_without_a_skip_connection_the_mask_changes(look) -> None:
    here = look()
    here.ask("ablate", part="skip:dec1", mode="mean")
    here.settle()
    change = layer(here.viewer, "change of probability")
    assert change.data.shape == (2, 96, 96) and np.abs(change.data).max() > 0.01
    assert here.panel.answer_panel.result.rows.rowCount() == 2


def test_an_edited_kernel_never_touches_the_model(look) -> None:
    here = look()
    before = {k: v.clone() for k, v in here.inside.glass.net.state_dict().items()}
    here.ask("edit", kernel="sobel_x", channel=3)
    here.settle()
    assert layer(here.viewer, "enc1.conv2 #3 with sobel_x") is not None
    assert all(torch.equal(before[k], v) for k, v in here.inside.glass.net.state_dict().items())
    here.panel.ask_panel.kernel.restored.emit()
    assert layer(here.viewer, "enc1.conv2 #3") is None


def test_why_and_which_class_use_the_strokes(look) -> None:
    here = look()
    labels = np.zeros((96, 96), np.uint8)
    labels[10:30, 10:30], labels[60:80, 60:80] = 1, 2
    here.ask("dissect", every_stage=True)
    assert "no strokes" in here.inside.message.text
    here.inspector.layers.paint_with(here.inside.image.key, 1, ())
    here.inspector.layers.strokes_layer(here.inside.image.key).data = labels
    here.ask("dissect")
    here.settle()
    assert here.inside.message is None
    table = here.inside.shown.table
    assert isinstance(table.payloads[0], Pick) and len(table.rows) >= 32
    here.panel.answer_panel.result.row_chosen.emit(Pick("enc2.relu2", 9))
    here.settle()
    assert (here.inside.layer, here.inside.channel) == ("enc2.relu2", 9)
    here.ask("attribution", where="strokes", target=1)
    here.settle()
    why = layer(here.viewer, "why")
    assert why is not None and why.data.max() >= 0


def test_a_newer_question_drops_the_older_one(look) -> None:
    here = look()
    here.ask("maximise")
    here.ask("kernels")
    here.settle()
    assert here.inside.shown.title == "Kernels" and layer(here.viewer, "what enc1") is None


def test_your_own_network_is_looked_into(look) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 2, 3))
    here = look(model=net)
    assert here.inside.source == "own:0"
    here.inspector.choose_layer("2")
    here.inspector.show_maps()
    here.settle()
    shown = layer(here.viewer, "maps of 2")
    assert shown.data.shape == (2, 45, 45)
    np.testing.assert_allclose(shown.translate[1:], (3, 3))
    assert net.training, "the model that was handed over was changed"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (torch.jit.script(nn.Sequential(nn.Conv2d(1, 1, 3))), "TorchScript"),
        (nn.Sequential(nn.Conv2d(5, 1, 3)), None),
        (nn.Sequential(nn.Conv3d(1, 1, 3)), "volumes"),
        (nn.Sequential(nn.Flatten(), nn.Linear(9, 2)), "no part of an image"),
    ],
    ids=["TorchScript", "repeated grey", "volumes", "other sides"],
)
def test_a_network_that_does_not_fit_is_refused_in_words(look, model, message) -> None:
    here = look(model=model)
    assert here.inside.source == "own:0"
    if message is None:
        assert "repeated 5 times" in here.inside.message.text
        return
    assert here.inside.message.tone == "error"
    assert message.lower() in here.inside.message.text.lower()
    here.inspector.networks.choose("bundled:general-fast")
    here.settle()
    assert here.inside.glass.subject.title == "general-fast"


def test_training_is_followed_epoch_by_epoch(look) -> None:
    from unetscope.widgets.painting.paint_train_predict import PaintTrainPredict
    from widgets.fake_engine import FakeJobs

    here = look()
    painting = PaintTrainPredict(here.viewer, FakeJobs())
    try:
        session = painting.session
        model = start_model("general-fast", device="cpu")

        from unetscope.images.classes import LabelClass

        named = (LabelClass(1, "a", "#111111"), LabelClass(2, "b", "#222222"))
        model = model.with_instant(classes=named)
        session.use_model(model, "mine")
        from unetscope.session.values import Phase

        session.training = TrainingStatus(phase=Phase.RUNNING)
        for epoch, factor in ((1, 1.0), (2, 1.5)):
            net = replace_weights(model.features.backbone, factor)
            session.apply(EpochDone(epoch, 1.0, 0.5, None, 0.0, False, model, net))
        here.inspector.networks.choose("model:fine-tuned network")
        here.settle()
        assert here.inside.glass.subject.title.endswith("epoch 2")
        assert [name for name, _ in here.inspector.networks.epochs] == ["epoch 1", "epoch 2"]
        net = replace_weights(model.features.backbone, 2.0)
        session.apply(EpochDone(3, 1.0, 0.5, None, 0.0, False, model, net))
        here.settle()
        assert here.inside.glass.subject.title.endswith("epoch 3")
        here.ask("compare")
        here.settle()
        assert here.inside.message is None
        stack = layer(here.viewer, "enc1")
        assert stack.data.shape[0] == 4, "before training and three epochs"
    finally:
        painting.shut_down()


def replace_weights(net: Any, factor: float) -> Any:
    other = deepcopy(net)
    with torch.no_grad():
        other.enc1.conv1.weight *= factor
    return other


def test_what_is_shown_is_exported_with_a_script_that_makes_it_again(
    look, tmp_path, qtbot, capsys
) -> None:
    here = look()
    here.panel.answer_panel.save.setEnabled(True)
    here.panel.saving.export_to(tmp_path)
    assert "Nothing is shown" in here.inside.message.text
    here.inspector.probe.point_at((40.0, 50.0))
    here.inspector.show_maps()
    here.settle()
    here.panel.saving.export_to(tmp_path)
    qtbot.waitUntil(lambda: not here.panel.saving.lane.busy, timeout=WAIT_MS)
    kinds = {path.suffix for path in tmp_path.iterdir()}
    assert {".png", ".svg", ".tif", ".json", ".py"} <= kinds, here.inside.message
    runpy.run_path(str(tmp_path / "reproduce.py"))
    assert "same numbers" in capsys.readouterr().out


def test_a_report_is_one_page(look, tmp_path, qtbot) -> None:
    here = look()
    here.panel.saving.report_to(tmp_path / "report.html")
    qtbot.waitUntil(lambda: not here.panel.saving.lane.busy, timeout=WAIT_MS)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "bottleneck" in page and "<html" in page and "http://" not in page.split("<svg")[0]


def test_closing_ends_all_work_and_leaves_the_layers(look) -> None:
    here = look()
    here.inspector.show_maps()
    here.settle()
    here.ask("maximise")
    here.inspector.set_probing(True)
    here.panel.shut_down()
    here.panel.shut_down()
    assert not here.inspector.questions.lane.busy and layer(here.viewer, "maps of") is not None
    assert not here.viewer.mouse_move_callbacks


def test_both_themes_and_a_large_font_are_followed(look, qtbot) -> None:
    here = look()
    here.inspector.show_maps()
    here.settle()
    here.viewer.theme = "light"
    font = here.panel.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    here.panel.setFont(font)
    here.panel.resize(300, 900)
    qtbot.wait(50)
    assert here.panel.minimumSizeHint().width() <= 400


def test_an_answer_goes_with_its_network_and_with_its_tool(look: Any, qtbot: Any) -> None:
    opened = look()
    panel, inside = opened.panel, opened.inside
    qtbot.waitUntil(lambda: inside.glass is not None and not panel.inspector.busy, timeout=30000)
    panel.inspector.questions.ask("health")
    qtbot.waitUntil(
        lambda: inside.shown is not None and inside.shown.plot is not None, timeout=30000
    )
    panel.ask_panel.unfolding["dissect"].setChecked(True)
    assert inside.shown is None and panel.answer_panel.result.title.text() == ""
    panel.answer_panel.say("3 files in somewhere.")
    panel.inspector.networks.add("other", torch.nn.Conv2d(1, 2, 3))
    qtbot.waitUntil(lambda: inside.source != "" and not panel.inspector.busy, timeout=30000)
    qtbot.waitUntil(lambda: panel.answer_panel.result.title.text() == "", timeout=5000)
    assert inside.shown is None


def test_a_panel_that_is_taken_out_takes_its_layers_along(look, qtbot) -> None:
    opened = look()
    opened.inspector.show_maps()
    opened.settle()
    assert layer(opened.viewer, "maps") is not None
    opened.viewer.window.remove_dock_widget(opened.panel)
    qtbot.wait(20)
    assert [one.name for one in opened.viewer.layers if one.name.startswith("inside")] == []
    assert len(opened.viewer.layers) == 1
