"""Which objects are meant, in words that a person types: "area > 0.2 µm², not at border"."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import MeasurementError
from unetscope.images.units import normalise_unit, unit_factor
from unetscope.measuring.columns import Column

if TYPE_CHECKING:
    from unetscope.measuring.object_table import ObjectTable

Masks = NDArray[np.bool_]

_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "≤": operator.le,
    ">": operator.gt,
    "≥": operator.ge,
    "=": operator.eq,
    "≠": operator.ne,
}
_SPELT = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠", "<>": "≠"}
_TURNED = {"<": ">", "≤": "≥", ">": "<", "≥": "≤", "=": "=", "≠": "≠"}
_SIGN = re.compile(r"(<=|>=|==|!=|<>|[<>=≤≥≠])")
_NUMBER = re.compile(r"([+−-]?(?:\d+\.?\d*|\.\d+)(?:e[+−-]?\d+)?)\s*(\D.*)?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_APART = re.compile(r",\s|,(?=\D)|,$|;|&&?|\band\b", re.IGNORECASE)
_DEGREES = {("°", "deg"), ("°", "degrees")}
_POWERS = {"²": 2, "³": 3}
#: Columns of yes and no.
FLAGS = frozenset({"at_border", "nearest_centre_sure", "nearest_edge_sure"})
_OTHER_NAMES = {"d": "diameter", "number": "object", "#": "object", "ecd": "diameter"}
_EXAMPLE = "write for example “area > 0.2” or “not at border”"


@dataclass(frozen=True)
class Condition:
    """One comparison of a column, in the column's unit; ``told`` is the value as it is read."""

    key: str
    sign: str
    value: float
    told: str

    @property
    def text(self) -> str:
        """As it can be typed again: ``d > 100 nm``."""
        name = self.key.replace("_", " ")
        if self.key in FLAGS and self.sign in "=≠":
            return name if (self.sign == "=") == bool(self.value) else f"not {name}"
        return f"{name} {self.sign} {self.told}"

    def fitting(self, table: ObjectTable) -> Masks:
        """(object,) where it is met; never where the column is empty."""
        values = np.asarray(table.columns[self.key], np.float64)
        found: Masks = _COMPARED[self.sign](values, self.value) & ~np.isnan(values)
        return found


@dataclass(frozen=True)
class Conditions:
    """Conditions that hold all at once; without any, every object is meant."""

    each: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.each)

    @property
    def text(self) -> str:
        """As it can be typed again."""
        return ", ".join(one.text for one in self.each)

    def fitting(self, table: ObjectTable) -> Masks:
        """(object,) which objects are meant."""
        kept = np.ones(len(table), bool)
        for one in self.each:
            kept &= one.fitting(table)
        return kept

    def range_of(self, key: str) -> tuple[float, float]:
        """From where to where a column may lie; infinite where no condition says so."""
        own = [one for one in self.each if one.key == key]
        low = max((one.value for one in own if one.sign in ">≥="), default=-math.inf)
        high = min((one.value for one in own if one.sign in "<≤="), default=math.inf)
        return low, high

    def without(self, key: str) -> Conditions:
        """Those of the other columns."""
        return Conditions(tuple(one for one in self.each if one.key != key))


def within(column: Column, low: float, high: float) -> Conditions:
    """From ``low`` to ``high`` of a column, both with them; an end that is infinite is open."""
    ends = (("≥", low), ("≤", high))
    return Conditions(
        tuple(_condition(column, sign, end) for sign, end in ends if math.isfinite(end))
    )


def read_conditions(
    text: str, columns: Iterable[Column], classes: Mapping[int, str] | None = None
) -> Conditions:
    """What a person typed.

    Conditions stand between commas or the word *and*: ``area > 0.2``, ``100 nm < d < 300 nm``,
    ``d 100 to 300``, ``at border``, ``not at border``, ``class = nucleus``. The beginning of a name
    is enough; a value without a unit is in that of its column. ``classes`` gives the names of
    classes by number.

    Raises
    ------
    MeasurementError
        If a part is no condition, no column or several have the name, or a value or its unit
        cannot be compared with the column.
    """
    reading = _Reading({column.key: column for column in columns}, classes or {})
    parts = (part.strip() for part in _APART.split(text))
    return Conditions(tuple(one for part in parts if part for one in reading.part(part)))


