"""The instant head: class-balanced ridge regression, solved in closed form.

One-hot targets, every class with the same total weight, an unpenalised bias, and a penalty that
shrinks as labels grow. The solve is a small linear system (about 70 × 70), so a new stroke is
answered in milliseconds; and it is differentiable, so the features can be meta-trained for it
(R2-D2: Bertinetto et al. 2019, arXiv 1805.08136).
"""

from __future__ import annotations

import torch
from torch import Tensor

# The penalty is stated for this many labelled pixels a class.
REFERENCE_PIXELS = 200.0
# How much of the features' scatter is that of whole images (docs/benchmarks.md).
IMAGE_SHARE = 0.1


def solve_ridge(
    rows: Tensor,
    targets: Tensor,
    classes: int,
    ridge: Tensor | float,
    *,
    scatter: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Weights (feature, class) and bias (class,) of the balanced ridge regression.

    Parameters
    ----------
    rows : (n, feature) features of labelled pixels.
    targets : (n,) int64 class indices 0 … ``classes`` - 1; every class must occur.
    ridge : penalty at :data:`REFERENCE_PIXELS` labelled pixels a class; it falls with more.
    scatter : (feature, feature) covariance of the features all over the labelled images. It makes
        up :data:`IMAGE_SHARE` of the scatter that the solution stands on, for strokes show little
        of it: what varies where nothing is painted gets less weight.
    """
    counts = torch.bincount(targets, minlength=classes).to(rows.dtype)
    sample_weight = (1.0 / (classes * counts))[targets]  # sums to one, equally over the classes
    harmonic = classes / (1.0 / counts).sum()
    penalty = ridge * REFERENCE_PIXELS / harmonic
    mean = (sample_weight[:, None] * rows).sum(dim=0)
    centred = rows - mean
    wanted = torch.nn.functional.one_hot(targets, classes).to(rows.dtype) - 1.0 / classes
    weighted = centred * sample_weight[:, None]
    gram = weighted.t() @ centred
    if scatter is not None:
        gram = gram.lerp(scatter.to(gram.dtype), IMAGE_SHARE)
    gram = gram + penalty * torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    weight = torch.linalg.solve(gram, weighted.t() @ wanted)
    return weight, 1.0 / classes - mean @ weight
