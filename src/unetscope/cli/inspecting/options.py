"""The arguments and options of ``unetscope inspect``, and how they are typed.

What a question can be told is said by the question itself (:mod:`unetscope.looking.question`).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from unetscope.errors import ModelError
from unetscope.looking.question import Option, OptionKind
from unetscope.looking.questions import QUESTIONS

Model = Annotated[
    str,
    typer.Argument(
        help="general, general-fast, general-large; lenet5, alexnet, resnet18; a .unetscope "
        "file; or package.module:function that builds your own."
    ),
]
Picture = Annotated[Path, typer.Argument(help="The image to look at it with.")]
Out = Annotated[Path, typer.Option(help="Folder for the answers.")]
Do = Annotated[
    list[str] | None,
    typer.Option(metavar="WHAT", help=f"{', '.join(QUESTIONS)}; repeat for more."),
]
Weights = Annotated[
    Path | None, typer.Option(help="Weights of your own network, NAME.safetensors.")
]
_WHOLE = (OptionKind.CHANNEL, OptionKind.NUMBER)


def typed_options() -> Iterator[tuple[Option, str]]:
    """Every option of a question that can be typed, once, with its help."""
    users: dict[str, list[str]] = {}
    options: dict[str, Option] = {}
    for question in QUESTIONS.values():
        for option in question.options:
            if option.kind is not OptionKind.INNER:
                users.setdefault(option.name, []).append(question.name)
                options.setdefault(option.name, option)
    for name, option in options.items():
        alone = len(users[name]) == 1
        words = option.help[:1].lower() + option.help[1:]
        yield option, f"{users[name][0]}: {words}" if alone else option.help


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the questions' options in place of its last parameter, ``**typed``."""
    signature = inspect.signature(command)
    parameters = list(signature.parameters.values())[:-1]
    hints = get_type_hints(command, include_extras=True)
    known = {parameter.name for parameter in parameters}
    for option, words in typed_options():
        if option.name in known:
            continue
        hints[option.name] = _hint(option, words)
        default = option.default if isinstance(option.default, str | int) else None
        parameters.append(
            inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=default)
        )
    annotated = [one.replace(annotation=hints[one.name]) for one in parameters]
    command.__signature__ = signature.replace(parameters=annotated)  # type: ignore[attr-defined]
    command.__annotations__ = {**{one.name: hints[one.name] for one in parameters}, "return": None}
    return command


def _hint(option: Option, words: str) -> Any:
    if option.kind in _WHOLE:
        return Annotated[int | None, typer.Option(min=option.least, help=words)]
    kind = Path if option.kind is OptionKind.LABELS else str
    return Annotated[kind | None, typer.Option(help=words)]


def as_values(typed: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed as values; labels and networks are read later.

    Raises
    ------
    ModelError
        If a text is none of what it should be.
    """
    kinds = {option.name: option.kind for option, _ in typed_options()}
    values: dict[str, Any] = {}
    for name, text in typed.items():
        if text is None:
            continue
        if kinds[name] in (OptionKind.POINT, OptionKind.SHIFT):
            values[name] = _whole_numbers(text, f"--{name}")
        elif kinds[name] is OptionKind.KERNEL:
            values[name] = _typed_kernel(text)
        elif kinds[name] is OptionKind.POLYGON:
            values[name] = _typed_polygon(text)
        else:
            values[name] = text
    return values


def _whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """``"12,40"`` as (12, 40)."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ModelError(
            f"{option} is {text!r}; give whole numbers with commas, y,x or z,y,x."
        ) from None


def _typed_kernel(text: str) -> str | tuple[tuple[float, ...], ...]:
    """``"1,0,-1;2,0,-2;1,0,-1"`` as rows of numbers; a word, which is a preset's name, as it is."""
    if not any(c.isdigit() or c in ",;" for c in text):
        return text
    rows = _numbers(text.rstrip("; ").split(";"))
    if rows is None or len({len(row) for row in rows}) != 1:
        raise ModelError(
            f"--kernel is {text!r}; give a preset such as sobel_x, or numbers with commas in rows "
            'of one length with semicolons, "1,0,-1;2,0,-2;1,0,-1".'
        )
    return rows


def _typed_polygon(text: str) -> tuple[tuple[float, ...], ...]:
    """``"y,x y,x y,x"`` as corners, three at least."""
    corners = _numbers(text.split())
    if corners is None or len(corners) < 3 or {len(corner) for corner in corners} != {2}:
        raise ModelError(
            f'--polygon is {text!r}; give three corners or more in pixels, "y,x y,x y,x".'
        )
    return corners


def _numbers(parts: Sequence[str]) -> tuple[tuple[float, ...], ...] | None:
    """Finite numbers with commas in every part; None where they are something else."""
    try:
        found = tuple(tuple(float(number) for number in part.split(",")) for part in parts)
    except ValueError:
        return None
    return found if all(math.isfinite(number) for part in found for number in part) else None
