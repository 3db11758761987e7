"""From edges to regions: which stage of a network has a channel for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from unetscope.errors import LessonError
from unetscope.images.target import Target
from unetscope.lessons.bench import Bench, Laid
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Plot, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    from unetscope import inspection
    from unetscope.looking import glass, networks
else:
    inspection = Lazily("unetscope.inspection")
    glass = Lazily("unetscope.looking.glass")
    networks = Lazily("unetscope.looking.networks")


def looked_at(bench: Bench, network: str = "general-fast") -> Any:
    """A glass on the bench's image: the learner's network, or the bundled or textbook one named."""
    target = Target("lesson", bench.laid.micrograph())
    if bench.net is not None:
        subject = glass.Subject(("lesson",), bench.net_name, lambda: bench.net, target)
    else:
        subject = networks.named(network, target, seed=bench.seed)
    return glass.open_glass(subject, whole=True)


@verb
def stages_and_classes(bench: Bench, *, network: str = "general-fast") -> Experiment:
    """The best channel of every stage for each class, and for the edges of the image.

    Facts: ``stages``; ``classes`` (names, the last is the edges); ``iou`` and ``auc`` (for each
    class the best channel of each stage); ``best`` (for each class the stage of the best IoU) and
    ``told`` (the same in words).
    """
    labels = np.asarray(bench.truth(), dtype=np.int64)
    through = looked_at(bench, network)
    names = dict(enumerate(bench.laid.class_names, 1))
    found: dict[str, dict[str, list[float]]] = {"iou": {}, "auc": {}}
    stages = through.stage_ends
    edges = _edges(bench.laid)
    for what, painted, called in (("classes", labels, names), ("edges", edges, {2: "edges"})):
        result: Any = None
        for step in inspection.dissect_steps(
            through.trace, through.image, _fitted(painted, through), stages, names=called
        ):
            yield Working(f"Comparing channels with {what}", step.done, step.total)
            result = step.result if step.result is not None else result
        for row in result.rows:
            if what == "edges" and row.class_value != 2:
                continue
            for key, value in (("iou", row.iou), ("auc", max(row.auc, 1 - row.auc))):
                best = found[key].setdefault(row.class_name, [0.0] * len(stages))
                at = stages.index(row.layer)
                best[at] = max(best[at], float(value))
    classes = list(found["iou"])
    short = [name.split(".")[0] for name in stages]
    best = [short[int(np.argmax(found["iou"][name]))] for name in classes]
    x = np.arange(len(stages))
    yield Shown(
        title="Which stage knows what",
        kind="empirical",
        plot=Plot(
            {name: (x, np.asarray(found["iou"][name])) for name in classes},
            "stage: " + " · ".join(short),
            "IoU of its best channel",
        ),
        table=Table(
            ("class", *short),
            tuple((name, *(round(one, 3) for one in found["iou"][name])) for name in classes),
        ),
        facts={
            "stages": short,
            "classes": classes,
            "iou": [found["iou"][name] for name in classes],
            "auc": [found["auc"][name] for name in classes],
            "best": best,
            "told": ", ".join(f"{one} {at}" for one, at in zip(classes, best, strict=True)),
        },
    )


def _edges(laid: Laid) -> Any:
    """1 or 2: the tenth of the pixels with the steepest grey values (Sobel) is 2."""
    grey = scipy.ndimage.gaussian_filter(laid.grey, 1.0)
    steep = np.hypot(scipy.ndimage.sobel(grey, 0), scipy.ndimage.sobel(grey, 1))
    if not steep.any():
        raise LessonError("this image has no edges: it is the same grey everywhere.")
    return np.where(steep >= np.percentile(steep, 90), 2, 1).astype(np.int64)


def _fitted(labels: Any, through: Any) -> Any:
    """Labels as large as the network's input, 0 where it was padded."""
    whole = np.zeros(through.shape, dtype=np.int64)
    part = labels[: whole.shape[0], : whole.shape[1]]
    whole[: part.shape[0], : part.shape[1]] = part
    return whole
