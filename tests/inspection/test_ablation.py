"""Skip connections are found, parts are taken away, and the difference is counted rightly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inspection.public_networks import PUBLIC
from unetscope.errors import LabelError, ModelError
from unetscope.inspection.asking.ablation import (
    Channel,
    KernelOf,
    Skip,
    ablate,
    ablation_ranking_steps,
    parse_part,
)
from unetscope.inspection.asking.steps import finished
from unetscope.inspection.following.joins import skip_connections
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig, initialise
from unetscope.pretraining.datasets import dataset, scenes


@pytest.fixture(scope="module")
def net() -> UNet:
    return initialise(UNet(UNetConfig(widths=(4, 6, 8), classes=3)), 0).eval()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(32, 40)).astype(np.float32)


class Residual(nn.Module):
    """A skip round two convolutions, joined in place, with a projection; and one of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.project = nn.Conv2d(1, 4, 1)
        self.last = nn.Conv2d(5, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        maps = self.second(torch.relu(self.first(image)))
        maps += self.project(image)  # made later than the main path, and still the short way
        return self.last(torch.cat([maps, image], 1))


def test_the_skips_of_the_bundled_network_come_from_the_way_down() -> None:
    skips = skip_connections(load_bundled("general-fast")[0], (64, 64))
    found = [(s.name, s.source, s.other, s.operand, s.channels, s.kind) for s in skips]
    assert found == [
        ("dec3", "enc3", "dec3.up", 0, 64, "concatenation"),
        ("dec2", "enc2", "dec2.up", 0, 32, "concatenation"),
        ("dec1", "enc1", "dec1.up", 0, 16, "concatenation"),
    ]


def test_the_skips_of_a_volume_network_are_found_too() -> None:
    net = UNet(UNetConfig(ndim=3, widths=(2, 2, 2)))
    assert [s.source for s in skip_connections(net, (8, 8, 8))] == ["enc2", "enc1"]


def test_the_skips_of_a_segmentation_models_unet() -> None:
    make, shape = PUBLIC["smp.Unet"]
    joined = [s for s in skip_connections(make(), shape) if s.kind == "concatenation"]
    sources = ["encoder.layer3", "encoder.layer2", "encoder.layer1", "encoder.relu"]
    assert [s.source for s in joined] == sources
    assert [s.name for s in joined] == [f"decoder.blocks.{i}" for i in range(4)]


def test_the_skips_of_a_resnet_are_the_ways_round_its_blocks() -> None:
    make, shape = PUBLIC["resnet18"]
    skips = skip_connections(make(), shape)
    assert len(skips) == 8 and {s.kind for s in skips} == {"addition"}
    by_name = {s.name: s for s in skips}
    assert by_name["layer1.1"].source == "layer1.0"
    assert by_name["layer2.0"].source == "layer2.0.downsample"
    assert by_name["layer2.0"].other == "layer2.0.bn2"


def test_the_short_way_is_the_skip_and_names_are_unique() -> None:
    skips = skip_connections(Residual(), (16, 16))
    assert [(s.name, s.kind, s.source, s.operand) for s in skips] == [
        ("model", "addition", "project", 1),
        ("model:2", "concatenation", "image", 1),
    ]


def test_a_chain_has_no_skips_and_torchscript_is_refused() -> None:
    chain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3))
    assert skip_connections(chain, (16, 16)) == ()
    with pytest.raises(ModelError, match="TorchScript"):
        skip_connections(torch.jit.trace(chain, torch.zeros(1, 1, 16, 16)), (16, 16))


def without_skip_by_hand(net: UNet, image: np.ndarray) -> np.ndarray:
    """The same answer with the weights that read the skip of dec1 set to zero."""
    copy = UNet(net.config).eval()
    copy.load_state_dict(net.state_dict())
    with torch.no_grad():
        copy.dec1.convs.conv1.weight[:, : net.config.widths[0]] = 0
        return copy(torch.from_numpy(image)[None, None])[0].softmax(0).numpy()


