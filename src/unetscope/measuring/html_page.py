"""The page about a measurement as one file of HTML: pictures lie in it, nothing is fetched."""

from __future__ import annotations

import base64
import io
from importlib import resources
from typing import Any

from jinja2 import Environment
from PIL import Image

from unetscope.images.classes import harmless
from unetscope.measuring.drawing import (
    draw_portrait,
    draw_thumbnail,
    drawn,
    histogram_of,
    new_figure,
    page_style,
    shown_inches,
)
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.page_content import Page
from unetscope.measuring.portrait import Portrait, Thumbnail

#: A page that goes by mail.
MOST_BYTES = 3_000_000
_QUALITY = (88, 75, 60, 40)
_WIDE, _HIGH = 6.0, 6.0
_DPI = 200
_THUMB_INCHES = 0.8
_HISTOGRAM = (3.6, 2.1)


def html_page(page: Page, found: Measurements) -> str:
    """The page; pictures are made coarser where it would be larger than 3 MB."""
    text = ""
    for quality in _QUALITY:
        text = _rendered(page, found, quality)
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


def _rendered(page: Page, found: Measurements, quality: int) -> str:
    return str(
        _template().render(
            page=page,
            pictures=[_picture(one, found, quality) for one in page.portraits],
            histograms=[
                (part, _svg(histogram_of(part.sizes, part.quantities, part.color, _HISTOGRAM)))
                for part in page.parts
                if part.sizes is not None
            ],
            thumbnails=[_thumbnail(one, found, quality) for one in page.thumbnails],
        )
    )


def _template() -> Any:
    folder = resources.files("unetscope.measuring") / "templates"
    source = (folder / "measured.html.j2").read_text(encoding="utf-8")
    return Environment(autoescape=True, trim_blocks=True).from_string(source)


def _picture(portrait: Portrait, found: Measurements, quality: int) -> dict[str, str]:
    with page_style():
        wide, high = shown_inches(portrait, _WIDE, _HIGH)
        figure = new_figure(wide, high)
        draw_portrait(figure.add_axes((0, 0, 1, 1)), portrait, _colors(portrait, found), wide)
    plane = "" if portrait.plane is None else f", plane {portrait.plane}"
    name = harmless(portrait.name)
    caption = f"{name}{plane}; dashed: at the edge"
    return {"name": name, "caption": caption, "source": _jpeg(drawn(figure, "png", _DPI), quality)}


def _thumbnail(one: Thumbnail, found: Measurements, quality: int) -> dict[str, str]:
    with page_style():
        figure = new_figure(_THUMB_INCHES, _THUMB_INCHES)
        draw_thumbnail(figure.add_axes((0, 0, 1, 1)), one, found.color_of(one.value))
    source = _jpeg(drawn(figure, "png", _DPI), quality)
    return {"number": f"{one.number}", "doubt": f"{one.doubt:.2f}", "source": source}


def _colors(portrait: Portrait, found: Measurements) -> dict[int, str]:
    return {one.value: found.color_of(one.value) for one in portrait.outlines}


def _jpeg(png: bytes, quality: int) -> str:
    """A picture as text for the ``src`` of an image."""
    kept = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(kept, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(kept.getvalue()).decode("ascii")


def _svg(figure: Any) -> str:
    """A drawing that stands in the page itself; its letters are those of the page."""
    text = drawn(figure, "svg").decode("utf-8")
    return text[text.index("<svg") :].replace("DejaVu Sans", "system-ui, DejaVu Sans")
