"""Names of length units, the factor from one to another, and lengths in words."""

from __future__ import annotations

from collections.abc import Sequence

#: Metres in one of each unit that is understood.
METRES = {
    "pm": 1e-12,
    "Å": 1e-10,
    "nm": 1e-9,
    "µm": 1e-6,
    "mm": 1e-3,
    "cm": 1e-2,
    "m": 1.0,
    "inch": 0.0254,
}

_SPELLINGS = {
    "pm": ("picometer", "picometre", "picometers", "picometres"),
    "Å": ("å", "a", "angstrom", "ångström", "angstroms"),
    "nm": ("nanometer", "nanometre", "nanometers", "nanometres", "nanometer(s)"),
    "µm": (
        "um",
        "μm",
        "micron",
        "microns",
        "micrometer",
        "micrometre",
        "micrometers",
        "micrometres",
        "\\u00b5m",
        "\\u03bcm",
        "µ",
        "u",
    ),
    "mm": ("millimeter", "millimetre", "millimeters", "millimetres"),
    "cm": ("centimeter", "centimetre", "centimeters", "centimetres"),
    "m": ("meter", "metre", "meters", "metres"),
    "inch": ("in", "inches", '"'),
}
_UNKNOWN = (
    "",
    "pixel",
    "pixels",
    "px",
    "none",
    "dimensionless",
    "arbitrary unit",
    "arbitrary",
    "reference frame",  # OME's word for a length without a scale
    "reference_frame",
)
_NORMALISED = {name.lower(): name for name in METRES} | {
    spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings
}

#: The words that OME-NGFF (OME-Zarr) uses for the same units.
NGFF_WORDS = {
    "pm": "picometer",
    "Å": "angstrom",
    "nm": "nanometer",
    "µm": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "inch": "inch",
}


def normalise_unit(unit: object) -> str | None:
    """The usual short name of ``unit`` ("um", "micron" -> "µm"); None for pixels or nothing.

    A unit that is not known is kept as it is written.
    """
    if unit is None:
        return None
    written = str(unit).strip().strip("\x00")
    if written.lower() in _UNKNOWN:
        return None
    return _NORMALISED.get(written.lower(), written)


def unit_factor(unit: str | None, into: str) -> float | None:
    """How many ``into`` one ``unit`` is; None where either is not a known length."""
    known = normalise_unit(unit)
    if known not in METRES or into not in METRES:
        return None
    return METRES[known] / METRES[into]


#: The units that lengths are told in, where the one of the file makes a number hard to read.
_SPOKEN = ("pm", "nm", "µm", "mm", "m")
_EASY = (0.1, 1000.0)  # numbers that are read at a glance


def length_in_words(length: float, unit: str | None, digits: int = 3) -> str:
    """A length with its unit: ``0.0025 µm`` as "2.5 nm"; in its own unit where that reads well.

    A unit that is not known, or none, is kept as it is.
    """
    value, own = float(length), normalise_unit(unit)
    if own in METRES and value > 0 and not _EASY[0] <= _rounded(value, digits) < _EASY[1]:
        metres = value * METRES[own]
        fitting = [name for name in _SPOKEN if _rounded(metres / METRES[name], digits) >= 1]
        own = fitting[-1] if fitting else _SPOKEN[0]
        value = metres / METRES[own]
    return f"{_rounded(value, digits):g} {own or ''}".rstrip()


def lengths_in_words(lengths: Sequence[float], unit: str | None, digits: int = 3) -> str:
    """Lengths along axes: "90 × 64.4 nm", "2 µm × 650 nm"; one alone where all are the same."""
    told = [length_in_words(length, unit, digits) for length in lengths]
    if len(set(told)) == 1:
        return told[0]
    parts = [text.partition(" ") for text in told]
    if len({unit for *_, unit in parts}) > 1:
        return " × ".join(told)
    return f"{' × '.join(number for number, *_ in parts)} {parts[0][-1]}".rstrip()


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
