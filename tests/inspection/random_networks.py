"""Random architectures, and what their gradient says a cell sees."""

from __future__ import annotations

import random
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Crop(nn.Module):
    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, maps: Tensor) -> Tensor:
        for dim in range(2, maps.ndim):
            maps = maps.narrow(dim, self.first, maps.shape[dim] - self.first - self.last)
        return maps


class Resize(nn.Module):
    """To a size, not by a factor."""

    def __init__(self, more: int, mode: str) -> None:
        super().__init__()
        self.more, self.mode = more, mode

    def forward(self, maps: Tensor) -> Tensor:
        return F.interpolate(maps, size=[s + self.more for s in maps.shape[2:]], mode=self.mode)


class Residual(nn.Module):
    def __init__(self, body: nn.Module, *, in_place: bool) -> None:
        super().__init__()
        self.body, self.in_place = body, in_place

    def forward(self, maps: Tensor) -> Tensor:
        out = self.body(maps)
        if self.in_place:
            out += maps
            return out
        return torch.cat([out, maps], dim=1).mean(dim=1, keepdim=True).expand_as(maps) * 1.0


class Hourglass(nn.Module):
    """Down, something, up, zero-padded or cropped to the skip as in many a U-Net, and joined."""

    def __init__(self, down: nn.Module, inner: nn.Module, up: nn.Module, channels: int) -> None:
        super().__init__()
        self.down, self.inner, self.up = down, inner, up
        conv = nn.Conv2d if isinstance(down, (nn.Conv2d, nn.MaxPool2d)) else nn.Conv3d
        self.join = conv(2 * channels, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        up = self.up(self.inner(self.down(maps)))
        widths: list[int] = []
        for have, want in zip(reversed(up.shape[2:]), reversed(maps.shape[2:]), strict=True):
            widths += [(want - have) // 2, want - have - (want - have) // 2]
        return self.join(torch.cat([maps, F.pad(up, widths)], dim=1))


def random_layer(rng: random.Random, ndim: int, channels: int, depth: int = 0) -> nn.Module:
    conv = nn.Conv2d if ndim == 2 else nn.Conv3d
    transposed = nn.ConvTranspose2d if ndim == 2 else nn.ConvTranspose3d
    linear = "bilinear" if ndim == 2 else "trilinear"
    choice = rng.randrange(13 if depth == 0 else 9)
    if choice <= 1:
        options = {"stride": rng.choice([1, 1, 2, 3]), "padding": rng.randint(0, 3)}
        size = tuple(rng.randint(1, 5) for _ in range(ndim))
        groups = rng.choice([1, channels])
        return conv(
            channels, channels, size, dilation=rng.choice([1, 1, 2]), groups=groups, **options
        )
    if choice == 2:
        size = rng.randint(2, 3)
        pool = getattr(nn, f"{rng.choice(['Max', 'Avg'])}Pool{ndim}d")
        ceil = rng.random() < 0.3
        return pool(size, rng.choice([1, 2, 3]), rng.randint(0, size // 2), ceil_mode=ceil)
    if choice == 3:
        stride, dilation = rng.choice([1, 2, 3]), rng.choice([1, 1, 2])
        extra = rng.randrange(max(stride, dilation))
        size, pad = rng.randint(1, 4), rng.randint(0, 2)
        return transposed(
            channels, channels, size, stride, pad, output_padding=extra, dilation=dilation
        )
    if choice == 4:
        return nn.Upsample(scale_factor=rng.choice([2, 3, 1.5]), mode="nearest")
    if choice == 5:
        aligned = rng.random() < 0.4
        return nn.Upsample(scale_factor=rng.choice([2, 3]), mode=linear, align_corners=aligned)
    if choice == 6:
        return Resize(rng.randint(1, 5), rng.choice(["nearest", "nearest-exact", linear]))
    if choice == 7:
        kind = rng.choice(["Zero", "Reflection", "Replication"])
        widths = tuple(rng.randint(0, 2) for _ in range(2 * ndim))
        return getattr(nn, f"{kind}Pad{ndim}d")(widths)
    if choice == 8:
        return Crop(rng.randint(0, 1), rng.randint(0, 2))
    if choice <= 10:
        size, dilation = rng.choice([1, 3, 5]), rng.choice([1, 2])
        body = conv(channels, channels, size, padding=dilation * (size // 2), dilation=dilation)
        return Residual(body, in_place=choice == 9)
    down = rng.choice(
        [getattr(nn, f"MaxPool{ndim}d")(2), conv(channels, channels, 3, stride=2, padding=1)]
    )
    inner = random_layer(rng, ndim, channels, depth + 1)
    up = rng.choice(
        [
            transposed(channels, channels, 2, stride=2),
            transposed(channels, channels, 3, stride=2, padding=1, output_padding=1),
            nn.Upsample(scale_factor=2, mode=linear),
        ]
    )
    return Hourglass(down, inner, up, channels)


def random_network(seed: int) -> tuple[nn.Sequential, tuple[int, ...]]:
    """A chain of two to seven layers with positive weights, and an image shape it accepts."""
    rng = random.Random(seed)
    ndim = 2 if rng.random() < 0.75 else 3
    channels = rng.choice([1, 2])
    shape = tuple(rng.randint(9, 24) if ndim == 2 else rng.randint(7, 10) for _ in range(ndim))
    first = nn.Conv2d(channels, channels, 1) if ndim == 2 else nn.Conv3d(channels, channels, 1)
    layers: list[nn.Module] = [first]
    wanted = rng.randint(2, 7)
    image = torch.zeros(1, channels, *shape)
    with torch.no_grad():
        for _ in range(wanted * 2):
            if len(layers) > wanted:
                break
            layer = random_layer(rng, ndim, channels)
            try:
                below = nn.Sequential(*layers)(image)
                maps = layer(below)
                positive_copy(nn.Sequential(deepcopy(layer)))(below.double())
            except RuntimeError:
                continue  # too small a map for this layer
            if 0 < maps[0, 0].numel() <= 6000:
                layers.append(layer)
                norm = nn.BatchNorm2d if ndim == 2 else nn.BatchNorm3d
                if rng.random() < 0.3:
                    layers += [norm(channels).eval(), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers).eval(), shape


def positive_copy(model: nn.Module) -> nn.Module:
    """Float64, every weight 1 / fan-in, no bias, mean for max: no gradient can cancel."""
    for module in model.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, (nn.MaxPool2d, nn.MaxPool3d)):
                mean = nn.AvgPool2d if isinstance(child, nn.MaxPool2d) else nn.AvgPool3d
                args = (child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(module, name, mean(*args))
            if hasattr(child, "groups") and hasattr(child, "weight"):
                child.weight.data.fill_(1 / child.weight[0].numel())
                if child.bias is not None:
                    child.bias.data.zero_()
    return model.double().eval()


def support(
    output: Tensor, image: Tensor, point: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Smallest box (lo, hi) around the image pixels with a gradient; None without any."""
    if not output.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(
        output[(0, slice(None), *point)].sum(), image, retain_graph=True
    )
    total = gradient[0].sum(dim=0)
    lo, hi = [], []
    for axis in range(total.ndim):
        others = [d for d in range(total.ndim) if d != axis]
        along = total.sum(dim=others)
        # a weight that is zero in exact arithmetic can be 1e-16 in interpolation
        cells = torch.nonzero(along > 1e-12 * along.max()).flatten()
        if not len(cells):
            return None
        lo.append(int(cells[0]))
        hi.append(int(cells[-1]))
    return tuple(lo), tuple(hi)
