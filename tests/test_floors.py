"""The floors at run time: what an import brings along. (import-linter holds them in the source.)"""

from __future__ import annotations

import importlib.util
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


def brought_along(modules: list[str], suspects: tuple[str, ...]) -> set[str]:
    """Which of ``suspects`` a fresh interpreter has loaded after importing ``modules``."""
    code = (
        "import sys, importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*[s for s in {suspects!r} if s in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_brings_neither_torch_nor_napari_nor_qt() -> None:
    assert brought_along(["unetscope"], ("torch", "napari", *QT)) == set()


def test_images_bring_no_torch_no_napari_no_qt() -> None:
    assert brought_along(modules_of("images"), ("torch", "napari", *QT)) == set()


def test_measuring_brings_no_torch_no_napari_no_qt_no_pandas() -> None:
    assert brought_along(modules_of("measuring"), ("torch", "napari", "pandas", *QT)) == set()


def test_the_engine_brings_neither_qt_nor_napari() -> None:
    engine = modules_of(
        *("images", "network", "computing", "learning", "inspection", "measuring", "looking"),
        *("pretraining", "scaling"),
    )
    others = ("timm", "torchvision")  # extras, and slow to import
    assert brought_along(engine, ("napari", "vispy", *QT, *others)) == set()


def test_the_session_brings_no_qt() -> None:
    # napari.layers itself brings magicgui, which knows Qt only when it makes a widget
    assert brought_along(modules_of("session"), QT) - {"magicgui"} == set()


def test_of_the_session_only_the_room_of_layers_knows_napari() -> None:
    others = [name for name in modules_of("session") if ".session.layers" not in name]
    assert brought_along(others, ("napari", "vispy")) == set()


def test_importing_the_widgets_does_not_import_torch() -> None:
    slow = ("torch", "sklearn", "scipy.ndimage")
    rooms = modules_of("looking", "session", "workbench", "widgets")
    light = [name for name in rooms if name not in BEHIND]
    assert brought_along(light, slow) == set()


def test_every_request_has_a_job_behind_the_door() -> None:
    named = [name for name in vars(requests) if name.endswith("Request")]
    assert {kind.__name__ for kind in door.JOBS} == set(named)
    for place in door.JOBS.values():
        file, _, job = place.partition(".")
        assert callable(getattr(door.room(file), job))


def test_the_command_line_starts_without_torch_and_without_napari() -> None:
    assert brought_along(["unetscope.cli.app"], ("torch", "napari", "sklearn", *QT)) == set()


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
