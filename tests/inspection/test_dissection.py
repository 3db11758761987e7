"""Channels against painted classes: a planted channel is found, in the right place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from unetscope.errors import LabelError, ModelError
from unetscope.inspection.asking.dissection import dissect, dissect_steps
from unetscope.inspection.asking.dissection_sampling import sampled_at
from unetscope.inspection.asking.dissection_scores import channel_scores
from unetscope.inspection.showing.maps import feature_maps
from unetscope.network.unet import UNet, UNetConfig, initialise


def scene(side: int = 64, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs (class 2) on dark ground (class 1), some of both painted."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    discs = ((y % 32 - 16) ** 2 + (x % 32 - 16) ** 2) < 81
    image = (discs + rng.normal(0, 0.05, discs.shape)).astype(np.float32)
    labels = np.where(discs, 2, 1)
    labels[rng.random(labels.shape) < 0.5] = 0
    return image, labels


def net_with_planted_channels() -> nn.Module:
    """Channel 0 passes the image, 1 turns it round, 2 is dead, 3 sees a corner of the field."""
    conv = nn.Conv2d(1, 4, 3, padding=1)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 1, 1] = 1.0
        conv.weight[1, 0, 1, 1] = -1.0
        conv.bias.copy_(torch.tensor([0.0, 0.5, -9.0, 0.0]))
        conv.weight[3, 0, 0, 0] = 1.0
    return nn.Sequential(conv, nn.ReLU())


def test_the_planted_channel_is_the_best_with_iou_1() -> None:
    image, labels = scene()
    found = dissect(net_with_planted_channels(), image, labels, ["1"], names={2: "discs"})
    best = found.best(2, 1)[0]
    assert (best.channel, best.sign, best.iou, best.auc) == (0, 1, 1.0, 1.0)
    assert found.sentence(best) == "1 #0 fires on discs (IoU 1.00)"
    assert found.pixels == {1: int((labels == 1).sum()), 2: int((labels == 2).sum())}


def test_the_threshold_of_a_row_gives_its_numbers() -> None:
    image, labels = scene()
    net = net_with_planted_channels()
    maps = feature_maps(net, image, ["0"])["0"].values
    for row in dissect(net, image, labels, ["0"]).rows:
        fires = row.sign * maps[row.channel] > row.sign * np.float32(row.threshold)
        fires, painted = fires[labels > 0], (labels == row.class_value)[labels > 0]
        both = (fires & painted).sum()
        assert row.iou == pytest.approx(both / (fires | painted).sum())
        assert row.recall == pytest.approx(both / painted.sum())
        assert row.precision == pytest.approx(both / max(1, fires.sum()))


def test_a_channel_that_is_low_on_a_class_has_sign_minus_1() -> None:
    image, labels = scene()
    found = dissect(net_with_planted_channels(), image, labels, ["0"])
    (row,) = [r for r in found.rows if r.channel == 1 and r.class_value == 2]
    assert (row.sign, row.iou, row.auc) == (-1, 1.0, 0.0)
    assert "is low on class 2" in found.sentence(row)
    assert {r.channel for r in found.sorted("auc")[:4]} == {0, 1}


def test_a_dead_channel_has_no_threshold_and_scores_nothing() -> None:
    image, labels = scene()
    rows = dissect(net_with_planted_channels(), image, labels, ["1"]).rows
    assert all((r.iou, r.precision, r.auc) == (0.0, 0.0, 0.5) for r in rows if r.channel == 2)


def test_unlabelled_pixels_do_not_count() -> None:
    image, labels = scene()
    spoilt = image.copy()
    spoilt[labels == 0] = 50.0  # channel 0 reads the pixel itself
    net = net_with_planted_channels()
    one, two = (dissect(net, i, labels, ["1"]).best(2, 1)[0] for i in (image, spoilt))
    assert one == two


def test_a_fixed_quantile_bounds_the_iou_of_a_common_class() -> None:
    image, labels = scene()
    found = dissect(net_with_planted_channels(), image, labels, ["1"], quantile=0.95)
    best = next(row for row in found.best(2, 9) if row.channel == 0)
    share = (labels == 2).sum() / (labels > 0).sum()
    assert best.iou == pytest.approx(0.05 / share, rel=0.05)
    assert best.precision == 1.0


def test_maps_are_read_at_their_placement_not_stretched() -> None:
    """A map of a strided net, read between cells, equals scipy's linear interpolation."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(3, 9, 11)).astype(np.float32)
    cells = rng.uniform(0, 8, size=(50, 2))
    expected = [ndimage.map_coordinates(m, cells.T, order=1) for m in values]
    np.testing.assert_allclose(sampled_at(values, cells), expected, atol=1e-6)
    # valid stride-2 convolutions: cell u lies at 4 u + 3; a stretched map would be shifted
    net = nn.Sequential(nn.Conv2d(1, 1, 3, 2), nn.Conv2d(1, 1, 3, 2))
    for layer in net:
        nn.init.constant_(layer.weight, 1 / 9)
        nn.init.zeros_(layer.bias)
    ramp = np.tile(np.arange(67, dtype=np.float32), (67, 1))
    labels = np.zeros((67, 67), int)
    labels[20:40, 10:30], labels[20:40, 30:50] = 1, 2
    row = dissect(net, ramp, labels, ["1"]).best(2, 1)[0]
    assert row.iou == 1.0
    assert 29 <= row.threshold < 30  # grey value = column: the cut lies at the painted border


