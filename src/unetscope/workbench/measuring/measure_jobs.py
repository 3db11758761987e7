"""The door to what finds and measures: loaded by the first worker, for that takes a second."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def jobs() -> Any:
    """The jobs of :mod:`unetscope.session.measuring.object_jobs`."""
    return import_module("unetscope.session.measuring.object_jobs")
