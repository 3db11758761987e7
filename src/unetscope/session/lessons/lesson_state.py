"""What the dock Lessons holds: the gallery, the lesson that is open, its newest answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from unetscope.lessons.gallery import Gallery
from unetscope.lessons.visit import Judged, Visit
from unetscope.looking.answers import Shown, Working
from unetscope.session.values import Message


@dataclass
class AtLessons:
    """State of one dock, changed on the GUI thread only.

    Attributes
    ----------
    language : of the lessons and of the dock's own words.
    visit : the lesson that is open; None in the gallery.
    turn : grows when the visit is another one, or at another step, image or control.
    shown : the newest answer of the step; None before there is one.
    from_shelf : whether that answer came with the lesson, for it takes long to compute.
    judged : what became of the guess of this step.
    missing : why the lesson cannot be done on one's own image, as a key of the dock's words; or "".
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    gallery: Gallery = field(default_factory=lambda: Gallery(()))
    language: str = "en"
    visit: Visit | None = None
    turn: int = 0
    shown: Shown | None = None
    from_shelf: bool = False
    judged: Judged | None = None
    missing: str = ""
    working: Working | None = None
    message: Message | None = None
    progress: int = 0

    @property
    def number(self) -> int:
        """The place of the open lesson in the gallery, from 1; 0 in the gallery."""
        if self.visit is None:
            return 0
        ids = [one.id for one in self.gallery.lessons]
        return ids.index(self.visit.lesson.id) + 1 if self.visit.lesson.id in ids else 0
