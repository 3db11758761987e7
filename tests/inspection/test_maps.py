"""Maps and kernels: the right values, in the right place, and the model left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from inspection.random_networks import positive_copy
from unetscope.errors import ImageError, ModelError
from unetscope.inspection import contact_sheet, feature_maps, kernels, placement
from unetscope.network.unet import UNet, UNetConfig, initialise

PLACED = {
    "strided": nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.Conv2d(1, 1, 3, 2, 1)),
    "dilated": nn.Sequential(nn.Conv2d(1, 1, 3, 2, dilation=2), nn.Conv2d(1, 1, 4)),
    "valid": nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3)),
    "transposed": nn.Sequential(nn.Conv2d(1, 1, 2, 2), nn.ConvTranspose2d(1, 1, 4, 2, 1)),
    "odd transposed": nn.Sequential(
        nn.Conv2d(1, 1, 2, 2), nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1)
    ),
    "padded": nn.Sequential(nn.ZeroPad2d((3, 0, 1, 0)), nn.Conv2d(1, 1, 3, 2)),
    "interpolated": nn.Sequential(
        nn.Conv2d(1, 1, 3, 2, 1), nn.Upsample(scale_factor=2, mode="bilinear")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACED)
def test_a_map_lies_where_its_gradient_is_centred(name) -> None:
    """The mean over a period of cells: a cell of an up-sampled map leans towards its phase."""
    net = positive_copy(PLACED[name])
    image = torch.ones(1, 1, 48, 48, dtype=torch.float64, requires_grad=True)
    output = net(image)
    place = placement(net, (48, 48)).layers[str(len(net) - 1)]
    middle = output.shape[-1] // 2
    offsets = []
    for u in range(middle, middle + 4):
        (gradient,) = torch.autograd.grad(output[0, 0, middle, u], image, retain_graph=True)
        along = gradient[0, 0].sum(dim=0)
        centre = float((along * torch.arange(48.0)).sum() / along.sum())
        offsets.append(centre - (place.scale[1] * u + place.translate[1]))
    assert np.mean(offsets) == pytest.approx(0.0, abs=1e-9)


def test_the_original_valid_u_net_lies_92_pixels_inside() -> None:
    class Valid(nn.Module):
        """Ronneberger's: valid convolutions, skips cropped by 4, 16, 40 and 88 cells."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)
            self.pool = nn.MaxPool2d(2)
            self.up = nn.ConvTranspose2d(1, 1, 2, stride=2)
            self.join = nn.Conv2d(2, 1, 1)

        def forward(self, maps):
            skips = []
            for _ in range(4):
                maps = self.conv(self.conv(maps))
                skips.append(maps)
                maps = self.pool(maps)
            maps = self.conv(self.conv(maps))
            for skip, cut in zip(reversed(skips), (4, 16, 40, 88), strict=True):
                maps = self.up(maps)
                maps = self.join(torch.cat([skip[..., cut:-cut, cut:-cut], maps], dim=1))
                maps = self.conv(self.conv(maps))
            return maps

    places = placement(Valid(), (572, 572))
    assert places.layers["conv:18"].translate == (92.0, 92.0)
    assert places.layers["conv:18"].scale == (1.0, 1.0)
    assert places.mismatches == ()


def test_a_misregistered_skip_is_flagged_with_its_shift() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.MaxPool2d(2)
            self.up = nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1)
            self.first = nn.Conv2d(1, 1, 1)

        def forward(self, image):
            maps = self.first(image)
            return torch.cat([maps, self.up(self.down(maps))], dim=1)

    (mismatch,) = placement(Shifted(), (16, 16)).mismatches
    assert mismatch.shift_px == (0.5, 0.5) and mismatch.scale_ratio == (1.0, 1.0)
    assert "misregistered by (+0.5, +0.5) px" in str(mismatch)


def test_levels_of_the_u_net_lie_at_their_formula() -> None:
    places = placement(UNet(UNetConfig(ndim=3, widths=(1, 2, 3, 4))), (8, 16, 24)).layers
    for level in (1, 2, 3):
        assert places[f"pool:{level}"].scale == (2.0**level,) * 3
        assert places[f"pool:{level}"].translate == ((2**level - 1) / 2,) * 3
    assert places["classifier"].translate == (0.0,) * 3


