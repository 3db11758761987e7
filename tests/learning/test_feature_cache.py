"""The cache gives what would be computed, keeps to its limit, and never mixes things up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learning.small_scenes import CONTEXT_RECIPE, blobs, small_model, stack
from unetscope.images.micrograph import as_micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning import feature_cache
from unetscope.learning.feature_cache import FeatureCache, grid, read_window
from unetscope.learning.features import rows_at
from unetscope.learning.sources.classical import STRIDES, reach_px


def picture(seed: int = 0, shape: tuple[int, int] = (40, 56)) -> np.ndarray:
    return blobs(shape, seed)[0]


def counted(monkeypatch) -> list[object]:
    calls: list[object] = []
    compute = feature_cache.compute_levels

    def counting(*given):
        calls.append(given)
        return compute(*given)

    monkeypatch.setattr(feature_cache, "compute_levels", counting)
    return calls


def test_a_tile_is_computed_once(monkeypatch) -> None:
    calls = counted(monkeypatch)
    model, image, cache = small_model(), as_micrograph(picture()), FeatureCache()
    (tile,) = grid(model, image)
    first = cache.levels(model, image, 0, tile, "cpu")
    again = cache.levels(model, image, 0, tile, "cpu")
    assert len(calls) == 1
    assert all(first[s] is again[s] for s in first)
    lattice = cache.lattice(model, image, 0, tile, "cpu")
    assert len(calls) == 1
    assert cache.used_bytes == sum(m.numel() * 4 for m in (*first.values(), lattice))


def test_the_lattice_holds_every_eighth_pixel() -> None:
    model, image, cache = small_model(), as_micrograph(picture(shape=(40, 24))), FeatureCache()
    (tile,) = grid(model, image)
    y, x = torch.meshgrid(torch.arange(4, 40, 8), torch.arange(4, 24, 8), indexing="ij")
    expected = rows_at(cache.levels(model, image, 0, tile, "cpu"), y.flatten(), x.flatten())
    assert torch.equal(cache.lattice(model, image, 0, tile, "cpu"), expected)


def test_other_images_planes_ranges_and_networks_are_other_entries(monkeypatch) -> None:
    calls = counted(monkeypatch)
    model, cache = small_model(), FeatureCache()
    volume = stack(picture(), 2)
    (tile,) = grid(model, volume)
    scale = Normalisation((0.0,), (9.0,))
    fixed = model.with_features(own_normalisation=False, normalisation=scale)
    answers = [
        cache.levels(model, volume, 0, tile, "cpu"),
        cache.levels(model, volume, 1, tile, "cpu"),
        cache.levels(model, stack(picture(1), 2), 0, tile, "cpu"),
        cache.levels(fixed, volume, 0, tile, "cpu"),
        cache.levels(small_model(seed=1), volume, 0, tile, "cpu"),
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
        whole.levels(model, image, 0, tile, "cpu")
    small = FeatureCache(max_bytes=whole.used_bytes // 2)
    for tile in tiles:
        small.levels(model, image, 0, tile, "cpu")
        assert small.used_bytes <= small.max_bytes
    assert small.used_bytes > 0


def test_a_forgotten_image_gives_its_memory_back() -> None:
    model, cache = small_model(), FeatureCache()
    kept, dropped = as_micrograph(picture(0)), as_micrograph(picture(1))
    (tile,) = grid(model, kept)
    cache.levels(model, kept, 0, tile, "cpu")
    alone = cache.used_bytes
    cache.levels(model, dropped, 0, tile, "cpu")
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
        FeatureCache(precision=precision).levels(model, image, 0, tile, "cpu")
        for precision in (None, "fp32", "bf16")
    )
    for stride, maps in exact.items():
        assert torch.equal(same[stride], maps)
        error = (rounded[stride] - maps).abs().max() / maps.abs().max()
        assert rounded[stride].dtype == torch.float32 and error < 0.05
    assert not torch.equal(rounded[1], exact[1])
    cache = FeatureCache(precision="bf16")
    one, two = (cache.asked(model).features.backbone for _ in range(2))
    assert one is two is not model.features.backbone


def test_pixels_changed_in_place_are_looked_at_anew() -> None:
    model, cache = small_model(), FeatureCache()
    pixels = picture()
    image = as_micrograph(pixels)
    (tile,) = grid(model, image)
    before = cache.levels(model, image, 0, tile, "cpu")[1].clone()
    assert not cache.look(image)
    pixels[...] = 40 * picture(3) + 100
    assert cache.look(image)
    fresh = FeatureCache()
    for found, wanted in (
        (
            cache.levels(model, image, 0, tile, "cpu")[1],
            fresh.levels(model, image, 0, tile, "cpu")[1],
        ),
        (
            cache.lattice(model, image, 0, tile, "cpu"),
            fresh.lattice(model, image, 0, tile, "cpu"),
        ),
    ):
        assert torch.equal(found, wanted)
    assert cache.normalisation(model, image) == fresh.normalisation(model, image)
    assert not torch.equal(cache.levels(model, image, 0, tile, "cpu")[1], before)
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
