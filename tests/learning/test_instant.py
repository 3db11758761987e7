"""The instant head: what it is solved from, and what it answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learning.small_scenes import blobs, reader, sample, small_model, stack, strokes
from unetscope.errors import LabelError, ModelError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import as_micrograph
from unetscope.learning import instant
from unetscope.learning.feature_cache import FeatureCache, read_window
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.features import rows_at
from unetscope.learning.forest import TREES, PixelForest
from unetscope.learning.head import Penalty, solve_head
from unetscope.learning.instant import (
    fit_instant,
    instant_rows,
    labelled_rows,
    prepared,
)
from unetscope.learning.metrics import mean_dice
from unetscope.learning.pixel_model import PixelModel, TunedNetwork
from unetscope.learning.prediction import predict_labels, predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.learning.sources.source import Look, feature_gains, levels_of


def test_the_head_is_the_weighted_ridge_solution_on_the_features_of_the_strokes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, painted = small_model(), sample((40, 56))
    monkeypatch.setattr(instant, "SURE_ROWS", 0)  # strokes alone
    fitted = fit_instant(model, [painted], with_forest=False)
    ranges = FeatureCache().normalisation(model, painted.image)
    window = read_window(painted.image, 0, (slice(0, 40), slice(0, 56)), ranges)
    with torch.inference_mode():
        levels = {s: m[0] for s, m in levels_of(model.feature_sources, Look(window)).items()}
        y, x = (torch.from_numpy(i) for i in np.nonzero(painted.labels))
        rows = rows_at(levels, y, x)
        targets = torch.from_numpy(painted.labels[painted.labels > 0].astype(np.int64) - 1)
        # How features scatter is seen on every eighth pixel.
        y, x = torch.meshgrid(torch.arange(4, 40, 8), torch.arange(4, 56, 8), indexing="ij")
        scatter = torch.cov(rows_at(levels, y.flatten(), x.flatten()).t(), correction=0)
        penalty = Penalty(feature_gains(model.feature_sources, 1), model.features.recipe.ridge)
        head = solve_head(rows, targets, 2, penalty, scatter)
    assert fitted.instant.head is not None
    assert torch.allclose(fitted.instant.head.weight.double(), head.weight, atol=1e-5)
    assert torch.allclose(fitted.instant.head.bias.double(), head.bias, atol=1e-5)


def test_only_what_is_sure_is_learned_from_and_no_class_gets_more_than_its_share() -> None:
    sure, unsure = [0.95, 0.05], [0.6, 0.4]
    chance = np.array([sure] * 900 + [unsure] * 300 + [sure[::-1]] * 40)
    rows, believed = instant.sure_rows(chance, seed=1)
    assert np.bincount(believed).tolist() == [instant.SURE_ROWS, 40]
    assert (chance[rows].max(axis=1) > 0.9).all() and len(np.unique(rows)) == len(rows)
    assert (chance[rows].argmax(axis=1) == believed).all()
    assert np.array_equal(rows, instant.sure_rows(chance, seed=1)[0])


def test_what_the_first_answer_is_sure_of_changes_the_second(monkeypatch) -> None:
    model, painted = small_model(), sample((72, 88))
    with_more = fit_instant(model, [painted])
    monkeypatch.setattr(instant, "SURE_ROWS", 0)
    strokes_alone = fit_instant(model, [painted])
    assert with_more.instant.forest is not None and strokes_alone.instant.forest is not None
    assert len(strokes_alone.instant.forest.targets) == np.count_nonzero(painted.labels)
    assert len(with_more.instant.forest.targets) > len(strokes_alone.instant.forest.targets)


@pytest.mark.parametrize("with_forest", [False, True])
def test_strokes_are_answered_as_they_were_painted(with_forest) -> None:
    painted = sample((72, 88))
    fitted = fit_instant(small_model(), [painted], with_forest=with_forest)
    assert (fitted.instant.forest is not None) is with_forest
    answer = predict_labels(fitted, painted.image)
    assert (answer == painted.labels)[painted.labels > 0].mean() > 0.9


def test_rows_and_tiles_say_the_same() -> None:
    painted, cache = sample(), FeatureCache()
    fitted = fit_instant(small_model(), [painted], cache=cache)
    rows = labelled_rows(reader(fitted, cache), [painted], (1, 2))
    whole = predict_probabilities(fitted, painted.image)
    told = whole[:, rows.places[:, 2], rows.places[:, 3]].T
    gap = np.abs(instant_rows(fitted, rows.features) - told).max(axis=1)
    # Both round differently: a row on the very threshold of a tree may pass it on the other side.
    assert np.mean(gap > 1e-4) < 0.005 and gap.max() < 1 / TREES


def test_rows_do_not_depend_on_the_tiles(monkeypatch) -> None:
    painted, model = sample((150, 130)), small_model()
    whole = labelled_rows(reader(model, FeatureCache()), [painted], (1, 2))
    monkeypatch.setattr(FeatureReader, "grid", lambda self, image: grid_of(self.model, image, 48))
    tiled = labelled_rows(reader(model, FeatureCache()), [painted], (1, 2))
    assert np.array_equal(whole.places, tiled.places)
    assert np.array_equal(whole.targets, tiled.targets)
    assert torch.allclose(whole.features, tiled.features, atol=1e-4)


def grid_of(model, image, tile_px):
    from unetscope.learning.feature_cache import grid

    return grid(model, image, tile_px)


def test_every_row_stands_beside_its_own_label() -> None:
    samples = [sample((40, 48), seed) for seed in range(2)]
    rows = labelled_rows(reader(small_model(), FeatureCache()), samples, (1, 2))
    assert len(rows.targets) == sum(np.count_nonzero(s.labels) for s in samples)
    for (index, _, y, x), target in zip(rows.places, rows.targets, strict=True):
        assert samples[index].labels[y, x] == target + 1


def test_dense_masks_are_thinned_equally(monkeypatch) -> None:
    image, labels = blobs((64, 64))
    labels[:50] = 1
    dense = Sample(as_micrograph(image), labels)
    rows = labelled_rows(reader(small_model(), FeatureCache()), [dense], (1, 2), limit=400)
    assert np.bincount(rows.targets).tolist() == [200, 200]
    monkeypatch.setattr(instant, "HEAD_ROWS", 400)
    assert predict_labels(fit_instant(small_model(), [dense]), dense.image).shape == (64, 64)


def test_a_class_of_one_pixel_is_learned_beside_hundreds() -> None:
    image, labels = blobs((72, 88))
    painted = strokes(labels)
    image[30, 40] += 20
    painted[30, 40] = 3
    fitted = fit_instant(small_model(), [Sample(as_micrograph(image), painted)])
    assert fitted.class_values == (1, 2, 3)
    answer = predict_labels(fitted, as_micrograph(image))
    assert answer[30, 40] == 3
    assert np.count_nonzero(answer == 3) < 100


def test_class_values_may_have_gaps_and_keep_names_and_colours() -> None:
    painted = sample()
    painted = replace(painted, labels=np.array([0, 7, 300])[painted.labels])
    named = [LabelClass(300, "crack", "#112233"), LabelClass(9, "unused", "#000000")]
    fitted = fit_instant(small_model(), [painted], classes=named)
    assert fitted.class_values == (7, 300)
    assert fitted.classes[1] == named[0]
    answer = predict_labels(fitted, painted.image)
    assert answer.dtype == np.uint16 and set(np.unique(answer)) == {7, 300}


def test_the_prior_sums_to_one_and_follows_the_image_not_the_strokes() -> None:
    image = np.zeros((96, 96), np.float32)
    image[40:48] = 1.0
    labels = np.zeros(image.shape, np.uint8)
    labels[10:14, 10:60] = 1  # as much of the one as of the other is painted
    labels[42:46, 10:60] = 2
    image += np.random.default_rng(0).normal(0, 0.05, image.shape).astype(np.float32)
    fitted = fit_instant(small_model(), [Sample(as_micrograph(image), labels)])
    assert sum(fitted.instant.prior) == pytest.approx(1)
    assert fitted.instant.prior[0] > 2 * fitted.instant.prior[1] > 0
    chance = predict_probabilities(fitted, as_micrograph(image))
    assert np.allclose(chance.sum(axis=0), 1, atol=1e-5)


def test_strokes_on_the_errors_of_one_class_do_not_make_it_more_frequent() -> None:
    image, truth = blobs((96, 128), seed=5)
    image += np.random.default_rng(1).normal(0, 1, image.shape).astype(np.float32)
    labels = strokes(truth, seed=5)
    labels[(labels == 2) & (np.arange(128) > 24)] = 0  # nearly all strokes are of class 1
    fitted = fit_instant(small_model(), [Sample(as_micrograph(image), labels)])
    assert (labels == 1).sum() > 3 * (labels == 2).sum() > 0

    def frequency(model: PixelModel) -> np.ndarray:
        return predict_probabilities(model.with_instant(prior=()), as_micrograph(image)).mean(
            (1, 2)
        )

    head = frequency(fitted.with_instant(forest=None))
    only_forest = replace(fitted.features.recipe, forest_share=1.0)
    assert np.allclose(frequency(fitted.with_features(recipe=only_forest)), head, atol=0.03)
    assert fitted.instant.forest is not None
    grown = fitted.instant.forest
    plain = PixelForest(grown.rows, grown.targets, grown.seed)
    unweighted = fitted.with_features(recipe=only_forest).with_instant(forest=plain)
    without = frequency(unweighted)
    assert without[0] > head[0] + 0.05
    quick = fit_instant(small_model(), [Sample(as_micrograph(image), labels)], with_forest=False)
    assert quick.instant.prior == pytest.approx(fitted.instant.prior, abs=0.05)


def test_a_stack_is_learned_plane_by_plane() -> None:
    image, labels = blobs((40, 48))
    volume = stack(image, 3)
    painted = np.zeros((3, 40, 48), np.uint8)
    painted[0], painted[2] = strokes(labels), strokes(labels, 1)
    rows = labelled_rows(reader(small_model(), FeatureCache()), [Sample(volume, painted)], (1, 2))
    assert set(rows.places[:, 1]) == {0, 2}
    fitted = fit_instant(small_model(), [Sample(volume, painted)])
    answer = predict_labels(fitted, volume)
    assert answer.shape == (3, 40, 48)
    assert mean_dice(labels, answer[1]) > 0.7


@pytest.mark.parametrize(
    ("shape", "axes"), [((48, 56, 3), "yxc"), ((2, 48, 56), "cyx"), ((5, 48, 56), "cyx")]
)
def test_colour_and_channel_stacks_are_learned(shape, axes) -> None:
    image, labels = blobs((48, 56))
    pixels = np.random.default_rng(0).uniform(0, 255, shape)
    where = (..., 1) if axes == "yxc" else (1, ...)
    pixels[where] = image * 60  # only one of the channels shows the blobs
    micrograph = as_micrograph(pixels.clip(0, 255).astype(np.uint8), axes=axes)
    fitted = fit_instant(small_model(), [Sample(micrograph, strokes(labels))])
    assert fitted.channels == micrograph.channels
    assert fitted.features.backbone.config.in_channels == micrograph.channels
    assert mean_dice(labels, predict_labels(fitted, micrograph)) > 0.7


def test_new_classes_can_be_painted_later() -> None:
    image, labels = blobs((72, 88), classes=3)
    painted, cache = strokes(labels), FeatureCache()
    picture = as_micrograph(image)
    two = fit_instant(
        small_model(), [Sample(picture, np.where(painted == 3, 0, painted))], cache=cache
    )
    assert two.class_values == (1, 2)
    three = fit_instant(two, [Sample(picture, painted)], cache=cache)
    assert three.class_values == (1, 2, 3)
    assert mean_dice(labels, predict_labels(three, picture)) > 0.6
    assert two.class_values == (1, 2)  # the older version stays as it was


def test_a_trained_model_starts_anew_on_other_channels_but_a_network_refuses() -> None:
    grey = fit_instant(small_model(), [sample()])
    image, labels = blobs((48, 56))
    colour = [Sample(as_micrograph(np.stack([image] * 3), axes="cyx"), strokes(labels))]
    assert prepared(grey, colour, FeatureCache()).channels == 3
    assert fit_instant(grey, colour).channels == 3
    tuned = replace(grey, network=TunedNetwork(grey.features.backbone, (1, 2), 0.5))
    with pytest.raises(ModelError, match="3"):
        fit_instant(tuned, colour)


def test_features_are_computed_once_for_many_strokes(monkeypatch) -> None:
    painted, cache, calls = sample(), FeatureCache(), []
    compute = FeatureReader._made
    monkeypatch.setattr(FeatureReader, "_made", lambda *given: calls.append(1) or compute(*given))
    model = fit_instant(small_model(), [painted], cache=cache)
    fit_instant(model, [painted], cache=cache)
    assert len(calls) == 1


def test_one_range_for_all_images_is_the_mean_of_theirs() -> None:
    dark, bright = (as_micrograph(np.linspace(a, a + 1, 64).reshape(8, 8)) for a in (0.0, 4.0))
    labels = np.tile(np.array([[1, 2]]), (8, 4))
    both = [Sample(dark, labels), Sample(bright, labels)]
    model = prepared(small_model().with_features(own_normalisation=False), both, FeatureCache())
    assert model.features.normalisation is not None
    assert 1.9 < model.features.normalisation.low[0] < 2.2
    assert 2.8 < model.features.normalisation.high[0] < 3.1


@pytest.mark.parametrize("value", [0, 1])
def test_too_few_classes_are_refused_in_plain_words(value) -> None:
    painted = sample((24, 24))
    lone = replace(painted, labels=np.full((24, 24), value, np.uint8))
    with pytest.raises(LabelError, match="paint"):
        fit_instant(small_model(), [lone])


def test_strokes_and_answers_follow_an_image_that_is_changed_in_place() -> None:
    pixels, labels = blobs((72, 88))
    other, other_labels = blobs((72, 88), seed=5)
    cache, image = FeatureCache(), as_micrograph(pixels)
    painted = Sample(image, strokes(labels), "a")
    predict_labels(fit_instant(small_model(), [painted], cache=cache), image, cache=cache)
    pixels[...] = 30 * other  # as a program does that writes into the layer's data
    painted = Sample(image, strokes(other_labels), "a")
    fitted = fit_instant(small_model(), [painted], cache=cache)
    found = predict_probabilities(fitted, image, cache=cache)
    fresh = as_micrograph(pixels.copy())
    anew = fit_instant(small_model(), [Sample(fresh, painted.labels, "a")])
    assert np.array_equal(found, predict_probabilities(anew, fresh))
    again = 30 * pixels[::-1]
    pixels[...] = again
    assert np.array_equal(
        predict_probabilities(fitted, image, cache=cache),
        predict_probabilities(fitted, as_micrograph(again)),
    )
