"""Groups of images (specimens, sessions): numbers of each, and means of their means.

Images of one specimen are more alike than those of two, so that what is said of specimens has them
as its sample: each counts once, however many images or objects it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unetscope.measuring.populations import EdgeRule, t_interval
from unetscope.measuring.quantities import Quantity
from unetscope.measuring.summary import Measured, class_quantities

#: A mean of groups has an interval from so many on.
GROUPS = 3
#: Of these there is no mean: a count of images is no sample, a direction has no zero.
_NO_MEAN = ("objects", "direction")


def group_quantities(
    images: Sequence[Measured], value: int, name: str, edge: EdgeRule
) -> dict[str, tuple[Quantity, ...]]:
    """The numbers of one class in each group, by the name of the group.

    Raises
    ------
    MeasurementError
        If the images have other units or axes.
    """
    grouped: dict[str, list[Measured]] = {}
    for image in images:
        grouped.setdefault(image.group, []).append(image)
    return {
        group: class_quantities(members, value, name, edge) for group, members in grouped.items()
    }


def means_of_groups(grouped: Mapping[str, Sequence[Quantity]]) -> tuple[Quantity, ...]:
    """The mean over groups of each number that they have; none of fewer than two groups."""
    if len(grouped) < 2:
        return ()
    by_name: dict[str, list[Quantity]] = {}
    for numbers in grouped.values():
        for number in numbers:
            by_name.setdefault(number.name, []).append(number)
    return tuple(
        _mean(numbers)
        for name, numbers in by_name.items()
        if name != _NO_MEAN[0] and _NO_MEAN[1] not in name
    )


def _mean(numbers: Sequence[Quantity]) -> Quantity:
    values = np.array([number.value for number in numbers if not np.isnan(number.value)])
    told = (f"mean of groups, {numbers[0].name}", numbers[0].unit, len(values))
    method = f"mean over groups of: {numbers[0].method.partition(';')[0]}"
    name, unit, n = told
    if n < GROUPS:
        reason = f"{n} groups, an interval needs {GROUPS}"
        value = float(values.mean()) if n else float("nan")
        return Quantity(name, value, unit, n, "groups", method, reason=reason)
    low, high = t_interval(values)
    if not numbers[0].name.startswith("G "):  # all but grain size numbers are 0 or more
        low = max(low, 0.0)
    if "fraction" in numbers[0].name:
        high = min(high, 1.0)
    method = f"{method}; t over groups"
    return Quantity(name, float(values.mean()), unit, n, "groups", method, low, high)
