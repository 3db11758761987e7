"""Writing labels as OME-Zarr: added into an image, or a label image that stands alone.

Version 0.5 (zarr 3), or 0.4 (zarr 2) inside an image of that version. What lies there already
stays: a label image of another program keeps its name, and ours takes another one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import zarr

from unetscope.errors import OutputError
from unetscope.images.annotations.documents import annotation_errors
from unetscope.images.annotations.label_images import CLASSES, OBJECTS, attributes_of
from unetscope.images.annotations.masks import fitted
from unetscope.images.annotations.values import Annotations, color_parts
from unetscope.images.claims import LABELS, MARK, STATE, Claim, Role, mark_of
from unetscope.images.micrograph import Micrograph
from unetscope.images.ngff import ome_part
from unetscope.images.ome_zarr import read_ome_zarr
from unetscope.images.units import NGFF_WORDS
from unetscope.images.writing import replacing
from unetscope.images.zarr_folder import is_zarr
from unetscope.images.zarr_store import images_inside, opened

_CHUNK = (64, 1024, 1024)
_MOST_TOLD = 6


def write_ome_labels(
    annotations: Annotations,
    path: Path,
    claim: Claim = LABELS,
    like: Micrograph | None = None,
) -> tuple[str, ...]:
    """Write labels into the OME-Zarr image at ``path``, or where there is none a label image.

    ``like`` is the image they belong to, whose pixel size a label image of its own gets.

    Returns
    -------
    What a person should know: that another name was taken.

    Raises
    ------
    AnnotationError
        If the image at ``path`` has another shape than the labels.
    OutputError
        If something else lies at ``path``, or it cannot be written.
    """
    if os.path.lexists(path):
        if not path.is_dir() or not is_zarr(path):
            raise OutputError(
                f"{path} is there already and is no OME-Zarr folder; choose another name"
            )
        with annotation_errors(path, "OME-Zarr"):
            told = ome_part(attributes_of(path))
            is_image = "multiscales" in told and "image-label" not in told
            if is_image and mark_of(path) in (None, Role.IMAGE):
                return _into_image(annotations, path, claim)
            _refuse_what_holds_images(path, told)
    form = _Form(annotations.labels.ndim, like, 3)
    with replacing(path, claim) as temporary:
        objects = None if annotations.instances is None else OBJECTS
        _write_image(temporary, annotations, form, claim, objects)
        if annotations.instances is not None:
            group = temporary / "labels"
            group.mkdir()
            _write_objects(group / OBJECTS, annotations.instances, form, claim)
            _write_listing(group, form, _listing(group, form, [OBJECTS], []))
    return ()


def _refuse_what_holds_images(path: Path, told: Mapping[str, Any]) -> None:
    """Of a plate or container: say which image the labels can be written into."""
    node = opened(path)
    if isinstance(node, zarr.Array) or "multiscales" in told:
        return
    inside = images_inside(node)
    if inside:
        named = ", ".join(str(path / one) for one in inside[:_MOST_TOLD])
        more = f" and {len(inside) - _MOST_TOLD} more" if len(inside) > _MOST_TOLD else ""
        what = "one image" if len(inside) == 1 else f"{len(inside)} images"
        raise OutputError(
            f"{path} holds {what} and is not replaced; choose another name, or an image inside it "
            f"for the labels to be written into ({named}{more})"
        )


def _into_image(annotations: Annotations, path: Path, claim: Claim) -> tuple[str, ...]:
    """Add labels to the image at ``path``; nothing else in it changes."""
    image = read_ome_zarr(path)
    fitted(annotations.labels, image.spatial_shape)
    form = _form_of(path, annotations.labels.ndim, image)
    group = path / "labels"
    name = _free_name(group, CLASSES, claim)
    old = attributes_of(group / name).get(MARK, {}).get("objects")
    objects = None if annotations.instances is None else _free_name(group, OBJECTS, claim)
    names = [name] if objects is None else [name, objects]
    stale = [old] if isinstance(old, str) and old not in names else []
    listing = _listing(group, form, names, stale)
    was_there = group.is_dir()
    try:
        group.mkdir(exist_ok=True)
        with ExitStack() as stack:  # both are complete before one of them takes its place
            first = stack.enter_context(replacing(group / name, claim))
            _write_image(first, annotations, form, claim, objects)
            if objects is not None:
                second = stack.enter_context(replacing(group / objects, claim))
                _write_objects(second, annotations.instances, form, claim)
    except BaseException:
        if not was_there and group.is_dir() and not any(group.iterdir()):
            group.rmdir()
        raise
    _write_listing(group, form, listing)
    for one in stale:  # objects of labels that are no more
        if mark_of(group / one) is claim.role:
            shutil.rmtree(group / one, ignore_errors=True)
    return _notes(path, group, name)


def list_label_image(label_image: Path, ndim: int) -> None:
    """Name a label image in the list of those of its image, IMAGE/labels/NAME; it may be there.

    Raises
    ------
    OutputError
        If the image is not of version 0.5, the one in which answers grow.
    """
    group, path = label_image.parent, label_image.parent.parent
    form = _form_of(path, ndim, read_ome_zarr(path))
    if form.zarr_format != 3:
        raise OutputError(f"{path} is OME-Zarr 0.4 or before; give --out NAME.zarr beside it")
    listing = _listing(group, form, [label_image.name], [])
    group.mkdir(exist_ok=True)
    _write_listing(group, form, listing)


def _notes(path: Path, group: Path, name: str) -> tuple[str, ...]:
    notes = []
    if name != CLASSES:
        notes.append(
            f"the label image {CLASSES!r} there was not written by unetscope as such and stays as "
            f"it is; these labels are {group / name}"
        )
    content = path / "zarr.json"
    told = json.loads(content.read_bytes()) if content.is_file() else {}
    if told.get("consolidated_metadata") or (path / ".zmetadata").is_file():
        notes.append(
            f"{path.name} has consolidated metadata, which do not name the new labels; programs "
            "that trust them find the labels once the metadata are consolidated anew"
        )
    return tuple(notes)


def _form_of(path: Path, ndim: int, image: Micrograph) -> _Form:
    """How label images of the image at ``path`` are written."""
    ome = ome_part(attributes_of(path))
    version = str(ome.get("version") or "")
    if version.startswith(("0.6", "0.7", "0.8", "0.9", "1.")):
        raise OutputError(
            f"{path} is OME-Zarr {version}, into which labels are not written; write them to a "
            "file of their own: choose another name"
        )
    group = path / "labels"
    if os.path.lexists(group) and not group.is_dir():
        raise OutputError(f"{group} is no folder; choose another name for the labels")
    if (group / ".zarray").is_file():
        raise OutputError(f"{group} is an array and no group of labels; choose another name")
    holder = group if is_zarr(group) else path
    return _Form(ndim, image, 2 if (holder / ".zgroup").is_file() else 3)


def _free_name(group: Path, base: str, claim: Claim) -> str:
    """``base``, or where that is not ours to replace another name that says whose it is."""
    there = {p.name.casefold() for p in group.iterdir()} if group.is_dir() else set()
    number = 0
    while True:
        name = base if number == 0 else f"unetscope_{base}" + (f"_{number}" if number > 1 else "")
        if name.casefold() not in there or mark_of(group / name) is claim.role:
            return name
        number += 1


class _Form:
    """How label images are written: their axes, pixel size and version."""

    def __init__(self, ndim: int, image: Micrograph | None, zarr_format: int) -> None:
        self.zarr_format: Any = zarr_format
        self.version = "0.4" if zarr_format == 2 else "0.5"
        self.names = list("zyx"[-ndim:])
        # The format wants a scale; without a unit it says nothing, and is read as unknown again.
        self.scale, unit = [1.0] * ndim, None
        if image is not None and image.pixel_size is not None and image.unit is not None:
            sizes = dict(zip(image.spatial_axes, image.pixel_size, strict=True))
            self.scale = [sizes.get(name, 1.0) for name in self.names]
            unit = NGFF_WORDS.get(image.unit, image.unit)
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


def _listing(group: Path, form: _Form, names: list[str], stale: list[str]) -> dict[str, Any]:
    """The metadata of the group with ``names`` behind what it lists already, without ``stale``.

    Made before anything is written, as what cannot be read is refused.
    """
    file = _metadata_of(group, form)
    try:
        content = json.loads(file.read_bytes()) if file.is_file() else {}
        if form.zarr_format == 3:
            content = {"zarr_format": 3, "node_type": "group", "attributes": {}, **content}
            holder = content["attributes"].setdefault("ome", {"version": "0.5"})
        else:
            holder = content
        told = holder.get("labels")
    except (ValueError, TypeError, AttributeError) as error:
        raise OutputError(
            f"{file} is damaged ({error}), so no labels can be listed there; export the image "
            "again, or choose another name for the labels"
        ) from error
    if content.get("node_type", "group") != "group":
        raise OutputError(f"{group} is no group of labels; choose another name for the labels")
    before = told if isinstance(told, list) else []
    holder["labels"] = [*(n for n in before if n not in (*names, *stale)), *names]
    return content


def _metadata_of(group: Path, form: _Form) -> Path:
    return group / (".zattrs" if form.zarr_format == 2 else "zarr.json")


def _write_listing(group: Path, form: _Form, content: dict[str, Any]) -> None:
    if form.zarr_format == 2 and not (group / ".zgroup").is_file():
        with replacing(group / ".zgroup", STATE) as temporary:
            temporary.write_text(json.dumps({"zarr_format": 2}))
    with replacing(_metadata_of(group, form), STATE) as temporary:
        temporary.write_text(json.dumps(content, indent=2))


def _write_image(
    folder: Path, annotations: Annotations, form: _Form, claim: Claim, objects: str | None
) -> None:
    """The label image of the classes, with names and colours, and where its objects are."""
    told = {
        "colors": [
            {"label-value": c.value, "rgba": [*color_parts(c.color), 255]}
            for c in annotations.classes
        ],
        "properties": [{"label-value": c.value, "name": c.name} for c in annotations.classes],
    }
    mark = {"role": str(claim.role), **({} if objects is None else {"objects": objects})}
    _write_pixels(folder, annotations.labels, form, CLASSES, told, mark)


def _write_objects(folder: Path, pixels: Any, form: _Form, claim: Claim) -> None:
    _write_pixels(folder, pixels, form, OBJECTS, {}, {"role": str(claim.role), "objects": None})


def _write_pixels(
    folder: Path, pixels: Any, form: _Form, name: str, told: dict[str, Any], mark: dict[str, Any]
) -> None:
    group = zarr.open_group(str(folder), mode="w", zarr_format=form.zarr_format)
    chunks = tuple(map(min, _CHUNK[-pixels.ndim :], pixels.shape))
    slashes = {"name": "v2", "separator": "/"}
    options = (
        {"chunk_key_encoding": slashes}
        if form.zarr_format == 2
        else {"dimension_names": form.names}
    )
    group.create_array("0", data=pixels, chunks=chunks, **options)
    label = {"version": form.version, "source": {"image": "../../"}, **told}
    ome: dict[str, Any] = {"multiscales": form.multiscales(name), "image-label": label}
    group.attrs[MARK] = mark
    group.attrs.update(ome if form.zarr_format == 2 else {"ome": {"version": "0.5", **ome}})
