"""Memory and speed from file to file: one image in one fresh process.

``python -m benchmarks.streaming SIDE plain|kept`` prints one JSON row.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_EVERY_S = 0.02


def streaming_rows(sides: tuple[int, ...]) -> list[dict[str, Any]]:
    """A row for each side and each way of keeping memory; none on systems without /proc."""
    if not Path("/proc/self/status").exists():
        return []
    rows = []
    for side in sides:
        for way in ("plain", "kept"):
            command = [sys.executable, "-m", "benchmarks.streaming", str(side), way]
            done = subprocess.run(
                command, cwd=ROOT / "tests", capture_output=True, text=True, check=True
            )
            rows.append(json.loads(done.stdout.splitlines()[-1]))
    return rows


class _Peak(threading.Thread):
    """The most anonymous memory this process had while the thread ran, in MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = self.most = anonymous_mb()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_EVERY_S):
            self.most = max(self.most, anonymous_mb())

    def added(self) -> float:
        """What came on top of the memory before."""
        self._over.set()
        self.join()
        return self.most - self.before


def anonymous_mb() -> float:
    """Resident memory that is no file's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell RssAnon")


def _measure(side: int, way: str) -> dict[str, Any]:

    import numpy as np

    from benchmarks.sliding import network_model
    from unetscope.computing.machine import Engine
    from unetscope.computing.memory import keep_freed_memory
    from unetscope.images.micrograph import as_micrograph
    from unetscope.learning.prediction import PredictOptions
    from unetscope.scaling import predicting
    from unetscope.scaling.predicting import AnswerFiles, predict_to

    model = network_model("fast").with_features(own_normalisation=True)
    if way == "plain":  # what predict_to does without asking is left out
        predicting.keep_freed_memory = lambda: False  # type: ignore[assignment]
    else:
        keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        pixels = np.memmap(path / "image.raw", np.uint16, "w+", shape=(side, side))
        rng = np.random.default_rng(0)
        for top in range(0, side, 512):  # by rows: the image is never whole in memory here either
            pixels[top : top + 512] = rng.integers(0, 4096, pixels[top : top + 512].shape)
        image = as_micrograph(np.memmap(path / "image.raw", np.uint16, "r", shape=(side, side)))
        peak = _Peak()
        peak.start()
        began = time.perf_counter()
        engine, options = Engine("torch", "auto"), PredictOptions(device="cpu")
        for _ in predict_to(model, image, AnswerFiles(path / "labels.tif"), options, engine=engine):
            pass
        seconds = time.perf_counter() - began
        return {
            "what": "streaming",
            "side": side,
            "form": way,
            "mpx_s": side * side / 1e6 / seconds,
            "added_mb": peak.added(),
        }


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]), sys.argv[2])))
