"""The pixel size a TIFF file tells, in whichever of its dialects it does."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from typing import Any

import tifffile

from unetscope.images.units import normalise_unit

Sizes = dict[str, float]
_CENTIMETRE = 3


def tiff_pixel_size(tif: tifffile.TiffFile) -> tuple[Sizes | None, str | None]:
    """Sizes by axis ("y", "x" and perhaps "z") and their unit; (None, None) where none is told.

    Understood are OME-XML, ImageJ's resolution and spacing, the tags of Thermo Fisher (FEI) and
    Zeiss SEMs, and a resolution in pixels per centimetre. Dots per inch are for printers and say
    nothing about a specimen.
    """
    for told in (_ome_size, _imagej_size, _fei_size, _zeiss_size, _centimetre_size):
        sizes, unit = told(tif)
        if sizes and all(math.isfinite(s) and s > 0 for s in sizes.values()):
            return sizes, unit
    return None, None


def _ome_size(tif: tifffile.TiffFile) -> tuple[Sizes | None, str | None]:
    if not tif.ome_metadata:
        return None, None
    try:
        root = ElementTree.fromstring(tif.ome_metadata)
    except ElementTree.ParseError:
        return None, None  # the pixels can be read all the same
    pixels = root.find(".//{*}Pixels")
    found = {} if pixels is None else pixels.attrib
    sizes, units = {}, []
    for axis in "xyz":
        size = _number(found.get(f"PhysicalSize{axis.upper()}"))
        if size is not None:
            sizes[axis] = size
            # The OME schema's default unit is the micrometre.
            units.append(normalise_unit(found.get(f"PhysicalSize{axis.upper()}Unit", "µm")))
    if not {"x", "y"} <= set(sizes) or len(set(units)) > 1:
        return None, None
    return sizes, units[0]


def _imagej_size(tif: tifffile.TiffFile) -> tuple[Sizes | None, str | None]:
    metadata = tif.imagej_metadata
    unit = normalise_unit((metadata or {}).get("unit"))
    sizes = _resolution_size(tif)
    if unit is None or sizes is None:
        return None, None
    spacing = _number((metadata or {}).get("spacing"))
    if spacing is not None:
        sizes["z"] = abs(spacing)
    return sizes, unit


def _fei_size(tif: tifffile.TiffFile) -> tuple[Sizes | None, str | None]:
    scan = (tif.fei_metadata or {}).get("Scan", {}) if tif.is_fei else {}
    width, height = _number(scan.get("PixelWidth")), _number(scan.get("PixelHeight"))
    if width is None or height is None:
        return None, None
    return {"x": width * 1e9, "y": height * 1e9}, "nm"  # told in metres


def _zeiss_size(tif: tifffile.TiffFile) -> tuple[Sizes | None, str | None]:
    metadata = (tif.sem_metadata or {}) if tif.is_sem else {}
    told: Any = metadata.get("ap_image_pixel_size") or metadata.get("ap_pixel_size")
    if not isinstance(told, tuple) or len(told) < 3:
        return None, None
    size = _number(told[1])
    return (None, None) if size is None else ({"x": size, "y": size}, normalise_unit(told[2]))


def _centimetre_size(tif: tifffile.TiffFile) -> tuple[Sizes | None, str | None]:
    unit = tif.pages.first.tags.get("ResolutionUnit")
    sizes = _resolution_size(tif)
    if unit is None or int(unit.value) != _CENTIMETRE or sizes is None:
        return None, None
    micrometres = {axis: size * 1e4 for axis, size in sizes.items()}
    # 72 to 300 dots per inch, in centimetres, are 85 to 353 µm: a printer's figure again.
    return (micrometres, "µm") if micrometres["x"] < 80 else (None, None)


def _resolution_size(tif: tifffile.TiffFile) -> Sizes | None:
    sizes = {}
    for axis in "xy":
        tag = tif.pages.first.tags.get(f"{axis.upper()}Resolution")
        if tag is None or not isinstance(tag.value, tuple) or 0 in tag.value[:2]:
            return None
        sizes[axis] = tag.value[1] / tag.value[0]
    return sizes


def _number(told: Any) -> float | None:
    try:
        return float(told)
    except (TypeError, ValueError, OverflowError):
        return None  # what is no number is as good as not told
