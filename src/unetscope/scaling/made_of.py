"""What an answer is made of: what must be the same to go on with it, and what is only recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unetscope import __version__
from unetscope.computing.machine import Engine
from unetscope.errors import OutputError
from unetscope.images.claims import STATE
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.images.questions import Answers
from unetscope.images.writing import replacing
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.voice import Voices
from unetscope.scaling.layout import Layout

FORMAT = 1
_SAMPLE_PX = 20_000
_WORDS = {
    "format": "the format of unfinished answers",
    "model": "the model",
    "engine": "the engine or precision",
    "voices": "how the voices are heard",
    "image": "the image",
    "factors": "the pixel size at which the image is seen",
    "grey": "the grey range",
    "layout": "the blocks",
    "probabilities": "whether probabilities are written",
}


@dataclass(frozen=True)
class Manifest:
    """What a run over an image is made of.

    Attributes
    ----------
    must
        By subject, what has to be the same for every block, also on another day.
    recorded
        Versions and the processor, which may change numbers by their rounding.
    source
        Where the image is read from, and what was said of it; empty for pixels in memory.
    """

    must: Mapping[str, Any]
    recorded: Mapping[str, Any]
    source: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Of what must be the same."""
        return hashlib.sha256(_json(self.must).encode()).hexdigest()[:16]

    @property
    def layout(self) -> Layout:
        """How the answer is cut."""
        told = self.must["layout"]
        return Layout(tuple(told["shape"]), told["side"])

    @property
    def grey(self) -> Normalisation:
        """The grey range of the whole image, which no block may find for itself."""
        told = self.must["grey"]
        return Normalisation(
            tuple(told["low"]),
            tuple(told["high"]),
            told["low_percentile"],
            told["high_percentile"],
        )

    @property
    def engine(self) -> Engine:
        """What computes the networks; never "auto", which would be decided block by block."""
        return Engine(**self.must["engine"])

    @property
    def probabilities(self) -> bool:
        """Whether they are written as well."""
        return bool(self.must["probabilities"])

    @property
    def factors(self) -> tuple[float, float] | None:
        """(y, x) by how much there are more pixels as the model sees it; None: as they are."""
        told = self.must["factors"]
        return None if told is None else (told[0], told[1])

    @property
    def voices(self) -> Voices:
        """How the model's voices are heard."""
        return Voices(self.must["voices"])

    @property
    def answers(self) -> Answers:
        """What was said of the image file."""
        return Answers(**self.source.get("answers", {}))

    def check_same(self, now: Manifest, where: Path) -> None:
        """Refuse to go on with an answer that was begun with something else.

        Raises
        ------
        OutputError
            With what differs.
        """
        for subject, words in _WORDS.items():
            before, wanted = self.must.get(subject), now.must.get(subject)
            if before != wanted:
                raise OutputError(
                    f"{where} was begun with something else: {words} was {_short(before)} and is "
                    f"now {_short(wanted)}; go on with the former, or begin anew with --overwrite"
                )

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        with replacing(path, STATE) as temporary:
            temporary.write_text(_json(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read it from JSON.

        Raises
        ------
        OutputError
            If it is not there or cannot be understood.
        """
        try:
            told = json.loads(path.read_bytes())
            found = cls(told["must"], told["recorded"], told["source"])
            known = found.must["format"] == FORMAT
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{path} does not say what the answer was made of, so it cannot be continued; "
                "begin anew with --overwrite"
            ) from error
        if not known:
            raise OutputError(
                f"{path} was written by another version of unetscope; go on with that, or begin "
                "anew with --overwrite"
            )
        return found


@dataclass(frozen=True)
class RunOptions:
    """How a run answers: the engine (its precision decided), blocks, and what else it writes."""

    engine: Engine
    most_px: int
    probabilities: bool = False
    factors: tuple[float, float] | None = None
    voices: Voices = Voices.ALL


def manifest_of(
    model: PixelModel,
    image: Micrograph,
    grey: Normalisation,
    wanted: RunOptions,
    source: Mapping[str, Any],
) -> Manifest:
    """What a run over ``image`` is made of; a sample of its pixels tells it from others."""
    sample = np.ascontiguousarray(image.sample_pixels(_SAMPLE_PX))
    must = {
        "format": FORMAT,
        "model": model.identity,
        "engine": asdict(wanted.engine),
        "image": {
            "shape": list(image.shape),
            "dtype": str(image.dtype),
            "axes": image.axes,
            "sample": hashlib.sha256(sample.tobytes()).hexdigest()[:16],
        },
        "grey": asdict(grey),
        "layout": asdict(Layout.of(image.spatial_shape, wanted.most_px)),
        "probabilities": wanted.probabilities,
        "factors": wanted.factors,
        "voices": wanted.voices,
    }
    recorded = {
        "unetscope": __version__,
        **{name: version(name) for name in ("torch", "numpy", "scikit-learn", "zarr")},
        "processor": torch.backends.cpu.get_cpu_capability(),
    }
    return Manifest(json.loads(_json(must)), recorded, source)


def _json(values: Any) -> str:
    return json.dumps(values, sort_keys=True, indent=1)


def _short(value: Any) -> str:
    return json.dumps(value)[:120]
