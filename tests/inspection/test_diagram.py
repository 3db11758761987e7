"""Any network as a handful of boxes: which layers make one, how deep it lies, what skips where."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from torch import nn

from inspection.drawn_networks import Chain, Squeezed, U, bundled, drawn, public, skips
from inspection.public_networks import PUBLIC
from unetscope.inspection.following.diagram import Diagram, diagram
from unetscope.inspection.following.stage_groups import FEWEST, MOST
from unetscope.inspection.following.table import Architecture
from unetscope.network.shipped import load_bundled
from unetscope.network.teaching import teaching_network
from unetscope.network.unet import UNet, UNetConfig


def test_the_bundled_network_is_the_u_of_the_textbook() -> None:
    table, found = bundled()
    assert [stage.name for stage in found.stages] == U
    assert [stage.level for stage in found.stages] == [0, 1, 2, 3, 2, 1, 0, 0]
    assert [stage.column for stage in found.stages] == list(range(8))
    assert [stage.channels for stage in found.stages] == [16, 32, 64, 128, 64, 32, 16, 2]
    assert [stage.field for stage in found.stages] == [5, 14, 32, 68, 84, 92, 100, 100]
    assert found.stages[3].shape == (16, 16)
    assert skips(found) == [("enc3", "dec3"), ("enc2", "dec2"), ("enc1", "dec1")]
    assert not any(link.note for link in found.links)
    assert found.stages[1].layers[0] == "pool:1"  # a pooling goes with what follows
    assert sum(stage.parameters for stage in found.stages) == table.parameters


def test_a_volume_network_keeps_its_levels() -> None:
    net = UNet(UNetConfig(ndim=3, widths=(4, 8, 16), norm="batch", upsampling="interpolated"))
    _, found = drawn(net, (16, 32, 32))
    assert [stage.name for stage in found.stages] == [n for n in U if n not in ("enc3", "dec3")]
    assert [stage.level for stage in found.stages] == [0, 1, 2, 1, 0, 0]
    assert all(len(stage.shape) == 3 for stage in found.stages)
    assert skips(found) == [("enc2", "dec2"), ("enc1", "dec1")]


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("lenet5", ["c1", "c3", "c5", "f6", "output"]),
        ("alexnet", ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]),
        ("resnet18", ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]),
    ],
)
def test_textbook_networks(name: str, stages: list[str]) -> None:
    side = 32 if name == "lenet5" else 96
    _, found = drawn(teaching_network(name), (side, side))
    assert [stage.name for stage in found.stages] == stages
    assert found.stages[-1].shape == ()  # a vector has no places
    assert not skips(found)  # those of a ResNet stay inside its stages


def test_an_encoder_that_holds_many_strides_is_opened() -> None:
    _, found = public("smp.Unet")
    names = [stage.name for stage in found.stages]
    assert names[:5] == ["encoder.conv1", *(f"encoder.layer{i}" for i in (1, 2, 3, 4))]
    assert names[5:] == [*(f"decoder.blocks.{i}" for i in range(5)), "segmentation_head"]
    assert [stage.level for stage in found.stages] == [1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 0]
    assert ("encoder.layer3", "decoder.blocks.0") in skips(found)
    notes = [link.note for link in found.links if link.skip]
    assert all(note.startswith("misregistered by (+") for note in notes)  # strided 7×7, nearest


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_layer_of_any_network_is_in_one_box(name: str) -> None:
    table, found = public(name)
    inside = [layer for stage in found.stages for layer in stage.layers]
    assert inside == [row.name for row in table.rows]
    assert FEWEST <= len(found.stages) <= MOST
    names = [stage.name for stage in found.stages]
    assert len(set(names)) == len(names)
    assert sum(stage.parameters for stage in found.stages) == table.parameters
    assert {link.source for link in found.links} | {link.target for link in found.links} <= {*names}
    assert all(found.stage_of(row.name) is not None for row in table.rows)


def test_long_chains_are_put_together_evenly() -> None:
    parts = [m for i in range(20) for m in (nn.Conv2d(4 if i else 1, 4, 3, padding=1), nn.ReLU())]
    _, found = drawn(nn.Sequential(*parts), (32, 32))
    assert [stage.name for stage in found.stages][:2] == ["0–2", "4–6"]
    assert len(found.stages) == 10 and {stage.level for stage in found.stages} == {0}
    assert [stage.field for stage in found.stages] == list(range(5, 42, 4))


def test_a_part_used_twice_is_two_boxes() -> None:
    _, found = drawn(Chain(), (16, 16))
    assert [stage.name for stage in found.stages] == ["first", "block", "between", "block:2"]
    assert found.stage_of("block").name == "block"  # a stage's own name comes first
    assert found.stage_of("block:1").column == 1
    assert found.stage_of("nowhere") is None


def test_a_branch_of_one_cell_is_no_level_of_its_own() -> None:
    net = nn.Sequential(*[Squeezed(4 if i else 1, 4) for i in range(5)])
    _, found = drawn(net, (64, 64))
    assert [stage.name for stage in found.stages] == list("01234")
    assert [stage.level for stage in found.stages] == [1, 2, 3, 4, 5]


def test_a_wrapped_network_and_single_layers() -> None:
    _, found = drawn(nn.Sequential(load_bundled("general")[0]), (64, 64))
    assert [stage.name for stage in found.stages] == [f"0.{name}" for name in U]
    _, single = drawn(nn.Conv2d(1, 2, 3), (16, 16))
    assert [(s.name, s.channels, s.field) for s in single.stages] == [("Conv2d", 2, 3)]
    _, idle = drawn(nn.Sequential(nn.MaxPool2d(2), nn.ReLU()), (1, 16, 16))
    assert len(idle.stages) == 1 and idle.stages[0].level == 1
    assert diagram(Architecture((8, 8), (), ())) == Diagram((), ())


def test_a_skip_from_nowhere_is_not_drawn() -> None:
    table, _ = bundled()
    odd = SimpleNamespace(name="dec1", kind="concatenation", source="image", other="dec1.up")
    late = SimpleNamespace(name="model", kind="addition", source="enc1", other="classifier")
    known = SimpleNamespace(name="model", kind="addition", source="enc1", other="dec2.convs")
    assert skips(diagram(table, [odd, late, known])) == [("enc1", "dec1")]
