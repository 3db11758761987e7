"""The pages of docs/questions/: ``python tests/question_pages.py`` makes them.

It also lists them in mkdocs.yml. Words and options come from the questions, kinds from asking each
of them, methods and what is refused from the docstrings of the engine, what a kind means from
docs/look-inside.md.
``tests/looking/test_question_pages.py`` holds that the pages are what is made here.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from unetscope import inspection
from unetscope.images.micrograph import as_micrograph
from unetscope.images.target import Target
from unetscope.looking.glass import Glass, Subject, open_glass
from unetscope.looking.networks import bundled
from unetscope.looking.question import (
    LAYER,
    NetworkQuestion,
    Option,
    OptionKind,
    PaintedLabels,
    last,
)
from unetscope.looking.questions import QUESTIONS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = DOCS / "questions"
SITE = DOCS.parent / "mkdocs.yml"
INSIDE = DOCS / "look-inside.md"
MADE = "<!-- Made by `python tests/question_pages.py`: change the question, not this page. -->"
SIDE = 112  # px of the image that every question is asked about
#: What is typed for an option that a question needs.
TYPED = {
    OptionKind.LAYER: LAYER.help.removeprefix("A layer, e.g. ").rstrip("."),
    OptionKind.CONVOLUTION: LAYER.help.removeprefix("A layer, e.g. ").rstrip("."),
    OptionKind.KERNEL: "sobel_x",
    OptionKind.LABELS: "strokes.tif",
    OptionKind.NETWORKS: "earlier.unetscope",
}


def pages() -> dict[str, str]:
    """File name → text, of every question and of their list."""
    glasses = tuple(_glasses())
    kinds = {name: found_kinds(question, glasses) for name, question in QUESTIONS.items()}
    made = {f"{name}.md": page(question, kinds[name]) for name, question in QUESTIONS.items()}
    return {"index.md": index(kinds), **made}


def index(kinds: dict[str, list[str]]) -> str:
    """The list of all questions."""
    rows = [
        f"| [{question.title}]({name}.md) | `{name}` | {', '.join(kinds[name]) or '–'} |"
        for name, question in QUESTIONS.items()
    ]
    head = ["| question | `--do` | kind |", "|---|---|---|"]
    said = (
        "A page for each question of [Look inside](../look-inside.md), in the words that window "
        "and command line have for it."
    )
    return "\n".join(["# Questions of Look inside", "", MADE, "", said, "", *head, *rows, ""])


def page(question: NetworkQuestion, kinds: list[str]) -> str:
    """The page of ``question``, whose answers are of ``kinds``."""
    parts = [
        f"# {question.title}",
        MADE,
        _answers(question),
        *_kind_words(kinds),
        _in_the_window(question),
        "## Command line",
        f"```sh\n{command(question)}\n```",
        *_options(question),
        *_engine(question),
        "More, with pictures: [looking inside](../look-inside.md), and what is true of all "
        "questions: [limits](../look-inside.md#limits), [sources](../look-inside.md#sources).",
    ]
    return "\n\n".join(parts) + "\n"


def command(question: NetworkQuestion) -> str:
    """The shortest command that asks it."""
    typed = [f"--{o.name} {_typed(o)}" for o in question.options if o.needed]
    said = " ".join([f"--do {question.name}", *typed])
    return f"unetscope inspect general-fast picture.tif {said} --out inside"


def _typed(option: Option) -> str:
    return TYPED.get(option.kind) or (option.choices or ((option.name.upper(),),))[0][0]


def nav(site: str) -> str:
    """The text of mkdocs.yml with the pages in its list."""
    names = ["index", *QUESTIONS]
    lines = "".join(f"      - questions/{name}.md\n" for name in names)
    return re.sub(r"(?:^ +- questions/\w+\.md\n)+", lines, site, flags=re.MULTILINE)


def found_kinds(question: NetworkQuestion, glasses: Iterable[Glass]) -> list[str]:
    """The kinds of its answers about each of ``glasses``."""
    answers = [last(question.ask(glass, _given(question, glass))) for glass in glasses]
    kinds = {answer.kind for answer in answers}
    return sorted((kinds | {one.kind for answer in answers for one in answer.numbers}) - {""})


class Normalising(nn.Module):
    """A small network with a skip connection and an instance normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.InstanceNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(16, 2, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of two classes."""
        early = self.first(image)
        return self.last(torch.cat([early, self.second(self.norm(early))], dim=1))


def _glasses() -> Iterator[Glass]:
    """A bundled network, and one whose normalisation depends on the whole image."""
    pixels = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    target = Target("image", as_micrograph(pixels))
    yield open_glass(bundled("general-fast", target))
    torch.manual_seed(0)
    net = Normalising().eval()
    yield open_glass(Subject((), "normalising", lambda: net, target))


def _given(question: NetworkQuestion, glass: Glass) -> dict[str, Any]:
    """A value for what it needs, and few steps where it would take many."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:16], labels[-16:] = 1, 2
    convolutions = [n for n, m in glass.net.named_modules() if isinstance(m, nn.Conv2d)]
    values = {
        OptionKind.LAYER: convolutions[-1],
        OptionKind.CONVOLUTION: convolutions[0],
        OptionKind.KERNEL: TYPED[OptionKind.KERNEL],
        OptionKind.LABELS: PaintedLabels(labels, {1: "one", 2: "two"}),
        OptionKind.NETWORKS: (("earlier", glass.net),),
    }
    given = {o.name: values[o.kind] for o in question.options if o.needed}
    few = {"inputs": 1, "steps": 2}
    return given | {o.name: few[o.name] for o in question.options if o.name in few}


def _answers(question: NetworkQuestion) -> str:
    if question.help is not None:
        return question.help.text
    return _plain(sys.modules[question.answer.__module__].__doc__ or "")


def _kind_words(kinds: list[str]) -> Iterator[str]:
    """What its numbers are, in the words of docs/look-inside.md."""
    rows = re.findall(r"^\| (\w+) \| (.*?) \|", INSIDE.read_text("utf-8"), flags=re.MULTILINE)
    meaning = dict(rows)
    if not kinds:
        yield "**Kind:** each part says its own."
    for kind in kinds:
        yield f"**Kind: {kind}**, that is, {meaning[kind]}."


def _in_the_window(question: NetworkQuestion) -> str:
    button = question.button
    if button is None:
        return "**In the window:** it has no button among the questions."
    return f"**In the window:** *{button.text}*. {button.tip}"


def _options(question: NetworkQuestion) -> Iterator[str]:
    typed = [o for o in question.options if o.kind is not OptionKind.INNER]
    if typed:
        head = "| option | where nothing is said | what it is |\n|---|---|---|\n"
        yield "## Options"
        yield head + "\n".join(_row(option) for option in typed)
    for option in typed:
        if option.choices:
            words = "\n".join(f"| `{w}` | {title} | {why} |" for w, title, why in option.choices)
            yield f"| `--{option.name}` | called | means |\n|---|---|---|\n{words}"
    inner = [f"`{o.name}` (`{o.default}`)" for o in question.options if o not in typed]
    if inner:
        yield f"Only the window, or code, says {', '.join(inner)}."


def _row(option: Option) -> str:
    default = "it is needed" if option.needed else "–"
    if option.default is not None:
        default = f"`{option.default}`"
    least = "" if option.least is None else f" At least {option.least}."
    return f"| `--{option.name}` | {default} | {option.help}{least} |"


def _engine(question: NetworkQuestion) -> Iterator[str]:
    """The functions of the engine it asks: how they do it, after whom, and what they refuse."""
    functions = dict(_functions(question))
    if functions:
        yield "## Method, source and limits"
    told: set[str] = set()  # of files: what one says of its method is said once
    for name, function in functions.items():
        does = _plain(inspect.getdoc(function) or "").split("\n\n")[0]
        yield f"[`inspection.{name}`](../api.md#{function.__module__}.{name}). {does}"
        if function.__module__ not in told:
            yield from _plain(sys.modules[function.__module__].__doc__ or "").split("\n\n")[1:]
        told.add(function.__module__)
        refused = _refused(function)
        if refused:
            yield refused


def _functions(question: NetworkQuestion) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public name and function of what the question's file calls."""
    tree = ast.parse(inspect.getsource(sys.modules[question.answer.__module__]))
    named = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("inspection", "engine")
    }
    whole = {name.removesuffix("_steps") for name in named}
    for name in sorted((named | whole) & set(inspection.__all__)):
        found = getattr(inspection, name)
        if not isinstance(found, type) and (name in whole or name[:-6] not in inspection.__all__):
            yield name, getattr(found, "__self__", found)


def _refused(function: Callable[..., Any]) -> str:
    """The part *Raises* of a docstring as a list."""
    text = inspect.getdoc(function) or ""
    part = text.partition("Raises\n------\n")[2].split("\n\n")[0]
    said = [_plain(block) for block in re.findall(r"^ {4}.*(?:\n {4}.*)*", part, re.MULTILINE)]
    return "\n".join(f"- Refused: {sentence[0].lower()}{sentence[1:]}" for sentence in said)


def _plain(text: str) -> str:
    """A docstring in Markdown: one line a paragraph, code in single quotes."""
    paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    joined = "\n\n".join(paragraphs).replace("``", "`")
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", joined)


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
    SITE.write_text(nav(SITE.read_text("utf-8")), encoding="utf-8")
