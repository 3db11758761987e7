"""Figures and reports as files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, cast

from unetscope.images.claims import Claim
from unetscope.images.writing import replacing
from unetscope.measuring.drawing import drawn, figure_of
from unetscope.measuring.html_page import html_page
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.origin import Origin
from unetscope.measuring.page_content import page_of
from unetscope.measuring.pdf_page import pdf_page
from unetscope.measuring.portrait import Portrait
from unetscope.measuring.result_targets import Targets


def write_pictures(
    found: Measurements,
    targets: Targets,
    origin: Origin,
    claim: Claim,
    portraits: Mapping[int, Portrait],
) -> Iterator[Path]:
    """Write the figure of each image, and the pages about all of them.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    colors = {value: found.color_of(value) for value in found.names}
    for number, portrait in sorted(portraits.items()):
        for path in targets.figures(number):
            figure = figure_of(portrait, found.names, colors)
            kind = cast("Literal['png', 'svg']", path.suffix[1:])
            _write(drawn(figure, kind), path, claim)
            yield path
    if not targets.reports:
        return
    page = page_of(found, [portrait for _, portrait in sorted(portraits.items())], origin)
    for path in targets.reports:
        if path.suffix == ".pdf":
            _write(pdf_page(page, found), path, claim)
        else:
            _write(html_page(page, found).encode("utf-8"), path, claim)
        yield path


def _write(content: bytes, path: Path, claim: Claim) -> None:
    with replacing(path, claim) as temporary:
        temporary.write_bytes(content)
