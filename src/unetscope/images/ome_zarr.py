"""OME-Zarr: read 0.4 and 0.5 with scale and unit, write 0.5; pixels stay on disk until asked for.

Metadata follow https://ngff.openmicroscopy.org/0.4/ and /0.5/ (multiscales, axes,
coordinateTransformations).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from unetscope.errors import ImageError, OutputError
from unetscope.images.claims import IMAGE, MARK, Claim
from unetscope.images.damage import translated_errors
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.units import NGFF_WORDS
from unetscope.images.writing import replacing


def is_zarr(path: Path) -> bool:
    """True if ``path`` is a folder with zarr metadata of version 2 or 3."""
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def read_ome_zarr(path: Path, axes: str | None = None) -> Micrograph:
    """The full-resolution level of an OME-Zarr image, or a bare zarr array.

    Raises
    ------
    ImageError
        If the folder is no zarr, holds no image, or does not say what its axes are.
    """
    if not path.is_dir() or not is_zarr(path):
        raise ImageError(
            f"{path} is no OME-Zarr folder (it has no zarr.json, .zgroup or "
            ".zarray); choose the folder that holds one of these"
        )
    with translated_errors(path, "OME-Zarr"):
        node = zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Array):
            return as_micrograph(node, axes, name=path.stem)
        multiscale = _multiscale(path, node)
        dataset = multiscale["datasets"][0]
        pixels = node[dataset["path"]]
        if not isinstance(pixels, zarr.Array):
            raise ImageError(
                f"{path} names {dataset['path']!r} as its image, which is a group; export it again"
            )
        sizes = _scale(multiscale, dataset, len(pixels.shape))
        return _named(path, pixels, multiscale, sizes, axes)


def _multiscale(path: Path, group: Any) -> dict[str, Any]:
    """The first image's metadata, from ``ome`` (0.5) or the root of the attributes (0.4)."""
    attributes = dict(group.attrs)
    ome = attributes.get("ome", attributes)
    found = ome.get("multiscales") if isinstance(ome, dict) else None
    if not found:
        inside = ", ".join(sorted(group.group_keys())[:5]) or "no groups"
        raise ImageError(
            f"{path} is a zarr group without an OME image; choose one of the "
            f"groups inside it ({inside})"
        )
    first: dict[str, Any] = found[0]
    return first


def _scale(multiscale: dict[str, Any], dataset: dict[str, Any], axes: int) -> np.ndarray[Any, Any]:
    """Pixel size per array axis: the dataset's scale times the scale of the whole image."""
    total = np.ones(axes)
    for holder in (dataset, multiscale):
        for transform in holder.get("coordinateTransformations") or ():
            if transform.get("type") == "scale":
                total = total * np.asarray(transform["scale"], float)
    return total


def _named(
    path: Path,
    pixels: Any,
    multiscale: dict[str, Any],
    sizes: np.ndarray[Any, Any],
    axes: str | None,
) -> Micrograph:
    """The micrograph, without axes of length 1 that are neither y nor x."""
    told = [
        axis if isinstance(axis, dict) else {"name": axis} for axis in multiscale.get("axes") or ()
    ]
    names = [str(axis.get("name", "")).lower() for axis in told]
    name = str(multiscale.get("name") or path.name.removesuffix(".zarr").removesuffix(".ome"))
    if len(names) != len(pixels.shape):
        return as_micrograph(pixels, axes, name=name)
    kept = [i for i, n in enumerate(pixels.shape) if n > 1 or names[i] in ("y", "x")]
    if len(kept) < len(names):
        import dask.array as da

        pixels = da.from_zarr(pixels)[
            tuple(slice(None) if i in kept else 0 for i in range(len(names)))
        ]
    if axes is None and "t" in (names[i] for i in kept):
        raise ImageError(
            f"{path} holds {pixels.shape[names.index('t')]} time points; save one "
            "of them as an image of its own"
        )
    spatial = [i for i in kept if names[i] in ("z", "y", "x")]
    units = {told[i].get("unit") for i in spatial}
    chosen = axes if axes is not None else "".join(names[i] for i in kept)
    known = len(units) == 1 and units != {None} and len(spatial) == len(chosen.replace("c", ""))
    pixel_size = tuple(float(sizes[i]) for i in spatial) if known else None
    return as_micrograph(pixels, chosen, pixel_size, units.pop() if known else None, name)


def write_ome_zarr(micrograph: Micrograph, path: Path, claim: Claim = IMAGE) -> None:
    """Write OME-Zarr 0.5 with scale and unit, piece by piece: lazy pixels are never read whole.

    Raises
    ------
    OutputError
        If ``path`` holds something other than a zarr, or cannot be written.
    """
    from yaozarrs import v05
    from yaozarrs.write.v05 import write_image

    if path.exists() and not is_zarr(path):
        raise OutputError(f"{path} is there already and is no OME-Zarr folder; choose another name")
    order = [micrograph.axes.index(a) for a in "czyx" if a in micrograph.axes]
    names = [micrograph.axes[i] for i in order]
    sizes = dict(zip(micrograph.spatial_axes, micrograph.pixel_size or (), strict=False))
    unit = NGFF_WORDS.get(micrograph.unit or "")
    axes: list[Any] = [
        v05.ChannelAxis(name="c") if n == "c" else v05.SpaceAxis(name=n, unit=unit) for n in names
    ]
    scale = v05.ScaleTransformation(scale=[sizes.get(name, 1.0) for name in names])
    dataset = v05.Dataset(path="0", coordinateTransformations=[scale])
    named = micrograph.name or path.name.removesuffix(".zarr").removesuffix(".ome")
    image = v05.Image(multiscales=[v05.Multiscale(name=named, axes=axes, datasets=[dataset])])
    with replacing(path, claim) as temporary:
        try:
            write_image(temporary, image, _ordered(micrograph, order), writer="zarr")
        except (ValueError, TypeError) as error:
            raise OutputError(f"{path} cannot be written as OME-Zarr: {error}") from error
        zarr.open_group(str(temporary), mode="r+").attrs[MARK] = {
            "role": str(claim.role),
            "notes": list(micrograph.notes),
        }


def _ordered(micrograph: Micrograph, order: list[int]) -> Any:
    """Pixels with channels first; lazy ones stay lazy, bool ones become uint8."""
    pixels = micrograph.pixels
    if not isinstance(pixels, np.ndarray):
        import dask.array as da

        pixels = pixels if isinstance(pixels, da.Array) else da.from_array(pixels)
    pixels = pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels
    return pixels.transpose(order)
