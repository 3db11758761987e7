"""What can be pressed and what the status line says: pure functions of the session.

The status line always ends in the one obvious next step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from unetscope.errors import capital
from unetscope.images.classes import LabelClass, default_name
from unetscope.learning.end_reason import EndReason
from unetscope.session.state import Session
from unetscope.session.values import Phase, Scope, painted_classes

CONSTANT_SAID = (
    "This image is constant: nothing can be told apart in it. Open another image, or paint all of "
    "it as one class beside other images."
)
FEW_PX = 60  # below this, a class is called short of strokes
WEAK_DICE = 0.75
FEW_EPOCHS = 15  # until then the network has hardly begun (300 steps)
MOST_NAMED = 3  # with more classes the status line gives the mean; the plot names them all


@dataclass(frozen=True)
class Controls:
    """Which buttons can be pressed; ``*_reason`` says why not, for the tooltip."""

    train: bool
    train_reason: str
    train_word: str
    pause: bool
    pause_word: str
    stop: bool
    predict: bool
    predict_reason: str
    stop_predicting: bool
    go_back: bool
    go_forward: bool
    change_model: bool
    save: bool
    paint: bool
    delete_class: bool


@dataclass(frozen=True)
class Status:
    """The status line: ``tone`` is ``"next"``, ``"busy"``, ``"good"``, ``"notice"`` or ``"error"``.

    ``details`` is what a person should know of the image, which is behind *more*.
    """

    text: str
    tone: str
    details: str = ""


def controls(session: Session) -> Controls:
    """The enabled buttons of a session."""
    phase = session.training.phase
    idle = phase is Phase.IDLE
    train_reason = _why_not_train(session)
    predict_reason = _why_not_predict(session)
    return Controls(
        train=idle and not train_reason,
        train_reason=train_reason,
        train_word="Train on" if idle and _has_trained(session) else "Train",
        pause=phase in (Phase.RUNNING, Phase.PAUSED),
        pause_word="Resume" if phase is Phase.PAUSED else "Pause",
        stop=phase in (Phase.STARTING, Phase.RUNNING, Phase.PAUSED),
        predict=not predict_reason and not session.prediction.busy,
        predict_reason=predict_reason,
        stop_predicting=session.prediction.busy and not session.prediction.stopping,
        go_back=idle and session.versions.can_go_back,
        go_forward=idle and session.versions.can_go_forward,
        change_model=idle and not session.opening_model,
        save=_can_answer(session),
        paint=session.image is not None,
        delete_class=len(session.classes) > 1 and session.brush_label == session.current_class,
    )


def _has_trained(session: Session) -> bool:
    """Whether the model that answers has a network fine-tuned on strokes."""
    return session.model is not None and getattr(session.model.model, "network", None) is not None


def _can_answer(session: Session) -> bool:
    return session.model is not None and session.model.model.can_answer


def can_answer_image(session: Session) -> bool:
    """Whether the model has learned classes, on images of as many channels as this one has."""
    if session.model is None or session.image is None or not session.model.model.can_answer:
        return False
    return session.model.model.channels == session.image.channels


def is_predicted(session: Session) -> bool:
    """Whether the model that answers has predicted all of this image, by name and as it is now."""
    if session.image is None or session.model is None:
        return False
    return session.predicted.get(session.image.key) == session.model.serial


def _why_not_train(session: Session) -> str:
    if session.image is None:
        return "Open an image first."
    if session.model is None:
        return "The model is still being opened."
    if len(painted_classes(session.painted)) < 2:
        return "Paint a few strokes of at least two classes first."
    return ""


def _why_not_predict(session: Session) -> str:
    if session.image is None:
        return "Open an image first."
    if session.model is None:
        return "The model is still being opened."
    if not can_answer_image(session) and len(painted_classes(session.painted)) < 2:
        return "Paint a few strokes of at least two classes, or load a trained model first."
    return session.size_line.refused if session.size_line is not None else ""


def status_line(session: Session) -> Status:
    """The one sentence (or two) a person should read now."""
    details = session.image.told if session.image is not None else ""
    if session.message is not None and session.message.tone == "error":
        return Status(session.message.text, "error", details)
    said = _status(session)
    if session.message is None:
        return replace(said, details=details)
    if session.message.text == details:
        details = ""
    return Status(f"{session.message.text} {said.text}", "notice", details)


def _status(session: Session) -> Status:
    if session.image is None and session.unreadable:
        return Status(" ".join(session.unreadable[:2]), "notice")
    if session.image is None:
        return Status(
            "Open an image to begin: drop a file onto the window, or choose "
            "File ▸ Open Sample ▸ unetscope.",
            "next",
        )
    if session.training.busy:
        return _while_training(session)
    if session.prediction.busy:
        return _while_predicting(session)
    if session.image.constant:
        return Status(CONSTANT_SAID, "notice")
    missing = missing_strokes(session)
    if missing and not can_answer_image(session):
        return Status(_other_channels(session) + missing, "next")
    if session.model is None and session.model_failed and not session.opening_model:
        return Status("No model is open: choose one in the list of models.", "next")
    if session.model is None:
        return Status(f"Opening {session.opening_model or 'the model'} …", "busy")
    if session.training.reason and session.trained_image in ("", session.image.key):
        return _after_training(session) if is_on_screen(session) else _other_version(session)
    if missing:
        seen = _seen(session) or "This model can predict at once. "
        return Status(f"{seen}To correct it: {missing}", "next")
    return _before_training(session)


def _other_channels(session: Session) -> str:
    """Why a model that can answer cannot answer this image; "" where that is not the case."""
    if session.image is None or session.model is None or not _can_answer(session):
        return ""
    return (
        f"The model knows images of {session.model.model.channels} channel(s), this one has "
        f"{session.image.channels}: start anew here, from a bundled model. "
    )


def missing_strokes(session: Session) -> str:
    """What to paint before anything can be learned; "" when two classes have strokes."""
    painted = painted_classes(session.painted)
    if len(painted) >= 2:
        return ""
    wanting = next((c for c in session.classes if c.value not in painted), None)
    if wanting is None:
        return "Add a second class with “+ Class” and paint a few strokes of it."
    if painted:
        return f"Now click “{wanting.name}” and paint a few strokes of it, too."
    return f"Click “{wanting.name}” and paint a few strokes of it in the image."


def _before_training(session: Session) -> Status:
    few = [c for c in session.classes if 0 < session.painted.get(c.value, 0) < FEW_PX]
    if few:
        return Status(
            f"Only {session.painted[few[0].value]:,} px of “{few[0].name}” so far: a few more "
            "strokes of it would help most. Then press Train.",
            "next",
        )
    if session.live and not _can_answer(session):
        return Status("The first answer is on its way; you can go on painting.", "busy")
    seen = _seen(session)
    if seen or not session.live:
        if is_predicted(session):
            return Status(f"{seen}Measure it, save the result, or correct what is wrong.", "next")
        return Status(f"{seen}Press Train, or keep painting where it is wrong.", "next")
    return Status("Computing the answer … Press Train, or keep painting.", "busy")


def _seen(session: Session) -> str:
    """Whose answer is on screen: a sentence, "" where none is drawn yet."""
    if session.model is None or session.image is None or session.image.key not in session.seen:
        return ""
    part = f"{session.answered_of} Predict answers all. " if session.answered_of else ""
    if session.model.saved:
        return f"You see the answer of “{session.model.title}”. {part}"
    current = session.versions.current
    if session.model.model.network_weight > 0:
        number = current.number if current else 1
        return f"You see the trained answer of version {number}. {part}"
    return f"You see the instant answer. {part}"


def _while_training(session: Session) -> Status:
    training = session.training
    if training.phase is Phase.STARTING:
        return Status("Getting ready to train … you can go on painting.", "busy")
    if training.phase is Phase.STOPPING:
        return Status("Stopping: the best model so far is kept …", "busy")
    if training.phase is Phase.PAUSED:
        return Status(
            f"Paused at epoch {training.epoch}. Press Resume to go on, or Stop to keep the best "
            "so far.",
            "busy",
        )
    if not training.epoch:
        return Status(
            "Learning from your strokes; the first scores come in a moment. You can go on "
            "painting.",
            "busy",
        )
    parts = [f"Epoch {training.epoch}, {spoken_seconds(training.seconds)}"]
    held = training.validation
    if held is not None and held.told:
        parts.append(f"{held.mean_dice:.2f} on {held.witnesses}")
    text = ", ".join(parts) + ". Keep painting where it is wrong."
    if held is None and training.note:
        text += f" {_sentence(training.note)}"
    return Status(text, "busy")


def _while_predicting(session: Session) -> Status:
    work = session.prediction
    if work.stopping:
        return Status("Stopping the prediction …", "busy")
    if work.paused:
        return Status(f"Paused: {work.what}. Go on or cancel; what is done stays.", "busy")
    tiles = f" {work.done} of {work.total} tiles." if work.total else ""
    return Status(f"Predicting {work.what} …{tiles}", "busy")


def is_on_screen(session: Session) -> bool:
    """Whether the version that answers is the one that the last training ended with."""
    current, ended = session.versions.current, session.training.version
    return current is None or not ended or current.number == ended


def _other_version(session: Session) -> Status:
    current = session.versions.current
    assert current is not None
    return Status(
        f"You see version {current.number} ({current.note}). Press Train to learn on from it, or "
        "keep painting where it is wrong.",
        "next",
    )


_ENDED: dict[str, str] = {
    EndReason.PLATEAU: "Nothing got better any more, so it ended",
    EndReason.TIME: "The time was up",
    EndReason.STOPPED: "You stopped it",
    EndReason.MEMORY: "Memory ran out",
    EndReason.PEER: "A process that trained along ended",
}
_CUT_SHORT = (EndReason.TIME, EndReason.STOPPED, EndReason.MEMORY)


def _after_training(session: Session) -> Status:
    training = session.training
    ended = _ENDED.get(training.reason, "All rounds are done")
    if not training.epoch:
        return Status(
            f"{ended} before the first check: nothing has changed. Press Train, or keep painting.",
            "next",
        )
    ended = f"{ended} after {spoken_seconds(training.seconds)}"
    if training.best_epoch:
        ended += f", best at epoch {training.best_epoch}"
    judged = _judgement(session)
    if training.validation is None:
        note = f" {_sentence(training.note)}" if training.note else ""
        return Status(f"{ended}.{judged}{note} {_next_step(session)}", "next")
    said = training.validation.said(lambda value: class_name(session, value), MOST_NAMED)
    scores = training.validation.told
    good = bool(scores) and min(scores.values()) >= WEAK_DICE
    text = f"{capital(said)}. {ended}.{judged} {_next_step(session)}"
    return Status(text, "good" if good else "next")


def _judgement(session: Session) -> str:
    """A sentence on the network's share of the answer, where it has none or has just begun."""
    model = session.model.model if session.model is not None else None
    training = session.training
    short = training.reason in _CUT_SHORT and training.epoch < FEW_EPOCHS
    if model is None or (model.network_weight > 0 and not short):
        return ""
    if model.network_weight > 0:
        return (
            f" That was too short to judge: the network has {model.network_weight:.0%} of the "
            "answer and gets more as it learns."
        )
    if short:
        return " That was too short to judge: you still see the instant answer. Train longer."
    return " On held-back strokes nothing beat the instant answer, so you still see that one."


