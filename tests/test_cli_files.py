"""The command line and files as people have them.

Nothing of theirs is replaced, one bad file does not end the rest, and what a file does not say is
asked once.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from unetscope import Segmenter
from unetscope.cli import terminal
from unetscope.cli.app import app
from unetscope.cli.terminal import Interview
from unetscope.computing import precision
from unetscope.images.claims import Role, mark_of
from unetscope.images.files import read_labels, read_micrograph, write_labels
from unetscope.images.questions import Answers, Choice, Question, Undecided
from unetscope.images.zarr_folder import name_of
from unetscope.scaling.batches import images_of, prediction_targets

pytestmark = pytest.mark.usefixtures("few_trees")

GREY = np.random.default_rng(0).integers(0, 255, (64, 80)).astype(np.uint8)
PAINTED = np.zeros((64, 80), np.uint8)
PAINTED[5:15, 5:30], PAINTED[40:60, 40:70] = 1, 2


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    return " ".join((result.stderr or "").split())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.unetscope"
    Segmenter(model="general-fast", device="cpu").fit_instant(GREY, PAINTED).save(path)
    return path


def predict(model: Path, *more: object) -> Result:
    return run("predict", model, *more, "--device", "cpu")


def a_folder(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in names:
        tifffile.imwrite(folder / name, GREY)
    return folder


# ---- what is not replaced


def test_a_prediction_does_not_replace_painted_labels_unless_told_to(
    model: Path, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path, "a.tif")
    write_labels(PAINTED, folder / "a_labels.tif")
    done = predict(model, folder / "a.tif", "--out", folder)
    assert done.exit_code == 2
    assert "a_labels.tif" in said(done) and "--overwrite" in said(done)
    np.testing.assert_array_equal(read_labels(folder / "a_labels.tif"), PAINTED)

    done = predict(model, folder / "a.tif", "--out", folder, "--overwrite")
    assert done.exit_code == 0, done.output
    assert mark_of(folder / "a_labels.tif") is Role.PREDICTION


def test_a_prediction_is_replaced_by_the_next_one(model: Path, tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.tif")
    for _ in range(2):
        done = predict(model, folder / "a.tif", "--out", tmp_path / "out")
        assert done.exit_code == 0, done.output


def test_a_result_never_takes_the_name_of_an_input(model: Path, tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.tif", "a_labels.tif", "a_labels_labels.tif")
    done = predict(model, *sorted(folder.iterdir()), "--out", folder, "--overwrite")
    assert done.exit_code in (1, 2)
    for name in ("a.tif", "a_labels.tif", "a_labels_labels.tif"):
        np.testing.assert_array_equal(tifffile.imread(folder / name), GREY)


def test_converting_does_not_replace_the_image_or_the_source(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.tif", "b.tif")
    write_labels(PAINTED, folder / "m.tif")
    for target in ("a.tif", "m.tif", "b.tif"):
        before = (folder / target).read_bytes()
        done = run(
            "labels", "convert", folder / "m.tif", folder / target, "--image", folder / "a.tif"
        )
        assert done.exit_code == 2, done.output
        assert "choose another name" in said(done)
        assert (folder / target).read_bytes() == before
    more = ("--image", folder / "a.tif", "--overwrite")
    assert run("labels", "convert", folder / "m.tif", folder / "b.tif", *more).exit_code == 0
    assert run("labels", "convert", folder / "m.tif", folder / "a.tif", *more).exit_code == 2


def test_an_answer_of_the_inspection_does_not_replace_a_table_of_others(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.tif")
    (folder / "table.csv").write_text("my own\n")
    asked = ("inspect", "lenet5", folder / "a.tif", "--out", folder, "--do", "table")
    done = run(*asked)
    assert done.exit_code == 2, done.output
    assert (folder / "table.csv").read_text() == "my own\n"
    (folder / "table.csv").unlink()
    assert [run(*asked).exit_code for _ in range(2)] == [0, 0]


# ---- one odd file among others


def test_one_bad_file_does_not_end_a_batch_and_the_exit_code_tells(
    model: Path, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path, "1.tif", "2.tif", "3.tif", "4.tif")
    (folder / "2.tif").write_bytes(b"II*\0\x08\0\0\0")
    tifffile.imwrite(folder / "3.tif", np.stack([GREY] * 12), metadata=None)
    done = predict(model, folder, "--out", tmp_path / "out")
    assert done.exit_code == 1, done.output
    shown = sorted(p.name for p in (tmp_path / "out").iterdir() if not p.name.startswith("."))
    assert shown == ["1_labels.tif", "4_labels.tif", "predictions.csv"]
    assert "2.tif" in said(done) and "3.tif" in said(done)
    assert "2 of 4 images were not predicted" in said(done)
    assert "Traceback" not in done.output


def test_what_takes_the_place_of_a_device_is_said_once_for_all_images(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_is_there", lambda device: device == "cpu")
    folder = a_folder(tmp_path, "a.tif", "b.tif", "c.tif")
    result = run("predict", model, folder, "--out", tmp_path / "out", "--device", "mps")
    assert result.exit_code == 0 and len(result.stdout.split()) == 4  # and the table
    assert said(result).count("no such Apple GPU can be used here") == 1


def test_results_and_masks_in_a_folder_are_passed_over_and_named(
    model: Path, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path, "a.tif")
    tifffile.imwrite(folder / "a_cp_masks.tif", PAINTED)
    Image.fromarray(PAINTED).save(folder / "a_mask.png")
    for _ in range(3):
        done = predict(model, folder, "--out", folder, "--probabilities")
        assert done.exit_code == 0, done.output
    names = {p.name for p in folder.iterdir() if not p.name.startswith(".")}
    results = {"a_labels.tif", "a_probabilities.tif"}
    assert names == {"a.tif", "a_cp_masks.tif", "a_mask.png", *results}
    for name in ("a_cp_masks.tif", "a_mask.png", *results):
        assert name in said(done)
    assert "passed over" in said(done)


def test_a_file_that_is_called_mask_is_predicted_where_it_stands_alone(
    model: Path, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path, "mask.tif", "other.tif")
    done = predict(model, folder, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "mask_labels.tif").is_file()


def test_images_in_zarrs_become_files_of_their_own_names(tmp_path: Path) -> None:
    inside = [tmp_path / name / "0" for name in ("b.zarr", "c.ome.zarr")]
    for path in inside:
        zarr.open_group(path.parent, mode="w")
        zarr.create_array(path, data=GREY)
    assert images_of(inside) == (inside, [])
    targets = prediction_targets(inside, tmp_path)
    assert [target.name for target in targets.values()] == ["b 0_labels.tif", "c 0_labels.tif"]


def test_an_image_in_a_zarr_is_called_by_both_names(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "plate.zarr", mode="w")
    zarr.open_group(tmp_path / "plate.zarr/A", mode="w")
    zarr.create_array(tmp_path / "plate.zarr/A/1", data=GREY)
    assert name_of(tmp_path / "plate.zarr/A/1") == "plate.zarr/A/1"
    assert name_of(tmp_path / "plate.zarr") == "plate.zarr"
    assert name_of(tmp_path / "a.tif") == "a.tif"


def test_names_that_differ_in_capitals_alone_are_refused(model: Path, tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.tif")
    try:
        tifffile.imwrite(folder / "A.tif", GREY[::-1])
    finally:
        if len(list(folder.iterdir())) == 1:
            pytest.skip("this disk tells no capitals apart")
    done = predict(model, folder, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "A.tif" in said(done) and "a.tif" in said(done)


# ---- labels that do not say what they mean


def train(tmp_path: Path, image: Path, labels: Path, *more: object) -> Result:
    out = ("--out", tmp_path / "t.unetscope", "--seconds", 0, "--device", "cpu")
    return run(
        "train", "--image", image, "--labels", labels, "--model", "general-fast", *out, *more
    )


def test_an_image_is_not_its_own_labels(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.tif")
    done = train(tmp_path, folder / "a.tif", folder / "a.tif")
    assert done.exit_code == 2
    assert "image and as labels" in said(done)


def test_training_takes_labels_of_other_programs_with_their_names(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "a.tif")
    write_labels(PAINTED, folder / "m.tif")
    for name in ("m.zip", "m.geojson"):
        made = run(
            "labels", "convert", folder / "m.tif", folder / name, "--image", folder / "a.tif"
        )
        assert made.exit_code == 0, made.output
        done = train(tmp_path, folder / "a.tif", folder / name)
        assert done.exit_code == 0, done.output


# ---- questions


QUESTION = Question(
    "axes", "a.tif", "a.tif: what are its 12 pages?", (Choice("zyx", "z"), Choice("cyx", "c"))
)


def needs_axes(answers: Answers) -> str:
    if answers.axes is None:
        raise Undecided(QUESTION)
    return answers.axes


def test_an_error_names_eight_choices_and_counts_the_others() -> None:
    wells = tuple(Choice(f"A/{i}/0", f"well {i}") for i in range(3000))
    told = str(Question("series", "p.zarr", "which one?", wells))
    assert "--series A/7/0: well 7" in told and "A/8/0" not in told
    assert told.endswith("… and 2,992 more)") and len(told) < 500
    assert str(Question("series", "p.zarr", "which one?", wells[:8])).endswith("well 7)")


def test_where_nobody_can_be_asked_the_error_names_the_options() -> None:
    with pytest.raises(Undecided, match=r"--axes zyx: z; --axes cyx: c"):
        Interview(Answers(), may_ask=False).read(needs_axes)


def test_a_person_is_asked_once_for_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n"))
    asker = Interview(Answers(), may_ask=True)
    assert [asker.read(needs_axes) for _ in range(3)] == ["cyx"] * 3


def test_an_answer_that_does_not_settle_it_is_not_asked_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(terminal, "_asked", lambda question: "zyx")

    def never(answers: Answers) -> str:
        raise Undecided(QUESTION)

    with pytest.raises(Undecided):
        Interview(Answers(), may_ask=True).read(never)


def test_what_reading_noted_is_said_and_kept_with_the_result(model: Path, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as out:
        out.write(GREY[:8, :8])
        out.write(GREY)
    notes = read_micrograph(tmp_path / "two.tif").notes
    assert notes
    done = predict(model, tmp_path / "two.tif", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert " ".join(notes[0].split()) in said(done)
    with tifffile.TiffFile(tmp_path / "out" / "two_labels.tif") as tif:
        kept = tif.imagej_metadata["Info"]
    assert notes[0] in kept and "predicted by the model 'general-fast'" in kept


@pytest.mark.parametrize("high", [1, 255])
def test_a_mask_of_two_values_is_learned_from_once_0_has_a_meaning(
    high: int, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path, "a.tif")
    Image.fromarray(np.uint8(PAINTED > 0) * np.uint8(high)).save(folder / "m.png")
    done = train(tmp_path, folder / "a.tif", folder / "m.png")
    assert done.exit_code == 2
    assert "--zero background" in said(done) and "--zero unlabelled" in said(done)
    done = train(tmp_path, folder / "a.tif", folder / "m.png", "--zero", "background")
    assert done.exit_code == 0, done.output


def test_unnamed_pages_are_asked_for_by_name_and_option(model: Path, tmp_path: Path) -> None:
    folder = a_folder(tmp_path, "plane.tif")
    tifffile.imwrite(folder / "pages.tif", np.stack([GREY] * 12), metadata=None)
    done = predict(model, folder / "pages.tif", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "pages.tif" in said(done) and "--axes zyx" in said(done)
    done = predict(model, folder, "--out", tmp_path / "out", "--axes", "zyx")
    assert done.exit_code == 0, done.output
    assert read_labels(tmp_path / "out" / "pages_labels.tif").shape == (12, 64, 80)
    assert read_labels(tmp_path / "out" / "plane_labels.tif").shape == (64, 80)


def test_a_constant_image_is_answered_with_a_note(model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "flat.tif", np.full((64, 80), 7, np.uint8))
    done = predict(model, tmp_path / "flat.tif", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "flat.tif: it is constant: nothing can be told apart in it" in said(done)


@pytest.mark.parametrize(
    ("option", "said_", "words"),
    [
        ("--axes", "abc", "'abc'"),
        ("--axes", "zz", "each once"),
        ("--axes", "z", "give y and x"),
        ("--zero", "nothing", "unlabelled or background"),
        ("--values", "cells", "classes or objects"),
    ],
)
def test_an_option_that_answers_nothing_is_refused(
    option: str, said_: str, words: str, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path, "a.tif")
    done = train(tmp_path, folder / "a.tif", folder / "a.tif", option, said_)
    assert done.exit_code == 2
    assert words in said(done)
