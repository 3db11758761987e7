"""One layer in a line: what comes out of it, what it learns, how much of the image it sees."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget
from superqt.utils import QFlowLayout

from unetscope.images.units import lengths_in_words
from unetscope.widgets.kit.looks import Tints, quiet

if TYPE_CHECKING:
    from unetscope.inspection.following.joins import SkipConnection
    from unetscope.inspection.following.reach import GridMismatch
    from unetscope.inspection.following.table import LayerRow

MEANING = {
    "exact": "Exact: follows from the layers alone.",
    "structural": (
        "Structural: true of the convolutions; a normalisation in this network also mixes in "
        "statistics of the whole map, so every pixel has a little say."
    ),
    "empirical": "Empirical: measured on the stated images; other images give other numbers.",
}
_OFF = (
    "The maps that are joined here do not lie on each other: a cell of one is meant for another "
    "place of the image than the same cell of the other."
)
_ON = "The maps that are joined here lie exactly on each other."
_REGISTERED = ("skip registered", "registered")
_BREAK = "\u200b"  # where a long name may be wrapped


class LayerCard(QFrame):
    """A tinted card: a line of facts, and badges that say how far they can be trusted."""

    def __init__(self, tints: Tints, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tints = tints
        self._tones: list[tuple[QLabel, str]] = []
        self._skip_texts: tuple[str, ...] = ()
        self.label = quiet(QLabel())
        self.label.setTextFormat(Qt.TextFormat.RichText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setAccessibleName("The chosen layer")
        self.kind = QLabel()
        self.skip = QLabel()
        self.skip.setMinimumWidth(1)  # or its longest text would hold the card apart
        self._badges = QWidget()
        flow = QFlowLayout(self._badges)
        flow.setContentsMargins(0, 0, 0, 0)
        flow.setSpacing(4)
        flow.addWidget(self.kind)
        flow.addWidget(self.skip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 6, 6)
        layout.setSpacing(4)
        layout.addWidget(self.label)
        layout.addWidget(self._badges)
        self.clear()

    def set_tints(self, tints: Tints) -> None:
        """Follow the theme."""
        self._tints = tints
        self._dress()

    def clear(self, text: str = "Choose a stage or a layer.") -> None:
        """Show no layer, but a sentence."""
        self.label.setText(escape(text))
        self._set_badges("", ())

    def show_layer(
        self,
        row: LayerRow | None,
        *,
        pixel_size: float | Sequence[float] | None = None,
        unit: str | None = None,
        kind: str | None = None,
        mismatches: Sequence[GridMismatch] = (),
        skips: Sequence[SkipConnection] = (),
    ) -> None:
        """Show a row of the architecture table; None shows that no layer is chosen.

        Parameters
        ----------
        pixel_size, unit : of the image, one number or ([z,] y, x); None where they are not known.
        kind : exact, structural or empirical; None for that of the row's field.
        mismatches, skips : of the whole network; the badge is about those joined in the innermost
            module that holds this layer.
        """
        if row is None:
            self.clear()
            return
        parts = facts(row, pixel_size, unit)
        self.label.setText(_rich(parts))
        told = row.field_kind if kind is None else kind
        self._set_badges("" if told is None else str(told), _skip_texts(row, mismatches, skips))
        note = f"\n{row.remark}" if row.remark else ""
        self.setToolTip(f"{row.name} · {row.kind}{note}")
        self.label.setAccessibleDescription(" · ".join(parts))

    def _set_badges(self, kind: str, skip_texts: tuple[str, ...]) -> None:
        self.kind.setText(kind.upper())
        self.kind.setToolTip(MEANING.get(kind, ""))
        self.kind.setVisible(bool(kind))
        self._skip_texts = skip_texts
        self.skip.setVisible(bool(skip_texts))
        off = skip_texts != _REGISTERED
        if skip_texts:
            self.skip.setToolTip(f"{skip_texts[0]}. {_OFF if off else _ON}")
        self._tones = [
            (self.kind, "good" if kind == "exact" else "busy"),
            (self.skip, "error" if off else "good"),
        ]
        self._badges.setVisible(bool(kind or skip_texts))
        self._dress()
        self._fit()

    def resizeEvent(self, event: Any) -> None:
        """Say the badge in fewer words where there is no room for more."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: Any) -> None:
        """Follow the font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        if not self._skip_texts:
            return
        metrics = self.skip.fontMetrics()
        room = self.width() - 14 - 14  # without the margins and the badge's own
        fits = [text for text in self._skip_texts if metrics.horizontalAdvance(text) <= room]
        self.skip.setText((fits or self._skip_texts)[0 if fits else -1])

    def _dress(self) -> None:
        tints = self._tints
        self.setStyleSheet(
            f"LayerCard {{ background: {tints.card}; border: none; border-radius: 3px; }} "
            f"LayerCard QWidget {{ background: transparent; color: {tints.text}; }}"
        )
        colors = {"good": tints.good, "busy": tints.busy, "error": tints.error}
        for label, tone in self._tones:
            label.setStyleSheet(
                f"color: {colors[tone]}; background: transparent; border: 1px solid "
                f"{colors[tone]}; border-radius: 3px; padding: 0px 4px;"
            )


def _skip_texts(
    row: LayerRow, mismatches: Sequence[GridMismatch], skips: Sequence[SkipConnection]
) -> tuple[str, ...]:
    """What the badge says, from the longest to the shortest; nothing where nothing is joined."""
    from unetscope.inspection.following.stage_groups import base_name

    layer = base_name(row.name)
    joins = [*(found.where for found in mismatches), *(base_name(skip.name) for skip in skips)]
    holds = [name for name in joins if name and (layer == name or layer.startswith(f"{name}."))]
    if not holds:
        return ()
    inner = max(holds, key=len)
    wrong = next((found for found in mismatches if found.where == inner), None)
    if wrong is None:
        return _REGISTERED
    by = f"by {shift_text(wrong.shift_px)} px"
    if not any(wrong.shift_px):  # it begins at the same place and drifts off
        by = "in scale, × " + ", ".join(f"{ratio:.4g}" for ratio in wrong.scale_ratio)
    return (f"skip misregistered {by}", f"skip off {by}", "skip misregistered", "skip off")


def facts(
    row: LayerRow, pixel_size: float | Sequence[float] | None = None, unit: str | None = None
) -> list[str]:
    """The parts of the line: name, output, parameters, field, stride."""
    found = [row.name or row.kind]
    if row.output_shape:
        found.append(shape_text(row.output_shape))
    if row.parameters:
        found.append(f"{row.parameters:,} parameters")
    elif row.shares:
        found.append(f"weights of {row.shares}")
    if row.receptive_field:
        found.append(f"field {field_text(row.receptive_field, pixel_size, unit)}")
    if row.stride:
        found.append(f"stride {stride_text(row.stride)}")
    return found


def _rich(parts: Sequence[str]) -> str:
    """Name in bold, wrapped at its dots; the other parts stay whole where they are short."""
    name = escape(wrapping(parts[0]))
    rest = [escape(part).replace(" ", "&nbsp;") if len(part) < 20 else escape(part)
            for part in parts[1:]]  # fmt: skip
    return " · ".join([f"<b>{name}</b>", *rest])


def wrapping(name: str) -> str:
    """A layer's name that may be wrapped behind its dots."""
    return name.replace(".", f".{_BREAK}")


