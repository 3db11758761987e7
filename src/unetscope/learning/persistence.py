"""A model to a file and back: what the manifest says, and what is checked on the way in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import unetscope
from unetscope.computing.machine import settled
from unetscope.computing.memory import is_out_of_memory
from unetscope.errors import ModelError, ModelFileError
from unetscope.images.claims import MODEL, Claim
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.manifest import MAX_SEED, manifest_of
from unetscope.learning.model_parts import CHECK_PX, check_parts, model_of, parts_of, tensors_of
from unetscope.learning.pixel_model import ModelFeatures, PixelModel, Provenance
from unetscope.learning.prediction import PredictOptions, predict_probabilities
from unetscope.learning.recipe import Recipe
from unetscope.learning.sources.catalogue import is_added, open_source
from unetscope.learning.sources.source import FeatureSource
from unetscope.network.facts import bundled_model
from unetscope.network.model_file import StoredTensor, load_model_file, save_model_file, shown
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig, initialise

_KIND = "pixel model"
_CHECK_TOLERANCE = 1e-4
# A transformer rounds differently from machine to machine; its weights are compared by their hash.
_CHECK_TOLERANCE_OTHERS = 1e-3


def start_model(
    name: str | None = "general",
    *,
    device: str = "cpu",
    channels: int = 1,
    seed: int = 0,
    allow_download: bool = False,
) -> PixelModel:
    """A model that has learned no classes yet.

    Parameters
    ----------
    name : of bundled weights; that of a source to be added, e.g. ``"timm:"`` and a pretrained timm
        model, for the default ones with it beside them; None for random weights.
    allow_download : fetch a source's weights that are not on this computer.

    Raises
    ------
    ModelError
        If there are no such weights, timm is missing, or ``seed`` is not from 0 to 2³² - 1.
    """
    if not 0 <= seed <= MAX_SEED:
        raise ModelError(f"the seed is {seed}; give a whole number from 0 to {MAX_SEED}.")
    if name is None:
        net = initialise(UNet(UNetConfig(norm="none")), seed)
        return _untaught("random", ModelFeatures(settled(net), Recipe()), channels, seed)
    sources: tuple[FeatureSource, ...] = ()
    if is_added(name):
        added = open_source(name, channels=channels, allow_download=allow_download)
        sources, name = (added,), "general"
    resolved = bundled_model(name).name
    bundled, manifest = load_bundled(resolved)
    recipe = Recipe.from_dict(manifest["recipe"])
    features = ModelFeatures(settled(bundled), recipe, sources=sources)
    return _untaught(resolved, features, channels, seed)


def _untaught(name: str, features: ModelFeatures, channels: int, seed: int) -> PixelModel:
    return PixelModel(features, Provenance(name, seed=seed)).for_channels(channels)


def save_model(model: PixelModel, path: str | Path, claim: Claim = MODEL) -> str:
    """Write ``model`` to one ``.unetscope`` file and return its SHA-256.

    A picture of noise and the model's answer to it travel along; loading must reproduce it.

    Parameters
    ----------
    claim : what is read for it, and whether a file that is no model may be replaced.

    Raises
    ------
    OutputError
        Something else than a model is there, or the file cannot be written.
    """
    claim.check(path)
    if not model.can_answer:
        raise ModelError("this model has learned no classes yet; train it before saving it.")
    tensors = tensors_of(model)
    tensors["check.image"] = _check_image(model)
    tensors["check.answer"] = _answer_to(model, tensors["check.image"])
    return save_model_file(path, _manifest_of(model), tensors)


def load_model(path: str | Path, *, allow_download: bool = False) -> PixelModel:
    """Read a model file; anything that does not fit together is a :class:`ModelFileError`.

    Parameters
    ----------
    allow_download : fetch the weights of a backbone it needs that are not on this computer.
    """
    name = Path(path).name

    def check(manifest: Mapping[str, Any], stored: Mapping[str, StoredTensor]) -> None:
        if manifest.get("kind") != _KIND:
            raise ModelFileError(
                f"it holds {shown(manifest.get('kind', 'something else'))}, not a trained model; "
                "choose a file that was saved with Save model."
            )
        with _refusing(name, "does not fit together"):
            check_parts(manifest, stored)

    loaded = load_model_file(path, check)
    manifest, tensors = loaded.manifest, loaded.tensors
    with _refusing(name, "does not fit together"):
        model = model_of(manifest, tensors, allow_download=allow_download)
    model = model.with_provenance(parent=loaded.sha256)
    with _refusing(name, "cannot answer its test image"):
        answer = _answer_to(model, tensors["check.image"])
    gap = float((answer - tensors["check.answer"]).abs().max())
    if not gap <= (_CHECK_TOLERANCE_OTHERS if model.features.sources else _CHECK_TOLERANCE):
        raise ModelFileError(
            f"{name} answers its test image differently here (by {gap:.2g}); it was "
            f"saved with {shown(manifest.get('versions'))}."
        )
    return model


@contextmanager
def _refusing(name: str, what: str) -> Iterator[None]:
    """Whatever goes wrong with the content of a file is an error of that file."""
    try:
        yield
    except ModelFileError:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise ModelFileError(f"{name} {what}: {error}") from error
    except (RuntimeError, MemoryError) as error:
        reason = "there is not enough memory for it" if is_out_of_memory(error) else str(error)
        raise ModelFileError(f"{name} {what}: {reason}") from error


def _manifest_of(model: PixelModel) -> dict[str, Any]:
    versions = {"unetscope": unetscope.__version__, "torch": str(torch.__version__)}
    parent = model.provenance.parent
    told = {"kind": _KIND, "parent": parent, "versions": versions}
    return told | manifest_of(model) | parts_of(model)


def _check_image(model: PixelModel) -> Tensor:
    generator = torch.Generator().manual_seed(model.provenance.seed)
    return torch.rand((model.channels, CHECK_PX, CHECK_PX), generator=generator)


def _answer_to(model: PixelModel, image: Tensor) -> Tensor:
    micrograph = as_micrograph(image.numpy(), axes="cyx")
    chance = predict_probabilities(model, micrograph, PredictOptions(device="cpu"))
    return torch.from_numpy(chance)
