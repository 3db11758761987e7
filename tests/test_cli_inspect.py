"""``unetscope inspect``: what it writes for every question, what it says, what it refuses."""

from __future__ import annotations

import csv
import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from click.testing import Result
from safetensors.torch import save_file
from typer.testing import CliRunner

from unetscope.cli.app import app
from unetscope.images.files import read_micrograph
from unetscope.inspection import convolution_at, feature_maps, receptive_field
from unetscope.inspection.following.inputs import fitted_input

runner = CliRunner()

OWN_NETWORK = """
from unetscope.network.unet import UNet, UNetConfig, initialise

def build():
    return initialise(UNet(UNetConfig(widths=(4, 8, 16), norm="none")), 3)

def volume():
    return initialise(UNet(UNetConfig(ndim=3, widths=(2, 4), norm="none")), 3)

def other():
    return initialise(UNet(UNetConfig(widths=(4, 8, 16), norm="none")), 4)

def context():
    from torch import nn
    spread = nn.Upsample((48, 64), mode="bilinear", align_corners=True)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), spread)

def broken():
    raise KeyError("nothing")

number = 3
"""


def inspect(model: object, image: object, out: Path, *options: object) -> Result:
    words = ["inspect", model, image, "--out", out, *options]
    return runner.invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def said(result: Result) -> str:
    return " ".join((result.stderr or "").split())


def written(result: Result) -> list[Path]:
    assert result.exit_code == 0, result.output + repr(result.exception)
    paths = [Path(line) for line in result.stdout.splitlines()]
    assert paths and all(path.is_file() and path.stat().st_size for path in paths)
    return paths


