"""The cache gives what would be computed, keeps to its limit, and never mixes things up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learning.small_scenes import CONTEXT_RECIPE, blobs, reader, small_model, stack
from unetscope.computing.machine import Engine
from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning.feature_cache import FeatureCache, Spot, grid, read_window
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.features import rows_at
from unetscope.learning.sources.classical import STRIDES, reach_px


def picture(seed: int = 0, shape: tuple[int, int] = (40, 56)) -> np.ndarray:
    return blobs(shape, seed)[0]


def counted(monkeypatch) -> list[object]:
    calls: list[object] = []
    compute = FeatureReader._made

    def counting(*given):
        calls.append(given)
        return compute(*given)

    monkeypatch.setattr(FeatureReader, "_made", counting)
    return calls


def test_a_tile_is_computed_once(monkeypatch) -> None:
    calls = counted(monkeypatch)
    model, image, cache = small_model(), as_micrograph(picture()), FeatureCache()
    (tile,) = grid(model, image)
    first = reader(model, cache).levels(Spot(image, 0, tile))
    again = reader(model, cache).levels(Spot(image, 0, tile))
    assert len(calls) == 1
    assert all(first[s] is again[s] for s in first)
    lattice = reader(model, cache).lattice(Spot(image, 0, tile))
    assert len(calls) == 1
    assert cache.used_bytes == sum(m.numel() * 4 for m in (*first.values(), lattice))


def test_the_lattice_holds_every_eighth_pixel() -> None:
    model, image, cache = small_model(), as_micrograph(picture(shape=(40, 24))), FeatureCache()
    (tile,) = grid(model, image)
    y, x = torch.meshgrid(torch.arange(4, 40, 8), torch.arange(4, 24, 8), indexing="ij")
    expected = rows_at(reader(model, cache).levels(Spot(image, 0, tile)), y.flatten(), x.flatten())
    assert torch.equal(reader(model, cache).lattice(Spot(image, 0, tile)), expected)


def test_other_images_planes_ranges_and_networks_are_other_entries(monkeypatch) -> None:
    calls = counted(monkeypatch)
    model, cache = small_model(), FeatureCache()
    volume = stack(picture(), 2)
    (tile,) = grid(model, volume)
    scale = Normalisation((0.0,), (9.0,))
    fixed = model.with_features(own_normalisation=False, normalisation=scale)
    answers = [
        reader(model, cache).levels(Spot(volume, 0, tile)),
        reader(model, cache).levels(Spot(volume, 1, tile)),
        reader(model, cache).levels(Spot(stack(picture(1), 2), 0, tile)),
        reader(fixed, cache).levels(Spot(volume, 0, tile)),
        reader(small_model(seed=1), cache).levels(Spot(volume, 0, tile)),
    ]
    assert len(calls) == 5
    for index, one in enumerate(answers):
        for other in answers[index + 1 :]:
            assert not torch.equal(one[1], other[1])


def test_the_oldest_tiles_go_when_the_limit_is_reached() -> None:
    model, image = small_model(), as_micrograph(picture(shape=(64, 64)))
    tiles = grid(model, image, 32)
    whole = FeatureCache()
    for tile in tiles:
        reader(model, whole).levels(Spot(image, 0, tile))
    small = FeatureCache(max_bytes=whole.used_bytes // 2)
    for tile in tiles:
        reader(model, small).levels(Spot(image, 0, tile))
        assert small.used_bytes <= small.max_bytes
    assert small.used_bytes > 0


def test_a_forgotten_image_gives_its_memory_back() -> None:
    model, cache = small_model(), FeatureCache()
    kept, dropped = as_micrograph(picture(0)), as_micrograph(picture(1))
    (tile,) = grid(model, kept)
    reader(model, cache).levels(Spot(kept, 0, tile))
    alone = cache.used_bytes
    reader(model, cache).levels(Spot(dropped, 0, tile))
    cache.forget(dropped)
    assert cache.used_bytes == alone
    cache.forget()
    assert cache.used_bytes == 0


def test_a_window_beyond_the_image_repeats_its_rim() -> None:
    image = as_micrograph(np.arange(15, dtype=np.float32).reshape(3, 5))
    plain = Normalisation((0.0,), (100.0,))
    window = read_window(image, 0, (slice(0, 8), slice(0, 8)), plain)
    expected = np.pad(image.pixels / 100, [(0, 5), (0, 3)], mode="edge")
    assert np.allclose(window[0, 0], expected)


def test_tiles_reach_as_far_as_network_and_filters_do() -> None:
    for widths in ((4, 6), (4, 6, 8), (4, 6, 8, 10)):
        model, image = small_model(widths=widths), as_micrograph(picture(shape=(400, 16)))
        middle = grid(model, image, 64)[3]
        assert middle.grown[0].start - middle.window[0].start >= max(
            model.features.backbone.config.reach_px, reach_px(max(STRIDES))
        )


def test_a_cache_has_one_precision_for_strokes_and_answers() -> None:
    model, image = small_model(recipe=CONTEXT_RECIPE), as_micrograph(picture(shape=(64, 64)))
    (tile,) = grid(model, image)
    exact, same, rounded = (
        reader(model, FeatureCache(engine=precision)).levels(Spot(image, 0, tile))
        for precision in (None, Engine("torch", "fp32"), Engine("torch", "bf16"))
    )
    for stride, maps in exact.items():
        assert torch.equal(same[stride], maps)
        error = (rounded[stride] - maps).abs().max() / maps.abs().max()
        assert rounded[stride].dtype == torch.float32 and error < 0.05
    assert not torch.equal(rounded[1], exact[1])
    cache = FeatureCache(engine=Engine("torch", "bf16"))
    assert cache.machine("cpu") is cache.machine("cpu")
    assert cache.machine("cpu").engine.precision == "bf16"


def test_pixels_changed_in_place_are_looked_at_anew() -> None:
    model, cache = small_model(), FeatureCache()
    pixels = picture()
    image = as_micrograph(pixels)
    (tile,) = grid(model, image)
    before = reader(model, cache).levels(Spot(image, 0, tile))[1].clone()
    assert not cache.look(image)
    pixels[...] = 40 * picture(3) + 100
    assert cache.look(image)
    fresh = FeatureCache()
    for found, wanted in (
        (
            reader(model, cache).levels(Spot(image, 0, tile))[1],
            reader(model, fresh).levels(Spot(image, 0, tile))[1],
        ),
        (
            reader(model, cache).lattice(Spot(image, 0, tile)),
            reader(model, fresh).lattice(Spot(image, 0, tile)),
        ),
    ):
        assert torch.equal(found, wanted)
    assert cache.normalisation(model, image) == fresh.normalisation(model, image)
    assert not torch.equal(reader(model, cache).levels(Spot(image, 0, tile))[1], before)
    assert cache.used_bytes == fresh.used_bytes


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_single_changed_pixel_is_noticed(dtype) -> None:
    pixels = (10 * picture()).astype(dtype)
    image, cache = as_micrograph(pixels), FeatureCache()
    cache.look(image)
    pixels[17, 31] += 1
    assert cache.look(image) and not cache.look(image)


def test_pixels_that_lie_elsewhere_are_not_read_to_see_whether_they_changed() -> None:
    class Remote:
        shape, dtype = (64, 64), np.dtype(np.uint8)

        def __getitem__(self, index: object) -> np.ndarray:
            raise AssertionError("read")

    cache = FeatureCache()
    assert not cache.look(as_micrograph(Remote()))
