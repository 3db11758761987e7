"""What a pretraining run is computed on: recorded in its log, told on the model card."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

_CPU_INFO = Path("/proc/cpuinfo")  # Linux; elsewhere the system has a name for the processor
_NOT_RECORDED = "a machine that the log does not name"


def machine_record(device: str) -> dict[str, Any]:
    """The device's name and how many CPU threads torch uses, as entries of a log record."""
    return {"device": _device_name(device), "threads": torch.get_num_threads()}


def machines_in(log: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The machines of a log in words, each once, in the order in which they were used.

    A run can be taken up elsewhere. Records of older logs name no machine, and that is said.
    """
    return tuple(dict.fromkeys(_in_words(record) for record in log))


def _in_words(record: Mapping[str, Any]) -> str:
    if "device" not in record:
        return _NOT_RECORDED
    threads = int(record["threads"])
    return f"{record['device']} with {threads} CPU thread{'' if threads == 1 else 's'}"


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return _processor() if device == "cpu" else f"{_processor()}, {device}"


def _processor() -> str:
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unnamed processor"
