"""docs/questions/ says what the questions say, for it is made from them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import typer.main

import question_pages
from unetscope.cli.app import app
from unetscope.looking.question import Option, OptionKind
from unetscope.looking.questions import QUESTIONS

AGAIN = "run python tests/question_pages.py"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """The pages as they would be made now."""
    return question_pages.pages()


def test_the_pages_are_what_the_questions_say(made: dict[str, str]) -> None:
    there = {path.name: path.read_text("utf-8") for path in question_pages.PAGES.iterdir()}
    assert sorted(there) == sorted(made), AGAIN
    assert [name for name, text in made.items() if there[name] != text] == [], AGAIN


def test_the_site_lists_every_page() -> None:
    site = question_pages.SITE.read_text("utf-8")
    assert question_pages.nav(site) == site, AGAIN
    assert site.count("questions/") == len(QUESTIONS) + 1


def test_a_page_links_only_to_names_that_the_page_of_python_tells_of(made: dict[str, str]) -> None:
    told = re.findall(r"^::: (\S+)$", (question_pages.DOCS / "api.md").read_text("utf-8"), re.M)
    linked = {link for text in made.values() for link in re.findall(r"api\.md#([\w.]+)", text)}
    assert len(linked) > 10
    assert linked <= set(told)


def test_its_command_has_options_that_exist() -> None:
    inspect = typer.main.get_command(app).commands["inspect"]  # type: ignore[attr-defined]
    known = {option for parameter in inspect.params for option in parameter.opts}
    for question in QUESTIONS.values():
        assert set(re.findall(r"--\w+", question_pages.command(question))) <= known


def test_options_defaults_choices_and_kinds_are_on_the_page() -> None:
    above = Option("above", OptionKind.NUMBER, 2, "Deviations above the mean.", least=0)
    how = Option("how", OptionKind.WORD, needed=True, choices=(("a", "first", "The first way."),))
    question = replace(QUESTIONS["table"], options=(above, how, Option("deep", OptionKind.INNER)))
    page = question_pages.page(question, ["exact", "structural"])
    assert "| `--above` | `2` | Deviations above the mean. At least 0. |" in page
    assert "| `--how` | it is needed |" in page and "| `a` | first | The first way. |" in page
    assert "--do table --how a --out" in page
    assert "`--deep`" not in page and "`deep` (`None`)" in page
    assert "**Kind: exact**, that is, follows from the layers and the image alone." in page
    assert "**Kind: structural**" in page and "**Kind: empirical**" not in page
