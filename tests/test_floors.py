"""The floors at run time: what an import brings along. (import-linter holds them in the source.)"""

from __future__ import annotations

import importlib.util
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import unetscope
from unetscope.session import requests
from unetscope.session.engine import door

QT = ("qtpy", "PyQt6", "PySide6", "PyQt5", "magicgui", "superqt", "pyqtgraph")
#: What the engine's door loads in a worker, with torch.
BEHIND = {f"unetscope.session.engine.{place.partition('.')[0]}" for place in door.JOBS.values()}
BEHIND |= {"unetscope.session.engine.shared", "unetscope.session.measuring.object_jobs"}
BEHIND |= {
    "unetscope.session.measuring.result_jobs",
    "unetscope.session.measuring.project_measuring",
}


def modules_of(*rooms: str) -> list[str]:
    """Every module under the named rooms, except what is run and not imported."""
    found = []
    for room in rooms:
        spec = importlib.util.find_spec(f"unetscope.{room}")
        assert spec is not None, f"no such room: {room}"
        found.append(spec.name)
        for info in pkgutil.walk_packages(
            spec.submodule_search_locations or [], f"{spec.name}.", onerror=lambda name: None
        ):
            if not info.name.endswith("__main__"):
                found.append(info.name)
    return found


#: Suspects of what is imported one after the other by one fresh interpreter, the lightest first:
#: what a step brings along has not been there before, for no step before it may bring that either.
ENGINE = ("images", "network", "computing", "learning", "inspection", "measuring", "looking")
SLOW = ("timm", "torchvision", "kornia", "openvino")  # imported only when used
ONE_AFTER_THE_OTHER: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "package": (["unetscope"], ("torch", "napari", *QT)),
    "images": (modules_of("images"), ("torch", "napari", *QT)),
    "measuring": (modules_of("measuring"), ("torch", "napari", "pandas", *QT)),
    "command line": (["unetscope.cli.app"], ("torch", "napari", "sklearn", *QT)),
    "engine": (modules_of(*ENGINE, "pretraining", "scaling"), ("napari", "vispy", *QT, *SLOW)),
    "session without layers": (
        [name for name in modules_of("session") if ".session.layers" not in name],
        ("napari", "vispy", *QT),
    ),
    "session": (modules_of("session"), QT),
}
WINDOW = {
    "window": (
        [n for n in modules_of("looking", "session", "workbench", "widgets") if n not in BEHIND],
        ("torch", "sklearn", "scipy.ndimage"),
    )
}


def brought_along(steps: dict[str, tuple[list[str], tuple[str, ...]]]) -> dict[str, set[str]]:
    """For each step, in a fresh interpreter, its suspects that are loaded once it is imported."""
    code = (
        "import sys, importlib, json\n"
        f"for step, (modules, suspects) in {steps!r}.items():\n"
        "    for name in modules: importlib.import_module(name)\n"
        "    print(json.dumps([step, [s for s in suspects if s in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return {step: set(found) for step, found in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def brought() -> dict[str, set[str]]:
    return brought_along(ONE_AFTER_THE_OTHER)


def test_a_suspect_would_be_found() -> None:
    steps = {"one": (["unetscope.images"], ("json", "torch")), "two": (["xml.dom"], ("xml",))}
    assert brought_along(steps) == {"one": {"json"}, "two": {"xml"}}


@pytest.mark.parametrize("step", [step for step in ONE_AFTER_THE_OTHER if step != "session"])
def test_an_import_brings_along_nothing_from_above_its_floor(
    brought: dict[str, set[str]], step: str
) -> None:
    assert brought[step] == set()


def test_the_session_brings_no_qt(brought: dict[str, set[str]]) -> None:
    # napari.layers itself brings magicgui, which knows Qt only when it makes a widget
    assert brought["session"] - {"magicgui"} == set()


def test_importing_the_widgets_does_not_import_torch() -> None:
    assert brought_along(WINDOW) == {"window": set()}


def test_every_request_has_a_job_behind_the_door() -> None:
    named = [name for name in vars(requests) if name.endswith("Request")]
    assert {kind.__name__ for kind in door.JOBS} == set(named)
    for place in door.JOBS.values():
        file, _, job = place.partition(".")
        assert callable(getattr(door.room(file), job))


@pytest.mark.parametrize("name", ["Segmenter", "Micrograph"])
def test_the_public_names_are_found_on_first_use(name: str) -> None:
    assert getattr(unetscope, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = unetscope.nonsense


def test_the_workbench_makes_no_widget() -> None:
    code = " ".join(
        path.read_text(encoding="utf-8")
        for path in (Path(unetscope.__file__).parent / "workbench").rglob("*.py")
    )
    assert not re.search(r"QtWidgets|QtGui|superqt|pyqtgraph|magicgui", code)