def test_maps_are_those_of_the_model_and_the_model_stays_as_it_is() -> None:
    net = initialise(UNet(UNetConfig(widths=(4, 8, 8))), seed=0)
    image = np.random.default_rng(0).random((24, 32), dtype=np.float32)
    with torch.no_grad():
        expected = net.eval().taps(torch.from_numpy(image)[None, None], ["enc1", "dec2"])
    net.train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = feature_maps(net, image, ["enc1", "dec2", "pool:2", "enc1.norm1"])
    for name, maps in expected.items():
        np.testing.assert_allclose(found[name].values, maps[0].numpy(), rtol=1e-5, atol=3e-6)
    assert (found["enc1.norm1"].values < 0).any()  # not overwritten by the ReLU in place
    assert found["pool:2"].values.shape == (8, 6, 8)
    assert found["pool:2"].scale == (4.0, 4.0) and found["pool:2"].translate == (1.5, 1.5)
    assert net.training and all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    some = feature_maps(net, image, "dec2", channels=[5, 1])["dec2"]
    assert some.channels == (5, 1)
    np.testing.assert_allclose(
        some.values, expected["dec2"][0, [5, 1]].numpy(), rtol=1e-5, atol=3e-6
    )


def test_the_pass_ends_at_the_last_asked_layer() -> None:
    ran = []

    class Told(nn.Conv2d):
        def forward(self, maps):
            if maps.device.type != "meta":
                ran.append(self.out_channels)
            return super().forward(maps)

    feature_maps(nn.Sequential(Told(1, 2, 3), Told(2, 3, 3)), torch.rand(9, 9), "0")
    assert ran == [2]


def test_maps_that_cannot_be_had_are_refused_in_words() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 2))
    image = torch.rand(6, 6)
    with pytest.raises(ModelError, match="no spatial output"):
        feature_maps(net, image, "2")
    with pytest.raises(ModelError, match="channels 0 to 1"):
        feature_maps(net, image, "0", channels=[2])
    with pytest.raises(ModelError, match="crop the image"):
        feature_maps(net, image, "0", max_bytes=10)
    with pytest.raises(ImageError, match="spatial axes"):
        feature_maps(net, torch.rand(6), "0")
    with pytest.raises(ImageError, match="one at a time"):
        feature_maps(net, torch.rand(2, 1, 6, 6), "0")


def test_kernels_are_copies_with_zero_in_the_middle_of_the_colours() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, (3, 5)))
    found = kernels(net, "0")
    assert found.values.shape == (4, 3, 3, 5) and not found.transposed
    assert found.colour_range == (-found.limit, found.limit)
    assert found.limit == pytest.approx(float(net[0].weight.detach().abs().max()))
    assert found.ranges_per_output().shape == (4, 2)
    np.testing.assert_allclose(found.summed(), found.values.sum(1))
    found.values[:] = 0
    assert float(net[0].weight.detach().abs().max()) > 0


def test_kernels_of_a_grouped_transposed_layer_are_sorted_by_output() -> None:
    layer = nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2)
    found = kernels(nn.Sequential(layer), "0")
    assert found.values.shape == (6, 2, 2, 2) and found.transposed
    for out in range(6):
        for index in range(2):
            channel = found.input_channel(out, index)
            assert channel == out // 3 * 2 + index
            expected = layer.weight[channel, out % 3].detach().numpy()
            np.testing.assert_array_equal(found.values[out, index], expected)


def test_the_sheet_shows_every_kernel_once_and_finds_it_again() -> None:
    found = kernels(nn.Sequential(nn.Conv2d(3, 5, 3)), "0")
    sheet = found.sheet()
    assert sheet.picture.shape == (5 * 4 - 1, 3 * 4 - 1) and sheet.columns == 3
    for out in range(5):
        for index in range(3):
            y, x = sheet.corner(out * 3 + index)
            tile = sheet.picture[y : y + 3, x : x + 3]
            np.testing.assert_array_equal(tile, found.values[out, index])
            assert sheet.at((y + 2, x + 1.3)) == ((out, index), (2, 1))
    assert sheet.at((3, 0)) is None and np.isnan(sheet.picture[3]).all()
    assert sheet.at((-1, 0)) is None and sheet.at((0, 11)) is None
    assert found.sheet(summed=True).picture.shape == (2 * 4 - 1, 3 * 4 - 1)
    volume = kernels(nn.Sequential(nn.Conv3d(2, 4, 3)), "0")
    assert volume.sheet().picture.shape == (4 * 4 - 1, 6 * 4 - 1)
    assert volume.sheet().at((5, 9)) == ((1, 0, 2), (1, 1))
    with pytest.raises(ImageError, match="contact sheet"):
        contact_sheet(np.zeros((3, 3)))
    with pytest.raises(ModelError, match="no layer is called"):
        kernels(nn.Sequential(nn.Conv2d(1, 1, 3)), "7")
