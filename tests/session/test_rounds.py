"""Rounds of painting on a wide view: few pixels are copied, and the score stays what it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from unetscope.session.layers import rounds as rounds_module
from unetscope.session.layers.rounds import Rounds


@pytest.mark.parametrize("most_px", [1_000_000, 10_000])
def test_a_wide_view_is_thinned_and_scored_alike(
    most_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds_module, "MOST_PX", most_px)
    answer = np.ones((300, 400), np.uint8)
    answer[:, 200:] = 2
    layers: Any = SimpleNamespace(visible=lambda key: (0, (slice(40, 300), slice(0, 400))))
    shown = SimpleNamespace(visible=True, data=answer, multiscale=False)
    rounds = Rounds(layers, SimpleNamespace(find=lambda key, kind: shown))  # type: ignore[arg-type]
    before = np.zeros(answer.shape, np.uint8)
    rounds.look(before)
    rounds.begin("image")
    answer[:] = 2  # the next answer comes while the round goes on
    after = before.copy()
    after[100:160, 140:260] = 2  # half of it corrects what was there
    after[:30] = 1  # not on screen
    assert rounds.end(after)
    assert rounds.dice == [{1: 0.0, 2: pytest.approx(2 / 3, abs=0.01)}]
    assert not rounds.end(after), "nothing was painted since"
