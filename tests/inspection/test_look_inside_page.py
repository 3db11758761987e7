"""docs/look-inside.md: its examples run and print what they say, its pictures and options exist."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from unetscope.cli.app import app
from unetscope.looking.questions import QUESTIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "look-inside.md"
ENGINE = "## The engine in Python"
LIMIT_KB, TOTAL_KB = 250, 3500


def test_the_examples_of_the_page_run_and_print_what_the_page_says(capsys) -> None:
    text = PAGE.read_text(encoding="utf-8")
    part = text[text.index(ENGINE) :]
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL)
    assert len(blocks) >= 12
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    for said in (
        "(0, 34) (53, 101)",
        "((-14, 34), (53, 101))",
        "scale=(8.0, 8.0)",
        "(2, 16, 16)",
        "(32, 16, 16) (20, 20)",
        "dec3 concatenation enc3",
        "max pooling",
        "<!doctype html>",
    ):
        assert said in part
        assert said in printed
    assert re.search(r"^8 0\.0 True$", printed, flags=re.MULTILINE)
    assert re.search(r"^enc1\.conv1$", printed, flags=re.MULTILINE)


def test_the_pictures_of_the_page_exist_are_small_and_all_are_shown() -> None:
    shown = set(re.findall(r"\]\(images/(inside-[\w-]+\.png)\)", PAGE.read_text(encoding="utf-8")))
    there = {path.name: path for path in (PAGE.parent / "images").glob("inside-*.png")}
    assert shown == set(there)
    sizes_kb = {name: path.stat().st_size / 1000 for name, path in there.items()}
    assert all(size <= LIMIT_KB for size in sizes_kb.values()), sizes_kb
    assert sum(sizes_kb.values()) <= TOTAL_KB


def test_the_commands_of_the_page_use_options_and_questions_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    commands = re.findall(r"^unetscope inspect .*", text, flags=re.MULTILINE)
    assert len(commands) >= 6
    inspect = typer.main.get_command(app).commands["inspect"]  # type: ignore[attr-defined]
    known = {option for parameter in inspect.params for option in parameter.opts}
    for command in commands:
        assert set(re.findall(r"--[a-z]+", command)) <= known, command
        assert set(re.findall(r"--do (\w+)", command)) <= set(QUESTIONS), command
    listed = re.search(r"`--do` takes (.*?), and can be repeated", text, flags=re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"\w+", listed[1])) - {"and"} == set(QUESTIONS)
