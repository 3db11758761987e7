"""How loud added sources are in the head: so loud that evidence says they help, or silent.

The head's penalty was learned for the maps of the bundled network and the classical filters. The
hundred maps of a backbone are together many times louder than those, and a head that hears them at
that volume learns a few strokes by heart (docs/tried.md). So all maps of an added source
together vary by a small :data:`SHARE` of what the model's own do, whatever their size and number.
And they are heard only where strokes that are left out in turn are answered no worse with them; as
long as no class has two strokes there is no such evidence, and they are silent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unetscope.learning.advice.stroke_sums import StrokeSums
from unetscope.learning.forest import thinned
from unetscope.learning.head import HeadSettings, Penalty, voiced

# Of .01 to 1 the one from which the mean Dice no longer rises and no task lost more than .03.
SHARE = 0.1
_MOST_ROWS, _MOST_STROKES = 6000, 24
_SMALLEST = 1e-7


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was painted.

    Attributes
    ----------
    rows : (n, feature) features of labelled pixels.
    targets, strokes : (n,) class index and number of the stroke of each.
    scatter : (feature, feature) covariance of the features all over the labelled images.
    """

    rows: Tensor
    targets: np.ndarray
    strokes: np.ndarray
    scatter: Tensor

    def thinned(self) -> Evidence:
        """So many pixels as answer in milliseconds; strokes are numbered anew."""
        kept = thinned(self.targets, _MOST_ROWS, 0)
        _, strokes = np.unique(self.strokes[kept], return_inverse=True)
        rows = self.rows[torch.from_numpy(kept)]
        return Evidence(rows, self.targets[kept], strokes, self.scatter)


def as_loud(gains: Tensor, block: Tensor, own: Tensor, scatter: Tensor, share: float) -> Tensor:
    """``gains`` with ``block``'s so that it varies ``share`` times as much as ``own`` does.

    ``block`` and ``own`` (feature,) are bool; ``scatter`` is the features' covariance.
    """
    varies = scatter.diagonal().double() * gains.double() ** 2
    loud = float(varies[block].sum())
    scale = (share * float(varies[own].sum()) / loud) ** 0.5 if loud > 0 else 0.0
    return torch.where(block, gains * scale, gains)


def heard(
    penalty: Penalty, blocks: dict[str, Tensor], settings: HeadSettings, evidence: Evidence
) -> Tensor:
    """The gains of ``penalty`` with every added source as loud as it may be.

    Parameters
    ----------
    blocks : name of an added source → (feature,) bool, which columns are its own.
    settings : how scores become an answer.
    """
    evidence = evidence.thinned()
    own = ~torch.stack(list(blocks.values())).any(dim=0)
    gains = torch.where(own, penalty.gains, 0.0)
    least = _left_out_loss(Penalty(gains, penalty.ridge), settings, evidence)
    if least is None:
        return gains
    for block in blocks.values():
        loud = torch.where(block, penalty.gains, gains)
        loud = as_loud(loud, block, own, evidence.scatter, SHARE)
        loss = _left_out_loss(Penalty(loud, penalty.ridge), settings, evidence)
        if loss is not None and loss <= least:
            gains, least = loud, loss
    return gains


def _left_out_loss(penalty: Penalty, settings: HeadSettings, told: Evidence) -> float | None:
    """-log(probability of what is painted), mean of the strokes, each answered without itself.

    None where no stroke can be left out.
    """
    sums = StrokeSums(
        told.rows, torch.from_numpy(told.targets), told.strokes, penalty, told.scatter
    )
    able = [stroke for stroke in range(len(sums)) if sums.can_leave_out(stroke)]
    chosen = able[:: -(-len(able) // _MOST_STROKES)] if able else []
    losses = [
        -voiced(sums.scores_without(stroke), settings)[sums.targets[stroke]]
        .clamp(min=_SMALLEST)
        .log()
        .mean()
        for stroke in chosen
    ]
    return float(torch.stack(losses).mean()) if losses else None
