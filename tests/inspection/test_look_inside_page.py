"""The examples of docs/look-inside.md run, one after the other, and say what they print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "look-inside.md"


def test_the_examples_of_the_page_run_and_print_what_the_page_says(capsys) -> None:
    text = PAGE.read_text(encoding="utf-8")
    if "unetscope.inspection" not in text:
        pytest.skip("the page has no examples of the engine yet")
    part = text[text.index("`unetscope.inspection` answers") :]
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL)
    assert len(blocks) >= 7
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    for said in ("(0, 34) (53, 101)", "((-14, 34), (53, 101))", "scale=(8.0, 8.0)", "(2, 16, 16)"):
        assert said in part and said in printed
