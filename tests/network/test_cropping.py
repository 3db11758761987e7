"""The cropped decoder: the core of a tile as the whole pass gives it, for less work."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unetscope.errors import ModelError
from unetscope.network.cropping import Region
from unetscope.network.unet import DecoderStage, UNet, UNetConfig, initialise

CORES_2D = [
    (slice(56, 104), slice(64, 96)),  # inside
    (slice(57, 92), slice(63, 64)),  # odd, and one column
    (slice(0, 31), slice(129, 160)),  # two rims
    (slice(0, 160), slice(40, 48)),  # all rows
    (slice(3, 4), slice(0, 160)),
]


def net_of(upsampling: str, ndim: int = 2, widths: tuple[int, ...] = (3, 4, 5, 6)) -> UNet:
    config = UNetConfig(ndim, 1, 3, widths, upsampling, "none")  # type: ignore[arg-type]
    return initialise(UNet(config), 3).eval().requires_grad_(False)


def picture(*sides: int) -> Tensor:
    return torch.rand(1, 1, *sides, generator=torch.Generator().manual_seed(1))


def touched(core: Region, stride: int) -> Region:
    return tuple(slice(s.start // stride, -(-s.stop // stride)) for s in core)


@pytest.mark.parametrize("core", CORES_2D, ids=str)
@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
def test_the_core_is_that_of_the_whole_pass(upsampling: str, core: Region) -> None:
    net, image = net_of(upsampling), picture(160, 160)
    whole, cropped = net(image), net(image, core)
    expected = whole[(slice(None), slice(None), *core)]
    assert cropped.shape == expected.shape
    assert (cropped - expected).abs().max() <= 1e-5 * whole.abs().max()
    assert torch.equal(cropped.argmax(1), expected.argmax(1))


@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
def test_a_volume_is_cropped_too(upsampling: str) -> None:
    net, image = net_of(upsampling, 3, (2, 3, 4)), picture(16, 48, 40)
    core = (slice(5, 10), slice(21, 30), slice(0, 7))
    expected = net(image)[(slice(None), slice(None), *core)]
    assert torch.allclose(net(image, core), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
def test_taps_cover_the_cells_that_the_core_touches(upsampling: str) -> None:
    net, image, core = net_of(upsampling), picture(96, 112), (slice(33, 58), slice(40, 51))
    strides = {"dec1": 1, "dec2": 2, "dec3": 4, "enc2": 2, "bottleneck": 8}
    whole, cropped = net.taps(image, strides), net.taps(image, strides, core)
    assert list(cropped) == list(whole) == ["enc2", "bottleneck", "dec3", "dec2", "dec1"]
    for name, stride in strides.items():
        expected = whole[name][(slice(None), slice(None), *touched(core, stride))]
        assert torch.allclose(cropped[name], expected, rtol=1e-5, atol=1e-6), name


def test_a_narrower_region_would_be_wrong() -> None:
    """The rim is as narrow as it can be: one cell less, and the core differs."""
    for upsampling in ("transposed", "interpolated"):
        net, image, core = net_of(upsampling), picture(160, 160), CORES_2D[0]
        expected = net(image)[(slice(None), slice(None), *core)]
        rim = net.config.decoder_rim
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(UNetConfig, "decoder_rim", rim - 2)
            assert (net(image, core) - expected).abs().max() > 1e-4


def test_the_decoder_computes_no_more_than_the_core_needs() -> None:
    net, seen = net_of("transposed"), {}
    for name, stage in net.stages().items():
        if isinstance(stage, DecoderStage):
            stage.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    net(picture(160, 160), (slice(64, 96), slice(60, 96)))
    sides = {name: tuple(maps.shape[2:]) for name, maps in seen.items()}
    assert sides == {"dec1": (36, 40), "dec2": (24, 26), "dec3": (16, 18)}
    seen.clear()
    net.taps(picture(160, 160), ["dec2"])
    assert list(seen) == ["dec3", "dec2"]  # nothing above what is asked for


@pytest.mark.parametrize(
    "core", [(slice(0, 17), slice(0, 4)), (slice(4, 4), slice(0, 4)), (slice(0, 8),)], ids=str
)
def test_a_core_outside_of_the_image_is_refused(core: Region) -> None:
    with pytest.raises(ModelError, match="core"):
        net_of("transposed")(picture(16, 16), core)
