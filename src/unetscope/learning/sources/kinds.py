"""What the catalogue must know of a kind of sources: its name, how it is opened, what is listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from unetscope.errors import ModelFileError
from unetscope.learning.sources.source import FeatureSource

Where = Literal["built in", "on this computer", "to download"]


@dataclass(frozen=True)
class Opening:
    """How a source is to be opened.

    Attributes
    ----------
    spec : its name.
    channels : of the images.
    options, state : what those methods of the source gave, as a model file keeps it; None: a new
        one.
    allow_download : fetch weights that are not on this computer.
    hub : where weights lie; None for the user's.
    """

    spec: str
    channels: int = 1
    options: Mapping[str, Any] | None = None
    state: Mapping[str, Tensor] | None = None
    allow_download: bool = False
    hub: Path | None = None


@dataclass(frozen=True)
class SourceEntry:
    """One line of the catalogue; ``spec`` is what opens it."""

    spec: str
    title: str
    licence_note: str
    where: Where
    download_mb: int | None = None


def no_options(options: Mapping[str, Any]) -> None:
    """Refuse options in a model file, for a kind that has none."""
    if options:
        raise ModelFileError(f"a source has the options {sorted(options)}, and it takes none.")


def nothing_listed(_hub: Path | None) -> tuple[SourceEntry, ...]:
    """A kind that is opened by its name only."""
    return ()


@dataclass(frozen=True)
class SourceKind:
    """Sources that are opened in one way.

    Attributes
    ----------
    name : of the only one, or what all names begin with, which ends in a colon.
    open : makes it; a ModelError where it cannot be made.
    check : refuses (by a ModelFileError) options in a model file that no saved model has.
    listed : those that are there, for the hub's folder (None: the user's).
    added : whether it can stand beside a model's own sources.
    """

    name: str
    open: Callable[[Opening], FeatureSource]
    check: Callable[[Mapping[str, Any]], None] = no_options
    listed: Callable[[Path | None], tuple[SourceEntry, ...]] = nothing_listed
    added: bool = True

    def takes(self, spec: str) -> bool:
        """Whether ``spec`` names one of these."""
        return spec.startswith(self.name) if self.name.endswith(":") else spec == self.name
