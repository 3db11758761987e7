"""Markdown tables and the verdicts on targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One target: ``met`` is None where it was not measured."""

    what: str
    target: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """``yes``, ``no`` or ``not measured``."""
        return {True: "yes", False: "**no**", None: "not measured"}[self.met]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table; the first ``left`` columns are aligned left, figures right."""
    line = ["---" if index < left else "--:" for index in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, line, *rows])
