"""Real data sets are read, normalised and calibrated as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unetscope.images.files import read_labels, read_micrograph
from unetscope.images.normalisation import fit_normalisation

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETS = {
    "nasa_superalloy": None,
    "nasa_ebc": None,
    "nasa_meltpool": None,
    "ads_sem_myelin": None,
    "fib25_neurons3d": "zyx",
    "bbbc039": None,
    "dsb2018": None,
    "stardist_nuclei2d": None,
    "vnc_sstem": None,
    "emps_nanoparticles": None,
    "plantseg_ovule3d": "zyx",
    "bbbc007_scribbles": None,
}


@pytest.mark.parametrize("name", SETS)
def test_a_real_data_set_is_read(name: str) -> None:
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"the data set {name} is not in {DATA}")
    images = sorted(p for p in (folder / "images").iterdir() if p.suffix != ".md")[:3]
    masks = {p.stem: p for p in (folder / "masks").iterdir()}
    assert images
    for path in images:
        image = read_micrograph(path, axes=SETS[name])
        plane = fit_normalisation(image).apply(image.plane(image.depth // 2))
        assert np.isfinite(plane).all() and plane.std() > 0.02
        if path.stem in masks and image.channels == 1:
            assert read_labels(masks[path.stem]).shape == image.spatial_shape
