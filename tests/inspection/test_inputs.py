"""An image as any network takes it: grey range, channels, sides, and the window of a fixed size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from unetscope.errors import ImageError, ModelError
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.normalisation import Normalisation, fit_normalisation
from unetscope.inspection.following.inputs import fitted_input
from unetscope.network.teaching import teaching_network
from unetscope.network.unet import UNet, UNetConfig


def image(*shape: int, axes: str = "yx") -> Micrograph:
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    return as_micrograph(pixels, axes)


def convolution(channels: int) -> nn.Module:
    return nn.Conv2d(channels, 2, 3, padding=1)


def unet(multiple: int = 8, ndim: int = 2) -> UNet:
    widths = tuple(2 for _ in range(multiple.bit_length()))
    return UNet(UNetConfig(ndim=ndim, widths=widths, norm="none"))


def test_the_grey_range_is_that_of_the_image_unless_another_is_given() -> None:
    picture = image(16, 24)
    plain = fitted_input(convolution(1), picture)
    expected = fit_normalisation(picture).apply(picture.plane(0))
    np.testing.assert_array_equal(plain.values.numpy(), expected)
    assert plain.values.dtype == torch.float32 and plain.origin == (0, 0) and plain.note == ""
    own = fitted_input(convolution(1), picture, normalisation=Normalisation((0.0,), (255.0,)))
    np.testing.assert_allclose(own.values.numpy()[0], picture.pixels / 255, atol=1e-6)


def test_grey_is_repeated_and_colour_averaged() -> None:
    grey = fitted_input(convolution(3), image(8, 8))
    assert grey.values.shape == (3, 8, 8) and "repeated 3 times" in grey.note
    assert torch.equal(grey.values[0], grey.values[2])
    colour = image(8, 8, 3, axes="yxc")
    flat = fitted_input(convolution(1), colour)
    assert flat.values.shape == (1, 8, 8) and "3 channels were averaged" in flat.note
    apart = fitted_input(convolution(3), colour).values
    torch.testing.assert_close(flat.values[0], apart.mean(dim=0))


def test_two_channels_for_three_are_refused() -> None:
    with pytest.raises(ImageError, match="2 channels and this network takes 3"):
        fitted_input(convolution(3), image(2, 8, 8, axes="cyx"))


def test_the_far_rim_is_cut_to_the_multiple_wherever_the_centre_is() -> None:
    for multiple, sides in ((8, (64, 80)), (16, (64, 80)), (32, (64, 64))):
        found = fitted_input(unet(multiple), image(70, 81), centre=(60, 70))
        assert tuple(found.values.shape) == (1, *sides)
        assert found.origin == (0, 0)
        assert f"{sides[0]} × {sides[1]} px" in found.note


@pytest.mark.parametrize("side", [33, 40, 95, 300])
def test_a_network_of_one_size_sees_the_window_around_the_centre(side: int) -> None:
    net = teaching_network("lenet5")
    picture = image(side, side + 7)
    middle = (side // 2, side // 2 + 3)
    found = fitted_input(net, picture, centre=middle)
    start = tuple(c - 16 for c in middle)
    assert tuple(found.values.shape) == (1, 32, 32) and found.origin == start
    whole = fit_normalisation(picture).apply(picture.plane(0))
    window = whole[:, start[0] : start[0] + 32, start[1] : start[1] + 32]
    np.testing.assert_array_equal(found.values.numpy(), window)
    corner = fitted_input(net, picture, centre=(side - 1, 0))
    assert corner.origin == (side - 32, 0)
    assert fitted_input(net, picture).origin == (0, 0)


def test_a_network_of_multiples_is_not_taken_for_one_of_a_fixed_size() -> None:
    """64 is a usual fixed size, and a multiple of 8."""
    found = fitted_input(unet(8), image(71, 71), centre=(50, 50))
    assert tuple(found.values.shape) == (1, 64, 64) and found.origin == (0, 0)


def test_volumes_stay_volumes_and_planes_are_chosen() -> None:
    stack = image(9, 18, 17, axes="zyx")
    volume = fitted_input(unet(8, ndim=3), stack)
    assert tuple(volume.values.shape) == (1, 8, 16, 16) and volume.origin == (0, 0, 0)
    scale = fit_normalisation(stack)
    np.testing.assert_array_equal(volume.values[0, 5], scale.apply(stack.plane(5))[0, :16, :16])
    plane = fitted_input(convolution(1), stack, 5)
    np.testing.assert_array_equal(plane.values.numpy(), scale.apply(stack.plane(5)))


def test_what_cannot_be_watched_or_is_too_small_is_refused() -> None:
    scripted = torch.jit.script(convolution(1))
    with pytest.raises(ModelError, match="TorchScript"):
        fitted_input(scripted, image(16, 16))
    with pytest.raises(ImageError, match="no part of an image of 20 × 20 px"):
        fitted_input(teaching_network("lenet5"), image(20, 20))
