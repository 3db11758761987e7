"""What may be wrong with a network: in its layers, in its structure, and for the painted objects.

Findings are in plain words and carry how bad they are; the numbers behind them are there as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from unetscope.errors import ImageError, LabelError
from unetscope.images.units import length_in_words
from unetscope.inspection.asking.health_activations import LayerHealth, layer_health
from unetscope.inspection.asking.health_objects import ObjectSize, object_sizes
from unetscope.inspection.following.joins import skip_connections
from unetscope.inspection.following.reach import Kind, Lost, Reach
from unetscope.inspection.following.sharing import weight_owners
from unetscope.inspection.following.snapshot import Skeleton, as_batch, batch_shape
from unetscope.inspection.following.trace import Trace, follow, module_of

Image = Tensor | NDArray[np.generic]
Severity = Literal["good", "note", "warning"]
MANY = 0.25  # share of dead channels from which on it is a warning
NAMED = 8  # channels listed in a finding


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for: ``layer`` is "" where it is about the whole network."""

    severity: Severity
    layer: str
    text: str


@dataclass(frozen=True, eq=False)
class Health:
    """Everything :func:`health` found.

    Attributes
    ----------
    findings : warnings first.
    layers : one entry an activation; empty without images.
    objects : one entry a painted class; empty without labels.
    field_px : ([z,] y, x) sides of the largest theoretical field of the answer, or None where the
        network cannot be followed to its end.
    images : how many images ``layers`` is about.
    kind : of ``layers`` and what follows from them; field and structure are exact.
    """

    findings: tuple[Finding, ...]
    layers: tuple[LayerHealth, ...]
    objects: tuple[ObjectSize, ...]
    field_px: tuple[int, ...] | None
    images: int
    kind: Kind = Kind.EMPIRICAL


def health(
    model: nn.Module | Trace,
    images: Sequence[Image] | Image,
    *,
    labels: NDArray[np.integer[Any]] | None = None,
    pixel_size: Sequence[float] | float | None = None,
    unit: str | None = None,
    image_shape: Sequence[int] | None = None,
    names: Mapping[int, str] | None = None,
) -> Health:
    """Look for dead and saturated channels, checkerboards, skips that do not line up, small fields.

    Parameters
    ----------
    model : stays as it is.
    images : one or several, ([channel,] [z,] y, x), scaled as the model takes them; they may differ
        in size. An empty list leaves out what needs images.
    labels : ([z,] y, x) painted objects, 0 for unlabelled, of any image; for their size alone.
    pixel_size, unit : per axis (or one number for all), for sizes in physical units.
    image_shape : ([z,] y, x) for the structure; None for that of the first image.
    names : class value → name.

    Raises
    ------
    ModelError
        If the model does not take such images.
    ImageError
        If there are neither images nor ``image_shape``, or the pixel size is no size.
    LabelError
        If nothing is painted.
    """
    net = module_of(model)
    several = [images] if isinstance(images, (Tensor, np.ndarray)) else list(images)
    batches = [as_batch(net, image) for image in several]
    if not batches and image_shape is None:
        raise ImageError("there is no image; give at least one, or image_shape.")
    trace = follow(model, batch_shape(net, image_shape or batches[0].shape))
    axes = len(trace.image_shape)
    size = _pixel_size(pixel_size, axes)
    layers = layer_health(Skeleton(net).with_weights(), batches)
    objects: tuple[ObjectSize, ...] = ()
    if labels is not None:
        if np.ndim(labels) != axes:
            raise LabelError(f"labels have {np.ndim(labels)} axes, the images {axes}.")
        objects = object_sizes(labels, size, unit, names)
    field = _field(trace)
    findings = [
        *_about_activations(layers, len(batches)),
        *_about_checkerboards(net, trace),
        *_about_skips(net, trace),
        *_about_the_field(trace, field, objects, size, unit),
    ]
    order = {"warning": 0, "note": 1, "good": 2}
    findings.sort(key=lambda finding: order[finding.severity])
    return Health(tuple(findings), layers, objects, field, len(batches))


def _pixel_size(size: Sequence[float] | float | None, axes: int) -> tuple[float, ...] | None:
    if size is None:
        return None
    given = np.atleast_1d(np.asarray(size, dtype=float))
    given = np.repeat(given, axes) if len(given) == 1 else given[-axes:]
    if len(given) != axes or not (np.isfinite(given) & (given > 0)).all():
        raise ImageError(f"pixel_size is {size!r}; give {axes} sizes above 0.")
    return tuple(float(value) for value in given)


def _about_activations(layers: Sequence[LayerHealth], images: int) -> list[Finding]:
    found: list[Finding] = []
    stated = "the image" if images == 1 else f"the {images} images"
    for row in layers:
        if not row.finite:
            text = "answers with values that are no numbers (NaN or infinite)."
            found.append(Finding("warning", row.layer, text))
        if row.dead:
            text = (
                f"{_channels(row.dead, row.channels)} never above 0 on {stated}: dead there, and "
                "nothing behind can use it."
            )
            found.append(Finding("warning" if row.dead_share >= MANY else "note", row.layer, text))
        if row.constant:
            text = f"{_channels(row.constant, row.channels)} the same value everywhere on {stated}."
            found.append(Finding("note", row.layer, text))
        if row.saturated:
            what = f"above 0 everywhere on {stated}: the {row.activation} does nothing there."
            if row.activation in ("sigmoid", "tanh"):
                what = f"always at a limit of the {row.activation} on {stated}: it says nothing."
            text = f"{_channels(row.saturated, row.channels)} {what}"
            found.append(Finding("note", row.layer, text))
    judged = [row for row in layers if row.judged]
    if judged and not any(row.dead or not row.finite for row in layers):
        text = f"No dead channel in {len(judged)} activations on {stated}."
        found.append(Finding("good", "", text))
    return found


