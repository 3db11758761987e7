"""Classes that are painted very unevenly are named, in words, under their table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from unetscope.session.state import Session
from unetscope.widgets.painting.balance_line import BalanceLine


def test_the_rare_class_is_named_from_one_to_fifty_on(qtbot: Any) -> None:
    session = Session()
    work: Any = SimpleNamespace(session=session)
    line = BalanceLine(work)
    qtbot.addWidget(line)
    for painted, warned in (
        ({}, False),
        ({1: 5000}, False),
        ({1: 4999, 2: 100}, False),
        ({1: 5000, 2: 100}, True),
        ({1: 100, 2: 200}, False),
    ):
        session.painted = painted
        line.refresh()
        assert (not line.isHidden()) is warned, painted
        told = line.words.text()
        assert ("1 : 50" in told and "Paint more “object”" in told) is warned
