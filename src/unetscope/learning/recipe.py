"""What belongs to one set of weights: which maps a head stands on, gains, penalties, sharpness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from unetscope.errors import ModelError
from unetscope.learning.sources.classical import FILTERS, STRIDES


@dataclass(frozen=True)
class Recipe:
    """What meta-training found best for the head on one set of weights; stored beside them.

    ``tap_gain`` scales the decoder taps (dec1, dec2), ``context_gain`` those of the look at the
    image's quarter (empty: there is none), ``classical_gain`` every classical filter (one row a
    stride 1, 2, 4 …, one column a filter): a large gain is a weak penalty. ``ridge`` is the
    penalty for 200 labelled pixels a class, ``sharpness`` turns scores into logits.
    ``prior_strength`` is the power of the classes' estimated shares of the image in the answer: 0
    takes all classes for equally frequent, as they are in the strokes, 1 is Bayes' rule.
    ``forest_share`` is the forest's part in the instant answer unless held-back strokes ask for
    another; ``temperature`` above 1 makes probabilities less sure, so that they can be believed.
    """

    tap_gain: tuple[float, ...] = (1.0, 1.0)
    classical_gain: tuple[tuple[float, ...], ...] = ((0.25,) * len(FILTERS),) * len(STRIDES)
    ridge: float = 0.03
    sharpness: float = 8.0
    prior_strength: float = 0.75
    forest_share: float = 0.5
    temperature: float = 1.0
    context_gain: tuple[float, ...] = ()

    @property
    def strides(self) -> tuple[int, ...]:
        """Of the classical filters: 1, 2, 4 …, at least up to 8."""
        return tuple(2**row for row in range(len(self.classical_gain)))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for a model file."""
        values = asdict(self)
        values["tap_gain"] = list(self.tap_gain)
        values["context_gain"] = list(self.context_gain)
        values["classical_gain"] = [list(row) for row in self.classical_gain]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Read what :meth:`to_dict` wrote."""
        try:
            return cls(
                tap_gain=tuple(float(g) for g in values["tap_gain"]),
                classical_gain=tuple(
                    tuple(float(g) for g in row) for row in values["classical_gain"]
                ),
                ridge=float(values["ridge"]),
                sharpness=float(values["sharpness"]),
                prior_strength=float(values["prior_strength"]),
                # files of earlier releases know none of these
                forest_share=float(values.get("forest_share", 0.5)),
                temperature=float(values.get("temperature", 1.0)),
                context_gain=tuple(float(g) for g in values.get("context_gain", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the head's recipe in the model is damaged ({error}).") from error
