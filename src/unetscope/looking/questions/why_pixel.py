"""Why this pixel?: what in the image speaks for a class at a region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unetscope import inspection
from unetscope.errors import ImageError, LabelError, ModelError
from unetscope.inspection.writing.calls import NumbersRecipe
from unetscope.looking.answers import Drawn, Numbers, Picture, Shown, Working
from unetscope.looking.glass import Glass, without_rim
from unetscope.looking.question import (
    LABELS,
    LAYER,
    POINT,
    Answer,
    Button,
    HelpText,
    NetworkQuestion,
    Option,
    OptionKind,
)
from unetscope.looking.window import answered, as_outputs, cropped, in_image, in_view, work_window

METHODS = (
    ("seg_grad_cam", "Seg-Grad-CAM", "Which maps of the chosen layer speak for the class."),
    ("occlusion", "Occlusion", "How much the answer falls when a patch is covered. Slow."),
    ("input_gradients", "Input gradients", "Which pixels would change the answer most."),
    ("integrated_gradients", "Integrated gradients", "Gradients summed up from a grey image."),
)
REGIONS = (
    ("point", "the held point", "The pixel that was clicked with the probe."),
    ("strokes", "my strokes of it", "All pixels of the class that you have painted in view."),
    ("polygon", "the drawn polygon", "The last polygon or rectangle of a Shapes layer."),
    ("class", "all pixels predicted so", "Everything in view that the network calls this class."),
)
PREDICTED = "what is predicted there"  # as ``target``


def _answer(glass: Glass, given: Any) -> Answer:
    if given.target == PREDICTED:
        region = _region(glass, given, None)
        target = _predicted(glass, region)
    else:
        target = _index(glass, given.target)
        region = _region(glass, given, target)
    layer = given.layer if given.method == "seg_grad_cam" else None
    options = {"method": given.method, "layer": layer}
    image = cropped(glass)
    for step in inspection.attribution_steps(glass.trace, image, target, region, **options):
        yield Working("Asking why", step.done, step.total)
        if step.result is not None:
            yield _shown(glass, step.result, NumbersRecipe(
                "attribution", {"target": target, "region": region, **options}
            ))  # fmt: skip


def _shown(glass: Glass, found: Any, recipe: NumbersRecipe) -> Shown:
    values, name = np.asarray(found.values), glass.class_name(found.target)
    method = found.method.replace("_", " ")
    high = float(np.abs(values).max()) or 1.0
    picture = Picture(
        "why",
        f"why {name} ({method})",
        values,
        found.scale,
        in_image(glass, found.translate),
        Drawn.CHANGE if found.signed else Drawn.HEAT,
        limits=(-high, high) if found.signed else (0.0, high),
        note={"method": found.method, "target": found.target},
    )
    numbers = Numbers(
        found.method,
        f"{method} of {name}",
        values,
        "zyx"[-values.ndim :],
        found.layer or "image",
        recipe,
        found.scale,
        found.translate,
        folder=f"{found.method} {name}",
        signed=found.signed,
        of_window=True,
        facts={"target": found.target, "note": found.note, "region_pixels": found.region_pixels},
    )
    text = f"What speaks for {name} at {found.region_pixels:,} px ({method}). {found.note or ''}"
    return Shown(
        *(QUESTION.title, text.strip(), "empirical", (picture,)), numbers=(numbers,), result=found
    )


def _index(glass: Glass, wanted: Any) -> int:
    """The index of the class ``wanted``: its index, name, label value or, without names, index.

    None takes the last class, which of two is the object and not the ground.
    """
    classes = glass.subject.classes
    if isinstance(wanted, int):
        return wanted
    if wanted is None:
        shape = glass.table.rows[-1].output_shape or (2,)
        return len(classes) - 1 if classes else max(2, shape[0]) - 1  # one output is read as two
    for index, one in enumerate(classes):
        if wanted in (one.name, str(one.value)):
            return index
    if not classes and wanted.isdigit():
        return int(wanted)
    known = ", ".join(f"{one.value} ({one.name})" for one in classes)
    raise ModelError(
        f"the model has no class {wanted!r}; give --target "
        f"{'one of ' + known if known else 'the index of an output, from 0'}."
    )


def _region(glass: Glass, given: Any, target: int | None) -> Any:
    """A region in pixels of the window that questions work on; None: all that is predicted so.

    Where none is named: the polygon, what was painted so, the point, all that is predicted so.
    """
    where = given.where
    if where == "polygon" or (where is None and given.polygon is not None):
        return _polygon(glass, given.polygon, strict=where is None)
    if where == "strokes" or (where is None and given.labels is not None):
        mask = _strokes(glass, given, target)
        if mask is not None:
            return mask
        if where == "strokes":
            raise LabelError("there are no strokes of this class in view; move there first.")
    if where == "class" or (where is None and given.point is None):
        return None
    if given.point is None:
        raise LabelError("click a point of the image first.")
    if not glass.inside(given.point):
        raise LabelError("the point lies outside of what the network looks at.")
    cut = work_window(glass)
    pixel = glass.pixel(given.point)
    return tuple(round(p - part.start) for p, part in zip(pixel, cut, strict=True))


def _strokes(glass: Glass, given: Any, target: int | None) -> np.ndarray | None:
    if given.labels is None or target is None:
        raise LabelError("there are no strokes of this class on the image; paint some first.")
    mask: np.ndarray = in_view(glass, as_outputs(glass, given.labels.values)) == target + 1
    return mask if mask.any() else None


def _polygon(glass: Glass, polygon: Sequence[Sequence[float]] | None, *, strict: bool) -> Any:
    """Corners in pixels of the image as pixels of the window; ``strict``: all within the image."""
    if polygon is None:
        raise LabelError("draw a polygon in a Shapes layer first.")
    if not strict:
        corner = [o + w.start for o, w in zip(glass.origin, work_window(glass), strict=True)]
        return np.asarray(polygon, float)[:, -2:] - np.asarray(corner[-2:])
    if glass.axes != 2:
        raise ImageError(
            "--polygon is drawn on a plane and this network takes volumes; give --labels."
        )
    corners = [[c - o for c, o in zip(one, glass.origin, strict=True)] for one in polygon]
    sides = without_rim(glass.subject.target.image, glass.shape, glass.origin)
    for corner, asked in zip(corners, polygon, strict=True):
        if any(not -0.5 <= c <= n - 0.5 for c, n in zip(corner, sides, strict=True)):
            raise ImageError(
                f"the corner {tuple(asked)} of --polygon lies outside of what the network sees, "
                f"{' × '.join(map(str, sides))} px from {glass.origin}."
            )
    return corners


def _predicted(glass: Glass, region: Any) -> int:
    """The class the network predicts at a point or most of a region."""
    if region is None:
        raise LabelError("choose a class first.")
    mask = answered(glass).argmax(axis=0)
    if isinstance(region, tuple):
        return int(mask[region])
    if region.dtype == bool:
        return int(np.bincount(mask[region]).argmax())
    from skimage.draw import polygon2mask

    return int(np.bincount(mask[polygon2mask(mask.shape, region)]).argmax())


QUESTION = NetworkQuestion(
    "attribution",
    "Why this pixel?",
    _answer,
    (
        LAYER,
        Option("target", OptionKind.WORD, help="A class, by name or number."),
        Option(
            *("method", OptionKind.WORD, "seg_grad_cam"),
            "seg_grad_cam, occlusion, input_gradients or integrated_gradients.",
            METHODS,
        ),
        Option("polygon", OptionKind.POLYGON, help='Corners in pixels, "y,x y,x y,x".'),
        LABELS,
        POINT,
        Option("where", OptionKind.INNER, choices=REGIONS),
    ),
    HelpText(
        "Why this pixel?",
        "An attribution map shows which parts of the image speak for a class at the chosen pixel "
        "or region. Methods ask in different ways (by slope, or by covering parts up) and need "
        "not agree; take what several of them show as the better founded.",
        "attribution.png",
        "A mitochondrion; what speaks for it when parts are covered, and by the slope.",
    ),
    Button("Why this pixel? …", "What speaks for a class, and where.", unfolds=True),
    order=120,
)
