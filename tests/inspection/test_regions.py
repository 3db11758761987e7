"""Maps of a part of the image: the values of the full pass, from a small window."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from torch import nn

from inspection.public_networks import PUBLIC
from inspection.random_networks import random_network
from unetscope.errors import ImageError, ModelError
from unetscope.inspection import feature_maps, follow, placement
from unetscope.inspection.following.crops import Crop, crop_for
from unetscope.inspection.following.reach import Reach
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig, initialise
from unetscope.pretraining.datasets import dataset, scenes


def spatial_layers(net: nn.Module, shape: tuple[int, ...]) -> list[str]:
    dims = tuple(range(2, 2 + len(shape) - 1))
    calls = follow(net, shape).calls
    return [c.name for c in calls if c.name and isinstance(c.reach, Reach) and c.reach.dims == dims]


def check_region(net, image, layers, region, tolerance=1e-4) -> Crop | None:
    """Every layer by itself over ``region`` against the full pass; the crop of the last one."""
    full = feature_maps(net, image, layers)
    trace, last = follow(net, image.shape), ""
    for layer in layers:
        try:
            part = feature_maps(net, image, layer, region=region)[layer]
        except ImageError:
            continue  # a map of valid convolutions does not reach the image's border
        whole = full[layer]
        sides = part.values.shape[1:]
        cells = tuple(slice(a, a + n) for a, n in zip(part.first, sides, strict=True))
        np.testing.assert_allclose(
            part.values, whole.values[(slice(None), *cells)], rtol=tolerance, atol=tolerance
        )
        assert part.scale == whole.scale
        moved = [
            t + s * u for t, s, u in zip(whole.translate, whole.scale, part.first, strict=True)
        ]
        assert part.translate == pytest.approx(moved)
        last = layer
    return crop_for(net, trace, (1, *image.shape), [last], region) if last else None


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_random_networks_say_the_same_of_a_part(seed: int) -> None:
    rng = random.Random(seed)
    net, shape = random_network(seed)
    shape = tuple(side + rng.randint(0, 60 if len(shape) == 2 else 12) for side in shape)
    channels = net[0].in_channels
    torch.manual_seed(seed)
    image = torch.rand(channels, *shape)
    try:
        layers = spatial_layers(net, image.shape)
    except ModelError:
        reject()  # an hourglass that takes the first shape only; too many of them fail the test
    region = []
    for side in shape:
        start = rng.randrange(side)
        region.append(slice(start, rng.randrange(start, min(side, start + 8)) + 1))
    if check_region(net, image, sorted({str(len(net) - 1), rng.choice(layers)}), region) is None:
        reject()  # no layer reaches this part, so nothing was compared


def mid_net() -> nn.Module:
    """Upsampling without a module between two poolings: the phase has to be kept all the same."""

    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, image):
            maps = F.max_pool2d(F.max_pool2d(self.a(image), 2), 2)
            maps = F.interpolate(maps, scale_factor=2, mode="bilinear")
            return self.b(F.interpolate(maps[..., 1:-1, 1:-1], scale_factor=2))

    return Functional()


NETS = {
    "u-net": lambda: initialise(UNet(UNetConfig(widths=(2, 3, 4, 5))), 0),
    "u-net, interpolated": lambda: initialise(
        UNet(UNetConfig(widths=(2, 3, 4), upsampling="interpolated")), 0
    ),
    "strided, dilated": lambda: nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1),
        nn.Conv2d(2, 2, 3, dilation=3, padding=3),
        nn.ReLU(inplace=True),
        nn.Conv2d(2, 2, 3, stride=3),
    ),
    "transposed, odd": lambda: nn.Sequential(
        nn.Conv2d(1, 2, 2, 2), nn.ConvTranspose2d(2, 2, 3, 2, 1, output_padding=1)
    ),
    "transposed, with holes": lambda: nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(2, 2, 2, 3, 1), nn.Conv2d(2, 2, 5, padding=2)
    ),
    "reflected": lambda: nn.Sequential(
        nn.Conv2d(1, 2, 5, padding=2, padding_mode="reflect"), nn.MaxPool2d(3, 2, 1)
    ),
    "functions": mid_net,
    "bicubic, aligned": lambda: nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.Upsample(scale_factor=2, mode="bicubic"),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    ),
    "shuffled": lambda: nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.PixelShuffle(2)),
}
REGIONS = [
    (slice(40, 57), slice(60, 61)), (slice(0, 9), slice(90, 120)), (slice(-8, None), slice(3, 8)),
]  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_every_layer_says_the_same_of_a_part(name) -> None:
    torch.manual_seed(0)
    net = NETS[name]()
    image = torch.rand(1, 128, 120)
    layers = spatial_layers(net, image.shape)
    layers = [*layers[: -1 : max(1, len(layers) // 6)], layers[-1]]
    for region in REGIONS:
        crop = check_region(net, image, layers, region)
        assert crop is not None
        assert crop.whole == (name == "bicubic, aligned")


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "smp.Unet"])
def test_networks_of_others_say_the_same_of_a_part(name) -> None:
    make, _ = PUBLIC[name]
    torch.manual_seed(0)
    net = make().eval()
    image = torch.rand(3, 160, 192)
    layers = spatial_layers(net, image.shape)
    region = (slice(60, 70), slice(160, 192))
    crop = check_region(net, image, layers[:: max(1, len(layers) // 6)], region, 2e-3)
    assert crop is not None  # or no layer would have been compared


def test_volumes_are_cut_too() -> None:
    net = initialise(UNet(UNetConfig(ndim=3, widths=(2, 3))), 0)
    image = torch.rand(1, 16, 64, 72)
    region = (slice(4, 6), slice(30, 34), slice(50, 72))
    crop = check_region(net, image, ["enc1.conv2", "bottleneck", "classifier"], region)
    assert crop is not None and not crop.whole
    assert crop.window[1].stop - crop.window[1].start < 40


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_statistics_of_the_whole_map_are_taken_of_the_whole_map(norm) -> None:
    net = initialise(UNet(UNetConfig(widths=(4, 8), norm=norm)), 0)
    image = torch.rand(1, 128, 128)
    crop = check_region(net, image, ["enc1.norm1", "classifier"], (slice(60, 70), slice(60, 70)))
    assert crop is not None and crop.whole
    crop = check_region(net, image, ["enc1.conv1"], (slice(60, 70), slice(60, 70)))
    assert crop is not None and not crop.whole


def test_the_window_is_the_field_and_no_more_than_a_stride_around() -> None:
    net = UNet(UNetConfig())
    trace = follow(net, (1024, 1024))
    region = (slice(512, 520), slice(512, 520))
    window = crop_for(net, trace, (1, 1, 1024, 1024), ["dec1"], region).window
    for part in window:  # the field of a pixel of dec1 is 92 or 100 px
        assert part.start % 8 == part.stop % 8 == 0
        assert part.start <= 512 - 46 and part.stop >= 520 + 46
        assert part.stop - part.start <= 8 + 2 * 51 + 2 * 8


def test_a_view_of_a_large_image_is_small_and_in_its_place() -> None:
    net, _ = load_bundled("general")
    image = torch.rand(2048, 2048, generator=torch.Generator().manual_seed(0))
    region = (slice(700, 1212), slice(800, 1312))
    maps = feature_maps(net, image, "enc2", region=region, max_bytes=10 * 2**20)["enc2"]
    assert maps.values.shape == (32, 256, 256) and maps.first == (350, 400)
    assert maps.translate == (700.5, 800.5)
    assert placement(net, (2048, 2048)).layers["enc2"].translate == (0.5, 0.5)


def test_a_real_micrograph_shows_the_same_in_a_view(shared_data) -> None:
    scene = next(scenes(shared_data, dataset("nasa_superalloy"), limit=1))
    grey = np.asarray(scene.image, dtype=np.float32)
    grey = grey if grey.ndim == 2 else grey[..., 0]
    low, high = np.percentile(grey, (1, 99))
    image = torch.from_numpy((grey - low) / (high - low))[None, :504, :504]
    net, _ = load_bundled("general")
    layers = ["enc1.conv1", "pool:3", "bottleneck", "dec2", "classifier"]
    crop = check_region(net, image, layers, (slice(200, 264), slice(480, 504)), 1e-3)
    assert crop is not None and not crop.whole


def test_channels_and_several_layers_of_a_part() -> None:
    net = initialise(UNet(UNetConfig(widths=(4, 8, 8))), 0)
    image = torch.rand(1, 128, 128)
    region = (slice(64, 72), slice(0, 9))
    full = feature_maps(net, image, ["enc1", "bottleneck"])
    part = feature_maps(net, image, ["enc1", "bottleneck"], channels=[3, 0], region=region)
    assert part["enc1"].first == (64, 0) and part["bottleneck"].first == (16, 0)
    assert part["bottleneck"].values.shape == (2, 2, 3)
    np.testing.assert_allclose(
        part["bottleneck"].values, full["bottleneck"].values[[3, 0], 16:18, :3], atol=1e-5
    )
    part["enc1"].values[:] = 0  # a copy of its own
    assert full["enc1"].values.any() and full["enc1"].first == (0, 0)


def test_a_region_that_is_none_is_said_in_words() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 9), nn.Conv2d(1, 1, 9))
    image = torch.rand(40, 40)
    with pytest.raises(ImageError, match="a slice of pixels for each of the 2 axes"):
        feature_maps(net, image, "0", region=(slice(0, 3),))
    with pytest.raises(ImageError, match="holds no pixel"):
        feature_maps(net, image, "0", region=(slice(50, 60), slice(0, 3)))
    with pytest.raises(ImageError, match="holds no pixel"):
        feature_maps(net, image, "0", region=(slice(0, 9, 2), slice(0, 3)))
    with pytest.raises(ImageError, match="no cell of layer '1'"):
        feature_maps(net, image, "1", region=(slice(0, 4), slice(20, 30)))


def test_a_network_of_one_size_is_run_whole() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.places = nn.Conv2d(1, 2, 3, padding=1), {64: 0.5}
            self.last = nn.Conv2d(2, 1, 3, padding=1)

        def forward(self, image):
            return self.last(self.conv(image) + self.places[image.shape[-1]])

    torch.manual_seed(0)
    net, image = Fixed(), torch.rand(1, 64, 64)
    crop = check_region(net, image, ["conv", "last"], (slice(30, 34), slice(30, 34)))
    assert crop is not None and crop.whole
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.train()
    feature_maps(net, image, "conv", region=(slice(30, 34), slice(30, 34)))
    assert net.training and all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
