"""One page about a model: what it is made of, what it sees and what it makes of an image.

The page is a single file without scripts: pictures lie in it, nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
from jinja2 import Environment
from numpy.typing import NDArray
from torch import nn

import unetscope
from unetscope.images.units import lengths_in_words
from unetscope.inspection.following.asked import checked_pixel
from unetscope.inspection.following.diagram import diagram
from unetscope.inspection.following.fields import receptive_field
from unetscope.inspection.following.joins import SkipConnection, skip_connections
from unetscope.inspection.following.snapshot import as_batch
from unetscope.inspection.following.table import Architecture, LayerRow, architecture
from unetscope.inspection.following.trace import Trace, follow, module_of
from unetscope.inspection.showing.colours import ColourRange, field_colour
from unetscope.inspection.writing.figures import data_uri, plane_of, shown_image
from unetscope.inspection.writing.network_drawing import network_svg, size_text
from unetscope.inspection.writing.report_drawing import fields_svg
from unetscope.inspection.writing.report_health import health_section
from unetscope.inspection.writing.report_pictures import kernel_sheets, map_tiles
from unetscope.inspection.writing.reproduction import weights_sha256

if TYPE_CHECKING:
    from unetscope.inspection.asking.effective import EffectiveField

_MAX_LAYERS = 9
_VIEW_PX = 512
_LADDER = 24


@dataclass(frozen=True)
class ReportSection:
    """A section of its own: ``pictures`` as PNG in text (``data:``), and the rows of a table."""

    title: str
    text: str = ""
    kind: str = ""
    pictures: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()


class ReportFacts(TypedDict, total=False):
    """What else :func:`report` may be told."""

    labels: NDArray[Any] | None
    """([z,] y, x) painted on the image, 0 for unlabelled; then the receptive field is compared with
    the size of what was painted."""
    point: Sequence[int] | None
    """Image pixel ([z,] y, x) whose fields are drawn; None for the middle."""
    pixel_size: Sequence[float] | None
    """Of the image per spatial axis, where known."""
    unit: str | None
    """Of ``pixel_size``."""
    effective: Sequence[EffectiveField]
    """Effective fields that were measured before."""
    health: bool
    """Whether dead channels and the like are looked for, which takes one more pass."""
    names: Mapping[int, str] | None
    """Label value → name of the class."""
    sections: Sequence[ReportSection]
    """What else is shown, behind the rest."""


def report(
    model: nn.Module | Trace,
    image: NDArray[Any],
    *,
    name: str,
    layers: Sequence[str] | None = None,
    **facts: Unpack[ReportFacts],
) -> str:
    """A self-contained page of HTML about ``model`` and what it makes of ``image``.

    Parameters
    ----------
    image : ([channel,] [z,] y, x), scaled as the model takes it. Of an image larger than 512² the
        maps are those of a part of it around ``point``.
    name : what the page calls the model.
    layers : whose maps and fields are shown; None for the last layer of every stage.
    **facts : what else is known, see :class:`ReportFacts`.

    Raises
    ------
    ModelError
        If the model cannot be followed, or a layer does not exist or has no places.
    ImageError
        If the image does not fit the model, or ``point`` lies outside of it.
    """
    for name_of_fact in facts.keys() - ReportFacts.__annotations__.keys():
        raise TypeError(f"report() knows no {name_of_fact!r}")
    net = module_of(model)
    pixel_size, unit = facts.get("pixel_size"), facts.get("unit")
    batch = as_batch(net, image)
    trace = follow(model, batch.shape)
    table = architecture(trace, batch.shape)
    chosen = list(layers) if layers is not None else shown_layers(table)
    middle = _checked_point(trace.image_shape, facts.get("point"))
    view = _view(trace.image_shape, middle)
    part: Any = (0, slice(None), *view)
    joins = skip_connections(net, batch.shape)
    checked = None
    if facts.get("health", True):
        given = (facts.get("labels"), pixel_size, unit, facts.get("names"))
        checked = health_section(net, batch[part], *given)
    page: dict[str, Any] = {
        "name": name,
        "image_size": size_text(trace.image_shape),
        "pixel": _size_text(pixel_size, unit),
        "network": network_svg(diagram(table, joins)),
        "point": ", ".join(str(p) for p in middle),
        "maps": map_tiles(trace, batch, chosen, view, trace.image_shape),
        "kernels": kernel_sheets(net, table),
        "effective": [_effective(one) for one in facts.get("effective", ())],
        "sections": facts.get("sections", ()),
        "health": checked,
        "version": unetscope.__version__,
        "weights": weights_sha256(net),
        **_said_of_layers(table, joins),
        **_fields(trace, batch[0].float().cpu().numpy(), chosen, middle, pixel_size, unit),
    }
    return _template().render(page)


def shown_layers(table: Architecture) -> list[str]:
    """The last layer with places of every stage, at most nine of them."""
    found = []
    shown = {r.name for r in table.rows if r.stride is not None and not r.note and _is_map(r)}
    for stage in diagram(table).stages:
        names = [name for name in stage.layers if name in shown]
        found += names[-1:]
    if len(found) > _MAX_LAYERS:
        picked = np.linspace(0, len(found) - 1, _MAX_LAYERS).round().astype(int)
        found = [found[i] for i in picked]
    return found


def _is_map(row: LayerRow) -> bool:
    shape, stride = row.output_shape, row.stride
    return shape is not None and stride is not None and len(shape) == len(stride) + 1


def _template() -> Any:
    folder = resources.files("unetscope.inspection.writing") / "templates"
    source = (folder / "report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True)
    return environment.from_string(source)


def _checked_point(shape: tuple[int, ...], point: Sequence[int] | None) -> tuple[int, ...]:
    if point is None:
        return tuple(side // 2 for side in shape)
    return checked_pixel(point, shape)


def _view(shape: tuple[int, ...], middle: tuple[int, ...]) -> tuple[slice, ...]:
    """The part of the image that is shown: all along z, at most 512 px along y and x."""
    found = [slice(0, side) for side in shape[:-2]]
    for side, centre in zip(shape[-2:], middle[-2:], strict=True):
        start = min(max(0, centre - _VIEW_PX // 2), max(0, side - _VIEW_PX))
        found.append(slice(start, min(side, start + _VIEW_PX)))
    return tuple(found)


def _said_of_layers(table: Architecture, joins: Sequence[SkipConnection]) -> dict[str, Any]:
    """The facts, the list of layers and its sums."""
    return {
        "facts": _facts(table),
        "mismatches": _said_mismatches(table, joins),
        "ladder": _ladder(table),
        "rows": [_row(row) for row in table.rows],
        "shares": any(row.shares for row in table.rows),
        "totals": {
            "parameters": f"{table.parameters:,}",
            "multiply_adds": f"{table.multiply_adds:,}",
            "memory": _bytes(table.memory_bytes),
        },
    }


def _facts(table: Architecture) -> list[tuple[str, str]]:
    last = [row.receptive_field for row in table.rows if row.receptive_field]
    facts = [
        ("Parameters", f"{table.parameters:,}"),
        ("Multiply-adds", _short(table.multiply_adds)),
        ("Memory of all maps", _bytes(table.memory_bytes)),
        ("Layers", str(len(table.rows))),
    ]
    if last:
        facts.append(("Field of the answer", f"{size_text(last[-1])} px"))
    return facts


def _ladder(table: Architecture) -> str:
    """3 → 5 → 7 → …: the growing sides of the fields in the order of the data."""
    sides = [max(row.receptive_field) for row in table.rows if row.receptive_field]
    grown = [side for n, side in enumerate(sides) if n == 0 or side > max(sides[:n])]
    if len(grown) > _LADDER:
        grown = grown[: _LADDER - 1] + grown[-1:]
    return " → ".join(str(side) for side in grown)


def _fields(
    trace: Trace,
    image: NDArray[Any],
    names: Sequence[str],
    middle: tuple[int, ...],
    pixel_size: Sequence[float] | None,
    unit: str | None,
) -> dict[str, Any]:
    """The boxes at ``middle``, drawn over the image, and as rows."""
    found = []
    for name in names:
        reach = trace.spatial(name)[1]
        found.append(receptive_field(trace, trace.image_shape, name, reach.nearest(middle)))
    picture = shown_image(image, len(trace.image_shape))
    rows = []
    for number, field in enumerate(found):
        physical = [n * p for n, p in zip(field.size, pixel_size or (), strict=False)]
        rows.append(
            {
                "layer": field.layer,
                "size": size_text(field.size),
                "physical": lengths_in_words(physical, unit) if physical else "",
                "kind": field.kind.value,
                "colour": field_colour(number),
            }
        )
    return {"fields": rows, "fields_picture": fields_svg(found, picture)}


def _said_mismatches(table: Architecture, joins: Sequence[SkipConnection]) -> list[str]:
    """Skips that do not line up, of parts that have a name, each once.

    Where shifted copies of one map are joined, as in a filter that is written out, the shift is
    what is meant.
    """
    same = {join.name.partition(":")[0] for join in joins if join.source == join.other}
    meant = same - {join.name.partition(":")[0] for join in joins if join.source != join.other}
    said = [str(one) for one in table.mismatches if one.where and one.where not in meant]
    return list(dict.fromkeys(said))


def _effective(field: EffectiveField) -> dict[str, Any]:
    values = plane_of(field.values)
    shown = np.log10(np.maximum(values / values.max(), 1e-4))  # four decades are drawn
    enlarge = max(1, 200 // max(values.shape))
    return {
        "layer": field.layer,
        "picture": data_uri(ColourRange(-4.0, 0.0, "viridis").png(shown, enlarge=enlarge)),
        "half": f"{field.radius_50:.1f}",
        "most": f"{field.radius_95:.1f}",
        "ratio": f"{100 * field.ratio:.0f}",
        "inputs": field.inputs,
    }


def _row(row: LayerRow) -> dict[str, str]:
    def number(value: int) -> str:
        return f"{value:,}" if value else "–"

    strides = [] if row.stride is None else list(dict.fromkeys(f"{s:g}" for s in row.stride))
    return {
        "name": row.name or "(the model itself)",
        "type": row.kind,
        "output": size_text(row.output_shape),
        "parameters": number(row.parameters),
        "multiply_adds": number(row.multiply_adds),
        "memory": _bytes(row.memory_bytes),
        "stride": " × ".join(strides) or "–",
        "field": size_text(row.receptive_field),
        "kind": "" if row.field_kind is None else row.field_kind.value,
        "note": row.remark,
    }


def _size_text(pixel_size: Sequence[float] | None, unit: str | None) -> str:
    if not pixel_size:
        return ""
    return f"{lengths_in_words(pixel_size, unit, digits=4)} a pixel"


def _bytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"


def _short(count: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.2f} {letter}"
    return str(count)


__all__ = ["ReportSection", "report", "shown_layers"]
