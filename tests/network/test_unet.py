"""The U-Net against formulas worked out by hand: weights, shapes, and how far it sees."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.network.unet import UNet, UNetConfig, initialise

FAST, LARGE = (16, 32, 64, 128), (32, 64, 128, 256)
COMPACT, ORIGINAL = (*LARGE, 512), (64, 128, 256, 512, 1024)


def parameters(config: UNetConfig) -> int:
    with torch.device("meta"):  # counts need no memory
        return sum(p.numel() for p in UNet(config).parameters())


def by_formula(config: UNetConfig) -> int:
    """Every layer of the diagram: kernels, then biases or the two numbers of a batch norm."""
    kernel, doubling = 3**config.ndim, 2**config.ndim
    if config.upsampling == "interpolated":
        doubling = 1
    per_map = 2 if config.norm == "batch" else 1  # scale and shift, or a bias

    def block(inputs: int, outputs: int) -> int:
        return kernel * (inputs * outputs + outputs**2) + 2 * per_map * outputs

    down = [config.in_channels, *config.widths]
    total = sum(block(a, b) for a, b in pairwise(down))
    for here, below in pairwise(config.widths):
        total += doubling * below * here + here + block(2 * here, here)
    return total + config.widths[0] * config.classes + config.classes


@pytest.mark.parametrize(
    ("widths", "norm", "count"),
    [
        # 16-32-64-128: kernels 9 · 48,656 + up 4 · 10,752 + 112 + norm 4 · 352 + classifier 34
        (FAST, "batch", 482_466),
        (FAST, "none", 481_762),
        # enc 9,632 + 55,552 + 221,696, bottleneck 885,760, dec 574,080 + 143,680 + 36,000, 66
        (LARGE, "batch", 1_926_466),
        (LARGE, "none", 1_925_058),
        # one more stage: bottleneck 3,540,992 and dec4 524,544 + 1,770,496
        (COMPACT, "batch", 7_762_498),
        (COMPACT, "none", 7_759_554),
        # enc 37,696 … 3,540,992, bottleneck 14,159,872, dec 9,177,600 … 143,680, 130
        (ORIGINAL, "batch", 31_036_546),
        (ORIGINAL, "none", 31_030_658),
    ],
)
def test_parameters_are_those_counted_by_hand(widths, norm, count) -> None:
    config = UNetConfig(widths=widths, norm=norm)
    assert parameters(config) == count == by_formula(config)


@pytest.mark.parametrize(
    ("ndim", "upsampling", "count"),
    [
        (2, "interpolated", 450_210),  # 4 · 10,752 becomes 10,752
        (3, "transposed", 1_401_282),  # 27 · 48,656 + 8 · 10,752 + 112 + 1,408 + 34
        (3, "interpolated", 1_326_018),
    ],
)
def test_volumes_and_interpolation_change_the_count_as_computed(ndim, upsampling, count) -> None:
    config = UNetConfig(ndim=ndim, upsampling=upsampling)
    assert parameters(config) == count == by_formula(config)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("classes", [2, 7])
def test_channels_and_classes_change_only_the_first_and_the_last_layer(channels, classes) -> None:
    config = UNetConfig(in_channels=channels, classes=classes)
    assert parameters(config) == by_formula(config)
    assert parameters(config) - 482_466 == 9 * 16 * (channels - 1) + 17 * (classes - 2)


def test_stages_come_in_the_order_of_the_data() -> None:
    net = UNet(UNetConfig(widths=(2, 3, 4, 5)))
    names = ["enc1", "enc2", "enc3", "bottleneck", "dec3", "dec2", "dec1", "classifier"]
    assert list(net.stages()) == names
    seen: list[str] = []
    for name, stage in net.stages().items():
        stage.register_forward_hook(lambda *_, name=name: seen.append(name))
    net(torch.zeros(1, 1, 16, 16))
    assert seen == names


def test_a_deeper_net_has_more_stages() -> None:
    net = UNet(UNetConfig(widths=(2, 2, 2, 2, 2)))
    assert list(net.stages())[3:6] == ["enc4", "bottleneck", "dec4"]


@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
@pytest.mark.parametrize("norm", ["batch", "group", "instance", "none"])
def test_a_mask_has_the_size_of_the_image(upsampling, norm) -> None:
    config = UNetConfig(widths=(2, 3, 4), classes=5, upsampling=upsampling, norm=norm)
    assert UNet(config)(torch.rand(2, 1, 12, 20)).shape == (2, 5, 12, 20)
    volume = replace(config, ndim=3, in_channels=2)
    assert UNet(volume)(torch.rand(1, 2, 8, 12, 16)).shape == (1, 5, 8, 12, 16)


def test_taps_are_the_maps_of_the_stages() -> None:
    net = initialise(UNet(UNetConfig(widths=(2, 3, 4), norm="none")), 0).eval()
    image = torch.rand(1, 1, 16, 24)
    names = ["dec1", "bottleneck", "enc2", "dec2", "enc1"]
    taps = net.taps(image, names)
    assert {name: tuple(maps.shape[1:]) for name, maps in taps.items()} == {
        "enc1": (2, 16, 24),
        "enc2": (3, 8, 12),
        "bottleneck": (4, 4, 6),
        "dec2": (3, 8, 12),
        "dec1": (2, 16, 24),
    }
    assert torch.equal(net.classifier(taps["dec1"]), net(image))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 1, 12, 16), "multiples of 8"),
        ((1, 2, 16, 16), r"\(batch, 1, y, x\)"),
        ((1, 16, 16), r"\(batch, 1, y, x\)"),
        ((1, 1, 8, 16, 16), r"\(batch, 1, y, x\)"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_with_the_reason(shape, said) -> None:
    net = UNet(UNetConfig(widths=(2, 2, 2, 2)))
    with pytest.raises(ModelError, match=said):
        net(torch.zeros(shape))


def test_an_unknown_tap_is_refused() -> None:
    with pytest.raises(ModelError, match="dec9"):
        UNet(UNetConfig(widths=(2, 2))).taps(torch.zeros(1, 1, 4, 4), ["dec9"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"ndim": 4},
        {"widths": (8,)},
        {"widths": (8, 0)},
        {"widths": (2,) * 8},
        {"in_channels": 0},
        {"classes": 0},
        {"upsampling": "magic"},
        {"norm": "layer"},
    ],
)
def test_an_impossible_configuration_is_refused(wrong) -> None:
    with pytest.raises(ModelError):
        UNetConfig(**wrong)


def test_a_configuration_survives_the_way_through_json() -> None:
    config = UNetConfig(3, 2, 4, (4, 8, 16), "interpolated", "group")
    assert UNetConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ModelError, match="exactly"):
        UNetConfig.from_dict({**config.to_dict(), "code": "import os"})


def test_one_seed_draws_the_same_weights_and_another_seed_others() -> None:
    first, again, other = (initialise(UNet(UNetConfig(widths=(2, 3))), s) for s in (5, 5, 6))
    weights = [net.enc1.conv1.weight for net in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def measured_reach(config: UNetConfig) -> int:
    """Farthest pixel whose change moves a pixel of the mask, over all phases of the poolings.

    All weights are positive and the maximum is replaced by the mean, so nothing cancels or hides.
    """
    net = UNet(config).double()
    with torch.no_grad():
        for tensor in net.parameters():
            tensor.fill_(0.5)
    net.pool = nn.AvgPool2d(2)
    middle = 10 * config.multiple
    image = torch.ones(1, 1, config.multiple, 2 * middle, dtype=torch.float64, requires_grad=True)
    answer = net(image)
    farthest = 0
    for phase in range(config.multiple):
        place = middle + phase
        gradient: Tensor
        (gradient,) = torch.autograd.grad(answer[0, 0, 0, place], image, retain_graph=True)
        seen = torch.nonzero(gradient[0, 0].sum(dim=0))[:, 0]
        assert seen.min() > 0 and seen.max() < 2 * middle - 1  # the field lies inside
        farthest = max(farthest, int(seen.max()) - place, place - int(seen.min()))
    return farthest


@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
@pytest.mark.parametrize("pools", [1, 2, 3, 4])
def test_the_reach_is_what_gradients_measure(pools, upsampling) -> None:
    config = UNetConfig(classes=1, widths=(1,) * (pools + 1), upsampling=upsampling, norm="none")
    assert config.reach_px == measured_reach(config)
    assert config.halo_px % config.multiple == 0
    assert config.reach_px <= config.halo_px < config.reach_px + config.multiple


def test_the_fast_net_reaches_51_pixels() -> None:
    assert UNetConfig(widths=FAST).reach_px == 51
    assert UNetConfig(widths=FAST).halo_px == 56
