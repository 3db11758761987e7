"""What is meta-trained: the network, the head's settings, and how a run is configured."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unetscope.errors import ModelError
from unetscope.learning.head import Penalty
from unetscope.learning.recipe import Recipe
from unetscope.learning.sources.bundled import UNetTaps, own_sources
from unetscope.learning.sources.classical import ClassicalFilters
from unetscope.learning.sources.source import feature_gains
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig, initialise

# Each decoder tap has an RMS near 0.7 after batch normalisation and ReLU; classical filters are
# brought to a similar size by these factors (one over their RMS on normalised scenes) before the
# learned gains, so that all gains start where the first experiments found them best.
_CLASSICAL_SCALE = (
    (1.7, 12.0, 16.0, 16.0, 10.0),
    (1.7, 9.0, 10.0, 10.0, 8.0),
    (1.8, 7.0, 7.0, 7.0, 6.0),
    (1.8, 6.0, 5.0, 5.0, 5.0),
    (1.8, 6.0, 5.0, 5.0, 5.0),
)


@dataclass(frozen=True)
class PretrainConfig:
    """All that decides one pretraining run; read from a TOML file of ``configs/``.

    ``start`` names bundled weights to go on from; they are folded, so the network then learns
    without batch normalisation. ``forest_trees`` above zero trains for what a user is shown: the
    head averaged with a forest of so many trees and weighted by the classes' shares, asked on
    ``asked_pixels`` of every crop. Without it, the forest's part in the answer is ``forest_share``.
    ``strides`` is how many strides the classical filters have. After ``context_after`` minutes the
    network looks at the quarter of every crop as well, which then has ``margin_px`` around it that
    only this look sees; None: never.
    """

    name: str
    title: str
    widths: tuple[int, ...]
    seed: int
    minutes: float
    episodes_per_step: int = 2
    crop_px: int = 128
    learning_rate: float = 2e-3
    synthetic_share: float = 0.5
    average_decay: float = 0.998
    start: str | None = None
    forest_trees: int = 0
    asked_pixels: int = 4096
    forest_share: float = 0.5
    strides: int = 4
    context_after: float | None = None
    margin_px: int = 80

    def has_context(self, seconds: float) -> bool:
        """Whether the second look is learned after ``seconds`` of training."""
        return self.context_after is not None and seconds >= 60 * self.context_after

    @classmethod
    def read(cls, path: Path) -> PretrainConfig:
        """Read a TOML file; unknown keys are an error."""
        with path.open("rb") as handle:
            values = tomllib.load(handle)
        known = set(cls.__dataclass_fields__)
        if unknown := set(values) - known:
            raise ModelError(f"{path.name} has unknown keys {sorted(unknown)}; known: {known}.")
        return cls(**{**values, "widths": tuple(values["widths"])})


class MetaLearner(nn.Module):
    """The network, the head's learned settings and the two auxiliary heads."""

    def __init__(self, config: PretrainConfig) -> None:
        super().__init__()
        self.net, recipe = _beginning(config)
        self.log_tap_gain = nn.Parameter(torch.tensor(recipe.tap_gain).log())
        self.log_classical_gain = nn.Parameter(torch.tensor(recipe.classical_gain).log())
        self.log_context_gain = nn.Parameter(torch.tensor(recipe.context_gain).log())
        self.log_ridge = nn.Parameter(torch.tensor(recipe.ridge).log())
        self.log_sharpness = nn.Parameter(torch.tensor(recipe.sharpness).log())
        self.log_prior_strength = nn.Parameter(torch.tensor(recipe.prior_strength).log())
        self.log_forest_odds = nn.Parameter(torch.logit(torch.tensor(recipe.forest_share)))
        self.context_joins = True
        self.auxiliary = nn.Conv2d(config.widths[0], 2, 1)
        generator = torch.Generator().manual_seed(config.seed)
        with torch.no_grad():
            spread = config.widths[0] ** -0.5
            self.auxiliary.weight.uniform_(-spread, spread, generator=generator)
            nn.init.zeros_(self.auxiliary.bias)  # type: ignore[arg-type]

    @property
    def sources(self) -> tuple[UNetTaps, ClassicalFilters]:
        """Where the head's features come from now, with their learned gains."""
        return own_sources("new", self.net, self)

    @property
    def tap_gain(self) -> Tensor:
        """Of the first look, (taps,)."""
        return self.log_tap_gain.exp()

    @property
    def context_gain(self) -> Tensor:
        """Of the second look, (taps,); empty as long as there is none."""
        return self.log_context_gain.exp() if self.context_joins else torch.zeros(0)

    @property
    def classical_gain(self) -> Tensor:
        """Of the filters, (strides, filters)."""
        return self.log_classical_gain.exp()

    def gains(self) -> Tensor:
        """The learned gain of every feature."""
        return feature_gains(self.sources, 1)

    @property
    def penalty(self) -> Penalty:
        """What the head's weights cost now."""
        return Penalty(self.gains(), self.log_ridge.exp())

    @property
    def sharpness(self) -> Tensor:
        """What turns scores into logits."""
        return self.log_sharpness.exp()

    @property
    def forest_share(self) -> Tensor:
        """The forest's part in the answer."""
        return self.log_forest_odds.sigmoid()

    @property
    def prior_strength(self) -> Tensor:
        """The power of the classes' shares in the answer."""
        return self.log_prior_strength.exp()

    def recipe(self) -> Recipe:
        """The learned settings as plain numbers."""
        return Recipe(
            tap_gain=tuple(self.log_tap_gain.exp().tolist()),
            classical_gain=tuple(
                tuple(float(g) for g in row) for row in self.log_classical_gain.exp().tolist()
            ),
            ridge=self.log_ridge.exp().item(),
            sharpness=self.sharpness.item(),
            prior_strength=self.prior_strength.item(),
            forest_share=self.forest_share.item(),
            context_gain=tuple(self.log_context_gain.exp().tolist()),
        )


def _beginning(config: PretrainConfig) -> tuple[UNet, Recipe]:
    """Network and settings a run starts from: random and guessed, or those of bundled weights."""
    if config.start is None:
        design = UNetConfig(in_channels=1, classes=2, widths=config.widths)
        scale = torch.tensor(_CLASSICAL_SCALE[: config.strides]) * 0.25 * 0.7
        gains = tuple(tuple(float(g) for g in row) for row in scale.tolist())
        context = () if config.context_after is None else (1.0, 0.5)
        recipe = Recipe(classical_gain=gains, ridge=0.03, sharpness=6.0, context_gain=context)
        return initialise(UNet(design), config.seed), recipe
    bundled, manifest = load_bundled(config.start)
    if bundled.config.widths != config.widths:
        raise ModelError(
            f"{config.start} has widths {bundled.config.widths} and the configuration "
            f"{config.widths}; give the widths of the weights it starts from."
        )
    return copy.deepcopy(bundled).requires_grad_(True), Recipe.from_dict(manifest["recipe"])


def config_record(config: PretrainConfig) -> dict[str, Any]:
    """The configuration as JSON values, for the model card and the weights' metadata."""
    return {**asdict(config), "widths": list(config.widths)}