def _channels(which: Sequence[int], count: int) -> str:
    """ "3 of 16 channels (#1, #4, #9) are"."""
    listed = ", ".join(f"#{channel}" for channel in which[:NAMED])
    listed += ", …" if len(which) > NAMED else ""
    return f"{len(which)} of {count} channels ({listed}) {'is' if len(which) == 1 else 'are'}"


def _about_checkerboards(model: nn.Module, trace: Trace) -> list[Finding]:
    """Odena et al. 2016 (Distill, "Deconvolution and checkerboard artifacts")."""
    modules = dict(model.named_modules())
    repeated = weight_owners(model)
    used = dict.fromkeys(call.name for call in trace.calls if call.name not in repeated)
    transposed = {n: m for n in used if isinstance(m := modules[n], _ConvTransposeNd)}
    found = []
    for name, layer in transposed.items():
        pairs = list(zip(layer.kernel_size, layer.stride, strict=True))
        if any(kernel % stride for kernel, stride in pairs):
            kernel, stride = (" × ".join(map(str, sides)) for sides in zip(*pairs, strict=True))
            text = (
                f"transposed convolution with kernel {kernel} and stride {stride}: its stamps "
                "overlap unevenly, which can draw a checkerboard. Take a kernel size that is a "
                "multiple of the stride, or interpolate and convolve."
            )
            found.append(Finding("warning", name, text))
    if transposed and not found:
        text = (
            "No checkerboard by build, though one can still be learned: the stamps of "
            f"{_counted(len(transposed), 'transposed convolution')} overlap evenly."
        )
        found.append(Finding("good", "", text))
    return found


def _about_skips(model: nn.Module, trace: Trace) -> list[Finding]:
    # Where a filter is written out as shifted copies of one map, the shift is what is meant.
    found_joins = skip_connections(model, trace.image_shape)
    joins = [skip for skip in found_joins if skip.source != skip.other]
    joined = {skip.name.partition(":")[0] for skip in joins}
    named = {m.where: m for m in reversed(trace.mismatches) if m.where in joined - {""}}
    found = []
    for where, mismatch in reversed(named.items()):
        shift = ", ".join(f"{value:+g}" for value in mismatch.shift_px)
        text = f"two maps are joined here that lie ({shift}) px apart, which can blur fine detail."
        if any(ratio != 1 for ratio in mismatch.scale_ratio):
            ratio = ", ".join(f"{value:g}" for value in mismatch.scale_ratio)
            text = f"two maps are joined here whose cells differ in size by ({ratio})."
        found.append(Finding("warning", where, text))
    if joins and not found:
        text = f"All {len(joins)} skip connections line up to the pixel."
        found.append(Finding("good", "", text))
    return found


def _field(trace: Trace) -> tuple[int, ...] | None:
    """Of the answer."""
    reach = trace.calls[-1].reach
    return reach.largest() if isinstance(reach, Reach) else None


def _about_the_field(
    trace: Trace,
    field: tuple[int, ...] | None,
    objects: Sequence[ObjectSize],
    size: tuple[float, ...] | None,
    unit: str | None,
) -> list[Finding]:
    if field is None:
        lost = next(call for call in trace.calls if isinstance(call.reach, Lost))
        assert isinstance(lost.reach, Lost)
        text = f"from here on, what is seen cannot be followed: {lost.reach.reason}."
        return [Finding("note", lost.name, text)]
    found = []
    side = min(field)
    physical = None if size is None else min(f * s for f, s in zip(field, size, strict=True))
    told = _size_text(side, physical, unit)
    for one in objects:
        if not one.count:
            text = (
                f"Every painted area of {one.class_name} touches the image's border, so its size "
                "is not known."
            )
            found.append(Finding("note", "", text))
            continue
        seen = (
            f"{one.class_name}: {_counted(one.count, 'painted object')}, median diameter "
            f"{_size_text(one.diameter_px, one.diameter, unit)}; the field is {told}"
        )
        found.append(_fits(seen, side, one.diameter_px))
    return found


def _counted(count: int, what: str) -> str:
    """ "1 painted object", "5 painted objects"."""
    return f"{count} {what}" + ("" if count == 1 else "s")


def _size_text(pixels: float, physical: float | None, unit: str | None) -> str:
    """ "44 px (220 nm)"."""
    more = "" if physical is None else length_in_words(physical, unit)
    return f"{pixels:.3g} px ({more})" if more else f"{pixels:.3g} px"


def _fits(seen: str, side: int, diameter: float) -> Finding:
    """From any point of a round object, all of it lies within one diameter: twice that as field."""
    assert not math.isnan(diameter)
    if side >= 2 * diameter:
        return Finding("good", "", f"{seen}: every pixel of one that is round can see all of it.")
    if side >= diameter:
        text = f"{seen}: only pixels near the middle of one can see all of it."
        return Finding("note", "", text)
    text = f"{seen}: no pixel can see a whole one. Use a deeper network, or larger pixels."
    return Finding("warning", "", text)


__all__ = ["Finding", "Health", "LayerHealth", "ObjectSize", "health"]