def _next_step(session: Session) -> str:
    """What to do after a training."""
    training = session.training
    if is_predicted(session):
        return "Measure it, save the result, or correct what is wrong."
    if training.painted and training.painted != session.painted:
        return "Press Train again to learn from what you have painted since."
    scores = training.validation.told if training.validation is not None else {}
    weakest = min(scores, key=lambda v: scores[v], default=None)
    if weakest is not None and scores[weakest] < WEAK_DICE:
        return f"Two more strokes of “{class_name(session, weakest)}” would help most."
    if training.validation is None:
        return "Correct what is wrong and press Train again, or press Predict."
    return "Correct what is wrong, or press Predict."


def class_name(session: Session, value: int) -> str:
    """The name of the class with label ``value``."""
    found = session.class_of(value)
    return found.name if found else default_name(value)


def spoken_seconds(seconds: float) -> str:
    """``130`` as "2 min 10 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def _sentence(text: str) -> str:
    """A note of the engine as a sentence."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def predict_words(scope: Scope) -> str:
    """What the Predict button says for a scope."""
    return f"Predict {scope.value}"


def shown_key(classes: tuple[LabelClass, ...], value: int) -> str:
    """The key that chooses a class: its place in the list, "" beyond nine."""
    place = next((i for i, c in enumerate(classes, 1) if c.value == value), 0)
    return str(place) if 1 <= place <= 9 else ""
