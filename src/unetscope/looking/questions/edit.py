"""Another kernel: the map and the mask with one kernel replaced in a copy of the network."""

from __future__ import annotations

from typing import Any

from unetscope import inspection
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Drawn, Numbers, Picture, Shown, Working
from unetscope.looking.glass import Glass
from unetscope.looking.pictures import change_pictures, map_limits
from unetscope.looking.question import (
    CHANNEL,
    CONVOLUTION,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.window import answered, cropped, in_image


def _answer(glass: Glass, given: Any) -> Answer:
    layer, out, kernel = given.layer, given.channel or 0, given.kernel
    name = kernel if isinstance(kernel, str) else "own kernel"
    yield Working("Running with the edited kernel")
    change = inspection.edited(
        glass.net, layer, kernel, out=out, inp=given.inp, keep_norm=given.keep_norm
    )
    before, after = answered(glass), answered(glass, change.model)
    maps = inspection.feature_maps(change.model, cropped(glass), [layer], [out])[layer]
    masks = before.argmax(axis=0), after.argmax(axis=0)
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
    changed = masks[0] != masks[1]
    pictures = change_pictures(
        glass, masks[1], changed, after - before, f"{layer} #{out}: {name}", hidden=True
    )
    text = (
        f"Kernel {out} of {layer} is {name}, laid on as it stands (cross-correlation, not "
        f"flipped): {100 * changed.mean():.2f} % of the mask changes. Saved weights are not "
        "touched."
    )
    if change.also:
        text += f" {', '.join(change.also)} has the same weights and has changed with it."
    yield Shown(
        *(QUESTION.title, text, "empirical", (picture, *pictures)),
        numbers=(_numbers(change, maps, name),),
        files={"mask_before.tif": masks[0] + 1, "mask_after.tif": masks[1] + 1},
        folder=f"{layer} {out} {name}",
        result=change,
    )


def _numbers(change: Any, maps: Any, name: str) -> Numbers:
    layer, out = change.layer, change.out
    step = {
        "layer": layer,
        "kernel": change.after.tolist(),
        "out": out,
        "inp": change.inp,
        "keep_norm": False,
    }
    return Numbers(
        f"{layer} {name}",
        "feature maps",
        maps.values,
        "c" + "zyx"[-len(maps.scale) :],
        layer,
        NumbersRecipe("feature_maps", {"layers": [layer], "channels": [out]}, (layer, ".values")),
        maps.scale,
        maps.translate,
        maps.channels,
        folder=f"{layer} {out} {name}",
        of_window=True,
        model=change.model,
        edits=(step,),
        facts={"channel": out, "kernel_before": change.before, "kernel_after": change.after},
    )


QUESTION = NetworkQuestion(
    "edit",
    "Edited kernel",
    _answer,
    (
        CONVOLUTION,
        CHANNEL,
        Option(
            *("kernel", OptionKind.KERNEL, None),
            'sobel_x, laplacian, gaussian …, or "1,0,-1;2,0,-2;1,0,-1".',
            needed=True,
            missing="edit needs a kernel (--kernel): sobel_x, sobel_y, laplacian, gaussian, … or "
            'numbers, "1,0,-1;2,0,-2;1,0,-1".',
        ),
        Option("inp", OptionKind.INNER),  # input channel; None for all
        Option("keep_norm", OptionKind.INNER, default=True),
    ),
    HelpText(
        "Kernel editing",
        "Write other weights into a kernel, by hand or as a known filter such as Sobel's, and see "
        "the map and the answer change. It happens in a copy; your network stays as it is.",
        "kernel-editing.png",
        "A kernel of the first layer and its map; the same after Sobel x was written in.",
    ),
    Button("Edit kernel …", "Write another kernel into a copy.", unfolds=True),
    order=110,
)
