"""Measured rows, kept in a file so that a run that was interrupted goes on where it was.

A line is one unit of work with all its rows, written at once: a unit is there or it is not.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "unetscope"
_ANSWERS_COME_FROM = (
    "computing/*.py",
    "images/*.py",
    "learning/*.py",
    "learning/sources/*.py",
    "network/*.py",
    "pretraining/datasets.py",
    "pretraining/judge.py",
    "pretraining/stroke_paths.py",
    "pretraining/strokes.py",
    "network/weights/*.unetscope",
)
# Training from scratch also uses the engine's U-Net, augmentation and losses. It takes long and
# is not measured anew for every change to them: ``--again scratch`` does that.
_OTHERS_COME_FROM = (
    "images/micrograph.py",
    "images/normalisation.py",
    "learning/metrics.py",
    "pretraining/datasets.py",
    "pretraining/judge.py",
    "pretraining/stroke_paths.py",
    "pretraining/strokes.py",
)

BUSY_CORES = 0.2  # other programs taking more than this disturb a measurement

Row = dict[str, Any]


@dataclass(frozen=True)
class Conditions:
    """How a unit was measured.

    ``others_cores``: how many cores other programs took meanwhile, None where that is not known.
    """

    others_cores: float | None
    took_s: float


class Rows:
    """Rows of one run, by subject and unit, in ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._units: dict[tuple[str, str], list[Row]] = {}
        self._others: dict[tuple[str, str], float | None] = {}
        self._took_s: dict[str, list[float]] = {}
        self.read()

    def read(self) -> None:
        """Take in what the file holds by now; other processes may add to it as well."""
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                self._read(line)

    def _read(self, line: str) -> None:
        try:
            found = json.loads(line)
        except ValueError:
            return  # the last line of a run that was killed while writing it
        key = found["subject"], found["unit"]
        self._units[key] = found["rows"]
        self._others[key] = found.get("others_cores")
        if "took_s" in found:
            self._took_s.setdefault(found["subject"], []).append(found["took_s"])

    def has(self, subject: str, unit: str) -> bool:
        """Whether a unit was measured already."""
        return (subject, unit) in self._units

    def add(self, subject: str, unit: str, rows: Sequence[Row], conditions: Conditions) -> None:
        """Append one unit; one that is there already is replaced."""
        self._units[subject, unit] = list(rows)
        self._others[subject, unit] = conditions.others_cores
        self.path.parent.mkdir(parents=True, exist_ok=True)
        told = {"subject": subject, "unit": unit, **asdict(conditions), "rows": list(rows)}
        line = json.dumps(told) + "\n"
        # In one piece, so that several processes can write to one file.
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(file).st_size
            torn = size and os.pread(file, 1, size - 1) != b"\n"
            os.write(file, (("\n" if torn else "") + line).encode())
            os.fsync(file)
        finally:
            os.close(file)

    def took_s(self, subject: str) -> float | None:
        """Seconds a unit of a subject took (mean of those measured); None: none was."""
        found = self._took_s.get(subject)
        return sum(found) / len(found) if found else None

    def unit(self, subject: str, unit: str) -> list[Row]:
        """The rows of one unit; none where it was not measured."""
        return self._units.get((subject, unit), [])

    def of(self, subject: str) -> list[Row]:
        """All rows of a subject, in the order they were measured."""
        return [row for (about, _), rows in self._units.items() if about == subject for row in rows]

    def disturbance(self, but: Collection[str] = ()) -> tuple[int, int, int]:
        """How many units were measured beside busy programs, how many were not, and unknown.

        Units of the subjects ``but``, on which that has no influence, are not counted.
        """
        others = [cores for (about, _), cores in self._others.items() if about not in but]
        known = [cores for cores in others if cores is not None]
        busy = sum(cores > BUSY_CORES for cores in known)
        return busy, len(known) - busy, len(others) - len(known)


def fingerprint() -> str:
    """Tells apart programs whose answers may differ: weights and code, not its words.

    Comments, docstrings and layout do not count, so that they can be edited during a long run.
    """
    return _fingerprint(_ANSWERS_COME_FROM, ("annotator", "corrections", "scoring", "quality"))


def others_fingerprint() -> str:
    """As :func:`fingerprint`, for what others answer: our weights and head do not matter."""
    measuring = ("annotator", "corrections", "scoring", "baselines", "scratch")
    return _fingerprint(_OTHERS_COME_FROM, measuring)


def _fingerprint(patterns: Sequence[str], measuring: Sequence[str]) -> str:
    digest = essence(patterns)
    for name in measuring:
        digest.update(_essence(Path(__file__).with_name(f"{name}.py")))
    return digest.hexdigest()[:12]


def essence(patterns: Sequence[str]) -> hashlib._Hash:
    """Digest of what the package's files of these patterns do, and not of their words."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(PACKAGE.glob(pattern)):
            digest.update(path.name.encode())
            digest.update(_essence(path))
    return digest


@cache  # a process runs the code that it read first
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
