"""Where a model hesitates."""

from __future__ import annotations

import numpy as np

from unetscope.session.result_kind import ResultKind


def uncertainty(class_probabilities: np.ndarray) -> np.ndarray:
    """Entropy of (class, …) probabilities over its maximum: 0 sure, 1 no idea; float32."""
    share = np.clip(class_probabilities, 1e-7, 1.0)
    entropy = -(share * np.log(share)).sum(axis=0)
    return (entropy / np.log(max(2, share.shape[0]))).astype(np.float32)


KIND = UNCERTAINTY = ResultKind(
    name="uncertainty",
    tip="Where the model hesitates: strokes there help most.",
    answer=lambda tile: uncertainty(tile.probabilities),
    ramp="inferno",
)
