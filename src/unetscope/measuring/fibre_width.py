"""Width, direction and length of fibres, from chords across their skeleton.

At each pixel of the skeleton (Zhang and Suen 1984, as scikit-image has it) the mask is followed
across the fibre to both sides; the direction is that of the structure tensor of its borders. A
chord is the sum of the mask, interpolated, along it: what one pixel of the grid does to it cancels
along the fibre. What lies near a crossing, an end or the edge of the image is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from unetscope.errors import MeasurementError
from unetscope.measuring.pixel_runs import Floats, Ints
from unetscope.measuring.populations import RESAMPLES, TAILS
from unetscope.measuring.quantities import Quantity, Spacing, one_unit

_STEP_PX = 0.25
_BORDER_SIGMA_PX = 2.0
#: So much of the radius of a crossing (or end) around it is not looked at.
_AROUND_CROSSING = 1.5
_SQUARE = 0.01
_FEWEST_PIECES = 10
_CHUNK = 1 << 14
_METHOD = "chords across the skeleton, by length, away from crossings, ends and edges"


@dataclass(frozen=True, eq=False)
class Fibres:
    """Places along the fibres of one image.

    Attributes
    ----------
    width, angle, length
        (place,) in the unit of the image; the angle in degrees, 0 to 180 anticlockwise from +x; how
        much fibre each place stands for.
    piece
        (place,) between which crossings it lies.
    all_length
        Of the whole skeleton, with what is not used.
    field
        Area that was looked at.
    unit
        Of lengths.
    """

    width: Floats
    angle: Floats
    length: Floats
    piece: Ints
    all_length: float
    field: float
    unit: str


def fibres_of(
    mask: NDArray[np.bool_], spacing: Spacing, region: NDArray[np.bool_] | None = None
) -> Fibres:
    """Follow the fibres in a mask (y, x), inside ``region`` where one is given.

    Raises
    ------
    MeasurementError
        If the image is a stack, or its pixels are not square.
    """
    check_square_plane(spacing)
    pixel = spacing.size[0]
    inside = mask if region is None else mask & region
    looked = np.ones(mask.shape, bool) if region is None else region
    skeleton = skeletonize(inside)
    radius = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    normal = _normals(inside, skeleton, radius)
    turn = np.arctan2(normal[:, 1], normal[:, 0])  # of the fibre: a quarter from its normal
    steps = 1 / np.maximum(np.abs(np.cos(turn)), np.abs(np.sin(turn)))
    kept = _clear(skeleton, radius, looked)[skeleton]
    at = np.argwhere(skeleton)
    width = _chords(inside, at[kept], normal[kept], float(radius.max(initial=0)))
    pieces, _ = ndimage.label(_on(skeleton, kept), np.ones((3, 3)))
    return Fibres(
        width=_smoothed(width, at[kept], mask.shape, radius) * pixel,
        angle=np.rad2deg(turn[kept]) % 180,
        length=steps[kept] * pixel,
        piece=pieces[skeleton][kept].astype(np.int64),
        all_length=float(steps.sum() * pixel),
        field=float(np.count_nonzero(looked) * spacing.cell),
        unit=spacing.unit,
    )


def check_square_plane(spacing: Spacing) -> None:
    """Refuse what fibres are not followed in, also before long work.

    Raises
    ------
    MeasurementError
        If the image is a stack, or its pixels are not square.
    """
    y, x = spacing.size[-2:]
    if len(spacing.size) != 2 or abs(y / x - 1) > _SQUARE:
        raise MeasurementError(
            f"fibres are followed in planes of square pixels, not of {spacing.size}; "
            "give a plane, resampled to square pixels"
        )


def _normals(inside: NDArray[np.bool_], skeleton: NDArray[np.bool_], radius: Floats) -> Floats:
    """(place, 2) the direction (y, x) across the fibre at each pixel of the skeleton."""
    soft = ndimage.gaussian_filter(inside.astype(np.float64), _BORDER_SIGMA_PX, mode="nearest")
    slopes = np.gradient(soft) if min(soft.shape) > 1 else [np.zeros_like(soft)] * 2
    reach = max(_BORDER_SIGMA_PX, float(np.median(radius[skeleton]))) if skeleton.any() else 1.0
    yy, xx, yx = (
        ndimage.gaussian_filter(a * b, reach, mode="nearest")[skeleton]
        for a, b in ((slopes[0], slopes[0]), (slopes[1], slopes[1]), (slopes[0], slopes[1]))
    )
    turn = 0.5 * np.arctan2(2 * yx, xx - yy)
    return np.stack([np.sin(turn), np.cos(turn)], axis=1)


def _clear(
    skeleton: NDArray[np.bool_], radius: Floats, looked: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The pixels of the skeleton that are far from crossings, ends and the edge."""
    around = ndimage.convolve(skeleton.astype(np.uint8), np.ones((3, 3), np.uint8), mode="constant")
    special = skeleton & ((around > 3) | (around <= 2))
    kept = skeleton & (
        ndimage.distance_transform_edt(np.pad(looked, 1))[1:-1, 1:-1] > radius + _BORDER_SIGMA_PX
    )
    if special.any():
        far, (y, x) = ndimage.distance_transform_edt(~special, return_indices=True)
        kept &= far > _AROUND_CROSSING * np.maximum(radius, radius[y, x])
    return kept


