"""The part of the report about throughput: engines, tiles, memory and training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.rows import Row
from benchmarks.sliding import AS_TRAINED
from benchmarks.tables import Bar, table

# The same folded network and the same tile size on both sides; other forms are rows, not verdicts.
_MONAI = "MONAI, overlap 0.25"
_OURS = "our tiles of 512 px, cropped decoder"


def bars(rows: Sequence[Row]) -> list[Bar]:
    """The targets on throughput and memory."""
    return [
        _tiling_bar(rows),
        *_ceiling_bars(rows),
        *_monai_bars(rows),
        _training_bar(rows),
        _memory_bar(rows),
    ]


def page(rows: Sequence[Row]) -> str:
    """All tables about throughput."""
    if not rows:
        return ""
    parts = [_engines(rows), _whole_prediction(rows), _sliding(rows), _streaming(rows)]
    return "\n\n".join(part for part in parts if part)


def _of(rows: Sequence[Row], what: str, **wanted: Any) -> list[Row]:
    """The measured rows about ``what``."""
    return [
        row
        for row in rows
        if row["what"] == what
        and "missing" not in row
        and all(row.get(key) == value for key, value in wanted.items())
    ]


def _tiling_bar(rows: Sequence[Row]) -> Bar:
    what, target = "pixels that differ between tiled and whole prediction", "0"
    found = _of(rows, "tiling")
    if not found:
        return Bar(what, target, "", None)
    return Bar(what, target, str(found[0]["different_px"]), found[0]["different_px"] == 0)


def _ceiling_bars(rows: Sequence[Row]) -> list[Bar]:
    made = []
    for form, least, said in (("folded and fused", 0.8, "torch"), ("OpenVINO", 0.9, "OpenVINO")):
        what = f"inference with {said}, share of the conv ceiling (fast and large, fp32 and bf16)"
        found = [row["of_ceiling"] for row in _of(rows, "inference", form=form)]
        if not found:
            made.append(Bar(what, f"≥ {100 * least:.0f} %", "", None))
            continue
        shares = ", ".join(f"{100 * share:.0f}" for share in found)
        made.append(Bar(what, f"≥ {100 * least:.0f} %", f"{shares} %", min(found) >= least))
    return made


def _monai_bars(rows: Sequence[Row]) -> list[Bar]:
    """Against MONAI with the network as its user has it, and with the one that we have folded."""
    made = []
    same = " and the labels of one pass over the whole image"
    for form, given in ((AS_TRAINED, "as it was trained"), (_MONAI, "folded by us")):
        base = _of(rows, "sliding", form=form, precision="fp32")
        for precision, least in (("fp32", 2.0), ("bf16", 4.0)):
            what = (
                f"whole image, network alone, {precision}: times MONAI's default in fp32 "
                f"with the network {given}"
            )
            exact = same if precision == "fp32" else ""
            ours = _of(rows, "sliding", form=_OURS, precision=precision)
            if not base or not ours:
                made.append(Bar(what, f"≥ {least:.0f} ×{exact}", "", None))
                continue
            ratio, different = ours[0]["mpx_s"] / base[0]["mpx_s"], ours[0]["different"]
            met = ratio >= least and (precision == "bf16" or different == 0)
            said = f"{ratio:.1f} ×, {100 * different:.2g} % of the labels differ"
            made.append(Bar(what, f"≥ {least:.0f} ×{exact}", said, met))
    return made


def _training_bar(rows: Sequence[Row]) -> Bar:
    what, target = "fine-tuning, share of the conv ceiling", "≥ 75 %"
    found = _of(rows, "training")
    if not found:
        return Bar(what, target, "", None)
    share = found[0]["of_ceiling"]
    return Bar(what, target, f"{100 * share:.0f} %", share >= 0.75)


def _memory_bar(rows: Sequence[Row]) -> Bar:
    what, target = "memory a prediction adds, file to file, at any size", "≤ 500 MB"
    found = _of(rows, "streaming", form="kept")
    if not found:
        return Bar(what, target, "", None)
    said = ", ".join(f"{row['added_mb']:.0f} MB at {row['side']}²" for row in found)
    return Bar(what, target, said, max(row["added_mb"] for row in found) <= 500)


def _cells(row: Row, *cells: Callable[[Row], str]) -> list[str]:
    if "missing" in row:
        return [row["missing"], *("" for _ in cells[1:])]
    return [cell(row) for cell in cells]


def _share(key: str) -> Callable[[Row], str]:
    return lambda row: f"{100 * row[key]:.0f} %"


def _speed(row: Row) -> str:
    return f"{row['mpx_s']:.2f}"


def _engines(rows: Sequence[Row]) -> str:
    ceiling = next(row for row in rows if row["what"] == "ceiling")
    lines = [
        [
            f"{row['network']}, {row['form']}, {row['precision']}",
            *_cells(row, _speed, _share("of_ceiling"), _share("of_ceiling_best")),
        ]
        for row in rows
        if row["what"] == "inference"
    ]
    return f"""## Throughput

