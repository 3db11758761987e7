"""A bounded list of model versions to go back and forward in.

A version is an immutable model; going back keeps the newer ones until something new is learned,
as an undo list does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel

MAX_VERSIONS = 10


@dataclass(frozen=True)
class Version:
    """One kept model: running number, what made it, and when (ISO 8601, local time).

    ``title`` is what the model was called, ``saved`` whether it lies in a file as it is.
    """

    number: int
    note: str
    made_at: str
    model: PixelModel = field(compare=False, repr=False)
    title: str = ""
    saved: bool = False


def is_change(before: PixelModel | None, after: PixelModel, *, live: bool) -> bool:
    """Whether a training from ``before`` to ``after`` has changed what is answered.

    Of a session with ``live`` answers only the network counts, for the rest followed the strokes
    without any training.
    """
    if before is None or not before.can_answer or not after.same_network(before):
        return True
    return not live and after.fingerprint != before.fingerprint


@dataclass(frozen=True)
class Versions:
    """The kept versions, oldest first, and the index of the one in use (-1: none yet)."""

    kept: tuple[Version, ...] = ()
    position: int = -1
    last_number: int = 0

    @property
    def current(self) -> Version | None:
        """The version in use."""
        return self.kept[self.position] if self.kept else None

    @property
    def can_go_back(self) -> bool:
        """True where an older version is kept."""
        return self.position > 0

    @property
    def can_go_forward(self) -> bool:
        """True where a newer version is kept."""
        return self.position < len(self.kept) - 1

    def added(
        self, model: PixelModel, note: str, made_at: str, title: str = "", *, saved: bool = False
    ) -> Versions:
        """With ``model`` as the newest version; versions that were gone back from are dropped."""
        number = self.last_number + 1
        older = self.kept[: self.position + 1][-(MAX_VERSIONS - 1) :]
        kept = (*older, Version(number, note, made_at, model, title, saved))
        return Versions(kept, len(kept) - 1, number)

    def saved_as(self, title: str) -> Versions:
        """With the version in use in a file of this name."""
        if not self.kept:
            return self
        kept = list(self.kept)
        kept[self.position] = replace(kept[self.position], title=title, saved=True)
        return replace(self, kept=tuple(kept))

    def gone_back(self) -> Versions:
        """At the version before; unchanged where there is none."""
        return replace(self, position=self.position - 1) if self.can_go_back else self

    def gone_forward(self) -> Versions:
        """At the version after; unchanged where there is none."""
        return replace(self, position=self.position + 1) if self.can_go_forward else self
