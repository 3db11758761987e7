"""What is shown, as files: pictures, numbers, where they come from, and a script to redo them."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

import unetscope
from unetscope.errors import OutputError
from unetscope.images.claims import REPORT
from unetscope.images.writing import replacing
from unetscope.inspection.writing.calls import ModelSource, NumbersRecipe
from unetscope.inspection.writing.figures import drawn
from unetscope.inspection.writing.reproduction import (
    INPUT_FILE,
    SCRIPT_FILE,
    WEIGHTS_FILE,
    script,
    weights_sha256,
)
from unetscope.inspection.writing.views import ExportedView, kernels_view, maps_view, view_figure

__all__ = [
    "ExportedView",
    "ModelSource",
    "NumbersRecipe",
    "export_view",
    "kernels_view",
    "maps_view",
    "weights_sha256",
]

_IMAGEJ_NAMES = {"o": "T", "z": "Z", "i": "C", "c": "C", "y": "Y", "x": "X"}
_LIBRARIES = ("torch", "numpy", "captum", "scipy", "scikit-image")


def export_view(view: ExportedView, folder: str | Path) -> list[Path]:
    """Write NAME.png, .svg, .tif (float32, for ImageJ) and .json, and reproduce.py with its input.

    Every file appears only when it is complete. Without a recipe there is no script, and the JSON
    file says so (``"script": null``).

    Raises
    ------
    OutputError
        If the folder is missing or cannot be written.
    ModelError
        If the recipe holds what cannot be written into a script.
    """
    folder = Path(folder)
    written = []
    for name, write in _files(view):
        with replacing(folder / name, REPORT) as temporary:
            write(temporary)
        written.append(folder / name)
    return written


def _files(view: ExportedView) -> Iterator[tuple[str, Callable[[Path], object]]]:
    # What can fail is made before the first file is written.
    text, described = _script(view), _described(view)
    figure = view_figure(view)
    yield f"{view.stem}.png", partial(Path.write_bytes, data=drawn(figure, "png"))
    yield f"{view.stem}.svg", partial(Path.write_bytes, data=drawn(figure, "svg"))
    yield f"{view.stem}.tif", partial(_write_values, view)
    yield f"{view.stem}.json", partial(Path.write_text, data=described, encoding="utf-8")
    yield INPUT_FILE, partial(_write_array, view.image)
    if view.recipe is None:
        return
    for name, array in view.recipe.arrays().items():
        yield name, partial(_write_array, array)
    if view.source.needs_weights:
        yield WEIGHTS_FILE, partial(_write_weights, view.model)
    yield SCRIPT_FILE, partial(Path.write_text, data=text, encoding="utf-8")


def _described(view: ExportedView) -> str:
    seen = None
    if view.field is not None:
        seen = {
            "lo": view.field.lo,
            "hi": view.field.hi,
            "padded": view.field.padded,
            "kind": view.field.kind.value,
        }
    sizes = None if view.pixel_size is None else list(view.pixel_size)
    libraries = {name: _version(name) for name in _LIBRARIES}
    record = {
        "what": view.what,
        "model": view.model_name or type(view.model).__name__,
        "weights_sha256": weights_sha256(view.model),
        "layer": view.layer,
        "channels": list(view.channels),
        "axes": view.axes,
        "shape": list(view.values.shape),
        "scale": list(view.scale),
        "translate": list(view.translate),
        "point": None if view.point is None else list(view.point),
        "field": seen,
        "kind": view.kind or (view.field.kind.value if view.field else None),
        "image_pixel_size": sizes,
        "unit": view.unit,
        "recipe": None if view.recipe is None else view.recipe.described(),
        "script": None if view.recipe is None else SCRIPT_FILE,
        "facts": dict(view.facts),
        "versions": {
            "unetscope": unetscope.__version__,
            "python": platform.python_version(),
            **libraries,
        },
    }
    return json.dumps(record, indent=2, default=_json_value) + "\n"


def _json_value(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _script(view: ExportedView) -> str:
    if view.recipe is None:
        return ""
    return script(
        view.model,
        view.source,
        view.recipe,
        values_file=f"{view.stem}.tif",
        order=_file_order(view.axes),
        shape=view.values.shape,
    )


def _file_order(axes: str) -> tuple[int, ...]:
    """The axes in the order ImageJ wants: T, Z, C, Y, X."""
    return tuple(sorted(range(len(axes)), key=lambda i: "TZCYX".index(_IMAGEJ_NAMES[axes[i]])))


def _write_values(view: ExportedView, path: Path) -> None:
    order = _file_order(view.axes)
    values = np.ascontiguousarray(view.values.transpose(order), dtype=np.float32)
    told: dict[str, Any] = {"axes": "".join(_IMAGEJ_NAMES[view.axes[i]] for i in order)}
    options: dict[str, Any] = {}
    if view.pixel_size and view.unit and view.scale:
        cells = [p * s for p, s in zip(view.pixel_size, view.scale, strict=True)]
        options["resolution"] = (1 / cells[-1], 1 / cells[-2])
        told["unit"] = {"µm": "um", "Å": "angstrom"}.get(view.unit, view.unit)
        if len(cells) == 3:
            told["spacing"] = cells[0]
    tifffile.imwrite(path, values, imagej=True, photometric="minisblack", metadata=told, **options)


def _write_array(values: NDArray[Any], path: Path) -> None:
    """Shape and dtype are kept exactly; what TIFF has no type for is refused."""
    stored = values.view(np.uint8) if values.dtype == bool else values
    if stored.dtype.kind not in "uif":
        raise OutputError(f"an array of {values.dtype} cannot be written as TIFF; give numbers.")
    tifffile.imwrite(path, np.ascontiguousarray(stored), photometric="minisblack")


def _write_weights(model: nn.Module, path: Path) -> None:
    # Cloned, so that tensors that share memory are stored one by one.
    state = {key: t.detach().cpu().contiguous().clone() for key, t in model.state_dict().items()}
    save_file(state, path)
