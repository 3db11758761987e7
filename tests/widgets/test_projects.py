"""A project in the window: images come and go, status and labels are kept, one window writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import imageio.v3 as imageio
import npe2
import numpy as np
import pytest
import tifffile
from napari.layers._layer_actions import _duplicate_layer
from npe2.manifest.utils import import_python_name
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from unetscope.errors import ProjectError
from unetscope.images.claims import Role, mark_of
from unetscope.images.files import read_micrograph, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.session.engine.project_predicting import FOLDER
from unetscope.session.engine.projects import JOURNAL, OpenProject
from unetscope.session.guidance import controls
from unetscope.session.layers import project_layers
from unetscope.session.project import recent
from unetscope.session.project.folder import Project
from unetscope.session.requests import (
    AnswerRequest,
    BundledRequest,
    LoadRequest,
    SaveRequest,
    TrainRequest,
    WriteRequest,
)
from unetscope.session.values import Scope
from unetscope.widgets.painting.annotation_panel import AnnotationPanel
from unetscope.widgets.painting.image_panel import ImagePanel
from unetscope.widgets.painting.prediction_panel import PredictionPanel
from unetscope.widgets.project.project_panel import MARKS, ProjectPanel
from widgets.conftest import Opened, halves
from widgets.fake_engine import FakeJobs

Open = Callable[..., Opened]


class WritingJobs(FakeJobs):
    """Models become files, as small as can be."""

    def save(self, request: SaveRequest) -> Iterator[Any]:
        request.path.write_bytes(b"model")
        yield from super().save(request)

    def load(self, request: LoadRequest) -> Iterator[Any]:
        yield from self.open_bundled(BundledRequest(request.path.stem))


@pytest.fixture(autouse=True)
def _own_list_of_recent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "user_data_path", lambda *_, **__: tmp_path / "user")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of two images."""
    project = Project.create(tmp_path / "gold")
    for name in ("a.tif", "b.tif"):
        path = tmp_path / name
        write_micrograph(Micrograph(halves() * (1 + (name > "a.z")), "yx", (2.0, 2.0), "nm"), path)
        project.add_image(path)
    project.save()
    return project.folder


def words(opened: Opened) -> list[str]:
    tree = opened.window.part(ProjectPanel).list
    return [tree.topLevelItem(i).text(1) for i in range(tree.topLevelItemCount())]


def shown(opened: Opened) -> str:
    return opened.session.image.name if opened.session.image else ""


def open_project(open_window: Open, qtbot: Any, folder: Path, **how: Any) -> Opened:
    opened = open_window(False, WritingJobs(), **how)
    opened.window.bench.project.open(folder)
    qtbot.waitUntil(lambda: shown(opened) == "a.tif")
    qtbot.waitUntil(lambda: opened.session.model is not None, timeout=5000)
    return opened


def click(opened: Opened, row: int) -> None:
    tree = opened.window.part(ProjectPanel).list
    tree.itemClicked.emit(tree.topLevelItem(row), 0)


