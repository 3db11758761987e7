"""The five sections of the panel from top to bottom: what each has to show, and which one is next.

Pure functions of the session, as :mod:`unetscope.session.guidance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from unetscope.session.axes import pixel_size_in_words
from unetscope.session.check_words import check_head
from unetscope.session.guidance import (
    WEAK_DICE,
    can_answer_image,
    is_on_screen,
    is_predicted,
    missing_strokes,
    spoken_seconds,
)
from unetscope.session.state import Session
from unetscope.session.values import Phase, painted_classes

#: Fields of the session that the functions below read.
SECTION_FIELDS = frozenset(
    {
        "image",
        "images",
        "classes",
        "painted",
        "training",
        "prediction",
        "predicted",
        "model",
        "opening_model",
        "model_failed",
        "versions",
        "seen",
        "outcomes",
        "check",
    }
)


class Section(Enum):
    """A section, by the words of its head."""

    IMAGE = "Image"
    PAINT = "Paint"
    LEARN = "Learn"
    RESULT = "Result"
    SAVE = "Measure and save"


@dataclass(frozen=True)
class HeadWords:
    """What a head tells: ``words``, which may be shortened, and behind them ``end``."""

    words: str = ""
    end: str = ""

    @property
    def text(self) -> str:
        """All of it."""
        return " · ".join(filter(None, (self.words, self.end)))


def head_words(session: Session, section: Section) -> HeadWords:
    """What there is of a section, "" where nothing is known yet."""
    return {
        Section.IMAGE: _image,
        Section.PAINT: _paint,
        Section.LEARN: _learn,
        Section.RESULT: _answer,
        Section.SAVE: _saved,
    }[section](session)


def open_sections(session: Session) -> frozenset[Section]:
    """The sections in which there is something to do now; the others are folded to their heads."""
    image = session.image
    if image is None:
        return frozenset({Section.IMAGE})
    opened = {Section.PAINT, Section.LEARN}
    if len(image.choices) > 1 and not image.fixed and not painted_classes(session.painted):
        opened.add(Section.IMAGE)  # somebody has to say how it is read
    if image.key in session.seen:
        opened.add(Section.RESULT)
    if is_predicted(session) or image.key in session.outcomes:
        opened.add(Section.SAVE)
    return frozenset(opened)


def next_section(session: Session) -> Section:
    """Where the one next step is; its main button is the one that stands out."""
    if session.image is None:
        return Section.IMAGE
    if session.training.busy:
        return Section.LEARN
    if session.prediction.busy:
        return Section.RESULT
    if missing_strokes(session) and not can_answer_image(session):
        return Section.PAINT
    if is_predicted(session):
        return Section.SAVE
    if not _is_learned(session):
        return Section.LEARN
    return Section.PAINT if _is_weak(session) else Section.RESULT


def _is_learned(session: Session) -> bool:
    """Whether the model comes from a file, or a training knows all that is painted."""
    training = session.training
    if session.model is not None and session.model.saved:
        return True
    return bool(training.reason) and training.painted == session.painted and is_on_screen(session)


def _is_weak(session: Session) -> bool:
    """Whether the last training wants more strokes of some class."""
    held = session.training.validation
    return held is not None and bool(held.told) and min(held.told.values()) < WEAK_DICE


def _image(session: Session) -> HeadWords:
    image = session.image
    if image is None:
        return HeadWords()
    size = " × ".join(str(n) for n in reversed(image.spatial_shape))
    known = pixel_size_in_words(image) or "no pixel size"
    return HeadWords(image.name, f"{size} · {known}")


def _paint(session: Session) -> HeadWords:
    total = sum(session.painted.values())
    painted = len(painted_classes(session.painted))
    if session.image is None or not total:
        return HeadWords()
    classes = f"{painted} classes" if painted != 1 else "1 class"
    return HeadWords(classes, f"{total:,} px")


def _learn(session: Session) -> HeadWords:
    training, model = session.training, session.model
    if training.busy:
        return HeadWords(_training(session))
    if model is None:
        return HeadWords(f"opening {session.opening_model} …" if session.opening_model else "")
    current = session.versions.current
    if training.reason and training.epoch and is_on_screen(session):
        held = training.validation
        score = f"{held.mean_dice:.2f} on {held.witnesses}" if held and held.told else ""
        return HeadWords(f"trained {spoken_seconds(training.seconds)}", score)
    if model.saved:
        return HeadWords(model.title)
    if current is not None and model.model.network_weight > 0:
        return HeadWords(f"version {current.number}", current.note)
    if session.image is not None and session.image.key in session.seen:
        return HeadWords("instant, not trained")
    return HeadWords(model.title)


def _training(session: Session) -> str:
    training = session.training
    if training.phase is Phase.STARTING:
        return "getting ready …"
    if training.phase is Phase.PAUSED:
        return f"paused at epoch {training.epoch}"
    return f"epoch {training.epoch}, {spoken_seconds(training.seconds)}"


def _answer(session: Session) -> HeadWords:
    work, image = session.prediction, session.image
    if work.busy:
        tiles = f"{work.done} of {work.total} {work.of_what}"
        return HeadWords(tiles if work.total else "predicting …")
    if image is None or image.key not in session.seen or session.model is None:
        return HeadWords()
    current = session.versions.current
    trained = session.model.model.network_weight > 0 and current is not None
    whose = f"version {current.number}" if trained and current else "instant"
    classes = len(session.model.model.classes)
    done = "this image predicted" if is_predicted(session) else f"{whose} answer"
    checked = check_head(session)
    return HeadWords(done, checked or (f"{classes} classes" if classes > 1 else ""))


def _saved(session: Session) -> HeadWords:
    return HeadWords(session.outcomes.get(session.image.key, "") if session.image else "")
