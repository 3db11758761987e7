"""What may be wrong with a network: planted faults are named, sound networks are called sound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from unetscope.errors import ImageError, LabelError
from unetscope.inspection.asking.health import Finding, health
from unetscope.inspection.asking.health_objects import object_sizes
from unetscope.network.unet import UNet, UNetConfig, initialise


def unet(upsampling: str = "transposed") -> UNet:
    return initialise(UNet(UNetConfig(widths=(4, 8, 8), upsampling=upsampling)), 0).eval()


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).random(shape or (48, 48)).astype(np.float32)


def texts(findings: tuple[Finding, ...], severity: str, layer: str | None = None) -> str:
    return " ".join(f.text for f in findings if f.severity == severity and layer in (None, f.layer))


class Planted(nn.Module):
    """Channel 1 is dead, 2 constant, 3 always on, 4 and 5 dead too; activations are functions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        with torch.no_grad():
            self.conv.weight[2] = 0
            self.conv.bias.copy_(torch.tensor([0.0, -99, 1, 99, -99, -99]))

    def forward(self, image):
        return torch.relu_(self.conv(image))


def test_planted_faults_are_found_in_a_function_not_only_in_modules() -> None:
    torch.manual_seed(0)  # the channel without a fault is drawn: it must not be dead by chance
    found = health(Planted(), picture())
    (row,) = found.layers
    assert (row.layer, row.activation, row.channels) == ("", "relu", 6)
    assert (row.dead, row.constant, row.saturated) == ((1, 4, 5), (2,), (3,))
    assert (row.dead_share, row.saturated_share) == (0.5, 2 / 6)
    assert "3 of 6 channels (#1, #4, #5) are never above 0" in texts(found.findings, "warning", "")
    assert "1 of 6 channels (#3) is above 0 everywhere" in texts(found.findings, "note", "")


def test_dead_means_on_all_stated_images_together() -> None:
    conv = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        conv.weight.fill_(1.0)
        conv.bias.fill_(-0.5)
    net = nn.Sequential(conv, nn.ReLU())
    dark, bright = np.full((8, 8), 0.1, np.float32), picture(8, 8)
    assert health(net, [dark]).layers[0].dead == (0,)
    both = health(net, [dark, bright])
    assert both.layers[0].dead == health(net, [bright, dark]).layers[0].dead == ()
    assert both.images == 2
    with torch.no_grad():
        conv.bias.fill_(-0.05)  # always on for the dark image alone
    assert health(net, [dark]).layers[0].constant == (0,)
    orders = [health(net, pair).layers[0] for pair in ([dark, bright], [bright, dark])]
    assert [(row.low, row.high) for row in orders] == [(0.0, orders[0].high)] * 2
    conv.bias.data.fill_(-0.5)
    both = health(net, [dark, bright])
    assert "No dead channel in 1 activations on the 2 images" in texts(both.findings, "good")


def test_the_histogram_counts_every_value() -> None:
    net, image = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU()), picture()
    row = health(net, image).layers[0]
    with torch.no_grad():
        values = net(torch.from_numpy(image)[None, None]).numpy().ravel()
    expected, edges = np.histogram(values, bins=64, range=(values.min(), values.max()))
    np.testing.assert_array_equal(row.counts, expected)
    np.testing.assert_allclose(row.edges, edges)
    assert (row.low, row.high) == (values.min(), values.max())


def test_a_sigmoid_at_its_limit_is_saturated_and_a_relu6_is_seen() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sigmoid(), nn.Conv2d(2, 2, 1), nn.ReLU6())
    with torch.no_grad():
        net[0].bias.copy_(torch.tensor([0.0, 50.0]))
        net[0].weight.fill_(1.0)
    rows = health(net, picture()).layers
    assert [r.activation for r in rows] == ["sigmoid", "hardtanh"]
    assert 1 in (*rows[0].saturated, *rows[0].constant) and 0 not in rows[0].saturated


def test_layers_of_single_numbers_are_not_judged() -> None:
    """One image gives a fully connected layer one value a unit: half of them are 0, none dead."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 20), nn.ReLU())
    (row,) = health(net, picture(8, 8)).layers
    assert not row.judged and row.dead == row.constant == ()


def test_a_layer_that_is_called_twice_has_two_entries() -> None:
    relu = nn.ReLU()
    net = nn.Sequential(nn.Conv2d(1, 2, 3), relu, nn.Conv2d(2, 2, 3), relu)
    assert [row.layer for row in health(net, picture()).layers] == ["1", "1:2"]


def test_values_that_are_no_numbers_are_a_warning() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    with torch.no_grad():
        net[0].bias[0] = float("nan")
    found = health(net, picture())
    assert "no numbers" in texts(found.findings, "warning", "1")
    assert np.isfinite(found.layers[0].edges).all()


def test_checkerboards_are_feared_where_kernel_and_stride_do_not_fit() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 2, 2), nn.ConvTranspose2d(2, 1, 3, 2, 1, output_padding=1))
    found = health(net, picture())
    assert "kernel 3 × 3 and stride 2 × 2" in texts(found.findings, "warning", "1")
    sound = texts(health(unet(), picture()).findings, "good")
    assert "2 transposed convolutions overlap evenly" in sound
    wide = nn.Sequential(nn.Conv2d(1, 2, 2, 2), nn.ConvTranspose2d(2, 1, 4, 2, 1))
    assert not texts(health(wide, picture()).findings, "warning")
    none = health(unet("interpolated"), picture()).findings
    assert not any("transposed" in finding.text for finding in none)


class Shifted(nn.Module):
    """A skip that is half a pixel off: 3 × 3 transposed after 2 × 2 pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.join = Joining()

    def forward(self, image):
        return self.join(image)


