"""An image of disks, some of which touch, and a request to find them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels

from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.object_edits import EditWish
from unetscope.session.layers.object_keeping import ObjectKeeper
from unetscope.session.measuring import object_jobs
from unetscope.session.measuring.measure_state import FoundObjects, LabelKind, LabelSource, Wish
from unetscope.session.measuring.object_jobs import FindRequest, find

CLASSES = (LabelClass(1, "background", "#000000"), LabelClass(2, "disk", "#FFFFFF"))


def many_disks(side: int = 160, seed: int = 0, count: int = 40) -> np.ndarray:
    """Class 2 in disks at random places, class 1 around them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.ones((side, side), np.uint8)
    for cy, cx, r in zip(
        *rng.integers(0, side, (2, count)), rng.integers(4, 11, count), strict=True
    ):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= r * r] = 2
    return labels


def request_of(folder: Path, labels: np.ndarray | None = None, **wished: Any) -> FindRequest:
    labels = many_disks() if labels is None else labels
    grey = np.random.default_rng(1).integers(0, 255, labels.shape).astype(np.uint8)
    image = Micrograph(grey, "zyx"[-labels.ndim :], (2.0,) * labels.ndim, "nm", "disks")
    source = LabelSource("layer", "answer of v1", LabelKind.ANSWER, CLASSES, "model v1")
    wish = Wish(**{"value": 2, **wished})
    return FindRequest("image", image, source, labels, wish, "disk", folder, "content" * 5)


def found_in(request: FindRequest) -> FoundObjects:
    """What the job gives at its end."""
    *_, last = find(request)
    assert isinstance(last, FoundObjects)
    return last


class Hand:
    """Edits as the window makes them: computed, written on a layer, kept."""

    def __init__(self, found: FoundObjects) -> None:
        self.found, self.keeper = found, ObjectKeeper()
        self.layer = Labels(np.array(found.objects.ids, np.uint32))
        self.keeper.open(self.layer, found.looked.place, "disks")

    def do(self, doing: Any, *numbers: int, points: Any = ()) -> EditWish:
        event = next(object_jobs.edit(self.found, EditWish(doing, numbers, points), "disk"))
        self.keeper.write(doing, event.found.objects.ids, event.box)
        self.found = event.found
        return event.wish

    def step(self, *, back: bool) -> bool:
        box = self.keeper.undo() if back else self.keeper.redo()
        if box is not None:
            new = self.layer.data[box].copy()
            self.found = next(object_jobs.follow(self.found, box, new, "disk"))
        return box is not None


def random_edit(hand: Hand, rng: np.random.Generator) -> EditWish:
    numbers = hand.found.objects.numbers
    doing = rng.choice(["join", "drop", "split"])
    if doing == "join":
        return hand.do("join", *rng.choice(numbers, 2, replace=False).tolist())
    elif doing == "drop":
        return hand.do("drop", int(rng.choice(numbers)))
    else:
        number = int(rng.choice(numbers))
        at = np.argwhere(hand.found.objects.ids == number)
        picked = at[rng.choice(len(at), 2, replace=False)]
        points = tuple(tuple(map(float, place)) for place in picked)
        return hand.do("split", number, points=points)
