"""How fast weights change: at full rate at first, and hardly any more at the end.

Along half a cosine (Loshchilov & Hutter 2017, arXiv 1608.03983) to the end of the budget. What has
no end of its own gets one once nothing is gained any more: some epochs in which the rate falls
(docs/tried.md).
"""

from __future__ import annotations

import math

from unetscope.learning.train_options import TrainOptions

_SLOWEST = 0.02  # of the rate


class Schedule:
    """The pace of one training; strokes that are painted meanwhile begin it anew."""

    def __init__(self, options: TrainOptions) -> None:
        self._options = options
        self._begun = (0, 0.0)
        self._settling: int | None = None

    def begin(self, steps: int, seconds: float) -> None:
        """From here on there are other labels; the budget goes on."""
        self._begun, self._settling = (steps, seconds), None

    def settle(self, steps: int) -> None:
        """Nothing is gained any more: come to the end in some epochs."""
        if self._settling is None:
            self._settling = steps

    def has_settled(self, steps: int) -> bool:
        """Whether these epochs are over."""
        return self._settling is not None and steps - self._settling >= self._settling_steps

    def pace(self, steps: int, seconds: float) -> float:
        """The learning rate's factor, 0 to 1."""
        options, (steps_begun, seconds_begun) = self._options, self._begun
        all_steps = options.max_epochs * options.steps_per_epoch
        done = [_part(steps, steps_begun, all_steps)]
        if options.max_seconds is not None:
            done.append(_part(seconds, seconds_begun, options.max_seconds))
        if self._settling is not None:
            done.append(_part(steps, self._settling, self._settling + self._settling_steps))
        return max(_SLOWEST, (1 + math.cos(math.pi * max(done))) / 2)

    @property
    def _settling_steps(self) -> int:
        return max(1, self._options.patience_epochs // 2) * self._options.steps_per_epoch


def _part(now: float, begun: float, end: float) -> float:
    """How much of the way from ``begun`` to ``end`` is done, 0 to 1."""
    return min(1.0, max(0.0, (now - begun) / (end - begun))) if end > begun else 1.0
