"""Prediction by tiles: the same answer however the image is cut, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from learning.small_scenes import CONTEXT_RECIPE, blobs, reader, sample, small_model, stack
from unetscope.computing import machine as machines
from unetscope.computing.machine import Machine, settled
from unetscope.errors import ModelError
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.normalisation import Normalisation
from unetscope.learning import prediction
from unetscope.learning.events import Notice, PredictionEvent, TileDone
from unetscope.learning.feature_cache import FeatureCache, Spot
from unetscope.learning.instant import fit_instant
from unetscope.learning.mixing import instant_probabilities, likeliest
from unetscope.learning.pixel_model import PixelModel, TunedNetwork
from unetscope.learning.prediction import (
    PredictOptions,
    label_dtype,
    predict_labels,
    predict_probabilities,
    predict_tiles,
)
from unetscope.learning.sources.source import Look, levels_of
from unetscope.learning.tile_answer import head_logits
from unetscope.network.channels import with_classes
from unetscope.network.unet import initialise

pytestmark = pytest.mark.usefixtures("few_trees")

WHOLE, TILED = PredictOptions(tile_px=4096), PredictOptions(tile_px=32)


def fitted(*, forest: bool = False, network: float = 0.0, **config: object) -> PixelModel:
    model = fit_instant(small_model(**config), [sample()], with_forest=forest)  # type: ignore[arg-type]
    if network:
        net = settled(initialise(with_classes(model.features.backbone, 2), 7))
        model = replace(model, network=TunedNetwork(net, (1, 2), network))
    return model


@pytest.fixture(scope="module")
def voices() -> dict[str, PixelModel]:
    return {
        "head": fitted(),
        "head and network": fitted(network=0.5),
        "network": fitted(network=1.0),
        "head, forest and network": fitted(forest=True, network=0.25),
        "both looks": fitted(forest=True, network=0.5, recipe=CONTEXT_RECIPE),
    }


def same_however_cut(model: PixelModel, image: Micrograph) -> None:
    whole, tiled = (predict_probabilities(model, image, cut) for cut in (WHOLE, TILED))
    assert np.abs(whole - tiled).max() <= 1e-5
    labels = [predict_labels(model, image, cut) for cut in (WHOLE, TILED)]
    assert np.array_equal(labels[0], labels[1])
    assert set(np.unique(labels[0])) <= set(model.class_values)


@pytest.mark.parametrize("shape", [(1, 1), (1, 150), (150, 1), (7, 9), (33, 64), (161, 135)])
@pytest.mark.parametrize(
    "voice", ["head", "head and network", "network", "head, forest and network"]
)
def test_tiles_answer_as_the_whole_image(voices, voice, shape) -> None:
    same_however_cut(voices[voice], as_micrograph(blobs(shape, 3)[0], axes="yx"))


@pytest.mark.parametrize("shape", [(1, 1), (33, 64), (40, 640), (570, 90)])
def test_tiles_of_both_looks_answer_as_the_whole_image(voices, shape) -> None:
    same_however_cut(voices["both looks"], as_micrograph(blobs(shape, 3)[0], axes="yx"))


@pytest.mark.parametrize("upsampling", ["transposed", "interpolated"])
@pytest.mark.parametrize("widths", [(3, 4), (3, 4, 5), (3, 4, 5, 6, 7)])
def test_tiles_are_exact_for_nets_of_any_depth(widths, upsampling) -> None:
    model = fitted(network=0.5, widths=widths, upsampling=upsampling)
    same_however_cut(model, as_micrograph(blobs((290, 70), 4)[0]))


def test_too_narrow_a_halo_would_be_noticed(voices, monkeypatch) -> None:
    grid = prediction.grid

    def narrow(*asked):
        return [replace(tile, window=tile.grown) for tile in grid(*asked)]

    image = as_micrograph(blobs((161, 135), 3)[0])
    right = predict_probabilities(voices["network"], image, TILED)
    monkeypatch.setattr(prediction, "grid", narrow)
    assert np.abs(predict_probabilities(voices["network"], image, TILED) - right).max() > 1e-3


def test_the_answer_is_that_of_the_formulas_on_the_whole_image(voices) -> None:
    model = voices["head and network"]
    assert model.instant.head is not None and model.network is not None
    pixels = blobs((48, 64), 5)[0]
    image = as_micrograph(pixels)
    grey = torch.from_numpy(FeatureCache().normalisation(model, image).apply(pixels[None]))[None]
    with torch.inference_mode():
        levels = levels_of(model.feature_sources, Look(grey))
        full = [
            functional.interpolate(levels[s], scale_factor=s, mode="bilinear") for s in (1, 2, 4, 8)
        ]
        solved = model.instant.head
        score = torch.cat(full, 1)[0].permute(1, 2, 0) @ solved.weight + solved.bias
        head = (score.permute(2, 0, 1) * model.features.recipe.sharpness).softmax(0)
        head = head * torch.tensor(model.instant.prior)[:, None, None]
        head = head / head.sum(0)
        expected = (head + model.network.net(grey)[0].softmax(0)) / 2
    assert np.allclose(predict_probabilities(model, image), expected.numpy(), atol=1e-4)


def test_a_stack_is_answered_slice_by_slice(voices) -> None:
    pixels = blobs((40, 56), 6)[0]
    volume = stack(pixels, 3)
    scale = Normalisation((0.5,), (2.5,))
    model = voices["head and network"].with_features(own_normalisation=False, normalisation=scale)
    answer = predict_probabilities(model, volume, TILED)
    assert answer.shape == (2, 3, 40, 56)
    for z in range(3):
        plane = as_micrograph(pixels + np.float32(0.1 * z))
        assert np.abs(answer[:, z] - predict_probabilities(model, plane)).max() <= 1e-5
    chosen = list(predict_tiles(model, volume, PredictOptions(planes=[2, 0])))
    assert [e.region[0] for e in chosen if isinstance(e, TileDone)] == [slice(2, 3), slice(0, 1)]
    assert all(e.labels.shape == (1, 40, 56) for e in chosen if isinstance(e, TileDone))


def test_a_cache_changes_nothing_in_the_answer(voices) -> None:
    image, cache = as_micrograph(blobs((100, 90), 8)[0]), FeatureCache()
    for model in voices.values():
        without = predict_probabilities(model, image, TILED)
        filling = predict_probabilities(model, image, TILED, cache=cache)
        filled = predict_probabilities(model, image, TILED, cache=cache)
        assert np.array_equal(without, filling) and np.array_equal(without, filled)
    assert cache.used_bytes > 0


def test_probabilities_sum_to_one_and_labels_are_the_likeliest(voices) -> None:
    image = as_micrograph(blobs((50, 60), 9)[0])
    for model in voices.values():
        chance = predict_probabilities(model, image)
        assert chance.dtype == np.float32
        assert np.allclose(chance.sum(axis=0), 1, atol=1e-5)
        labels = predict_labels(model, image)
        assert labels.dtype == np.uint8 == label_dtype(model)
        assert np.array_equal(labels, chance.argmax(axis=0) + 1)


def test_labels_without_probabilities_are_those_with_them(voices) -> None:
    image = as_micrograph(blobs((90, 70), 11)[0])
    for model in voices.values():
        with_them = PredictOptions(tile_px=32, probabilities=True)
        assert np.array_equal(
            predict_labels(model, image, TILED), predict_labels(model, image, with_them)
        )


@pytest.mark.parametrize("prior", [(), (0.9, 0.1), (1.0, 0.0)])
def test_the_heads_logits_are_its_probabilities(voices, prior) -> None:
    model = voices["head"].with_instant(prior=prior)
    image, cache = as_micrograph(blobs((48, 64), 5)[0]), FeatureCache()
    (tile,) = prediction.grid(model, image)
    with torch.inference_mode():
        levels = reader(model, cache).levels(Spot(image, 0, tile))
        expected = instant_probabilities(model, levels)
        found = head_logits(model, levels).softmax(dim=0)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("classes", [1, 2, 3, 255])
def test_the_likeliest_is_the_first_of_the_largest(classes) -> None:
    said = torch.randint(0, 9, (classes, 13, 17), generator=torch.Generator().manual_seed(4))
    found = likeliest(said.float())  # so few different values that many are equal
    assert found.dtype == torch.uint8
    assert np.array_equal(found.numpy(), said.numpy().argmax(axis=0))


def test_the_tiles_of_the_view_come_first_and_alone(voices) -> None:
    image = as_micrograph(blobs((200, 200), 3)[0])
    region = (slice(70, 120), slice(130, 160))
    options = replace(TILED, region=region)
    events = [e for e in predict_tiles(voices["head"], image, options) if isinstance(e, TileDone)]
    assert [e.done for e in events] == list(range(1, len(events) + 1))
    assert all(e.total == len(events) < 49 for e in events)
    whole = predict_labels(voices["head"], image)
    seen = np.zeros(image.spatial_shape, bool)
    for event in events:
        seen[event.region] = True
        assert np.array_equal(event.labels, whole[event.region])
        assert event.probabilities is None
    assert seen[region].all()


@pytest.mark.parametrize("voice", ["head", "network", "both looks"])
def test_clipped_tiles_answer_the_region_and_no_more(voices, voice) -> None:
    image = as_micrograph(blobs((100, 100), 3)[0])
    region = (slice(21, 77), slice(33, 50))
    options = replace(TILED, region=region, clip=True, probabilities=True)
    out, chances = np.zeros(image.spatial_shape, np.uint8), np.zeros((2, *image.spatial_shape))
    for event in predict_tiles(voices[voice], image, options):
        assert isinstance(event, TileDone) and event.probabilities is not None
        assert event.probabilities.shape[1:] == event.labels.shape
        out[event.region] += event.labels
        chances[(slice(None), *event.region)] = event.probabilities
    expected = np.zeros_like(out)
    expected[region] = predict_labels(voices[voice], image)[region]
    assert np.array_equal(out, expected)
    inside = (slice(None), *region)
    whole = predict_probabilities(voices[voice], image)
    assert np.abs(chances[inside] - whole[inside]).max() <= 1e-5


def test_an_iterator_can_be_stopped_and_computes_no_further(voices, monkeypatch) -> None:
    calls = refuse(monkeypatch, lambda tile, device: False)
    tiles = predict_tiles(voices["head"], as_micrograph(blobs((200, 200))[0]), TILED)
    next(tiles), next(tiles)
    tiles.close()  # type: ignore[attr-defined]
    assert len(calls) == 2


def refuse(monkeypatch, when, error: BaseException | None = None) -> list[str]:
    """Let memory run out for some tiles; returns the device of every attempt."""
    answer, attempts, here = prediction.answer_tile, [], Machine("cpu")

    def failing(reader, spot, **how):
        device = reader.machine.device
        attempts.append(device)
        if when(spot.tile, device):
            raise error or torch.OutOfMemoryError("CUDA out of memory")
        return answer(replace(reader, machine=here), spot, **how)

    monkeypatch.setattr(prediction, "answer_tile", failing)
    return attempts


def side(tile) -> int:
    return tile.core[0].stop - tile.core[0].start


def collected(events: Iterator[PredictionEvent], shape) -> tuple[np.ndarray, list[str]]:
    out, notices = np.zeros(shape, np.uint8), []
    for event in events:
        if isinstance(event, Notice):
            notices.append(event.text)
        else:
            out[event.region] = event.labels
    return out, notices


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    MemoryError("Unable to allocate 3 GiB for an array"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "cpu", "numpy"])
def test_out_of_memory_halves_the_tile_and_says_so(voices, monkeypatch, error) -> None:
    model, image = voices["head"], as_micrograph(blobs((300, 200), 3)[0])
    expected = predict_labels(model, image)
    refuse(monkeypatch, lambda tile, device: side(tile) > 64, error)
    events = predict_tiles(model, image, PredictOptions(tile_px=256))
    answer, notices = collected(events, image.spatial_shape)
    assert np.array_equal(answer, expected)
    assert len(notices) == 2 and "128 px" in notices[0] and "64 px" in notices[1]


def test_tiles_already_answered_are_not_answered_again(voices, monkeypatch) -> None:
    model, image = voices["head"], as_micrograph(blobs((256, 128), 3)[0])
    refuse(monkeypatch, lambda tile, device: side(tile) > 64 and tile.core[0].start >= 128)
    regions = [
        e.region
        for e in predict_tiles(model, image, PredictOptions(tile_px=128))
        if isinstance(e, TileDone)
    ]
    answered = np.zeros(image.spatial_shape, int)
    for region in regions:
        answered[region] += 1
    assert (answered == 1).all()


def test_a_gpu_without_memory_hands_over_to_the_cpu(voices, monkeypatch) -> None:
    model, image = voices["head"], as_micrograph(blobs((150, 130), 3)[0])
    expected = predict_labels(model, image)
    attempts = refuse(monkeypatch, lambda tile, device: device == "cuda")
    chosen = {"auto": "cuda"}
    monkeypatch.setattr(machines, "choose_device", lambda wanted: chosen.get(wanted, wanted))
    answer, notices = collected(
        predict_tiles(model, image, PredictOptions(tile_px=128)), image.spatial_shape
    )
    assert np.array_equal(answer, expected)
    assert "64 px" in notices[0] and "CPU" in notices[-1]
    assert attempts[:2] == ["cuda", "cuda"] and attempts[-1] == "cpu"


def test_no_memory_at_all_is_said_in_plain_words(voices, monkeypatch) -> None:
    refuse(monkeypatch, lambda tile, device: True)
    with pytest.raises(MemoryError, match="close other programs"):
        predict_labels(voices["head"], as_micrograph(blobs((80, 80))[0]))


def test_other_errors_are_not_swallowed(voices, monkeypatch) -> None:
    refuse(monkeypatch, lambda tile, device: True, RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        predict_labels(voices["head"], as_micrograph(blobs((80, 80))[0]))


class Reading:
    """An array that remembers how much was read at once."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
        self.ndim, self.most = pixels.ndim, 0

    def __getitem__(self, key):
        part = np.asarray(self.pixels[key])
        self.most = max(self.most, part.size)
        return part