def assert_refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    for word in words:
        assert word in said(result)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A picture with a bright disc, 0.5 µm a pixel, strokes on both, and a network of one's own."""
    (tmp_path / "own_network_for_inspect.py").write_text(OWN_NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    y, x = np.mgrid[:51, :66]
    pixels = np.random.default_rng(0).normal(60, 12, y.shape)
    pixels[(y - 24) ** 2 + (x - 30) ** 2 < 144] += 90
    labels = np.zeros(y.shape, np.uint8)
    labels[2:6, 5:40] = 1
    labels[20:26, 24:36] = 2
    image, painted = tmp_path / "disc.tif", tmp_path / "painted.tif"
    told = {"unit": "um", "axes": "YX"}
    tifffile.imwrite(
        image, pixels.clip(0, 255).astype(np.uint8), imagej=True, resolution=(2, 2), metadata=told
    )
    tifffile.imwrite(painted, labels)
    return SimpleNamespace(
        image=image,
        labels=painted,
        painted=labels,
        own="own_network_for_inspect:build",
        out=tmp_path / "out",
        folder=tmp_path,
    )


def own_network(name: str = "build") -> torch.nn.Module:
    names: dict[str, Any] = {}
    exec(OWN_NETWORK, names)
    return names[name]().eval()


def own_input(scene: SimpleNamespace) -> np.ndarray:
    return fitted_input(own_network(), read_micrograph(scene.image)).values.numpy()


def test_without_a_question_there_is_a_report(scene) -> None:
    result = inspect(scene.own, scene.image, scene.out)
    (page,) = written(result)
    assert page.name == "report.html"
    text = page.read_text(encoding="utf-8")
    assert "own_network_for_inspect:build" in text and "0.5 µm a pixel" in text
    assert "48 × 64 px" in said(result)  # what was cut to fit is said


def test_layer_and_point_say_enough_for_maps_kernels_field_and_convolution(scene) -> None:
    result = inspect(scene.own, scene.image, scene.out, "--layer", "enc2.conv1", "--point", "21,30")
    names = {path.name for path in written(result)}
    assert {"report.html", "enc2.conv1_maps.tif", "enc2.conv1_kernels.tif"} <= names
    assert {"field.json", "field.png", "convolution.csv", "convolution.json"} <= names
    net, image = own_network(), own_input(scene)
    maps = feature_maps(net, image, ["enc2.conv1"])["enc2.conv1"]
    stored = tifffile.imread(scene.out / "enc2.conv1_maps" / "enc2.conv1_maps.tif")
    np.testing.assert_allclose(stored, maps.values, rtol=1e-5, atol=1e-6)
    # Pixel (21, 30) lies in cell (10, 15) of a map with a cell every 2 px.
    field = json.loads((scene.out / "field.json").read_text())
    expected = receptive_field(net, (48, 64), "enc2.conv1", (10, 15))
    assert field["point"] == [10, 15]
    assert (tuple(field["lo"]), tuple(field["hi"])) == (expected.lo, expected.hi)
    assert field["kind"] == "exact" and "5 × 5 µm" in said(result)
    facts = json.loads((scene.out / "convolution.json").read_text())
    value = convolution_at(net, image, "enc2.conv1", facts["channel"], (10, 15))
    assert facts["total"] == pytest.approx(value.total, rel=1e-5)
    assert facts["channel"] == int(np.abs(maps.values[:, 10, 15]).argmax())
    products = [float(row["product"]) for row in rows_of(scene.out / "convolution.csv")]
    assert len(products) == 4 * 9
    assert sum(products) + facts["bias"] == pytest.approx(value.total, rel=1e-4)


def test_the_table_has_a_row_per_layer_and_says_the_totals(scene) -> None:
    result = inspect(scene.own, scene.image, scene.out, "--do", "table")
    rows = rows_of(written(result)[0])
    assert sum(int(row["parameters"]) for row in rows) == sum(
        p.numel() for p in own_network().parameters()
    )
    first = next(row for row in rows if row["layer"] == "enc1.conv1")
    assert first["output"] == "4 x 48 x 64" and first["field_px"] == "3 x 3"
    assert f"{sum(int(row['multiply-adds']) for row in rows):,} multiply-adds" in said(result)


def test_a_part_is_taken_away_and_the_change_is_written(scene) -> None:
    result = inspect(
        *(scene.own, scene.image, scene.out, "--do", "ablate", "--part", "skip:dec1"),
        *("--labels", scene.labels, "--mode", "zero"),
    )
    folder = written(result)[0].parent
    before = tifffile.imread(folder / "mask_before.tif").astype(int)
    after = tifffile.imread(folder / "mask_after.tif").astype(int)
    assert set(np.unique(before)) <= {1, 2} and before.shape == (48, 64)
    assert f"{100 * (before != after).mean():.2f} % of the mask" in said(result)
    assert "off-distribution" in said(result)
    painted = scene.painted[:48, :64]
    row = rows_of(folder / "dice.csv")[1]
    truth, found = painted[painted > 0] == 2, after[painted > 0] == 2
    dice = 2 * (truth & found).sum() / max(truth.sum() + found.sum(), 1)
    assert float(row["Dice after"]) == pytest.approx(dice, abs=1e-5)


def test_without_a_part_every_skip_or_every_channel_is_tried(scene) -> None:
    skips = rows_of(written(inspect(scene.own, scene.image, scene.out, "--do", "ablate"))[0])
    assert {row["part"] for row in skips} == {"skip:dec1", "skip:dec2"}
    assert {row["comes from"] for row in skips} == {"enc1", "enc2"}
    result = inspect(scene.own, scene.image, scene.out, "--do", "ablate", "--layer", "enc1.conv1")
    rows = rows_of(written(result)[0])
    changes = [float(row["changed (% of the mask)"]) for row in rows]
    assert len(rows) == 4 and changes == sorted(changes, reverse=True)


def test_a_kernel_is_edited_in_a_copy(scene) -> None:
    result = inspect(
        *(scene.own, scene.image, scene.out, "--do", "edit", "--layer", "enc1.conv1"),
        *("--channel", 2, "--kernel", "zero"),
    )
    path = next(path for path in written(result) if path.name == "enc1.conv1_zero.tif")
    bias = float(own_network().enc1.conv1.bias[2].detach())
    np.testing.assert_allclose(tifffile.imread(path), bias, atol=1e-6)
    assert "of the mask changes" in said(result)


def test_a_kernel_of_ones_own_is_laid_on_as_it_was_typed(scene) -> None:
    from unetscope.inspection import edited

    rows = "-1,0,1;-2,0,2;-1,0,1.5"
    result = inspect(
        *(scene.own, scene.image, scene.out, "--do", "edit", "--layer", "enc1.conv1"),
        *("--channel", 2, "--kernel", rows),
    )
    path = next(path for path in written(result) if path.name == "enc1.conv1_own_kernel.tif")
    numbers = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1.5]]
    change = edited(own_network(), "enc1.conv1", numbers, out=2)
    maps = feature_maps(change.model, own_input(scene), ["enc1.conv1"], [2])["enc1.conv1"]
    np.testing.assert_allclose(tifffile.imread(path), maps.values[0], atol=1e-6)
    runpy.run_path(str(path.parent / "reproduce.py"))


