"""Jobs that ask the network: what without this, what with another kernel, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope.session.inside.answers import Drawn, Pick, Picture, Shown, Table, Working
from unetscope.session.inside.glass import Glass
from unetscope.session.inside.looking import Event, map_limits
from unetscope.session.inside.window import (
    as_outputs,
    cropped,
    in_image,
    in_view,
    probabilities,
)

if TYPE_CHECKING:
    from unetscope.inspection.asking.ablation_parts import Mode
    from unetscope.inspection.asking.attribution import Method


def ask_without(
    glass: Glass,
    what: Any,
    mode: Mode,
    *,
    labels: np.ndarray | None = None,
    names: Sequence[str] = (),
) -> Iterator[Event]:
    """The mask with a skip connection, a channel or a kernel taken away."""
    from unetscope.inspection.asking.ablation import ablate
    from unetscope.inspection.writing.reproduction import Recipe

    yield Working("Asking without it")
    found = ablate(glass.net, cropped(glass), what, mode, labels=_told(glass, labels))
    yield Shown(
        f"Without {said(what)}",
        _ablation_text(found, what, mode),
        "empirical",
        _change_pictures(
            glass,
            found.mask_after,
            found.changed,
            found.probability_change,
            f"without {said(what)}",
        ),
        _dice_table(found, names),
        result=found,
        recipe=Recipe("ablate", {"what": what, "mode": mode}, (".probability_change",)),
        of_window=True,
    )


def ask_ranking(glass: Glass, layer: str, mode: Mode) -> Iterator[Event]:
    """Which channel of a layer the mask needs most: each is taken away in turn."""
    from unetscope.inspection.asking.ablation import ablation_ranking_steps

    ranking: Any = None
    for step in ablation_ranking_steps(glass.net, cropped(glass), layer, mode):
        yield Working("Taking channels away", step.done, step.total)
        ranking = step.result if step.result is not None else ranking
    rows = [(int(r.channel), float(r.changed_share)) for r in ranking]
    table = Table(
        ("channel", "changed pixels (%)"),
        tuple((channel, 100 * share) for channel, share in rows),
        tuple(Pick(layer, channel) for channel, _ in rows),
    )
    text = f"{layer}: how much of the mask changes when one channel is replaced ({mode})."
    yield Shown("Which channel matters", text, "empirical", table=table, result=ranking)


def ask_edited(
    glass: Glass, layer: str, kernel: Any, *, out: int, inp: int | None, keep_norm: bool
) -> Iterator[Event]:
    """The mask and the map with one kernel replaced by hand; the network itself stays as it is."""
    import torch

    from unetscope.inspection.asking.editing import edited
    from unetscope.inspection.showing.maps import feature_maps
    from unetscope.inspection.writing.reproduction import Recipe

    yield Working("Running with the edited kernel")
    change = edited(glass.net, layer, kernel, out=out, inp=inp, keep_norm=keep_norm)
    image = cropped(glass)
    with torch.inference_mode():
        before = probabilities(glass.net(image[None]))
        after = probabilities(change.model(image[None]))
    maps = feature_maps(change.model, image, [layer], [out])[layer]
    masks = before.argmax(axis=0), after.argmax(axis=0)
    share = float((masks[0] != masks[1]).mean())
    name = kernel if isinstance(kernel, str) else "own numbers"
    low, high = map_limits(maps.values)
    picture = Picture(
        "edited map",
        f"{layer} #{out} with {name}",
        maps.values[0],
        maps.scale,
        in_image(glass, maps.translate),
        Drawn.SIGNED if low < 0 else Drawn.MAP,
        limits=(low, high),
        note={"layer": layer, "channel": out},
    )
    title = f"{layer} #{out}: {name}"
    pictures = _change_pictures(
        glass, masks[1], masks[0] != masks[1], after - before, title, hidden=True
    )
    text = (
        f"Kernel {out} of {layer} is {name}, laid on as it stands (cross-correlation, not "
        f"flipped): {100 * share:.2f} % of the mask changes. Saved weights are not touched."
    )
    if change.also:
        text += f" {', '.join(change.also)} has the same weights and has changed with it."
    arguments = {"layers": [layer], "channels": [out]}
    yield Shown(
        *("Edited kernel", text, "empirical", (picture, *pictures)),
        result=change,
        recipe=Recipe("feature_maps", arguments, (layer, ".values", 0)),
        of_window=True,
        layer=layer,
    )


def ask_why(
    glass: Glass, target: int, region: Any, *, method: Method, layer: str | None, name: str
) -> Iterator[Event]:
    """What speaks for a class at a region: Seg-Grad-CAM, occlusion or gradients."""
    from unetscope.inspection.asking.attribution import attribution_steps
    from unetscope.inspection.writing.reproduction import Recipe

    image = cropped(glass)
    for step in attribution_steps(glass.net, image, target, region, method=method, layer=layer):
        yield Working("Asking why", step.done, step.total)
        if step.result is None:
            continue
        found = step.result
        values = np.asarray(found.values)
        high = float(np.abs(values).max()) or 1.0
        picture = Picture(
            "why",
            f"why {name} ({method.replace('_', ' ')})",
            values,
            found.scale,
            in_image(glass, found.translate),
            Drawn.CHANGE if found.signed else Drawn.HEAT,
            limits=(-high, high) if found.signed else (0.0, high),
            note={"method": method, "target": target},
        )
        text = f"What speaks for {name} at {found.region_pixels:,} px. {found.note}".strip()
        arguments = {"target": target, "region": region, "method": method, "layer": layer}
        yield Shown(
            "Why this pixel?",
            text,
            "empirical",
            (picture,),
            result=found,
            recipe=Recipe("attribution", arguments),
            of_window=True,
        )


def said(what: Any) -> str:
    """A part in words: "skip:dec1" → "skip connection dec1"."""
    kind, _, rest = str(what).partition(":")
    words = {"skip": "the skip connection at", "channel": "channel", "kernel": "kernel"}
    return f"{words.get(kind, kind)} {rest}".strip()


def _change_pictures(
    glass: Glass,
    mask: np.ndarray,
    changed: np.ndarray,
    change: np.ndarray,
    title: str,
    *,
    hidden: bool = False,
) -> tuple[Picture, ...]:
    """The change of probability, and what class the pixels that changed have now."""
    axes = mask.ndim
    place = in_image(glass, (0.0,) * axes)
    classes = change.shape[0]
    high = float(np.abs(change).max()) or 1.0
    shown = Picture(
        "changed probability",
        f"change of probability, {title}",
        change.astype(np.float32),
        (1.0,) * axes,
        place,
        Drawn.CHANGE,
        lead=("class",),
        start=(classes - 1,),
        limits=(-high, high),
        hidden=hidden,
    )
    after = Picture(
        "changed mask",
        f"changed pixels, {title}",
        np.where(changed, class_values(glass, mask), 0),
        (1.0,) * axes,
        place,
        Drawn.LABELS,
        hidden=hidden,
    )
    return shown, after


def _told(glass: Glass, labels: np.ndarray | None) -> np.ndarray | None:
    return None if labels is None else in_view(glass, as_outputs(glass, labels))


def class_values(glass: Glass, mask: np.ndarray) -> np.ndarray:
    """Label values of a mask of output numbers: those of the classes, where they are known."""
    values = [one.value for one in glass.subject.classes]
    count = int(mask.max()) + 1
    known = values if len(values) >= count else list(range(1, count + 1))
    return np.asarray(known, dtype=np.int32)[mask]


def _ablation_text(found: Any, what: Any, mode: str) -> str:
    text = f"{100 * found.changed_share:.2f} % of the mask changes without {said(what)} ({mode})."
    return f"{text} {found.note}".strip()


def _dice_table(found: Any, names: Sequence[str]) -> Table:
    count = len(found.dice_between)
    called = [names[i] if i < len(names) else f"class {i + 1}" for i in range(count)]
    columns: tuple[str, ...] = ("class", "Dice")
    rows: list[tuple[Any, ...]] = [
        (name, float(value)) for name, value in zip(called, found.dice_between, strict=True)
    ]
    if found.dice_before is not None and found.dice_after is not None:
        columns = (*columns, "before", "after")
        rows = [
            (*row, float(b), float(a))
            for row, b, a in zip(rows, found.dice_before, found.dice_after, strict=True)
        ]
    note = "Dice: of the two masks."
    if len(columns) > 2:
        note = "Dice: of the two masks; before and after: on your strokes."
    return Table(columns, tuple(rows), note=note)
