"""Which feature sources there are, and how to open one by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unetscope.computing.machine import settled
from unetscope.errors import ModelError
from unetscope.learning.sources.bundled import UNetTaps
from unetscope.learning.sources.classical import ClassicalFilters
from unetscope.learning.sources.kinds import Opening, SourceEntry, SourceKind
from unetscope.learning.sources.source import FeatureSource
from unetscope.learning.sources.timm_hub import TIMM
from unetscope.network.channels import adapt_input_channels
from unetscope.network.facts import BUNDLED, BundledModel
from unetscope.network.shipped import load_bundled


def _open_bundled(opening: Opening) -> FeatureSource:
    net, _ = load_bundled(opening.spec)
    return UNetTaps(opening.spec, settled(adapt_input_channels(net, opening.channels)))


def _bundled(model: BundledModel) -> SourceKind:
    entry = SourceEntry(model.name, model.title, UNetTaps.licence_note, "built in")
    return SourceKind(model.name, _open_bundled, listed=lambda _hub: (entry,), added=False)


def _classical() -> SourceKind:
    name, note = ClassicalFilters.name, ClassicalFilters.licence_note
    entry = SourceEntry(name, "Classical filters", note, "built in")
    return SourceKind(
        name, lambda _opening: ClassicalFilters(), listed=lambda _hub: (entry,), added=False
    )


# A new kind is one line here, or ``register`` where it lies outside of this package.
_KINDS: list[SourceKind] = [
    *map(_bundled, BUNDLED),
    _classical(),
    TIMM,
]


def register(kind: SourceKind) -> None:
    """Let sources of ``kind`` be named, saved and opened; it takes the place of its namesake.

    Opening a model file that stands on it needs this as well: call it where the source is written,
    so that importing that file is enough.
    """
    _KINDS[:] = [known for known in _KINDS if known.name != kind.name] + [kind]


def kind_of(spec: str) -> SourceKind | None:
    """The kind that ``spec`` names; None where nothing is called so."""
    return next((kind for kind in _KINDS if kind.takes(spec)), None)


def is_added(name: str) -> bool:
    """Whether ``name`` is that of a source which stands beside a model's own."""
    kind = kind_of(name)
    return kind is not None and kind.added


def available_sources(hub: Path | None = None) -> tuple[SourceEntry, ...]:
    """All sources that can be opened here, then those that would be downloaded first.

    Backbones are listed if timm can be imported, which may take a second.
    """
    return tuple(entry for kind in _KINDS for entry in kind.listed(hub))


def open_source(spec: str, **how: Any) -> FeatureSource:
    """Open a source by its name in :func:`available_sources`.

    Parameters
    ----------
    spec : a bundled model's name, ``"classical"``, or ``"timm:"`` and a pretrained timm model, e.g.
        ``"timm:vit_small_patch14_reg4_dinov2.lvd142m"``.
    how : what else :class:`~unetscope.learning.sources.kinds.Opening` says, e.g.
        ``allow_download=True`` to fetch weights that are not on this computer.

    Raises
    ------
    ModelError
        If there is no such source, timm is missing, or the weights are not on this computer.
    """
    kind = kind_of(spec)
    if kind is None:
        raise ModelError(
            f"no feature source is called {spec!r}; there are "
            f"{', '.join(known.name for known in _KINDS)} (a colon is followed by a model's name)."
        )
    return kind.open(Opening(spec, **how))
