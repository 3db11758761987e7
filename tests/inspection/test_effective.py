"""Effective receptive fields: the right gradient, inside the theoretical box, and its measures."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from unetscope.errors import ImageError, ModelError
from unetscope.inspection import receptive_field
from unetscope.inspection.asking.effective import (
    EffectiveField,
    effective_receptive_field,
    effective_receptive_field_steps,
)
from unetscope.inspection.following.reach import Kind
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig
from unetscope.pretraining.datasets import dataset, scenes


def untrained(widths: tuple[int, ...] = (8, 16, 32, 64), **options) -> UNet:
    """A U-Net as PyTorch initialises it."""
    torch.manual_seed(0)
    return UNet(UNetConfig(widths=widths, **options)).eval()


def without_skips(net: UNet) -> UNet:
    net = deepcopy(net)
    for level in range(1, net.config.pools + 1):
        conv = net.get_submodule(f"dec{level}.convs.conv1")
        with torch.no_grad():
            conv.weight[:, : net.config.widths[level - 1]] = 0
    return net


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_skips_keep_the_field_of_an_untrained_network_small() -> None:
    """Three poolings: theory says 92 px; about 8 are used with the skips, 67 without."""
    net, image = untrained(), noise(192, 192)
    found = effective_receptive_field(net, image, "classifier", inputs=16)
    cut = effective_receptive_field(without_skips(net), image, "classifier", inputs=16)
    assert found.theoretical == cut.theoretical == (92, 92)
    assert found.side() < 12 and found.ratio < 0.13
    assert cut.side() > 55 and cut.ratio > 0.6
    assert found.radius_50 < found.radius_95 < cut.radius_95 < 60


@pytest.mark.parametrize("point", [(96, 96), (101, 83), (0, 5)])
def test_the_first_window_is_the_gradient_at_the_point(point) -> None:
    """One window: the gradient of the whole image, every pixel where it belongs."""
    net, image = untrained((4, 6, 8)), noise(192, 200)
    found = effective_receptive_field(net, image, "classifier", point, channel=1, inputs=1)
    batch = torch.from_numpy(image)[None, None].requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(batch)[(0, 1, *point)], batch)
    expected = gradient[0, 0].abs().double().numpy()
    laid = np.zeros((192 + 400, 200 + 400))
    y, x = (lo + 200 for lo in found.lo)
    laid[y : y + found.values.shape[0], x : x + found.values.shape[1]] = found.values
    expected /= expected.sum()
    atol = 1e-5 * expected.max()  # float32
    np.testing.assert_allclose(laid[200:392, 200:400], expected, atol=atol)
    assert laid[200:392, 200:400].sum() == pytest.approx(1)
    box = receptive_field(net, image.shape, "classifier", point).padded
    assert (found.lo, found.theoretical) == (
        box[0],
        tuple(b - a + 1 for a, b in zip(*box, strict=True)),
    )
    assert found.outside == 0


class Weights(nn.Module):
    """One convolution whose weights are known: the field is their magnitude, wherever it lies."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 5, stride, padding=2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(image)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_mean_over_windows_is_laid_on_each_other_without_a_shift(stride) -> None:
    torch.manual_seed(0)
    net = Weights(stride)
    images = [noise(40, 40), noise(31, 44, seed=1)]
    found = effective_receptive_field(net, images, "conv", (7, 9), inputs=9)
    expected = net.conv.weight[0, 0].detach().double().abs().numpy()
    np.testing.assert_allclose(found.values, expected / expected.sum(), rtol=1e-6)
    assert found.lo == (7 * stride - 2, 9 * stride - 2) and found.inputs == 9