def test_the_auc_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(4)
    values, labels = rng.integers(0, 6, 80).astype(np.float32), rng.integers(1, 4, 80)
    for value, score in channel_scores(values, labels, None).items():
        pairs = values[labels == value][:, None] - values[labels != value]
        assert score.auc == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)


def test_it_works_on_volumes_and_layer_by_layer() -> None:
    net = initialise(UNet(UNetConfig(ndim=3, widths=(4, 8))), 0)
    rng = np.random.default_rng(5)
    image = rng.random((8, 16, 16)).astype(np.float32)
    labels = rng.integers(0, 3, image.shape)
    steps = list(dissect_steps(net, image, labels))
    assert [s.done for s in steps] == list(range(1, steps[-1].total + 1))
    assert steps[0].result is not None
    assert steps[0].result.layers == ("enc1.conv1",)
    last = steps[-1].result
    assert last is not None
    assert last.layers[-1] == "classifier"
    assert len({(r.layer, r.channel, r.class_value) for r in last.rows}) == len(last.rows)


def test_a_part_of_a_large_image_gives_what_the_whole_gives() -> None:
    """Labels in a corner: only that corner is run. Random draws of pixels are seeded."""
    net = initialise(UNet(UNetConfig(widths=(4, 8, 8))), 0).eval()
    image = np.random.default_rng(6).random((160, 160)).astype(np.float32)
    labels = np.zeros((160, 160), int)
    labels[100:110, 96:106], labels[110:120, 99:109] = 1, 2
    part = dissect(net, image, labels, ["bottleneck.conv1", "dec1.convs.conv2"])
    full = feature_maps(net, image, ["bottleneck.conv1"])["bottleneck.conv1"]
    cells = (np.argwhere(labels > 0) - np.array(full.translate)) / np.array(full.scale)
    for channel, values in enumerate(sampled_at(full.values, cells)):
        score = channel_scores(values, labels[labels > 0], None)[2]
        row = next(r for r in part.rows if (r.channel, r.class_value) == (channel, 2))
        assert row.iou == pytest.approx(score.iou, abs=0.03)
        assert row.auc == pytest.approx(score.auc, abs=1e-3)
    few = [dissect(net, image, labels, ["enc1.conv1"], max_pixels=50, seed=s) for s in (1, 1, 2)]
    assert few[0].rows == few[1].rows != few[2].rows
    assert sum(few[0].pixels.values()) == 50


def test_bad_labels_and_layers_are_refused() -> None:
    image, labels = scene()
    net = net_with_planted_channels()
    with pytest.raises(LabelError, match="shape"):
        dissect(net, image, labels[:-1])
    with pytest.raises(LabelError, match="at least two"):
        dissect(net, image, np.ones_like(labels))
    with pytest.raises(LabelError, match="whole numbers"):
        dissect(net, image, labels.astype(float))
    with pytest.raises(LabelError, match="go down to -1"):
        dissect(net, image, labels - 1)
    with pytest.raises(LabelError, match="quantile"):
        dissect(net, image, labels, quantile=1.5)
    with pytest.raises(ModelError, match="no layer 'x'"):
        dissect(net, image, labels, ["x"])
    found = dissect(net, image, labels)
    with pytest.raises(LabelError, match="not painted"):
        found.best(7)
    with pytest.raises(LabelError, match="sorted by"):
        found.sorted("name")  # type: ignore[arg-type]


def test_the_bundled_net_has_channels_for_the_precipitates_of_a_micrograph(shared_data) -> None:
    from unetscope.network.shipped import load_bundled
    from unetscope.pretraining.datasets import dataset, scenes

    picture = next(scenes(shared_data, dataset("nasa_superalloy"), limit=1))
    image = np.asarray(picture.image, dtype=np.float32)[:256, :256]
    low, high = np.percentile(image, (1, 99))
    labels = picture.labels[:256, :256].astype(int)
    net = load_bundled("general")[0]
    found = dissect(net, (image - low) / (high - low), labels, max_pixels=8000)
    best = [found.best(value, 1)[0] for value in found.pixels]
    shares = {value: n / sum(found.pixels.values()) for value, n in found.pixels.items()}
    for row in best:  # firing anywhere alike would reach s / (2 - s)
        share = shares[row.class_value]
        assert row.iou > share / (2 - share) + 0.15, found.sentence(row)