def test_the_effective_field_lies_inside_the_theoretical_one(scene) -> None:
    result = inspect(
        *(scene.own, scene.image, scene.out, "--do", "effective", "--layer", "bottleneck"),
        *("--point", "24,32"),
    )
    facts = next(path for path in written(result) if path.suffix == ".json")
    record = json.loads(facts.read_text())
    assert record["kind"] == "empirical" and record["point"] == [6, 8]
    assert 0 < record["facts"]["ratio"] < 1.2
    values = tifffile.imread(facts.with_suffix(".tif"))
    assert values.sum() == pytest.approx(1, abs=1e-3)


def test_a_shift_by_the_product_of_strides_changes_nothing(scene) -> None:
    result = inspect(scene.own, scene.image, scene.out, "--do", "equivariance", "--shift", "0,4")
    (row,) = rows_of(next(path for path in written(result) if path.suffix == ".csv"))
    assert row["exactly 0"] == "yes" and float(row["largest error"]) == 0
    assert "multiples of 4 px" in said(result)


def test_two_networks_are_compared(scene) -> None:
    other = "own_network_for_inspect:other"
    result = inspect(scene.own, scene.image, scene.out, "--do", "compare", "--against", other)
    rows = rows_of(written(result)[0])
    changes = [float(row["weights (relative)"]) for row in rows]
    assert changes == sorted(changes, reverse=True) and changes[0] > 0.5
    same = inspect(scene.own, scene.image, scene.out, "--do", "compare", "--against", scene.own)
    assert {float(row["weights (relative)"]) for row in rows_of(written(same)[0])} == {0.0}


@pytest.mark.parametrize("method", ["seg_grad_cam", "input_gradients"])
def test_what_speaks_for_a_class_is_placed_in_the_image(scene, method: str) -> None:
    result = inspect(
        *(scene.own, scene.image, scene.out, "--do", "attribution", "--target", 1),
        *("--labels", scene.labels, "--method", method),
    )
    facts = next(path for path in written(result) if path.suffix == ".json")
    record = json.loads(facts.read_text())
    assert record["facts"]["target"] == 1 and record["kind"] == "empirical"
    region = tifffile.imread(facts.parent / "region.tif")
    assert (region == (scene.painted[:48, :64] == 2)).all()


def test_what_speaks_for_a_class_in_a_polygon(scene) -> None:
    from unetscope.inspection import attribution

    corners = "20,24 20,36 28,36.5 28,24"
    options = ("--do", "attribution", "--target", 1, "--method", "input_gradients")
    result = inspect(scene.own, scene.image, scene.out, *options, "--polygon", corners)
    facts = next(path for path in written(result) if path.suffix == ".json")
    polygon = [[20, 24], [20, 36], [28, 36.5], [28, 24]]
    expected = attribution(own_network(), own_input(scene), 1, polygon, method="input_gradients")
    assert json.loads(facts.read_text())["facts"]["region_pixels"] == expected.region_pixels
    np.testing.assert_allclose(tifffile.imread(facts.with_suffix(".tif")), expected.values)


def test_channels_are_compared_with_what_was_painted(scene) -> None:
    result = inspect(scene.own, scene.image, scene.out, "--do", "dissect", "--labels", scene.labels)
    rows = rows_of(written(result)[0])
    scores = [float(row["IoU"]) for row in rows]
    assert scores == sorted(scores, reverse=True) and 0 < scores[0] <= 1
    assert {row["class"] for row in rows} == {"1", "2"}


