"""Backbones of others as a feature source, whichever library builds them.

Hierarchical networks give their stages (:mod:`unetscope.learning.sources.stages`), vision
transformers their patch tokens (:mod:`unetscope.learning.sources.tokens`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from unetscope.errors import ModelError
from unetscope.learning.sources.reduction import Reduction, fit_reduction, reference_images
from unetscope.learning.sources.source import FeatureSource, Look, SourceMaps
from unetscope.learning.sources.stages import StageMaps
from unetscope.learning.sources.tokens import TokenMaps

LOOK_PX = 64


@dataclass(frozen=True)
class BackboneOptions:
    """What is taken from a backbone.

    Attributes
    ----------
    passes : jittered passes of a vision transformer in each direction; the time grows with its
        square.
    components : channels kept of every map, at most.
    coarsest_px : stages of larger stride are left out.
    """

    passes: int = 2
    components: int = 64
    coarsest_px: int = 16

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ModelError(f"{name} is {value!r}; it must be at least 1.")


@dataclass(frozen=True)
class TrainingColours:
    """Mean and spread of the colours a backbone was trained on, for values from 0 to 1."""

    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)


_UNKNOWN_COLOURS = TrainingColours()


class Backbone(FeatureSource):
    """A network of others whose maps are brought to few channels of like size.

    Grey images are repeated to the three colours it was trained on; of images with another number
    of channels the mean is taken.

    Parameters
    ----------
    name : what it is opened by.
    reader : gives its maps.
    colours : that it was trained on.
    state : what :meth:`state` gave; None fits the reduction to the reference scenes.
    """

    def __init__(
        self,
        name: str,
        reader: StageMaps | TokenMaps,
        *,
        colours: TrainingColours = _UNKNOWN_COLOURS,
        licence_note: str = "",
        options: BackboneOptions | None = None,
        state: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.name, self.licence_note = name, licence_note
        self.wanted = options or BackboneOptions()
        self.exact_tiles, self.halo_px = reader.exact_tiles, reader.halo_px
        self._reader = reader
        self._mean = torch.tensor(colours.mean).reshape(1, -1, 1, 1)
        self._std = torch.tensor(colours.std).reshape(1, -1, 1, 1)
        shown = self._first_look()
        self._levels = {found.name: found.level for found in shown}
        # Maps that join a level need images of whole cells of it.
        self.side_multiple = max(reader.side_multiple, *self._levels.values())
        self._reductions = self._fitted() if state is None else _restored(state, shown, self.name)
        self._fingerprint = self._hash()

    @property
    def fingerprint(self) -> str:
        """Of its weights, its options and its reduction."""
        return self._fingerprint

    def columns(self, channels: int) -> dict[int, tuple[str, ...]]:
        """The kept components of every stage, or of the tokens."""
        found: dict[int, tuple[str, ...]] = {}
        for name, reduction in self._reductions.items():
            kept = range(len(reduction.bias))
            own = tuple(f"{name}, component {index}" for index in kept)
            found[self._levels[name]] = found.get(self._levels[name], ()) + own
        return found

    def maps(self, look: Look) -> tuple[SourceMaps, ...]:
        """The backbone's maps of the whole image, reduced."""
        raw = self._reader.raw(self._coloured(look.image), look.net(self._reader.net))
        return tuple(replace(one, maps=self._reductions[one.name](one.maps)) for one in raw)

    def options(self) -> dict[str, Any]:
        """What is taken from it."""
        return asdict(self.wanted)

    def state(self) -> dict[str, Tensor]:
        """The reduction, for a model file; the backbone's weights stay where they are."""
        found = {}
        for name, reduction in self._reductions.items():
            found[f"{name}.weight"], found[f"{name}.bias"] = reduction.weight, reduction.bias
        return found

    def _coloured(self, image: Tensor) -> Tensor:
        image = image.float()
        if image.shape[1] != 3:
            image = image.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        return (image - self._mean.to(image)) / self._std.to(image)

    def _raw(self, image: Tensor, *, jittered: bool = True) -> tuple[SourceMaps, ...]:
        """The unreduced maps, on the CPU."""
        return self._reader.raw(self._coloured(image), jittered=jittered)

    def _first_look(self) -> tuple[SourceMaps, ...]:
        """The unreduced maps of a blank picture: which there are, and whether any size will do."""
        try:
            with torch.inference_mode():
                return self._raw(torch.zeros(1, 1, LOOK_PX, LOOK_PX))
        except (AssertionError, RuntimeError) as error:
            raise ModelError(
                f"{self.name} does not take images of any size ({' '.join(str(error).split())}); "
                "choose another backbone."
            ) from error

    def _fitted(self) -> dict[str, Reduction]:
        """The reductions that suit the reference scenes.

        One pass of a transformer is enough: how large the numbers are does not depend on jitter.
        """
        rows: dict[str, list[Tensor]] = {}
        with torch.inference_mode():
            for image in reference_images():
                for raw in self._raw(image, jittered=False):
                    rows.setdefault(raw.name, []).append(raw.maps[0].flatten(1).t())
        return {
            name: fit_reduction(torch.cat(own), self.wanted.components)
            for name, own in rows.items()
        }

    def _hash(self) -> str:
        digest = hashlib.sha256(f"{self.name} {json.dumps(asdict(self.wanted))}".encode())
        for name, tensor in sorted({**self._reader.net.state_dict(), **self.state()}.items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


def _restored(
    state: Mapping[str, Tensor], shown: Sequence[SourceMaps], name: str
) -> dict[str, Reduction]:
    found = {}
    for part in shown:
        try:
            weight, bias = state[f"{part.name}.weight"], state[f"{part.name}.bias"]
        except KeyError as error:
            raise ModelError(f"the stored reduction of {name} lacks {error}.") from error
        if bias.ndim != 1 or weight.shape != (part.maps.shape[1], len(bias)):
            raise ModelError(
                f"the stored reduction of {name} is of shape {tuple(weight.shape)} for the "
                f"{part.maps.shape[1]} channels of {part.name}."
            )
        found[part.name] = Reduction(weight, bias)
    return found