def test_a_linear_network_has_one_field_in_every_window_of_its_phase() -> None:
    """Mean pooling and no rectifier: windows of another phase or place would show at once."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.AvgPool2d(2), nn.Conv2d(3, 3, 3, padding=1),
        nn.ConvTranspose2d(3, 2, 2, 2), nn.Conv2d(2, 1, 3, padding=1),
    ).eval()  # fmt: skip
    one = effective_receptive_field(net, noise(64, 72), "4", (31, 30), inputs=1)
    many = effective_receptive_field(net, noise(64, 72), "4", (31, 30), inputs=12)
    np.testing.assert_allclose(many.values, one.values, atol=1e-6)


def of(values: np.ndarray, lo: tuple[int, ...] = (10, 20)) -> EffectiveField:
    return EffectiveField("layer", lo, None, values / values.sum(), lo, values.shape, 1)


def test_the_measures_of_a_disc_are_those_of_a_disc() -> None:
    y, x = np.indices((101, 101)) - 50
    disc = of((y**2 + x**2 <= 40**2).astype(float))
    assert disc.centroid == pytest.approx((60, 70))
    assert disc.radius(1) == pytest.approx(40, abs=0.5)
    assert disc.radius_50 == pytest.approx(40 / 2**0.5, abs=0.5)
    assert disc.radius_95 == pytest.approx(40 * 0.95**0.5, abs=0.5)
    assert disc.side(1) == pytest.approx(40 * np.pi**0.5, abs=0.5)
    assert disc.ratio == pytest.approx(40 * (0.95 * np.pi) ** 0.5 / 101, abs=0.01)
    assert disc.kind is Kind.EMPIRICAL


def test_the_contour_lies_round_the_weight_in_image_pixels() -> None:
    y, x = np.indices((101, 101)) - 50
    bell = of(np.exp(-(y**2 + x**2) / (2 * 10**2)))
    (line,) = bell.contour(0.95)
    np.testing.assert_array_equal(line[0], line[-1])
    distance = np.hypot(line[:, 0] - 60, line[:, 1] - 70)
    expected = 10 * np.sqrt(-2 * np.log(0.05))
    np.testing.assert_allclose(distance, expected, atol=1.5)
    (line,) = of(np.ones((1, 1))).contour(0.5)
    np.testing.assert_allclose(line.mean(axis=0), (10, 20), atol=0.3)
    with pytest.raises(ImageError, match="mass is 95"):
        bell.contour(95)
    with pytest.raises(ImageError, match="three"):
        of(np.ones((3, 3, 3)), (0, 0, 0)).contour()


def test_every_step_shows_the_mean_so_far() -> None:
    net, image = untrained((4, 6)), noise(48, 48)
    steps = list(effective_receptive_field_steps(net, image, "dec1", inputs=4))
    assert [(s.done, s.total) for s in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [s.result.inputs for s in steps if s.result] == [1, 2, 3, 4]
    again = effective_receptive_field(net, image, "dec1", inputs=4)
    np.testing.assert_array_equal(steps[-1].result.values, again.values)


def test_volumes_and_colour_images_have_fields_too() -> None:
    net = untrained((2, 3), ndim=3)
    found = effective_receptive_field(net, noise(12, 16, 16), "bottleneck", inputs=3)
    assert found.values.shape == found.theoretical == (14, 14, 14)
    colour = effective_receptive_field(untrained((2, 3), in_channels=3), noise(3, 32, 32), "enc1")
    assert colour.values.shape == (5, 5) and colour.values.sum() == pytest.approx(1)


def test_statistics_of_the_whole_map_fall_outside_the_box() -> None:
    net = untrained((8, 8), norm="instance")
    found = effective_receptive_field(net, noise(48, 48), "enc1.conv2", inputs=2)
    assert found.values.shape == (5, 5) and 0 < found.outside < 1


def test_an_image_smaller_than_the_field_is_no_obstacle() -> None:
    found = effective_receptive_field(untrained(), noise(32, 32), "classifier", inputs=5)
    assert found.values.shape == (92, 92) and found.values.sum() == pytest.approx(1)


def test_the_model_is_left_alone() -> None:
    net = untrained((4, 6)).train()
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    effective_receptive_field(net, noise(32, 32), "dec1", inputs=3)
    assert net.training and all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(torch.equal(weights[n], value) for n, value in net.state_dict().items())


def test_a_trained_network_looks_at_more_of_a_micrograph_than_at_one_pixel(shared_data) -> None:
    scene = next(scenes(shared_data, dataset("vnc_sstem"), limit=1))
    pixels = np.asarray(scene.image, dtype=np.float32)[:512, :512]
    low, high = np.percentile(pixels, [1, 99])
    net = load_bundled("general-fast")[0]
    found = effective_receptive_field(net, (pixels - low) / (high - low), "classifier", inputs=16)
    assert 5 < found.side() < max(found.theoretical)
    assert found.outside == 0
    (outline, *_) = found.contour()
    inside = np.abs(outline - np.array(found.centroid)).max(axis=1)
    assert inside.max() < max(found.theoretical)


def test_bad_input_is_refused() -> None:
    net, image = untrained((4, 6)), noise(32, 32)
    for arguments, error, words in (
        ({"layer": "nowhere"}, ModelError, "nowhere"),
        ({"point": (40, 0)}, ImageError, "outside the map"),
        ({"point": (4,)}, ImageError, "outside the map"),
        ({"channel": 4}, ModelError, "0 to 3, not 4"),
        ({"inputs": 0}, ImageError, "at least 1"),
        ({"images": []}, ImageError, "no image"),
    ):
        with pytest.raises(error, match=words):
            effective_receptive_field(net, **{"images": image, "layer": "dec1", **arguments})
    flat = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 30 * 30, 2))
    with pytest.raises(ModelError, match="no spatial output"):
        effective_receptive_field(flat, image, "2")
    dead = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())
    with torch.no_grad():
        dead[0].bias.fill_(-1e6)
    with pytest.raises(ModelError, match="dead"):
        effective_receptive_field(dead, image, "1", inputs=2)