def test_health_colours_and_excitation_are_written(scene) -> None:
    result = inspect(
        *(scene.own, scene.image, scene.out, "--layer", "enc2.conv1", "--channel", 1),
        *("--do", "health", "--do", "pca", "--do", "maximise", "--labels", scene.labels),
    )
    names = {path.name for path in written(result)}
    assert {"health.csv", "enc2.conv1_colours.png", "enc2.conv1_1_excited.tif"} <= names
    colours = tifffile.imread(scene.out / "enc2.conv1_colours" / "enc2.conv1_colours.tif")
    assert colours.shape == (3, 24, 32) and 0 <= colours.min() <= colours.max() <= 1


def test_a_trained_model_answers_by_the_names_of_its_classes(scene) -> None:
    from unetscope import Segmenter

    segmenter = Segmenter("general-fast", device="cpu")
    pixels = tifffile.imread(scene.image)
    segmenter.fit_instant(pixels, scene.painted)
    path = scene.folder / "trained.unetscope"
    segmenter.save(path)
    names = [c.name for c in segmenter.model_.classes]
    result = inspect(
        *(path, scene.image, scene.out, "--do", "attribution", "--point", "24,30"),
        *("--target", names[1], "--do", "table"),
    )
    files = written(result)
    record = json.loads(next(p for p in files if p.suffix == ".json").read_text())
    assert record["facts"]["target"] == 1 and names[1] in said(result)
    refused = inspect(path, scene.image, scene.out, "--do", "attribution", "--target", "clouds")
    assert_refused(refused, "no class 'clouds'", names[0])