The ceiling is the best 3×3 convolution of the networks' own sizes in the same run:
{ceiling["gflops"]["fp32"]:.0f} GFLOP/s in fp32, {ceiling["gflops"]["bf16"]:.0f} in bf16, on
{ceiling["threads"]} threads. Inference of 512 × 512 px, network alone, channels-last, all forms in
turns; medians, and the share of the fastest turn. nnU-Net's network is the one it plans in 2D, with
random weights.

{table(["network", "Mpx/s", "of the ceiling", "fastest"], lines)}"""


def _whole_prediction(rows: Sequence[Row]) -> str:
    training, tiling = _of(rows, "training")[0], {r["form"]: r for r in _of(rows, "tiling")}
    return f"""Fine-tuning *fast* (batch 4 × 128², {training["precision"]}):
{training["steps_s"]:.1f} steps/s ({training["mpx_s"]:.2f} Mpx/s,
{100 * training["of_ceiling"]:.0f} % of the ceiling, with augmentation and drawing of patches);
{training["steps_s_with_checks"]:.1f} steps/s with the checks between epochs.

A whole prediction (filters, network and head) of 1536 × 1536 px: {tiling["whole"]["mpx_s"]:.2f}
Mpx/s at once, {tiling["tiled"]["mpx_s"]:.2f} Mpx/s in tiles of 512 px, with
{tiling["tiled"]["different_px"]} different pixels."""


def _sliding(rows: Sequence[Row]) -> str:
    lines = []
    base = _of(rows, "sliding", form=_MONAI, precision="fp32")
    for row in (row for row in rows if row["what"] == "sliding"):
        times = f"{row['mpx_s'] / base[0]['mpx_s']:.1f} ×" if base and "mpx_s" in row else ""
        different = f"{100 * row['different']:.3f} %" if "different" in row else ""
        lines.append([f"{row['form']}, {row['precision']}", *_cells(row, _speed), times, different])
    if not lines:
        return ""
    return f"""The network *fast*, folded, over 1536 × 1536 px, in tiles of 512 px where
nothing else is said. MONAI's windows go through the same folded network, which "times" refers to;
the row "as trained" is the network before folding, in torch's own layout, as MONAI's user has it.
Labels are compared with one fp32 pass over the whole image.

{table(["", "Mpx/s", "times MONAI's default", "labels that differ"], lines)}"""


def _streaming(rows: Sequence[Row]) -> str:
    names = {"plain": "allocator as it is", "kept": "freed memory kept"}
    lines = [
        [f"{row['side']}², {names[row['form']]}", _speed(row), f"{row['added_mb']:.0f}"]
        for row in _of(rows, "streaming")
    ]
    if not lines:
        return ""
    return f"""From a memory-mapped 16 bit image to a TIFF of labels, in fresh processes; the
network *fast* alone, in the precision that the probe chooses. Memory is the most that the process
added, without pages of files.

{table(["", "Mpx/s", "added, MB"], lines)}"""
