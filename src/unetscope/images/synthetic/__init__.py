"""Synthetic micrographs whose truth is known: seeded, fast, and different for every seed.

Each scene is a function ``(shape=(512, 512), *, seed=0, **options) -> SyntheticMicrograph``;
the options of a scene are the fields of the dataclass in its module.
"""

from __future__ import annotations

from collections.abc import Callable

from unetscope.images.synthetic.cracks import CrackOptions, cracks
from unetscope.images.synthetic.fibres import FibreOptions, fibres
from unetscope.images.synthetic.grains import GrainOptions, grains
from unetscope.images.synthetic.membranes import MembraneOptions, membranes
from unetscope.images.synthetic.nanoparticles import NanoparticleOptions, nanoparticles
from unetscope.images.synthetic.nuclei import NucleusOptions, nuclei
from unetscope.images.synthetic.phases import PhaseOptions, phases
from unetscope.images.synthetic.scene import SceneOptions, SyntheticMicrograph
from unetscope.images.synthetic.textures import TextureOptions, textures

#: Every kind of scene by name.
SYNTHETIC: dict[str, Callable[..., SyntheticMicrograph]] = {
    "grains": grains,
    "membranes": membranes,
    "nanoparticles": nanoparticles,
    "nuclei": nuclei,
    "fibres": fibres,
    "phases": phases,
    "cracks": cracks,
    "textures": textures,
}

__all__ = [
    "SYNTHETIC",
    "CrackOptions",
    "FibreOptions",
    "GrainOptions",
    "MembraneOptions",
    "NanoparticleOptions",
    "NucleusOptions",
    "PhaseOptions",
    "SceneOptions",
    "SyntheticMicrograph",
    "TextureOptions",
    "cracks",
    "fibres",
    "grains",
    "membranes",
    "nanoparticles",
    "nuclei",
    "phases",
    "textures",
]
