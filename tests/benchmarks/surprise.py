"""Are images unlike the training images found: ``python -m benchmarks.surprise DATA [IMAGES]``.

Of each set so many images (12) are drawn; of these 1, 2, 4 and 8 are trained on, ten times, the
others of the set must be let through, those of all other sets found, and so must the same images
blurred, noisier, with another gamma and at half the size. ``homogeneous`` sets are of one
instrument or specimen; emps (figures of thirty papers) and dsb2018 (of many laboratories) are not,
and an empty field of bbbc039 is left out. No network is trained: the score does not see one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.computing.machine import Machine
from unetscope.images.files import read_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.raw_traits import RawTraits, raw_traits
from unetscope.learning.familiar import Familiar, vector_size
from unetscope.learning.persistence import start_model
from unetscope.learning.samples import as_grey
from unetscope.learning.surprise import FEWEST, crop_vectors, judged

HOMOGENEOUS = (
    "nasa_superalloy",
    "nasa_ebc",
    "nasa_meltpool",
    "ads_sem_myelin",
    "bbbc039",
    "vnc_sstem",
)
MIXED = ("emps_nanoparticles", "dsb2018")
EMPTY = "IXMtest_L01_s2"
TRAINED_ON, DRAWS = (1, 2, 4, 8), 10


@dataclass(frozen=True)
class Seen:
    """An image as the score sees it."""

    crops: NDArray[np.float32]
    traits: RawTraits
    kind: str


def changed(pixels: NDArray, rng: np.random.Generator) -> Iterator[tuple[str, NDArray]]:
    """The image, and what may happen to one of its kind."""
    plain, kind = pixels.astype(float), pixels.dtype
    low, high = np.percentile(plain, (1, 99))
    span = max(high - low, 1e-9)

    def stored(values: NDArray) -> NDArray:
        if kind.kind not in "ui":
            return values.astype(kind)
        return np.clip(np.rint(values), 0, np.iinfo(kind).max).astype(kind)

    yield "as is", pixels
    yield "blurred, 2 px", stored(ndimage.gaussian_filter(plain, 2))
    yield "noise, 10 % of the range", stored(plain + rng.normal(0, 0.1 * span, plain.shape))
    yield "gamma 2", stored(low + span * np.clip((plain - low) / span, 0, 2) ** 2)
    smooth = ndimage.gaussian_filter(plain, 0.8)
    yield "half the size", stored(ndimage.zoom(smooth, 0.5, order=1))


def looked_at(folder: Path, images: int) -> list[dict[str, Seen]]:
    """Some images of a set, drawn by a fixed seed, each with its changes."""
    model, machine = start_model("general"), Machine("cpu")
    rng = np.random.default_rng(0)
    paths = sorted((folder / "images").iterdir())
    found: list[dict[str, Seen]] = []
    for index in rng.permutation(len(paths)):
        image = read_micrograph(paths[index])
        image = image if image.channels == 1 else as_grey(image)
        if len(found) == images or image.channels != 1 or paths[index].stem == EMPTY:
            continue
        if folder.name == "dsb2018" and image.spatial_shape == (520, 696):
            continue  # the family of bbbc039
        told = {}
        for name, pixels in changed(image.plane(0)[0], rng):
            one = Micrograph(pixels, "yx")
            told[name] = Seen(crop_vectors(model, one, machine), raw_traits(one), str(pixels.dtype))
        found.append(told)
    return found


def trained(images: list[dict[str, Seen]]) -> Familiar:
    """What a model would know of these images."""
    known = Familiar.nothing(vector_size(start_model("general").features.backbone))
    for number, one in enumerate(images):
        seen = one["as is"]
        known = known.joined(str(number), seen.crops, seen.traits, seen.kind)
    return known


def scored(sets: dict[str, list[dict[str, Seen]]], judged_sets: tuple[str, ...]) -> dict:
    """Shares that are called unlike, by number of training images; with fewer than four, ranks."""
    told: dict[str, dict[str, float]] = {}
    for count in TRAINED_ON:
        rng = np.random.default_rng(1)
        shares: dict[str, dict[str, list[float]]] = {}
        for name in judged_sets:
            for _ in range(DRAWS):
                order = rng.permutation(len(sets[name]))
                known = trained([sets[name][i] for i in order[:count]])
                rest = [sets[name][i] for i in order[count:]]
                others = [one for other in sets if other != name for one in sets[other]]
                cases = {kind: [one[kind] for one in rest] for kind in rest[0]}
                cases["other sets"] = [one["as is"] for one in others]
                verdicts = {
                    kind: [judged(known, s.crops, s.traits, s.kind) for s in seen]
                    for kind, seen in cases.items()
                }
                usual = np.array([v.score for v in verdicts["as is"]])
                for kind, all_of in verdicts.items():
                    value = (
                        float(np.mean([bool(v.unlike) for v in all_of]))
                        if count >= FEWEST
                        else float(np.mean([(v.score > usual).mean() for v in all_of]))
                    )
                    shares.setdefault(kind, {}).setdefault(name, []).append(value)
        means = {
            kind: float(np.mean([np.mean(v) for v in by.values()])) for kind, by in shares.items()
        }
        what = "called unlike" if count >= FEWEST else "ranked above images of the set (AUROC)"
        told[f"{count} images, {what}"] = means
        if count >= FEWEST:
            by_set = {n: round(float(np.mean(v)), 3) for n, v in shares["as is"].items()}
            told[f"{count} images, false alarms by set"] = by_set
    return told


def measured(data: Path, images: int) -> dict:
    """All figures."""
    sets = {}
    for name in (*HOMOGENEOUS, *MIXED):
        sets[name] = looked_at(data / name, images)
        print(name, len(sets[name]), flush=True)
    return {
        "homogeneous sets": scored(sets, HOMOGENEOUS),
        "mixed sets": scored(sets, MIXED),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(measured(Path(sys.argv[1]), int((sys.argv[2:] or ["12"])[0])), indent=1))
