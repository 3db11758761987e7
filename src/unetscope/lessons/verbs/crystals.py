"""Gold: crystal or glass, and at how many nanometres a pixel that can be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from unetscope.lessons.bench import Bench
from unetscope.lessons.registry import Experiment, verb
from unetscope.lessons.small_runs import (
    SmallRun,
    SmallStep,
    drawn_pictures,
    mask_of,
    patches,
    scores_of,
    small_unet,
    training,
)
from unetscope.looking.answers import Drawn, Picture, Plot, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    from skimage import filters

    from unetscope.images.synthetic import lattice
else:
    filters = Lazily("skimage.filters")
    lattice = Lazily("unetscope.images.synthetic.lattice")

_TRAINED_NM = 0.04
_SIDE = 256
Steps = Annotated[int, Field(ge=20, le=400)]


@verb
def crystal_or_glass(
    bench: Bench,
    *,
    noise: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0.05, 0.12, 0.25, 0.4),
    mass: Annotated[float, Field(ge=0, le=0.3)] = 0.0,
    steps: Steps = 160,
) -> Experiment:
    """Order alone: a threshold, the local spread of grey values, a small U-Net from 16 images.

    Facts: ``otsu``, ``variance`` and ``unet`` (Dice of the crystal at the noise it learned with),
    ``noise`` and ``noisy`` (Dice of the U-Net at each noise).
    """
    net = small_unet(2, bench.seed)
    yield from _taught(net, bench.seed, steps, mass=mass)
    asked = drawn_pictures("lattice", range(100, 104), _SIDE, mass=mass)
    facts: dict[str, Any] = {
        "otsu": _mean_dice(asked, _by_threshold),
        "variance": _mean_dice(asked, _by_spread),
        "unet": _mean_dice(asked, lambda pixels: mask_of(net, pixels)),
        "noise": list(noise),
        "noisy": [
            _mean_dice(
                drawn_pictures("lattice", range(100, 104), _SIDE, mass=mass, noise=level),
                lambda pixels: mask_of(net, pixels),
            )
            for level in noise
        ],
    }
    yield Shown(
        title="Crystal or glass",
        kind="empirical",
        pictures=_beside(*asked[0], mask_of(net, asked[0][0])),
        plot=Plot.over(
            "noise (part of the grey range)",
            noise,
            "Dice of the crystal",
            {"U-Net": facts["noisy"]},
        ),
        table=Table(
            ("by", "Dice"),
            (
                ("threshold", facts["otsu"]),
                ("local spread", facts["variance"]),
                ("U-Net", facts["unet"]),
            ),
        ),
        facts=facts,
    )


@verb
def crystal_at_scale(
    bench: Bench,
    *,
    pixels_nm: tuple[Annotated[float, Field(ge=0.02, le=1)], ...] = (
        0.03,
        0.04,
        0.05,
        0.06,
        0.08,
        0.1,
        0.2,
    ),
    steps: Steps = 160,
) -> Experiment:
    """A U-Net that learned at 0.04 nm a pixel, asked at others: as they are, and resampled.

    Facts: ``pixels_nm``, ``as_is`` and ``resampled`` (Dice of the crystal at each), ``spacing``
    ({111} of gold, nm), ``coarsest`` (nm a pixel: half of it, after Nyquist).
    """
    net = small_unet(2, bench.seed)
    yield from _taught(net, bench.seed, steps)
    facts: dict[str, Any] = {
        "pixels_nm": list(pixels_nm),
        "as_is": [],
        "resampled": [],
        "spacing": lattice.GOLD_111,
        "coarsest": lattice.GOLD_111 / 2,
    }
    for size in pixels_nm:
        asked = drawn_pictures("lattice", range(100, 103), _SIDE, scale=_TRAINED_NM / size)
        facts["as_is"].append(_mean_dice(asked, lambda pixels: mask_of(net, pixels)))

        def matched(pixels: NDArray[np.float32], size: float = size) -> NDArray[Any]:
            finer = scipy.ndimage.zoom(pixels, size / _TRAINED_NM, order=1)
            back = scipy.ndimage.zoom(
                mask_of(net, finer), np.divide(pixels.shape, finer.shape), order=0
            )
            return np.asarray(back[: pixels.shape[0], : pixels.shape[1]])

        facts["resampled"].append(_mean_dice(asked, matched))
    yield Shown(
        title="The same crystal at other pixel sizes",
        kind="empirical",
        plot=Plot.over(
            "nm a pixel",
            pixels_nm,
            "Dice of the crystal",
            {"as it is": facts["as_is"], "resampled to 0.04 nm": facts["resampled"]},
        ),
        table=Table(
            ("nm a pixel", "as it is", "resampled"),
            tuple(zip(pixels_nm, facts["as_is"], facts["resampled"], strict=True)),
        ),
        facts=facts,
    )


def _beside(
    pixels: NDArray[np.float32], truth: NDArray[Any], by_unet: NDArray[Any]
) -> tuple[Picture, ...]:
    """One held-back image, its truth, and what the threshold and the network say of it."""
    return (
        Picture("asked", "held-back image", pixels, (1, 1), (0, 0)),
        Picture("truth", "truth", truth, (1, 1), (0, 0), drawn=Drawn.LABELS, hidden=True),
        Picture(
            "threshold",
            "by a threshold",
            _by_threshold(pixels),
            (1, 1),
            (0, 0),
            drawn=Drawn.LABELS,
            hidden=True,
        ),
        Picture("answer", "by the U-Net", by_unet, (1, 1), (0, 0), drawn=Drawn.LABELS),
    )


def _taught(net: Any, seed: int, steps: int, mass: float = 0.0) -> Iterator[Working]:
    learned = drawn_pictures("lattice", range(16), mass=mass)
    options = SmallRun(steps=steps, seed=seed)
    done: SmallStep
    for done in training(net, patches(learned, options), options):
        yield Working("Training on 16 images", done.number, steps)


def _mean_dice(asked: Any, answer: Any) -> float:
    return float(np.mean([scores_of(truth, answer(pixels), 2)[0] for pixels, truth in asked]))


def _by_threshold(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The darker side of Otsu's threshold is the crystal, as heavier atoms are darker."""
    return np.where(pixels < filters.threshold_otsu(pixels), 2, 1).astype(np.uint8)


def _by_spread(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The livelier side of a threshold on the local standard deviation (21 px) is the crystal."""
    mean = scipy.ndimage.uniform_filter(pixels, 21)
    spread = np.sqrt(np.maximum(scipy.ndimage.uniform_filter(pixels**2, 21) - mean**2, 0))
    return np.where(spread > filters.threshold_otsu(spread), 2, 1).astype(np.uint8)