def test_the_list_follows_what_is_done_and_it_all_comes_back(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    assert words(opened) == ["new", "new"]
    opened.paint_both()
    painted = np.array(opened.strokes.data)
    qtbot.waitUntil(lambda: words(opened) == ["strokes", "new"])
    assert (folder / JOURNAL).is_file(), "strokes are kept beside the project"
    click(opened, 1)
    qtbot.waitUntil(lambda: shown(opened) == "b.tif")
    assert opened.layer("a.tif") is None and opened.layer("strokes: a") is None
    opened.paint_both()
    qtbot.waitUntil(lambda: words(opened) == ["strokes", "strokes"])
    qtbot.waitUntil(lambda: opened.session.model.model.can_answer)
    opened.window.bench.predict(Scope.IMAGE)
    qtbot.waitUntil(lambda: words(opened)[1] == "predicted")
    opened.window.part(ProjectPanel).reviewed_check.click()
    qtbot.waitUntil(lambda: words(opened) == ["strokes", "reviewed"])
    click(opened, 0)
    qtbot.waitUntil(lambda: shown(opened) == "a.tif")
    np.testing.assert_array_equal(opened.strokes.data, painted)
    opened.window.shut_down()
    back = Project.open(folder)
    assert [back.status(i).word for i in ("0001", "0002")] == ["strokes", "reviewed"]
    np.testing.assert_array_equal(back.read_labels("0001"), painted)
    assert back.record.settings["last_image"] == "0001"
    assert recent.recent_projects() == (folder,)


def test_training_learns_from_every_image_and_its_model_and_history_stay(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    opened.paint_both()
    click(opened, 1)
    qtbot.waitUntil(lambda: shown(opened) == "b.tif")
    opened.paint_both()
    qtbot.waitUntil(lambda: sum(opened.session.painted.values()) == 4000)
    opened.window.bench.train()
    desk = opened.window.bench.project
    qtbot.waitUntil(lambda: desk.opened.project.record.current_model == 1, timeout=10_000)
    (asked,) = opened.jobs.asked(TrainRequest)
    assert sorted(sample.key for sample in asked.samples) == [
        f"{folder.name} 0001",
        f"{folder.name} 0002",
    ]
    opened.window.shut_down()
    back = Project.open(folder)
    (training,) = back.record.history
    assert training.images == ("0001", "0002") and training.epochs == 3
    assert set(training.scores) == {
        "background on held-back strokes",
        "object on held-back strokes",
    }
    assert back.model_path().read_bytes() == b"model"


def test_strokes_that_were_not_saved_come_back_from_the_journal(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    first = open_project(open_window, qtbot, folder)
    first.paint_both()
    painted = np.array(first.strokes.data)
    keeper = first.window.bench.strokes.keeper
    keeper.commit()
    # As after a crash: nothing is saved, only what holds the files is let go.
    first.window.bench.project.images._touched.clear()
    first.window.shut_down()
    assert Project.open(folder).read_labels("0001") is None
    second = open_project(open_window, qtbot, folder)
    np.testing.assert_array_equal(second.strokes.data, painted)
    second.window.shut_down()
    np.testing.assert_array_equal(Project.open(folder).read_labels("0001"), painted)


def test_labels_are_saved_where_napari_removes_the_layers_first(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    opened.paint_both()
    painted = np.array(opened.strokes.data)
    opened.viewer.close()  # which clears the layers, and only then closes the window
    np.testing.assert_array_equal(Project.open(folder).read_labels("0001"), painted)


def test_a_second_window_reads_only_and_says_so(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    writer = OpenProject(folder)
    opened = open_project(open_window, qtbot, folder)
    panel = opened.window.part(ProjectPanel)
    assert "it is open in another window (process" in panel.banner.text()
    assert panel.banner.isVisibleTo(opened.window)
    assert not panel.add_button.isEnabled() and not panel.reviewed_check.isEnabled()
    assert "read-only" in panel.add_button.toolTip()
    before = (folder / "project.json").read_bytes()
    opened.paint_both()
    opened.window.bench.project.review(done=True)
    click(opened, 1)
    qtbot.waitUntil(lambda: shown(opened) == "b.tif")
    opened.window.shut_down()
    assert (folder / "project.json").read_bytes() == before
    assert not (folder / "labels").exists() and not (folder / JOURNAL).exists()
    writer.close()
    again = OpenProject(folder)
    assert again.banner == ""
    again.close()


def test_a_missing_image_is_said_and_located(
    open_window: Open, qtbot: Any, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "b.tif").rename(tmp_path / "elsewhere" / "b.tif")
    opened = open_project(open_window, qtbot, folder)
    panel = opened.window.part(ProjectPanel)
    assert words(opened) == ["new", "not found"]
    assert panel.locate_button.isVisibleTo(panel.locate_button.parentWidget())
    opened.window.bench.project.intake.locate("0002", tmp_path / "elsewhere" / "b.tif")
    qtbot.waitUntil(lambda: words(opened) == ["new", "new"])
    assert set(MARKS) >= {"new", "strokes", "predicted", "reviewed", "changed", "not found"}


def test_a_new_project_takes_the_open_image_in_with_its_strokes(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    path = tmp_path / "own.tif"
    write_micrograph(Micrograph(halves(), "yx"), path)
    opened = open_window(False, WritingJobs())
    opened.viewer.open(str(path), plugin="napari")
    qtbot.waitUntil(lambda: shown(opened) == "own")
    opened.paint_both()
    opened.window.bench.project.create(tmp_path / "made")
    qtbot.waitUntil(lambda: words(opened) == ["strokes"])
    opened.window.shut_down()
    back = Project.open(tmp_path / "made.unetproject")
    assert back.record.images[0].name == "own.tif"
    assert np.count_nonzero(back.read_labels("0001")) == 2000


def test_two_open_images_of_a_new_project_are_kept_and_both_come_back(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window(False, WritingJobs())
    for n, name in enumerate(("one", "two")):
        write_micrograph(Micrograph(halves() * (n + 1), "yx"), tmp_path / f"{name}.tif")
        opened.viewer.open(str(tmp_path / f"{name}.tif"), plugin="napari")
    qtbot.waitUntil(lambda: shown(opened) == "two")
    opened.paint(1, slice(20, 40), slice(10, 60))
    opened.window.bench.project.create(tmp_path / "made")
    qtbot.waitUntil(lambda: words(opened) == ["new", "strokes"])
    keys = {image.name: image.key for image in opened.session.images}
    opened.window.bench.choose_image(keys["one"])
    opened.paint(2, slice(60, 80), slice(10, 60))
    opened.window.bench.choose_image(keys["two"])
    opened.paint(2, slice(60, 80), slice(140, 190))
    keeper = opened.window.bench.strokes.keeper
    assert all(keeper.status(key).banner == "" for key in keys.values()), "neither is read-only"
    qtbot.waitUntil(lambda: words(opened) == ["strokes", "strokes"])
    painted = {n: np.array(opened.window.bench.layers.strokes_layer(keys[n]).data) for n in keys}
    opened.window.bench.project.images._touched.clear()  # as after a crash: nothing more is saved
    opened.window.bench.project.close_project()
    assert not opened.session.images
    opened.window.bench.project.open(tmp_path / "made.unetproject")
    qtbot.waitUntil(lambda: shown(opened) == "two.tif")
    np.testing.assert_array_equal(opened.strokes.data, painted["two"])
    assert opened.window.bench.strokes.status.can_undo
    click(opened, 0)
    qtbot.waitUntil(lambda: shown(opened) == "one.tif")
    np.testing.assert_array_equal(opened.strokes.data, painted["one"])


def test_classes_may_be_painted_on_different_images_however_large(
    open_window: Open, qtbot: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_layers, "LIVE_STORED_PX", 10)  # no image is near
    project = Project.open(folder)
    labels = np.zeros((200, 200), np.uint8)
    labels[20:40, 140:190] = 2
    project.save_labels("0001", labels)
    project.set_settings({"last_image": "0001"})
    project.save()
    opened = open_window(False, WritingJobs())
    opened.window.bench.project.open(folder)
    qtbot.waitUntil(lambda: shown(opened) == "a.tif")
    click(opened, 1)
    qtbot.waitUntil(lambda: shown(opened) == "b.tif")
    assert not controls(opened.session).train
    opened.paint(1, slice(20, 40), slice(10, 60))
    qtbot.waitUntil(lambda: opened.session.painted == {1: 1000, 2: 1000})
    qtbot.waitUntil(lambda: opened.session.model is not None, timeout=5000)
    assert controls(opened.session).train
    keys = {f"{folder.name} 0001", f"{folder.name} 0002"}

    def answered_with() -> set[str]:
        asked = opened.jobs.asked(AnswerRequest)
        return {sample.key for sample in asked[-1].samples} if asked else set()

    qtbot.waitUntil(lambda: answered_with() == keys)
    opened.window.bench.train()
    qtbot.waitUntil(lambda: bool(opened.jobs.asked(TrainRequest)))
    assert {sample.key for sample in opened.jobs.asked(TrainRequest)[0].samples} == keys


def test_a_folder_with_an_ome_zarr_is_dropped_into_the_list_and_painted_on(
    open_window: Open, qtbot: Any, folder: Path, tmp_path: Path
) -> None:
    image = Micrograph(halves(), "yx", (3.0, 3.0), "nm")
    (tmp_path / "more").mkdir()
    for name in ("c.ome.zarr", "d.tif"):
        write_micrograph(image, tmp_path / "more" / name)
    opened = open_project(open_window, qtbot, folder)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "more"))])
    no_key, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    dropped = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, left, no_key)
    opened.window.part(ProjectPanel).dropEvent(dropped)
    qtbot.waitUntil(lambda: words(opened) == ["new"] * 4)
    click(opened, 2)
    qtbot.waitUntil(lambda: shown(opened) == "c.ome.zarr")
    assert not isinstance(opened.layer("c.ome").data, np.ndarray), "pixels stay on disk"
    assert opened.session.image.pixel_size == (3.0, 3.0)
    opened.paint_both()
    opened.window.shut_down()
    assert np.count_nonzero(Project.open(folder).read_labels("0003")) == 2000


# ---- the reader


def test_napari_opens_a_dropped_folder_and_the_window_takes_it_up(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    project = Project.open(folder)
    labels = np.zeros((200, 200), np.uint8)
    labels[5:9, 5:9] = 2
    project.save_labels("0001", labels)
    project.save_labels("0002", labels)
    project.set_settings({"last_image": "0002"})
    project.save()
    opened = open_window(False, WritingJobs())
    opened.viewer.open(str(folder), plugin="napari-unetscope")
    qtbot.waitUntil(lambda: words(opened) == ["strokes", "strokes"])
    qtbot.waitUntil(lambda: opened.strokes is not None)
    qtbot.waitUntil(lambda: opened.session.painted == {2: 32})  # also the one of the last time
    np.testing.assert_array_equal(opened.strokes.data, labels)
    assert len(opened.viewer.layers) == 2, "the labels that came along are painted on"
    assert opened.session.image.pixel_size == (2.0, 2.0)
    opened.paint(1, slice(50, 60), slice(0, 10))
    opened.window.shut_down()
    assert np.count_nonzero(Project.open(folder).read_labels("0001")) == 116


def test_the_manifest_reads_projects_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    manifest = npe2.PluginManifest.from_distribution("napari-unetscope")
    (reader,) = manifest.contributions.readers
    (command,) = (c for c in manifest.contributions.commands if c.id == reader.command)
    get_reader = import_python_name(command.python_name)
    assert get_reader(str(tmp_path)) is None
    assert get_reader([str(folder), str(folder)]) is None
    read = get_reader(str(folder / "project.json"))
    ((pixels, options, kind),) = read(str(folder))
    assert kind == "image" and pixels.shape == (200, 200)
    assert options["metadata"]["unetscope"] == {"project": str(folder), "image_id": "0001"}
    (tmp_path / "a.tif").unlink()
    assert read(str(folder))[0][1]["name"] == "b.tif"
    (tmp_path / "b.tif").unlink()
    with pytest.raises(ProjectError, match="none of the 2 images"):
        read(str(folder))


def test_marks_differ_without_colour() -> None:
    assert len(set(MARKS.values())) == len(MARKS) == 6


def test_a_copy_of_a_project_s_image_is_an_ordinary_image(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    opened.paint_both()
    painted = np.array(opened.strokes.data)
    layers = opened.viewer.layers
    layers.selection.active = layers["a.tif"]
    _duplicate_layer(layers)
    qtbot.wait(100)
    assert len([layer for layer in layers if type(layer).__name__ == "Image"]) >= 2
    assert "Open an image" not in opened.window.status.label.text()
    own = opened.window.bench.layers.noted()
    assert [image_id for _, image_id in own.values()] == ["0001"]
    strokes = opened.window.bench.layers.strokes_layer(next(iter(own)))
    assert np.array_equal(strokes.data, painted)
    opened.window.shut_down()
    assert np.array_equal(Project.open(folder).read_labels("0001"), painted)


def test_pixels_of_another_shape_leave_the_saved_labels_of_a_project_alone(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    opened.paint_both()
    painted = np.array(opened.strokes.data)
    click(opened, 1)
    qtbot.waitUntil(lambda: shown(opened) == "b.tif")
    qtbot.waitUntil(lambda: words(opened) == ["strokes", "new"])
    qtbot.waitUntil(lambda: Project.open(folder).read_labels("0001") is not None)
    click(opened, 0)
    qtbot.waitUntil(lambda: shown(opened) == "a.tif")
    opened.viewer.layers["a.tif"].data = halves()[:100]
    opened.paint(1, slice(20, 40), slice(10, 60))
    opened.window.shut_down()
    assert np.array_equal(Project.open(folder).read_labels("0001"), painted)


def test_the_reading_of_a_stack_in_a_project_is_greyed(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).random((4, 60, 70), dtype=np.float32)
    opened = open_window(pixels)
    bench, panel = opened.window.bench, opened.window.part(ImagePanel)
    assert panel.reading.isEnabled()
    bench.layers.set_note(opened.session.image.key, tmp_path / "gold.unetproject", "0001")
    bench.layers.images_changed.emit()
    qtbot.waitUntil(lambda: not panel.reading.isEnabled())
    assert "gold" in panel.reading.toolTip()
    bench.read_as(opened.session.image.key, "zyx")
    assert opened.session.image.axes == "cyx"
    assert "gold" in opened.session.message.text


def replace_file(file: Path) -> None:
    """Another image of the same size and shape takes the place of ``file``."""
    size = file.stat().st_size
    pixels = read_micrograph(file).pixels[:, ::-1].copy()
    file.unlink()
    write_micrograph(Micrograph(pixels, "yx", (2.0, 2.0), "nm"), file)
    assert file.stat().st_size == size


def painted_and_replaced(open_window: Open, qtbot: Any, folder: Path) -> tuple[Opened, Any]:
    """A window of a project of which a.tif was painted on and then replaced; the old strokes."""
    first = open_project(open_window, qtbot, folder)
    first.paint_both()
    painted = np.array(first.strokes.data)
    first.window.shut_down()
    replace_file(folder.parent / "a.tif")
    opened = open_window(False, WritingJobs())
    opened.window.bench.project.open(folder)
    card = opened.window.part(ProjectPanel).card
    qtbot.waitUntil(lambda: card.question is not None)
    return opened, painted


def test_a_replaced_image_is_asked_about_before_anything_is_shown_on_it_or_learned(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened, painted = painted_and_replaced(open_window, qtbot, folder)
    card = opened.window.part(ProjectPanel).card
    assert "a.tif was replaced" in card.text.text() and list(card.buttons) == ["keep", "aside"]
    assert not card.isHidden()
    qtbot.waitUntil(lambda: words(opened)[0] == "changed")
    assert opened.layer("a.tif") is None and not opened.window.bench.layers.stored
    card.buttons["keep"].click()
    qtbot.waitUntil(lambda: shown(opened) == "a.tif")
    np.testing.assert_array_equal(opened.strokes.data, painted)
    opened.window.shut_down()
    project = Project.open(folder)
    np.testing.assert_array_equal(project.read_labels("0001"), painted)
    assert project.status("0001").word == "strokes"


def test_strokes_of_a_replaced_image_are_set_aside_and_it_begins_anew(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened, painted = painted_and_replaced(open_window, qtbot, folder)
    opened.window.part(ProjectPanel).card.buttons["aside"].click()
    qtbot.waitUntil(lambda: shown(opened) == "a.tif")
    assert opened.window.bench.layers.painted_labels(opened.session.image.key) is None
    qtbot.waitUntil(lambda: words(opened)[0] == "new")
    opened.window.shut_down()
    project = Project.open(folder)
    (aside,) = project.image("0001").set_aside
    assert aside.painted_px == np.count_nonzero(painted)
    assert project.read_labels("0001") is None and (project.folder / aside.labels).is_file()


def test_a_replaced_image_stays_closed_while_nobody_answers(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened, _ = painted_and_replaced(open_window, qtbot, folder)
    card = opened.window.part(ProjectPanel).card
    card.later.click()
    assert card.isHidden() and not opened.window.bench.layers.stored
    click(opened, 1)
    qtbot.waitUntil(lambda: shown(opened) == "b.tif")
    click(opened, 0)
    qtbot.waitUntil(lambda: card.question is not None)
    assert shown(opened) == "b.tif" and words(opened)[0] == "changed"


def test_labels_survive_leaving_an_image_and_coming_back_before_they_are_written(
    open_window: Open, qtbot: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_project(open_window, qtbot, folder)
    opened.paint_both()
    painted = np.array(opened.strokes.data)
    opened.window.bench.strokes.keeper.commit()
    go_on, save = Event(), Project.save_labels

    def slow(project: Project, image_id: str, labels: Any) -> None:
        assert go_on.wait(20)
        save(project, image_id, labels)

    monkeypatch.setattr(Project, "save_labels", slow)
    click(opened, 1)
    qtbot.waitUntil(lambda: shown(opened) == "b.tif")
    # the strokes are not to come back from the journal, but from what is being written
    (folder / JOURNAL).unlink(missing_ok=True)
    click(opened, 0)
    qtbot.waitUntil(lambda: shown(opened) == "a.tif")
    np.testing.assert_array_equal(opened.strokes.data, painted)
    go_on.set()
    opened.window.shut_down()
    np.testing.assert_array_equal(Project.open(folder).read_labels("0001"), painted)


def write_series(path: Path, axes: str = "TYX") -> Path:
    pixels = np.stack([halves()] * 12).astype(np.uint8)
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": axes})
    return path


def test_one_question_is_put_for_all_files_that_ask_the_same(
    open_window: Open, qtbot: Any, folder: Path, tmp_path: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    panel, session = opened.window.part(ProjectPanel), opened.session
    (tmp_path / "images").mkdir()
    files = [write_series(tmp_path / f"images/{n}.tif") for n in "pqr"]
    (tmp_path / "images/bad.tif").write_bytes(b"II*\0\x08\0\0\0")
    opened.window.bench.project.intake.add_files([tmp_path / "images"])
    qtbot.waitUntil(lambda: panel.card.question is not None)
    assert "p.tif holds 12 time points" in panel.card.text.text()
    assert "3 files" in panel.card.text.text() and str(tmp_path) not in panel.card.text.text()
    qtbot.waitUntil(lambda: session.message is not None and "bad.tif" in session.message.text)
    assert len(words(opened)) == 2
    panel.card.buttons["zyx"].click()
    qtbot.waitUntil(lambda: len(words(opened)) == 5)
    assert panel.card.question is None
    opened.window.bench.project.intake.add_files([write_series(tmp_path / "s.tif")])
    qtbot.waitUntil(lambda: len(words(opened)) == 6)
    qtbot.waitUntil(lambda: "s.tif is read as you answered before" in session.message.text)
    opened.window.shut_down()
    record = Project.open(folder).record
    assert record.answers == {"axes": "zyx"} and {e.axes for e in record.images[2:]} == {"zyx"}
    assert [e.name for e in record.images[2:5]] == [file.name for file in files]


def test_what_is_said_of_imported_labels_is_kept_in_the_project(
    open_window: Open, qtbot: Any, folder: Path, tmp_path: Path
) -> None:
    """A later window does not ask again, until it is told to."""
    mask = tmp_path / "mask.png"
    imageio.imwrite(mask, (halves() * 255).astype(np.uint8))
    opened = open_project(open_window, qtbot, folder)
    opened.window.bench.annotations.import_from(mask)
    card = opened.window.part(AnnotationPanel).question
    qtbot.waitUntil(lambda: card.question is not None)
    card.buttons["background"].click()
    qtbot.waitUntil(lambda: opened.strokes is not None)
    opened.window.shut_down()
    assert Project.open(folder).record.answers == {"zero": "background"}

    again = open_project(open_window, qtbot, folder)
    panel = again.window.part(AnnotationPanel)
    again.window.bench.annotations.import_from(mask)
    qtbot.waitUntil(lambda: "As you said before" in panel.card.note.text())
    panel.again_button.click()
    qtbot.waitUntil(lambda: panel.question.question is not None)
    panel.question.buttons["unlabelled"].click()
    qtbot.waitUntil(lambda: "Imported mask.png" in panel.card.note.text())
    again.window.shut_down()
    assert Project.open(folder).record.answers == {"zero": "unlabelled"}


def test_a_question_that_is_put_off_leaves_its_files_out_and_names_them(
    open_window: Open, qtbot: Any, folder: Path, tmp_path: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    panel = opened.window.part(ProjectPanel)
    opened.window.bench.project.intake.add_files([write_series(tmp_path / "p.tif")])
    opened.window.bench.project.intake.add_files([write_series(tmp_path / "q.tif", "ZYX")])
    qtbot.waitUntil(lambda: panel.card.question is not None and len(words(opened)) == 3)
    panel.card.later.click()
    qtbot.waitUntil(lambda: "Not taken in: p.tif" in str(opened.session.message))
    assert panel.card.isHidden() and len(words(opened)) == 3


def said(opened: Opened, words: str) -> Callable[[], bool]:
    return lambda: words in str(opened.session.message)


def test_all_images_of_a_project_are_predicted_and_what_is_up_to_date_is_passed_over(
    open_window: Open, qtbot: Any, folder: Path, tmp_path: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    (tmp_path / "b.tif").rename(tmp_path / "gone.tif")
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.session.model.model.can_answer)
    panel = opened.window.part(PredictionPanel)
    assert panel.actions_of[Scope.PROJECT].isVisible()
    panel.actions_of[Scope.PROJECT].trigger()
    qtbot.waitUntil(said(opened, "Done: 1 images predicted"))
    assert (
        "1 not predicted: see the table. b.tif: b.tif is not found" in opened.session.message.text
    )
    assert not opened.session.prediction.busy
    (tmp_path / "gone.tif").rename(tmp_path / "b.tif")
    opened.window.bench.predict(Scope.PROJECT)
    qtbot.waitUntil(said(opened, "Done: 1 images predicted, 1 were up to date"))
    qtbot.waitUntil(lambda: words(opened) == ["predicted", "predicted"])
    assert [request.path.name for request in opened.jobs.asked(WriteRequest)] == [
        "0001-a.ome.tif", "0002-b.ome.tif",
    ]  # fmt: skip
    opened.window.shut_down()
    for entry in Project.open(folder).record.images:
        mask = folder / entry.prediction.file
        assert mark_of(mask) is Role.PREDICTION
        assert read_micrograph(mask).pixel_size == (2.0, 2.0)


def test_predicting_a_project_can_be_stopped_and_is_not_offered_without_one(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    opened.paint_both()
    qtbot.waitUntil(lambda: opened.session.model.model.can_answer)
    predictor, go_on = opened.window.bench.project.predictor, Event()

    def waiting(*_: Any) -> Iterator[Any]:
        while not go_on.is_set():
            yield None

    opened.jobs.does[WriteRequest] = waiting
    opened.window.bench.predict(Scope.PROJECT)
    qtbot.waitUntil(lambda: opened.session.prediction.total == 2)
    assert opened.session.prediction.of_what == "images"
    opened.window.bench.stop_predicting()
    qtbot.waitUntil(said(opened, "Stopped: 0 images predicted"))
    assert not predictor.lane.busy and not list((folder / FOLDER).iterdir())
    opened.window.bench.project.close_project()
    assert not opened.window.part(PredictionPanel).actions_of[Scope.PROJECT].isVisible()
    assert f"Closed gold. Labels are kept in {folder}." in opened.session.message.text


def test_a_training_that_changed_nothing_adds_no_model(
    open_window: Open, qtbot: Any, folder: Path
) -> None:
    opened = open_project(open_window, qtbot, folder)
    opened.paint_both()
    qtbot.waitUntil(lambda: sum(opened.session.painted.values()) == 2000)
    project = opened.window.bench.project.opened.project
    opened.window.bench.train()
    qtbot.waitUntil(lambda: project.record.current_model == 1, timeout=10_000)
    unchanged = opened.window.bench.project._record
    unchanged._before = opened.session.model.model
    unchanged._keep_model()
    qtbot.waitUntil(lambda: len(project.record.history) == 2)
    assert [model.number for model in project.record.models] == [1]
    assert [training.model for training in project.record.history] == [1, None]
    opened.window.bench.project.close_project()
    assert "model 1 are kept in" in opened.session.message.text


def test_an_empty_project_says_how_images_come_in(
    open_window: Open, qtbot: Any, tmp_path: Path
) -> None:
    opened = open_window(False, WritingJobs())
    panel = opened.window.part(ProjectPanel)
    assert panel.hint.isHidden()
    opened.window.bench.project.create(tmp_path / "empty")
    qtbot.waitUntil(lambda: not panel.hint.isHidden())
    assert "Add images" in panel.hint.text() and panel.close_button.text() == "Close project"
