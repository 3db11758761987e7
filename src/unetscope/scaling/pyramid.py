"""Labels at half the resolution: of four pixels the value that most of them have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def halved(labels: NDArray[Any]) -> NDArray[Any]:
    """(…, y, x) at half the resolution, odd sides rounded up.

    Of each 2 × 2 pixels the commonest value, of equally common ones the first in reading order:
    a label is never made up, as a mean of labels would.
    """
    down, right = (side % 2 for side in labels.shape[-2:])
    if down or right:  # a repeated rim changes neither counts nor order
        rim = [(0, 0)] * (labels.ndim - 2) + [(0, down), (0, right)]
        labels = np.pad(labels, rim, mode="edge")
    a, b = labels[..., 0::2, 0::2], labels[..., 0::2, 1::2]
    c, d = labels[..., 1::2, 0::2], labels[..., 1::2, 1::2]
    of_others = np.where((b == c) | (b == d), b, np.where(c == d, c, a))
    # where another one has the value of the first, no other value is commoner than it
    return np.where((a == b) | (a == c) | (a == d), a, of_others)
