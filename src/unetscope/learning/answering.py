"""What answers, as one network from image to class logits: for looking inside it.

The instant voice is a backbone and a linear head; here they become one module with the same layer
names as the U-Net, whose ``classifier`` is the head. The forest's vote is no network and left out.
Where other backbones feed the head as well there is no such module.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation, fit_normalisation
from unetscope.learning.feature_cache import read_window
from unetscope.learning.features import Levels, scores
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.sources.bundled import CONTEXT, own_sources, tap_names
from unetscope.learning.sources.classical import FILTERS, classical_maps
from unetscope.learning.sources.source import tile_needs
from unetscope.learning.tiling import padded_shape
from unetscope.learning.voice import Voice
from unetscope.network.cropping import Region
from unetscope.network.unet import UNet


def voices(model: PixelModel) -> tuple[Voice, ...]:
    """The voices ``model`` has, the one that speaks loudest first."""
    found = []
    network = model.network_of(model.class_values)
    if network is not None:
        found.append(Voice.NETWORK)
    if model.instant.head is not None and not model.features.sources:  # networks of their own
        found.append(Voice.INSTANT)
    if network is not None and network.weight < 0.5:
        found.reverse()
    return (*found, Voice.BACKBONE)


def answering_network(model: PixelModel, voice: Voice | None = None) -> nn.Module:
    """A copy of the network that answers, (1, channel, y, x) → logits (1, class, y, x).

    Parameters
    ----------
    voice : which one; None for the one that speaks loudest. Sides of an image must be multiples of
        :func:`input_multiple`. The backbone's own two outputs are those of pretraining, not the
        model's classes.

    Raises
    ------
    ModelError
        If the model does not have this voice.
    """
    wanted = voice or voices(model)[0]
    if wanted not in voices(model):
        raise ModelError(f"this model has no {wanted}; it has: {', '.join(voices(model))}.")
    if wanted is Voice.NETWORK:
        assert model.network is not None
        return deepcopy(model.network.net).eval().requires_grad_(False)
    if wanted is Voice.INSTANT:
        return InstantNetwork(model).eval().requires_grad_(False)
    return deepcopy(model.features.backbone).eval().requires_grad_(False)


def start_of(backbone: UNet, network: UNet) -> UNet:
    """What ``network`` was before it was trained: the backbone's weights in its shape.

    The classifier, which has an output per class, is taken from ``network``, so that only what
    both have differs.
    """
    start = deepcopy(network).eval().requires_grad_(False)
    tensors = network.state_dict()
    for name, tensor in backbone.state_dict().items():
        if not name.startswith("classifier.") and tensors[name].shape == tensor.shape:
            tensors[name] = tensor
    start.load_state_dict(tensors)
    return start


def input_multiple(model: PixelModel) -> int:
    """Sides of an image given to one of its networks must be multiples of this."""
    own = own_sources(model.name, model.features.backbone, model.features.recipe)
    return tile_needs(own, model.channels).side_multiple


def network_input(
    model: PixelModel,
    image: Micrograph,
    z: int = 0,
    normalisation: Normalisation | None = None,
) -> Tensor:
    """Plane ``z`` as the network takes it: (channel, y, x) float32, normalised.

    Sides are rounded up to the network's multiple by repeating the rim, as prediction does.
    """
    scale = normalisation
    features = model.features
    if scale is None and not features.own_normalisation:
        scale = features.normalisation
    height, width = padded_shape(image.spatial_shape[-2:], input_multiple(model))
    window = (slice(0, height), slice(0, width))
    return read_window(image, z, window, scale or fit_normalisation(image))[0].contiguous()


class InstantNetwork(UNet):
    """Backbone, classical filters and head in one; layers are named as in the U-Net.

    Where the model has a second look at the image's quarter, that is ``context``: the same weights
    once more.
    """

    def __init__(self, model: PixelModel) -> None:
        super().__init__(model.features.backbone.config)
        self.load_state_dict(model.features.backbone.state_dict())
        recipe = model.features.recipe
        self.context = SecondLook(self) if recipe.context_gain else None
        self.filters = FilterBank(recipe.strides)
        self.classifier: nn.Module = LinearHead(model)

    def forward(self, image: Tensor, core: Region | None = None) -> Tensor:
        """Logits of every pixel: the logarithm of the instant voice's probabilities, shifted."""
        filtered: Levels = self.filters(image)
        taps = self.taps(image, tap_names(self))
        found = {2**index: taps[name] for index, name in enumerate(tap_names(self))}
        if self.context is not None:
            found |= self.context(image)
        logits: Tensor = self.classifier(found, filtered)
        return logits if core is None else logits[..., core[0], core[1]]


class SecondLook(UNet):
    """A U-Net that shares all its weights with another and sees the image at a quarter."""

    def __init__(self, net: UNet) -> None:
        super().__init__(net.config)
        self.shrink = nn.AvgPool2d(CONTEXT)
        self.classifier = nn.Identity()  # only its taps are asked for
        for name, parameter in self.named_parameters():
            owner, _, attribute = name.rpartition(".")
            setattr(self.get_submodule(owner), attribute, net.get_parameter(name))
            assert self.get_parameter(name).shape == parameter.shape

    def forward(self, image: Tensor, core: Region | None = None) -> Levels:  # type: ignore[override]
        """Stride → the taps, (batch, channel, y / stride, x / stride)."""
        taps = self.taps(self.shrink(image), tap_names(self))
        return {CONTEXT * 2**index: taps[name] for index, name in enumerate(tap_names(self))}


class FilterBank(nn.Module):
    """The hand-set kernels beside the learned ones; nothing in here is learned."""

    def __init__(self, strides: Sequence[int]) -> None:
        super().__init__()
        self.strides = tuple(strides)

    def forward(self, image: Tensor) -> Levels:
        """Stride → (batch, channel, y / stride, x / stride)."""
        return classical_maps(image, strides=self.strides)

    def extra_repr(self) -> str:
        """What ``repr`` says between the brackets."""
        return f"{', '.join(FILTERS)} at strides {self.strides}"


class LinearHead(nn.Module):
    """The ridge solution, its sharpness and temperature and the classes' frequencies, as logits."""

    def __init__(self, model: PixelModel) -> None:
        super().__init__()
        instant, recipe = model.instant, model.features.recipe
        assert instant.head is not None
        head = instant.head.stored().as_logits(recipe, instant.prior, recipe.temperature)
        self.weight, self.bias = nn.Parameter(head.weight), nn.Parameter(head.bias)

    def forward(self, taps: Levels, filtered: Levels) -> Tensor:
        """(1, class, y, x) from the levels of one image; at every stride taps stand first."""
        levels = {
            stride: torch.cat([taps[stride], maps], dim=1)[0] if stride in taps else maps[0]
            for stride, maps in filtered.items()
        }
        return scores(levels, self.weight, self.bias)[None]
