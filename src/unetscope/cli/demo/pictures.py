"""What the demonstration is shown on: a picture, strokes for it, and truth where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.filters import threshold_otsu

from unetscope.cli.demo.strokes import (
    IMMUNOHISTOCHEMISTRY_CLASSES,
    IMMUNOHISTOCHEMISTRY_STROKES,
    painted_labels,
)
from unetscope.cli.reading import image_at, labels_at
from unetscope.cli.terminal import Interview, say_notes
from unetscope.errors import ImageError, LabelError
from unetscope.images.classes import PALETTE, LabelClass
from unetscope.images.micrograph import Micrograph, as_micrograph
from unetscope.images.normalisation import fit_normalisation
from unetscope.images.synthetic import SYNTHETIC
from unetscope.images.zarr_folder import name_of
from unetscope.learning.samples import check_samples, make_samples
from unetscope.pretraining.strokes import simulate_strokes


@dataclass(frozen=True, eq=False)
class DemoPicture:
    """An image with painted ``labels`` like it (0 = unlabelled) and, if known, the whole truth."""

    image: Micrograph
    labels: np.ndarray
    classes: tuple[LabelClass, ...]
    truth: np.ndarray | None = None
    note: str = ""


def immunohistochemistry() -> DemoPicture:
    """The colon biopsy that ships with scikit-image, and the strokes kept for it."""
    image = as_micrograph(data.immunohistochemistry(), name="immunohistochemistry")
    height, width = image.spatial_shape
    labels = painted_labels(IMMUNOHISTOCHEMISTRY_STROKES, (height, width))
    return DemoPicture(image, labels, IMMUNOHISTOCHEMISTRY_CLASSES)


def synthetic(name: str, seed: int = 0) -> DemoPicture:
    """A synthetic micrograph with ground truth and strokes as a person might paint them.

    Raises
    ------
    ImageError
        If there is no sample called ``name``.
    """
    if name not in SYNTHETIC:
        raise ImageError(f"there is no sample {name!r}; choose one of {', '.join(SYNTHETIC)}.")
    made = SYNTHETIC[name](seed=seed)
    truth = np.asarray(made.labels)
    classes = tuple(
        LabelClass(value, class_name, PALETTE[(value - 1) % len(PALETTE)])
        for value, class_name in enumerate(made.class_names, start=1)
    )
    return DemoPicture(made.image, simulate_strokes(truth, seed=seed), classes, truth)


def own(
    image_path: Path, labels_path: Path | None, asker: Interview, *, guess: bool
) -> DemoPicture:
    """One's own image: with the labels of a file, else with guessed strokes or none.

    Raises
    ------
    UnetscopeError
        If a file cannot be read or the two do not fit together.
    """
    image = asker.read(partial(image_at, image_path))
    guessed = guessed_strokes(image) if guess and labels_path is None else None
    say_notes(name_of(image_path), image.notes)
    if labels_path is not None:
        found = asker.read(partial(labels_at, labels_path, image, image_path.name, ()))
        say_notes(name_of(labels_path), found.notes)
        counts = check_samples(make_samples([image], [found.labels]))
        classes = tuple(one for one in found.classes if one.value in counts)
        return DemoPicture(image, found.labels, classes)
    if guessed is None:
        return DemoPicture(image, np.zeros(image.spatial_shape, np.uint8), ())
    classes = (LabelClass(1, "dark", PALETTE[0]), LabelClass(2, "bright", PALETTE[1]))
    note = (
        "No --labels were given: strokes were guessed where the image is clearly dark or clearly "
        "bright. Paint your own with a screen, or give --labels FILE."
    )
    return DemoPicture(image, guessed, classes, note=note)


def guessed_strokes(image: Micrograph) -> np.ndarray:
    """Strokes on clearly dark (1) and clearly bright (2) places of the middle plane.

    The two sides of Otsu's threshold of the smoothed image, each without its half that is nearer
    to the threshold.

    Raises
    ------
    LabelError
        If the image has no two sides (it is constant).
    """
    middle = image.depth // 2
    grey = fit_normalisation(image).apply(image.plane(middle)).mean(axis=0)
    smooth = gaussian_filter(grey, 2.0)
    if float(np.ptp(smooth)) == 0.0:
        raise LabelError(
            f"{image.name or 'the image'} is constant, nothing can be told apart in it; "
            "choose another image."
        )
    threshold = float(threshold_otsu(smooth))
    dark, bright = smooth <= threshold, smooth > threshold
    sides = np.zeros(smooth.shape, np.uint8)
    sides[dark & (smooth <= np.median(smooth[dark]))] = 1
    sides[bright & (smooth >= np.median(smooth[bright]))] = 2
    strokes = simulate_strokes(sides, seed=0)
    if "z" not in image.spatial_axes:
        return strokes
    labels = np.zeros(image.spatial_shape, strokes.dtype)
    labels[middle] = strokes
    return labels
