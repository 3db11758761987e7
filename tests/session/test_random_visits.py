"""A hundred lessons opened, changed and left at random: nothing of a person's is another."""

from __future__ import annotations

import gc
import hashlib
import re
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from unetscope.lessons.bench import Bench
from unetscope.lessons.gallery import all_lessons, shipped_lessons
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Working
from unetscope.session.lessons.learner_record import LearnerRecord
from unetscope.workbench.lessons.tutor import Tutor

MOST_GROWTH_MIB = 20
_STATM = Path("/proc/self/statm")


def _memory_mib() -> float:
    """What the process holds in memory; 0 where the system does not say."""
    gc.collect()
    if not _STATM.is_file():
        return 0.0
    return int(_STATM.read_text().split()[1]) * resource.getpagesize() / 2**20


def _state(viewer: Any) -> Any:
    """All of a person's that a lesson must leave as it was."""
    camera = viewer.scene.camera
    layers = [
        (
            layer.name,
            bool(layer.visible),
            tuple(layer.scale),
            str(layer.metadata),
            hashlib.sha256(np.ascontiguousarray(layer.data).tobytes()).hexdigest(),
        )
        for layer in viewer.layers
    ]
    selection = viewer.layers.selection
    return (
        layers,
        sorted(layer.name for layer in selection),
        getattr(selection.active, "name", None),
        tuple(camera.center),
        float(camera.zoom),
        tuple(viewer.dims.point),
        int(viewer.dims.ndisplay),
        tuple(viewer.dims.order),
    )


@pytest.fixture
def tutor(qtbot: Any) -> Iterator[Tutor]:
    viewer, owner = ViewerModel(), QObject()
    made = Tutor(viewer, owner, record=LearnerRecord(None))
    made.rest = lambda: qtbot.waitUntil(lambda: not made.busy, timeout=8000)
    yield made
    made.close()


def _stack(viewer: Any) -> None:
    rng = np.random.default_rng(7)
    viewer.add_image(rng.random((12, 64, 72), np.float32), name="stack", scale=(3, 1, 1))
    viewer.add_image(rng.integers(0, 255, (128, 96, 3)).astype(np.uint8), name="colour")
    viewer.add_labels(rng.integers(0, 3, (64, 72)).astype(np.uint8), name="labels")
    viewer.dims.set_current_step(0, 5)


def test_a_hundred_random_visits_change_nothing(tutor: Tutor) -> None:
    viewer = tutor.viewer
    _stack(viewer)
    before = _state(viewer)
    rng = np.random.default_rng(7)
    ids = [
        one.id
        for one in tutor.state.gallery.lessons
        if one.lesson.needs == "nothing" and all(step.live for step in one.step)
        if one.id not in ("head", "failing")  # they train for seconds in some of their steps
    ]
    doing: dict[str, Callable[[], None]] = {
        "skip": tutor.skip,
        "next": tutor.go_on,
        "back": tutor.go_back,
        "reset": tutor.reset,
        "own": lambda: tutor.use_own(True),
        "text": lambda: tutor.use_own(False),
        "wait": tutor.rest,
    }
    for lesson in ids:  # what is loaded once is loaded by then
        for own in (False, True):
            tutor.open(lesson)
            tutor.use_own(own)
            tutor.rest()
            tutor.skip()
            tutor.rest()
            tutor.leave()
    begun_mib = _memory_mib()
    for _ in range(100):
        tutor.open(str(rng.choice(ids)))
        for word in rng.choice(list(doing), int(rng.integers(0, 4))):
            doing[str(word)]()
        tutor.leave()
        assert _state(viewer) == before
    assert _memory_mib() - begun_mib <= MOST_GROWTH_MIB


def test_what_a_person_changes_while_a_lesson_is_open_is_theirs(tutor: Tutor) -> None:
    viewer = tutor.viewer
    _stack(viewer)
    tutor.open("pooling")
    tutor.rest()
    tutor.skip()
    viewer.layers.remove("labels")
    added = viewer.add_image(np.zeros((32, 32)), name="new")
    tutor.leave()
    assert [layer.name for layer in viewer.layers] == ["stack", "colour", "new"]
    assert added.visible and viewer.layers["stack"].visible


def test_what_runs_is_ended_by_stop_and_by_leaving(
    tutor: Tutor, tmp_path: Path, qtbot: Any
) -> None:
    begun: list[int] = []

    @verb
    def endless(bench: Bench, *, turns: int = 10**9) -> Experiment:
        """Say so, and never come to an end."""
        begun.append(1)
        for turn in range(turns):
            yield Working("Turning", turn, turns)
            time.sleep(0.001)

    text = (shipped_lessons() / "pooling.toml").read_text(encoding="utf-8")
    words = text.replace('id = "pooling"', 'id = "endless"').replace(
        'do = "pool"', 'do = "endless"'
    )
    words = re.sub(r"with = .* window = 2 }", "", words).partition("[[expect]]")[0]
    (tmp_path / "endless.toml").write_text(words, encoding="utf-8")
    tutor.state.gallery = all_lessons(folders=[tmp_path])
    assert not tutor.state.gallery.problems
    for end in (tutor.stop, tutor.leave):
        tutor.open("endless", 0)
        qtbot.waitUntil(lambda: tutor.state.working is not None, timeout=8000)
        end()
        qtbot.waitUntil(lambda: not tutor.busy, timeout=8000)
        assert tutor.lane.wait(8.0) and tutor.state.working is None
    assert len(begun) == 2


def test_what_is_wrong_with_ones_own_image_is_one_sentence(tutor: Tutor) -> None:
    viewer = tutor.viewer
    viewer.add_image(np.zeros((5, 5), np.float32), name="tiny")
    tutor.open("pooling")
    tutor.use_own(True)
    assert tutor.state.message is not None and "5 px" in tutor.state.message.text
    assert tutor.state.visit is not None and tutor.state.visit.own is None
    tutor.open("nothing of that name")
    assert "there is no lesson" in tutor.state.message.text.lower()
