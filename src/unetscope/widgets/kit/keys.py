"""Every key of the window in one table: what is bound, shown, explained and documented.

Most keys can be changed in the preferences; a wish that cannot be met is refused in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unetscope.widgets.kit.napari_keys import as_written, known_key

DIGITS = "123456789"


@dataclass(frozen=True)
class Action:
    """Something a key does: ``key`` is its default in napari's spelling, as ``Shift-Z``."""

    name: str
    key: str
    title: str
    meaning: str
    fixed: bool = False  # not to be changed: many keys at once, or a key of napari's


ACTIONS = (
    Action("class", "1–9", "Choose a class", "Paint with the class at that place.", fixed=True),
    Action("smaller_brush", "[", "Smaller brush", "The brush shrinks by a fifth."),
    Action("larger_brush", "]", "Larger brush", "The brush grows by a fifth."),
    Action("pan", "Space", "Move the image", "Held down, the mouse moves the image.", fixed=True),
    Action("undo", "Z", "Undo", "Takes back the newest edit, also of an earlier day."),
    Action("redo", "Shift-Z", "Redo", "Does again what was taken back."),
    Action("next", "N", "Label here next", "Goes to the place where a stroke helps most."),
    Action("back", "Shift-N", "Back from there", "Shows again what was on screen before."),
    Action("next_image", "J", "Next image", "Of the project, or of those that are open."),
    Action("previous_image", "K", "Image before", "Of the project, or of those that are open."),
    Action("train", "T", "Train or stop", "Starts training, or ends it with the best model."),
    Action("predict", "P", "Predict", "Predicts what the Predict button says."),
    Action("live", "Shift-L", "Live on or off", "Whether every stroke is answered at once."),
    Action("toggle", "V", "Hide or show the answer", "To see the image, and what it was."),
    Action("contour", "O", "Outlines or areas", "How the classes of the answer are drawn."),
    Action("fainter", ",", "Fainter answer", "The answer covers less of the image."),
    Action("stronger", ".", "Stronger answer", "The answer covers more of the image."),
    Action("show", "Shift-S", "Show the next kind", "Mask, then probability, then uncertainty."),
    Action("help", "?", "Show these keys", "And hides them again."),
)
_DEFAULTS = {action.name: action.key for action in ACTIONS if not action.fixed}


@dataclass(frozen=True)
class KeyTable:
    """The keys as they are: ``keys`` maps the name of each action that can be changed.

    ``own`` are actions of single panels; the preferences do not know them.
    """

    keys: Mapping[str, str] = field(default_factory=lambda: dict(_DEFAULTS))
    own: tuple[Action, ...] = ()

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every action in order, help at the end."""
        return (*ACTIONS[:-1], *self.own, ACTIONS[-1])

    def key(self, name: str) -> str:
        """The key of an action in napari's spelling."""
        return self.keys.get(name) or next(a.key for a in self.actions if a.name == name)

    def shown(self, name: str) -> str:
        """The key of an action as it is written for people, e.g. ``Shift+Z``."""
        return as_written(self.key(name))

    def tip(self, name: str, words: str) -> str:
        """A tooltip: the words, and the key in brackets."""
        return f"{words} ({self.shown(name)})"

    def rows(self) -> tuple[tuple[str, str, str], ...]:
        """(key, title, meaning) of every action, in order."""
        return tuple((self.shown(a.name), a.title, a.meaning) for a in self.actions)


def chosen_keys(
    wishes: Mapping[str, str], taken: Mapping[str, str], own: Sequence[Action] = ()
) -> tuple[KeyTable, tuple[str, ...]]:
    """The table with the keys that somebody wishes, and why a wish was refused.

    Parameters
    ----------
    wishes
        Name of an action to the key wished for it; what is missing keeps its default.
    taken
        Key of napari's on labels layers to what it does there. Those that the default table
        takes over may be wished for.
    own
        Actions of single panels, whose keys nobody can wish for.
    """
    refused: list[str] = []
    keys = dict(_DEFAULTS)
    ours, panels = {*_DEFAULTS.values(), *DIGITS}, {a.key: a.title for a in own}
    for name, wish in wishes.items():
        key = known_key(wish)
        if key == keys[name]:
            continue
        reason = ""
        if not key:
            reason = f"“{wish}” is not a key that can be told apart on every keyboard"
        elif key in DIGITS or key == "Space":
            reason = f"{as_written(key)} is fixed: it chooses a class or moves the image"
        elif key in panels:
            reason = f"{as_written(key)} already means “{panels[key]}”"
        elif key in taken and key not in ours:
            reason = f"napari uses {as_written(key)} to {taken[key]}"
        if reason:
            refused.append(_refusal(name, reason))
        else:
            keys[name] = key
    return KeyTable(_without_doubles(keys, refused), tuple(own)), tuple(refused)


def _without_doubles(keys: dict[str, str], refused: list[str]) -> dict[str, str]:
    """Give wishes up, the last first, until every key means one thing."""
    while True:
        owners: dict[str, str] = {}
        doubled = ""
        for name in sorted(keys, key=lambda name: keys[name] != _DEFAULTS[name]):
            if owners.setdefault(keys[name], name) != name:
                doubled = name
        if not doubled:
            return keys
        other = _action(owners[keys[doubled]]).title
        refused.append(_refusal(doubled, f"{as_written(keys[doubled])} already means “{other}”"))
        keys[doubled] = _DEFAULTS[doubled]


def _action(name: str) -> Action:
    return next(action for action in ACTIONS if action.name == name)


def _refusal(name: str, reason: str) -> str:
    action = _action(name)
    return (
        f"The key for “{action.title}” stays {as_written(action.key)}: {reason}. "
        "Choose another one in Preferences."
    )