class Joining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(1, 1, 3, 2, 1, output_padding=1)
        self.conv = nn.Conv2d(2, 1, 1)

    def forward(self, image):
        for _ in range(2):
            up = self.up(nn.functional.max_pool2d(image, 2))
            image = self.conv(torch.cat([image, up], dim=1))
        return image


def test_a_misregistered_skip_is_named_once_with_its_shift() -> None:
    found = health(Shifted(), picture()).findings
    (one,) = [f for f in found if f.layer == "join"]
    assert one.severity == "warning"
    assert "(+0.5, +0.5) px apart" in one.text or "(-0.5, -0.5) px apart" in one.text
    sound = texts(health(unet(), picture()).findings, "good")
    assert "All 2 skip connections line up" in sound


def discs(radius: int, side: int = 200) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    centres = [(50, 50), (50, 150), (150, 50), (150, 150)]
    labels = np.zeros((side, side), int)
    for cy, cx in centres:
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = 2
    labels[:, :3] = 1  # touches the border: of unknown size
    labels[100, 100] = 2  # a slip of the brush
    return labels


def test_sizes_are_those_of_whole_objects_in_both_units() -> None:
    ground, particles = object_sizes(discs(20), (5.0, 5.0), "nm", {2: "particle"})
    assert (particles.class_name, particles.count) == ("particle", 4)
    assert particles.diameter_px == pytest.approx(40, rel=0.02)
    assert particles.diameter == pytest.approx(200, rel=0.02)
    assert ground.count == 0 and np.isnan(ground.diameter_px)
    ball = np.zeros((40, 40, 40), int)
    z, y, x = np.mgrid[:40, :40, :40]
    ball[(z - 20) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 <= 100] = 1
    (found,) = object_sizes(ball, None, None)
    assert found.diameter_px == pytest.approx(20, rel=0.02) and found.diameter is None


@pytest.mark.parametrize(
    ("radius", "severity", "says"),
    [(8, "good", "see all of it"), (16, "note", "near the middle"), (40, "warning", "no pixel")],
)
def test_the_field_is_compared_with_the_objects(radius, severity, says) -> None:
    """Two poolings: a field of 44 px; objects of 16, 32 and 80 px."""
    found = health(unet(), picture(200, 200), labels=discs(radius), pixel_size=5.0, unit="nm")
    assert found.field_px == (44, 44)
    assert says in texts(found.findings, severity, "")
    assert "the field is 44 px (220 nm)" in texts(found.findings, severity, "")
    assert "class 1 touches the image's border" in texts(found.findings, "note", "")


def test_findings_are_sorted_and_structure_needs_no_image() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 2, 2), nn.ConvTranspose2d(2, 1, 3, 2), nn.ReLU())
    found = health(net, [], image_shape=(32, 32))
    assert found.layers == () and found.images == 0
    order = ["warning", "note", "good"]
    places = [order.index(f.severity) for f in health(net, picture()).findings]
    assert places == sorted(places) and places[0] == 0


def test_what_cannot_be_followed_is_said() -> None:
    class Sorting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, image):
            return self.conv(image).sort(dim=-1).values

    found = health(Sorting(), picture())
    assert found.field_px is None
    assert "cannot be followed" in texts(found.findings, "note")


def test_the_model_stays_as_it_is() -> None:
    net = unet().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    health(net, picture())
    assert net.training and not any(m._forward_hooks for m in net.modules())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_bad_input_is_refused() -> None:
    with pytest.raises(ImageError, match="no image"):
        health(unet(), [])
    with pytest.raises(LabelError, match="nothing is painted"):
        health(unet(), picture(), labels=np.zeros((48, 48), int))
    with pytest.raises(LabelError, match="axes"):
        health(unet(), picture(), labels=np.ones((3, 48, 48), int))
    with pytest.raises(LabelError, match="whole numbers"):
        health(unet(), picture(), labels=np.ones((48, 48)))
    with pytest.raises(ImageError, match="pixel_size"):
        health(unet(), picture(), pixel_size=(0.0, 1.0))


def test_the_bundled_net_is_sound_on_a_micrograph_and_sees_its_precipitates(shared_data) -> None:
    from unetscope.network.shipped import load_bundled
    from unetscope.pretraining.datasets import dataset, scenes

    scene = next(scenes(shared_data, dataset("nasa_superalloy"), limit=1))
    image = np.asarray(scene.image, dtype=np.float32)
    low, high = np.percentile(image, (1, 99))
    image = (image - low) / (high - low)
    found = health(load_bundled("general")[0], image[:256, :256], labels=scene.labels.astype(int))
    assert found.field_px == (100, 100)
    assert len(found.layers) == 14 and all(row.judged and row.finite for row in found.layers)
    assert "overlap evenly" in texts(found.findings, "good")
    assert any(one.count > 10 and one.diameter_px < 100 for one in found.objects)
    assert not any(f.severity == "warning" and f.layer for f in found.findings)
