"""OME-Zarr labels: the group ``labels`` of an image, with names and colours, both ways.

Version 0.5 (zarr 3), or 0.4 (zarr 2) beside an image of that version;
https://ngff.openmicroscopy.org/0.5/#labels-md. Classes are the label image ``classes``, objects the
label image ``instances``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from unetscope.errors import AnnotationError, OutputError
from unetscope.images.annotations.documents import annotation_errors
from unetscope.images.annotations.masks import fitted, read_mask
from unetscope.images.annotations.values import (
    AnnotatedClass,
    Annotations,
    ClassLike,
    ClassTable,
    as_annotations,
    color_of,
    color_parts,
)
from unetscope.images.claims import LABELS, MARK, STATE, Claim
from unetscope.images.files import read_labels
from unetscope.images.micrograph import Micrograph
from unetscope.images.ome_zarr import is_zarr, read_ome_zarr
from unetscope.images.questions import Answers
from unetscope.images.units import NGFF_WORDS
from unetscope.images.writing import replacing

_CLASSES, _INSTANCES = "classes", "instances"
_CHUNK = (64, 1024, 1024)


def read_ome_labels(
    path: Path,
    image_shape: tuple[int, ...],
    classes: Iterable[ClassLike] | None = None,
    image_name: str | None = None,
    answers: Answers | None = None,
) -> Annotations:
    """Labels of an OME-Zarr: of an image, of its group ``labels``, or one label image.

    ``image_name`` chooses among several label images.

    Raises
    ------
    AnnotationError
        If there are none, several without a choice, or they do not fit the image.
    """
    with annotation_errors(path, "OME-Zarr labels"):
        chosen = _label_image(path, image_name)
        said = _attributes(chosen).get("image-label")
        named = _named_classes(said) if isinstance(said, dict) else []
        if not named:
            return read_mask(chosen, image_shape, classes, answers=answers)
        labels = fitted(read_labels(chosen), image_shape)
        table = ClassTable(classes)
        values = {c.value: table.value_of(c.name, c.color, c.value) for c in named}
        objects = chosen.parent / _INSTANCES
        if chosen.name != _CLASSES:
            objects = chosen / "labels" / _INSTANCES
        instances = fitted(read_labels(objects), image_shape) if is_zarr(objects) else None
        new = [f"{len(table.added)} classes are new: {', '.join(table.added)}"] * bool(table.added)
        return as_annotations(_renumbered(labels, values), table.classes, instances, new)


def _label_image(path: Path, name: str | None) -> Path:
    """The folder of the label image that is meant."""
    if not path.is_dir():
        raise AnnotationError("it is no OME-Zarr folder; choose the folder that ends in .zarr")
    if "image-label" in _attributes(path) or (path / ".zarray").is_file():
        return path
    group = path if path.name == "labels" else path / "labels"
    if not is_zarr(group):
        return path
    found = [str(label) for label in _attributes(group).get("labels") or ()]
    preferred = [label for label in found if label == (name or _CLASSES)]
    if len(found) != 1 and not preferred:
        raise AnnotationError(
            f"it holds {len(found)} label images ({', '.join(found[:8])}); choose the folder of one"
        )
    chosen = (group / (preferred or found)[0]).resolve()
    if group.resolve() not in chosen.parents:
        raise AnnotationError(f"it names the label image {chosen}, which lies outside; remove it")
    return chosen


def _attributes(path: Path) -> dict[str, Any]:
    """OME attributes of a zarr group, of version 0.5 or before; none where there are none."""
    if not is_zarr(path):
        return {}
    attributes = dict(zarr.open(str(path), mode="r").attrs)
    ome = attributes.get("ome")
    return ome if isinstance(ome, dict) else attributes


def _named_classes(said: dict[str, Any]) -> list[AnnotatedClass]:
    """The classes that have a name in the metadata of a label image."""
    colors = {
        int(entry["label-value"]): color_of(entry["rgba"])
        for entry in said.get("colors") or ()
        if entry.get("rgba")
    }
    named = []
    for entry in said.get("properties") or ():
        value = int(entry["label-value"])
        called = entry.get("name", entry.get("class"))
        if called and value:
            named.append(AnnotatedClass(value, str(called), colors.get(value, "")))
    return named


def _renumbered(labels: Any, values: dict[int, int]) -> Any:
    """``labels`` with the values of the class table; those without a name stay as they are."""
    if all(old == new for old, new in values.items()):
        return labels
    if labels.dtype.itemsize > 2:
        labels = as_annotations(labels).labels
    table = np.arange(2**16)
    for old, new in values.items():
        table[old] = new
    return table[labels]


def write_ome_labels(annotations: Annotations, path: Path, claim: Claim = LABELS) -> None:
    """Write labels into the OME-Zarr image at ``path``, or where there is none a label image.

    Raises
    ------
    AnnotationError
        If the image at ``path`` has another shape than the labels.
    OutputError
        If ``path`` is something else than OME-Zarr, or cannot be written.
    """
    if path.exists() and not is_zarr(path):
        raise OutputError(f"{path} is there already and is no OME-Zarr folder; choose another name")
    attributes = _attributes(path) if path.exists() else {}
    if "multiscales" in attributes and "image-label" not in attributes:
        with annotation_errors(path, "OME-Zarr"):
            image = read_ome_zarr(path)
            fitted(annotations.labels, image.spatial_shape)
        form = _Form(annotations.labels.ndim, image, 2 if (path / ".zgroup").is_file() else 3)
        _add_labels(path, _CLASSES, annotations.labels, form, annotations, claim)
        if annotations.instances is not None:
            _add_labels(path, _INSTANCES, annotations.instances, form, None, claim)
        return
    form = _Form(annotations.labels.ndim, None, 3)
    with replacing(path, claim) as temporary:
        _write_image(temporary, annotations.labels, form, annotations, claim)
        if annotations.instances is not None:
            _add_labels(temporary, _INSTANCES, annotations.instances, form, None, claim)


class _Form:
    """How label images are written: their axes, pixel size and version."""

    def __init__(self, ndim: int, image: Micrograph | None, zarr_format: int) -> None:
        self.zarr_format: Any = zarr_format
        self.version = "0.4" if zarr_format == 2 else "0.5"
        self.names = list("zyx"[-ndim:])
        self.scale, unit = [1.0] * ndim, None
        if image is not None and image.pixel_size is not None:
            sizes = dict(zip(image.spatial_axes, image.pixel_size, strict=True))
            self.scale = [sizes.get(name, 1.0) for name in self.names]
            unit = NGFF_WORDS.get(image.unit or "")
        self._unit = {} if unit is None else {"unit": unit}

    def multiscales(self, name: str) -> list[dict[str, Any]]:
        """The metadata of an image of one resolution."""
        scale = {"type": "scale", "scale": self.scale}
        return [
            {
                **({"version": "0.4"} if self.zarr_format == 2 else {}),
                "name": name,
                "axes": [{"name": n, "type": "space", **self._unit} for n in self.names],
                "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
            }
        ]


def _add_labels(
    root: Path,
    name: str,
    pixels: Any,
    form: _Form,
    annotations: Annotations | None,
    claim: Claim,
) -> None:
    """Write the label image ``name`` into ``root`` and list it there once it is complete."""
    group = root / "labels"
    group.mkdir(exist_ok=True)
    with replacing(group / name, claim) as temporary:
        _write_image(temporary, pixels, form, annotations, claim)
    listed = group / (".zattrs" if form.zarr_format == 2 else "zarr.json")
    content = json.loads(listed.read_bytes()) if listed.is_file() else {}
    if form.zarr_format == 2:
        holder = content
        with replacing(group / ".zgroup", STATE) as temporary:
            temporary.write_text(json.dumps({"zarr_format": 2}))
    else:
        content = {"zarr_format": 3, "node_type": "group", **content}
        holder = content.setdefault("attributes", {}).setdefault("ome", {"version": "0.5"})
    holder["labels"] = [*(n for n in holder.get("labels", ()) if n != name), name]
    with replacing(listed, STATE) as temporary:
        temporary.write_text(json.dumps(content, indent=2))


def _write_image(
    folder: Path, pixels: Any, form: _Form, annotations: Annotations | None, claim: Claim
) -> None:
    """One label image, with names and colours of the classes where there are ``annotations``."""
    group = zarr.open_group(str(folder), mode="w", zarr_format=form.zarr_format)
    chunks = tuple(map(min, _CHUNK[-pixels.ndim :], pixels.shape))
    slashes = {"name": "v2", "separator": "/"}
    options = (
        {"chunk_key_encoding": slashes}
        if form.zarr_format == 2
        else {"dimension_names": form.names}
    )
    group.create_array("0", data=pixels, chunks=chunks, **options)
    told: dict[str, Any] = {"version": form.version, "source": {"image": "../../"}}
    if annotations is not None:
        told["colors"] = [
            {"label-value": c.value, "rgba": [*color_parts(c.color), 255]}
            for c in annotations.classes
        ]
        told["properties"] = [{"label-value": c.value, "name": c.name} for c in annotations.classes]
    name = _INSTANCES if annotations is None else _CLASSES
    ome: dict[str, Any] = {"multiscales": form.multiscales(name), "image-label": told}
    group.attrs[MARK] = {"role": str(claim.role)}
    group.attrs.update(ome if form.zarr_format == 2 else {"ome": {"version": "0.5", **ome}})
