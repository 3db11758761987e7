"""The part of the report about looking inside a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.inside_bars import ALONE, INSIDE, listed, ms, once, picked, seconds_of, threads_of
from benchmarks.rows import BUSY_CORES, Row
from benchmarks.tables import table

_TOO_BUSY = """ **So these seconds are too long**: threads wait for each other where
others hold a core, and two can be slower than one; a quiet machine has to measure them again."""
_WHERE = (ALONE, INSIDE)
_QUESTIONS = {
    "box": "field box of one cell, from the trace",
    "trace": "following a network once (the trace)",
    "all boxes": "field boxes of all 512² pixels, from the trace",
    "trace and all boxes": "field boxes of all 512² pixels, trace included",
    "architecture table": "architecture table",
    "microscope": "opening the microscope",
    "value": "one value under the microscope",
    "effective field, 32 inputs": "effective field, 32 inputs",
    "ablation of a skip": "ablation of a skip",
    "shift test": "shift test, one shift",
    "dissection of one layer": "dissection, 3 classes on all pixels",
    "dissection of all layers": "dissection of all layers",
    "principal colours": "principal colours, with the maps",
}


def pages(rows: Sequence[Row]) -> str:
    """All tables; nothing where nothing was measured."""
    if not rows:
        return ""
    parts = [_head(rows), _maps(rows), _questions(rows), _window(rows), _exact(rows)]
    parts += [_effective(rows), _ablation(rows), _shifts(rows)]
    return "\n\n".join(part for part in parts if part)


def _head(rows: Sequence[Row]) -> str:
    told = picked(rows, what="conditions")
    timed = [row for row in told if row["unit"].startswith(("seconds", "window"))]
    nice = listed(sorted({row["nice"] for row in timed})) or "–"
    cores = max(row["cores"] for row in told)
    engines = listed(once(row["engine"] for row in told if row["unit"] != "window"))
    return f"""## Looking inside

The network *general-fast* on 512 × 512 px (`skimage.data.camera`); inspection engine {engines}.
Medians of repeated runs on {cores} shared cores (niceness {nice}). {_disturbance(rows, timed)}
Milliseconds, median (p95)."""


def _disturbance(rows: Sequence[Row], timed: Sequence[Row]) -> str:
    """What other programs did meanwhile."""
    others = [row["others_cores"] for row in timed if row["others_cores"] is not None]
    if not others:
        return "What other programs did meanwhile is not known."
    kept = [row["others_cores"] for row in rows if "seconds" in row and row.get("others_cores")]
    said = f"Other programs took\n{min(others):.1f} to {max(others):.1f} cores meanwhile"
    if not kept:
        return f"{said}."
    return (
        f"{said}. So the engine was timed up to twice as often as needed, and\nthe repetitions "
        "least disturbed by others were kept, whatever their seconds; in the worst that was\nkept, "
        f"others took {max(kept):.1f} cores (median over the figures: {np.median(kept):.1f}). "
        "Clicks waited\nfor a quiet moment, where one came."
        + _TOO_BUSY
        * (float(np.median(kept)) > BUSY_CORES)
    )


def _maps(rows: Sequence[Row]) -> str:
    found = picked(rows, what="maps")
    if not found:
        return ""
    columns = [(n, where) for n in threads_of(found) for where in _WHERE]
    lines = [
        [
            layer,
            *(ms(seconds_of(found, layer=layer, threads=n, where=where)) for n, where in columns),
        ]
        for layer in once(row["layer"] for row in found)
    ]
    head = [
        f"{'a view in 2048²' if where != _WHERE[0] else '512² image'}, {n} thread{'s' * (n > 1)}"
        for n, where in columns
    ]
    return f"""### Maps of one layer

A 512² image as a whole, and a 512² view in the middle of a 2048² image, of which only the view and
what it sees is computed.

{table(["layer", *head], lines)}"""


def _questions(rows: Sequence[Row]) -> str:
    found = [row for row in rows if row["what"] in _QUESTIONS and "threads" in row]
    if not found:
        return ""
    threads, lines = threads_of(found), []
    for what, said in _QUESTIONS.items():
        same = picked(found, what=what)
        for layer, where in once((row["layer"], row["where"]) for row in same):
            about = said + (f", {layer}" if layer else "")
            about += ", a view in 2048²" if where != _WHERE[0] else ""
            times = [seconds_of(same, layer=layer, where=where, threads=n) for n in threads]
            lines.append([about, *(ms(seconds) for seconds in times), str(len(times[-1]))])
    head = [f"{n} thread{'s' * (n > 1)}" for n in threads]
    return f"""### Questions to the engine

{table(["", *head, "repeats"], lines)}"""


def _window(rows: Sequence[Row]) -> str:
    clicks = [row for row in rows if row["what"].startswith("click")]
    layers = picked(rows, what="layer")
    if not clicks:
        return "### In the window\n\nThe window was not measured."
    lines = []
    for what in once(row["what"] for row in clicks):
        times = [seconds_of(clicks, what=what, until=until) for until in ("data", "drawn")]
        lines.append([what, *map(ms, times), str(len(times[0]))])
    for layer in once(row["layer"] for row in layers):
        times = [seconds_of(layers, layer=layer, until=until) for until in ("data", "drawn")]
        lines.append([f"choosing {layer}", *map(ms, times), str(len(times[0]))])
    return f"""### In the window

The real napari window on a virtual screen (software OpenGL on the same cores). A mouse click in the
image with the probe on, layer dec1: until the layer "receptive field" has its lines, and until the
canvas has drawn them; then the same once the effective contour is known and drawn along. Choosing
a stage in the drawing while maps are shown: until its maps are in the napari layer, and drawn.

