"""The page about throughput: verdicts follow from rows, and what was not installed is said."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import inference_pages, peers

ROWS: list[dict[str, Any]] = [
    {"what": "ceiling", "threads": 2, "gflops": {"fp32": 200.0, "bf16": 400.0}},
    *(
        {
            "what": "inference",
            "network": "fast",
            "form": form,
            "precision": precision,
            "mpx_s": 2.0,
            "of_ceiling": share,
            "of_ceiling_best": share + 0.02,
        }
        for form, share in (("folded and fused", 0.85), ("OpenVINO", 0.88))
        for precision in ("fp32", "bf16")
    ),
    {
        "what": "inference",
        "network": "fast",
        "form": "ONNX Runtime",
        "precision": "fp32",
        "missing": "not installed",
    },
    {
        "what": "training",
        "precision": "bf16",
        "steps_s": 20.0,
        "steps_s_with_checks": 18.0,
        "mpx_s": 1.3,
        "of_ceiling": 0.7,
    },
    {"what": "tiling", "form": "whole", "mpx_s": 1.0, "different_px": 0},
    {"what": "tiling", "form": "tiled", "mpx_s": 0.9, "different_px": 0},
    *(
        {
            "what": "sliding",
            "form": form,
            "precision": precision,
            "mpx_s": speed,
            "mpx_s_best": speed,
            "different": different,
        }
        for form, precision, speed, different in (
            ("our tiles of 512 px, cropped decoder", "fp32", 2.2, 0.0),
            ("our tiles of 512 px, cropped decoder", "bf16", 3.0, 0.001),
            ("MONAI, overlap 0.25, as trained", "fp32", 0.7, 0.002),
            ("MONAI, overlap 0.25", "fp32", 1.0, 0.002),
        )
    ),
    {"what": "streaming", "side": 2048, "form": "kept", "mpx_s": 2.0, "added_mb": 300.0},
    {"what": "streaming", "side": 8192, "form": "kept", "mpx_s": 2.0, "added_mb": 310.0},
]


def verdicts(rows: list[dict[str, Any]]) -> dict[str, bool | None]:
    return {bar.what.split(",")[0]: bar.met for bar in inference_pages.bars(rows)}


def test_targets_are_judged_by_the_rows() -> None:
    bars = inference_pages.bars(ROWS)
    as_trained, folded = [True, True], [True, False]
    expected = [True, True, False, *as_trained, *folded, False, True]
    assert [bar.met for bar in bars] == expected
    assert "3.1 ×" in bars[3].measured and "4.3 ×" in bars[4].measured
    assert "2.2 ×" in bars[5].measured and "3.0 ×" in bars[6].measured
    assert "310 MB at 8192²" in bars[-1].measured


def test_one_different_label_is_not_exact() -> None:
    changed = [row | {"different": 1e-6} if row.get("different") == 0.0 else row for row in ROWS]
    assert inference_pages.bars(changed)[3].met is False


def test_what_was_not_measured_has_no_verdict() -> None:
    assert all(bar.met is None for bar in inference_pages.bars([]))
    assert inference_pages.page([]) == ""
    assert (
        verdicts([row for row in ROWS if row["what"] != "streaming"])["memory a prediction adds"]
        is None
    )


def test_the_page_names_what_is_not_installed() -> None:
    page = inference_pages.page(ROWS)
    line = next(line for line in page.splitlines() if "ONNX Runtime" in line)
    assert "not installed" in line
    assert line.count("|") == page.splitlines()[page.splitlines().index(line) - 1].count("|")
    assert "2.2 ×" in page and "0.100 %" in page and "8192²" in page


def test_a_missing_package_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "there", lambda module: False)
    assert peers.nnunet_network() is None
    assert peers.monai(lambda image: image, "MONAI, overlap 0.25") is None
