"""From strokes to a number: is the mean size right, and does the stated range hold the truth?

    python -m benchmarks.end_to_end OUT.jsonl            # measure, and go on where it was
    python -m benchmarks.end_to_end OUT.jsonl --table    # only the table

Synthetic nanoparticles, grains and fibres of 512², everything about them drawn from the seed. The
truth is what the same measurement says of the true objects of the same image. The stated range is
all that three lines span: the interval of sampling, the edge (object where its probability is
above .3 and above .7, half a pixel at least) and the separation (half and twice the depth of
necks).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.annotator import LENGTH_PX, WIDTH_PX
from benchmarks.corrections import corrective_strokes
from benchmarks.object_answers import kept
from benchmarks.object_scenes import View
from benchmarks.objects import clicked_size
from unetscope.images.synthetic import SYNTHETIC, SyntheticMicrograph
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import start_model
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.prediction import predict_probabilities
from unetscope.learning.samples import Sample
from unetscope.measuring.certainty import half_pixel_lengths
from unetscope.measuring.fibre_width import fibre_quantities, fibres_of
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import Objects, Separation, given_objects, objects_of
from unetscope.measuring.populations import mean_diameter, population_of
from unetscope.measuring.quantities import Quantity, Spacing
from unetscope.pretraining.strokes import simulate_strokes

PER_CLASS = 5
FIRST, ROUNDS, A_ROUND = 2, 3, 2  # strokes of a class at first; then what was wrong, in rounds
SCENES = ("nanoparticles", "grains", "fibres")
_PX = Spacing((1.0, 1.0))
_EDGES = (0.3, 0.7)
_DEPTHS = (0.5, 2.0)


@dataclass(frozen=True)
class SizeRow:
    """One scene: sizes in pixels, and what of it was right."""

    scene: str
    seed: int
    strokes: str
    truth: float
    value: float
    sampling: tuple[float, float]
    edge: tuple[float, float]
    separation: tuple[float, float]
    n: int
    right_pixels: float

    @property
    def error(self) -> float:
        """Found over true, minus one."""
        return self.value / self.truth - 1

    @property
    def inside(self) -> bool:
        """Whether the truth lies in what the three lines span."""
        ends = [*self.sampling, *self.edge, *self.separation, self.value]
        return bool(np.nanmin(ends) <= self.truth <= np.nanmax(ends))


def strokes_at_once(scene: SyntheticMicrograph, seed: int, per_class: int) -> NDArray[np.uint8]:
    """Strokes inside the classes, away from rims."""
    painted = np.zeros_like(scene.labels)
    for value in np.unique(scene.labels).tolist():
        own = simulate_strokes(
            np.where(scene.labels == value, scene.labels, 0),
            per_class=per_class,
            length_px=LENGTH_PX,
            width_px=WIDTH_PX,
            seed=1000 * seed + value,
        )
        painted = np.maximum(painted, own)
    return painted


class Painter:
    """Paints on a scene and asks a model; its features are computed once."""

    def __init__(self, start: PixelModel, scene: SyntheticMicrograph, seed: int) -> None:
        self._start, self._scene, self._seed = start, scene, seed
        self._cache = FeatureCache()

    def at_once(self) -> NDArray[np.float16]:
        """Probabilities (class, y, x) after :data:`PER_CLASS` strokes a class."""
        return self._asked(strokes_at_once(self._scene, self._seed, PER_CLASS))

    def corrected(self) -> NDArray[np.float16]:
        """The same after as many, of which most lie where an answer was wrong."""
        scene, seed = self._scene, self._seed
        painted = strokes_at_once(scene, seed, FIRST)
        for turn in range(ROUNDS):
            wrong = (self._asked(painted).argmax(axis=0) + 1).astype(painted.dtype)
            painted = corrective_strokes(
                scene.labels,
                wrong,
                painted,
                strokes=A_ROUND,
                length_px=LENGTH_PX,
                width_px=WIDTH_PX,
                seed=1000 * seed + 500 + turn,
            )
        return self._asked(painted)

    def _asked(self, painted: NDArray[np.uint8]) -> NDArray[np.float16]:
        samples = [Sample(self._scene.image, painted, "scene")]
        model = fit_instant(self._start, samples, cache=self._cache)
        answer = predict_probabilities(model, self._scene.image, cache=self._cache)
        return answer.astype(np.float16)


#: How strokes are painted, and how many seeds of each.
PAINTED = {"all at first": (Painter.at_once, 30), "two, then on errors": (Painter.corrected, 10)}


@dataclass(frozen=True)
class Sizing:
    """How the mean size of one scene is measured.

    ``of`` measures labels (y, x), with the depth of necks times a factor; ``truth`` the scene.
    ``object_class`` is the class whose probability says where the edge is.
    """

    object_class: int
    of: Callable[[NDArray[np.uint8], float], Quantity]
    truth: Callable[[], Quantity]


def _mean(objects: Objects) -> Quantity:
    return mean_diameter(population_of([measure(objects)]))


def _width(labels: NDArray[np.uint8], _: float = 1.0) -> Quantity:
    return fibre_quantities([fibres_of(labels == 2, _PX)])[0]


def sizing_of(kind: str, scene: SyntheticMicrograph, seed: int) -> Sizing:
    """As a person would: three clicks give the typical size; a boundary parts grains."""
    if kind == "fibres":
        return Sizing(2, _width, lambda: _width(scene.labels))
    if kind == "nanoparticles":
        true_objects = given_objects(scene.instances, _PX)
        how = Separation(by="shape", classes=(2,))
    else:
        true_objects = objects_of(scene.labels, _PX, Separation(by="border", border=2))
        how = Separation(by="border", classes=(1,), border=2)
    view = View(scene.image, true_objects.ids.astype(np.int64))
    typical = clicked_size(view, seed)

    def of(labels: NDArray[np.uint8], depth: float) -> Quantity:
        return _mean(objects_of(labels, _PX, replace(how, typical=depth * typical)))

    return Sizing(2 if kind == "nanoparticles" else 1, of, lambda: _mean(true_objects))


def size_row(
    kind: str, scene: SyntheticMicrograph, seed: int, strokes: str, answer: NDArray[np.float16]
) -> SizeRow:
    """What is told of one answer, and the truth."""
    sizing = sizing_of(kind, scene, seed)
    other = 3 - sizing.object_class
    chance = answer[sizing.object_class - 1]

    def told(edge: float = 0.5, depth: float = 1.0) -> Quantity:
        labels = np.where(chance > edge, sizing.object_class, other).astype(np.uint8)
        return sizing.of(labels, depth)

    found = told()
    edges = [told(edge=edge).value for edge in _EDGES]
    edges += half_pixel_lengths(found.value, 1.0)
    ends = (found.low, found.high)
    nothing = float("nan")
    return SizeRow(
        scene=kind,
        seed=seed,
        strokes=strokes,
        truth=sizing.truth().value,
        value=found.value,
        sampling=tuple(nothing if end is None else end for end in ends),
        edge=(float(np.nanmin(edges)), float(np.nanmax(edges))),
        separation=tuple(
            found.value if kind == "fibres" else told(depth=depth).value for depth in _DEPTHS
        ),
        n=found.n,
        right_pixels=float(np.mean(answer.argmax(axis=0) + 1 == scene.labels)),
    )


def table(rows: Sequence[SizeRow]) -> str:
    """Shares of the scenes that are right, by kind and way of painting."""
    lines = [
        "| scene | strokes | n | pixels right | median error | within 5 % | 10 % | truth inside |",
        "|---" * 8 + "|",
    ]
    for kind, strokes in dict.fromkeys((row.scene, row.strokes) for row in rows):
        own = [row for row in rows if (row.scene, row.strokes) == (kind, strokes)]
        errors = np.array([row.error for row in own])
        within = [np.mean(np.abs(errors) <= limit) for limit in (0.05, 0.1)]
        lines.append(
            f"| {kind} | {strokes} | {len(own)} | {np.mean([r.right_pixels for r in own]):.1%} "
            f"| {np.nanmedian(errors):+.1%} | {within[0]:.0%} | {within[1]:.0%} "
            f"| {np.mean([row.inside for row in own]):.0%} |"
        )
    return "\n".join(lines)


def read_rows(path: Path) -> list[SizeRow]:
    """The rows that a file holds."""
    if not path.exists():
        return []
    return [SizeRow(**json.loads(line)) for line in path.read_text().splitlines()]


def _alone(
    paint: Callable[[Painter], NDArray[np.float16]], painter: Painter
) -> tuple[NDArray[np.float16], ...]:
    return (paint(painter),)


def measured(out: Path) -> None:
    """Measure what ``out`` does not hold yet; each scene is written at once."""
    torch.set_num_threads(1)
    start = start_model("general-fast")
    known = {(row.scene, row.seed, row.strokes) for row in read_rows(out)}
    for strokes, (paint, seeds) in PAINTED.items():
        for seed, kind in product(range(seeds), SCENES):
            if (kind, seed, strokes) in known:
                continue
            scene = SYNTHETIC[kind](seed=seed)
            painter = Painter(start, scene, seed)
            path = out.parent / "answers" / "scenes" / f"{kind} {seed}, {strokes}.npz"
            (answer,) = kept(path, partial(_alone, paint, painter))
            row = size_row(kind, scene, seed, strokes, answer)
            with out.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")


if __name__ == "__main__":
    if "--table" not in sys.argv:
        measured(Path(sys.argv[1]))
    sys.stdout.write(table(read_rows(Path(sys.argv[1]))) + "\n")
