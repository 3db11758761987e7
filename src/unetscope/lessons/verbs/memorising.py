"""Learning or memorising: one patch, held-back pictures, and what turning a patch does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope.lessons.bench import Bench
from unetscope.lessons.registry import Experiment, verb
from unetscope.lessons.small_runs import (
    SmallRun,
    drawn_pictures,
    loss_on,
    mask_of,
    patches,
    scores_of,
    small_unet,
    stretched,
    training,
)
from unetscope.looking.answers import Picture, Plot, Shown, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    from torch.nn import functional
else:
    functional = Lazily("torch.nn.functional")

_PATCH_PX = 96
_LOOK = {"grain_px": 40.0, "boundary_grey": -0.3, "contrast": 1.0, "noise": 0.06, "blur_px": 0.8}
_WIDTHS = (16, 32, 64, 128)  # of general-fast: enough to learn one patch by heart


@verb
def memorise(
    bench: Bench,
    *,
    turns: bool = False,
    dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.0,
    steps: Annotated[int, Field(ge=20, le=400)] = 120,
) -> Experiment:
    """Learn from one patch, and watch the loss on pictures that were held back.

    Facts: ``trained`` and ``held_back`` (loss at the end), ``ratio`` (held_back / trained),
    ``lowest`` (of the held-back loss) and ``lowest_at`` (its step), ``iou`` (held back).
    """
    picture = drawn_pictures("grains", [3], _PATCH_PX, **_LOOK)
    held_back = drawn_pictures("grains", range(100, 103), 128, **_LOOK)
    net = small_unet(2, bench.seed, widths=_WIDTHS)
    options = SmallRun(
        steps=steps,
        rate=3e-3,
        calming=False,
        batch=4,
        patch_px=_PATCH_PX,
        turns=turns,
        seed=bench.seed,
    )
    drop = (lambda scores: functional.dropout(scores, dropout)) if dropout else None
    at, trained, held = [], [], []
    recent: list[float] = []
    for done in training(net, patches(picture, options), options, drop):
        recent.append(done.loss)
        yield Working("Training on one patch", done.number, steps)
        if done.number % 20 == 0:
            at.append(done.number)
            trained.append(float(np.mean(recent[-10:])))
            held.append(loss_on(net, held_back))
            net.train()
            yield _so_far(at, trained, held, {})
    net.eval()
    found = [scores_of(truth, mask_of(net, pixels), 2)[1] for pixels, truth in held_back]
    yield _so_far(
        at,
        trained,
        held,
        {
            "trained": trained[-1],
            "held_back": held[-1],
            "ratio": held[-1] / trained[-1],
            "lowest": min(held),
            "lowest_at": at[int(np.argmin(held))],
            "iou": float(np.mean(found)),
            "steps": steps,
        },
    )


@verb
def augmented_sheet(
    bench: Bench,
    *,
    turns: bool = True,
    brightness: Annotated[float, Field(ge=0, le=0.5)] = 0.2,
    noise: Annotated[float, Field(ge=0, le=0.3)] = 0.05,
) -> Experiment:
    """Sixteen versions of one patch of the image, with its labels turned along.

    Facts: ``pixels`` labelled in the first version, ``kept`` (whether every version has as many of
    each class), ``versions``.
    """
    image = stretched(bench.laid.grey)
    side = min(96, *image.shape)
    image = image[:side, :side]
    labels = np.zeros(image.shape, np.int64)
    if bench.laid.labels is not None:
        labels = np.asarray(bench.laid.labels, dtype=np.int64)[:side, :side]
    rng = np.random.default_rng([23, bench.seed])
    images, truths = [], []
    for _ in range(16):
        turn, mirror = (int(rng.integers(4)), bool(rng.integers(2))) if turns else (0, False)
        made = [np.rot90(one[:, ::-1] if mirror else one, turn) for one in (image, labels)]
        seen = made[0] + rng.uniform(-brightness, brightness)
        images.append(seen + rng.normal(0, noise, seen.shape) if noise else seen)
        truths.append(made[1])
    counts = [tuple(np.bincount(one.ravel(), minlength=int(labels.max()) + 1)) for one in truths]
    sheet = np.block([[images[4 * row + column] for column in range(4)] for row in range(4)])
    yield Shown(
        title="One patch, sixteen times",
        kind="exact",
        pictures=(
            Picture("sheet", "versions", sheet.astype(np.float32), (1, 1), (0, 0), beside=True),
        ),
        facts={
            "pixels": int((labels > 0).sum()),
            "kept": len(set(counts)) == 1,
            "versions": len(images),
        },
    )


def _so_far(at: list[int], trained: list[float], held: list[float], facts: dict[str, Any]) -> Shown:
    x: NDArray[Any] = np.asarray(at)
    return Shown(
        title="Learning or memorising",
        kind="empirical",
        plot=Plot(
            {
                "the patch it learns from": (x, np.asarray(trained)),
                "held back": (x, np.asarray(held)),
            },
            "step",
            "loss (nats a pixel)",
            log=True,
        ),
        facts=facts,
    )
