"""What the panel "Look inside" holds: what is looked at, the chosen layer, channel and point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from unetscope.looking.answers import Shown, Working
from unetscope.looking.glass import Glass
from unetscope.session.values import ImageSummary, Message


@dataclass(frozen=True)
class Source:
    """A network that can be looked into; ``key`` stays the same while its weights learn."""

    key: str
    title: str
    tip: str = ""


@dataclass
class Inside:
    """State of one panel, changed on the GUI thread only.

    ``point`` is an image pixel ([z,] y, x) as floats: the last click, or where the cursor is.
    ``as_sheet`` shows maps side by side instead of on the image.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    sources: tuple[Source, ...] = ()
    source: str = ""
    images: tuple[ImageSummary, ...] = ()
    image: ImageSummary | None = None
    opening: bool = False
    glass: Glass | None = None
    layer: str = ""
    channel: int = 0
    point: tuple[float, ...] | None = None
    pinned: bool = False
    probing: bool = False
    as_sheet: bool = False
    follow: bool = True
    working: Working | None = None
    shown: Shown | None = None
    message: Message | None = None
