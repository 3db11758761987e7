"""The house in numbers: ``python tests/house.py`` rewrites the table of docs/house.md.

How things are counted stands in the functions; ``tests/test_house.py`` holds what is reached.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "unetscope"
PAGE = ROOT / "docs" / "house.md"

#: The floors of docs/architecture.md, from the ground; what stands on one line stands side by side.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("images", "network"),
    ("computing",),
    ("learning", "inspection", "measuring"),
    ("scaling", "looking", "exchange"),
    ("pretraining", "lessons"),
    ("session",),
    ("workbench",),
    ("widgets",),
    ("cli",),
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file of the package, parsed."""

    path: Path

    @property
    def name(self) -> str:
        """As it is imported."""
        parts = self.path.relative_to(SOURCE.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def room(self) -> str:
        """The folder directly below the package, or the file that stands there."""
        return (*self.name.split("."), "")[1]

    @cached_property
    def lines(self) -> int:
        """As an editor counts them."""
        return len(self.path.read_text(encoding="utf-8").splitlines())

    @cached_property
    def tree(self) -> ast.Module:
        """What Python reads in it."""
        return ast.parse(self.path.read_text(encoding="utf-8"))

    def functions(self) -> Iterator[Function]:
        """All functions and methods, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def inner_imports(self) -> int:
        """Import statements below a function."""
        return sum(_imports_below(node) for node in _outermost(self.tree))

    def imported(self) -> set[str]:
        """All names that an import of the file asks for, wherever it stands, for types too."""
        names: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        return names


def modules() -> list[Module]:
    """Every Python file of the package."""
    return [Module(path) for path in sorted(SOURCE.rglob("*.py"))]


def circles(house: list[Module]) -> list[list[str]]:
    """Groups of files that import each other in a ring (strongly connected components).

    A package's ``__init__`` that only gives names from below is no part of a ring.
    """
    names = {module.name for module in house if module.path.name != "__init__.py"}
    below = {module.name: module.imported() & names for module in house if module.name in names}
    reach = {name: _reachable(name, below) for name in below}
    rings = {
        frozenset(other for other in reach[name] if name in reach[other])
        for name in below
        if name in reach[name]
    }
    return sorted(sorted(ring) for ring in rings if len(ring) > 1)


def classes_twice(house: list[Module]) -> dict[str, list[str]]:
    """Public classes (and type aliases that begin like one) whose name stands in two files."""
    where = defaultdict(list)
    for module in house:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(module.name)
    return {name: places for name, places in sorted(where.items()) if len(places) > 1}


def files_twice(house: list[Module]) -> dict[str, list[str]]:
    """Files of one name in rooms of one floor, or of two floors that are at most two apart."""
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    where = defaultdict(list)
    for module in house:
        if not module.path.stem.startswith("__"):
            where[module.path.name].append(module)
    twice = {}
    for name, places in sorted(where.items()):
        near = [
            one.name
            for one in places
            if any(
                one is not other and abs(floor.get(one.room, 0) - floor.get(other.room, 0)) <= 2
                for other in places
            )
        ]
        if near:
            twice[name] = near
    return twice


def most_parameters(house: list[Module]) -> list[tuple[int, str]]:
    """How many parameters each function has (without self and cls, all kinds), the most first.

    The options of the command line are not counted: typer reads each from a parameter.
    """
    counted = [
        (_parameters(function), f"{module.name}.{function.name}")
        for module in house
        for function in module.functions()
        if not _is_command(function)
    ]
    return sorted(counted, reverse=True)


def head_places(house: list[Module]) -> list[str]:
    """Files that call the ridge solver, or give scores a sharpness or a temperature themselves."""
    applied = re.compile(r"solve_ridge\(|sharpness \*|\* sharpness|/ temperature|\* temperature")
    return [
        module.name for module in house if applied.search(module.path.read_text(encoding="utf-8"))
    ]


def _parameters(function: Function) -> int:
    said = function.args
    names = [a.arg for a in (*said.posonlyargs, *said.args, *said.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _is_command(function: Function) -> bool:
    return any(
        isinstance(mark, ast.Call)
        and isinstance(mark.func, ast.Attribute)
        and mark.func.attr in ("command", "callback")
        for mark in function.decorator_list
    )


def _outermost(node: ast.AST) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child
        else:
            yield from _outermost(child)


def _imports_below(function: Function) -> int:
    return sum(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))


def _reachable(start: str, below: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(below[start])
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += below[name]
    return seen


def counted(house: list[Module]) -> dict[str, str]:
    """What the table of docs/house.md says today, by the name of its row."""
    most, where = most_parameters(house)[0]
    return {
        "source lines": f"{sum(m.lines for m in house):,} in {len(house)} files",
        "import circles": f"{len(circles(house))}",
        "imports inside functions": f"{sum(m.inner_imports() for m in house)}",
        "public class names twice": f"{len(classes_twice(house))}",
        "file names twice within two floors": f"{len(files_twice(house))}",
        "files that solve or apply the head": f"{len(head_places(house))}",
        "parameters of a function, most": f"{most} (`{where.removeprefix('unetscope.')}`)",
    }


def written(page: str, counts: dict[str, str]) -> str:
    """``page`` with the last column of its table as counted."""
    lines = []
    for line in page.splitlines():
        cells = line.split("|")
        what = cells[1].strip() if len(cells) == 6 else ""
        lines.append("|".join([*cells[:4], f" {counts[what]} ", ""]) if what in counts else line)
    return "\n".join(lines) + "\n"


def findings(house: list[Module]) -> str:
    """Where the counted things stand, for whoever mends them."""
    twice = {**classes_twice(house), **files_twice(house)}
    lines = [" <-> ".join(ring) for ring in circles(house)]
    lines += [f"{name}: {', '.join(places)}" for name, places in twice.items()]
    lines += [
        f"{m.name}: {m.inner_imports()} imports inside functions"
        for m in house
        if m.inner_imports()
    ]
    lines += [
        f"{name}: {number} parameters" for number, name in most_parameters(house) if number > 6
    ]
    return "\n".join([*lines, *(f"{name}: head" for name in head_places(house))])


if __name__ == "__main__":
    THE_HOUSE = modules()
    sys.stdout.write(findings(THE_HOUSE) + "\n")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), counted(THE_HOUSE)), encoding="utf-8")
