"""The pixel size a TIFF file tells, in whichever of its dialects it does."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from typing import Any

import tifffile

from unetscope.images.units import normalise_unit, unit_factor

Sizes = dict[str, float]
_CENTIMETRE = 3
_SOFTWARE = 305
#: The OME schema's default.
_OME_UNIT = "µm"
#: Units in which image programs keep dots per inch.
_PRINTERS = ("inch", "cm")
_FINEST_DOT_UM = 10.0


@dataclass(frozen=True)
class Told:
    """Sizes by axis ("y", "x" and perhaps "z") in ``unit``; empty and None where none is told."""

    sizes: Sizes = field(default_factory=dict)
    unit: str | None = None
    notes: tuple[str, ...] = ()


def tiff_pixel_size(tif: tifffile.TiffFile, index: int = 0) -> Told:
    """The pixel size of image ``index`` (its number among the series of the file).

    Understood are OME-XML, ImageJ's resolution and spacing, the tags of Thermo Fisher (FEI), Zeiss
    (SEM and LSM), Olympus and MetaMorph, the scanners' microns per pixel, and a resolution in
    pixels per centimetre. What is as coarse as printers' dots says nothing about a specimen. Sizes
    that are 0, negative or no number are not told.
    """
    page = tif.series[index].keyframe
    for told in (_ome_size, _imagej_size, *_MAKERS, _centimetre_size):
        found = told(tif, page, index)
        if found is not None and {"x", "y"} <= set(found.sizes) and found.unit is not None:
            return found
    return Told()


def _usable(size: float | None) -> bool:
    return size is not None and math.isfinite(size) and size > 0


def _ome_size(tif: Any, page: Any, index: int) -> Told | None:
    pixels = _ome_pixels(tif, index)
    if pixels is None:
        return None
    found = pixels.attrib
    told: dict[str, tuple[float, str | None]] = {}
    for axis in "xyz":
        size = _number(found.get(f"PhysicalSize{axis.upper()}"))
        if size is not None and _usable(size):
            told[axis] = (size, found.get(f"PhysicalSize{axis.upper()}Unit"))
    notes = []
    if "x" in told and "y" not in told:
        told["y"] = told["x"]
        notes.append("only the width of a pixel is told; its height was taken to be the same")
    return _in_one_unit(told, notes)


def _in_one_unit(told: dict[str, tuple[float, str | None]], notes: list[str]) -> Told | None:
    """Sizes of perhaps several units in the one of x; z is left out where its unit is no length."""
    if "x" not in told or "y" not in told:
        return None
    units = {axis: normalise_unit(unit) for axis, (_, unit) in told.items() if unit is not None}
    main = units.get("x") or units.get("y") or (_OME_UNIT if not units else units.get("z"))
    if main is None:
        return None
    sizes: Sizes = {}
    for axis in "xyz":
        if axis not in told:
            continue
        size, unit = told[axis]
        if unit is None:
            factor = _factor_of_untold(size, told["x"][0], main)
            if factor == 1.0 and main != _OME_UNIT:
                notes.append(f"the unit of {axis} is not told; it was taken to be {main}")
        elif units[axis] == main:
            factor = 1.0
        else:
            factor = unit_factor(units[axis], main) or 0.0
        if factor:
            sizes[axis] = float(f"{size * factor:.12g}")
    return Told(sizes, main, tuple(notes))


def _factor_of_untold(size: float, x_size: float, main: str) -> float:
    """The schema's unit is the micrometre; files that name x's unit alone often mean that one."""
    schema = unit_factor(_OME_UNIT, main)
    if schema is None:
        return 1.0
    return min((schema, 1.0), key=lambda factor: abs(math.log(size * factor / x_size)))


def _ome_pixels(tif: Any, index: int) -> ElementTree.Element | None:
    """The description of one image; None where it is not clear which one that is."""
    if not tif.ome_metadata:
        return None
    try:
        root = ElementTree.fromstring(tif.ome_metadata)
    except ElementTree.ParseError:
        return None  # the pixels can be read all the same
    images = root.findall("{*}Image")
    if len(images) != len(tif.series):
        name = tif.series[index].name
        images = [image for image in images if len(images) == 1 or image.get("Name") == name]
        index = 0
    return images[index].find("{*}Pixels") if index < len(images) else None


def _imagej_size(tif: Any, page: Any, index: int) -> Told | None:
    metadata = tif.imagej_metadata or {}
    unit = normalise_unit(metadata.get("unit"))
    sizes = _resolution_size(page)
    if unit is None or sizes is None or not metadata:
        return None
    ours = str(page.tags.valueof(_SOFTWARE) or "").startswith("unetscope")
    if unit in _PRINTERS and not ours and not _is_fine(sizes, unit):
        return None
    spacing = _number(metadata.get("spacing"))
    if spacing is not None and _usable(abs(spacing)):
        sizes["z"] = abs(spacing)
    return Told(sizes, unit)


def _fei_size(tif: Any, page: Any, index: int) -> Told | None:
    scan = (tif.fei_metadata or {}).get("Scan", {}) if tif.is_fei else {}
    return _of_metres(scan.get("PixelWidth"), scan.get("PixelHeight"), "nm")


def _lsm_size(tif: Any, page: Any, index: int) -> Told | None:
    told = (tif.lsm_metadata or {}) if tif.is_lsm else {}
    return _of_metres(told.get("VoxelSizeX"), told.get("VoxelSizeY"), "µm", told.get("VoxelSizeZ"))


def _olympus_size(tif: Any, page: Any, index: int) -> Told | None:
    told = (tif.sis_metadata or {}) if tif.is_sis else {}
    return _of_metres(told.get("pixelsizex"), told.get("pixelsizey"), "µm")


def _of_metres(width: Any, height: Any, unit: str, depth: Any = None) -> Told | None:
    """Sizes that are told in metres."""
    factor = unit_factor("m", unit) or 1.0
    told = {"x": _number(width), "y": _number(height), "z": _number(depth)}
    sizes = {axis: size * factor for axis, size in told.items() if size and _usable(size)}
    return Told(sizes, unit)


def _scanner_size(tif: Any, page: Any, index: int) -> Told | None:
    """Aperio writes microns per pixel into the description."""
    found = re.search(r"\bMPP *= *([0-9.eE+-]+)", page.description) if tif.is_svs else None
    size = _number(found.group(1)) if found else None
    return Told({"x": size, "y": size}, "µm") if size is not None and _usable(size) else None


def _metamorph_size(tif: Any, page: Any, index: int) -> Told | None:
    told = (tif.stk_metadata or {}) if tif.is_stk else {}
    unit = normalise_unit(told.get("CalibrationUnits"))
    sizes = {"x": _number(told.get("XCalibration")), "y": _number(told.get("YCalibration"))}
    return Told({a: s for a, s in sizes.items() if s is not None and _usable(s)}, unit)


def _zeiss_size(tif: Any, page: Any, index: int) -> Told | None:
    metadata = (tif.sem_metadata or {}) if tif.is_sem else {}
    told: Any = metadata.get("ap_image_pixel_size") or metadata.get("ap_pixel_size")
    if not isinstance(told, tuple) or len(told) < 3:
        return None
    size = _number(told[1])
    if size is None or not _usable(size):
        return None
    return Told({"x": size, "y": size}, normalise_unit(told[2]))


_MAKERS = (_fei_size, _zeiss_size, _lsm_size, _olympus_size, _scanner_size, _metamorph_size)


def _centimetre_size(tif: Any, page: Any, index: int) -> Told | None:
    unit = page.tags.valueof("ResolutionUnit")
    sizes = _resolution_size(page)
    if unit is None or int(unit) != _CENTIMETRE or sizes is None or not _is_fine(sizes, "cm"):
        return None
    return Told({axis: size * 1e4 for axis, size in sizes.items()}, "µm")


def _is_fine(sizes: Sizes, unit: str) -> bool:
    """Whether pixels are finer than printers' and scanners' dots: 2540 an inch are 10 µm."""
    micrometres = unit_factor(unit, "µm") or 0.0
    return all(size * micrometres < _FINEST_DOT_UM for size in sizes.values())


def _resolution_size(page: Any) -> Sizes | None:
    sizes = {}
    for axis in "xy":
        told = page.tags.valueof(f"{axis.upper()}Resolution")
        if not isinstance(told, tuple) or len(told) < 2 or 0 in told[:2]:
            return None
        sizes[axis] = told[1] / told[0]
    return sizes if all(_usable(size) for size in sizes.values()) else None


def _number(told: Any) -> float | None:
    try:
        return float(told)
    except (TypeError, ValueError, OverflowError):
        return None  # what is no number is as good as not told
