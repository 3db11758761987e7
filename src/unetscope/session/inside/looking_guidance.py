"""The status line of the panel "Look inside": what happens, and the one obvious next step."""

from __future__ import annotations

from dataclasses import dataclass

from unetscope.session.inside.looking_state import Inside


@dataclass(frozen=True)
class InsideLine:
    """A sentence and its tone: "error", "busy", "notice" or "next"."""

    text: str
    tone: str


def inside_line(inside: Inside) -> InsideLine:
    """What the state makes of it; a pure function."""
    if inside.message is not None and inside.message.tone == "error":
        return InsideLine(inside.message.text, "error")
    if inside.image is None:
        return InsideLine("Open an image, and see what a network makes of it.", "next")
    if inside.working is not None:
        work = inside.working
        count = f" ({work.done} of {work.total})" if work.total > 1 else ""
        return InsideLine(f"{work.what} …{count}", "busy")
    if inside.opening or inside.glass is None:
        return InsideLine("Opening the network …", "busy")
    if inside.probing:
        away = "" if inside.point is None else inside.glass.away(inside.point)
        if away:
            return InsideLine(away, "notice")
        where = _where(inside)
        held = "Held" if inside.pinned else "Following the cursor"
        return InsideLine(f"{held}{where}. Click holds a point; drag moves the image.", "notice")
    if inside.message is not None:
        return InsideLine(inside.message.text, "notice")
    if inside.shown is None:
        return InsideLine(
            "Press Probe and move over the image, or choose a box of the drawing and show maps.",
            "next",
        )
    return InsideLine((inside.shown.text or inside.shown.title).partition("\n")[0], "notice")


def _where(inside: Inside) -> str:
    if inside.point is None:
        return ""
    axes = "(z, y, x)" if len(inside.point) == 3 else "(y, x)"
    return " at " + ", ".join(f"{round(p)}" for p in inside.point) + f" {axes}"
