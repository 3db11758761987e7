"""What the network looks at and what its channels stand for, measured on the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope.cli.inspecting.files import (
    Answer,
    Wanted,
    cell_at,
    facts_of,
    own_folder,
    write_table,
)
from unetscope.cli.inspecting.model import Subject
from unetscope.cli.inspecting.progress import watched
from unetscope.errors import ImageError, LabelError

if TYPE_CHECKING:
    from unetscope.inspection.asking.health import Health


def answer_effective(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """How much every pixel of the field weighs."""
    from unetscope.inspection.asking.effective import effective_receptive_field_steps
    from unetscope.inspection.writing.export import ExportedView, Recipe, export_view

    layer = wanted.layer or _last_map(subject)
    cell = cell_at(subject, layer)
    options: dict[str, Any] = {"channel": wanted.channel, "seed": wanted.seed}
    steps = effective_receptive_field_steps(subject.module, subject.image, layer, cell, **options)
    found = watched(steps, f"effective field of {layer}")
    view = ExportedView(
        name=f"{layer} effective field",
        what="effective receptive field",
        values=found.values,
        axes="zyx"[-found.values.ndim :],
        layer=layer,
        recipe=Recipe(
            "effective_receptive_field", {"layer": layer, "point": found.point, **options}
        ),
        scale=(1.0,) * found.values.ndim,
        translate=tuple(float(n) for n in found.lo),
        point=found.point,
        signed=False,
        decades=4.0,
        kind="empirical",
        facts={
            "radius_50_px": found.radius_50,
            "radius_95_px": found.radius_95,
            "ratio": found.ratio,
            "windows": found.inputs,
        },
        **facts_of(subject),
    )
    files = export_view(view, own_folder(out, layer, "effective"))
    text = (
        f"{layer}: half of the weight lies within {found.radius_50:.1f} px, 95 % within "
        f"{found.radius_95:.1f} px; {100 * found.ratio:.0f} % of the side it could be."
    )
    return Answer("effective", tuple(files), text)


def _last_map(subject: Subject) -> str:
    from unetscope.inspection.following.table import architecture
    from unetscope.inspection.writing.report import shown_layers

    return shown_layers(architecture(subject.module, subject.image.shape))[-1]


def answer_attribution(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """Which parts of the image speak for a class in a polygon, where painted, or at a point."""
    from unetscope.inspection.asking.attribution import attribution_steps
    from unetscope.inspection.writing.export import ExportedView, Recipe, export_view

    target = subject.target(wanted.target)
    if target < 0:
        target = _outputs(subject) - 1
    region = _region(subject, target, wanted.polygon)
    layer = wanted.layer if wanted.method == "seg_grad_cam" else None
    options: dict[str, Any] = {"method": wanted.method, "layer": layer}
    steps = attribution_steps(subject.module, subject.image, target, region, **options)
    found = watched(steps, wanted.method.replace("_", " "))
    arguments = {"target": found.target, "region": region, **options}
    view = ExportedView(
        name=found.method,
        what=f"{found.method.replace('_', ' ')} of {_class_name(subject, found.target)}",
        values=found.values,
        axes="zyx"[-found.values.ndim :],
        layer=found.layer or "image",
        recipe=Recipe("attribution", arguments),
        scale=found.scale,
        translate=found.translate,
        signed=found.signed,
        kind="empirical",
        facts={"target": found.target, "note": found.note, "region_pixels": found.region_pixels},
        **facts_of(subject),
    )
    files = export_view(view, own_folder(out, found.method, _class_name(subject, found.target)))
    text = f"{view.what}. {found.note or ''}".strip()
    return Answer("attribution", tuple(files), text)


def _outputs(subject: Subject) -> int:
    """How many classes the answer has; one output is read as two."""
    from unetscope.inspection.following.table import architecture

    shape = architecture(subject.module, subject.image.shape).rows[-1].output_shape or (2,)
    return max(2, shape[0])


def _class_name(subject: Subject, index: int) -> str:
    return subject.network.classes.get(index, (index, f"class {index}"))[1]


def _region(
    subject: Subject, target: int, polygon: Sequence[Sequence[float]] | None
) -> np.ndarray | list[list[float]] | tuple[int, ...] | None:
    """The polygon, what was painted so, the point, or all that is predicted so (None)."""
    if polygon is not None:
        return _polygon_on(subject, polygon)
    if subject.labels is not None:
        value = subject.network.classes.get(target, (target + 1, ""))[0]
        painted: np.ndarray = subject.labels == value
        if painted.any():
            return painted
    return subject.point


def _polygon_on(subject: Subject, polygon: Sequence[Sequence[float]]) -> list[list[float]]:
    """Corners in pixels of the file's image as pixels of what the network sees."""
    if len(subject.sides) != 2:
        raise ImageError(
            "--polygon is drawn on a plane and this network takes volumes; give --labels."
        )
    corners = [[c - o for c, o in zip(one, subject.origin, strict=True)] for one in polygon]
    sides = subject.seen or subject.sides
    for corner, asked in zip(corners, polygon, strict=True):
        if any(not -0.5 <= c <= n - 0.5 for c, n in zip(corner, sides, strict=True)):
            raise ImageError(
                f"the corner {tuple(asked)} of --polygon lies outside of what the network sees, "
                f"{' × '.join(map(str, sides))} px from {subject.origin}."
            )
    return corners


