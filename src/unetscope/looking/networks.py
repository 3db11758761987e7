"""The networks that can be looked into: bundled and textbook ones, files, and one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetscope.errors import ModelError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.images.target import Target
from unetscope.inspection.writing.calls import ModelSource
from unetscope.learning.samples import as_grey
from unetscope.learning.voice import Voice
from unetscope.looking.glass import Subject
from unetscope.looking.lazily import Lazily
from unetscope.network.facts import BUNDLED_TITLES, MODEL_SUFFIX, bundled_model

if TYPE_CHECKING:
    import torch
    from torch import nn

    from unetscope.learning import answering, persistence
    from unetscope.learning.pixel_model import PixelModel
    from unetscope.network import teaching, unet, user_models
else:
    torch = Lazily("torch")
    answering = Lazily("unetscope.learning.answering")
    persistence = Lazily("unetscope.learning.persistence")
    teaching = Lazily("unetscope.network.teaching")
    unet = Lazily("unetscope.network.unet")
    user_models = Lazily("unetscope.network.user_models")


def bundled(name: str, target: Target, key: tuple[Any, ...] = ()) -> Subject:
    """A bundled network as it comes."""

    def model() -> PixelModel:
        return persistence.start_model(name, device="cpu")

    source = ModelSource("bundled", name, target.image.channels)
    return replace(of_model(name, model, Voice.BACKBONE, target, key), source=source)


def textbook(name: str, target: Target, key: tuple[Any, ...] = (), seed: int = 0) -> Subject:
    """An untrained network: LeNet-5, AlexNet, ResNet-18, or the bundled net's shape ("unet")."""
    channels = target.image.channels

    def build() -> nn.Module:
        if name == "unet":
            return _untrained(channels)
        return teaching.teaching_network(name, channels, seed)

    source = None if name == "unet" else ModelSource("teaching", name, channels, seed)
    record = {"model": name, "seed": seed}
    return Subject(key, name, build, target, record=record, source=source)


def of_model(
    title: str,
    model: Callable[[], PixelModel],
    voice: str | None,
    target: Target,
    key: tuple[Any, ...] = (),
    classes: tuple[LabelClass, ...] = (),
) -> Subject:
    """A voice of the model that ``model()`` gives, in the worker; None: the one that is loudest.

    A colour image whose channels are all the same is grey to a model that learned from grey ones,
    as it is when it predicts.
    """

    @cache
    def fitting(where: Target) -> tuple[PixelModel, Micrograph]:
        made, image = model(), where.image
        if made.can_answer and made.channels == 1 and image.channels == 3:
            image = as_grey(image)
        return made.for_channels(image.channels), image

    def build() -> nn.Module:
        speaks = Voice(voice) if voice else None
        return answering.answering_network(fitting(target)[0], speaks)

    def prepare(where: Target) -> Any:
        return answering.network_input(*fitting(where), where.z)

    record = {"model": title, "voice": str(voice or "")}
    return Subject(key, title, build, target, prepare, classes, record, model)


def named(name: str, target: Target, *, seed: int = 0, weights: Path | None = None) -> Subject:
    """The network that ``name`` stands for on the command line, built now.

    Parameters
    ----------
    name : a bundled or teaching network, a ``.unetscope`` file, or ``package.module:function``.
    seed : of the teaching networks' weights.
    weights : a ``.safetensors`` file, for ``package.module:function`` alone.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    subject = _named(name, target, seed, weights)
    net = subject.build()
    return replace(subject, build=lambda: net)


def _named(name: str, target: Target, seed: int, weights: Path | None) -> Subject:
    if ":" in name and not name.endswith(MODEL_SUFFIX):
        source = ModelSource("factory", name)
        return Subject(
            (), name, lambda: user_models.load_user_model(name, weights), target, source=source
        )
    if weights is not None:
        raise ModelError("--weights belong to a network of your own, package.module:function.")
    if name.endswith(MODEL_SUFFIX):
        return _of_file(Path(name), target)
    if name in BUNDLED_TITLES:
        return bundled(bundled_model(name).name, target)
    if name not in teaching.TEACHING:
        known = ", ".join((*BUNDLED_TITLES, *teaching.TEACHING))
        raise ModelError(
            f"there is no model {name!r}; give {known}, a "
            f"NAME{MODEL_SUFFIX} file, or package.module:function that builds your own."
        )
    return textbook(name, target, seed=seed)


def _of_file(path: Path, target: Target) -> Subject:
    """Its loudest voice; a script finds it where it lies."""
    model = load(path)
    source = ModelSource("file", str(path.absolute()), model.channels)
    made = of_model(path.stem, lambda: model, None, target, classes=tuple(model.classes))
    return replace(made, source=source)


def load(path: Path) -> PixelModel:
    """The model of a file."""
    return persistence.load_model(path)


def before(earlier: nn.Module, later: nn.Module) -> nn.Module:
    """What ``later`` is compared with: of a bundled network, what a training began with.

    That is the bundled network with the classifier of what came after.
    """
    if not (isinstance(earlier, unet.UNet) and isinstance(later, unet.UNet)):
        return earlier
    alike = replace(earlier.config, classes=later.config.classes) == later.config
    return (
        answering.start_of(earlier, later) if alike and earlier.config != later.config else earlier
    )


def _untrained(channels: int) -> nn.Module:
    # PyTorch's own first weights, not ours: with them the effective field without skip connections
    # is seven times wider, which ours (He et al.) would hide.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return unet.UNet(unet.UNetConfig(in_channels=channels)).eval()
