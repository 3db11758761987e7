"""Sample data for napari's menu: synthetic micrographs with their truth, and one real image.

Each function returns napari "LayerData": a list of (array, layer options, layer type). Nothing of
napari is imported here.
"""

from __future__ import annotations

from typing import Any

from skimage.data import immunohistochemistry

from unetscope.images.synthetic import SYNTHETIC

LayerData = tuple[Any, dict[str, Any], str]
_SHAPE = (512, 512)


def _layers(kind: str, seed: int, **options: Any) -> list[LayerData]:
    """The image, and its truth as a hidden labels layer; both in physical units."""
    made = SYNTHETIC[kind](_SHAPE, seed=seed, **options)
    unit = made.image.unit or "pixel"
    placed = {"scale": made.image.pixel_size, "units": (unit, unit)}
    truth = f"{made.image.name} truth"
    metadata = {"class_names": made.class_names}
    return [
        (made.image.pixels, {"name": made.image.name, **placed}, "image"),
        (made.labels, {"name": truth, "visible": False, "metadata": metadata, **placed}, "labels"),
    ]


def sample_grains() -> list[LayerData]:
    """A polycrystal in SEM: grains with channelling contrast and boundaries."""
    return _layers("grains", 4, grain_px=46)


def sample_membranes() -> list[LayerData]:
    """Neural tissue in ssTEM: membranes and mitochondria."""
    return _layers("membranes", 8, cell_px=64, mitochondria_px=30, crowding=0.9)


def sample_nanoparticles() -> list[LayerData]:
    """Gold nanoparticles on an amorphous support in TEM."""
    return _layers("nanoparticles", 11, particle_px=34, coverage=0.22, dark_field=0, noise=0.04)


def sample_nuclei() -> list[LayerData]:
    """Touching cell nuclei in fluorescence."""
    return _layers("nuclei", 2)


def sample_fibres() -> list[LayerData]:
    """Crossing electrospun fibres in SEM."""
    return _layers("fibres", 8)


def sample_immunohistochemistry() -> list[LayerData]:
    """Colonic glands in colour, a real image that comes with scikit-image.

    FHL2 revealed with DAB, hematoxylin counterstain, acquired at the Center for Microscopy and
    Molecular Imaging; the pixel size is not known.
    """
    return [(immunohistochemistry(), {"name": "immunohistochemistry", "rgb": True}, "image")]
