"""Label here next: listed after each answer, one click or key goes there, gone when painted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unetscope.session.layers import rounds as rounds_module
from unetscope.session.requests import PlacesRequest
from unetscope.widgets.painting.helpers_panel import HelpersPanel
from unetscope.widgets.painting.places_panel import PlacesPanel
from unetscope.workbench import advisor as advisor_module
from widgets.advising_engine import AdvisingFakeJobs
from widgets.conftest import SIDE, Opened, halves

Open = Callable[..., Opened]
PATCHES = ((110, 30), (110, 150))  # of a grey between both halves


def image_with_questions() -> np.ndarray:
    image = halves()
    for y, x in PATCHES:
        image[y - 20 : y + 20, x - 20 : x + 20] = 0.5
    return image


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisor_module, "REST_MS", 30)
    monkeypatch.setattr(advisor_module, "ROUND_MS", 600_000)  # rounds end when a test says so


def answered(open_window: Open, qtbot: Any, image: Any = None, **how: Any) -> Opened:
    """A window whose first strokes are answered."""
    image = image_with_questions() if image is None else image
    opened = open_window(image, AdvisingFakeJobs(), **how)
    opened.paint_both()
    settled(opened, qtbot)
    return opened


def settled(opened: Opened, qtbot: Any) -> None:
    answers = opened.window.bench.answers
    qtbot.waitUntil(lambda: answers.up_to_date and not answers.lane.busy, timeout=10_000)


def listed(opened: Opened) -> list[list[str]]:
    table = opened.window.part(PlacesPanel).table
    return [
        [table.item(row, column).text() for column in range(3)] for row in range(table.rowCount())
    ]


def near_a_patch(centre: Any) -> bool:
    return any(np.abs(np.subtract(centre[-2:], patch)).max() <= 22 for patch in PATCHES)


def test_nothing_is_looked_for_while_the_list_is_folded(open_window: Open, qtbot: Any) -> None:
    opened = answered(open_window, qtbot)
    qtbot.wait(100)
    assert opened.jobs.asked(PlacesRequest) == []
    assert not opened.window.part(HelpersPanel).fold.isExpanded()


def test_a_row_takes_the_person_there_and_painting_takes_it_off(
    open_window: Open, qtbot: Any
) -> None:
    opened = answered(open_window, qtbot)
    panel, advisor = opened.window.part(PlacesPanel), opened.window.bench.advisor
    opened.window.bring_out(panel)
    qtbot.waitUntil(lambda: bool(advisor.places), timeout=5000)
    rows = listed(opened)
    assert rows[0][0] == "1" and "background" in rows[0][1] and rows[0][2].endswith(" px")
    assert all(near_a_patch(place.centre) for place in advisor.places[:2])

    place = advisor.places[0]
    camera, canvas = opened.viewer.scene.camera, opened.viewer.canvas
    camera.zoom /= 5
    panel.table.cellClicked.emit(0, 1)
    assert np.allclose(camera.center[-2:], place.centre)
    assert min(canvas.size) / camera.zoom == pytest.approx(200, rel=0.01)
    camera.zoom *= 1.5
    chosen = camera.zoom
    advisor.go(advisor.places[1])
    advisor.go(place)
    assert camera.zoom == chosen, "a zoom that somebody has chosen is kept"
    marker = opened.layer("paint here")
    assert marker is not None and opened.viewer.layers.selection.active == opened.strokes
    y, x = place.centre
    opened.paint(1, slice(y - 3, y + 3), slice(x - 3, x + 3))
    qtbot.waitUntil(lambda: opened.layer("paint here") is None, timeout=5000)
    settled(opened, qtbot)
    qtbot.waitUntil(lambda: len(opened.jobs.asked(PlacesRequest)) > 1, timeout=5000)
    assert place not in advisor.places
    requests = opened.jobs.asked  # the newest is about the strokes and the model as they are now
    qtbot.waitUntil(lambda: requests(PlacesRequest)[-1].model is opened.session.model.model)
    assert requests(PlacesRequest)[-1].labels[y, x] == 1


def test_the_key_goes_from_place_to_place(open_window: Open, qtbot: Any) -> None:
    opened = answered(open_window, qtbot)
    advisor = opened.window.bench.advisor
    keys = {str(key): call for key, call in opened.viewer.keymap.items()}
    keys["N"](opened.viewer)
    qtbot.waitUntil(lambda: advisor.current is not None, timeout=5000)
    first = advisor.current
    keys["N"](opened.viewer)
    assert advisor.current != first and advisor.current == advisor.places[1]
    assert len([item for item in opened.viewer.layers if item.name == "paint here"]) == 1


def test_where_the_model_is_sure_the_list_says_so(open_window: Open, qtbot: Any) -> None:
    opened = answered(open_window, qtbot, halves())
    panel = opened.window.part(PlacesPanel)
    opened.window.bring_out(panel)
    qtbot.waitUntil(lambda: "sure" in panel.words.text(), timeout=5000)
    assert not panel.table.isVisibleTo(panel)


def test_a_place_of_a_stack_turns_to_its_plane(open_window: Open, qtbot: Any) -> None:
    stack = np.stack([halves(), image_with_questions(), halves(), halves()])
    opened = open_window(stack, AdvisingFakeJobs(), scale=(4.0, 2.0, 2.0), translate=(8.0, 0, 0))
    opened.window.bench.read_as(opened.session.image.key, "zyx")
    opened.window.bench.paint_with(1)
    grid = np.mgrid[0:1, 20:40, 10:60]
    opened.strokes.data_setitem(tuple(part.ravel() for part in grid), 1)
    grid[2] += 130
    opened.strokes.data_setitem(tuple(part.ravel() for part in grid), 2)
    settled(opened, qtbot)
    opened.window.bench.advisor.go_to_next()
    advisor = opened.window.bench.advisor
    qtbot.waitUntil(lambda: advisor.current is not None, timeout=5000)
    z, y, x = advisor.current.centre
    assert z == 1 and near_a_patch((y, x))
    assert opened.viewer.dims.point[0] == pytest.approx(8.0 + 4.0 * z)
    assert np.allclose(opened.viewer.scene.camera.center[-2:], (2.0 * y, 2.0 * x))


def test_after_enough_rounds_a_line_says_whether_strokes_still_help(
    open_window: Open, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds_module, "ENOUGH_ROUNDS", 2)
    opened = answered(open_window, qtbot, halves())
    panel, rounds = opened.window.part(PlacesPanel), opened.window.bench.advisor.rounds
    opened.window.bring_out(panel)
    end_of_round = opened.window.bench.advisor._round_timer.timeout
    end_of_round.emit()
    assert rounds.dice == [], "the first strokes were painted on no answer"

    def stroke(value: int, rows: slice, columns: slice) -> None:
        opened.paint(value, rows, columns)
        settled(opened, qtbot)
        end_of_round.emit()

    stroke(1, slice(60, 70), slice(10, 50))
    assert rounds.dice == [{1: 1.0}] and panel.stop_line.text() == ""
    stroke(2, slice(60, 70), slice(120, 160))
    assert "Stop labelling?" in panel.stop_line.text() and panel.stop_line.isVisibleTo(panel)
    stroke(2, slice(100, 110), slice(90, 110))  # half of it corrects the answer
    assert rounds.dice[2] == {1: 0.0, 2: pytest.approx(2 / 3)}
    assert panel.stop_line.text().startswith("Still changing")
    opened.strokes.undo()
    settled(opened, qtbot)
    end_of_round.emit()
    assert len(rounds.dice) == 3, "taking strokes back is no round"


def test_another_image_begins_without_places_of_the_first(open_window: Open, qtbot: Any) -> None:
    opened = answered(open_window, qtbot)
    advisor = opened.window.bench.advisor
    opened.window.bring_out(opened.window.part(PlacesPanel))
    qtbot.waitUntil(lambda: bool(advisor.places), timeout=5000)
    advisor.go(advisor.places[0])
    opened.viewer.add_image(np.zeros((SIDE, SIDE, 3), np.uint8), rgb=True, name="colour")
    opened.window.bench.choose_image(opened.session.images[-1].key)
    assert advisor.places == () and opened.layer("paint here") is None
    assert "Paint two classes" in opened.window.part(PlacesPanel).words.text()
