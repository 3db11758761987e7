"""A kernel replaced in a copy: the right numbers in the right place, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from unetscope.errors import ModelError
from unetscope.inspection import feature_maps, kernels
from unetscope.inspection.asking.editing import edited
from unetscope.inspection.asking.kernel_presets import PRESETS, preset
from unetscope.network.unet import UNet, UNetConfig, initialise


@pytest.fixture(scope="module")
def net() -> UNet:
    return initialise(UNet(UNetConfig(widths=(4, 6, 8), classes=3, norm="none")), 0).eval()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(24, 32)).astype(np.float32)


@pytest.mark.parametrize("name", PRESETS)
def test_the_map_of_a_preset_is_the_correlation_of_the_image(net, image, name) -> None:
    change = edited(net, "enc1.conv1", name, out=2, keep_norm=False)
    maps = feature_maps(change.model, image, ["enc1.conv1"], [2])["enc1.conv1"].values[0]
    expected = ndimage.correlate(image.astype(float), preset(name, (3, 3)), mode="constant")
    np.testing.assert_allclose(maps, expected, atol=1e-5)


def test_sobel_x_is_that_of_scipy(image) -> None:
    found = ndimage.correlate(image.astype(float), preset("sobel_x", (3, 3)))
    np.testing.assert_allclose(found, ndimage.sobel(image.astype(float), axis=1), atol=1e-9)
    volume = np.random.default_rng(1).normal(size=(6, 7, 8))
    found = ndimage.correlate(volume, preset("sobel_y", (3, 3, 3)))
    np.testing.assert_allclose(found, ndimage.sobel(volume, axis=1), atol=1e-9)


def test_presets_are_those_of_the_textbook() -> None:
    np.testing.assert_array_equal(preset("laplacian", (3, 3)), [[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    np.testing.assert_array_equal(preset("sharpen", (3, 3)), [[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    gaussian = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    np.testing.assert_array_equal(preset("gaussian", (3, 3)), gaussian)


@pytest.mark.parametrize("shape", [(3, 3), (5, 5), (4, 4), (7, 3), (3, 3, 3), (1, 5, 5)])
def test_presets_of_every_size_do_what_they_are_for(shape) -> None:
    flat, ramp = np.ones(shape), np.broadcast_to(np.arange(shape[-1], dtype=float), shape)
    for name, answer in (("gaussian", 1), ("mean", 1), ("identity", 1), ("sharpen", 1)):
        assert (preset(name, shape) * flat).sum() == pytest.approx(answer), name
    for name in ("sobel_x", "sobel_y", "laplacian", "zero"):
        assert (preset(name, shape) * flat).sum() == pytest.approx(0), name
    assert (preset("sobel_x", shape) * ramp).sum() > 0
    assert (preset("sobel_y", shape) * ramp).sum() == pytest.approx(0)
    assert (preset("laplacian", shape) * ramp).sum() == pytest.approx(0)
    bowl = ramp**2
    assert (preset("laplacian", shape) * bowl).sum() == pytest.approx(2)


def test_one_input_channel_or_all(net) -> None:
    one = edited(net, "enc2.conv1", "sobel_x", out=1, inp=2)
    everywhere = edited(net, "enc2.conv1", "sobel_x", out=1)
    assert one.before.shape == one.after.shape == (3, 3)
    assert everywhere.after.shape == (4, 3, 3)
    old, new = kernels(net, "enc2.conv1").values, kernels(one.model, "enc2.conv1").values
    differ = (old != new).any(axis=(2, 3))
    assert differ[1, 2] and differ.sum() == 1
    np.testing.assert_array_equal(one.before, old[1, 2])
    np.testing.assert_array_equal(one.after, new[1, 2])
    np.testing.assert_allclose(one.after, everywhere.after[2])


def test_keep_norm_keeps_the_strength_of_every_kernel(net) -> None:
    change = edited(net, "enc2.conv1", "laplacian", out=1)
    before, after = (np.linalg.norm(k, axis=(1, 2)) for k in (change.before, change.after))
    np.testing.assert_allclose(after, before, rtol=1e-5)
    assert not edited(net, "enc2.conv1", "zero", out=1).after.any()


def test_own_numbers_for_one_or_for_all_inputs(net) -> None:
    mine = np.arange(9).reshape(3, 3)
    change = edited(net, "enc2.conv1", mine, out=0, keep_norm=False)
    np.testing.assert_array_equal(change.after, np.broadcast_to(mine, (4, 3, 3)))
    each = np.arange(36).reshape(4, 3, 3)
    np.testing.assert_array_equal(
        edited(net, "enc2.conv1", each, out=0, keep_norm=False).after, each
    )


@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolution_stamps_the_kernel(groups) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=3, groups=groups, bias=False)).eval()
    inputs = 4 // groups
    image = np.zeros((4, 2, 2), dtype=np.float32)
    group = 4 // (6 // groups)  # of output 4
    image[group * inputs + 1, 0, 0] = 1
    change = edited(net, "0", "sobel_x", out=4, inp=1, keep_norm=False)
    with torch.no_grad():
        found = change.model(torch.from_numpy(image)[None])[0, 4, :3, :3].numpy()
    np.testing.assert_array_equal(found, preset("sobel_x", (3, 3)))


def test_the_original_stays_and_the_edit_is_undone_by_forgetting_it(net, image) -> None:
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    change = edited(net, "enc1.conv1", "sobel_x", out=0)
    change.model(torch.from_numpy(image)[None, None])
    assert all(torch.equal(weights[n], value) for n, value in net.state_dict().items())
    back = edited(change.model, "enc1.conv1", change.before, out=0, keep_norm=False)
    assert all(torch.equal(weights[n], value) for n, value in back.model.state_dict().items())


@pytest.mark.parametrize(
    ("layer", "kernel", "where", "words"),
    [
        ("enc1.conv1", "prewitt", {"out": 0}, "no preset is called 'prewitt'"),
        ("enc1.relu1", "mean", {"out": 0}, "no kernels"),
        ("nowhere", "mean", {"out": 0}, "no layer is called"),
        ("enc1.conv1", "mean", {"out": 4}, "0 to 3, not 4"),
        ("enc1.conv1", "mean", {"out": 0, "inp": 1}, "0 to 0, not 1"),
        ("enc1.conv1", np.zeros((5, 5)), {"out": 0}, r"shape \(5, 5\)"),
        ("enc1.conv1", np.full((3, 3), np.nan), {"out": 0}, "not finite"),
        ("classifier", "sobel_x", {"out": 0}, "at least 2 taps"),
        ("classifier", "laplacian", {"out": 0}, "at least 3 taps"),
    ],
)
def test_bad_input_is_refused(net, layer, kernel, where, words) -> None:
    with pytest.raises(ModelError, match=words):
        edited(net, layer, kernel, **where)


def test_weights_that_are_computed_are_refused() -> None:
    for wrap in (nn.utils.parametrizations.weight_norm, nn.utils.spectral_norm):
        with pytest.raises(ModelError, match="parametri"):
            edited(nn.Sequential(wrap(nn.Conv2d(1, 2, 3))), "0", "mean", out=0)
