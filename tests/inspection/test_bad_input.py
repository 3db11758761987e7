"""Odd images, points, channels, layers and models: a clear error or the right answer, always."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from unetscope import inspection
from unetscope.errors import ImageError, ModelError, UnetscopeError
from unetscope.network.unet import UNet, UNetConfig, initialise

LAYER = "enc1.conv1"
LABELS = np.zeros((16, 20), np.uint8)
LABELS[2:6, 2:10], LABELS[8:14, 4:18] = 1, 2


def unet(norm: str = "none") -> UNet:
    return initialise(UNet(UNetConfig(widths=(2, 4), norm=norm)), 3).eval()


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape or (16, 20), dtype=np.float32)


def questions(
    model: Any, image: Any, layer: Any = LAYER, channel: Any = 0, point: Any = (3, 4)
) -> dict[str, Callable[[], Any]]:
    """Every public function that takes a model, by name."""
    shape, labels = np.shape(image), LABELS
    steps = inspection.ablation_ranking_steps
    return {
        "follow": lambda: inspection.follow(model, shape),
        "architecture": lambda: inspection.architecture(model, shape),
        "receptive_field": lambda: inspection.receptive_field(model, shape, layer, point),
        "feature_maps": lambda: inspection.feature_maps(model, image, [layer], [channel]),
        "kernels": lambda: inspection.kernels(model, layer),
        "microscope": lambda: inspection.microscope(model, image, layer).at(channel, point),
        "convolution_at": lambda: inspection.convolution_at(model, image, layer, channel, point),
        "effective": lambda: inspection.effective_receptive_field(
            model, image, layer, point, channel=channel, inputs=1
        ),
        "skips": lambda: inspection.skip_connections(model, shape),
        "ablate": lambda: inspection.ablate(model, image, "skip:dec1", labels=labels),
        "ranking": lambda: inspection.finished(steps(model, image, layer, channels=[channel])),
        "edited": lambda: inspection.edited(model, layer, "sobel_x", out=channel),
        "compare": lambda: inspection.compare(model, model, image),
        "equivariance": lambda: inspection.equivariance(model, image, (1, 0), layer=layer),
        "attribution": lambda: inspection.attribution(model, image, 1, point),
        "gradients": lambda: inspection.attribution(
            model, image, 1, point, method="input_gradients"
        ),
        "dissect": lambda: inspection.dissect(model, image, labels, [layer]),
        "health": lambda: inspection.health(model, [image]),
        "maximise": lambda: inspection.maximise(model, layer, channel, steps=1, size=8),
    }


class Returns(nn.Module):
    """A network that hands its answer over in something else, or fails."""

    def __init__(self, wrap: Callable[[Any], Any]) -> None:
        super().__init__()
        self.net = unet()
        self.wrap = wrap

    def forward(self, image: torch.Tensor) -> Any:
        return self.wrap(self.net(image))


def fails(answer: Any) -> Any:
    raise KeyError("the network's own fault")


IMAGES: dict[str, Any] = {
    "empty": np.zeros((0, 0), np.float32),
    "no width": np.zeros((16, 0), np.float32),
    "a number": np.float32(3),
    "a line": np.zeros(16, np.float32),
    "NaN": np.full((16, 20), np.nan, np.float32),
    "constant": np.zeros((16, 20), np.float32),
    "three channels": picture(3, 16, 20),
    "two images": picture(2, 1, 16, 20),
    "odd sides": picture(15, 17),
    "tiny": picture(2, 2),
    "bool": picture() > 0.5,
    "complex": picture().astype(np.complex64),
    "objects": picture().astype(object),
    "a name": "image.tif",
    "nothing": None,
}
ASKED: dict[str, dict[str, Any]] = {
    "negative channel": {"channel": -1},
    "channel beyond": {"channel": 99},
    "channel beyond every number": {"channel": 10**400},
    "half a channel": {"channel": 0.5},
    "point outside": {"point": (100, 3)},
    "point before": {"point": (-1, 3)},
    "point of one": {"point": (3,)},
    "point of NaN": {"point": (float("nan"), 3)},
    "point of words": {"point": ("a", "b")},
    "no point at all": {"point": 3},
    "layer without a name": {"layer": ""},
    "layer None": {"layer": None},
    "layer unknown": {"layer": "nope"},
    "a call that never was": {"layer": "enc1.conv1:9"},
}
MODELS: dict[str, Callable[[], Any]] = {
    "no parameters": lambda: nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2)),
    "a dict": lambda: Returns(lambda answer: {"out": answer}),
    "a tuple": lambda: Returns(lambda answer: (answer, answer.mean())),
    "nothing": lambda: Returns(lambda answer: None),
    "failing": lambda: Returns(fails),
    "half": lambda: unet().half(),
    "without weights": lambda: unet().to("meta"),
    "lazy": lambda: nn.Sequential(nn.LazyConv2d(2, 3)),
    "a vector": lambda: nn.Sequential(nn.Flatten(), nn.Linear(320, 2)),
    "signals": lambda: nn.Conv1d(1, 1, 3),
    "a function": lambda: torch.relu,
    "None": lambda: None,
}


def answered_or_refused(asked: dict[str, Callable[[], Any]]) -> dict[str, str]:
    """What each question said; anything but an answer or a plain error ends the test."""
    said = {}
    for name, ask in asked.items():
        try:
            ask()
            said[name] = ""
        except UnetscopeError as error:
            said[name] = str(error)
            assert len(said[name]) > 15, (name, error)
    return said


@pytest.mark.parametrize("name", IMAGES)
def test_odd_images(name: str) -> None:
    said = answered_or_refused(questions(unet(), IMAGES[name]))
    assert not said["kernels"] and not said["edited"]  # which need no image
    refused = name not in ("NaN", "constant", "tiny", "bool")
    assert bool(said["feature_maps"]) == refused
    if name == "NaN":
        measured = ("effective", "ablate", "ranking", "attribution", "dissect", "equivariance")
        assert all("not finite" in said[one] for one in measured)


@pytest.mark.parametrize("name", ASKED)
def test_odd_points_channels_and_layers(name: str) -> None:
    said = answered_or_refused(questions(unet(), picture(), **ASKED[name]))
    if "channel" in name:
        for one in ("feature_maps", "microscope", "effective", "edited", "maximise"):
            assert "channels 0 to 1" in said[one] or name == "half a channel", one
    if "point" in name:
        assert all(said[one] for one in ("receptive_field", "microscope", "effective"))
        assert said["attribution"]
    if name in ("layer None", "layer unknown", "a call that never was"):
        assert all(said[one] for one in ("feature_maps", "receptive_field", "effective"))


@pytest.mark.parametrize("name", MODELS)
def test_odd_models(name: str) -> None:
    model = MODELS[name]()
    layer = {"no parameters": "0", "lazy": "0", "a vector": "1", "signals": ""}.get(name, LAYER)
    layer = f"net.{LAYER}" if isinstance(model, Returns) else layer
    said = answered_or_refused(questions(model, picture(), layer))
    if name in ("failing", "lazy", "signals", "a function", "None"):
        assert all(said[one] for one in ("follow", "feature_maps", "effective", "ablate"))
    if name == "failing":
        assert "the network's own fault" in said["follow"] and "fault" in said["ablate"]
    if name in ("a dict", "a tuple", "nothing"):
        assert "logits" in said["ablate"] and "logits" in said["attribution"]
        assert not said["feature_maps"] and not said["effective"]
    if name == "without weights":
        assert not said["receptive_field"] and "meta device" in said["feature_maps"]


def test_what_is_odd_but_right_gives_the_right_answer() -> None:
    image = picture()
    plain = inspection.feature_maps(unet(), image, [LAYER])[LAYER].values
    wrapped = Returns(lambda answer: {"out": answer})
    inner = f"net.{LAYER}"
    np.testing.assert_array_equal(
        inspection.feature_maps(wrapped, image, [inner])[inner].values, plain
    )
    half = inspection.feature_maps(unet().half(), image, [LAYER])[LAYER].values
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, plain, atol=5e-3)
    net = unet("batch")
    evaluated = inspection.feature_maps(net, image, [LAYER])[LAYER].values
    before = net.enc1.norm1.running_mean.clone()
    trained = inspection.feature_maps(net.train(), image, [LAYER])[LAYER].values
    np.testing.assert_array_equal(trained, evaluated)
    assert net.training and torch.equal(net.enc1.norm1.running_mean, before)


def test_a_pixel_that_is_no_number_reaches_as_far_as_the_field() -> None:
    image = picture()
    image[8, 10] = np.nan
    maps = inspection.feature_maps(unet(), image, ["enc1.conv2"])["enc1.conv2"].values
    gone = np.isnan(maps).any(axis=0)
    expected = np.zeros((16, 20), bool)
    expected[6:11, 8:13] = True
    np.testing.assert_array_equal(gone, expected)


@pytest.mark.parametrize(
    "region",
    [
        (slice(9, 4), slice(0, 9)),
        (slice(90, 99), slice(0, 9)),
        (slice(0, 9, 2), slice(0, 9)),
        (slice(0, 9),),
        (3, 4),
    ],
)
def test_odd_regions_are_refused(region: Any) -> None:
    for ask in (inspection.feature_maps, inspection.microscope):
        with pytest.raises(ImageError, match="slice"):
            ask(unet(), picture(), LAYER, region=region)


@pytest.mark.parametrize("module", [nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")])
def test_circular_padding_is_refused_with_its_layer_and_a_way_out(module: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), module, nn.Conv2d(2, 2, 1))
    with pytest.raises(ModelError, match=r"'2' cannot be followed: '1' pads circularly.*zeros"):
        inspection.feature_maps(net, picture(), ["2"])
    assert inspection.feature_maps(net, picture(), ["0"])["0"].values.shape == (2, 16, 20)
    value = inspection.microscope(net, picture(), "1").at(0, (0, 0))
    assert value.total == pytest.approx(value.computed, abs=1e-6)
