"""All questions: every file of this folder that says ``QUESTION`` is one."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from unetscope.looking.question import NetworkQuestion


def found_questions() -> dict[str, NetworkQuestion]:
    """The questions of the folder by name, in their order."""
    modules = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
    questions = [module.QUESTION for module in modules]
    return {one.name: one for one in sorted(questions, key=lambda one: (one.order, one.name))}


QUESTIONS = found_questions()
