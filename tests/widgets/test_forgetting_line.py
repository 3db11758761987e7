"""The forgetting guard: a line when a training made an image worse, and one click back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QObject

from unetscope.errors import ModelError
from unetscope.images.files import write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.learning.advice.progress import Forgotten
from unetscope.learning.samples import Sample
from unetscope.session.project import recent
from unetscope.session.project.folder import Project
from unetscope.session.requests import (
    CompareRequest,
    PredictRequest,
    SaveRequest,
    VersionsCompared,
)
from unetscope.session.state import Session
from unetscope.session.values import ImageSummary, Scope
from unetscope.widgets.kit.looks import theme_tints
from unetscope.widgets.painting.forgetting_line import ForgettingLine
from unetscope.widgets.project.project_panel import ProjectPanel
from unetscope.workbench import advisor as advisor_module
from unetscope.workbench import forgetting_guard as guard_module
from unetscope.workbench.context import Context
from unetscope.workbench.forgetting_guard import ForgettingGuard
from unetscope.workbench.model_shelf import ModelShelf
from unetscope.workbench.project_context import ProjectContext
from unetscope.workbench.trainer import Trainer
from unetscope.workbench.workbench import Workbench
from widgets.conftest import Opened, halves
from widgets.fake_engine import FakeJobs, FakeModel

Open = Callable[..., Opened]


class ComparingFakeJobs(FakeJobs):
    """Says what it is told of each comparison; ``hold`` keeps it from saying it."""

    worse: tuple[str, ...] = ()  # names of images
    figures = True
    hold = False
    compare_with: Exception | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.does[CompareRequest] = self.compare_versions

    def compare_versions(self, request: CompareRequest) -> Iterator[VersionsCompared | None]:
        if self.compare_with is not None:
            raise self.compare_with
        while self.hold:
            time.sleep(0.002)
            yield None
        keys = {sample.image.name: sample.key for sample in request.samples}
        found = tuple(Forgotten(keys[name], 0.84, 0.71) for name in self.worse)
        others = tuple(key for name, key in keys.items() if name not in self.worse)
        yield VersionsCompared(found, others, self.figures)

    def save(self, request: SaveRequest) -> Iterator[Any]:
        request.path.write_bytes(b"model")
        yield from super().save(request)


class Work(QObject):
    """As much of a window as the guard sees: two open images, the second one worked on."""

    def __init__(self, jobs: FakeJobs) -> None:
        super().__init__()
        labels = np.repeat(np.array([[1], [2]], np.uint8), 4, axis=1)
        pixels = labels.astype(np.float32)
        self.samples = [
            Sample(Micrograph(pixels, "yx", name=name), labels, f"key of {name}")
            for name in ("cells_03", "cells_04")
        ]
        self.session = Session()
        layers: Any = SimpleNamespace(
            samples=lambda channels: self.samples,
            whole_project=nullcontext,
            note=lambda key: None,
            colour=lambda classes: None,
        )
        self.layers, self.jobs = layers, jobs
        results: Any = SimpleNamespace()
        context = Context(self.session, layers, results, jobs)  # type: ignore[arg-type]
        self.shelf, self.trainer = ModelShelf(context, self), Trainer(context, self)
        self.show_images()
        model: Any = FakeModel(head={1: 1.0, 2: 2.0}, classes=self.session.classes)
        self.session.take_model(model, "General", loaded=False)
        self.predicted: list[Scope] = []
        self.guard = ForgettingGuard(context, ProjectContext(context, self), self)
        self.guard.image_wanted.connect(self.choose_image)
        self.guard.version_wanted.connect(partial(Workbench._go_back_to, self))
        self.shelf.replaced.connect(self.guard.dismiss)
        self.line = ForgettingLine(self)  # type: ignore[arg-type]
        self.line.set_tints(theme_tints("dark"))

    def show_images(self) -> None:
        self.session.images = tuple(
            ImageSummary(s.key, s.image.name, "yx", s.image.spatial_shape, 1, False)
            for s in self.samples
        )
        self.session.image = self.session.images[-1]

    def choose_image(self, key: str) -> None:
        self.session.image = next(image for image in self.session.images if image.key == key)

    def set_live(self, on: bool) -> None:
        self.session.live = on

    def predict(self, scope: Scope) -> None:
        self.session.message = None  # as a real prediction does
        self.predicted.append(scope)

    @property
    def number(self) -> int:
        return int(self.session.versions.current.number)  # type: ignore[union-attr]

    def told(self) -> str:
        """What the line says; nothing where it cannot be seen."""
        return "" if self.line.isHidden() else self.line.words.text()

    def close(self) -> None:
        for part in (self.guard, self.trainer, self.shelf):
            part.close()
            assert part.lane.wait(5)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recent, "user_data_path", lambda *_, **__: tmp_path / "user")
    monkeypatch.setattr(guard_module, "REST_MS", 10)
    monkeypatch.setattr(advisor_module, "ROUND_MS", 600_000)  # none ends by itself


@pytest.fixture
def work(qtbot: Any) -> Iterator[Work]:
    made = Work(ComparingFakeJobs(epochs=1))
    qtbot.addWidget(made.line)
    yield made
    made.close()


def train(work: Any, jobs: Any, qtbot: Any, *worse: str) -> Any:
    """Train, and wait for the comparison, of which the engine says that ``worse`` got worse."""
    jobs.worse = worse
    asked = len(jobs.asked(CompareRequest))
    work.trainer.start()
    qtbot.waitUntil(lambda: len(jobs.asked(CompareRequest)) > asked, timeout=10_000)
    if not jobs.hold:
        qtbot.waitUntil(lambda: not work.guard.lane.busy, timeout=5000)
    return jobs.asked(CompareRequest)[-1]


def test_the_line_names_the_image_and_the_click_goes_back_and_can_be_taken_back(
    work: Work, qtbot: Any
) -> None:
    asked = train(work, work.jobs, qtbot)
    assert work.told() == "" and work.number == 2, "nothing got worse"
    request = train(work, work.jobs, qtbot, "cells_03")
    kept = work.session.versions.kept
    assert asked.after is request.before is kept[1].model and request.after is kept[2].model
    assert [sample.image.name for sample in request.samples] == ["cells_03", "cells_04"]
    assert "cells_03</a> got worse: 0.84 → 0.71 since version 2." in work.told()
    assert work.line.unjudged.text() == "1 image has too few held-back pixels to judge."
    assert work.line.unjudged.toolTip() == "cells_04"

    assert work.session.image is not None and work.session.image.name == "cells_04"
    work.line.image.click()
    assert work.session.image.name == "cells_03"
    assert work.line.back.text() == "Go back to version 2"
    work.line.back.click()
    assert work.number == 2 and work.told() == ""
    assert work.session.model is not None and work.session.model.model is kept[1].model
    assert work.session.message is not None
    assert work.session.message.text.startswith("Version 2 answers as it was")
    assert work.predicted == [Scope.ALL] and not work.session.live, (
        "live answers would learn the newer strokes at once"
    )
    work.shelf.step(back=False)
    assert work.number == 3, "going back can itself be taken back"


def test_it_goes_when_a_further_training_makes_it_good_again(work: Work, qtbot: Any) -> None:
    train(work, work.jobs, qtbot, "cells_03")
    request = train(work, work.jobs, qtbot, "cells_03", "cells_04")
    assert request.before is work.session.versions.kept[0].model, "still compared with the best"
    assert work.told().count("since version 1") == 2
    train(work, work.jobs, qtbot)
    assert work.told() == ""
    request = train(work, work.jobs, qtbot)
    assert request.before is work.session.versions.kept[3].model


def test_dismissing_keeps_the_new_version(work: Work, qtbot: Any) -> None:
    work.jobs.figures = False
    train(work, work.jobs, qtbot, "cells_03")
    assert "cells_03</a> got worse since version 1." in work.told(), "no figure is told"
    work.line.close_button.click()
    assert work.told() == "" and work.number == 2
    assert train(work, work.jobs, qtbot).before is work.session.versions.kept[1].model


def test_going_back_over_several_versions_waits_for_a_running_training(
    work: Work, qtbot: Any
) -> None:
    train(work, work.jobs, qtbot, "cells_03")
    train(work, work.jobs, qtbot, "cells_03")
    work.jobs.step_s = 0.05
    work.trainer.start()
    assert work.told() and not work.line.back.isEnabled()
    work.trainer.stop()
    qtbot.waitUntil(lambda: not work.session.training.busy, timeout=5000)
    assert work.line.back.isEnabled()
    work.line.back.click()
    assert work.number == 1 and work.told() == ""


@pytest.mark.parametrize("change", ["back", "open", "train"])
def test_an_answer_that_comes_too_late_is_dropped(work: Work, qtbot: Any, change: str) -> None:
    work.jobs.hold = True
    train(work, work.jobs, qtbot, "cells_03")
    assert work.guard.lane.busy
    if change == "back":
        work.shelf.step(back=True)
    elif change == "open":
        work.shelf.open_bundled("general-fast")
        qtbot.waitUntil(lambda: work.number == 3, timeout=5000)
    else:
        work.jobs.step_s = 0.05
        work.trainer.start()
    assert not work.guard.lane.busy
    work.jobs.hold = False
    qtbot.wait(50)
    assert work.told() == ""


def test_an_image_that_is_closed_is_not_spoken_of(work: Work, qtbot: Any) -> None:
    train(work, work.jobs, qtbot, "cells_03", "cells_04")
    work.samples.pop(0)
    work.show_images()
    assert "cells_04" in work.told() and "cells_03" not in work.told()
    work.session.images = ()
    assert work.told() == ""


def test_a_comparison_that_fails_is_told_and_ends_it(work: Work, qtbot: Any) -> None:
    work.jobs.compare_with = ModelError("the network cannot be read.")
    train(work, work.jobs, qtbot, "cells_03")
    assert work.told() == ""
    assert work.session.message is not None and work.session.message.tone == "error"


def test_nothing_can_be_forgotten_in_the_first_training(work: Work, qtbot: Any) -> None:
    work.session.take_model(FakeModel(), "Large", loaded=False)  # type: ignore[arg-type]
    work.shelf.replaced.emit()
    work.trainer.start()
    qtbot.waitUntil(lambda: work.number == 3, timeout=5000)
    qtbot.wait(50)
    assert work.jobs.asked(CompareRequest) == []
    assert train(work, work.jobs, qtbot).before is work.session.versions.kept[2].model


def shown(opened: Opened) -> str:
    return opened.session.image.name if opened.session.image else ""


def test_in_the_window_a_closed_image_of_a_project_is_judged_and_opened_by_its_name(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "gold")
    for name in ("a.tif", "b.tif"):
        write_micrograph(Micrograph(halves() + (name > "a.z"), "yx"), tmp_path / name)
        project.add_image(tmp_path / name)
    project.save()
    opened = open_window(False, ComparingFakeJobs(epochs=1))
    bench, line = opened.window.bench, opened.window.part(ForgettingLine)
    panel = opened.window.part(ProjectPanel)
    opened.window.bench.project.open(project.folder)
    qtbot.waitUntil(lambda: shown(opened) == "a.tif", timeout=5000)
    opened.paint_both()
    panel.list.itemClicked.emit(panel.list.topLevelItem(1), 0)
    qtbot.waitUntil(lambda: shown(opened) == "b.tif", timeout=5000)
    opened.paint_both()
    qtbot.waitUntil(lambda: sum(opened.session.painted.values()) == 4000, timeout=5000)
    qtbot.waitUntil(lambda: opened.session.model is not None, timeout=5000)
    bench.advisor.rounds.dice[:] = [{1: 1.0, 2: 1.0}] * 5

    def first_training() -> None:
        bench.train()
        qtbot.waitUntil(lambda: opened.session.versions.last_number == 2, timeout=5000)
        qtbot.waitUntil(lambda: not bench.guard._ask_timer.isActive(), timeout=5000)

    def tell() -> None:
        with bench.layers.whole_project():
            train(bench, opened.jobs, qtbot, "a.tif")

    first_training()
    tell()
    assert line.isVisibleTo(opened.window) and "a.tif</a> got worse" in line.words.text()
    assert "Stop labelling?" in bench.advisor.stop_words
    line.words.linkActivated.emit(f"{project.folder.name} 0001")
    qtbot.waitUntil(lambda: shown(opened) == "a.tif", timeout=5000)
    assert line.isVisibleTo(opened.window), "it stays while images come and go"

    qtbot.waitUntil(lambda: not opened.session.answering, timeout=5000)
    bench.advisor.rounds.begin(opened.session.image.key)
    line.back.click()
    assert opened.session.versions.current.number == 2 and not line.isVisibleTo(opened.window)
    qtbot.waitUntil(lambda: bool(opened.jobs.asked(PredictRequest)), timeout=5000)
    assert opened.jobs.asked(PredictRequest)[-1].model is opened.session.versions.current.model
    qtbot.waitUntil(lambda: not opened.session.prediction.busy, timeout=5000)
    assert opened.layer("prediction v2") is not None and not opened.session.live
    assert bench.advisor.rounds.dice == [] and bench.advisor.stop_words == ""
    labels = np.array(opened.strokes.data)
    labels[100:110, 100:110] = 1
    assert not bench.advisor.rounds.end(labels), "it began on the answer of the last model"
    tell()
    assert line.isVisibleTo(opened.window)
    bench.project.close_project()
    assert not line.isVisibleTo(opened.window)
