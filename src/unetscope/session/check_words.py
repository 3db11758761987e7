"""What is said of check boxes: pure functions of the session."""

from __future__ import annotations

from unetscope.measuring.quantities import Quantity
from unetscope.session.guidance import class_name
from unetscope.session.state import Session

NO_BOX = (
    "For a figure that may be printed: draw a small box, paint everything in it. "
    "Nothing in it is learned from."
)
_DENSE = "95 %"


def check_head(session: Session) -> str:
    """For a head: "check 0.88 in 2 boxes"; "" without scores."""
    check = session.check
    if not check.scores:
        return ""
    return f"check {check.mean_dice:.2f} in {_boxes(check.counted)}"


def check_words(session: Session) -> str:
    """What the boxes say of the answer, or what they lack to say it."""
    check = session.check
    if not check.boxes:
        return NO_BOX
    said = []
    if check.scores:
        stale = session.model is not None and check.of != session.model.serial
        whose = f"Version {check.version}" + (" (before the newest strokes)" if stale else "")
        figures = " · ".join(
            f"{class_name(session, score.value)} {_figure(score.dice)}" for score in check.scores
        )
        images = f" on {check.images} images" if check.images > 1 else ""
        said.append(f"{whose}, Dice in {_boxes(check.counted)}{images}: {figures}.")
    if check.sparse:
        one = check.sparse == 1
        said.append(
            f"{_boxes(check.sparse)} {'is' if one else 'are'} not painted densely yet "
            f"({_DENSE} at least): paint everything, or “Fill the rest”."
        )
    if check.learned:
        said.append(
            f"{_boxes(check.learned)} {'does' if check.learned == 1 else 'do'} not count: the "
            "network has learned from pixels in there. “Learn anew” trains it without them."
        )
    if check.unknown:
        said.append(
            f"{_boxes(check.unknown)} {'does' if check.unknown == 1 else 'do'} not count: the "
            "model comes from a file, which does not tell what it learned from. “Learn anew” does."
        )
    if not said:
        said.append("Comparing …" if session.model is not None else "No model answers yet.")
    return " ".join(said)


def check_details(session: Session) -> str:
    """Dice and IoU of each class with interval or reason, n and method, a line each."""
    quantities = [q for score in session.check.scores for q in (score.dice, score.iou)]
    methods = dict.fromkeys(q.method for q in quantities)
    return "\n".join([*map(str, quantities), *methods])


def needs_learning_anew(session: Session) -> bool:
    """Whether boxes do not count because of what the network has learned."""
    return bool(session.check.learned or session.check.unknown) and not session.training.busy


def _figure(dice: Quantity) -> str:
    """ "0.88 (0.84 to 0.91)", or the figure with the reason why it has no interval."""
    if dice.low is None or dice.high is None:
        return f"{dice.value:.2f} (no interval: {dice.reason})"
    return f"{dice.value:.2f} ({dice.low:.2f} to {dice.high:.2f})"


def _boxes(count: int) -> str:
    return f"{count} box{'es' * (count != 1)}"
