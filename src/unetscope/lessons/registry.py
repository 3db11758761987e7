"""What lessons may name: verbs (experiments) and scenes (images to begin with).

A verb is a function ``(bench, *, argument…)`` that yields progress and growing answers; a scene is
a function ``(seed, *, argument…)`` that gives a :class:`~unetscope.lessons.bench.Laid`. Their
keyword arguments, with types and bounds, are what a lesson's file may say. Both come from the files
of :mod:`.verbs` and :mod:`.scenes` and from installed packages (entry points of the group
``unetscope.lessons``, each a module that registers what it has), never from a lesson's file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, Laid
from unetscope.looking.answers import Shown, Working

Experiment = Iterator[Working | Shown]
GROUP = "unetscope.lessons"


@dataclass(frozen=True, eq=False)
class Registered:
    """A verb or a scene.

    Attributes
    ----------
    name : what lessons call it.
    call : the function.
    arguments : its keyword arguments, with what checks them.
    needed : those without a default.
    summary : the first line of its docstring.
    """

    name: str
    call: Callable[..., Any]
    arguments: Mapping[str, TypeAdapter[Any]]
    needed: tuple[str, ...]
    summary: str

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """``given`` as the function takes it.

        Raises
        ------
        LessonError
            If an argument is unknown, missing, of another kind or out of its bounds.
        """
        for name in given:
            if name not in self.arguments:
                raise LessonError(
                    f"{self.name} has no argument {name!r}{nearest(name, self.arguments)}"
                )
        for name in self.needed:
            if name not in given:
                raise LessonError(f"{self.name} needs {name}.")
        found = {}
        for name, value in given.items():
            try:
                found[name] = self.arguments[name].validate_python(value)
            except ValidationError as error:
                what = error.errors()[0]["msg"].lower()
                raise LessonError(f"{self.name}: {name} is {value!r}: {what}.") from None
        return found


_VERBS: dict[str, Registered] = {}
_SCENES: dict[str, Registered] = {}


def verb(call: Callable[..., Experiment]) -> Callable[..., Experiment]:
    """Register an experiment under the name of its function."""
    _register(_VERBS, call)
    return call


def lesson_scene(call: Callable[..., Laid]) -> Callable[..., Laid]:
    """Register an image to begin with under the name of its function."""
    _register(_SCENES, call)
    return call


@cache
def verbs() -> Mapping[str, Registered]:
    """Every verb there is, by name."""
    _load()
    return _VERBS


@cache
def lesson_scenes() -> Mapping[str, Registered]:
    """Every scene there is, by name."""
    _load()
    return _SCENES


def named(kind: str, name: str, there: Mapping[str, Registered]) -> Registered:
    """The verb or scene ``name``; LessonError names the nearest one otherwise."""
    if name not in there:
        raise LessonError(f"there is no {kind} {name!r}{nearest(name, there)}")
    return there[name]


def nearest(name: str, there: Mapping[str, Any]) -> str:
    """What may have been meant, as the end of a sentence."""
    close = get_close_matches(name, list(there), n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(sorted(there))}." if there else "; there are none."


def run(one: Registered, bench: Bench, given: Mapping[str, Any]) -> Experiment:
    """Start a verb with arguments that have been checked here."""
    arguments = one.checked(given)
    yield from one.call(bench, **arguments)


@cache
def _load() -> None:
    for folder in ("unetscope.lessons.verbs", "unetscope.lessons.scenes"):
        for file in iter_modules(import_module(folder).__path__):
            import_module(f"{folder}.{file.name}")
    for entry in entry_points(group=GROUP):
        entry.load()  # a module of an installed package; what it registers is there then


def _register(there: dict[str, Registered], call: Callable[..., Any]) -> None:
    name = call.__name__
    if name in there and there[name].call.__module__ != call.__module__:
        raise LessonError(f"{name!r} of {call.__module__} is that of {there[name].call.__module__}")
    hints = get_type_hints(call, include_extras=True)
    options = [
        one
        for one in inspect.signature(call).parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    there[name] = Registered(
        name,
        call,
        {one.name: TypeAdapter(hints[one.name]) for one in options},
        tuple(one.name for one in options if one.default is inspect.Parameter.empty),
        (call.__doc__ or "").strip().split("\n", 1)[0],
    )
