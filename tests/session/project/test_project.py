"""A project folder keeps what it is told, opens without its images, and refuses what is damaged."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from unetscope.cli.terminal import Interview
from unetscope.cli.train import training_samples
from unetscope.errors import LabelError, OutputError, ProjectError
from unetscope.images.claims import Claim, Role
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels, write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.questions import Answers, Undecided
from unetscope.learning.check_box import CheckBox, boxes_of_file, outside
from unetscope.session.engine import projects
from unetscope.session.kept_boxes import KeptBox
from unetscope.session.project import contents, folder, images, label_files
from unetscope.session.project.folder import Project, is_project
from unetscope.session.project.images import Presence, image_files
from unetscope.session.project.recent import (
    MOST_RECENT,
    forget_project,
    recent_projects,
    remember_project,
)
from unetscope.session.project.records import TrainingEntry

CLASSES = (LabelClass(1, "background", "#0072B2"), LabelClass(2, "gold", "#E69F00"))


def write_image(path: Path, seed: int = 0, shape: tuple[int, ...] = (20, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    size = (0.5, 0.25, 0.25)[-len(shape) :]
    write_micrograph(Micrograph(pixels, "zyx"[-len(shape) :], size, "nm"), path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "gold", CLASSES)
    made.add_image(write_image(tmp_path / "images/a.tif", 1))
    made.add_image(write_image(tmp_path / "images/b.tif", 2, (3, 20, 30)))
    made.save()
    return made


def test_everything_told_comes_back(project: Project) -> None:
    strokes = np.zeros((20, 30), np.uint8)
    strokes[2:5, 3:9] = 2
    project.save_labels("0001", strokes)
    model = project.add_model("trained 12 s", lambda path: path.write_bytes(b"weights"))
    project.add_training(
        TrainingEntry("2026-01-02T03:04:05+00:00", 12.5, 7, "done", "cpu", 1, ("0001",), {"a": 0.9})
    )
    project.set_settings({"live": True, "seed": 3, "rate": 1e-3, "device": "auto", "x": None})
    project.mark("0001", predicted_by=model.number)
    project.mark("0002", reviewed=True)
    project.save()
    back = Project.open(project.folder)
    assert back.record == project.record
    assert back.record.name == "gold" and back.record.classes == CLASSES
    np.testing.assert_array_equal(back.read_labels("0001"), strokes)
    assert back.read_labels("0002") is None
    assert back.model_path() == project.folder / "models/0001.unetscope"
    assert [back.status(i).word for i in ("0001", "0002")] == ["predicted", "reviewed"]
    assert back.status("0001").painted_px == 18
    assert back.image("0001").pixel_size == (0.5, 0.25)[-1:] * 2
    assert back.image("0002").shape == (3, 20, 30)


def test_the_status_goes_from_new_to_reviewed(project: Project) -> None:
    words = [project.status("0001").word]
    project.save_labels("0001", np.eye(20, 30, dtype=np.uint8))
    words.append(project.status("0001").word)
    project.mark("0001", predicted_by=1)
    words.append(project.status("0001").word)
    project.mark("0001", reviewed=True)
    words.append(project.status("0001").word)
    assert words == ["new", "strokes", "predicted", "reviewed"]


def test_an_image_is_taken_in_once_and_can_be_taken_off(project: Project, tmp_path: Path) -> None:
    again = project.add_image(tmp_path / "images" / "a.tif")
    assert again.id == "0001" and len(project.record.images) == 2
    project.save_labels("0001", np.ones((20, 30), np.uint8))
    project.remove_image("0001")
    assert [entry.id for entry in project.record.images] == ["0002"]
    assert (project.folder / "labels/0001.ome.tif").is_file()
    with pytest.raises(ProjectError, match="no image '0001'"):
        project.status("0001")
    project.remove_image("0002")
    # its number is not given again, so its labels are never overwritten
    assert project.add_image(tmp_path / "images" / "a.tif").id == "0002"


def test_a_project_may_move_with_its_images_or_without(project: Project, tmp_path: Path) -> None:
    shutil.copytree(tmp_path, tmp_path.parent / "elsewhere")
    both = Project.open(tmp_path.parent / "elsewhere" / "gold.unetproject")
    assert both.image_path("0001") == tmp_path.parent / "elsewhere/images/a.tif"
    (tmp_path.parent / "far/away").mkdir(parents=True)
    alone = Project.open(
        shutil.copytree(project.folder, tmp_path.parent / "far/away/gold.unetproject")
    )
    assert alone.image_path("0001") == tmp_path / "images/a.tif"
    assert alone.status("0001").presence is Presence.FOUND


def test_missing_images_are_told_and_found_again_by_content(
    project: Project, tmp_path: Path
) -> None:
    archive = tmp_path / "archive" / "2026"
    archive.mkdir(parents=True)
    (tmp_path / "images/a.tif").rename(archive / "renamed.tif")
    (tmp_path / "images/b.tif").rename(archive / "b.tif")
    changed = bytearray((archive / "renamed.tif").read_bytes())
    changed[-1] ^= 1
    (archive / "decoy.tif").write_bytes(changed)  # same size, other content
    opened = Project.open(project.folder)
    assert [opened.status(i).word for i in ("0001", "0002")] == ["not found"] * 2
    with pytest.raises(ProjectError, match="content differs"):
        opened.relocate("0001", archive / "decoy.tif")
    opened.relocate("0002", archive / "b.tif")
    assert opened.relocate_missing(tmp_path / "archive") == ("0001",)
    assert opened.image_path("0001") == archive / "renamed.tif"
    opened.save()
    again = Project.open(project.folder)
    assert [again.status(i).presence for i in ("0001", "0002")] == [Presence.FOUND] * 2
    assert again.image("0001").path == "../archive/2026/renamed.tif"


def test_a_changed_image_is_told_apart_from_one_that_was_only_copied(
    project: Project, tmp_path: Path
) -> None:
    image = tmp_path / "images/a.tif"
    os.utime(image, ns=(0, 0))
    assert project.status("0001").presence is Presence.UNCHECKED
    assert project.verify("0001").presence is Presence.FOUND
    assert project.status("0001").presence is Presence.FOUND
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    os.utime(image, ns=(5, 5))
    assert project.verify("0001").presence is Presence.CHANGED
    image.write_bytes(bytes(content) + b"more")
    assert project.status("0001").word == "changed"


def test_zarr_images_are_known_by_their_pieces_and_not_by_their_labels(tmp_path: Path) -> None:
    image = write_image(tmp_path / "images/a.zarr")
    project = Project.create(tmp_path / "p", CLASSES)
    entry = project.add_image(image)
    (image / "labels").mkdir()
    (image / "labels" / "zarr.json").write_text("{}")
    assert contents.content_of(image) == entry.content
    image.rename(tmp_path / "b.zarr")
    assert project.status(entry.id).presence is Presence.NOT_FOUND
    assert project.relocate_missing(tmp_path) == (entry.id,)
    chunk = next(p for p in (tmp_path / "b.zarr/0/c").rglob("*") if p.is_file())
    for file in (chunk, tmp_path / "b.zarr/zarr.json"):
        before = file.read_bytes()
        file.write_bytes(before.swapcase())  # as long as before
        assert contents.content_of(tmp_path / "b.zarr") != entry.content, file.name
        file.write_bytes(before)
    assert contents.content_of(tmp_path / "b.zarr") == entry.content


def test_images_inside_zarrs_have_names_of_their_own_and_labels_in_them_change_nothing(
    tmp_path: Path,
) -> None:
    project = Project.create(tmp_path / "p", CLASSES)
    for name in ("b", "c"):
        zarr.open_group(tmp_path / f"{name}.zarr", mode="w")
        shutil.copytree(write_image(tmp_path / f"{name}0.zarr"), tmp_path / f"{name}.zarr/0")
    names = [project.add_image(tmp_path / f"{name}.zarr/0").name for name in ("b", "c")]
    assert names == ["b 0", "c 0"]
    before = contents.content_of(tmp_path / "b.zarr")
    (tmp_path / "b.zarr/0/labels").mkdir()
    (tmp_path / "b.zarr/0/labels/zarr.json").write_text("{}")
    assert contents.content_of(tmp_path / "b.zarr") == before


def test_of_a_folder_its_images_are_taken_in(tmp_path: Path) -> None:
    images = [write_image(tmp_path / f"images/{name}") for name in ("a.tif", "b.zarr")]
    (tmp_path / "images/notes.txt").write_text("no image")
    (tmp_path / "images/._a.tif").write_text("no image")
    assert image_files(tmp_path / "images") == tuple(images)
    assert image_files(images[1]) == (images[1],), "an OME-Zarr is one image"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match="no image in"):
        image_files(tmp_path / "empty")


def test_large_files_are_hashed_at_spread_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(contents, "_BLOCK_BYTES", 100)
    file = tmp_path / "large"
    content = np.random.default_rng(0).bytes(50_000)
    file.write_bytes(content)
    known = contents.content_of(file)
    assert known.startswith("sha256-spread:")
    for at in (0, -1):  # both ends are among the places
        changed = bytearray(content)
        changed[at] ^= 1
        file.write_bytes(changed)
        assert contents.content_of(file) != known


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("shape", [(20, 30), (3, 20, 30), (1, 20, 30)])
@pytest.mark.parametrize("lazy", [False, True])
def test_labels_come_back_small_large_and_lazy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    large: bool,
    shape: tuple[int, ...],
    lazy: bool,
) -> None:
    monkeypatch.setattr(label_files, "LARGE_BYTES", 10 if large else 10**6)
    project = Project.create(tmp_path / "p", CLASSES)
    image = Micrograph(np.zeros(shape, np.uint8), "zyx"[-len(shape) :], None, None)
    entry = project.add_image(write_image(tmp_path / "a.zarr"), image)
    labels = np.random.default_rng(0).integers(0, 300, shape).astype(np.uint16)
    project.save_labels(entry.id, da.from_array(labels, chunks=8) if lazy else labels)
    project.save()
    back = Project.open(project.folder)
    np.testing.assert_array_equal(np.asarray(back.read_labels(entry.id)), labels)
    assert back.status(entry.id).painted_px == np.count_nonzero(labels)
    assert (project.folder / "labels/0001.zarr").exists() == large


def test_what_others_put_into_a_project_folder_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_files, "LARGE_BYTES", 10)
    project = Project.create(tmp_path / "p", CLASSES)
    entry = project.add_image(write_image(tmp_path / "a.tif"))
    foreign = project.folder / "labels/0001.zarr"
    foreign.mkdir(parents=True)
    (foreign / "notes.txt").write_text("mine")
    labels = np.ones((20, 30), np.uint8)
    with pytest.raises(OutputError, match="not written by unetscope"):
        project.save_labels(entry.id, labels)
    assert (foreign / "notes.txt").read_text() == "mine"
    shutil.rmtree(foreign)
    for value in (1, 2):  # its own labels are replaced
        project.save_labels(entry.id, labels * value)
        assert np.asarray(project.read_labels(entry.id)).max() == value
    (project.folder / "models").mkdir()
    (project.folder / "models/0004.unetscope").write_bytes(b"of another day")
    model = project.add_model("trained", lambda path: path.write_bytes(b"weights"))
    assert model.number == 5
    assert (project.folder / "models/0004.unetscope").read_bytes() == b"of another day"


def test_large_labels_that_a_project_wrote_before_they_were_marked_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_files, "LARGE_BYTES", 10)
    project = Project.create(tmp_path / "p", CLASSES)
    entry = project.add_image(write_image(tmp_path / "a.tif"))
    project.save_labels(entry.id, np.ones((20, 30), np.uint8))
    file = project.folder / "labels/0001.zarr"
    told = json.loads((file / "zarr.json").read_text())
    (file / "zarr.json").write_text(json.dumps({**told, "attributes": {}}))
    project.save_labels(entry.id, np.full((20, 30), 2, np.uint8))
    assert np.asarray(project.read_labels(entry.id)).max() == 2


@pytest.mark.parametrize("name", ["project.json", "labels/a.tif", "models/0001.unetscope"])
def test_no_project_is_made_in_a_folder_of_others(tmp_path: Path, name: str) -> None:
    file = tmp_path / "p.unetproject" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(ProjectError, match="another name"):
        Project.create(tmp_path / "p", CLASSES)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [file]
    assert file.read_text() == "mine"


def test_a_file_in_the_place_of_a_folder_of_the_project_is_named(project: Project) -> None:
    (project.folder / "labels").write_text("mine")
    with pytest.raises(ProjectError, match="labels cannot be made"):
        project.save_labels("0001", np.ones((20, 30), np.uint8))
    assert (project.folder / "labels").read_text() == "mine"


def test_labels_of_another_image_are_refused_and_the_old_ones_stay(project: Project) -> None:
    strokes = np.ones((20, 30), np.uint8)
    project.save_labels("0001", strokes)
    with pytest.raises(ProjectError, match=r"\(21, 30\)"):
        project.save_labels("0001", np.ones((21, 30), np.uint8))
    with pytest.raises(LabelError, match="whole"):
        project.save_labels("0001", np.full((20, 30), 0.5))
    np.testing.assert_array_equal(project.read_labels("0001"), strokes)
    (project.folder / "labels/0001.ome.tif").write_bytes(b"rubbish")
    with pytest.raises(ProjectError, match=r"a\.tif"):
        project.read_labels("0001")


def test_a_read_only_project_is_never_written(project: Project, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    opened = Project.open(project.folder, read_only=True)
    assert opened.status("0001").presence is Presence.FOUND
    changes: list[Any] = [
        opened.save,
        lambda: opened.add_image(tmp_path / "images/a.tif"),
        lambda: opened.remove_image("0001"),
        lambda: opened.save_labels("0001", np.ones((20, 30), np.uint8)),
        lambda: opened.add_model("x", lambda path: path.write_bytes(b"x")),
        lambda: opened.choose_model(1),
        lambda: opened.mark("0001", reviewed=True),
        lambda: opened.relocate("0001", tmp_path / "images/a.tif"),
        lambda: opened.relocate_missing(tmp_path),
        lambda: opened.set_classes(()),
        lambda: opened.set_settings({"a": 1}),
        lambda: opened.add_training(TrainingEntry("now", 1.0, 1)),
    ]
    for change in changes:
        with pytest.raises(ProjectError, match="read-only"):
            change()
    assert {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()} == before


def test_what_another_window_saved_is_not_overwritten(project: Project) -> None:
    other = Project.open(project.folder)
    other.set_settings({"seed": 9})
    other.save()
    project.set_settings({"seed": 1})
    with pytest.raises(ProjectError, match="another window"):
        project.save()
    assert Project.open(project.folder).record.settings == {"seed": 9}


def test_a_saving_that_fails_leaves_the_project_as_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (project.folder / folder.FILE).read_bytes()
    revision = project.record.revision

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="disk is full"):
            project.save()
    assert (project.folder / folder.FILE).read_bytes() == before
    assert project.record.revision == revision
    project.save()


def test_a_hundred_images_open_without_a_look_into_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = project.record.images[0]
    many = tuple(replace(known, id=f"{n:04d}", path=f"{n}.tif") for n in range(1, 101))
    project.record = replace(project.record, images=many)
    project.save()

    def refuse(*_: Any) -> None:
        raise AssertionError("an image was read")

    monkeypatch.setattr("unetscope.session.project.images.content_of", refuse)
    monkeypatch.setattr(images, "read_micrograph", refuse)
    opened = Project.open(project.folder)
    assert {opened.status(image.id).word for image in opened.record.images} == {"new"}


def _changed(project: Project, change: Any) -> bytes:
    content = json.loads((project.folder / folder.FILE).read_bytes())
    change(content)
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(schema="unetscope.project/2"),
        lambda c: c.update(schema="other/1"),
        lambda c: c.update(extra=1),
        lambda c: c.pop("name"),
        lambda c: c.update(revision="1"),
        lambda c: c.update(revision=-1),
        lambda c: c.update(current_model=4),
        lambda c: c["images"].append(c["images"][0]),
        lambda c: c["images"][0].update(labels="../../secret"),
        lambda c: c["images"][0].update(labels="labels/../../a.ome.tif"),
        lambda c: c["images"][0].update(shape=[0, 5]),
        lambda c: c["images"][0].update(axes="y"),
        lambda c: c["images"][0].update(id="../x"),
        lambda c: c["classes"][0].update(value=0),
        lambda c: c["classes"][0].update(color="red"),
        lambda c: c["classes"].append(c["classes"][0]),
        lambda c: c.update(
            models=[{"number": 1, "file": "/etc/x", "sha256": "", "note": "", "made_at": ""}]
        ),
        lambda c: c.update(settings={"a": [1]}),
    ],
)
def test_a_project_file_that_does_not_fit_is_refused(project: Project, change: Any) -> None:
    (project.folder / folder.FILE).write_bytes(_changed(project, change))
    with pytest.raises(ProjectError, match=r"backup|update unetscope") as told:
        Project.open(project.folder)
    assert "pydantic.dev" not in str(told.value) and len(str(told.value)) < 500


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 100_000, b"\xff\xff", b"null", b'{"schema": 1, "schema": 2}', b"NaN"],
)
def test_a_damaged_project_file_is_refused(project: Project, content: bytes) -> None:
    (project.folder / folder.FILE).write_bytes(content)
    with pytest.raises(ProjectError, match="backup"):
        Project.open(project.folder)


def test_mutated_project_files_open_or_are_refused(project: Project) -> None:
    file = project.folder / folder.FILE
    content = file.read_bytes()
    refused = 0
    for seed in range(150):
        chance = random.Random(seed)
        changed = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        file.write_bytes(changed)
        try:
            opened = Project.open(project.folder)
            for image in opened.record.images:
                opened.status(image.id)
        except ProjectError:
            refused += 1
    assert 20 < refused < 150


def test_names_that_lead_nowhere_are_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("missing.unetproject", "file"):
        with pytest.raises(ProjectError, match="no project"):
            Project.open(tmp_path / name)
    (tmp_path / "full.unetproject").mkdir()
    (tmp_path / "full.unetproject" / "x").write_text("x")
    with pytest.raises(ProjectError, match="there already"):
        Project.create(tmp_path / "full")
    with pytest.raises(ProjectError, match="cannot be made"):
        Project.create(tmp_path / "no" / "folder")


def test_a_project_is_known_by_its_folder_and_its_file(project: Project, tmp_path: Path) -> None:
    assert is_project(project.folder) and is_project(project.folder / "project.json")
    assert not is_project(tmp_path) and not is_project(tmp_path / "images/a.tif")
    assert Project.open(project.folder / "project.json").folder == project.folder


def test_recent_projects_are_listed_newest_first(tmp_path: Path) -> None:
    folders = [tmp_path / f"{n}.unetproject" for n in range(MOST_RECENT + 2)]
    for path in folders:
        path.mkdir()
        remember_project(path, tmp_path / "data")
    remember_project(folders[5], tmp_path / "data")
    listed = recent_projects(tmp_path / "data")
    assert listed[:2] == (folders[5], folders[-1]) and len(listed) == MOST_RECENT
    folders[-1].rmdir()
    forget_project(folders[5], tmp_path / "data")
    assert recent_projects(tmp_path / "data")[0] == folders[-2]
    for content in (b"", b"{}", b"[1, null]", b"\xff"):
        (tmp_path / "data/recent_projects.json").write_bytes(content)
        assert recent_projects(tmp_path / "data") == ()


def test_a_replaced_image_of_equal_size_is_changed_and_neither_opened_nor_learned_from(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.tif"
    pixels = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80)
    write_micrograph(Micrograph(pixels, "yx"), file)
    project = Project.create(tmp_path / "p")
    entry = project.add_image(file)
    project.save_labels(entry.id, np.ones((64, 80), np.uint8))
    project.save()
    size = file.stat().st_size
    file.unlink()
    write_micrograph(Micrograph(pixels[:, ::-1].copy(), "yx"), file)
    assert file.stat().st_size == size
    told = list(projects.stored_samples(project, None))
    assert told == [projects.ImageChanged(entry.id, fits=True)]
    assert list(projects.opened_image(project, entry.id)) == told
    opened = projects.OpenProject(project.folder)
    opened.changed[entry.id] = True
    assert [row.word for row in opened.rows(None, ())] == ["changed"]
    opened.close()
    list(projects.located_image(project, entry.id, file))
    (read,) = projects.opened_image(project, entry.id)
    assert np.array_equal(read.image.pixels, pixels[:, ::-1])


def replaced(project: Project, file: Path, shape: tuple[int, ...] = (20, 30)) -> None:
    """The file of an image becomes another one."""
    file.unlink()
    write_image(file, 99, shape)
    os.utime(file, ns=(7, 7))


def test_strokes_set_aside_stay_with_their_pixels_and_come_back_with_them(
    project: Project, tmp_path: Path
) -> None:
    file, old = tmp_path / "images/a.tif", np.full((20, 30), 1, np.uint8)
    before = file.read_bytes()
    project.save_labels("0001", old)
    project.mark("0001", reviewed=True, predicted_by=1)
    replaced(project, file)
    project.take_as_it_is("0001", keep_labels=False)
    entry = project.image("0001")
    assert project.read_labels("0001") is None and project.status("0001").word == "new"
    project.save_labels("0001", np.full((20, 30), 2, np.uint8))
    project.save()
    back = Project.open(project.folder)
    assert back.read_labels("0001").max() == 2 and entry.set_aside[0].painted_px == 600
    file.write_bytes(before)
    assert back.verify("0001").presence is Presence.CHANGED
    back.take_as_it_is("0001", keep_labels=False)
    np.testing.assert_array_equal(back.read_labels("0001"), old)


def test_strokes_are_not_kept_on_a_file_of_another_shape(project: Project, tmp_path: Path) -> None:
    project.save_labels("0001", np.full((20, 30), 1, np.uint8))
    replaced(project, tmp_path / "images/a.tif", (10, 30))
    assert list(projects.opened_image(project, "0001")) == [projects.ImageChanged("0001", False)]
    (told,) = projects.renewed_images(project, ["0001"], keep_labels=True)
    assert isinstance(told, projects.NotRead) and "set its strokes aside" in told.why
    (told,) = projects.renewed_images(project, ["0001"], keep_labels=False)
    assert isinstance(told, projects.Renewed) and told.entry.shape == (10, 30)


def test_a_replaced_image_without_strokes_is_simply_taken(project: Project, tmp_path: Path) -> None:
    replaced(project, tmp_path / "images/a.tif", (10, 30))
    renewed, read = projects.opened_image(project, "0001")
    assert isinstance(renewed, projects.Renewed) and read.image.pixels.shape == (10, 30)


def test_strokes_that_are_still_to_be_written_count_as_painted(
    project: Project, tmp_path: Path
) -> None:
    replaced(project, tmp_path / "images/a.tif")
    unsaved = np.ones((20, 30), np.uint8)
    assert list(projects.opened_image(project, "0001", unsaved)) == [
        projects.ImageChanged("0001", True)
    ]


def test_an_older_copy_of_an_image_takes_no_labels_back(project: Project) -> None:
    opened = projects.OpenProject(project.folder)
    older = opened.project.image("0001")
    worker = projects.scratch(opened.project)
    (saved,) = projects.saved_labels(worker, "0001", np.ones((20, 30), np.uint8))
    opened.take_labels(saved)
    opened.project.mark("0001", reviewed=True)
    opened.take(older)
    entry = opened.project.image("0001")
    opened.close()
    assert entry.labels == "labels/0001.ome.tif" and entry.painted_px == 600 and entry.reviewed


def test_one_bad_image_does_not_end_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        write_micrograph(
            Micrograph(np.full((8, 8), number, np.uint8), "yx"), folder / f"{number}.tif"
        )
    (folder / "1.tif").write_bytes(b"II*\0\x08\0\0\0")
    project = Project.create(tmp_path / "p")
    told = list(projects.added_images(project, [folder], {}))
    assert [e.entry.name for e in told if isinstance(e, projects.EntryRead)] == [
        "0.tif", "2.tif", "3.tif",
    ]  # fmt: skip
    assert [e.what for e in told if isinstance(e, projects.NotRead)] == ["1.tif"]


def test_a_project_file_that_is_a_device_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "p.unetproject"
    folder.mkdir()
    (folder / "project.json").symlink_to("/dev/zero")
    with pytest.raises(ProjectError, match="is no file"):
        Project.open(folder)
    (folder / "project.json").unlink()
    os.mkfifo(folder / "project.json")
    with pytest.raises(ProjectError, match="is no file"):
        Project.open(folder)
    (folder / "project.json").unlink()
    with open(folder / "project.json", "wb") as huge:
        huge.truncate(2**40)  # a terabyte of nothing
    with pytest.raises(ProjectError, match="is larger than"):
        Project.open(folder)


def added(project: Project, *paths: Path, **how: Any) -> list[Any]:
    return list(projects.added_images(project, paths, {}, **how))


def test_whatever_is_wrong_with_one_file_the_others_are_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in "abcde":
        write_image(tmp_path / f"images/{name}.tif", ord(name))
    read, wrong = images.read_micrograph, {
        "a.tif": MemoryError(),
        "b.tif": PermissionError(13, "Permission denied"),
        "c.tif": ValueError("an odd tag"),
    }  # fmt: skip

    def reads(path: Path, *args: Any, **how: Any) -> Micrograph:
        if path.name in wrong:
            raise wrong[path.name]
        return read(path, *args, **how)

    monkeypatch.setattr(images, "read_micrograph", reads)
    told = added(Project.create(tmp_path / "p"), tmp_path / "images")
    assert [e.entry.name for e in told if isinstance(e, projects.EntryRead)] == ["d.tif", "e.tif"]
    assert [(e.what, e.why) for e in told if isinstance(e, projects.NotRead)] == [
        ("a.tif", "it takes more memory than there is; cut it into parts"),
        ("b.tif", "it cannot be read: Permission denied"),
        ("c.tif", "ValueError: an odd tag"),
    ]
    traced = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert traced == [wrong["c.tif"]]  # the others are what people meet, not faults of ours


def test_results_and_masks_in_a_folder_are_passed_over_and_named(tmp_path: Path) -> None:
    for name in ("cell.tif", "cell_mask.tif", "mask.tif"):
        write_image(tmp_path / "images" / name)
    answer = np.ones((20, 30), np.uint8)
    write_labels(answer, tmp_path / "images/answer.tif", claim=Claim(Role.PREDICTION))
    passed, *taken = added(Project.create(tmp_path / "p"), tmp_path / "images")
    assert passed == projects.PassedOver(("answer.tif", "cell_mask.tif"))
    assert [one.entry.name for one in taken] == ["cell.tif", "mask.tif"]
    (alone,) = added(Project.create(tmp_path / "q"), tmp_path / "images/cell_mask.tif")
    assert alone.entry.name == "cell_mask.tif"


def test_what_a_file_does_not_say_is_asked_once_and_kept_in_the_project(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        pixels = np.random.default_rng(ord(name[0])).integers(0, 255, (12, 20, 30), np.uint8)
        tifffile.imwrite(tmp_path / name, pixels, imagej=True, metadata={"axes": "TYX"})
    project = Project.create(tmp_path / "p")
    asked = added(project, tmp_path / "a.tif", tmp_path / "b.tif")
    assert [type(one) for one in asked] == [projects.Unanswered] * 2 and not project.record.images
    question = asked[0].question
    assert question.about == "axes" and "zyx" in {choice.value for choice in question.choices}
    with pytest.raises(Undecided):
        project.add_image(tmp_path / "a.tif")
    entry = project.add_image(tmp_path / "a.tif", answers=Answers(axes="zyx"))
    assert entry.axes == "zyx" and entry.answers == {"axes": "zyx"}
    project.save()
    back = Project.open(project.folder)
    assert back.record.answers == {"axes": "zyx"}
    assert back.add_image(tmp_path / "b.tif").shape == (12, 20, 30)
    (read,) = projects.opened_image(back, entry.id)
    assert read.image.pixels.shape == (12, 20, 30)


def test_the_series_that_was_meant_is_read_again_and_is_no_answer_for_other_files(
    tmp_path: Path,
) -> None:
    for name in ("a.tif", "b.tif"):
        with tifffile.TiffWriter(tmp_path / name, ome=True) as tif:
            tif.write(np.full((20, 30), 5, np.uint8))
            tif.write(np.full((24, 30), 9, np.uint8))
    project = Project.create(tmp_path / "p")
    entry = project.add_image(tmp_path / "a.tif", answers=Answers(series="1"))
    (read,) = projects.opened_image(project, entry.id)
    assert read.image.pixels.shape == (24, 30) and np.asarray(read.image.pixels).max() == 9
    with pytest.raises(Undecided):
        project.add_image(tmp_path / "b.tif")


def test_projects_of_earlier_versions_open(project: Project) -> None:
    record = json.loads((project.folder / "project.json").read_text())
    del record["answers"]
    for image in record["images"]:
        del image["answers"], image["set_aside"]
    (project.folder / "project.json").write_text(json.dumps(record))
    assert Project.open(project.folder).record.images == project.record.images


def test_who_learns_from_its_files_learns_from_no_check_box(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    painted = np.ones((20, 30), np.uint8)
    painted[:, 15:] = 2
    project.save_labels("0001", painted)
    project.set_boxes("0001", [KeptBox(0, 2, 18, 0, 16)])
    project.save()
    labels = project.folder / "labels/0001.ome.tif"
    given = [tmp_path / "images/a.tif"], [labels], Interview(Answers())
    samples, _ = training_samples(*given)
    np.testing.assert_array_equal(samples[0].labels, outside(painted, [CheckBox(0, 2, 18, 0, 16)]))
    assert "1 check box left out" in capsys.readouterr().err
    (tmp_path / "link").symlink_to(project.folder / "labels")
    (tmp_path / "other.ome.tif").symlink_to(labels)
    for file in (tmp_path / "link/0001.ome.tif", tmp_path / "other.ome.tif"):
        assert boxes_of_file(file) == [CheckBox(0, 2, 18, 0, 16)]
    told = json.loads((project.folder / "project.json").read_text())
    for image in told["images"]:  # as projects were before there were boxes
        del image["boxes"], image["set_aside"]
    (project.folder / "project.json").write_text(json.dumps(told))
    assert boxes_of_file(labels) == []
    copied = shutil.copy(labels, tmp_path / "copied.ome.tif")
    assert boxes_of_file(Path(copied)) == []
    (project.folder / "project.json").write_text("{")
    with pytest.raises(LabelError, match="nobody knows its check boxes"):
        training_samples(*given)
