"""Make the pictures behind the "?" buttons again: ``python tests/screenshots/help_pictures.py``.

A synthetic micrograph, and the bundled network that looks at it; no window is opened.
"""

from __future__ import annotations

import argparse
import sys
from copy import deepcopy
from pathlib import Path

import help_answers
import numpy as np
import torch
from help_scene import liveliest, maps_of, micrograph
from help_tiles import ORANGE, SIDE, grey, outlined, row, save, signed, tile
from PIL import Image, ImageDraw
from torch import nn

from unetscope.network.shipped import load_bundled

FOLDER = Path(__file__).parents[2] / "src/unetscope/widgets/inside/help"
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / np.sqrt(12)


def main() -> int:
    """Make all pictures."""
    parser = argparse.ArgumentParser(prog="help_pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    net = load_bundled("general-fast")[0].eval()
    image = micrograph(256)
    for name, tiles in {
        "feature-map": feature_map(net, image),
        "kernel": kernels(net),
        "receptive-field": fields(net, image),
        "effective-field": effective(net, image),
        "convolution": convolution(net, image),
        "ablation": ablation(net, image),
        "kernel-editing": editing(net, image),
        **help_answers.pictures(net),
    }.items():
        save(tiles, out / f"{name}.png")
    return 0


def feature_map(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """The micrograph and a map of each of three stages."""
    shown = [tile(grey(image[0, 0].numpy()[:SIDE, :SIDE]))]
    for level, layer in enumerate(("enc1", "enc2", "enc3")):
        maps = maps_of(net, image, layer)
        side = SIDE >> level
        shown.append(tile(grey(maps[liveliest(maps)][:side, :side])))
    return row(shown)


def kernels(net: nn.Module) -> Image.Image:
    """Eight kernels of the first layer."""
    weights = net.get_submodule("enc1.conv1").weight.detach().numpy()[:8, 0]
    limit = np.abs(weights).max()
    return row([outlined(tile(signed(k, limit), 60)) for k in weights])


def fields(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """The box of one point in four stages, on the image."""
    from unetscope.inspection import follow, receptive_field

    start = 128 - 43
    trace = follow(net, (256, 256))
    shown = []
    for layer in ("enc1", "enc2", "enc3", "bottleneck"):
        cells = trace.spatial(layer)[1].shape
        middle = tuple(n // 2 for n in cells)
        lo, hi = receptive_field(trace, (256, 256), layer, middle).boxes[0]
        picture = grey(image[0, 0].numpy()[start : start + 86, start : start + 86])
        picture = tile(picture, 172)
        pen = ImageDraw.Draw(picture)
        (top, left), (bottom, right) = ([2 * (v - start) for v in corner] for corner in (lo, hi))
        pen.rectangle((left, top, right + 1, bottom + 1), outline=ORANGE, width=4)
        shown.append(picture)
    return row(shown)


def effective(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """Mean size of the slope of the deepest maps at one cell, with the box of the whole field."""
    bottleneck, pixels = net.get_submodule("bottleneck"), image.clone().requires_grad_()
    seen: list[torch.Tensor] = []
    hook = bottleneck.register_forward_hook(lambda _m, _i, o: seen.append(o))
    net(pixels)
    hook.remove()
    maps = seen[0][0]
    total = torch.zeros(256, 256)
    for channel in range(0, maps.shape[0], 4):
        (slope,) = torch.autograd.grad(maps[channel, 16, 16], pixels, retain_graph=True)
        total += slope[0, 0].abs()
    reached = np.argwhere(total.numpy() > 0)
    lo, hi = reached.min(axis=0), reached.max(axis=0)
    picture = grey(np.sqrt(total.numpy()), 0, float(total.max() ** 0.5))
    ImageDraw.Draw(picture).rectangle((lo[1] - 1, lo[0] - 1, hi[1] + 1, hi[0] + 1), outline=ORANGE)
    middle = (lo + hi) // 2
    half = int((hi - lo).max()) // 2 + 6
    box = (middle[1] - half, middle[0] - half, middle[1] + half, middle[0] + half)
    beside = grey(image[0, 0].numpy()).crop(box)
    return row([tile(beside, 200), tile(picture.crop(box), 200)])


def convolution(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """Window × kernel = product."""
    from unetscope.inspection import convolution_at

    weights = net.get_submodule("enc1.conv1").weight.detach().numpy()[:, 0]
    channel = int(np.abs(weights).max(axis=(1, 2)).argmax())
    found = convolution_at(net, image[0].numpy(), "enc1.conv1", channel, (70, 90))
    window, kernel = found.window[0], found.kernel[0]
    pictures = [grey(window, window.min(), window.max()), signed(kernel), signed(window * kernel)]
    return row([outlined(tile(one, 117)) for one in pictures], "×=")


def ablation(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """The answer before, and with the uppermost skip replaced by its mean."""

    def flat(_module: nn.Module, handed: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        below, skip = handed
        return below, skip.mean(dim=(2, 3), keepdim=True).expand_as(skip)

    shown = [grey(image[0, 0].numpy()[:SIDE, :SIDE])]
    for without in (False, True):
        copy = deepcopy(net)
        if without:
            copy.get_submodule("dec1").register_forward_pre_hook(flat)
        with torch.no_grad():
            answer = copy(image).softmax(dim=1)[0, 1].numpy()
        shown.append(grey(answer[:SIDE, :SIDE], 0, 1))
    return row(shown)


def editing(net: nn.Module, image: torch.Tensor) -> Image.Image:
    """A kernel and its map, before and after Sobel x."""
    before = net.get_submodule("enc1.conv1").weight.detach().numpy()
    channel = liveliest(maps_of(net, image, "enc1.conv1"))
    old = before[channel, 0].copy()
    new = SOBEL_X * np.linalg.norm(old)
    copy = deepcopy(net)
    with torch.no_grad():
        copy.get_submodule("enc1.conv1").weight[channel, 0] = torch.from_numpy(new).float()
    shown = []
    for kernel, model in ((old, net), (new, copy)):
        values = maps_of(model, image, "enc1.conv1")[channel][:SIDE, :SIDE]
        shown += [outlined(tile(signed(kernel), 64)), tile(grey(values))]
    return row(shown)


if __name__ == "__main__":
    sys.exit(main())
