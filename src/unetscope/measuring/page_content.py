"""What stands on the page about a measurement, for every form it is written in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unetscope.errors import capital
from unetscope.images.classes import harmless
from unetscope.images.units import lengths_in_words
from unetscope.measuring.easy_units import in_easy_unit, number_in_words, unit_behind
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.origin import ImageOrigin, Origin
from unetscope.measuring.populations import OBJECTS, Population, population_of
from unetscope.measuring.portrait import Portrait, Thumbnail, most_doubtful
from unetscope.measuring.quantities import LEVEL, PIXELS, Quantity

#: So many images are shown.
PICTURES = 3
_MOST_FILES = 12


@dataclass(frozen=True)
class NumberRow:
    """One number as it is read: its value with the unit, interval or why there is none, and n."""

    name: str
    value: str
    interval: str
    n: str


@dataclass(frozen=True, eq=False)
class ClassPart:
    """One class: its numbers, and its sizes; None where too few are there to be drawn."""

    name: str
    color: str
    rows: tuple[NumberRow, ...]
    quantities: tuple[Quantity, ...]
    sizes: Population | None


@dataclass(frozen=True, eq=False)
class Page:
    """All that the page says.

    ``left_out`` and ``certainty`` are sentences, ``origin`` pairs of what and which.
    """

    title: str
    subtitle: str
    parts: tuple[ClassPart, ...]
    portraits: tuple[Portrait, ...]
    thumbnails: tuple[Thumbnail, ...]
    left_out: tuple[str, ...]
    certainty: tuple[str, ...]
    paragraph: str
    origin: tuple[tuple[str, str], ...]


def page_of(found: Measurements, portraits: Sequence[Portrait], origin: Origin) -> Page:
    """The page about all images of a work."""
    count = sum(len(image.table) for image in found.images)
    images = found.images
    where = harmless(images[0].name) if len(images) == 1 else f"{len(images)} images"
    names = ", ".join(map(harmless, found.names.values()))
    return Page(
        f"{capital(names)}: {count:,} objects in {where}",
        _subtitle(found),
        tuple(_part(found, value, name) for value, name in found.names.items()),
        tuple(portraits[:PICTURES]),
        tuple(most_doubtful(tuple(portraits))),
        tuple(_left_out(found)),
        found.certainty,
        found.paragraph,
        tuple(_origin_rows(origin)),
    )


def _part(found: Measurements, value: int, name: str) -> ClassPart:
    numbers = found.quantities[name] + found.means.get(name, ())
    tables = [image.table.of_class(value) for image in found.images]
    sizes = population_of(tables, found.procedure.edge)
    return ClassPart(
        harmless(name),
        found.color_of(value),
        tuple(_row(number) for number in numbers),
        found.quantities[name],
        sizes if sizes.count >= OBJECTS else None,
    )


def _row(number: Quantity) -> NumberRow:
    easy = in_easy_unit(number)
    unit = "" if math.isnan(easy.value) else unit_behind(easy.unit)
    interval = f"no interval: {easy.reason}"
    if easy.low is not None and easy.high is not None:
        interval = f"{number_in_words(easy.low)} to {number_in_words(easy.high)}"
    return NumberRow(
        easy.name if re.match(r"d\d", easy.name) else capital(easy.name),
        f"{number_in_words(easy.value)}{unit}",
        interval,
        f"{easy.n:,} {easy.of}",
    )


def _subtitle(found: Measurements) -> str:
    sizes = {image.table.spacing for image in found.images}
    pixel = "pixels of several sizes"
    if len(sizes) == 1:
        spacing = next(iter(sizes))
        told = lengths_in_words(spacing.size, spacing.unit)
        pixel = "pixel size not known" if spacing.unit == PIXELS else f"pixels of {told}"
    groups = f", {len(found.groups)} groups" if found.groups else ""
    made = found.procedure.version
    return f"{pixel}{groups} · intervals {LEVEL:.0%} · unetscope {made}"


def _left_out(found: Measurements) -> Iterator[str]:
    cut = sum(int(image.table.columns["at_border"].sum()) for image in found.images)
    count = sum(len(image.table) for image in found.images)
    done = {
        "weight": "left out, and the rest weighted for it",
        "drop": "left out",
        "keep": "kept as they are seen",
    }[found.procedure.edge]
    yield f"{cut:,} of {count:,} objects {'reaches' if cut == 1 else 'reach'} the edge: {done}."
    dropped = sum(image.seen.dropped for image in found.images)
    if dropped:
        yield f"{dropped:,} {'was' if dropped == 1 else 'were'} left out as too small."
    shares = [
        image.seen.pixels * image.table.spacing.cell / math.prod(image.table.field)
        for image in found.images
    ]
    if min(shares) < 0.999:
        yield "Only pixels of the regions that were drawn count."
    low = sum(image.seen.count_range[0] for image in found.images)
    high = sum(image.seen.count_range[1] for image in found.images)
    if low != high:
        yield f"Telling apart at twice and at half the depth gives {low:,} to {high:,} objects."


def _origin_rows(origin: Origin) -> Iterator[tuple[str, str]]:
    for image in origin.images[:_MOST_FILES]:
        yield harmless(image.name), "; ".join(_about(image))
    if len(origin.images) > _MOST_FILES:
        yield "…", f"and {len(origin.images) - _MOST_FILES} more, see origin.json"
    if origin.options:
        told = (
            f"{name.replace('_', ' ')} {_said(v)}" for name, v in sorted(origin.options.items())
        )
        yield "asked for", ", ".join(told)
    yield "made with", ", ".join(f"{name} {number}" for name, number in origin.versions.items())


def _about(image: ImageOrigin) -> Iterator[str]:
    yield f"labels SHA-256 {image.labels.sha256[:12]}"
    if image.image is not None:
        yield f"image SHA-256 {image.image.sha256[:12]}"
    if image.model:
        name = harmless(str(image.model.get("file", image.model.get("name", ""))))
        digest = str(image.model.get("sha256", ""))[:12]
        yield f"predicted by {name} {digest}".rstrip()
    yield {
        "told": "pixel size as told",
        "file": "pixel size of the file",
        "nobody": "no pixel size",
    }.get(image.pixel_size_from, image.pixel_size_from)
    if image.edits:
        yield f"{len(image.edits)} edits by hand"
    if image.group:
        yield f"group {harmless(image.group)}"


def _said(value: object) -> str:
    if value is True:
        return ""
    return harmless(" ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
