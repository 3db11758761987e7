"""What is computed before the first stroke: what is on screen, but not a whole huge image."""

from __future__ import annotations

import numpy as np
import pytest

from unetscope.images.micrograph import as_micrograph
from unetscope.learning.feature_cache import Spot
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.persistence import start_model
from unetscope.learning.tiling import Tile
from unetscope.session.engine.answering import WARM_TILES
from unetscope.session.engine.door import EngineDoor
from unetscope.session.requests import Target, WarmRequest
from unetscope.session.values import EngineSettings


@pytest.mark.parametrize(("side", "expected"), [(600, 4), (8192, WARM_TILES)])
def test_the_middle_of_a_huge_view_is_warmed(monkeypatch, side: int, expected: int) -> None:
    asked: list[Tile] = []

    def levels(reader: FeatureReader, spot: Spot) -> None:
        asked.append(spot.tile)

    monkeypatch.setattr(FeatureReader, "levels", levels)
    image = as_micrograph(np.broadcast_to(np.uint8(0), (side, side)))
    view = (slice(0, side), slice(0, side))
    jobs = EngineDoor(EngineSettings(device="cpu", threads=1))
    told = list(jobs.do(WarmRequest(start_model("general-fast"), Target("a", image, 0, view))))
    assert len(told) == len(asked) == expected
    middle = side // 2
    for tile in asked if side > 2048 else ():
        assert all(abs((s.start + s.stop) // 2 - middle) <= 1024 for s in tile.core)
