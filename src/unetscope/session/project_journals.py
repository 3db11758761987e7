"""Strokes on a project's images are kept beside the project, the others where they always are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from unetscope.session.journal.faults import JournalError
from unetscope.session.journal.identity import ImageIdentity
from unetscope.session.journal.image_journal import ImageJournal
from unetscope.session.journal.keeping import StrokeKeeper, _Kept
from unetscope.session.layers import OpenLayers

JOURNAL = "journal.sqlite"


@dataclass(frozen=True)
class JournalPlace:
    """Where the strokes of a project's image are kept, and the path it is known by there."""

    journal: Path
    image: str


class ProjectKeeper(StrokeKeeper):
    """A keeper that asks ``place`` for each image: None is an image without a project.

    The folder of a project is never made here: a drive that was taken out would be mistaken for
    an empty one.
    """

    def __init__(self, layers: OpenLayers, place: Callable[[str], JournalPlace | None]) -> None:
        self._place = place
        super().__init__(layers)

    def open(self, key: str) -> None:
        """As for every image; of a project's image in the journal beside the project."""
        place = self._place(key)
        if place is None:
            super().open(key)
            return
        if key in self._kept or self._layers.layer(key) is None:
            return
        journal = ImageJournal(place.journal, self._identity(key))
        kept = self._kept[key] = _Kept(journal, offer=journal.offer)
        with suppress(JournalError):
            kept.classes = journal.classes()
        layer = self._layers.strokes_layer(key)
        if layer is not None:
            self._watch(key, layer)
        self.changed.emit()

    def _identity(self, key: str) -> ImageIdentity:
        place, identity = self._place(key), super()._identity(key)
        return identity if place is None else replace(identity, path=place.image)
