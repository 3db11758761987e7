"""The networks that a window offers, and how each becomes a subject."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetscope.errors import ModelError
from unetscope.images.target import Target
from unetscope.learning.voice import Voice
from unetscope.looking.glass import Subject
from unetscope.looking.networks import bundled, load, of_model, textbook
from unetscope.network import facts
from unetscope.session.inside.looking_state import Source
from unetscope.session.state import Session
from unetscope.session.values import ModelInUse

if TYPE_CHECKING:
    from torch import nn


BUNDLED = tuple(
    Source(
        f"bundled:{model.name}",
        f"{model.title} (as it comes)",
        f"Pretrained, {model.millions} M parameters.",
    )
    for model in facts.BUNDLED
)
TEXTBOOK = (
    Source("textbook:unet", "U-Net, untrained", "The bundled net's shape with random weights."),
    Source("textbook:lenet5", "LeNet-5, untrained", "LeCun 1998: digits of 32 × 32 px."),
    Source("textbook:alexnet", "AlexNet, untrained", "Krizhevsky 2012."),
    Source("textbook:resnet18", "ResNet-18, untrained", "He 2015: addition as skip connection."),
)


@dataclass(frozen=True, eq=False)
class OwnModel:
    """A network that was handed over: a module from Python, or a model file."""

    title: str
    module: nn.Module | None = None
    path: Path | None = None


def sources(session: Session | None, own: Sequence[OwnModel]) -> tuple[Source, ...]:
    """All that can be chosen, the model of the painting panel first."""
    return (*_of_session(session), *_of_own(own), *BUNDLED, *TEXTBOOK)


def subject(
    key: str,
    session: Session | None,
    own: Sequence[OwnModel],
    target: Target,
) -> Subject:
    """The subject behind a source, as it is this moment.

    Raises
    ------
    ModelError
        If the source is gone.
    """
    kind, _, name = key.partition(":")
    where = (target.key, target.z)
    if kind == "own" and int(name) < len(own):
        return _handed_over(own[int(name)], (key, *where), target)
    if kind == "textbook":
        return textbook(name, target, (key, *where))
    if kind == "bundled":
        return bundled(name, target, (key, *where))
    if session is None or session.model is None:
        raise ModelError("the painting panel has no model any more; choose another network.")
    return _of_model(session, session.model, name, (key, *where), target)


def _of_session(session: Session | None) -> tuple[Source, ...]:
    """Without importing torch: the voices are read off the model."""
    if session is None or session.model is None or not session.model.model.classes:
        return ()
    model = session.model.model
    title = _version_title(session)
    found = []
    trained = model.network_of(model.class_values) is not None
    if trained or session.newest is not None:
        tip = f"{100 * model.network_weight:.0f} % of the answer"
        found.append(Source(f"model:{Voice.NETWORK}", f"{title}: {Voice.NETWORK}", tip))
    if model.instant.head is not None and not model.features.sources:
        tip = "bundled features and the head that your strokes solved"
        found.append(Source(f"model:{Voice.INSTANT}", f"{title}: {Voice.INSTANT}", tip))
    if len(found) == 2 and model.network_weight < 0.5:
        found.reverse()
    return tuple(found)


def _of_own(own: Sequence[OwnModel]) -> tuple[Source, ...]:
    return tuple(Source(f"own:{i}", one.title, "handed over") for i, one in enumerate(own))


def _version_title(session: Session) -> str:
    version = session.versions.current
    return f"This model v{version.number}" if version else "This model"


def _of_model(
    session: Session, using: ModelInUse, voice: str, key: tuple[Any, ...], target: Target
) -> Subject:
    """The painting panel's model; of a training in progress, the newest finished epoch."""
    model, title = using.model, _version_title(session)
    newest = session.newest if voice == Voice.NETWORK else None
    if newest is not None and (session.training.busy or model.network is None):
        title = f"{title}, epoch {newest.epoch}"
        model = model.with_network(newest.network, max(model.network_weight, 1e-3))
    whole_key = (*key, using.serial, title)
    made = of_model(title, lambda: model, voice, target, whole_key, tuple(model.classes))
    version = session.versions.current
    made.record["version"] = version.number if version else 0
    return made


def _handed_over(own: OwnModel, key: tuple[Any, ...], target: Target) -> Subject:
    module, path = own.module, own.path
    if path is not None:
        return of_model(own.title, lambda: load(path), None, target, key)
    assert module is not None
    record = {"model": own.title, "class": type(module).__qualname__}
    return Subject(key, own.title, lambda: deepcopy(module).eval(), target, record=record)