def shape_text(shape: Sequence[int]) -> str:
    """Sides as ``32 × 256 × 256``."""
    return " × ".join(str(n) for n in shape)


def stride_text(stride: Sequence[float] | None) -> str:
    """``2``, or ``1 × 2 × 2`` where the axes differ; "" for none."""
    if not stride:
        return ""
    texts = [f"{step:.3g}" for step in stride]
    return texts[0] if len(set(texts)) == 1 else " × ".join(texts)


def shift_text(shift: Sequence[float]) -> str:
    """Δ per axis with its sign, with a true minus: ``(+8, −0.5)``."""
    return "(" + ", ".join(f"{value:+g}".replace("-", "−") for value in shift) + ")"


def field_text(
    field: Sequence[int],
    pixel_size: float | Sequence[float] | None = None,
    unit: str | None = None,
) -> str:
    """The field's sides in pixels and, where the pixel size is known, as a length.

    Parameters
    ----------
    field : ([z,] y, x) pixels.
    pixel_size : one number or ([z,] y, x); the last ones count where there are more than sides.
    """
    pixels = "{} px".format(_once([f"{side:,}" for side in field]))
    if isinstance(pixel_size, int | float):
        pixel_size = [pixel_size] * len(field)
    sizes = tuple(pixel_size or ())[-len(field) :]
    if len(sizes) != len(field) or not unit or not all(size > 0 for size in sizes):
        return pixels
    lengths = [n * size for n, size in zip(field, sizes, strict=True)]
    return f"{pixels} ({lengths_in_words(lengths, unit)})"


def _once(texts: Sequence[str]) -> str:
    return texts[0] if len(set(texts)) == 1 else " × ".join(texts)
