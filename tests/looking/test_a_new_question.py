"""A question is one file: window, command line, report and export have it once it is there."""

from __future__ import annotations

import importlib
import json
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import unetscope.cli.app
from unetscope.cli.inspecting import options
from unetscope.images.micrograph import as_micrograph
from unetscope.images.target import Target
from unetscope.inspection import feature_maps
from unetscope.looking import questions
from unetscope.looking.glass import open_glass
from unetscope.looking.networks import bundled
from unetscope.looking.question import last

WAIT_MS = 30_000
PIXELS = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _brightest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The file lies in the folder of the questions, and everything that reads it is new."""
    folder = tmp_path / "more questions"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("brightest.py"), folder)
    with monkeypatch.context() as patched:
        patched.setattr(questions, "__path__", [*questions.__path__, str(folder)])
        for name, question in questions.found_questions().items():
            patched.setitem(questions.QUESTIONS, name, question)
        importlib.reload(options)
        importlib.reload(unetscope.cli.app)
        yield
    sys.modules.pop("unetscope.looking.questions.brightest")
    importlib.reload(options)
    importlib.reload(unetscope.cli.app)


def expected(glass: Any, layer: str, above: float) -> int:
    values = feature_maps(glass.net, glass.image, [layer], [0])[layer].values[0]
    return int((values > values.mean() + above * values.std()).sum())


def test_the_engine_answers_it() -> None:
    glass = open_glass(bundled("general-fast", Target("image", as_micrograph(PIXELS))))
    shown = last(questions.QUESTIONS["brightest"].ask(glass, {"layer": "enc1.conv1", "above": 1}))
    assert shown.table is not None
    assert shown.table.rows == (("enc1.conv1", expected(glass, "enc1.conv1", 1)),)


def test_the_command_line_has_it_with_its_option_and_the_report_a_section(tmp_path: Path) -> None:
    image, out = tmp_path / "a.tif", tmp_path / "out"
    tifffile.imwrite(image, PIXELS)
    app, runner = unetscope.cli.app.app, CliRunner()
    words = runner.invoke(app, ["inspect", "--help"], env={"COLUMNS": "200"}).output
    assert "--above" in words and "brightest: deviations above the mean." in words
    asked = ["--do", "brightest", "--do", "report", "--layer", "enc1.conv1", "--above", "1"]
    done = runner.invoke(app, ["inspect", "general-fast", str(image), "--out", str(out), *asked])
    assert done.exit_code == 0, done.output + repr(done.exception)
    glass = open_glass(bundled("general-fast", Target("image", as_micrograph(PIXELS))), whole=True)
    count = expected(glass, "enc1.conv1", 1)
    assert (out / "brightest.csv").read_text().splitlines()[1] == f"enc1.conv1,{count}"
    folder = out / "enc1.conv1_bright"
    record = json.loads((folder / "enc1.conv1_bright.json").read_text(encoding="utf-8"))
    assert record["kind"] == "exact" and record["what"] == "brightness"
    runpy.run_path(str(folder / "reproduce.py"))
    assert "<h2>Bright cells</h2>" in (out / "report.html").read_text(encoding="utf-8")


def test_the_panel_offers_explains_exports_and_reports_it(
    make_napari_viewer_proxy: Any, qtbot: Any, tmp_path: Path
) -> None:
    from unetscope.widgets.inside.look_inside import LookInside

    viewer = make_napari_viewer_proxy()
    viewer.add_image(PIXELS)
    panel = LookInside(viewer)
    viewer.window.add_dock_widget(panel, name="Look inside")
    try:
        inside = panel.inside
        qtbot.waitUntil(
            lambda: inside.glass is not None and not panel.inspector.busy, timeout=WAIT_MS
        )
        buttons = panel.ask_panel.questions
        assert buttons.buttons["brightest"].text() == "Brightest"
        assert "Bright cells" in {one.help.title for one in buttons.helps}
        buttons.buttons["brightest"].click()
        qtbot.waitUntil(lambda: inside.shown is not None, timeout=WAIT_MS)
        assert inside.shown.table.rows == ((inside.layer, expected(inside.glass, inside.layer, 2)),)
        assert any(layer.name.startswith("inside: brightness") for layer in viewer.layers)
        panel.saving.export_to(tmp_path)
        qtbot.waitUntil(lambda: not panel.saving.lane.busy, timeout=WAIT_MS)
        assert list(tmp_path.glob("*_bright.tif")) and (tmp_path / "reproduce.py").exists()
        panel.saving.report_to(tmp_path / "report.html")
        qtbot.waitUntil(lambda: not panel.saving.lane.busy, timeout=WAIT_MS)
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert "<h2>Bright cells</h2>" in page
    finally:
        panel.shut_down()