def test_a_skip_set_to_zero_is_one_nobody_reads(net, image) -> None:
    found = ablate(net, image, Skip("dec1"), "zero")
    np.testing.assert_allclose(
        found.probabilities_after, without_skip_by_hand(net, image), atol=1e-6
    )
    assert "off-distribution" in found.note
    assert found.changed_share == (found.mask_before != found.mask_after).mean() > 0
    np.testing.assert_allclose(found.probability_change.sum(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize("name", ["model", "model:2"])
@pytest.mark.parametrize("mode", ["zero", "mean", "shuffled"])
def test_an_addition_and_the_image_itself_can_be_taken_away(name, mode, image) -> None:
    torch.manual_seed(1)
    net = Residual().eval()
    found = ablate(net, image, Skip(name), mode)
    batch = torch.from_numpy(image)[None, None]

    def put(maps: Tensor) -> Tensor:
        if mode == "shuffled":
            order = torch.randperm(image.size, generator=torch.Generator().manual_seed(0))
            return maps.flatten(2)[:, :, order].reshape(maps.shape)
        return maps * 0 if mode == "zero" else maps.mean(dim=(2, 3), keepdim=True).expand_as(maps)

    with torch.no_grad():
        side, picture = net.project(batch), batch
        side, picture = (put(side), picture) if name == "model" else (side, put(picture))
        maps = net.second(torch.relu(net.first(batch))) + side
        expected = net.last(torch.cat([maps, picture], 1))[0].softmax(0).numpy()
    np.testing.assert_allclose(found.probabilities_after, expected, atol=1e-5)


def test_a_channel_set_to_zero_is_one_nobody_reads(net, image) -> None:
    found = ablate(net, image, Channel("enc1.relu1", 2), "zero")
    copy = UNet(net.config).eval()
    copy.load_state_dict(net.state_dict())
    with torch.no_grad():
        copy.enc1.conv2.weight[:, 2] = 0
        expected = copy(torch.from_numpy(image)[None, None])[0].softmax(0).numpy()
    np.testing.assert_allclose(found.probabilities_after, expected, atol=1e-6)


def test_a_call_of_a_shared_layer_can_be_named(net, image) -> None:
    first, last = (ablate(net, image, f"channel:{name}:0", "zero") for name in ("pool:1", "pool"))
    assert not np.array_equal(first.probabilities_after, last.probabilities_after)


@pytest.mark.parametrize("mode", ["zero", "mean", "shuffled"])
def test_a_kernel_is_replaced_by_its_own_values(net, image, mode) -> None:
    found = ablate(net, image, "kernel:enc1.conv2:1,3", mode)
    kernel = net.enc1.conv2.weight[1, 3].detach()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    put = {
        "zero": torch.zeros(3, 3),
        "mean": kernel.mean().expand(3, 3),
        "shuffled": kernel.flatten()[order].reshape(3, 3),
    }[mode]
    copy = UNet(net.config).eval()
    copy.load_state_dict(net.state_dict())
    with torch.no_grad():
        copy.enc1.conv2.weight[1, 3] = put
        expected = copy(torch.from_numpy(image)[None, None])[0].softmax(0).numpy()
    np.testing.assert_allclose(found.probabilities_after, expected, atol=1e-5)


def test_a_kernel_of_one_tap_says_that_nothing_changes(net, image) -> None:
    found = ablate(net, image, KernelOf("classifier", 0, 0), "shuffled")
    assert found.changed_share == 0 and "use zero" in found.note


def test_dice_against_strokes_counts_labelled_pixels_only(net, image) -> None:
    before = ablate(net, image, "skip:dec1", "zero").mask_before
    labels = np.zeros(image.shape, dtype=np.uint8)
    labels[:, :20] = before[:, :20] + 1  # painted as the network says, the right half not at all
    labels[labels == 3] = 0  # and the third class nowhere
    found = ablate(net, image, "skip:dec1", "zero", labels=labels)
    assert found.dice_before is not None and found.dice_after is not None
    assert found.dice_before[:2] == (1.0, 1.0) and np.isnan(found.dice_before[2])
    painted = labels > 0
    said = found.mask_after[painted] == 0
    true = labels[painted] == 1
    dice = 2 * (said & true).sum() / (said.sum() + true.sum())
    assert found.dice_after[0] == pytest.approx(dice)


def test_one_output_channel_is_two_classes(image) -> None:
    net = initialise(UNet(UNetConfig(widths=(4, 6), classes=1)), 0).eval()
    found = ablate(net, image, "skip:dec1")
    with torch.no_grad():
        chance = net(torch.from_numpy(image)[None, None])[0, 0].sigmoid().numpy()
    np.testing.assert_allclose(found.probabilities_before[1], chance, atol=1e-6)
    np.testing.assert_array_equal(found.mask_before, chance > 0.5)


def test_the_model_is_left_alone(net, image) -> None:
    net.train()
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    for part in ("skip:dec1", "channel:enc1.conv1:0", "kernel:enc1.conv1:0,0"):
        ablate(net, image, part)
    assert net.training
    assert all(torch.equal(weights[n], value) for n, value in net.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    net.eval()


def test_the_ranking_puts_the_channel_that_matters_first(net, image) -> None:
    found = finished(ablation_ranking_steps(net, image, "enc1.conv2", "zero"))
    assert sorted(e.channel for e in found) == [0, 1, 2, 3]
    assert [e.changed_share for e in found] == sorted(e.changed_share for e in found)[::-1]
    one = ablate(net, image, Channel("enc1.conv2", found[0].channel), "zero")
    assert found[0].changed_share == one.changed_share


def test_on_a_micrograph_the_mask_needs_the_uppermost_skip(shared_data) -> None:
    """Where something is comes over the skip: without it over 1 % of the mask differs."""
    scene = next(scenes(shared_data, dataset("vnc_sstem"), limit=1))
    pixels = np.asarray(scene.image, dtype=np.float32)[:256, :256]
    low, high = np.percentile(pixels, [1, 99])
    found = ablate(load_bundled("general-fast")[0], (pixels - low) / (high - low), "skip:dec1")
    assert 0.01 < found.changed_share < 1
    assert min(found.dice_between) < 0.99


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("skip:dec9", "dec1"),
        ("channel:enc1.conv1:99", "0 to 3"),
        ("channel:nowhere:0", "nowhere"),
        ("kernel:enc1.conv1:0,1", "0 to 0"),
        ("kernel:enc1.relu1:0,0", "no kernels"),
        ("dec1", "skip:NAME"),
        ("channel:enc1.conv1:x", "LAYER:NUMBER"),
        ("kernel:enc1.conv1:3", "OUT,IN"),
    ],
)
def test_a_part_that_is_not_there_is_refused(net, image, part, words) -> None:
    with pytest.raises(ModelError, match=words):
        ablate(net, image, part)


def test_parts_are_read_as_they_are_written() -> None:
    for part in (Skip("block:2"), Channel("pool:2", 3), KernelOf("enc1.conv1", 3, 0)):
        assert parse_part(str(part)) == part


def test_other_bad_input_is_refused(net, image) -> None:
    with pytest.raises(ModelError, match="median"):
        ablate(net, image, "skip:dec1", "median")
    with pytest.raises(LabelError, match="shape"):
        ablate(net, image, "skip:dec1", labels=np.zeros((3, 3), dtype=int))
    with pytest.raises(LabelError, match="3 classes"):
        ablate(net, image, "skip:dec1", labels=np.full(image.shape, 4))
    with pytest.raises(LabelError, match="float"):
        ablate(net, image, "skip:dec1", labels=np.zeros(image.shape))
    flat = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ModelError, match="logits"):
        ablate(flat, image, "channel:0:0")
