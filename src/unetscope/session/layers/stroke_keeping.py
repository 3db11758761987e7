"""The journals of all images of one window: opened, fed, offered back and closed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from platformdirs import user_data_path
from psygnal import Signal

from unetscope.errors import UnetscopeError
from unetscope.images.classes import LabelClass
from unetscope.images.micrograph import Micrograph
from unetscope.session.journal.faults import JournalError
from unetscope.session.journal.identity import ImageIdentity, content_hash
from unetscope.session.journal.image_journal import Beginning, ImageJournal
from unetscope.session.journal.places import JournalFiles, JournalPlace
from unetscope.session.journal.status import JournalStatus, RestoreOffer
from unetscope.session.layers.connections import Connections
from unetscope.session.layers.layer_facts import layer_key, note_of, sign
from unetscope.session.layers.stroke_watching import WatchedLabels

if TYPE_CHECKING:
    from unetscope.session.layers.open_layers import OpenLayers

FOLDER_VARIABLE = "UNETSCOPE_STROKES"  # another folder for the journals of images
SWEEP_EVERY_S = 30.0
_SLICE_S = 0.02
_KEPT_AT = "kept_at"  # key of a strokes layer's note: the journal and the row in it, when let go


@dataclass
class _Kept:
    """One image: its journal, the layer that is watched, what is offered back.

    ``image`` are its pixels as the journal was opened for them; ``asked`` are the offers
    that were answered.
    """

    journal: ImageJournal
    image: Micrograph
    watched: WatchedLabels | None = None
    offer: RestoreOffer | None = None
    classes: tuple[LabelClass, ...] = ()  # as they were with the strokes that are offered
    asked: set[tuple[int | None, int]] = field(default_factory=set)


class StrokeKeeper:
    """Keeps what is painted on the images of a viewer; ``changed`` says that a status has.

    Images are named by the keys of :class:`OpenLayers`. An image without a place of its own has a
    journal named after its content, so that it is found again wherever the image lies.

    Parameters
    ----------
    layers
        The images and their strokes layers.
    folder
        Where the journals are; None takes ``UNETSCOPE_STROKES`` or the user's data folder.
    place
        Says where the journal of an image is instead; None in reply: in ``folder``. The folder of
        a place is never made: a drive that was taken out would be mistaken for an empty one.
    """

    changed = Signal()

    def __init__(
        self,
        layers: OpenLayers,
        folder: Path | None = None,
        place: Callable[[str], JournalPlace | None] | None = None,
    ) -> None:
        self._layers, self._folder = layers, folder or journal_folder()
        self._place, self._files = place or (lambda key: None), JournalFiles(self._resting)
        self._kept: dict[str, _Kept] = {}
        self._swept_at, self._sweeping = time.monotonic(), False
        self._connections = Connections()
        self._connections.connect(layers.strokes_made, self._strokes_made)
        self._connections.connect(layers.images_changed, self._layers_changed)

    def close(self) -> None:
        """Record what is not yet, and close every journal."""
        self._connections.close()
        for key in list(self._kept):
            self._let_go(key)

    # ---- images

    def open(self, key: str) -> None:
        """Look whether an image has a journal; offer the strokes in it that are not on screen.

        Raises
        ------
        OSError, ImageError
            If the pixels of the image cannot be read.
        """
        if key in self._kept or self._layers.layer(key) is None:
            return
        self._keep(key, self._journal(key))

    def _keep(self, key: str, journal: ImageJournal) -> None:
        image = self._layers.micrograph(key)
        kept = self._kept[key] = _Kept(journal, image, offer=journal.offer)
        with suppress(JournalError):  # names and colours; the strokes come without them, too
            kept.classes = journal.classes()
        layer = self._layers.strokes_layer(key)
        if layer is not None:
            self._watch(key, layer)
        if kept.offer is None:
            self._offer_others(kept)
        self.changed.emit()

    def _offer_others(self, kept: _Kept) -> None:
        """Offer strokes that another layer of equal pixels had, where nobody has them now."""
        with suppress(JournalError):
            found = (offer for offer in kept.journal.others() if _place_of(offer) not in kept.asked)
            kept.offer = next(found, None)

    def move(self, key: str) -> None:
        """The place of an image is another one now: its journal goes on there, edit by edit.

        Raises
        ------
        OSError, ImageError
            If the pixels of the image cannot be read.
        """
        if key in self._kept:
            self._go_on(key)

    def _go_on(self, key: str, *, other_pixels: bool = False) -> None:
        """Open another journal for an image, which takes the edits of the one before along.

        For other pixels only those on screen.
        """
        journal, left = self._journal(key), self._kept[key]
        on_screen = left.watched is not None and not left.watched.apart
        self._unwatch(left)
        if on_screen or not other_pixels:
            journal.go_on_from(left.journal, standing=other_pixels)
        left.journal.close()
        self._keep(key, journal)

    def journal_path(self, key: str) -> Path | None:
        """The file of an image's journal; None where there is none."""
        kept = self._kept.get(key)
        return None if kept is None else kept.journal.path

    def status(self, key: str) -> JournalStatus:
        """What the window shows about the journal of an image."""
        kept = self._kept.get(key)
        if kept is None:
            return JournalStatus()
        if kept.journal.late_offer is not None:
            kept.offer, kept.journal.late_offer = kept.journal.late_offer, None
        self._drop_stale(kept)
        status = replace(kept.journal.status, offer=kept.offer)
        return status if kept.watched else replace(status, can_undo=False, can_redo=False)

    # ---- strokes

    def commit(self) -> None:
        """Record the newest edits of every image."""
        for watched in self._watched():
            watched.commit()

    def sweep(self) -> None:
        """Record every edit of every image, also those that no event told of."""
        for watched in self._watched():
            watched.commit()
            watched.sweep()

    def tend(self) -> None:
        """Once a second: try again what waits, and look for unseen edits every 30 s, in slices."""
        for kept in self._kept.values():
            waiting = kept.journal.status
            kept.journal.retry()
            if kept.journal.status != waiting:
                self.changed.emit()
        now = time.monotonic()
        if self._sweeping or now - self._swept_at > SWEEP_EVERY_S:
            self._swept_at = now
            self._sweeping = not all(w.sweep(_SLICE_S) for w in self._watched())
            if not self._sweeping:
                for kept in self._kept.values():
                    kept.journal.tidy()

    def undo(self, key: str) -> bool:
        """Take back the newest edit of an image; say whether there was one."""
        watched = self.watched(key)
        return watched is not None and watched.undo()

    def redo(self, key: str) -> bool:
        """Do the newest undone edit of an image again; say whether there was one."""
        watched = self.watched(key)
        return watched is not None and watched.redo()

    def keep_classes(self, classes: Sequence[LabelClass]) -> None:
        """Keep names and colours of the classes with the strokes."""
        for kept in self._kept.values():
            if kept.watched is not None:
                kept.journal.keep_classes(classes)

    # ---- what was there before

    def restore(self, key: str) -> tuple[LabelClass, ...]:
        """Bring back what is offered, where nothing is painted; return the classes of it.

        The strokes layer of the image must be there. An edit of the journal like any other.

        Raises
        ------
        JournalError
            If the journal cannot be read.
        """
        kept = self._kept[key]
        self._drop_stale(kept)
        offer, watched = kept.offer, kept.watched
        if offer is None or watched is None:
            return ()
        if offer.row is None:
            watched.restore(kept.journal.labels_at(offer.sequence), offer.sequence)
        else:
            watched.restore(kept.journal.labels_of(offer.row, offer.sequence), None)
            kept.journal.took(offer.row, offer.sequence)
            self._offer_no_more(kept.journal.path, offer)
        self._answered(kept)
        return kept.classes

    def decline(self, key: str) -> None:
        """Offer it no more in this window; it stays in the journal."""
        if key in self._kept:
            self._answered(self._kept[key])

    def _drop_stale(self, kept: _Kept) -> None:
        """Strokes of a copy that has been opened meanwhile are offered there."""
        row = None if kept.offer is None else kept.offer.row
        if row is not None and kept.journal.is_taken(row):
            kept.offer = None
            self._offer_others(kept)

    def _offer_no_more(self, journal: Path, taken: RestoreOffer) -> None:
        """Strokes that one image took over are not offered to others of equal pixels any more."""
        for other in self._kept.values():
            if other.offer == taken and other.journal.path == journal:
                other.offer = None
                self._offer_others(other)

    def _answered(self, kept: _Kept) -> None:
        """The offer was answered: there may be another one."""
        if kept.offer is not None:
            kept.asked.add(_place_of(kept.offer))
        kept.offer = None
        self._offer_others(kept)
        self.changed.emit()

    # ---- inside

    def _journal(self, key: str) -> ImageJournal:
        image, place = self._identity(key), self._place(key)
        if place is not None:
            known = replace(image, path=place.image)
            before = Beginning(self._row_before(key, place.journal))
            return ImageJournal(place.journal, known, beginning=before, files=self._files)
        path = self._folder / _file_name(image.content)
        before = Beginning(self._row_before(key, path))
        return ImageJournal(path, image, make_folder=True, beginning=before, files=self._files)

    def _row_before(self, key: str, journal: Path) -> int | None:
        """The row in a journal that the strokes layer of an image had when it was let go."""
        return _noted_row(self._layers.strokes_layer(key), journal)

    def _resting(self, journal: Path) -> set[int]:
        """The rows of a journal whose strokes are on a layer that is not watched now.

        Its image is open, but read in another way, or not yet taken up by this panel.
        """
        watched = {layer_key(one.layer) for one in self._watched()}
        resting = (one for one in self._layers.all_strokes() if layer_key(one) not in watched)
        return {row for one in resting if (row := _noted_row(one, journal)) is not None}

    def _identity(self, key: str) -> ImageIdentity:
        image, layer = self._layers.micrograph(key), self._layers.layer(key)
        path = getattr(layer.source, "path", None)
        return ImageIdentity(
            content=content_hash(image.pixels),
            shape=image.spatial_shape,
            path=os.path.abspath(path) if path else "",
            name=str(layer.name),
            pixel_size=image.pixel_size,
            unit=image.unit,
            axes=image.axes,
        )

    def _watched(self) -> Iterator[WatchedLabels]:
        return (kept.watched for kept in self._kept.values() if kept.watched is not None)

    def watched(self, key: str) -> WatchedLabels | None:
        """The strokes of an image as they are watched; None where no journal is open for it."""
        kept = self._kept.get(key)
        return None if kept is None else kept.watched

    def _strokes_made(self, layer: Any) -> None:
        for key in self._kept:
            own = self._layers.strokes_layer(key)
            if own is not None and layer_key(own) == layer_key(layer):
                self._watch(key, own)

    def _watch(self, key: str, layer: Any) -> None:
        kept = self._kept[key]
        if kept.watched is not None:
            if layer_key(kept.watched.layer) == layer_key(layer):
                return
            self._unwatch(kept)
        kept.watched = WatchedLabels(layer, kept.journal)
        kept.watched.recorded.connect(self.changed.emit)
        own = kept.offer is None or kept.offer.row is None
        if own and not kept.watched.apart and not kept.watched.began_anew:
            kept.offer = None  # these labels are on screen
        self.changed.emit()

    def _unwatch(self, kept: _Kept) -> None:
        """The layer is gone: what was on it can be had back."""
        watched, kept.watched = kept.watched, None
        if watched is not None:
            watched.close()
            watched.recorded.disconnect(self.changed.emit)
            if not watched.apart:
                kept.offer = kept.journal.offer
            with suppress(JournalError):
                kept.classes = kept.journal.classes()

    def _layers_changed(self) -> None:
        """Follow images that are gone, are read with other axes, or have other pixels now."""
        for key, kept in list(self._kept.items()):
            try:
                image = self._layers.micrograph(key)
            except UnetscopeError:  # gone, or nothing that can be painted on any more
                self._let_go(key)
                continue
            if image is not kept.image:
                self._renewed(key, kept, image)
            elif kept.watched is not None and self._layers.strokes_layer(key) is None:
                self._strokes_gone(key, kept)
                self.changed.emit()

    def _renewed(self, key: str, kept: _Kept, image: Micrograph) -> None:
        """Another reading has a journal of its own; for other pixels the strokes are kept as well.

        What was painted on the pixels of before stays in their journal.
        """
        known = kept.journal.image
        if not known.same_reading(image.spatial_shape, image.axes):
            self._let_go(key)
            with suppress(UnetscopeError, OSError):
                self.open(key)
            return
        if image.pixels is not kept.image.pixels and content_hash(image.pixels) != known.content:
            self._go_on(key, other_pixels=True)
        elif kept.watched is not None and self._layers.strokes_layer(key) is None:
            self._strokes_gone(key, kept)
        if key in self._kept:
            self._kept[key].image = image
        self.changed.emit()

    def _strokes_gone(self, key: str, kept: _Kept) -> None:
        """The strokes layer is gone; pixels that a script changed under it are known from now."""
        with suppress(UnetscopeError, OSError):
            if self._changed_in_place(kept):
                self._go_on(key, other_pixels=True)
                return
        self._unwatch(kept)

    def _let_go(self, key: str) -> None:
        kept = self._kept.pop(key)
        watched = kept.watched
        self._unwatch(kept)
        other = None
        if watched is not None and not watched.apart:  # else nothing was on the pixels of now
            with suppress(UnetscopeError, OSError):
                other = self._for_changed_pixels(kept)
        place = str(kept.journal.path), kept.journal.close()
        if other is not None:
            place = str(other.path), other.close()
        if watched is not None:
            sign(watched.layer, **{_KEPT_AT: None if watched.apart else place})
        self.changed.emit()

    def _changed_in_place(self, kept: _Kept) -> str:
        """The content of pixels that a script has changed under strokes; empty where none has."""
        pixels, journal = kept.image.pixels, kept.journal
        if type(pixels) is not np.ndarray or not journal.status.can_undo:
            return ""
        content = content_hash(pixels)
        return "" if content == journal.image.content else content

    def _for_changed_pixels(self, kept: _Kept) -> ImageJournal | None:
        """A journal of the strokes for pixels that a script has changed in place; else None.

        No event tells of that, and which stroke came before it is not known. So both have all that
        is there now.
        """
        journal, path = kept.journal, kept.journal.path
        content = self._changed_in_place(kept)
        if not content:
            return None
        if path.name == _file_name(journal.image.content):
            path = path.with_name(_file_name(content))
        changed = replace(journal.image, content=content)
        other = ImageJournal(path, changed, beginning=Beginning(fresh=True), files=self._files)
        other.go_on_from(journal, standing=True)
        return other


def _place_of(offer: RestoreOffer) -> tuple[int | None, int]:
    """Which labels of a journal are offered: row (None: the own one) and edit."""
    return offer.row, offer.sequence


def _noted_row(layer: Any, journal: Path) -> int | None:
    """The row in a journal that has the strokes of a layer, as it was noted on that."""
    path, row = (note_of(layer).get(_KEPT_AT) if layer is not None else None) or ("", None)
    return row if path == str(journal) else None


def _file_name(content: str) -> str:
    """The file of an image without a place of its own."""
    return f"{content}.sqlite3"


def journal_folder() -> Path:
    """The folder for journals of images without a project."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else user_data_path("unetscope", appauthor=False) / "strokes"
