"""A model as one TorchScript file and a page of JSON beside it, and the file against the model."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import unetscope
from unetscope.errors import ModelError, OutputError
from unetscope.exchange.answer_module import answer_module
from unetscope.images.claims import Claim
from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import CLIP, Normalisation
from unetscope.images.writing import replacing
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_probabilities

SUFFIX = ".pt"
_TRACED_PX = 128
_CHECKED = ((512, 512), (500, 333))  # the second is no multiple of anything
_UNLIKE = 1e-3


@dataclass(frozen=True)
class ExportCheck:
    """What came of running a file: ``pixels`` compared, ``labels`` that differ, probabilities.

    ``mean`` and ``worst`` are of the absolute differences, ``unlike`` says how many are above .001.
    """

    pixels: int
    labels: int
    mean: float
    worst: float
    unlike: int

    def __str__(self) -> str:
        """One sentence."""
        return (
            f"checked on {self.pixels} pixels of noise: {self.labels} labels differ, probabilities "
            f"by {self.mean:.1e} in the mean and {self.worst:.1e} at most "
            f"({self.unlike} by more than {_UNLIKE:g})"
        )


def write_torchscript(
    model: PixelModel, path: str | Path, claim: Claim, *, fixed: bool = False
) -> tuple[Path, Path]:
    """Write ``path`` (NAME.pt) and NAME.json, which says what goes in and what comes out.

    Parameters
    ----------
    fixed : the file reads grey values itself, in the range of the images the model learned from.
        Else it is given images normalised, each by its own percentiles.

    Raises
    ------
    ModelError
        The model cannot be exported, or has no range to be fixed.
    OutputError
        A file cannot be written, or there is one that may not be replaced. The old one is whole.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise OutputError(f"{path.name!r} is no name for TorchScript; call it {path.stem}{SUFFIX}.")
    described = path.with_suffix(".json")
    for target in (path, described):
        claim.check(target)
    scale = _scale_of(model, fixed)
    traced = _traced(answer_module(model, scale), model.channels)
    with replacing(path, claim) as temporary:
        traced.save(str(temporary))
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    page = {"file": path.name, "sha256": digest, **description(model, scale)}
    text = json.dumps(page, indent=2, ensure_ascii=False)
    with replacing(described, claim) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return path, described


def description(model: PixelModel, scale: Normalisation | None) -> Mapping[str, Any]:
    """What another program must know of the model, as JSON values; no path, no name of a person."""
    told = model.provenance
    return {
        "made_by": f"unetscope {unetscope.__version__}",
        "model": model.identity,
        "model_sha256": told.parent,
        "input": "batch, channel, y, x; float32; sides of any length",
        "channels": model.channels,
        "range": "fixed" if scale is not None else "image",
        "grey_values": _rule(scale),
        "output": "batch, class, y, x; float32 probabilities that sum to one",
        "classes": [
            {"index": index, "value": one.value, "name": one.name}
            for index, one in enumerate(model.classes)
        ],
        "pixel_size": None if told.pixel_size is None else [*told.pixel_size],
        "unit": told.unit,
    }


def check_torchscript(model: PixelModel, path: str | Path, *, fixed: bool = False) -> ExportCheck:
    """Run a file that was just written on noise of two sizes, and compare it with the engine.

    The noise is seen in the range of the model, for both sides alike.
    """
    scale = _scale_of(model, fixed)
    seen = scale or Normalisation((0.0,) * model.channels, (1.0,) * model.channels)
    alike = model.with_features(own_normalisation=False, normalisation=seen)
    low, high = (np.array(v, np.float32)[:, None, None] for v in (seen.low, seen.high))
    program = torch.jit.load(str(path))
    rng, gaps, labels = np.random.default_rng(0), [], 0
    for sides in _CHECKED:
        image = _noise(rng, (model.channels, *sides)) * (high - low) + low
        expected = predict_probabilities(alike, as_micrograph(image, axes="cyx"))
        given = image if fixed else seen.apply(image)
        with torch.no_grad():
            found = program(torch.from_numpy(given)[None])[0].numpy()
        labels += int((found.argmax(axis=0) != expected.argmax(axis=0)).sum())
        gaps.append(np.abs(found - expected).ravel())
    gap = np.concatenate(gaps)
    pixels = sum(height * width for height, width in _CHECKED)
    unlike = int((gap > _UNLIKE).sum())
    return ExportCheck(pixels, labels, float(gap.mean()), float(gap.max()), unlike)


def _scale_of(model: PixelModel, fixed: bool) -> Normalisation | None:
    """The range the file reads grey values in; None where it is given them normalised."""
    if not fixed:
        if not model.features.own_normalisation:
            raise ModelError(
                "this model sees all images in the range it learned from; "
                "export it with a fixed range (--fixed-range)."
            )
        return None
    scale = model.features.normalisation
    if scale is None:
        raise ModelError(
            "this model has not kept the range of the images it learned from; "
            "export it without a fixed range."
        )
    return scale


def _rule(scale: Normalisation | None) -> dict[str, Any]:
    if scale is not None:
        return {"given": "as they are", **scale.to_dict(), "clip": [*CLIP]}
    words = "(x - low) / (high - low) per channel, low and high percentiles of the whole image"
    return {"given": words, "low_percentile": 1.0, "high_percentile": 99.0, "clip": [*CLIP]}


def _traced(module: nn.Module, channels: int) -> Any:
    generator = torch.Generator().manual_seed(0)
    example = torch.rand((1, channels, _TRACED_PX, _TRACED_PX), generator=generator)
    with torch.no_grad(), warnings.catch_warnings():
        # torch says that tracing will go, and of every size that it might be kept; it is checked.
        warnings.simplefilter("ignore")
        return torch.jit.freeze(torch.jit.trace(module, example, check_trace=False))


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Grey values from 0 to 1 in blotches of all sizes."""
    total = np.zeros(shape, np.float32)
    for step in (1, 4, 16):
        coarse = rng.random((shape[0], -(-shape[1] // step), -(-shape[2] // step)), np.float32)
        wide = coarse.repeat(step, axis=1).repeat(step, axis=2)
        total += wide[:, : shape[1], : shape[2]]
    return total / 3
