"""What is found out about an image in the background, from its file and from its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unetscope.images.as_shown import notes_on_shown
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import is_constant
from unetscope.learning.samples import is_grey


@dataclass(frozen=True)
class Findings:
    """Facts about the pixels of an image.

    ``constant``: nothing can be told apart in it; ``grey``: it is a colour image of equal channels;
    ``notes``: what its file says of itself, as sentences.
    """

    constant: bool = False
    grey: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_worth_telling(self) -> bool:
        """Whether a person sees anything of it."""
        return self.constant or self.grey or bool(self.notes)


@dataclass(frozen=True)
class Found:
    """Findings about the image ``key`` as it was at ``serial`` (``OpenLayers.serial``)."""

    key: str
    serial: int
    findings: Findings


def find_out(key: str, serial: int, image: Micrograph, file: Path | None) -> Iterator[Found]:
    """Look at all pixels of an image, and into the file that another reader opened it from.

    For a worker. What cannot be read is found out by whoever computes on it.
    """
    notes = notes_on_shown(file, image) if file is not None else ()
    constant = is_constant(image)
    yield Found(key, serial, Findings(constant, not constant and is_grey(image), notes))
