"""Measured rows, kept in a file so that a run that was interrupted goes on where it was.

A line is one unit of work with all its rows, written at once: a unit is there or it is not.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "unetscope"
_ANSWERS_COME_FROM = (
    "images/*.py",
    "learning/*.py",
    "network/*.py",
    "pretraining/datasets.py",
    "pretraining/judge.py",
    "pretraining/strokes.py",
    "network/weights/*.unetscope",
)

BUSY_CORES = 0.2  # other programs taking more than this disturb a measurement

Row = dict[str, Any]


class Rows:
    """Rows of one run, by subject and unit, in ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._units: dict[tuple[str, str], list[Row]] = {}
        self._others: dict[tuple[str, str], float | None] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                self._read(line)

    def _read(self, line: str) -> None:
        try:
            found = json.loads(line)
        except ValueError:
            return  # the last line of a run that was killed while writing it
        key = found["subject"], found["unit"]
        self._units[key] = found["rows"]
        self._others[key] = found.get("others_cores")

    def has(self, subject: str, unit: str) -> bool:
        """Whether a unit was measured already."""
        return (subject, unit) in self._units

    def add(self, subject: str, unit: str, rows: Sequence[Row], others: float | None) -> None:
        """Append one unit; one that is there already is replaced.

        ``others``: how many cores other programs took meanwhile, None where that is not known.
        """
        self._units[subject, unit] = list(rows)
        self._others[subject, unit] = others
        self.path.parent.mkdir(parents=True, exist_ok=True)
        told = {"subject": subject, "unit": unit, "others_cores": others, "rows": list(rows)}
        line = json.dumps(told)
        with self.path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def unit(self, subject: str, unit: str) -> list[Row]:
        """The rows of one unit; none where it was not measured."""
        return self._units.get((subject, unit), [])

    def of(self, subject: str) -> list[Row]:
        """All rows of a subject, in the order they were measured."""
        return [row for (about, _), rows in self._units.items() if about == subject for row in rows]

    def disturbance(self) -> tuple[int, int, int]:
        """How many units were measured beside busy programs, how many were not, and unknown."""
        known = [others for others in self._others.values() if others is not None]
        busy = sum(others > BUSY_CORES for others in known)
        return busy, len(known) - busy, len(self._others) - len(known)


def fingerprint() -> str:
    """Tells apart programs whose answers may differ: weights and code, not its words.

    Comments, docstrings and layout do not count, so that they can be edited during a long run.
    """
    digest = essence(_ANSWERS_COME_FROM)
    digest.update(_essence(Path(__file__).parent / "quality.py"))
    return digest.hexdigest()[:12]


def essence(patterns: Sequence[str]) -> hashlib._Hash:
    """Digest of what the package's files of these patterns do, and not of their words."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(PACKAGE.glob(pattern)):
            digest.update(path.name.encode())
            digest.update(_essence(path))
    return digest


def _essence(path: Path) -> bytes:
    if path.suffix != ".py":
        return path.read_bytes()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            body[0] = ast.Pass()
    return ast.dump(tree).encode()


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
