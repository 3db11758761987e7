"""The door to what finds, measures and writes: loaded by the first worker, which takes a second."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def jobs() -> Any:
    """Objects are found, corrected and coloured."""
    return import_module("unetscope.session.measuring.object_jobs")


def results() -> Any:
    """Numbers become files."""
    return import_module("unetscope.session.measuring.result_jobs")


def project_jobs() -> Any:
    """All images of a project are measured."""
    return import_module("unetscope.session.measuring.project_measuring")
