"""What the network is made of and what it computes: report, table, maps, kernels, field, sum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetscope.cli.inspecting.files import (
    Answer,
    Wanted,
    cell_at,
    facts_of,
    own_folder,
    write_bytes,
    write_json,
    write_table,
)
from unetscope.cli.inspecting.model import Subject
from unetscope.cli.inspecting.progress import watched

if TYPE_CHECKING:
    from unetscope.inspection.following.fields import ReceptiveField
    from unetscope.inspection.showing.microscope import Convolution


_REPORT_WINDOWS = 8


def answer_report(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """The whole page about the model."""
    from unetscope.inspection.asking.effective import effective_receptive_field_steps
    from unetscope.inspection.following.table import architecture
    from unetscope.inspection.writing.report import report, shown_layers

    names = shown_layers(architecture(subject.module, subject.image.shape))
    layers = names if wanted.layer is None else [wanted.layer]
    measured = [
        watched(
            effective_receptive_field_steps(
                *(subject.module, subject.image, layer, cell_at(subject, layer)),
                inputs=_REPORT_WINDOWS,
                seed=wanted.seed,
            ),
            f"effective field of {layer}",
        )
        for layer in dict.fromkeys((layers[len(layers) // 2], layers[-1]))
    ]
    page = report(
        subject.module,
        subject.image,
        name=subject.network.name,
        layers=layers,
        effective=measured,
        labels=subject.labels,
        point=subject.point,
        pixel_size=subject.pixel_size,
        unit=subject.unit,
        names=subject.class_names or None,
    )
    written = write_bytes(out / "report.html", page.encode("utf-8"))
    return Answer("report", (written,), "One page without scripts: open it in a browser.")


def answer_table(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """The architecture, a row a layer."""
    from unetscope.inspection.following.table import architecture

    table = architecture(subject.module, subject.image.shape)
    columns = (
        *("layer", "kind", "output", "parameters", "multiply-adds", "memory_bytes"),
        *("stride", "field_px", "trust", "note"),
    )
    rows = tuple(
        (
            *(row.name, row.kind, row.output_shape, row.parameters, row.multiply_adds),
            *(row.memory_bytes, row.stride, row.receptive_field),
            *("" if row.field_kind is None else row.field_kind.value, row.remark),
        )
        for row in table.rows
    )
    text = (
        f"{table.parameters:,} parameters, {table.multiply_adds:,} multiply-adds, "
        f"{table.memory_bytes / 2**20:.1f} MiB of maps."
    )
    path = write_table(out / "table.csv", columns, rows)
    brief = ("layer", "output", "parameters", "multiply-adds", "field (px)")
    said = tuple(
        (row.name, row.output_shape, row.parameters, row.multiply_adds, row.receptive_field)
        for row in table.rows
        if row.parameters
    )
    return Answer("table", (path,), text, brief, said)


def answer_maps(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """The feature maps of a layer, all channels or one."""
    from unetscope.inspection.showing.maps import feature_maps
    from unetscope.inspection.writing.export import export_view, maps_view

    layer = wanted.needed_layer(subject, "maps")
    channels = None if wanted.channel is None else [wanted.channel]
    maps = feature_maps(subject.module, subject.image, [layer], channels)[layer]
    seen: dict[str, Any] = {}
    if subject.point is not None:
        field = _field(subject, layer)
        seen = {"point": field.point, "field": field}
    view = maps_view(maps, **facts_of(subject), **seen)
    files = export_view(view, own_folder(out, layer, "maps"))
    size = " × ".join(str(n) for n in maps.values.shape)
    strides = " × ".join(f"{s:g}" for s in maps.scale)
    text = f"{layer}: {size} (channel first), a cell every {strides} image pixels."
    return Answer("maps", tuple(files), text)


def answer_kernels(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """The kernels of a convolution."""
    from unetscope.inspection.showing.weights import kernels
    from unetscope.inspection.writing.export import export_view, kernels_view

    layer = wanted.needed_layer(subject, "kernels")
    bank = kernels(subject.module, layer)
    files = export_view(kernels_view(bank, **facts_of(subject)), own_folder(out, layer, "kernels"))
    out_channels, inputs = bank.values.shape[:2]
    text = (
        f"{layer}: {out_channels} outputs from {inputs} inputs each, weights up to "
        f"±{bank.limit:.3g}. Laid on as they stand (cross-correlation, not flipped)."
    )
    return Answer("kernels", tuple(files), text)


def _field(subject: Subject, layer: str) -> ReceptiveField:
    from unetscope.inspection.following.fields import receptive_field

    return receptive_field(subject.module, subject.image.shape, layer, cell_at(subject, layer))


def answer_field(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """What the cell under the point sees: the box, drawn on the image and as numbers."""
    from unetscope.inspection.writing.figures import drawn, map_figure, shown_image
    from unetscope.inspection.writing.report_drawing import neighbourhood

    layer = wanted.needed_layer(subject, "field")
    field = _field(subject, layer)
    picture = shown_image(subject.image, len(subject.sides))
    title = f"{subject.network.name}: {layer}, cell {field.point}, {field.kind.value}"
    frame = neighbourhood([] if field.is_empty else [field], picture.shape[:2])
    figure = map_figure(picture / 255.0, title=title, fields=[field], frame=frame)
    record = {
        "model": subject.network.name,
        "layer": layer,
        "point": field.point,
        "lo": field.lo,
        "hi": field.hi,
        "padded": field.padded,
        "boxes": field.boxes,
        "kind": field.kind.value,
        "image_pixel_size": subject.pixel_size,
        "unit": subject.unit,
        "origin_in_file": subject.origin,
    }
    files = (
        write_bytes(out / "field.png", drawn(figure, "png")),
        write_bytes(out / "field.svg", drawn(figure, "svg")),
        write_json(out / "field.json", record),
    )
    sides = " × ".join(str(n) for n in field.size)
    text = f"Cell {field.point} of {layer} sees {sides} px, {field.lo} to {field.hi}"
    text += f"{_physical(field.size, subject)} ({field.kind.value})."
    if field.sees_padding:
        text += f" It also reads padding: {field.padded[0]} to {field.padded[1]}."
    return Answer("field", files, text)


def _physical(size: tuple[int, ...], subject: Subject) -> str:
    if subject.pixel_size is None or not subject.unit:
        return ""
    sides = " × ".join(f"{n * p:.3g}" for n, p in zip(size, subject.pixel_size, strict=True))
    return f", {sides} {subject.unit}"


def answer_convolution(subject: Subject, wanted: Wanted, out: Path) -> Answer:
    """The arithmetic of one value, tap by tap; of a pooling or activation its rule."""
    from unetscope.inspection.showing.microscope import Convolution, microscope

    layer = wanted.needed_layer(subject, "convolution")
    cell, channel = cell_at(subject, layer), wanted.channel
    pixel = subject.point or tuple(side // 2 for side in subject.sides)
    region = tuple(slice(p, p + 1) for p in pixel)
    if channel is None:
        channel = _loudest(subject, layer, cell, region)
    value = microscope(subject.module, subject.image, layer, region=region).at(channel, cell)
    record = {**_facts(value), "model": subject.network.name}
    files = [write_json(out / "convolution.json", record)]
    rows: tuple[tuple[Any, ...], ...] = ()
    columns: tuple[str, ...] = ()
    if isinstance(value, Convolution):
        files.append(write_table(out / "convolution.csv", *_taps(value)))
        columns = ("input channel", "partial sum")
        sums = zip(value.input_channels, value.partial_sums, strict=True)
        rows = tuple(sorted(((c, float(s)) for c, s in sums), key=lambda row: -abs(row[1])))
    text = _said(value)
    return Answer("convolution", tuple(files), text, columns, rows)


def _loudest(subject: Subject, layer: str, cell: tuple[int, ...], region: tuple[slice, ...]) -> int:
    """The channel with the largest magnitude at ``cell``."""
    from unetscope.inspection.showing.maps import feature_maps

    maps = feature_maps(subject.module, subject.image, [layer], region=region)[layer]
    first = maps.first or (0,) * len(cell)
    inside = zip(cell, first, maps.values.shape[1:], strict=True)
    here: Any = (slice(None), *(min(max(u - f, 0), n - 1) for u, f, n in inside))
    return int(np.abs(maps.values[here]).argmax())


def _said(value: Any) -> str:
    text = f"{value.layer} #{value.channel} at {value.point}: by hand {value.total:.6g}"
    if hasattr(value, "bias"):
        text += f" (bias {value.bias:.4g})"
    text += f", PyTorch {value.computed:.6g}."
    if getattr(value, "formula", ""):
        text += f" {value.formula}"
    if getattr(value, "normalised", None) is not None:
        text += f" Normalised {value.normalised.value:.6g}."
    if getattr(value, "activated", None) is not None:
        text += f" After {value.activation} {value.activated:.6g}."
    if getattr(value, "pooled", None) is not None:
        text += f" The {value.pooled.kind} pooling it falls into hands on {value.pooled.value:.6g}."
    return text


def _facts(value: Any) -> dict[str, Any]:
    """Every attribute as plain values."""
    from dataclasses import fields, is_dataclass

    found = {}
    for one in fields(value):
        content = getattr(value, one.name)
        found[one.name] = _facts(content) if is_dataclass(content) else content
    return found


def _taps(value: Convolution) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """One row per product: where it lies, what meets there, and what comes of it."""
    axes = "zyx"[3 - len(value.positions) :]
    columns = ("input_channel", *axes, "value", "weight", "product")
    rows = []
    for index in np.ndindex(value.window.shape):
        place = [value.positions[i][tap] for i, tap in enumerate(index[1:])]
        pixel, weight = value.window[index], value.kernel[index]
        rows.append((value.input_channels[index[0]], *place, pixel, weight, pixel * weight))
    return columns, rows
