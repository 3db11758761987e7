"""What all tests share: an isolated napari, a stand-in for OpenGL, and no worker left behind."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from pytestqt.qtbot import QtBot

ROOT = Path(__file__).resolve().parent.parent

if sys.platform.startswith("linux") and not (
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# One process a core: with more threads each, they would wait for one another, and another number of
# threads rounds another way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before napari is imported: the user's saved geometry, theme and plugin settings stay out of it.
os.environ["NAPARI_CONFIG"] = str(
    Path(tempfile.mkdtemp(prefix="unetscope-napari-")) / "napari.yaml"
)

# Timings on a shared machine say nothing about a property.
settings.register_profile("unetscope", deadline=None)
settings.load_profile("unetscope")

# A condition is waited for and not a time: on a busy machine 5 s are less than a tenth of one.
PATIENCE_MS = 60_000

_VIEWERS = {"make_napari_viewer", "make_napari_viewer_proxy"}


class _Collector:
    """The garbage collector, which passes over modules: a million objects that stay.

    Qt's windows hang in circles and need a full collection after each test of one.
    """

    modules = 0

    @classmethod
    def passes_over_what_is_there(cls) -> None:
        """After what is garbage now was collected; nothing is done where few modules are new."""
        if len(sys.modules) < cls.modules + 10:
            return
        gc.collect()
        gc.freeze()
        cls.modules = len(sys.modules)


def pytest_collection_finish(session: pytest.Session) -> None:
    _Collector.passes_over_what_is_there()


def pytest_runtest_setup(item: pytest.Item) -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:  # left by the test before
        torch.set_num_threads(1)
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture
def qtbot(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> QtBot:
    """pytest-qt's, which waits for a condition as long as a busy machine may need."""
    wait = QtBot.waitUntil

    def until(self: QtBot, holds: Callable[[], bool | None], *, timeout: int = 0) -> None:
        wait(self, holds, timeout=max(timeout, PATIENCE_MS))

    monkeypatch.setattr(QtBot, "waitUntil", until)
    return qtbot


@pytest.fixture
def shared_data() -> Path:
    """The folder with real micrographs and masks that lies beside the repository, or a skip."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real micrographs in {folder.name}/ beside the repository")
    return folder


@pytest.fixture(autouse=True)
def _strokes_of_this_test(tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any) -> None:
    """Journals of strokes go into a folder of the test's own, not into the user's."""
    monkeypatch.setenv("UNETSCOPE_STROKES", str(tmp_path_factory.getbasetemp() / uuid4().hex))


def has_gl() -> bool:
    """Whether an OpenGL context can be made here (not on the offscreen platform)."""
    from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext

    if QGuiApplication.platformName() == "offscreen":
        return False
    surface = QOffscreenSurface()
    surface.create()
    context = QOpenGLContext()
    usable = bool(context.create() and context.makeCurrent(surface))
    if usable:
        context.doneCurrent()
    return usable


@cache
def _plugins() -> list[Any]:
    from npe2 import PluginManifest

    return list(PluginManifest.discover())


def _without_what_no_test_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each viewer a search for installed plugins and a welcome written at each key bound."""
    from napari._qt.widgets.qt_welcome import QtWelcomeWidget
    from npe2 import PluginManifest

    found = _plugins()
    monkeypatch.setattr(PluginManifest, "discover", lambda paths=(): iter(found))
    monkeypatch.setattr(QtWelcomeWidget, "refresh", lambda *_: None)


@pytest.fixture(autouse=True)
def _gl_or_stub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let layers be added without OpenGL: napari asks the driver for two facts only."""
    is_gl_test = request.node.get_closest_marker("gl") is not None
    if not (_VIEWERS & set(request.fixturenames) or is_gl_test):
        return
    request.getfixturevalue("qapp")
    import napari._qt.qt_viewer
    import napari._vispy.utils.visual  # noqa: F401  (imports every layer's visual)

    _Collector.passes_over_what_is_there()
    _without_what_no_test_reads(monkeypatch)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # of which a window's jobs take what they can
    if has_gl():
        return
    if is_gl_test:
        pytest.skip("needs OpenGL (a screen or xvfb-run)")

    fakes = {
        "get_gl_extensions": lambda: "texture_float",
        "get_max_texture_sizes": lambda: (16384, 2048),
    }
    for module in [m for name, m in list(sys.modules.items()) if name.startswith("napari.")]:
        for name, fake in fakes.items():
            if name in vars(module):
                monkeypatch.setattr(module, name, fake)


@pytest.fixture(autouse=True)
def _no_worker_left() -> Iterator[None]:
    """Wait for background workers at the end of a test: they would leak into the next one."""
    yield
    threading = sys.modules.get("superqt.utils._qthreading")
    if threading is not None:
        threading.WorkerBase.await_workers(2000)
    threads = sys.modules.get("unetscope.workbench.job_threads")
    if threads is not None:
        assert threads.wait_for_all(20), "a job goes on after its test"


@pytest.fixture(scope="module")
def few_trees() -> Iterator[None]:
    """Forests of eight trees, for tests that ask what is done with one, not how good it is."""
    from unetscope.learning.forest import TREES, PixelForest

    made = PixelForest.__init__

    def with_few(forest: PixelForest, *given: Any, trees: int = TREES, **how: Any) -> None:
        made(forest, *given, trees=min(trees, 8), **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelForest, "__init__", with_few)
        yield
