"""The report: one file, whole, without anything to fetch, and with the numbers of the engine."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from unetscope.errors import ImageError, ModelError
from unetscope.inspection import architecture, follow, receptive_field
from unetscope.inspection.following.diagram import Diagram, diagram
from unetscope.inspection.following.intervals import AxisGrid
from unetscope.inspection.following.joins import skip_connections
from unetscope.inspection.writing.network_drawing import network_svg
from unetscope.inspection.writing.report import report, shown_layers
from unetscope.inspection.writing.reproduction import weights_sha256
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig, initialise

_VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Checks that every tag is closed, and keeps attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, data):
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def small_unet(ndim: int = 2, channels: int = 1) -> UNet:
    config = UNetConfig(ndim=ndim, in_channels=channels, widths=(4, 8, 16), norm="none")
    return initialise(UNet(config), 3).eval()


def test_the_page_is_whole_holds_its_pictures_and_fetches_nothing() -> None:
    page = report(small_unet(), noise(48, 64), name="mine", pixel_size=(0.5, 0.5), unit="µm")
    reader = read(page)
    sources = [value for _, name, value in reader.attributes if name in ("src", "href")]
    pictures = [value for value in sources if value.startswith("data:image/png;base64,")]
    assert len(pictures) > 20
    assert all(value.startswith(("data:", "#")) for value in sources)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert "<script" not in page
    for value in pictures:
        Image.open(io.BytesIO(base64.b64decode(value.partition(",")[2]))).verify()


def test_the_page_says_the_numbers_of_the_engine() -> None:
    net = small_unet()
    table = architecture(net, (48, 64))
    text = read(report(net, noise(48, 64), name="mine", pixel_size=(0.5, 0.5), unit="µm")).text
    assert f"{table.parameters:,}" in text and f"{table.multiply_adds:,}" in text
    for row in table.rows:
        assert row.name in text
    assert weights_sha256(net) in text
    field = receptive_field(net, (48, 64), "bottleneck.relu2", (6, 8))  # the middle, stride 4
    assert " × ".join(str(n) for n in field.size) in text
    assert "3 → 5 → 6 → 10 → 14" in text
    assert "exact" in text and "0.5 µm a pixel" in text


def test_the_network_is_drawn_as_its_stages_with_its_skips() -> None:
    net, _ = load_bundled("general-fast")
    table = architecture(net, (64, 64))
    drawing = str(network_svg(diagram(table, skip_connections(net, (64, 64)))))
    assert drawing.count('class="skip"') == 3 and drawing.count("<rect") == 8
    for name in ("enc1", "enc2", "enc3", "bottleneck", "dec3", "dec2", "dec1", "classifier"):
        assert drawing.count(f">{name}</text>") == 1
    assert "enc3: 64 × 16 × 16" in drawing and ">100 px</text>" in drawing
    assert "<title>enc2 → dec2</title>" in drawing
    assert str(network_svg(Diagram((), ()))) == ""
    assert shown_layers(table)[0] == "enc1.relu2" and shown_layers(table)[-1] == "classifier"
    page = report(net, noise(64, 64), name="x", layers=["enc1"], health=False)
    assert page.count('class="skip"') == 3  # found by the engine


def test_a_long_chain_and_a_classifier_without_places_are_drawn_too() -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for number in range(12):
        layers += [nn.Conv2d(1 if number == 0 else 4, 4, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if number % 4 == 3 else []
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    table = architecture(net, (64, 64))
    assert 3 <= str(network_svg(diagram(table))).count("<rect") <= 14
    assert len(shown_layers(table)) <= 9
    text = read(report(net, noise(64, 64), name="chain", health=False)).text
    assert "Linear" in text


@pytest.mark.parametrize(
    ("net", "shape"),
    [(small_unet(ndim=3), (8, 16, 12)), (small_unet(channels=3), (3, 32, 40))],
    ids=["volume", "colour"],
)
def test_volumes_and_colour_images_have_a_page(net: UNet, shape: tuple[int, ...]) -> None:
    text = read(report(net, noise(*shape), name="x", health=False)).text
    assert " × ".join(str(n) for n in shape[-net.config.ndim :]) in text
    assert ("the middle plane" in text) == (net.config.ndim == 3)


@pytest.mark.parametrize(("pooled", "cell"), [(1, (0, 0)), (2, (15, 0))])
def test_the_context_of_a_whole_image_has_a_page(pooled: int, cell: tuple[int, int]) -> None:
    spread = nn.Upsample((16, 16), mode="bilinear", align_corners=True)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(pooled), spread)
    page = report(net, np.zeros((20, 20), np.float32), name="context", layers=["2"], point=(15, 4))
    assert "context" in read(page).text
    # Of one cell at pixel 9.5, and of two at 5 and 14 with 14 more between them.
    assert follow(net, (1, 1, 20, 20)).spatial("2")[1].nearest((15, 4)) == cell


def test_of_cells_without_a_distance_the_first_is_the_nearest() -> None:
    reach = follow(nn.Conv2d(1, 1, 3), (1, 1, 20, 20)).spatial("")[1]
    assert reach.nearest((6.4, -3)) == (5, 0)
    flat = replace(reach, grids=(AxisGrid(Fraction(0), Fraction(9)), reach.grids[1]))
    assert flat.nearest((6.4, 30)) == (0, 17)


def test_of_a_large_image_the_maps_around_the_point_are_shown() -> None:
    net = small_unet()
    image = noise(80, 640)
    page = report(net, image, name="x", layers=["enc1"], point=(40, 600), health=False)
    assert "80 × 512 cells" in read(page).text
    assert re.search(r'viewBox="5\d\d\.5', page)  # the drawing of the field is there, too


def test_names_are_shown_as_they_are_and_never_become_tags() -> None:
    name = '<b onload="x">& "'
    page = report(small_unet(), noise(16, 16), name=name, layers=["enc1"], health=False)
    assert "<b onload" not in page
    assert name in read(page).text


def test_dead_channels_and_small_fields_are_said() -> None:
    net = small_unet()
    with torch.no_grad():
        net.enc1.conv1.bias[2] = -100.0
    labels = np.zeros((48, 64), np.uint8)
    labels[2:46, 2:60] = 1
    page = report(
        *(net, noise(48, 64)), name="x", layers=["enc1"], labels=labels, names={1: "vesicle"}
    )
    text = read(page).text
    assert "enc1.relu1: 1 of 4 channels (#2) is never above 0" in " ".join(text.split())
    assert "vesicle" in text and page.count('class="bars"') == 10  # an activation each


def test_the_model_is_left_as_it_was() -> None:
    net = small_unet().train()
    before = weights_sha256(net)
    report(net, noise(16, 16), name="x", layers=["enc1"], health=False)
    assert net.training and weights_sha256(net) == before
    assert not any(module._forward_hooks for module in net.modules())


def test_what_cannot_be_shown_is_refused() -> None:
    net = small_unet()
    with pytest.raises(ModelError, match="no layer 'nothing'"):
        report(net, noise(16, 16), name="x", layers=["nothing"])
    with pytest.raises(ImageError, match=r"\(20, 3\) lies outside"):
        report(net, noise(16, 16), name="x", point=(20, 3))
    with pytest.raises(ImageError, match="shape"):
        report(net, noise(2, 2, 2, 16, 16), name="x")


def test_what_a_page_knows_nothing_of_is_no_parameter() -> None:
    with pytest.raises(TypeError, match="colour"):
        report(nn.Conv2d(1, 1, 3), np.zeros((8, 8), np.float32), name="a", colour="red")