def test_a_trained_model_sees_the_image_as_it_does_when_it_predicts(scene) -> None:

    from unetscope import Segmenter
    from unetscope.learning.answering import network_input
    from unetscope.learning.persistence import load_model, save_model

    segmenter = Segmenter("general-fast", device="cpu")
    segmenter.fit_instant(tifffile.imread(scene.image), scene.painted)
    path = scene.folder / "trained.unetscope"
    save_model(segmenter.model_.with_features(own_normalisation=False), path)
    # Darker than what it learned from: by its own percentiles it would look the same.
    dark = scene.folder / "dark.tif"
    tifffile.imwrite(dark, tifffile.imread(scene.image) // 2)
    options = ("--layer", "enc1.conv1", "--channel", 0, "--do", "maps")
    result = inspect(path, dark, scene.out, *options, "--labels", scene.labels, "--point", "50,65")
    assert "its rim was repeated up to 64 × 96 px" in said(result)
    stored = tifffile.imread(scene.out / "enc1.conv1_maps" / "input.tif").reshape(1, 64, 96)
    expected = network_input(load_model(path), read_micrograph(dark)).numpy()
    np.testing.assert_array_equal(stored, expected)
    files = written(inspect(path, dark, scene.out, "--do", "ablate", "--part", "skip:dec1"))
    mask = next(file for file in files if file.name == "mask_before.tif")
    assert tifffile.imread(mask).shape == (51, 66)  # that of the image, without the rim
    colour = scene.folder / "colour.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    tifffile.imwrite(colour, pixels, photometric="rgb")
    assert_refused(inspect(path, colour, scene.out, *options), "trained on images of 1 channel")
    # Equal channels are grey to it, as they are when it predicts.
    tifffile.imwrite(colour, np.repeat(pixels[..., :1], 3, axis=2), photometric="rgb")
    grey = scene.folder / "grey.tif"
    tifffile.imwrite(grey, pixels[..., 0])
    maps = "enc1.conv1_maps/enc1.conv1_maps.tif"
    written(inspect(path, colour, scene.folder / "colour", *options))
    written(inspect(path, grey, scene.folder / "grey", *options))
    np.testing.assert_array_equal(
        tifffile.imread(scene.folder / "colour" / maps),
        tifffile.imread(scene.folder / "grey" / maps),
    )


def test_a_textbook_network_looks_at_the_window_it_was_made_for(scene) -> None:
    large = scene.folder / "large.tif"
    tifffile.imwrite(large, np.random.default_rng(2).integers(0, 255, (110, 120), dtype=np.uint8))
    options = ("--do", "field", "--layer", "c1", "--point", "60,70")
    result = inspect("lenet5", large, scene.out, *options)
    record = json.loads(next(p for p in written(result) if p.suffix == ".json").read_text())
    assert "32 × 32 px" in said(result)
    # The window is cut out around the point, which is then its middle.
    assert record["origin_in_file"] == [44, 54]
    assert record["lo"] == [14, 14] and record["hi"] == [18, 18]


def test_the_field_of_what_was_pooled_over_the_whole_image_is_the_image(scene) -> None:
    options = ("--do", "field", "--do", "report", "--layer", "2", "--point", "40,9")
    result = inspect("own_network_for_inspect:context", scene.image, scene.out, *options)
    record = json.loads(next(p for p in written(result) if p.suffix == ".json").read_text())
    assert record["point"] == [0, 0]
    assert (record["lo"], record["hi"]) == ([0, 0], [50, 65])


def test_volumes_and_planes_of_volumes(scene) -> None:
    stack = scene.folder / "stack.tif"
    planes = np.random.default_rng(1).integers(0, 255, (6, 16, 24), dtype=np.uint8)
    tifffile.imwrite(stack, planes)
    volume = "own_network_for_inspect:volume"
    options = ("--axes", "zyx", "--layer", "enc1.conv1", "--do", "field", "--do", "maps")
    result = inspect(volume, stack, scene.out, *options, "--point", "2,5,6")
    assert tifffile.imread(written(result)[-6].parent / "enc1.conv1_maps.tif").ndim == 4
    assert json.loads((scene.out / "field.json").read_text())["point"] == [2, 5, 6]
    flat = inspect(scene.own, stack, scene.out, *options, "--point", "4,5,6")
    assert "plane z=4 of 6" in said(flat)
    stored = tifffile.imread(scene.out / "enc1.conv1_maps" / "input.tif")
    plane = fitted_input(own_network(), read_micrograph(stack, axes="zyx"), 4).values.numpy()
    np.testing.assert_array_equal(stored.reshape(plane.shape), plane)


def test_weights_of_ones_own_network_come_from_safetensors_alone(scene) -> None:
    path = scene.folder / "weights.safetensors"
    save_file(own_network("other").state_dict(), path)
    out = scene.out
    kernels = ("--do", "kernels", "--layer", "enc1.conv1")
    written(inspect(scene.own, scene.image, out, *kernels, "--weights", path))
    stored = tifffile.imread(out / "enc1.conv1_kernels" / "enc1.conv1_kernels.tif")
    other = own_network("other").enc1.conv1.weight.detach().numpy()
    np.testing.assert_array_equal(stored.reshape(other.shape), other)
    pickled = scene.folder / "weights.pt"
    torch.save(own_network().state_dict(), pickled)
    refused = inspect(scene.own, scene.image, out, *kernels, "--weights", pickled)
    assert_refused(refused, "not read", "safetensors")
    volume = scene.folder / "volume.safetensors"
    save_file(own_network("volume").state_dict(), volume)
    assert_refused(
        inspect(scene.own, scene.image, out, *kernels, "--weights", volume), "another network"
    )
    assert_refused(
        inspect("general", scene.image, out, *kernels, "--weights", path), "package.module:function"
    )


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("resnet19", ("resnet19", "resnet18", "general-fast", "package.module:function")),
        ("own_network_for_inspect:nothing", ("'nothing'",)),
        ("own_network_for_inspect:broken", ("failed", "KeyError")),
        ("own_network_for_inspect:number", ("int",)),
        ("no_such_module_at_all:build", ("cannot be imported",)),
        ("missing.unetscope", ("missing.unetscope",)),
    ],
)
def test_models_that_are_none_are_refused(scene, model: str, words: tuple[str, ...]) -> None:
    assert_refused(inspect(model, scene.image, scene.out), *words)
    assert not scene.out.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--do", "magic"), ("'magic'", "report", "equivariance")),
        (("--do", "maps"), ("--layer", "enc1.conv1")),
        (("--do", "maps", "--layer", "enc9"), ("enc9",)),
        (("--do", "kernels", "--layer", "enc1.relu1"), ("enc1.relu1", "no kernels")),
        (("--do", "maps", "--layer", "enc1.conv1", "--channel", "9"), ("channels 0 to 3",)),
        (("--point", "5"), ("(5,)", "outside")),
        (("--point", "five,6"), ("--point", "five,6")),
        (("--point", "5,900"), ("900", "outside")),
        (("--point", "50,5"), ("rim",)),
        (("--do", "edit", "--layer", "enc1.conv1"), ("--kernel", "sobel_x")),
        (("--do", "edit", "--layer", "enc1.conv1", "--kernel", "magic"), ("magic",)),
        (("--do", "edit", "--layer", "enc1.conv1", "--kernel", "1,0;2"), ("1,0;2", "semicolons")),
        (("--do", "edit", "--layer", "enc1.conv1", "--kernel", "1,x;2,1"), ("1,x;2,1",)),
        (("--do", "edit", "--layer", "enc1.conv1", "--kernel", "1,0;2,1"), ("(2, 2)", "(3, 3)")),
        (("--do", "attribution", "--polygon", "1,2 3,4"), ("1,2 3,4", "three corners")),
        (("--do", "attribution", "--polygon", "1,2 3,4 5,x"), ("--polygon",)),
        (("--do", "attribution", "--polygon", "1,2 3,4 50,5"), ("(50.0, 5.0)", "48 × 64 px")),
        (("--do", "ablate", "--part", "skip:dec9"), ("dec9",)),
        (("--do", "ablate", "--mode", "magic"), ("magic",)),
        (("--do", "compare"), ("--against",)),
        (("--do", "dissect"), ("--labels",)),
        (("--do", "equivariance", "--shift", "x"), ("--shift",)),
        (("--axes", "abc"), ("axes",)),
    ],
)
def test_what_cannot_be_asked_is_refused(scene, options, words) -> None:
    assert_refused(inspect(scene.own, scene.image, scene.out, *options), *words)


