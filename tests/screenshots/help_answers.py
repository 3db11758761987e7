"""The pictures behind the "?" of what is asked of a network: why, which class, a shift …"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from help_scene import liveliest, maps_of, micrograph, scene
from help_tiles import ORANGE, SIDE, grey, row, signed, tile
from PIL import Image
from scipy import ndimage
from torch import nn

from unetscope.images.classes import PALETTE
from unetscope.inspection import Attribution, attribution, dissect, equivariance, maximise
from unetscope.network.unet import UNet

MITOCHONDRION = 3  # among the classes of the scene
STEPS, RATE = 80, 2e-3  # of a training that is just long enough to tell the classes apart


def pictures(net: UNet) -> dict[str, Image.Image]:
    """All of them, by the name of the file."""
    image = micrograph(256)
    after = trained(net, image, scene(256).labels)
    return {
        "attribution": why(after, image),
        "dissection": which_class(after, image),
        "before-after": before_after(net, after, image),
        "shift-test": shift_test(net, image),
        "health": health(net, image),
        "activation-maximisation": favourites(net),
    }


def trained(net: UNet, image: torch.Tensor, labels: np.ndarray) -> UNet:
    """A copy with a class for each of the scene, trained on its truth for a few seconds."""
    torch.manual_seed(0)
    made = UNet(replace(net.config, classes=int(labels.max())))
    known = {n: v for n, v in net.state_dict().items() if not n.startswith("classifier")}
    made.load_state_dict(known, strict=False)
    truth = torch.from_numpy(labels.astype(np.int64) - 1)[None]
    optimiser = torch.optim.Adam(made.parameters(), RATE)
    for _ in range(STEPS):
        optimiser.zero_grad()
        nn.functional.cross_entropy(made(image), truth).backward()
        optimiser.step()
    return made.eval()


def why(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """A mitochondrion, and what speaks for it when parts are covered up, and by the slope."""
    region = one_object(scene(256).labels)
    middle = np.argwhere(region).mean(axis=0).round().astype(int)
    corner = np.clip(middle - SIDE // 2, 0, 256 - SIDE)
    pixels = image[0].numpy()
    shown = [outline_of(grey(part(pixels[0], corner)), part(region, corner))]
    for method, sizes in (("occlusion", {"window": 13, "stride": 3}), ("input_gradients", {})):
        found = attribution(net, pixels, MITOCHONDRION - 1, region, method=method, **sizes)
        values = np.maximum(part(on_pixels(found, 256), corner), 0)
        most = float(np.percentile(values, 99.8))
        shown.append(outline_of(grey(values, 0, most), part(region, corner)))
    return row(shown)


def one_object(labels: np.ndarray) -> np.ndarray:
    """The largest mitochondrion that lies away from the rim of the image."""
    objects, count = ndimage.label(labels == MITOCHONDRION)
    rim = np.ones(labels.shape, bool)
    rim[24:-24, 24:-24] = False
    whole = sorted(set(range(1, count + 1)) - set(objects[rim].tolist()))
    sizes = ndimage.sum_labels(np.ones_like(labels), objects, whole)
    return objects == whole[int(np.argmax(sizes))]


def on_pixels(found: Attribution, side: int) -> np.ndarray:
    """The values of an attribution as pixels of the image, 0 outside of what was looked at."""
    values = np.zeros((side, side))
    y, x = (
        np.clip(np.round((np.arange(side) - t) / s), 0, n - 1).astype(int)
        for s, t, n in zip(found.scale, found.translate, found.values.shape, strict=True)
    )
    values[:] = found.values[np.ix_(y, x)]
    for axis, (s, t, n) in enumerate(
        zip(found.scale, found.translate, found.values.shape, strict=True)
    ):
        place = (np.arange(side) - t) / s
        beside = (place < -0.5) | (place > n - 0.5)
        values[(slice(None),) * axis + (beside,)] = 0
    return values


def part(values: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """A square of the size of a tile."""
    y, x = corner
    return values[y : y + SIDE, x : x + SIDE]


def outline_of(picture: Image.Image, region: np.ndarray) -> Image.Image:
    """With a line around a region."""
    drawn = np.asarray(picture).copy()
    drawn[ndimage.binary_dilation(region, iterations=2) & ~ndimage.binary_dilation(region), :3] = (
        ORANGE
    )
    return Image.fromarray(drawn)


def which_class(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """Painted mitochondria, and the map of the channel that fits them best."""
    labels = scene(256).labels
    found = dissect(net, image[0].numpy(), labels, ["dec1.convs.relu2"])
    best = next(row for row in found.best(MITOCHONDRION, 16) if row.sign > 0)
    painted = np.asarray(grey(image[0, 0].numpy())).copy()
    colour = np.array([int(PALETTE[MITOCHONDRION - 1][i : i + 2], 16) for i in (1, 3, 5)])
    of_class = labels == MITOCHONDRION
    painted[of_class, :3] = (painted[of_class, :3] * 0.4 + colour * 0.6).astype(np.uint8)
    fires = maps_of(net, image, best.layer)[best.channel]
    pictures = (Image.fromarray(painted), grey(fires))
    return row([one.crop((0, 0, SIDE, SIDE)).resize((192, 192)) for one in pictures])


def before_after(before: nn.Module, after: nn.Module, image: torch.Tensor) -> Image.Image:
    """A lively map of the last stage that training has changed much: before, after, the change."""
    old, new = (maps_of(net, image, "dec1.convs.relu2") for net in (before, after))
    lively = old.std(axis=(1, 2))
    moved = np.abs(new - old).mean(axis=(1, 2)) / np.maximum(lively, 1e-6)
    channel = int(np.where(lively >= np.median(lively), moved, 0).argmax())
    shown = [old[channel, :SIDE, :SIDE], new[channel, :SIDE, :SIDE]]
    low, high = (float(np.percentile(shown, q)) for q in (1, 99))
    change = shown[1] - shown[0]
    limit = float(np.percentile(np.abs(change), 99))
    return row([*(grey(one, low, high) for one in shown), signed(change, limit)])


def shift_test(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """The image, and the error where it was moved by one pixel and by eight."""
    found = [equivariance(net, image[0].numpy(), shift) for shift in (1, 8)]
    high = float(np.percentile(found[0].values, 99.5))
    side = min(SIDE, *(n for one in found for n in one.values.shape))
    top, left = (round(t) for t in found[0].translate)
    shown = [grey(image[0, 0].numpy()[top : top + side, left : left + side])]
    for one in found:
        down, right = top - round(one.translate[0]), left - round(one.translate[1])
        cut = one.values[max(0, down) :, max(0, right) :][:side, :side]
        shown.append(grey(cut, 0, high))
    return row([tile(one) for one in shown])


def health(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """A map that is alive, one that is dead, and a checkerboard."""
    maps = maps_of(net, image, "enc1.relu2")
    alive = maps[liveliest(maps)][:SIDE, :SIDE]
    stamp = nn.ConvTranspose2d(1, 1, 3, stride=2, bias=False)
    nn.init.ones_(stamp.weight)
    coarse = nn.functional.avg_pool2d(image[..., :64, :64], 4)
    with torch.no_grad():
        board = stamp(coarse)[0, 0].numpy()[1:-1, 1:-1]
    return row([tile(grey(alive)), tile(grey(np.zeros((2, 2)), 0, 1)), tile(grey(board))])


def favourites(net: nn.Module) -> Image.Image:
    """What one channel of each stage likes best."""
    shown = []
    for layer in ("enc1.conv2", "enc2.conv2", "enc3.conv2"):
        maps = maps_of(net, micrograph(256), layer)
        found = maximise(net, layer, liveliest(maps), size=64, steps=64)
        shown.append(tile(grey(found.image[0])))
    return row(shown)