{table(["", "layer has its data", "drawn", "repeats"], lines)}"""


def _exact(rows: Sequence[Row]) -> str:
    parts = [_gradients(rows), _others_tools(rows), _arithmetic(rows)]
    told = "\n".join(part for part in parts if part)
    return f"### How exact\n\n{told}" if told else ""


def _gradients(rows: Sequence[Row]) -> str:
    lines = [
        f"- Boxes of {row['networks']} random networks ({row['flat']} flat, "
        f"{row['networks'] - row['flat']} of volumes) against the support of the gradient of a\n"
        f"  copy with positive weights: {row['boxes']} boxes, {row['mismatches']} wrong."
        for row in picked(rows, what="random networks")
    ]
    placed = picked(rows, what="placement")
    if placed:
        worst = max(placed, key=lambda row: row["error_px"])
        lines.append(
            "- Placement against the centroid of the gradient (mean over a period of cells),\n"
            f"  largest error {worst['error_px']:.1g} px ({worst['network']}); compared: "
            f"{'; '.join(row['network'] for row in placed)}."
        )
    return "\n".join(lines)


def _others_tools(rows: Sequence[Row]) -> str:
    lines = []
    lens = picked(rows, what="torchlens")
    if lens:
        each = ", ".join(
            f"{r['network']} {r['boxes'] - r['mismatches']}/{r['boxes']}" for r in lens
        )
        lines.append(
            "- Boxes at corners and in the middle of every layer for which TorchLens gives one\n"
            f"  (equal/compared): {each}."
        )
    totals = picked(rows, what="torchinfo")
    if totals:
        good = [row["network"] for row in totals if row["agrees"]]
        bad = [row["network"] for row in totals if not row["agrees"]]
        lines.append(
            "- Parameters and multiply-adds equal to torchinfo's (whose way of counting biases,\n"
            "  normalisations and transposed convolutions is taken into account) and to PyTorch's\n"
            f"  counter: {listed(good)}.{f' Different: {listed(bad)}.' if bad else ''}"
        )
    return "\n".join(lines)


def _arithmetic(rows: Sequence[Row]) -> str:
    found = picked(rows, what="arithmetic")
    lines = []
    for group in once(row["group"] for row in found):
        kinds = picked(found, group=group)
        worst = max(kinds, key=lambda row: row["error"])
        values = sum(row["values"] for row in kinds)
        lines.append(
            f"- By hand against PyTorch, {group}: {len(kinds)} kinds, {values} values, largest\n"
            f"  difference {worst['error']:.0e} of the map's largest value ({worst['kind']})."
        )
    return "\n".join(lines)


# ---- what was found


def _effective(rows: Sequence[Row]) -> str:
    found = picked(rows, what="effective field")
    if not found:
        return ""
    lines = [
        [
            row["picture"],
            row["layer"],
            " × ".join(map(str, row["theoretical_px"])),
            *(f"{row[key]:.1f}" for key in ("side_px", "radius_50_px", "radius_95_px")),
            f"{100 * row['ratio']:.0f} %",
        ]
        for row in found
    ]
    head = ["", "layer", "theory", "side, 95 %", "radius, 50 %", "radius, 95 %", "side : theory"]
    return f"""### Found: how much of the field is used

Mean |∂y/∂x| over {found[0]["inputs"]} inputs, px. The side is that of the square as large as the
fewest pixels that hold 95 % of the weight. The untrained U-Net (widths 8 to 64, as PyTorch
initialises it) was given noise, once with the weights that read its skips set to zero.

{table(head, lines, left=2)}"""


def _ablation(rows: Sequence[Row]) -> str:
    found = picked(rows, what="ablation")
    if not found:
        return ""
    modes = once(row["mode"] for row in found)
    lines = []
    for picture, skip in once((row["picture"], row["skip"]) for row in found):
        same = picked(found, picture=picture, skip=skip)
        shares = [f"{100 * picked(same, mode=mode)[0]['changed_share']:.1f} %" for mode in modes]
        change = picked(same, mode=modes[0])[0]["probability_change"]
        lines.append([picture, f"{same[0]['source']} → {skip}", *shares, f"{change:.3f}"])
    head = [
        "",
        "skip",
        *(f"mask changed, {mode}" for mode in modes),
        f"mean change of probability, {modes[0]}",
    ]
    return f"""### Found: what the mask needs the skips for

The network's own two outputs as mask, with each skip replaced by its spatial mean, by zeros
(values that the layers behind never met), or by its pixels in another order.

{table(head, lines, left=2)}"""


def _shifts(rows: Sequence[Row]) -> str:
    found = picked(rows, what="shift")
    if not found:
        return ""
    shifts = once(row["shift_px"] for row in found)
    lines = []
    for picture in once(row["picture"] for row in found):
        same = [picked(found, picture=picture, shift_px=shift)[0] for shift in shifts]
        lines.append([f"{picture}, largest", *(f"{row['max_error']:.3g}" for row in same)])
        lines.append(
            [f"{picture}, relative", *(f"{100 * r['relative_error']:.3g} %" for r in same)]
        )
    return f"""### Found: does the answer move with the image?

Error of the logits after a shift along both axes, where no border reaches: the largest, and the
root mean square as a share of the logits' own. It has to be 0 at multiples
of {found[0]["multiple_px"]} px.

{table(["", *(f"{shift} px" for shift in shifts)], lines)}"""