def test_progress_is_shown_where_somebody_can_see_it() -> None:
    from io import StringIO

    from rich.console import Console

    from unetscope.cli.inspecting.progress import watched
    from unetscope.looking.answers import Shown, Working

    def steps() -> Any:
        for done in (1, 2, 3):
            yield Working("[counting]", done, 3)
            yield Shown("Sum", f"{10 * done}")

    screen, file = StringIO(), StringIO()
    assert watched(steps(), Console(file=screen, force_terminal=True)).text == "30"
    assert "[counting]" in screen.getvalue() and "3/3" in screen.getvalue()
    assert watched(steps(), Console(file=file)).text == "30"
    assert file.getvalue() == ""


def test_labels_of_another_size_are_refused(scene) -> None:
    small = scene.folder / "small.tif"
    tifffile.imwrite(small, np.ones((4, 5), np.uint8))
    refused = inspect(scene.own, scene.image, scene.out, "--labels", small)
    assert_refused(refused, "(4, 5)", "(51, 66)")


def test_a_real_micrograph_and_the_bundled_network(shared_data: Path, tmp_path: Path) -> None:
    image = sorted((shared_data / "ads_sem_myelin" / "images").iterdir())[0]
    cut = tmp_path / "myelin.tif"
    pixels = np.asarray(read_micrograph(image).plane(0))[0, :160, :200]
    tifffile.imwrite(cut, pixels)
    options = ("--layer", "enc1.conv2", "--point", "80,100")
    names = {path.name for path in written(inspect("general", cut, tmp_path / "out", *options))}
    assert {"report.html", "enc1.conv2_maps.png", "convolution.json"} <= names
    maps = tifffile.imread(tmp_path / "out" / "enc1.conv2_maps" / "enc1.conv2_maps.tif")
    assert maps.shape == (16, 160, 224) and maps.std() > 0.05
