"""What makes a network convolutional: five choices, each in a number of the image on the bench."""

from __future__ import annotations

import numpy as np

from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.lessons.verbs.kernels_by_hand import PRESETS, correlated
from unetscope.lessons.verbs.pool_by_hand import pooled
from unetscope.looking.answers import Drawn, Picture, Shown, Table

_ROWS = (
    ("locality", "boundaries are local", "outside", 7),
    ("shared weights", "atomic columns repeat", "weights", 5),
    ("channels", "several contrasts", "maps", 9),
    ("pooling", "from atoms to phases", "step", 6),
    ("depth", "atoms, grains, phases", "sees", 8),
)


@verb
def five_choices(bench: Bench) -> Experiment:
    """Locality, shared weights, channels, pooling and depth, tried on the image.

    Facts: ``outside`` (how much the middle value changes when every pixel beyond its window does),
    ``weights`` of a kernel for all ``pixels``, ``maps`` of the presets, ``step`` (pixels between
    neighbours after a pooling), ``sees`` (rows that the middle value changes with after three
    layers), ``lessons`` (numbers of those about each).
    """
    image = bench.laid.grey.astype(np.float64)
    y, x = (side // 2 for side in image.shape)
    kernel = np.asarray(PRESETS["gaussian"])
    beyond = image + 1
    beyond[y - 1 : y + 2, x - 1 : x + 2] -= 1
    outside = abs(float(correlated(beyond, kernel)[y, x] - correlated(image, kernel)[y, x]))
    point = np.zeros(image.shape)
    point[y, x] = 1
    deep = correlated(correlated(correlated(point, kernel), kernel), kernel)
    columns = pooled(np.tile(np.arange(4.0), (2, 1)), 2, "average")[0]
    where = placed(bench.laid)
    facts = {
        "outside": outside,
        "weights": kernel.size,
        "pixels": image.size,
        "maps": len(PRESETS),
        "step": int(columns[1] - columns[0]),
        "sees": int((deep != 0).any(axis=1).sum()),
        "lessons": [row[3] for row in _ROWS],
    }
    yield Shown(
        title="Five choices",
        kind="exact",
        pictures=(
            Picture("image", "image", image.astype(np.float32), **where),
            *(
                Picture(
                    name,
                    name,
                    correlated(image, np.asarray(preset)),
                    **where,
                    drawn=Drawn.SIGNED,
                    hidden=number > 0,
                )
                for number, (name, preset) in enumerate(PRESETS.items())
            ),
        ),
        table=Table(
            ("choice", "good for", "number", "lesson"),
            tuple((choice, good, facts[fact], lesson) for choice, good, fact, lesson in _ROWS),
        ),
        facts=facts,
    )
