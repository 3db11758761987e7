"""A network over a whole image: our tiles with the cropped decoder, and MONAI's sliding window."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks import peers
from benchmarks.rows import Row
from unetscope.computing.machine import Engine, Machine, settled
from unetscope.images.micrograph import as_micrograph
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample
from unetscope.learning.tiling import plan_tiles
from unetscope.network.channels import with_classes
from unetscope.network.cropping import relative
from unetscope.network.unet import ConvBlock, UNet

SIDE, LARGE_TILE, BIG_SIDE = 512, 768, 1536
# What MONAI is given by who does not fold: the network as it was trained, in torch's own layout.
AS_TRAINED = "MONAI, overlap 0.25, as trained"
PRECISIONS = ("fp32", "bf16")


def sliding_rows(repeats: int) -> list[Row]:
    """*fast* over a 1536 × 1536 image, network alone: our tiles and MONAI's sliding window.

    Labels are compared with those of one float32 pass over the whole image.
    """
    network = network_model("fast").network
    assert network is not None
    net = network.net
    picture = torch.from_numpy(np.asarray(labelled_scene(BIG_SIDE).image.pixels, np.float32))
    picture = (picture - picture.mean()) / picture.std()
    picture = picture[None, None].contiguous(memory_format=torch.channels_last)
    forms: dict[tuple[str, str], peers.Pass | None] = {
        ("our tiles, whole", "fp32"): _tiles(net, cropped=False),
        (AS_TRAINED, "fp32"): peers.monai(unfolded(net), "MONAI, overlap 0.25"),
    }
    for precision in PRECISIONS:
        fast = Machine("cpu", Engine("torch", precision)).net(net)
        for core_px in (SIDE, LARGE_TILE):
            form = f"our tiles of {core_px} px, cropped decoder"
            forms[form, precision] = _tiles(fast, cropped=True, core_px=core_px)
        other = peers.openvino(net, precision)
        forms["our tiles, OpenVINO", precision] = other and _tiles(other, cropped=True)
        plain = peers.in_bf16(net) if precision == "bf16" else net
        for form in peers.SLIDING:
            forms[form, precision] = peers.monai(plain, form)
    with torch.inference_mode():
        expected = net(picture).argmax(dim=1)
    jobs = {" | ".join(f): timed(run, picture) for f, run in forms.items() if run is not None}
    typical, best = interleaved(jobs, repeats)
    rows: list[Row] = []
    for (form, precision), run in forms.items():
        row: Row = {"what": "sliding", "form": form, "precision": precision}
        if run is None:
            rows.append(row | {"missing": "not installed"})
            continue
        with torch.inference_mode():
            different = float((run(picture).argmax(dim=1) != expected).float().mean())
        name, pixels = f"{form} | {precision}", BIG_SIDE**2 / 1e6
        speeds = {"mpx_s": pixels / typical[name], "mpx_s_best": pixels / best[name]}
        rows.append(row | speeds | {"different": different})
    return rows


def _tiles(net: UNet, *, cropped: bool, core_px: int = SIDE) -> peers.Pass:
    """Logits of an image, tile by tile; without ``cropped`` a tile's core is cut out afterwards."""

    def run(image: Tensor) -> Tensor:
        out = torch.empty(1, net.config.classes, *image.shape[2:])
        halo, multiple = net.config.halo_px, net.config.multiple
        tiles = plan_tiles(
            image.shape[2:], core_px=core_px, halo_px=halo, margin_px=0, multiple=multiple
        )
        for tile in tiles:
            window = image[(slice(None), slice(None), *tile.window)]
            core = relative(tile.core, tile.window)
            here = net(window, core) if cropped else net(window)[(..., *core)]
            out[(slice(None), slice(None), *tile.core)] = here
        return out

    return run


def unfolded(net: UNet) -> UNet:
    """A net with batch normalisation, channels first, that answers as the folded ``net`` does."""
    plain = UNet(replace(net.config, norm="batch")).eval().requires_grad_(False)
    plain.load_state_dict(
        {name: value for name, value in net.state_dict().items() if name in plain.state_dict()},
        strict=False,
    )
    for name, block in plain.named_modules():
        if isinstance(block, ConvBlock):
            for index in ("1", "2"):
                norm, conv = (
                    block.get_submodule(f"norm{index}"),
                    net.get_submodule(f"{name}.conv{index}"),
                )
                norm.running_var.fill_(1 - norm.eps)
                norm.bias.copy_(conv.bias)
    return plain


def network_model(name: str) -> PixelModel:
    """A bundled model whose network, with a head of two classes, answers alone."""
    model = start_model(f"general-{name}")
    net = settled(with_classes(model.features.backbone, 2))
    sample = labelled_scene(256)
    fitted = fit_instant(model, [sample], with_forest=False)
    assert fitted.instant.head is not None
    with torch.no_grad():  # the head's own weights for dec1: labels as a trained network has them
        taps = net.config.widths[0]
        net.classifier.weight.copy_(fitted.instant.head.weight[:taps].t()[:2, :, None, None])
        net.classifier.bias.copy_(fitted.instant.head.bias[:2])
    told = fitted.with_instant(classes=fitted.classes[:2], head=None, prior=())
    return told.with_network(net, 1.0)


def interleaved(
    jobs: Mapping[str, Callable[[], float]], repeats: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Median and least of each job over ``repeats`` rounds, after a round that does not count."""
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            value = job()
            if turn:
                found[name].append(value)
    typical = {name: float(np.median(values)) for name, values in found.items()}
    return typical, {name: min(values) for name, values in found.items()}


def timed(run: peers.Pass, picture: Tensor) -> Callable[[], float]:
    """Seconds of one pass."""

    @torch.inference_mode()
    def seconds() -> float:
        began = time.perf_counter()
        run(picture)
        return time.perf_counter() - began

    return seconds


def labelled_scene(side: int) -> Sample:
    from unetscope.images.synthetic import SYNTHETIC
    from unetscope.pretraining.strokes import simulate_strokes

    made = SYNTHETIC["membranes"]((side, side), seed=0)
    return Sample(as_micrograph(made.image), simulate_strokes(made.labels, seed=0), "scene")
