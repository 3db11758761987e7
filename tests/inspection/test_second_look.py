"""Looking inside a network that sees its image twice: as it is and at its quarter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from inspection.drawn_networks import drawn_looks, two_looks
from unetscope import inspection
from unetscope.inspection.following.sharing import repeated_parts, weight_owners, with_same_weights
from unetscope.inspection.writing.network_drawing import network_svg


def test_shared_weights_are_counted_once_and_their_owner_is_named() -> None:
    net, _ = two_looks()
    table, found = drawn_looks()
    assert table.parameters == sum(p.numel() for p in net.parameters())
    rows = {row.name: row for row in table.rows}
    assert rows["context.enc2.conv1"].parameters == 0
    assert rows["context.enc2.conv1"].remark == "the weights of enc2.conv1"
    assert rows["enc2.conv1"].remark == ""
    assert {row.shares for name, row in rows.items() if not name.startswith("context.")} == {""}
    assert sum(stage.parameters for stage in found.stages) == table.parameters


def test_parts_that_only_repeat_others_are_known() -> None:
    net, _ = two_looks()
    assert repeated_parts(net) == ("context",)
    assert weight_owners(net)["context.dec1.up.conv"] == "dec1.up.conv"
    assert with_same_weights(net, "context.enc1.conv2") == ("enc1.conv2",)
    assert with_same_weights(net, "enc1.conv2") == ("context.enc1.conv2",)
    assert with_same_weights(net, "classifier") == ()
    assert repeated_parts(net.dec1) == () and weight_owners(net.dec1) == {}


def test_the_second_look_is_a_u_below_the_first() -> None:
    _, found = drawn_looks()
    places = {stage.name: (stage.slot, stage.level) for stage in found.stages}
    assert places == {
        "filters": (0, 0), "enc1": (1, 0), "enc2": (2, 1), "bottleneck": (3, 2),
        "dec2": (4, 1), "dec1": (5, 0), "classifier": (6, 0),
        "context.enc1": (1, 2), "context.enc2": (2, 3), "context.bottleneck": (3, 4),
        "context.dec2": (4, 3), "context.dec1": (5, 2),
    }  # fmt: skip
    assert found.stage_of("context.dec2").shares == "dec2"
    flows = {(link.source, link.target) for link in found.links if not link.skip}
    assert ("dec1", "context.enc1") not in flows and ("filters", "enc1") not in flows
    assert ("context.dec1", "classifier") in flows
    skips = {(link.source, link.target) for link in found.links if link.skip}
    assert {(name, "classifier") for name in ("filters", "dec1", "dec2", "context.dec2")} <= skips
    assert not any(link.note for link in found.links)
    assert str(network_svg(found)).count("<rect") == len(found.stages)


def test_the_answer_sees_four_times_as_far() -> None:
    net, image = two_looks()
    trace = inspection.follow(net, image.shape)
    at = (112, 100)
    near = inspection.receptive_field(trace, image.shape, "dec1", at)
    far = inspection.receptive_field(trace, image.shape, "classifier", at)
    assert min(far.size) > 3 * max(near.size)
    asked = image[None].clone().requires_grad_()
    (slope,) = torch.autograd.grad(net(asked)[0, 0][at], asked)
    seen = slope[0, 0] != 0
    rows, columns = (slice(a, b + 1) for a, b in zip(far.lo, far.hi, strict=True))
    assert seen.sum() == seen[rows, columns].sum()
    rows, columns = (slice(a, b + 1) for a, b in zip(near.lo, near.hi, strict=True))
    assert seen.sum() > seen[rows, columns].sum()


def test_maps_of_the_second_look_lie_on_its_cells() -> None:
    net, image = two_looks()
    layers = ["context.shrink", "context.enc1.relu2"]
    maps = inspection.feature_maps(net, image, layers)
    assert maps[layers[1]].scale == (4.0, 4.0) and maps[layers[1]].translate == (1.5, 1.5)
    small = functional.avg_pool2d(image[None], 4)
    torch.testing.assert_close(torch.from_numpy(maps[layers[0]].values), small[0])
    torch.testing.assert_close(torch.from_numpy(maps[layers[1]].values), net.enc1(small)[0])
    region = (slice(96, 128), slice(64, 112))
    part = inspection.feature_maps(net, image, layers[1:], region=region)[layers[1]]
    whole = maps[layers[1]].values[:, 24:32, 16:28]
    np.testing.assert_allclose(part.values, whole, atol=1e-5)


@pytest.mark.parametrize("layer", ["enc2.conv1", "context.enc2.conv1"])
def test_an_edited_kernel_is_another_one_in_both_looks(layer: str) -> None:
    net, image = two_looks()
    change = inspection.edited(net, layer, "laplacian", out=1)
    (other,) = change.also
    assert {layer, other} == {"enc2.conv1", "context.enc2.conv1"}
    for name in (layer, other):
        now = inspection.kernels(change.model, name).values[1]
        np.testing.assert_array_equal(now, change.after)
        assert not np.array_equal(now, inspection.kernels(net, name).values[1])
    removed = inspection.ablate(net, image, f"kernel:{layer}:1,0", "zero")
    assert f"{other} has the same weights and is without it, too." in removed.note


def test_a_join_of_the_second_look_can_be_taken_away() -> None:
    net, image = two_looks()
    joins = inspection.skip_connections(net, image.shape)
    assert {"context.dec1", "dec1"} <= {join.name for join in joins}
    assert {"filters", "context.dec2"} <= {j.source for j in joins if "classifier" in j.name}
    change = inspection.ablate(net, image, "skip:context.dec1", "zero").probability_change
    assert np.abs(change).max() > 0


def test_what_is_said_of_kernels_is_said_once() -> None:
    net, image = two_looks()
    changed = inspection.edited(net, "enc1.conv2", "gaussian", out=0).model
    found = inspection.compare(net, changed)
    assert not any(layer.layer.startswith("context.") for layer in found.layers)
    assert [row.layer for row in found.rows if row.relative_change] == ["enc1.conv2"]
    said = [finding.text for finding in inspection.health(net, [image]).findings]
    assert any("2 transposed convolutions" in text for text in said)
    cam = inspection.attribution(net, image, 1, (100, 100))
    assert cam.layer == "bottleneck.relu2"  # not the coarser one of the second look


def test_the_report_draws_both_looks() -> None:
    net, image = two_looks()
    page = inspection.report(net, image.numpy(), name="two looks", health=False)
    assert "context.bottleneck" in page and "the weights of enc1.conv1" in page
    assert "Dashed boxes have the same weights" in page
    assert "misregistered" not in page and "do not lie" not in page
