"""The interface: maps of any spacing come onto the head's grids, in the order of the columns."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

from learning.small_scenes import small_model
from unetscope.errors import ModelError
from unetscope.learning import sources as room
from unetscope.learning.features import rows_at
from unetscope.learning.sources.bundled import UNetTaps
from unetscope.learning.sources.classical import ClassicalFilters, classical_maps
from unetscope.learning.sources.source import (
    Look,
    SourceMaps,
    feature_columns,
    levels_of,
    placed,
    tile_needs,
)
from unetscope.learning.tiling import plan_tiles
from unetscope.network.fingerprint import network_fingerprint

SHAPE = (32, 48)


def whole(sides):
    return tuple(slice(0, side) for side in sides)


def ramp(stride: float, offset_px: float, cells: tuple[int, int]) -> SourceMaps:
    """Maps whose values are the image positions (y, x) of their own cells."""
    first = (stride - 1) / 2 + offset_px
    axes = [first + stride * torch.arange(n, dtype=torch.float64) for n in cells]
    y, x = torch.meshgrid(*axes, indexing="ij")
    return SourceMaps("positions", stride, torch.stack([y, x])[None], offset_px)


@pytest.mark.parametrize(
    ("stride", "level"), [(1, 1), (2, 2), (3.5, 4), (7, 8), (8, 8), (12, 16), (14, 16), (16, 16)]
)
@pytest.mark.parametrize("offset_px", [0.0, -1.5, 0.5])
def test_placed_maps_lie_where_the_level_says(stride, level, offset_px) -> None:
    sides = (96, 128)
    found = ramp(stride, offset_px, tuple(int(np.ceil(s / stride)) + 1 for s in sides))
    assert found.level == level
    here = placed(found, whole(sides))[0]
    assert here.shape == (2, sides[0] // level, sides[1] // level)
    for axis, positions in enumerate(here):
        cells = torch.arange(positions.shape[axis], dtype=torch.float64)
        known = found.maps[0, axis]
        wanted = ((cells + 0.5) * level - 0.5).clamp(known.min(), known.max())
        assert torch.allclose(positions.select(1 - axis, 0), wanted)


@pytest.mark.parametrize("stride", [1, 3.5, 4, 7, 14])
def test_what_is_placed_on_a_core_is_that_part_of_the_whole(stride) -> None:
    sides, core = (96, 128), (slice(32, 64), slice(48, 128))
    found = ramp(stride, 0.5, tuple(int(np.ceil(s / stride)) + 1 for s in sides))
    y, x = (slice(s.start // found.level, s.stop // found.level) for s in core)
    assert torch.equal(placed(found, core), placed(found, whole(sides))[..., y, x])


def test_maps_that_are_cut_to_the_core_are_taken_as_they_are() -> None:
    found = SourceMaps("cut", 4, torch.rand(1, 2, 4, 8), begins=(16, 32))
    assert placed(found, (slice(16, 32), slice(32, 64))) is found.maps


def test_maps_on_the_grid_are_taken_as_they_are() -> None:
    found = ramp(4, 0.0, (8, 12))
    assert placed(found, whole(SHAPE)) is found.maps


def test_a_single_cell_is_held_everywhere() -> None:
    found = SourceMaps("one", 14, torch.full((1, 3, 1, 1), 5.0))
    assert torch.equal(placed(found, whole((32, 32))), torch.full((1, 3, 2, 2), 5.0))


@pytest.mark.parametrize("channels", [1, 3])
def test_bundled_and_classical_sources_give_the_numbers_of_the_instant_head(channels) -> None:
    net = small_model(channels=channels).features.backbone
    image = torch.rand(2, channels, *SHAPE)
    sources = (UNetTaps("small", net), ClassicalFilters())
    with torch.inference_mode():
        found = levels_of(sources, Look(image))
        taps, filters = net.taps(image, ("dec1", "dec2")), classical_maps(image)
    assert list(found) == list(filters) == [1, 2, 4, 8]
    for stride, name in ((1, "dec1"), (2, "dec2")):
        filters[stride] = torch.cat([taps[name], filters[stride]], dim=1)
    assert all(torch.equal(found[stride], filters[stride]) for stride in found)
    assert sources[0].fingerprint == network_fingerprint(net) != sources[1].fingerprint
    columns = feature_columns(sources, channels)
    assert len(columns) == len(set(columns)) == 4 + 6 + 4 * 5 * channels


def test_columns_stand_in_the_order_of_the_rows() -> None:
    sources = (ClassicalFilters(), UNetTaps("small", small_model(widths=(4, 6)).features.backbone))
    levels = {s: maps[0] for s, maps in levels_of(sources, Look(torch.rand(1, 1, *SHAPE))).items()}
    columns = feature_columns(sources, 1)
    assert rows_at(levels, torch.tensor([3]), torch.tensor([5])).shape == (1, len(columns))
    taps = [i for i, c in enumerate(columns) if (c.source, c.level) == ("small", 1)]
    assert taps == [5, 6, 7, 8]
    assert columns[0].name == "gaussian, channel 0" and columns[5].name == "dec1, map 0"


def test_tiles_of_exact_sources_are_the_whole() -> None:
    sources = (UNetTaps("small", small_model().features.backbone), ClassicalFilters())
    needs = tile_needs(sources, 1)
    assert needs.exact and needs.side_multiple == 8 and needs.margin_px == 8
    image = torch.rand(1, 1, 200, 136)
    with torch.inference_mode():
        full = levels_of(sources, Look(image))
        tile = plan_tiles(
            image.shape[2:],
            core_px=32,
            halo_px=needs.halo_px,
            margin_px=needs.margin_px,
            multiple=needs.side_multiple,
        )[12]
        part = levels_of(sources, Look(image[(..., *tile.window)]))
    for stride, maps in part.items():
        here = maps[(..., *cut(tile.core, tile.window, stride))]
        there = full[stride][(..., *cut(tile.core, (slice(0, 0),) * 2, stride))]
        assert torch.allclose(here, there, atol=1e-5)


def cut(box, frame, stride: int) -> tuple[slice, slice]:
    return tuple(
        slice((b.start - f.start) // stride, (b.stop - f.start) // stride)
        for b, f in zip(box, frame, strict=True)
    )


def test_wrong_sides_and_no_source_are_refused() -> None:
    with pytest.raises(ModelError, match="multiples of 8"):
        levels_of((ClassicalFilters(),), Look(torch.rand(1, 1, 30, 32)))
    with pytest.raises(ModelError, match="at least one"):
        tile_needs((), 1)


def test_nothing_of_others_is_imported_before_it_is_asked_for() -> None:
    others = ("timm", "torchvision", "huggingface_hub")
    paths = list(Path(room.__path__[0]).glob("*.py"))
    assert len(paths) > 5
    for path in paths:
        for line in ast.parse(path.read_text()).body:  # what an import of the module runs
            if isinstance(line, ast.Import):
                names = [alias.name for alias in line.names]
            elif isinstance(line, ast.ImportFrom):
                names = [line.module or ""]
            else:
                continue
            assert not [n for n in names if n.split(".")[0] in others], path.name
