"""The status line of the panel says what happens and what to do next."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from unetscope.looking.answers import Shown, Working
from unetscope.session.inside.looking_guidance import inside_line
from unetscope.session.inside.looking_state import Inside
from unetscope.session.values import ImageSummary, Message

IMAGE = ImageSummary("k", "a", "yx", (20, 30), 1, False)
GLASS: Any = SimpleNamespace(away=lambda point: "")
AWAY: Any = SimpleNamespace(away=lambda point: "The network looks at 32 × 32 pixels")


@pytest.mark.parametrize(
    ("inside", "text", "tone"),
    [
        (Inside(), "Open an image", "next"),
        (Inside(image=IMAGE), "Opening the network", "busy"),
        (Inside(image=IMAGE, glass=GLASS), "Press Probe", "next"),
        (Inside(image=IMAGE, glass=GLASS, working=Working("Effective field", 3, 32)),
         "Effective field … (3 of 32)", "busy"),
        (Inside(image=IMAGE, glass=GLASS, probing=True, point=(3.4, 7.0)),
         "Following the cursor at 3, 7 (y, x)", "notice"),
        (Inside(image=IMAGE, glass=GLASS, probing=True, pinned=True, point=(1.0, 3.4, 7.0)),
         "Held at 1, 3, 7 (z, y, x)", "notice"),
        (Inside(image=IMAGE, glass=AWAY, probing=True, point=(3.4, 7.0)),
         "The network looks at 32 × 32 pixels", "notice"),
        (Inside(image=IMAGE, glass=GLASS, shown=Shown("Health", "Well.\n✓ more")), "Well.",
         "notice"),
        (Inside(image=IMAGE, glass=GLASS, probing=True, message=Message("No.", "error")), "No.",
         "error"),
    ],
)  # fmt: skip
def test_one_sentence_for_every_state(inside: Inside, text: str, tone: str) -> None:
    line = inside_line(inside)
    assert line.text.startswith(text) and line.tone == tone
    assert "\n" not in line.text
