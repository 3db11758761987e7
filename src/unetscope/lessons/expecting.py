"""What a lesson promises, checked: every expectation is an experiment that must come out so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from unetscope.lessons.declaration import Bound, Expect, Lesson
from unetscope.lessons.shipped_runs import result_path
from unetscope.lessons.templates import value_of
from unetscope.lessons.visit import Visit, laid_out


@dataclass(frozen=True)
class Outcome:
    """One fact of one expectation.

    Attributes
    ----------
    lesson, step : whose, the step from 1.
    fact : its name.
    kind : exact, structural or empirical.
    promised, found : what the file says, and what came out.
    held : whether they agree.
    """

    lesson: str
    step: int
    fact: str
    kind: str
    promised: Any
    found: Any
    held: bool

    def __str__(self) -> str:
        found = f"{self.lesson}, step {self.step}: {self.fact} is {self.found!r}"
        return f"{found}, as promised" if self.held else f"{found}, not {self.promised!r}"


def outcomes(lesson: Lesson, *, slow: bool = False) -> Iterator[Outcome]:
    """Check every expectation.

    Those that train are done only where ``slow``; else they hold the shipped result where one was
    shipped, and are left out where none was.
    """
    for one in lesson.expect:
        shipped = one.on is None and not one.given and one.seed == 0
        shipped = shipped and result_path(lesson, one.step - 1).is_file()
        if slow or shipped or not one.slow:
            yield from _outcomes(lesson, one, live=slow)


def _outcomes(lesson: Lesson, one: Expect, *, live: bool) -> Iterator[Outcome]:
    visit = Visit(lesson, at=one.step - 1, seed=one.seed, live=live)
    if one.on is not None:
        visit.own = replace(laid_out(one.on, visit.values, one.seed), own=True)
    for name, value in one.given.items():
        visit.change(name, value)
    facts = visit.shown().facts
    kinds: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("exact", one.exact),
        ("structural", one.structural),
        ("empirical", one.empirical),
    )
    for kind, promised in kinds:
        for fact, value in promised.items():
            found = value_of(f"{{{fact}}}", facts)
            held = _within(found, value) if isinstance(value, Bound) else _same(found, value)
            yield Outcome(lesson.id, one.step, fact, kind, value, found, held)


def _same(found: Any, promised: Any) -> bool:
    """Equal; of floats to the twelve figures that a decimal in a file can promise."""
    if isinstance(promised, list | tuple):
        return (
            isinstance(found, list | tuple)
            and len(found) == len(promised)
            and all(_same(a, b) for a, b in zip(found, promised, strict=True))
        )
    if isinstance(promised, float) and isinstance(found, int | float):
        return abs(found - promised) <= 1e-12 * max(1.0, abs(promised))
    return bool(found == promised) and isinstance(found, bool) == isinstance(promised, bool)


def _within(found: Any, bound: Bound) -> bool:
    if not isinstance(found, int | float):
        return False
    return (
        (bound.at_least is None or found >= bound.at_least)
        and (bound.at_most is None or found <= bound.at_most)
        and (bound.near is None or abs(found - bound.near) <= bound.within)
    )
