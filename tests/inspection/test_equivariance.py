"""A moved image: exactly zero where it must be, not zero where poolings shift their windows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from unetscope.errors import ImageError, ModelError
from unetscope.inspection.asking.equivariance import equivariance, equivariance_profile
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig, initialise
from unetscope.pretraining.datasets import dataset, scenes


def smooth(*shape: int) -> np.ndarray:
    pixels = np.random.default_rng(0).normal(size=shape)
    pixels = ndimage.gaussian_filter(pixels, [0] * (len(shape) - 2) + [1.5, 1.5])
    return (pixels / pixels.std()).astype(np.float32)


def test_the_bundled_network_moves_with_the_image_by_multiples_of_eight() -> None:
    net = load_bundled("general-fast")[0]
    profile = equivariance_profile(net, smooth(200, 208), [1, 2, 4, 8, 16])
    assert [found.exact for found in profile] == [False, False, False, True, True]
    assert [found.max_error for found in profile[3:]] == [0.0, 0.0]
    assert all(found.relative_error > 1e-5 for found in profile[:3])
    assert {found.multiple for found in profile} == {8}
    assert not any(found.interpolated for found in profile)


@pytest.mark.parametrize("shift", [(3, 0), (0, -8), (-5, 7)])
def test_the_error_is_that_of_two_crops_laid_on_the_image(shift) -> None:
    """Each pixel of the image has an answer in either crop: they are compared pixel by pixel."""
    net = initialise(UNet(UNetConfig(widths=(3, 4, 5), norm="none")), 1).eval()
    image = smooth(112, 120)
    found = equivariance(net, image, shift)
    answers = np.full((2, 2, 112, 120), np.nan)
    sides = [(n - abs(s)) // 4 * 4 for n, s in zip(image.shape, shift, strict=True)]
    for answer, sign in zip(answers, (-1, 1), strict=True):
        window = tuple(slice(max(0, sign * s), None) for s in shift)
        window = tuple(slice(w.start, w.start + n) for w, n in zip(window, sides, strict=True))
        with torch.no_grad():
            answer[:, *window] = net(torch.from_numpy(image[window])[None, None])[0].numpy()
    error = np.abs(answers[1] - answers[0]).max(axis=0)
    y, x = (round(t) for t in found.translate)
    height, width = found.values.shape
    assert min(height, width) > 40
    expected = error[y : y + height, x : x + width]
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    assert found.max_error == pytest.approx(expected.max(), abs=1e-6)
    assert found.exact == all(s % 4 == 0 for s in shift)


def test_where_the_map_lies_and_what_is_left_of_it() -> None:
    """A valid 3×3 convolution, moved by 2: everything both windows hold is compared."""
    net = nn.Sequential(nn.Conv2d(1, 1, 3)).eval()
    found = equivariance(net, smooth(20, 24), (2, 0))
    assert found.exact and found.multiple == 1
    assert found.scale == (1.0, 1.0)
    # windows 0…17 and 2…19; their maps lie on 1…16 and 3…18, without the outermost pixels' cells
    assert found.translate == (4.0, 2.0)
    assert found.values.shape == (12, 20)


def test_a_strided_convolution_is_aliased_and_a_plain_one_is_not() -> None:
    torch.manual_seed(0)
    image = smooth(48, 48)
    plain = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU()).eval()
    assert equivariance(plain, image, 1).exact
    strided = nn.Sequential(nn.Conv2d(1, 2, 3, 2, 1), nn.Upsample(scale_factor=2)).eval()
    assert equivariance(strided, image, 2).exact
    assert not equivariance(strided, image, 1).exact
    assert equivariance(strided, image, 1).multiple == 2


def test_a_coarse_map_is_moved_by_part_of_a_cell() -> None:
    """A mean over 2×2 of a ramp is a ramp: half a cell on, linear blending is right."""
    ramp = np.add.outer(np.arange(32.0), 3 * np.arange(32.0)).astype(np.float32)
    found = equivariance(nn.Sequential(nn.AvgPool2d(2)), ramp, 1, layer="0")
    assert found.interpolated and found.multiple == 2
    assert found.max_error < 1e-4
    assert found.scale == (2.0, 2.0)


def test_an_inner_layer_has_the_multiple_of_the_strides_before_it() -> None:
    net = load_bundled("general-fast")[0]
    image = smooth(128, 128)
    assert equivariance(net, image, 2, layer="enc2").exact
    assert equivariance(net, image, 2, layer="enc2").multiple == 2
    assert equivariance(net, image, 5, layer="enc1.conv2").exact


def test_volumes_can_be_shifted_along_every_axis() -> None:
    net = initialise(UNet(UNetConfig(ndim=3, widths=(2, 3), norm="none")), 0).eval()
    image = np.random.default_rng(0).normal(size=(32, 36, 36)).astype(np.float32)
    assert equivariance(net, image, (2, 0, 4)).exact
    assert not equivariance(net, image, (1, 0, 0)).exact
    assert equivariance(net, image, 2).shift == (0, 2, 2)


def test_zero_padding_is_not_mistaken_for_an_error() -> None:
    """Interpolation and padding at the border of a window reach inwards; nothing of it is left."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.MaxPool2d(2), nn.Conv2d(1, 2, 5, padding=2),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.ReflectionPad2d(1), nn.Conv2d(2, 1, 3),
    ).eval()  # fmt: skip
    image = smooth(60, 60) + 100
    assert equivariance(net, image, (2, -4)).exact


def test_a_micrograph_shifted_by_one_pixel_gets_nearly_the_same_answer(shared_data) -> None:
    scene = next(scenes(shared_data, dataset("vnc_sstem"), limit=1))
    pixels = np.asarray(scene.image, dtype=np.float32)[:256, :256]
    low, high = np.percentile(pixels, [1, 99])
    image = (pixels - low) / (high - low)
    one, eight = equivariance_profile(load_bundled("general-fast")[0], image, [1, 8])
    assert 0 < one.relative_error < 0.5
    assert eight.exact


def test_bad_input_is_refused() -> None:
    net = load_bundled("general-fast")[0]
    for arguments, error, words in (
        ({"image": smooth(64, 64)}, ImageError, "nothing is left"),
        ({"shift": 250}, ImageError, "too small to be shifted"),
        ({"shift": (1, 2, 3)}, ImageError, "2 axes"),
        ({"shift": (0.5, 0)}, ImageError, "whole number"),
        ({"layer": "nowhere"}, ModelError, "nowhere"),
    ):
        with pytest.raises(error, match=words):
            equivariance(net, **{"image": smooth(256, 256), "shift": 1, **arguments})


def test_a_network_with_its_channels_last_is_exact_as_well() -> None:
    """Such convolutions round differently from place to place; the test is about the network."""
    net = initialise(UNet(UNetConfig(widths=(3, 4, 5), norm="none")), 1).eval()
    net.to(memory_format=torch.channels_last)
    assert equivariance(net, smooth(112, 120), (0, -8)).max_error == 0.0


def test_a_network_that_cannot_be_followed_without_weights_is_followed_with_them() -> None:
    class Particular(nn.Sequential):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            if image.is_meta:
                raise TypeError("numbers, please")
            return super().forward(image)

    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.ReLU(), nn.Conv2d(2, 2, 3)).eval()
    image = smooth(40, 48)
    for shift in (1, 2):
        expected = equivariance(plain, image, shift)
        found = equivariance(Particular(*plain), image, shift)
        np.testing.assert_array_equal(found.values, expected.values)
        assert found.exact == expected.exact == (shift == 2)
