"""Synthetic micrographs whose truth is known: seeded, fast, and different for every seed.

Each scene is a function ``(shape=(512, 512), *, seed=0, **options) -> SyntheticMicrograph``;
the options of a scene are the fields of the dataclass in its module. A module of this folder that
makes a :func:`~unetscope.images.synthetic.scene.scene` is all that a new kind takes.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from unetscope.images.synthetic.scene import (
    Scene,
    SceneOptions,
    SyntheticMicrograph,
    learned_scenes,
    scenes,
)


def load() -> dict[str, Scene]:
    """Import every module of this folder, and give the scenes they made, by name."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return scenes()


#: Every kind of scene by name, those that only lessons show among them.
EVERY_SCENE: dict[str, Scene] = load()
#: The kinds that weights are learned from.
SYNTHETIC: dict[str, Scene] = learned_scenes()

__all__ = ["EVERY_SCENE", "SYNTHETIC", "SceneOptions", "SyntheticMicrograph"]
