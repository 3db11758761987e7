"""Names of length units, and the factor from one to another."""

from __future__ import annotations

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
_UNKNOWN = ("", "pixel", "pixels", "px", "none", "dimensionless", "arbitrary unit", "arbitrary")
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
