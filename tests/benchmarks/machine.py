"""The machine and the program, in neutral words."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.rows import BUSY_CORES, fingerprint

_MOMENT_S = 0.1


def machine() -> dict[str, str]:
    """What timings depend on; no names of hosts, users or paths."""
    import torch

    flags = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    info = _cpu_info()
    present = [flag for flag in flags if flag in info.get("flags", "").split()]
    return {
        "processor": _neutral(info.get("model name", platform.processor() or "unknown")),
        "vector units": ", ".join(present) or "not known",
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
        "napari": version("napari"),
        "scikit-image": version("scikit-image"),
        "scikit-learn": version("scikit-learn"),
        "weights and engine": fingerprint(),
        "engines of others": ", ".join(_others()) or "none installed",
    }


def _others() -> list[str]:
    """What the network is compared with, where it is installed."""
    found = []
    for name in ("openvino", "onnxruntime", "monai", "dynamic_network_architectures"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found


class OtherPrograms:
    """How many cores other programs use, from the making of this object to :meth:`cores`."""

    def __init__(self) -> None:
        self._began = _used_s()

    def cores(self) -> float | None:
        """Cores that were busy and not with this process or its ended children; None: unknown."""
        now = _used_s()
        if now is None or self._began is None:
            return None
        wall, busy, own = (a - b for a, b in zip(now, self._began, strict=True))
        return max(0.0, (busy - own) / wall) if wall > 0 else 0.0


class Quiet:
    """Waits for moments in which other programs are idle; ``budget_s`` in all, then no more."""

    def __init__(self, budget_s: float) -> None:
        self._left_s = budget_s

    @property
    def hopeless(self) -> bool:
        """Whether the time for waiting is used up."""
        return self._left_s <= 0

    def wait(self, rest: Callable[[float], None] = time.sleep) -> None:
        """Return after a tenth of a second in which other programs were quiet."""
        while self._left_s > 0:
            others = OtherPrograms()
            rest(_MOMENT_S)
            self._left_s -= _MOMENT_S
            if (others.cores() or 0.0) <= BUSY_CORES:
                return


def _used_s() -> tuple[float, float, float] | None:
    """Seconds: on the clock, of all cores in use, and of this process with its children."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    ticks = [int(word) for word in path.read_text().split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    own = os.times()
    busy = (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK")
    return own.elapsed, busy, own.user + own.system + own.children_user + own.children_system


def _cpu_info() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _neutral(name: str) -> str:
    return re.sub(r"\s+", " ", name.replace("(R)", "").replace("(TM)", "")).strip()