def _chords(inside: NDArray[np.bool_], at: Ints, normal: Floats, reach: float) -> Floats:
    """(place,) how long the mask is across the fibre, in pixels."""
    mask = inside.astype(np.float64)
    steps = np.arange(0, 2 * reach + 3, _STEP_PX)
    found = np.zeros(len(at))
    for first in range(0, len(at), _CHUNK):
        some = slice(first, first + _CHUNK)
        for side in (1.0, -1.0):
            way = side * normal[some, None] * steps[:, None]
            y, x = np.moveaxis(at[some, None] + way, -1, 0)
            met = ndimage.map_coordinates(mask, [y, x], order=1)
            met *= np.cumprod(met > 0, axis=1)
            # the first sample belongs to both sides
            found[some] += (met.sum(axis=1) - met[:, 0] / 2) * _STEP_PX
    return found


def _smoothed(width: Floats, at: Ints, shape: tuple[int, ...], radius: Floats) -> Floats:
    """Widths averaged along the fibre over about a width, as the grid makes them jump."""
    if not len(at):
        return width
    sums, counts = np.zeros(shape), np.zeros(shape)
    sums[tuple(at.T)], counts[tuple(at.T)] = width, 1.0
    sigma = max(_BORDER_SIGMA_PX, float(np.median(radius[tuple(at.T)])))
    sums, counts = (ndimage.gaussian_filter(a, sigma, mode="constant") for a in (sums, counts))
    return np.asarray(sums[tuple(at.T)] / counts[tuple(at.T)])


def _on(skeleton: NDArray[np.bool_], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    drawn = np.zeros(skeleton.shape, bool)
    drawn[skeleton] = kept
    return drawn


def fibre_quantities(images: Sequence[Fibres]) -> tuple[Quantity, ...]:
    """Median and quartiles of the width, direction, share that was used, length for each area.

    The interval of the median is a bootstrap of pieces between crossings.

    Raises
    ------
    MeasurementError
        If units are mixed.
    """
    unit = one_unit((image.unit for image in images), "fibres")
    width, angle, length = (
        np.concatenate([getattr(image, key) for image in images])
        for key in ("width", "angle", "length")
    )
    piece = np.concatenate([_told_apart(image.piece, at) for at, image in enumerate(images)])
    piece = np.unique(piece, return_inverse=True)[1]
    count = int(piece.max(initial=-1)) + 1
    everything = sum(image.all_length for image in images)
    field = sum(image.field for image in images)
    told = (count, "pieces of fibre")
    plain = "measured in these images, not drawn from more" if count else "no fibre long enough"
    spread = "a spread of the fibres, not of a mean" if count else plain
    quartiles = [
        Quantity(
            f"fibre width, {which} quartile",
            _quantile(width, length, share),
            unit,
            *told,
            _METHOD,
            reason=spread,
        )
        for which, share in (("lower", 0.25), ("upper", 0.75))
    ]
    used = float(length.sum() / everything) if everything else math.nan
    by_area = "skeleton, each pixel by its direction / field"
    return (
        _median(width, length, piece, unit),
        *quartiles,
        *_directions(angle, length, told, plain),
        Quantity("share of the skeleton used", used, "", *told, _METHOD, reason=plain),
        Quantity(
            "fibre length by area", everything / field, f"1/{unit}", *told, by_area, reason=plain
        ),
    )


def _directions(
    angle: Floats, length: Floats, told: tuple[int, str], reason: str
) -> tuple[Quantity, Quantity]:
    """Mean direction and how far all fibres share it; angles are doubled, as 0 and 180 are one."""
    if not len(angle):
        turn = complex(math.nan, math.nan)
    else:
        turn = complex(np.exp(2j * np.deg2rad(angle)) @ length / length.sum())
    mean = math.degrees(math.atan2(turn.imag, turn.real)) / 2 % 180
    doubled = "doubled angles, by length"
    return (
        Quantity(
            "mean direction of fibres",
            mean,
            "°",
            *told,
            f"{doubled}; anticlockwise from +x",
            reason=reason,
        ),
        Quantity(
            "alignment of fibres",
            abs(turn),
            "",
            *told,
            f"resultant of {doubled}: 0 all directions, 1 one",
            reason=reason,
        ),
    )


def _median(width: Floats, length: Floats, piece: Ints, unit: str) -> Quantity:
    name, count = "fibre width, median", int(piece.max(initial=-1)) + 1
    told = (_quantile(width, length, 0.5), unit, count, "pieces of fibre")
    if count < _FEWEST_PIECES:
        reason = f"{count} pieces of fibre, an interval needs {_FEWEST_PIECES}"
        return Quantity(name, *told, _METHOD, reason=reason)
    rng, order = np.random.default_rng(0), np.argsort(width, kind="stable")
    width, length, piece = width[order], length[order], piece[order]
    drawn = []
    for _ in range(RESAMPLES):
        counts = np.bincount(rng.integers(count, size=count), minlength=count)
        drawn.append(_quantile(width, length * counts[piece], 0.5, is_sorted=True))
    low, high = (float(end) for end in np.quantile(drawn, TAILS))
    return Quantity(name, *told, f"{_METHOD}; bootstrap of pieces, {RESAMPLES} times", low, high)


def _quantile(values: Floats, weight: Floats, share: float, is_sorted: bool = False) -> float:
    """The value that a share of the weight lies below; NaN of nothing."""
    if not len(values):
        return math.nan
    order = slice(None) if is_sorted else np.argsort(values, kind="stable")
    heap = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(heap, share * heap[-1])])


def _told_apart(piece: Ints, image: int) -> NDArray[Any]:
    """Pieces as numbers that no other image has."""
    return piece + (image << 32)
