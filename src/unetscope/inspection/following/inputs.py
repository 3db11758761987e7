"""A micrograph as any network takes it: grey range, channels, and sides the network accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from unetscope.errors import ImageError, ModelError
from unetscope.images.micrograph import Micrograph
from unetscope.images.normalisation import Normalisation, fit_normalisation
from unetscope.inspection.following.snapshot import check_model, first_convolution, spatial_axes
from unetscope.inspection.following.trace import follow

MULTIPLES = (8, 16, 32, 64)
FIXED_PX = (224, 227, 32, 28, 299, 64, 128, 256, 512)  # sides that networks are often made for


@dataclass(frozen=True, eq=False)
class FittedInput:
    """``values`` (channel, [z,] y, x) float32 and the image pixel ``origin`` they begin with.

    ``note`` says in words what was done to the image, or is "".
    """

    values: Tensor
    origin: tuple[int, ...]
    note: str = ""


def fitted_input(
    model: nn.Module,
    image: Micrograph,
    z: int = 0,
    centre: Sequence[int] | None = None,
    normalisation: Normalisation | None = None,
) -> FittedInput:
    """Plane ``z`` of ``image`` (or the volume, for a 3D network), made to fit ``model``.

    A grey image is repeated for a network of several channels, a colour image averaged for one of
    a single channel. Where the network does not take the sides, the far rim is cut to a multiple,
    or, for a network of one fixed size, a window around ``centre`` (y, x) is cut out.

    Parameters
    ----------
    normalisation : the grey range the network learned with; None: percentiles 1 and 99 of the
        image become 0 and 1, as everywhere in unetscope.

    Raises
    ------
    ImageError
        If channels or axes cannot be made to fit, or the image is too small.
    ModelError
        For TorchScript and what is no module.
    """
    check_model(model)
    axes = spatial_axes(model)
    scale = fit_normalisation(image) if normalisation is None else normalisation
    if axes == 3:
        planes = [scale.apply(image.plane(index)) for index in range(image.depth)]
        values = np.stack(planes, axis=1)
    else:
        values = scale.apply(image.plane(z))
    values, said = _fit_channels(model, values, image.name)
    shape, origin = _fit_sides(model, values.shape, centre)
    window = tuple(slice(o, o + n) for o, n in zip(origin, shape, strict=True))
    if shape != values.shape[1:]:
        said.append(f"only {' × '.join(map(str, shape))} px of it are looked at")
    cut = np.ascontiguousarray(values[(slice(None), *window)])
    return FittedInput(torch.from_numpy(cut), origin, "; ".join(said))


def _fit_channels(model: nn.Module, values: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    conv = first_convolution(model)
    wanted = len(values) if conv is None else conv.in_channels
    if wanted == len(values):
        return values, []
    if len(values) == 1:
        return np.repeat(values, wanted, axis=0), [f"the grey image was repeated {wanted} times"]
    if wanted == 1:
        return values.mean(axis=0, keepdims=True), [f"its {len(values)} channels were averaged"]
    raise ImageError(
        f"{name or 'the image'} has {len(values)} channels and this network takes {wanted}; "
        "choose an image or a network of the same kind."
    )


def _fit_sides(
    model: nn.Module, shape: tuple[int, ...], centre: Sequence[int] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sides that are looked at, and the pixel they begin with."""
    channels, sides = shape[0], shape[1:]
    refusal = ""
    for cut, multiple in _candidates(sides):
        said = _refusal(model, (channels, *cut))
        if said:
            refusal = refusal or said
            continue
        # A multiple that is a usual fixed size may be one: then one step more does not fit.
        doubtful = multiple > 1 and len(set(cut)) == 1 and cut[0] in FIXED_PX
        more = (channels, *(side + multiple for side in cut))
        fixed = multiple == 0 or (doubtful and bool(_refusal(model, more)))
        return cut, _origin(sides, cut, centre if fixed else None)
    raise ImageError(
        f"no part of an image of {' × '.join(map(str, sides))} px fits this network ({refusal})."
    )


def _refusal(model: nn.Module, shape: tuple[int, ...]) -> str:
    """Why the network does not take such an image, or ""."""
    try:
        follow(model, shape)
    except ModelError as error:
        return str(error)
    return ""


def _candidates(sides: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Sides to try, each with the multiple they were cut to, 0 for a window of a fixed size."""
    yield sides, 1
    for multiple in MULTIPLES:
        cut = tuple(side // multiple * multiple for side in sides)
        if all(cut) and cut != sides:
            yield cut, multiple
    for side in FIXED_PX:
        if all(n >= side for n in sides):
            yield (side,) * len(sides), 0


def _origin(
    sides: tuple[int, ...], cut: tuple[int, ...], centre: Sequence[int] | None
) -> tuple[int, ...]:
    if centre is None:
        return (0,) * len(sides)
    middle = (*(side // 2 for side in sides[: -len(centre)]), *centre)
    starts = (c - n // 2 for c, n in zip(middle, cut, strict=True))
    return tuple(
        int(np.clip(start, 0, side - n)) for start, side, n in zip(starts, sides, cut, strict=True)
    )
