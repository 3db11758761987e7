"""What an export holds, that its script makes the same numbers again, and what it refuses."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
import torch
from torch import nn

from unetscope.errors import ImageError, ModelError, OutputError
from unetscope.images.claims import RECEIPTS
from unetscope.images.files import read_micrograph
from unetscope.inspection import feature_maps, kernels, receptive_field
from unetscope.inspection.showing.colours import ColourRange
from unetscope.inspection.writing.export import (
    ExportedView,
    ModelSource,
    NumbersRecipe,
    export_view,
    kernels_view,
    maps_view,
    weights_sha256,
)
from unetscope.inspection.writing.figures import reduced, shown_image
from unetscope.network.shipped import load_bundled
from unetscope.network.unet import UNet, UNetConfig, initialise

BUNDLED = ModelSource("bundled", "general-fast")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def small_unet(ndim: int = 2) -> UNet:
    return initialise(UNet(UNetConfig(ndim=ndim, widths=(4, 8), norm="none")), 3).eval()


def bundled_view(**others: object) -> ExportedView:
    net, _ = load_bundled("general-fast")
    image = noise(64, 80)
    maps = feature_maps(net, image, ["enc2.conv1"], channels=[0, 3])["enc2.conv1"]
    return maps_view(maps, net, image, model_name="general-fast", source=BUNDLED, **others)


def run_script(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "reproduce.py")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder.parent,
    )


def run_here(folder: Path) -> None:
    """Run the script in this process, which is quicker; it ends with an exception or not."""
    runpy.run_path(str(folder / "reproduce.py"))


def test_an_export_holds_pictures_numbers_facts_and_a_script(tmp_path: Path) -> None:
    net, _ = load_bundled("general-fast")
    field = receptive_field(net, (64, 80), "enc2.conv1", (3, 4))
    view = bundled_view(pixel_size=(0.5, 0.5), unit="µm", point=(3, 4), field=field)
    written = export_view(view, tmp_path)
    assert (
        {p.name for p in written}
        == {p.name for p in tmp_path.iterdir() if p.name != RECEIPTS}
        == {
            *(f"enc2.conv1_maps.{kind}" for kind in ("png", "svg", "tif", "json")),
            "input.tif",
            "reproduce.py",
        }
    )
    read = read_micrograph(tmp_path / "enc2.conv1_maps.tif")
    assert read.axes == "cyx" and read.dtype == np.float32
    np.testing.assert_array_equal(read.pixels, view.values)
    np.testing.assert_allclose(read.pixel_size, (1.0, 1.0), rtol=1e-6)  # 0.5 µm, stride 2
    assert read.unit == "µm"
    assert imageio.imread(tmp_path / "enc2.conv1_maps.png").std() > 5
    assert ElementTree.parse(tmp_path / "enc2.conv1_maps.svg").getroot().tag.endswith("svg")
    facts = json.loads((tmp_path / "enc2.conv1_maps.json").read_text())
    assert facts["channels"] == [0, 3] and facts["scale"] == [2, 2]
    assert facts["translate"] == [0.5, 0.5] and facts["point"] == [3, 4]
    assert facts["field"]["lo"] == list(field.lo) and facts["field"]["kind"] == "exact"
    assert facts["field"]["padded"] == [list(corner) for corner in field.padded]
    assert facts["weights_sha256"] == weights_sha256(net) and facts["versions"]["torch"]


def test_the_script_of_a_bundled_network_makes_the_same_numbers(tmp_path: Path) -> None:
    export_view(bundled_view(), tmp_path)
    done = run_script(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the same numbers" in done.stdout
    # It can fail: other numbers in the file, and it says no.
    path = tmp_path / "enc2.conv1_maps.tif"
    tifffile.imwrite(path, tifffile.imread(path) * 1.01)
    with pytest.raises(AssertionError):
        run_here(tmp_path)


def test_the_script_of_a_network_with_own_weights_brings_them_along(tmp_path: Path) -> None:
    net, image = small_unet(ndim=3), noise(8, 16, 12)
    maps = feature_maps(net, image, ["enc1.conv1"])["enc1.conv1"]
    export_view(maps_view(maps, net, image), tmp_path)
    assert tifffile.imread(tmp_path / "enc1.conv1_maps.tif").shape == (8, 4, 16, 12)  # z, c, y, x
    run_here(tmp_path)


def test_a_foreign_network_is_named_and_the_rest_of_its_script_runs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
    image = noise(20, 20)
    maps = feature_maps(net, image, ["0"])["0"]
    export_view(maps_view(maps, net, image), tmp_path)
    script = tmp_path / "reproduce.py"
    assert "from torch.nn.modules.container import Sequential" in script.read_text()
    with pytest.raises(SystemExit, match="Fill in how the network is built"):
        run_here(tmp_path)
    build = "from torch import nn\nmodel = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())\n"
    text = script.read_text().replace("# model = Sequential(...)\n", build)
    script.write_text(text)
    run_here(tmp_path)
    script.write_text(text.replace(weights_sha256(net), "0" * 64))
    with pytest.raises(SystemExit, match="other weights"):
        run_here(tmp_path)


def test_kernels_are_exported_as_they_stand_and_made_again(tmp_path: Path) -> None:
    net = small_unet()
    bank = kernels(net, "enc1.conv2")
    written = export_view(kernels_view(bank, net, noise(16, 16)), tmp_path)
    stored = tifffile.imread(tmp_path / "enc1.conv2_kernels.tif")
    np.testing.assert_array_equal(stored, bank.values)
    run_here(tmp_path)
    assert all(path.stat().st_size for path in written)


def test_a_recipe_writes_arrays_slices_and_text_that_python_reads_back() -> None:
    mask = np.ones((2, 2), bool)
    recipe = NumbersRecipe(
        "attribution",
        {"target": np.int64(1), "region": mask, "view": (slice(0, 4), slice(2, 6)), "t": 'a"\\'},
    )
    call = recipe.lines()[0]
    seen: dict[str, object] = {}

    class Inspection:
        @staticmethod
        def attribution(model: object, image: object, **given: object) -> None:
            seen.update(given)

    class Files:
        @staticmethod
        def imread(path: Path) -> np.ndarray:
            assert path == Path("h/region.tif")
            return mask.astype(np.uint8)

    names = {"inspection": Inspection, "tifffile": Files, "HERE": Path("h"), "model": 0, "image": 0}
    exec(call, names)
    assert seen["target"] == 1 and seen["view"] == (slice(0, 4), slice(2, 6))
    assert (seen["region"] == mask).all() and seen["region"].dtype == bool and seen["t"] == 'a"\\'
    assert list(recipe.arrays()) == ["region.tif"]


def test_the_hash_knows_the_weights_and_nothing_else() -> None:
    net = small_unet()
    hashed = weights_sha256(net)
    assert weights_sha256(net.to(memory_format=torch.channels_last)) == hashed
    assert weights_sha256(small_unet()) == hashed
    with torch.no_grad():
        net.classifier.bias[0] += 1e-6
    assert weights_sha256(net) != hashed


def test_the_same_view_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    for folder in ("a", "b"):
        export_view(bundled_view(), tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        if path.suffix != ".tif":  # TIFF holds the time
            assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_what_cannot_be_exported_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    view = bundled_view()
    with pytest.raises(OutputError, match="does not exist"):
        export_view(view, tmp_path / "missing")
    with pytest.raises(ImageError, match="axes 'yx'"):
        ExportedView("x", "maps", view.values, "yx", "enc1", view.model, view.recipe, view.image)
    with pytest.raises(ModelError, match="names of Python"):
        NumbersRecipe("os.system('x')")
    strange = NumbersRecipe("feature_maps", {"layers": object()})
    with pytest.raises(ModelError, match="object"):
        export_view(bundled_view(recipe=strange), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_colours_are_symmetric_about_zero_where_there_is_a_sign() -> None:
    signed = ColourRange.of(np.array([-1.0, 4.0, np.nan]))
    assert (signed.low, signed.high) == (-4.0, 4.0)
    painted = signed.paint(np.array([0.0, np.nan, 4.0, -4.0]))
    assert painted[0, :3].min() > 240 and painted[1, 3] == 0  # white; transparent
    assert painted[2, 0] > painted[2, 2] and painted[3, 2] > painted[3, 0]  # red up, blue down
    assert ColourRange.of(np.zeros(3)).paint(np.zeros(3)).shape == (3, 4)
    assert ColourRange.of(np.array([2.0, 3.0])).low == 0.0
    assert ColourRange.of(np.full(2, np.nan)).high > ColourRange.of(np.full(2, np.nan)).low


def test_small_pngs_have_the_colours_they_should_have() -> None:
    values = np.random.default_rng(0).random((20, 30))
    values[3, 4] = np.nan
    for share in (1.0, 0.3, 0.01):  # few of the colours used, or all
        colours = ColourRange(0.0, 1.0, "viridis")
        picture = imageio.imread(colours.png(values * share), mode="RGBA")
        expected = colours.paint(values * share)
        assert np.abs(picture.astype(int) - expected.astype(int)).max() <= 4
    assert imageio.imread(colours.png(values, enlarge=3)).shape[:2] == (60, 90)


def test_large_maps_are_drawn_by_the_means_of_their_cells() -> None:
    plane = np.arange(24.0).reshape(4, 6)
    np.testing.assert_array_equal(reduced(plane, 6), plane)
    np.testing.assert_array_equal(reduced(plane, 3), [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]])
    assert reduced(noise(2, 100), 10).shape == (1, 10)
    assert reduced(noise(101, 33), 10).shape == (9, 3)


def test_images_of_all_kinds_can_be_looked_at() -> None:
    assert shown_image(noise(5, 6)).shape == (5, 6, 3)
    assert shown_image(noise(3, 5, 6)).shape == (5, 6, 3)
    assert shown_image(noise(2, 4, 5, 6), axes=3).shape == (5, 6, 3)
    assert shown_image(noise(5, 6) * 1000).max() == 255
    assert shown_image(np.full((4, 4), np.nan)).max() == 0
    with pytest.raises(ImageError, match="2 spatial axes"):
        shown_image(noise(2, 2, 4, 4))
