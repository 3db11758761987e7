"""What speaks for a class: by hand on small nets, against autograd and captum, cropped or not."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Occlusion
from torch import nn

from unetscope.errors import ImageError, LabelError, ModelError
from unetscope.inspection.asking.attribution import (
    Attribution,
    attribution,
    attribution_steps,
    deepest_layer,
)
from unetscope.inspection.following.trace import follow
from unetscope.network.teaching import teaching_network
from unetscope.network.unet import UNet, UNetConfig, initialise


def unet(ndim: int = 2, classes: int = 3) -> UNet:
    net = initialise(UNet(UNetConfig(ndim=ndim, classes=classes, widths=(4, 8, 8))), 0)
    return net.eval()


def picture(side: int = 64, ndim: int = 2) -> torch.Tensor:
    return torch.rand((side,) * ndim, generator=torch.Generator().manual_seed(1))


def shallow(classes: int = 2) -> nn.Sequential:
    """Maps at half size, a 1 × 1 classifier on them, and nearest enlargement."""
    torch.manual_seed(3)
    layers = nn.Conv2d(1, 5, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    return nn.Sequential(*layers, nn.Conv2d(5, classes, 1), nn.Upsample(scale_factor=2))


def cells_of(found: Attribution, full: np.ndarray) -> np.ndarray:
    """The part of a full map (placed as pooling does) that ``found`` shows."""
    stride = found.scale[0]
    at = [round((t - (stride - 1) / 2) / stride) for t in found.translate]
    return full[tuple(slice(a, a + n) for a, n in zip(at, found.values.shape, strict=True))]


def test_seg_grad_cam_equals_its_formula_where_it_can_be_written_down() -> None:
    """Behind the pooling all is linear: α_k = W_ck · |M| / cells."""
    net, image = shallow(), picture(16)
    mask = np.zeros((16, 16), bool)
    mask[3:7, 8:15] = True
    found = attribution(net, image, 1, mask, layer="2")
    with torch.no_grad():
        maps = net[:3](image[None, None])[0]
    weights = net[3].weight[1, :, 0, 0].detach() * mask.sum() / 64
    expected = torch.relu((weights[:, None, None] * maps).sum(0)).numpy()
    np.testing.assert_allclose(found.values, cells_of(found, expected), rtol=1e-5, atol=1e-7)
    assert found.scale == (2.0, 2.0) and found.values.size >= 2 * 4
    assert found.region_pixels == mask.sum() and not found.signed


@pytest.mark.parametrize("layer", [None, "enc1.conv2", "dec2.convs.conv1"])
def test_seg_grad_cam_of_a_part_equals_that_of_the_whole_image(layer) -> None:
    """A region in the middle of a larger image is cropped; autograd on all of it is the truth."""
    net, image = unet(), picture(224)
    mask = np.zeros((224, 224), bool)
    mask[100:104, 110:113] = True
    found = attribution(net, image, 2, mask, layer=layer)
    kept: list[torch.Tensor] = []
    layer = found.layer
    copy = deepcopy(net)
    for module in copy.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    copy.get_submodule(layer).register_forward_hook(lambda m, a, o: kept.append(o))
    score = copy(image[None, None])[0, 2][torch.as_tensor(mask)].sum()
    (gradient,) = torch.autograd.grad(score, kept)
    weights = gradient[0].mean(dim=(1, 2), keepdim=True)
    full = torch.relu((weights * kept[0][0]).sum(0)).detach().numpy()
    assert found.values.shape < full.shape, "the image was not cropped"
    np.testing.assert_allclose(found.values, cells_of(found, full), rtol=1e-3, atol=1e-8)
    outside = gradient[0].abs().sum(0).numpy().copy()
    cells_of(found, outside)[:] = 0
    assert outside.max() == 0, "cells that matter lie outside of what is shown"
    assert found.score == pytest.approx(float(score.detach()), rel=1e-4)


@pytest.mark.parametrize("method", ["input_gradients", "integrated_gradients"])
def test_pixel_methods_are_0_outside_of_what_is_returned(method) -> None:
    net, image = unet(), picture(224)
    found = attribution(net, image, 0, (101, 99), method=method, nodes=4)
    start = [int(t) for t in found.translate]
    window = tuple(slice(a, a + n) for a, n in zip(start, found.values.shape, strict=True))
    assert found.values.shape != (224, 224)
    whole = image[None, None].requires_grad_()
    (gradient,) = torch.autograd.grad(net(whole)[0, 0, 101, 99], whole)
    expected = gradient[0, 0].abs().numpy()
    outside = expected.copy()
    outside[window] = 0
    assert outside.max() == 0
    if method == "input_gradients":
        np.testing.assert_allclose(found.values, expected[window], atol=2e-6)


def summed(net: nn.Module, target: int, mask: np.ndarray):
    at = torch.as_tensor(mask)
    return lambda batch: net(batch)[:, target][:, at].sum(dim=1)


def test_integrated_gradients_equal_captums_and_add_up() -> None:
    net, image = unet(), picture(32)
    mask = np.zeros((32, 32), bool)
    mask[10:20, 5:9] = True
    steps = list(attribution_steps(net, image, 1, mask, method="integrated_gradients", nodes=20))
    assert len(steps) == 20 and steps[0].result is not None
    found = steps[-1].result
    assert found is not None and found.signed
    score = summed(net, 1, mask)
    batch, grey = image[None, None], torch.full((1, 1, 32, 32), float(image.mean()))
    expected = IntegratedGradients(score).attribute(batch, grey, n_steps=20)[0, 0]
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-5)
    with torch.no_grad():
        difference = float(score(batch) - score(grey))
    assert found.values.sum() == pytest.approx(difference, rel=0.05)
    assert f"{difference:.4g}"[:4] in found.note


def test_occlusion_equals_captums_with_the_same_cover() -> None:
    from scipy import ndimage

    net, image = unet(), picture(32)
    mask = np.zeros((32, 32), bool)
    mask[4:9, 20:27] = True
    found = attribution(net, image, 2, mask, method="occlusion", window=6, stride=3)
    cover = ndimage.uniform_filter(image.double().numpy(), 18, mode="nearest")
    baseline = torch.as_tensor(cover, dtype=torch.float32)[None, None]
    expected = Occlusion(summed(net, 2, mask)).attribute(
        image[None, None], (1, 6, 6), (1, 3, 3), baselines=baseline
    )
    np.testing.assert_allclose(found.values, expected[0, 0], rtol=1e-3, atol=1e-4)


def test_occlusion_finds_the_only_spot_that_matters_and_grows() -> None:
    """A net that answers with the brightness 5 px further left."""
    conv = nn.Conv2d(1, 2, (1, 11), padding=(0, 5))
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.zero_()
        conv.weight[1, 0, 0, 0] = 1.0
    image = torch.zeros(40, 40)
    image[20, 12] = 1.0
    steps = list(attribution_steps(conv, image, 1, (20, 17), method="occlusion", window=1))
    found = steps[-1].result
    assert found is not None and len(steps) == found.values.size
    peak = np.unravel_index(found.values.argmax(), found.values.shape)
    assert tuple(np.add(peak, found.translate)) == (20, 12)
    assert found.values.max() == pytest.approx(8 / 9)  # covered by the mean of 3 × 3 px
    assert np.count_nonzero(found.values) == 1


def test_a_mask_a_polygon_and_a_point_are_the_same_region() -> None:
    net, image = unet(), picture()
    mask = np.zeros((64, 64), bool)
    mask[10, 12] = True
    by_mask = attribution(net, image, 1, mask)
    for region in (
        (10, 12),
        np.array([10.2, 11.9]),
        np.array([[9.5, 11.5], [9.5, 12.5], [10.5, 12.5], [10.5, 11.5]]),
    ):
        other = attribution(net, image, 1, region)
        assert other.region_pixels == 1
        np.testing.assert_array_equal(other.values, by_mask.values)


def test_without_a_region_all_pixels_of_the_class_are_meant() -> None:
    net, image = unet(), picture()
    with torch.no_grad():
        predicted = net(image[None, None])[0].argmax(0).numpy()
    target = int(np.bincount(predicted.ravel()).argmax())
    found = attribution(net, image, target)
    assert found.region_pixels == (predicted == target).sum()
    np.testing.assert_array_equal(
        found.values, attribution(net, image, target, predicted == target).values
    )


def test_a_layer_before_a_relu_in_place_can_be_asked() -> None:
    net, image = shallow(), picture(16)
    found = attribution(net, image, 1, np.ones((16, 16), bool), layer="0")
    before = net[0](image[None, None]).detach().requires_grad_()
    score = net[2:](torch.relu(before))[0, 1].sum()
    (gradient,) = torch.autograd.grad(score, before)
    expected = (gradient[0].mean(dim=(1, 2), keepdim=True) * before[0]).sum(0).relu()
    np.testing.assert_allclose(found.values, expected.detach(), rtol=1e-5, atol=1e-8)


def test_the_cell_nearest_to_a_point_is_meant() -> None:
    """Stride 3: cells lie at 1, 4, 7 px; pixel 6 belongs to the third."""
    net = nn.Conv2d(1, 2, 3, 3)
    found = attribution(net, picture(30), 0, (6, 2), method="input_gradients")
    seen = np.argwhere(found.values > 0) + np.array(found.translate)
    assert seen.min(axis=0).tolist() == [6, 0] and seen.max(axis=0).tolist() == [8, 2]


def test_one_channel_is_read_as_two_classes() -> None:
    net, image = shallow(classes=1), picture(16)
    signs = [attribution(net, image, c, (5, 5), method="integrated_gradients") for c in (0, 1)]
    np.testing.assert_allclose(signs[0].values, -signs[1].values)
    assert signs[0].score == -signs[1].score


def test_a_region_is_found_on_the_answer_of_a_net_without_padding() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 5), nn.Conv2d(2, 2, 3, 2))
    image = picture(33)
    found = attribution(net, image, 1, (15, 17), method="input_gradients")
    whole = image[None, None].requires_grad_()
    (gradient,) = torch.autograd.grad(net(whole)[0, 1, 6, 7], whole)  # cell u lies at 2 u + 3
    start = [int(t) for t in found.translate]
    window = tuple(slice(a, a + n) for a, n in zip(start, found.values.shape, strict=True))
    np.testing.assert_allclose(found.values, gradient[0, 0].abs()[window], atol=1e-7)
    with pytest.raises(ImageError, match="too near the border"):
        attribution(net, image, 1, (0, 0))


@pytest.mark.parametrize("method", ["seg_grad_cam", "input_gradients", "integrated_gradients"])
def test_volumes_are_explained_too(method) -> None:
    net, image = unet(ndim=3), picture(16, ndim=3)
    found = attribution(net, image, 1, (8, 7, 9), method=method, nodes=3)
    assert found.values.ndim == len(found.scale) == 3
    assert np.isfinite(found.values).all()


def test_the_default_layer_is_the_coarsest_map() -> None:
    assert deepest_layer(follow(unet(), (64, 64))) == "bottleneck.relu2"
    resnet = deepest_layer(follow(teaching_network("resnet18", 3, 0), (64, 64)))
    table = follow(teaching_network("resnet18", 3, 0), (64, 64))
    assert float(table.spatial(resnet)[1].grids[0].scale) == 32.0
    assert (
        deepest_layer(follow(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 1)), (9, 9))) == "0"
    )


def test_a_classifier_is_explained_as_a_whole() -> None:
    net = teaching_network("lenet5", 1, 0)
    found = attribution(net, picture(32), 3)
    assert found.region_pixels == 1 and found.layer is not None
    with pytest.raises(ImageError, match="leave region out"):
        attribution(net, picture(32), 3, (4, 4))


def test_the_model_stays_as_it_is() -> None:
    net = unet().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    for method in ("seg_grad_cam", "occlusion", "input_gradients", "integrated_gradients"):
        attribution(net, picture(16), 0, (3, 3), method=method, nodes=2)
    assert net.training and all(p.requires_grad and p.grad is None for p in net.parameters())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"target": 3}, ModelError, "classes 0 to 2"),
        ({"method": "magic"}, ModelError, "seg_grad_cam"),
        ({"layer": "nowhere"}, ModelError, "no layer 'nowhere'"),
        ({"layer": "enc9"}, ModelError, "no layer"),
        ({"region": (70, 1)}, ImageError, "outside"),
        ({"region": np.zeros((64, 64), bool)}, LabelError, "empty"),
        ({"region": np.ones((6, 64), bool)}, LabelError, "shape"),
        ({"region": np.array([[90, 90], [95, 90], [95, 95]])}, ImageError, "no pixel"),
        ({"region": np.zeros((64, 64), int)}, ImageError, "bool mask"),
        ({"method": "occlusion", "window": 4, "stride": 9}, ImageError, "left out"),
        ({"method": "integrated_gradients", "nodes": 0}, ModelError, "nodes"),
    ],
)
def test_bad_questions_are_refused(options, error, says) -> None:
    asked = {"target": 1, "region": (5, 5), **options}
    with pytest.raises(error, match=says):
        attribution(unet(), picture(), **asked)


def test_a_class_that_is_nowhere_is_refused() -> None:
    net = unet()
    with torch.no_grad():
        net.classifier.bias[2] = -1e6
    with pytest.raises(LabelError, match="predicted nowhere"):
        attribution(net, picture(), 2)


def test_on_a_micrograph_the_parts_add_up_to_the_score(shared_data) -> None:
    from unetscope.network.shipped import load_bundled
    from unetscope.pretraining.datasets import dataset, scenes

    scene = next(scenes(shared_data, dataset("nasa_superalloy"), limit=1))
    image = np.asarray(scene.image, dtype=np.float32)[:320, :320]
    low, high = np.percentile(image, (1, 99))
    image, net = (image - low) / (high - low), load_bundled("general")[0]
    found = attribution(net, image, 1, (160, 160), method="integrated_gradients", nodes=24)
    grey = torch.full((1, 1, 320, 320), float(image.mean()))
    with torch.no_grad():
        base = float(net(grey)[0, 1, 160, 160])
    assert found.values.sum() == pytest.approx(
        found.score - base, abs=0.1 * abs(found.score - base)
    )
    cam = attribution(net, image, 1, (160, 160))
    assert cam.layer == "bottleneck.relu2" and cam.scale == (8.0, 8.0)
    assert cam.values.shape[0] < 40 and cam.values.max() > 0