def test_only_windows_are_read(voices) -> None:
    lazy = Reading(blobs((700, 90), 3)[0])
    scale = Normalisation((0.5,), (2.5,))
    model = voices["head"].with_features(own_normalisation=False, normalisation=scale)
    image = Micrograph(lazy, "yx")
    for _ in predict_tiles(model, image, PredictOptions(tile_px=64)):
        pass
    assert 0 < lazy.most <= (64 + 2 * (8 + 56)) * 90


def resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc (Linux)")
def test_memory_does_not_grow_with_the_image(tmp_path) -> None:
    model = fitted(network=0.5, widths=(2, 2, 2, 2))

    def most_mb(height: int) -> float:
        file = np.memmap(tmp_path / f"{height}.raw", np.uint8, "w+", shape=(height, 256))
        file[::3] = 200
        image = as_micrograph(file)
        tiles = predict_tiles(model, image, PredictOptions(tile_px=128, probabilities=True))
        return max(resident_mb() for _ in tiles)

    most_mb(512)  # libraries and allocator settle
    small = most_mb(512)
    # Kept at once, its features would take 50 MB and its maps more.
    assert most_mb(5120) - small < 25


def test_a_model_without_classes_or_with_other_channels_says_so(voices) -> None:
    with pytest.raises(ModelError, match="paint"):
        predict_labels(small_model(), as_micrograph(np.zeros((8, 8), np.uint8)))
    with pytest.raises(ModelError, match="1 channel"):
        predict_labels(voices["head"], as_micrograph(np.zeros((2, 8, 8)), axes="cyx"))


