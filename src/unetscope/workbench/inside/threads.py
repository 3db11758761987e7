"""How many CPU threads a look inside takes: all for what somebody waits for, else one less.

The number belongs to the thread that sets it, so a training that runs beside keeps its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any


def with_threads(job: Callable[[], Iterator[Any]], spare: int) -> Iterator[Any]:
    """Run ``job`` with all cores but ``spare``; imports torch, so it is for a worker."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 2) - spare))
    yield from job()