def answer_dissect(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """Which channel fires on which of the painted classes."""
    if subject.labels is None:
        raise LabelError("dissect compares channels with what was painted; give --labels FILE.")

    from unetscope.inspection.asking.dissection import dissect_steps
    from unetscope.inspection.following.table import architecture
    from unetscope.inspection.writing.report import shown_layers

    if wanted.layer is None:
        layers = shown_layers(architecture(subject.module, subject.image.shape))
    else:
        layers = [wanted.layer]
    names = subject.class_names or None
    steps = dissect_steps(subject.module, subject.image, subject.labels, layers, names=names)
    found = watched(steps, "channels against classes")
    best_first = found.sorted(by="iou")
    columns = (
        *("layer", "channel", "class", "name", "IoU"),
        *("precision", "recall", "AUC", "threshold", "sign"),
    )
    rows = [
        (
            *(row.layer, row.channel, row.class_value, row.class_name, row.iou),
            *(row.precision, row.recall, row.auc, row.threshold, row.sign),
        )
        for row in best_first
    ]
    path = write_table(out / "dissect.csv", columns, rows)
    said = tuple((r.layer, r.channel, r.class_name, r.iou, r.auc) for r in best_first)
    brief = ("layer", "channel", "class", "IoU", "AUC")
    return Answer("dissect", (path,), found.sentence(best_first[0]), brief, said)


def answer_health(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """Dead and saturated channels, checkerboards, skips that do not line up, fields too small."""
    from unetscope.inspection.asking.health import health

    found = health(
        subject.module,
        [subject.image],
        labels=subject.labels,
        pixel_size=subject.pixel_size,
        unit=subject.unit,
        names=subject.class_names or None,
    )
    columns = ("severity", "layer", "finding")
    rows = tuple((one.severity, one.layer, one.text) for one in found.findings)
    files = (
        write_table(out / "health.csv", columns, rows),
        write_table(out / "health_layers.csv", *_layer_rows(found)),
    )
    return Answer("health", files, f"{len(rows)} findings, on this image.", columns, rows)


def _layer_rows(found: Health) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    columns = ("layer", "activation", "channels", "dead", "saturated", "constant", "low", "high")
    rows = [
        (
            *(one.layer, one.activation, one.channels, len(one.dead)),
            *(len(one.saturated), len(one.constant), one.low, one.high),
        )
        for one in found.layers
    ]
    return columns, rows


def answer_pca(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """All maps of a layer in three colours: alike is what the layer takes for alike."""
    from unetscope.inspection.showing.maps import feature_maps
    from unetscope.inspection.showing.projection import pca_rgb
    from unetscope.inspection.writing.export import ExportedView, Recipe, export_view

    layer = wanted.needed_layer(subject, "pca")
    maps = feature_maps(subject.module, subject.image, [layer])[layer]
    found = pca_rgb(maps, seed=wanted.seed)
    shares = [float(share) for share in found.explained]
    view = ExportedView(
        name=f"{layer} colours",
        what="principal components as colours",
        values=found.values,
        axes="zyx"[4 - found.values.ndim :] + "c",
        layer=layer,
        recipe=Recipe(
            "feature_maps", {"layers": [layer]}, (layer,), then=("pca_rgb", {"seed": wanted.seed})
        ),
        scale=found.scale,
        translate=found.translate,
        kind="empirical",
        facts={"explained_share": shares},
        **facts_of(subject),
    )
    files = export_view(view, own_folder(out, layer, "colours"))
    told = ", ".join(f"{100 * share:.0f} %" for share in shares)
    return Answer("pca", tuple(files), f"{layer}: three components hold {told} of the variance.")


def answer_maximise(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """The image that excites a channel most."""
    from unetscope.inspection.asking.maximisation import maximise_steps
    from unetscope.inspection.writing.export import ExportedView, Recipe, export_view

    layer = wanted.needed_layer(subject, "maximise")
    channel = wanted.channel or 0
    steps = maximise_steps(subject.module, layer, channel, seed=wanted.seed)
    found = watched(steps, f"what excites {layer} #{channel}")
    image = np.asarray(found.image)
    arguments = {"layer": layer, "channel": channel, "seed": wanted.seed}
    view = ExportedView(
        name=f"{layer} {channel} excited",
        what=f"what excites channel {channel}",
        values=image,
        axes={3: "cyx", 4: "czyx"}[image.ndim],
        layer=layer,
        recipe=Recipe("maximise", arguments, (".image",), takes_image=False),
        kind="empirical",
        signed=False,
        facts={"activation": [float(value) for value in found.history]},
        **facts_of(subject),
    )
    files = export_view(view, own_folder(out, layer, channel, "excited"))
    text = f"{layer} #{channel}: the score rose {found.history[0]:.3g} → {found.history[-1]:.3g}."
    return Answer("maximise", tuple(files), text)
