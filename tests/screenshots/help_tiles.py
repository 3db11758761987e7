"""Tiles of the pictures behind the "?" buttons: grey and signed ones, side by side, kept small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 128  # of a tile
GAP = 6
LIMIT_KB = 15
GROUND = (128, 128, 128, 0)  # transparent: the window's own colour shows
ORANGE = (255, 159, 28)
BLUE, WHITE, RED = np.array([33, 102, 172]), np.array([247, 247, 247]), np.array([178, 24, 43])


def grey(values: np.ndarray, low: float | None = None, high: float | None = None) -> Image.Image:
    """Grey values between two limits, or the 1 % and 99 % ones."""
    least = np.percentile(values, 1) if low is None else low
    most = np.percentile(values, 99) if high is None else high
    scaled = np.clip((values - least) / max(most - least, 1e-9), 0, 1)
    return Image.fromarray((scaled * 245 + 5).astype(np.uint8)).convert("RGBA")


def signed(values: np.ndarray, limit: float | None = None) -> Image.Image:
    """Blue below 0, white at 0, red above."""
    most = np.abs(values).max() if limit is None else limit
    share = np.clip(np.abs(values) / most, 0, 1)[..., None]
    ends = np.where(values[..., None] > 0, RED, BLUE)
    return Image.fromarray((WHITE + (ends - WHITE) * share).astype(np.uint8)).convert("RGBA")


def tile(picture: Image.Image, side: int = SIDE) -> Image.Image:
    """Enlarged without smoothing: cells stay cells."""
    return picture.resize((side, side), Image.Resampling.NEAREST)


def row(tiles: list[Image.Image], signs: str = "") -> Image.Image:
    """Tiles side by side; with ``signs`` between them."""
    gap = 26 if signs else GAP
    wide = sum(t.width for t in tiles) + gap * (len(tiles) - 1)
    made = Image.new("RGBA", (wide, max(t.height for t in tiles)), GROUND)
    pen, left = ImageDraw.Draw(made), 0
    for i, one in enumerate(tiles):
        made.paste(one, (left, 0))
        left += one.width
        if i < len(signs):
            draw_sign(pen, signs[i], left + gap // 2, made.height // 2)
        left += gap
    return made


def draw_sign(pen: ImageDraw.ImageDraw, sign: str, x: int, y: int) -> None:
    """A × or = about a place, in grey that both themes show."""
    strokes = {
        "×": [(-6, -6, 6, 6), (-6, 6, 6, -6)],
        "=": [(-7, -4, 7, -4), (-7, 4, 7, 4)],
    }
    for a, b, c, d in strokes[sign]:
        pen.line((x + a, y + b, x + c, y + d), fill=(128, 128, 128, 255), width=3)


def outlined(picture: Image.Image) -> Image.Image:
    """With a grey rim, or a white cell would end in a light window."""
    framed = picture.copy()
    corner = (framed.width - 1, framed.height - 1)
    ImageDraw.Draw(framed).rectangle(((0, 0), corner), outline=(128, 128, 128, 255))
    return framed


def save(picture: Image.Image, path: Path) -> None:
    """Write it with few colours, and fewer until it is small enough."""
    for colours in (64, 32, 16, 8):
        small = picture.quantize(colours, method=Image.Quantize.FASTOCTREE)
        small.save(path, optimize=True)
        size_kb = path.stat().st_size / 1000
        if size_kb <= LIMIT_KB:
            print(f"{path.name}: {picture.width} × {picture.height}, {size_kb:.1f} kB")
            return
    raise ValueError(f"{path.name} is {size_kb:.0f} kB; at most {LIMIT_KB} kB are allowed.")