def test_a_temperature_makes_answers_less_sure_and_changes_no_label() -> None:
    painted = sample((72, 88))
    for with_forest in (False, True):
        cold = fit_instant(small_model(), [painted], with_forest=with_forest)
        cold = cold.with_features(recipe=replace(cold.features.recipe, temperature=1.0))
        warm = cold.with_features(recipe=replace(cold.features.recipe, temperature=2.0))
        before = predict_probabilities(cold, painted.image)
        after = predict_probabilities(warm, painted.image)
        expected = np.sqrt(before) / np.sqrt(before).sum(axis=0)
        assert np.allclose(after, expected, atol=1e-4)
        assert after.max(axis=0).mean() < before.max(axis=0).mean()
        assert np.array_equal(after.argmax(axis=0), before.argmax(axis=0))


def test_a_grey_model_answers_colour_whose_channels_are_all_the_same() -> None:
    model = fit_instant(small_model(), [sample()])
    grey = np.round(20 * blobs((40, 48), 2)[0] + 100).astype(np.uint8)
    colour = as_micrograph(np.dstack([grey] * 3), name="b.png")
    assert np.array_equal(predict_labels(model, colour), predict_labels(model, as_micrograph(grey)))
    stained = np.dstack([grey] * 3)
    stained[5, 5, 2] += 1
    with pytest.raises(ModelError, match=r"b.png has 3\. Convert it first.*Fiji"):
        predict_labels(model, as_micrograph(stained, name="b.png"))


def test_what_turns_into_an_image_is_answered_as_one() -> None:
    model, grey = fitted(), sample().image.plane()[0]
    expected = predict_labels(model, Micrograph(grey, "yx"))
    for given in (grey, torch.from_numpy(grey.astype(np.float32))):
        np.testing.assert_array_equal(predict_labels(model, given), expected)
        assert predict_probabilities(model, given).shape == (2, *grey.shape)
