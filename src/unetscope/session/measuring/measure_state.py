"""What the panel "Measure" holds: in which labels objects are looked for, how, and what was found.

Nothing here loads what measures: that takes a second, and is for the worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from psygnal import SignalGroupDescriptor

from unetscope.images.classes import LabelClass, default_name
from unetscope.looking.answers import Working
from unetscope.session.values import ImageSummary, Message

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetscope.measuring.objects import Objects
    from unetscope.measuring.one_image import SegmentedImage, Wanted
    from unetscope.measuring.populations import EdgeRule
    from unetscope.measuring.quantities import Quantity
    from unetscope.measuring.summary import Measured
    from unetscope.session.measuring.object_place import ObjectPlace

Apart = Literal["components", "shape", "border", "numbered"]
BACKGROUND_NAME = "background"


class LabelKind(Enum):
    """What the numbers of a labels layer are."""

    ANSWER = "answer"  # classes, as a model answered them
    CLASSES = "classes"  # classes, as a person or a file says
    OBJECTS = "objects"  # objects, each with its number


@dataclass(frozen=True)
class LabelSource:
    """A labels layer in which objects can be found.

    Attributes
    ----------
    key
        Of the layer.
    title
        As the list shows it.
    classes
        Those that it may hold, without one that only says that nothing is there.
    made_by
        The model and version that answered, in words; "" for labels of others.
    """

    key: str
    title: str
    kind: LabelKind
    classes: tuple[LabelClass, ...] = ()
    made_by: str = ""


@dataclass(frozen=True)
class Wish:
    """What a person wants to be measured, and how; lengths in the unit of the image.

    Attributes
    ----------
    value
        The class that is measured.
    apart
        How objects that touch are told from each other; "numbered" takes them as they are.
    border
        The class that parts objects; None where none does.
    typical
        The diameter of a good object; None where nobody said.
    smallest, holes
        Diameters of the smallest object and of the largest hole that is filled.
    edge
        What is done with objects at the edge.
    drawn
        Whether only what lies in a region that is drawn counts.
    without_bar
        Whether a bar with the scale, as microscopes write it into images, is left out.
    grain_size, fibre_width
        Whether those are told, too.
    """

    value: int = 0
    apart: Apart = "shape"
    border: int | None = None
    typical: float | None = None
    smallest: float | None = None
    holes: float | None = None
    edge: EdgeRule = "weight"
    drawn: bool = False
    without_bar: bool = True
    grain_size: bool = False
    fibre_width: bool = False


@dataclass(frozen=True, eq=False)
class Looked:
    """What objects were looked for in.

    Attributes
    ----------
    image
        Key of the image.
    labels
        The numbers as they were on the layer of the ``source``.
    place
        Where corrections of the objects are kept.
    numbers, doubt, count_range
        Of the objects as they were found, (object,).
    """

    image: str
    source: LabelSource
    wish: Wish
    labels: NDArray[Any] = field(repr=False)
    place: ObjectPlace
    numbers: NDArray[Any] = field(repr=False)
    doubt: NDArray[Any] = field(repr=False)
    count_range: tuple[int, int]


@dataclass(frozen=True, eq=False)
class FoundObjects:
    """Objects of one image with their numbers, and of what and how they were found.

    ``quantities`` are of the class that was wished for; () while they are being computed.
    """

    looked: Looked
    wanted: Wanted = field(repr=False)
    segmented: SegmentedImage = field(repr=False)
    objects: Objects = field(repr=False)
    measured: Measured = field(repr=False)
    quantities: tuple[Quantity, ...] = ()

    @property
    def image(self) -> str:
        """The key of the image."""
        return self.looked.image

    @property
    def source(self) -> LabelSource:
        """The labels that they were found in."""
        return self.looked.source

    @property
    def wish(self) -> Wish:
        """What was wished for."""
        return self.looked.wish

    @property
    def count(self) -> int:
        """How many objects there are."""
        return len(self.measured.table)


@dataclass
class MeasureState:
    """State of one panel, changed on the GUI thread only.

    ``stale`` says why the numbers are no longer those of what is on screen; "" where they are.
    ``selected`` are numbers of objects, the one chosen last at the end. ``tool`` is what a click on
    an object means: "" chooses it, "typical" takes its size, "split" sets one of the ``points``, a
    pixel, that will each be in a part of its own. ``edits`` is how many corrections stand.
    ``colour_by`` is the key of a column, "" for none, ``limits`` its values at the ends of the
    colours; ``kept`` are the objects that a filter
    leaves, None without one. ``checked`` are those that a person has said are right. ``offer`` is
    what can be brought back, in words; ``sure`` on what the size on the card depends.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    images: tuple[ImageSummary, ...] = ()
    image: ImageSummary | None = None
    sources: tuple[LabelSource, ...] = ()
    source: LabelSource | None = None
    wish: Wish = field(default_factory=Wish)
    names: Mapping[int, str] = field(default_factory=dict)
    found: FoundObjects | None = None
    working: Working | None = None
    stale: str = ""
    selected: tuple[int, ...] = ()
    tool: str = ""
    colour_by: str = ""
    limits: tuple[float, float] | None = None
    kept: tuple[int, ...] | None = None
    can_undo: bool = False
    can_redo: bool = False
    edits: int = 0
    points: tuple[tuple[float, ...], ...] = ()
    checked: frozenset[int] = frozenset()
    sure: tuple[str, ...] = ()
    offer: str = ""
    message: Message | None = None

    @property
    def outdated(self) -> bool:
        """Whether finding anew would give other numbers."""
        return self.found is not None and (bool(self.stale) or self.found.wish != self.wish)

    def name_of(self, value: int) -> str:
        """The present name of a class."""
        return self.names.get(value) or default_name(value)

    def chosen(self, key: str) -> LabelSource | None:
        """The source with this key."""
        return next((source for source in self.sources if source.key == key), None)


def parts_objects(one: LabelClass) -> bool:
    """Whether a class is called as one that is painted between objects."""
    name = one.name.lower()
    return "border" in name or "boundar" in name


def starting_class(source: LabelSource, wished: int) -> int:
    """The class that is measured first: the one wished for, else the first that is a thing."""
    classes = source.classes
    if wished in [c.value for c in classes]:
        return wished
    things = [c for c in classes if not parts_objects(c)] or list(classes)
    rest = [c for c in things if c.name.strip().lower() != BACKGROUND_NAME]
    if len(rest) == len(things) and len(rest) > 1:
        rest = rest[1:]  # the first class is what things lie in
    return next((c.value for c in rest or things), 1)
