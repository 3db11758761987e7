"""Figures and the page about a measurement: what is on them, and the same bytes each time."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from measuring.phantoms import ball
from unetscope.images.claims import REPORT, Role, mark_of
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.measuring.delivery import write_results
from unetscope.measuring.drawing import DPI, drawn, figure_of
from unetscope.measuring.easy_units import in_easy_unit, number_in_words, told_easily
from unetscope.measuring.html_page import MOST_BYTES, html_page
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.objects import Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.origin import FileSeen, ImageOrigin, Origin
from unetscope.measuring.page_content import page_of
from unetscope.measuring.portrait import PICTURE_PX, Portrait, nice_length, portrait_of
from unetscope.measuring.quantities import Quantity, Spacing
from unetscope.measuring.result_targets import Formats, Targets
from unetscope.measuring.summary import Procedure

PORE = LabelClass(2, "<pore> & co", "#E69F00")
ORIGIN = Origin(
    (ImageOrigin("a.tif", FileSeen("a.tif", "ab" * 32), model={"file": "m.unetscope"}),),
    {"edge": "weight"},
    {"unetscope": "0.9"},
)


def shown(shape: tuple[int, int] = (140, 180), step: int = 28) -> tuple[Portrait, Measurements]:
    """Disks in rows, two of which touch, the first column cut by the edge."""
    labels = np.zeros(shape, np.uint8)
    for y in range(14, shape[0], step):
        for x in range(2, shape[1], step):
            labels |= 2 * ball(shape, (y, x), 8 + x / 50, (1, 1)).astype(np.uint8)
    labels |= 2 * ball(shape, (42, 44), 6.5, (1, 1)).astype(np.uint8)
    grey = (np.random.default_rng(0).normal(100, 20, shape) + labels * 30).astype(np.float32)
    image = Micrograph(grey, "yx", (4.0, 4.0), "nm")
    segmented = SegmentedImage("a.tif", labels, Spacing((4.0, 4.0), "nm"), None, image)
    wanted = Wanted((2,), Separation("shape"))
    objects = objects_in(segmented, wanted)
    measured = measure_image(segmented, wanted, objects)
    procedure = Procedure(objects.how, "weight", "0.9")
    found = Measurements((measured,), {2: PORE.name}, procedure, colors={2: PORE.color})
    return portrait_of("a.tif", objects, measured.table, image), found


def test_outlines_run_between_the_pixels_of_objects_and_others() -> None:
    ids = np.zeros((20, 30), np.uint8)
    ids[5:9, 10:20] = 2
    segmented = SegmentedImage("a", ids, Spacing((1.0, 1.0)))
    wanted = Wanted((2,))
    objects = objects_in(segmented, wanted)
    (one,) = portrait_of("a", objects, measure_image(segmented, wanted, objects).table).outlines
    (ring,) = one.rings
    assert ring.min(0).tolist() == [9.5, 4.5] and ring.max(0).tolist() == [19.5, 8.5]
    assert not one.cut and one.value == 2


def test_a_portrait_is_small_and_says_which_objects_are_doubtful() -> None:
    portrait, found = shown()
    table = found.images[0].table
    assert len(portrait.outlines) == len(table)
    assert sum(one.cut for one in portrait.outlines) == table.columns["at_border"].sum() > 0
    doubt = table.columns["doubt"]
    assert portrait.doubtful and portrait.doubtful[0].doubt == doubt.max()
    worst = portrait.doubtful[0]
    assert worst.number == table.columns["object"][doubt.argmax()]
    assert max(worst.picture.shape) < 60 and worst.rings
    labels = np.zeros((8, 2 * PICTURE_PX + 10), np.uint8)
    labels[2:6, 5:-5] = 2
    segmented = SegmentedImage("wide", labels, Spacing((1.0, 1.0)))
    objects = objects_in(segmented, Wanted((2,)))
    wide = portrait_of("wide", objects, measure_image(segmented, Wanted((2,)), objects).table)
    assert wide.step == 3 and wide.picture.shape == (3, -(-labels.shape[1] // 3), 3)


def test_of_a_stack_the_middle_plane_is_shown() -> None:
    labels = np.zeros((9, 40, 40), np.uint8)
    labels[4, 10:20, 10:20] = labels[3, 10:20, 10:20] = 2
    labels[0:2, 30:36, 30:36] = 2
    image = Micrograph(np.arange(9, dtype=np.uint16)[:, None, None] + labels, "zyx")
    segmented = SegmentedImage("s", labels, Spacing((5.0, 1.0, 1.0), "nm"), None, image)
    objects = objects_in(segmented, Wanted((2,)))
    portrait = portrait_of(
        "s", objects, measure_image(segmented, Wanted((2,)), objects).table, image
    )
    assert portrait.plane == 4 and len(portrait.outlines) == 1


def test_a_figure_has_300_dots_an_inch_a_bar_and_a_legend() -> None:
    portrait, found = shown()
    figure = figure_of(portrait, found.names, {2: PORE.color})
    with Image.open(io.BytesIO(drawn(figure, "png"))) as image:
        assert round(image.info["dpi"][0]) == DPI == 300
        assert image.width == round(figure.get_size_inches()[0] * 300)
    text = drawn(figure_of(portrait, found.names, {2: PORE.color}), "svg").decode()
    assert ">100 nm<" in text  # a fifth of 720 nm is 144
    inside = sum(not one.cut for one in portrait.outlines)
    assert f"(n = {inside})" in text and "at the edge (n = " in text


@pytest.mark.parametrize(("wide", "length"), [(720, 100), (1000, 200), (0.9, 0.1), (26, 5)])
def test_a_scale_bar_is_a_round_length_of_about_a_fifth(wide: float, length: float) -> None:
    assert nice_length(wide) == pytest.approx(length)


def test_the_page_tells_all_numbers_and_hides_no_markup_in_names() -> None:
    portrait, found = shown()
    text = html_page(page_of(found, [portrait], ORIGIN), found)
    assert len(text.encode()) <= MOST_BYTES
    assert "<pore>" not in text and "&amp; co" in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)  # nothing is fetched
    for number in found.quantities[PORE.name]:
        called = escape(number.name)
        assert called.lower() in text.lower(), number.name
        assert f"{number.n:,} {number.of}" in text
    assert "reach the edge" in text and "m.unetscope" in text and "abababababab" in text
    assert text.count("data:image/jpeg") == 1 + len(portrait.doubtful)


def test_certainty_is_told_where_it_is_known() -> None:
    portrait, found = shown()
    known = replace(found, certainty=("d50 lies between 70 and 80 nm for other edges.",))
    assert "How sure" in html_page(page_of(known, [portrait], ORIGIN), known)
    assert "How sure" not in html_page(page_of(found, [portrait], ORIGIN), found)


def test_nothing_found_makes_a_page_as_well() -> None:
    labels = np.ones((30, 30), np.uint8)
    segmented = SegmentedImage("a", labels, Spacing((1.0, 1.0)))
    objects = objects_in(segmented, Wanted((2,)))
    measured = measure_image(segmented, Wanted((2,)), objects)
    found = Measurements((measured,), {2: "pore"}, Procedure(None, "weight", "0.9"))
    page = page_of(found, [portrait_of("a", objects, measured.table)], ORIGIN)
    assert page.title == "Pore: 0 objects in a" and not page.thumbnails
    assert "not measured" in html_page(page, found)


def test_figures_and_pages_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    formats = Formats(figures=("png", "svg"), reports=("html", "pdf"))
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        portrait, found = shown()
        goal = Targets(folder / "out.csv", formats, ("a.tif",))
        files = list(write_results(found, goal, ORIGIN, REPORT, {0: portrait}))
        assert set(files) == set(goal.everything())
        assert all(mark_of(path) is Role.REPORT for path in files)
        written.append([path.read_bytes() for path in sorted(files)])
    assert written[0] == written[1]
    assert (tmp_path / "one" / "out_report.pdf").read_bytes().startswith(b"%PDF")


def test_numbers_are_written_to_be_read() -> None:
    told = [number_in_words(v) for v in (22.4123, 12345.6, 0.31, 0, float("nan"), 1.234e-6)]
    assert told == ["22.41", "12,346", "0.31", "0", "not measured", "1.234 × 10⁻⁶"]
    density = Quantity("density", 1.2e-6, "1/nm²", 40, "objects", "m", 1e-6, 1.5e-6)
    easy = in_easy_unit(density)
    assert (easy.unit, easy.value) == ("1/µm²", pytest.approx(1.2))
    assert easy.low == pytest.approx(1.0)
    assert told_easily(density) == "density: 1.2 /µm² (1 to 1.5, 95%; n = 40 objects)"
    length = Quantity("mean diameter", 2500.0, "nm", 9, "objects", "m", reason="few")
    assert (in_easy_unit(length).value, in_easy_unit(length).unit) == (2.5, "µm")
    fraction = Quantity("fraction", 0.001, "", 9, "pixels", "m", reason="few")
    assert in_easy_unit(fraction) == fraction