@dataclass(frozen=True)
class _Reading:
    """What names may mean."""

    columns: Mapping[str, Column]
    classes: Mapping[int, str]

    def part(self, part: str) -> list[Condition]:
        """The one or two comparisons of ``part``."""
        pieces = [piece.strip() for piece in _SIGN.split(part)]
        signs = [_SPELT.get(sign, sign) for sign in pieces[1::2]]
        if len(pieces) == 1:
            return self._without_sign(part)
        if not all(pieces) or len(pieces) > 5:
            raise MeasurementError(f"“{part}” is no whole comparison; {_EXAMPLE}")
        if len(pieces) == 5:
            column = self._column(pieces[2])
            first = self._compared(column, _TURNED[signs[0]], pieces[0])
            return [first, self._compared(column, signs[1], pieces[4])]
        if _NUMBER.fullmatch(pieces[0]):
            return [self._compared(self._column(pieces[2]), _TURNED[signs[0]], pieces[0])]
        return [self._compared(self._column(pieces[0]), signs[0], pieces[2])]

    def _without_sign(self, part: str) -> list[Condition]:
        span = re.fullmatch(r"(.+?)\s+(?:from\s+)?([\d.].*?)\s+to\s+(.+)", part)
        if span:
            column = self._column(span[1])
            return [self._compared(column, sign, span[at]) for sign, at in (("≥", 2), ("≤", 3))]
        name = re.sub(r"^(not|no)\s+", "", part, flags=re.IGNORECASE)
        column = self._column(name)
        if column.key not in FLAGS:
            raise MeasurementError(f"“{part}” does not say how much {_words(column)}; {_EXAMPLE}")
        return [_condition(column, "=", float(name == part))]

    def _column(self, name: str) -> Column:
        """The column of this name, or the only one that begins so."""
        asked = re.sub(r"[\s_]+", "_", name.strip().lower())
        asked = _OTHER_NAMES.get(asked, asked)
        exact = [c for c in self.columns.values() if asked in (c.key, c.header.lower())]
        found = exact or [c for c in self.columns.values() if c.key.startswith(asked)]
        if len(found) == 1:
            return found[0]
        if found:
            names = " or ".join(_words(column) for column in found)
            raise MeasurementError(f"“{name}” may be {names}; write one of them")
        names = ", ".join(_words(column) for column in self.columns.values())
        raise MeasurementError(f"there is no column “{name}”; there are {names}")

    def _compared(self, column: Column, sign: str, value: str) -> Condition:
        if column.key == "class":
            return self._of_class(column, sign, value)
        return _condition(column, sign, _number(value, column))

    def _of_class(self, column: Column, sign: str, value: str) -> Condition:
        asked = value.strip(" \"'“”").lower()
        for number, name in self.classes.items():
            if asked in (name.lower(), str(number)) and sign in "=≠":
                told = f"{number}" if _APART.search(name) or _SIGN.search(name) else name
                return Condition("class", sign, float(number), told)
        if not self.classes or sign not in "=≠":
            return _condition(column, sign, _number(value, column))
        names = ", ".join(self.classes.values())
        raise MeasurementError(f"there is no class “{value}”; there are {names}")


def _words(column: Column) -> str:
    return column.key.replace("_", " ")


def _condition(column: Column, sign: str, value: float) -> Condition:
    told = f"{value:.9g}{'' if column.unit == '°' else ' '}{column.unit}".rstrip()
    return Condition(column.key, sign, value, told)


def _number(text: str, column: Column) -> float:
    """A value in the unit of its column."""
    if re.search(r"\d,\d{3}(?!\d)", text):
        raise MeasurementError(
            f"“{text}” may be a thousand or a decimal; write it without a comma, with a point"
        )
    found = _NUMBER.fullmatch(_DECIMAL_COMMA.sub(".", text.strip()))
    if not found:
        raise MeasurementError(f"“{text}” is no number to compare {_words(column)} with")
    value = float(found[1].replace("−", "-"))
    return value * _factor((found[2] or "").strip(), column)


def _factor(unit: str, column: Column) -> float:
    """How many of the column's unit one ``unit`` is."""
    if not unit or unit == column.unit or (column.unit, unit.lower()) in _DEGREES:
        return 1.0
    (own, power), (asked, asked_power) = _powered(column.unit), _powered(unit)
    factor = unit_factor(asked, own) if own and power == asked_power else None
    same = normalise_unit(asked) == normalise_unit(own) and power == asked_power
    if factor is None and not (same and own and asked):
        has = f"is in {column.unit}" if column.unit else "has no unit"
        raise MeasurementError(f"{_words(column)} {has}, which {unit} cannot be compared with")
    return 1.0 if factor is None else float(f"{factor:.12g}") ** power


def _powered(unit: str) -> tuple[str, int]:
    """A unit as length and power: "µm²", "um2" and "um^2" are ("µm", 2)."""
    found = re.fullmatch(r"(.*?)\^?([23²³])?", unit.strip())
    assert found is not None
    length, power = found[1].strip(), found[2]
    return length, _POWERS.get(power, int(power) if power and power.isascii() else 1)
