"""What a question is: a name, words, options as data, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np

from unetscope.errors import ModelError, UnetscopeError
from unetscope.looking.answers import Shown, Working
from unetscope.looking.glass import Glass

Answer = Iterator[Working | Shown]


class OptionKind(Enum):
    """What the value of an option is; window and command line find one by it."""

    LAYER = "layer"  # a name in ``named_modules()``; in a window the one that is chosen
    CONVOLUTION = "convolution"  # the same; in a window the convolution it belongs to
    CHANNEL = "channel"  # a number; in a window the one that is chosen
    POINT = "point"  # ([z,] y, x) in pixels of the image; in a window the one that is held
    LABELS = "labels"  # a :class:`PaintedLabels`
    POLYGON = "polygon"  # corners (y, x) in pixels of the image
    KERNEL = "kernel"  # a preset's name or rows of numbers
    SHIFT = "shift"  # whole pixels along each axis
    NETWORKS = "networks"  # ((name, network), …): earlier versions, or a function that gives them
    NUMBER = "number"
    WORD = "word"
    INNER = "inner"  # only code says it: no option of the command line


@dataclass(frozen=True)
class Option:
    """One thing that can be said with a question.

    Attributes
    ----------
    default : the value where nothing is said.
    help : for the command line, with an example; without the name of the question.
    choices : the words it may be, and what each means; () for any.
    least : the smallest number it may be.
    needed : whether there is no answer without it.
    missing : what is said then. A window says it also where the question could do without.
    """

    name: str
    kind: OptionKind
    default: Any = None
    help: str = ""
    choices: tuple[tuple[str, str, str], ...] = ()  # (value, words, explanation)
    least: int | None = None
    needed: bool = False
    missing: str = ""


@dataclass(frozen=True, eq=False)
class PaintedLabels:
    """Labels ([z,] y, x) of the whole image, 0 for unlabelled, and the names of their values."""

    values: np.ndarray
    names: Mapping[int, str]


@dataclass(frozen=True)
class HelpText:
    """Two sentences in the words of the field; ``picture`` is a file among the panel's, or ""."""

    title: str
    text: str
    picture: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Button:
    """How the panel offers a question.

    Attributes
    ----------
    row : "look" (what is there) or "ask" (what if).
    unfolds : whether more has to be chosen first.
    says : options that the button gives.
    """

    text: str
    tip: str
    row: str = "ask"
    unfolds: bool = False
    says: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NetworkQuestion:
    """A question about a network.

    Attributes
    ----------
    name : its name on the command line, and the key of :data:`.questions.QUESTIONS`.
    title : what the answer is called.
    answer : yields progress and growing answers; its second argument has an attribute an option.
    order : its place in lists, from 0.
    button : None where the panel offers it in another way.
    in_report : whether the report asks it, with the values that are given there, and shows the
        answer as a section of its own.
    """

    name: str
    title: str
    answer: Callable[[Glass, Any], Answer]
    options: tuple[Option, ...] = ()
    help: HelpText | None = None
    button: Button | None = None
    order: int = 1000
    in_report: bool = False

    def ask(self, glass: Glass, options: Mapping[str, Any] | None = None) -> Answer:
        """Ask ``glass``; options that are not given have their default.

        Raises
        ------
        ModelError
            If there is no such option, or one is missing or none of its choices.
        """
        given = {option.name: option.default for option in self.options}
        for name, value in (options or {}).items():
            if name not in given:
                raise ModelError(f"{self.name} has no option {name!r}; give {', '.join(given)}.")
            given[name] = value
        for option in self.options:
            self._check(glass, option, given[option.name])
        yield from self.answer(glass, SimpleNamespace(**given))

    def _check(self, glass: Glass, option: Option, value: Any) -> None:
        if value is None and option.needed:
            raise ModelError(option.missing or _missing(self.name, option, glass))
        words = [word for word, _, _ in option.choices]
        if words and value is not None and value not in words:
            raise ModelError(f"{option.name} is {value!r}; give {', '.join(words)}.")


def last(answer: Answer) -> Shown:
    """The whole answer, once it is there.

    Raises
    ------
    UnetscopeError
        If there is none.
    """
    shown = None
    for event in answer:
        shown = event if isinstance(event, Shown) else shown
    if shown is None:
        raise UnetscopeError("the question ended without an answer.")
    return shown


def _missing(question: str, option: Option, glass: Glass) -> str:
    if option.kind in (OptionKind.LAYER, OptionKind.CONVOLUTION):
        names = ", ".join(name for name, _ in glass.net.named_modules() if name)
        return f"{question} needs a layer (--layer); this network has {names}."
    return f"{question} needs --{option.name}."


LAYER = Option("layer", OptionKind.LAYER, help="A layer, e.g. enc2.conv1.")
ONE_LAYER = Option("layer", OptionKind.LAYER, help=LAYER.help, needed=True)
CONVOLUTION = Option("layer", OptionKind.CONVOLUTION, help=LAYER.help, needed=True)
CHANNEL = Option("channel", OptionKind.CHANNEL, help="A channel of it.", least=0)
POINT = Option("point", OptionKind.POINT, help="A pixel of the image: y,x or z,y,x.")
LABELS = Option("labels", OptionKind.LABELS, help="Labels painted on the image (0 = unlabelled).")
SEED = Option("seed", OptionKind.NUMBER, 0, help="One seed, one result.")
