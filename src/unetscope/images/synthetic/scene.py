"""What every synthetic micrograph has in common: its result, its options and its camera.

A scene is drawn as an ideal float image of about 0 to 1; :func:`expose` turns it into what a
microscope would have recorded: uneven light, blur, shot and read noise, scan lines, 8 or 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from unetscope.errors import ImageError
from unetscope.images.micrograph import Micrograph
from unetscope.images.synthetic.random_fields import smooth_field

FloatImage = NDArray[np.float32]
Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class SyntheticMicrograph:
    """An image whose truth is known.

    Attributes
    ----------
    image
        The micrograph, axes "yx".
    labels
        (y, x) uint8, dense: 1 to K, in the order of ``class_names``; no pixel is 0.
    instances
        (y, x) int32: 1 to N for the objects the scene is about, 0 between them.
    class_names
        One name per class; ``class_names[0]`` is label 1.
    """

    image: Micrograph
    labels: NDArray[np.uint8]
    instances: NDArray[np.int32]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class SceneOptions:
    """Options that every scene understands; what is None is drawn from the seed.

    Attributes
    ----------
    scale
        Magnification: 2 draws everything twice as large in pixels.
    contrast
        Factor on the grey differences of the scene (about 0.4 weak to 1.3 strong).
    noise
        Standard deviation of the noise, as a part of the full grey range (0.01 to 0.15).
    blur_px
        Standard deviation of the blur in pixels.
    uneven_light
        Amplitude of slow brightness changes, as a part of the full range (0 to 0.4).
    bits
        8 or 16.
    """

    scale: float = 1.0
    contrast: float | None = None
    noise: float | None = None
    blur_px: float | None = None
    uneven_light: float | None = None
    bits: int = 8

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ImageError(f"scale must be positive, not {self.scale}")
        if self.bits not in (8, 16):
            raise ImageError(f"bits must be 8 or 16, not {self.bits}")


@dataclass(frozen=True)
class Exposure:
    """Ranges that the recording of a kind of scene is drawn from (see :class:`SceneOptions`)."""

    contrast: Range = (0.6, 1.15)
    noise: Range = (0.012, 0.08)
    blur_px: Range = (0.4, 1.3)
    uneven_light: Range = (0.0, 0.2)
    brightness: Range = (-0.08, 0.08)
    gamma: Range = (0.75, 1.35)
    scan_lines: float = 0.01


class DrawnScene(NamedTuple):
    """What a scene draws, all (y, x): grey values, labels and instances from 1; and the classes."""

    pixels: NDArray[Any]
    labels: NDArray[Any]
    instances: NDArray[Any]
    class_names: tuple[str, ...]


_Options = TypeVar("_Options", bound=SceneOptions)
#: A scene as it is called: ``(shape=(512, 512), *, seed=0, **options)``.
Scene = Callable[..., SyntheticMicrograph]
_SCENES: dict[int, tuple[str, Scene]] = {}  # by stream
_SHOWN_ONLY: set[str] = set()


def scene(
    kind: type[_Options], *, stream: int, pixel_size: float, unit: str, learned_from: bool = True
) -> Callable[[Callable[[tuple[int, int], _Options, np.random.Generator], DrawnScene]], Scene]:
    """Make a kind of scene of a function that draws one, and name it after the function.

    Parameters
    ----------
    kind
        Its options.
    stream
        A number no other kind has; with the seed it begins the random numbers.
    pixel_size, unit
        Edge of a pixel at scale 1.
    learned_from
        Whether the bundled weights are pretrained on it, and what added sources are reduced by;
        False for scenes that only lessons show.
    """

    def made(
        paint: Callable[[tuple[int, int], _Options, np.random.Generator], DrawnScene],
    ) -> Scene:
        name = paint.__name__

        @wraps(paint)
        def call(
            shape: tuple[int, int] = (512, 512), *, seed: int = 0, **options: Any
        ) -> SyntheticMicrograph:
            chosen = scene_options(kind, options)
            rng = np.random.default_rng([stream, seed])
            pixels, labels, instances, names = paint(scene_shape(shape), chosen, rng)
            size = pixel_size / chosen.scale
            return SyntheticMicrograph(
                Micrograph(pixels, "yx", (size, size), unit, name),
                labels.astype(np.uint8),
                instances.astype(np.int32),
                names,
            )

        if _SCENES.setdefault(stream, (name, call))[0] != name:
            raise ValueError(f"stream {stream} of {name} is that of {_SCENES[stream][0]}")
        if not learned_from:
            _SHOWN_ONLY.add(name)
        return call

    return made


def scenes() -> dict[str, Scene]:
    """Every kind of scene that has been made, by name, in the order of their streams."""
    return dict(_SCENES[stream] for stream in sorted(_SCENES))


def learned_scenes() -> dict[str, Scene]:
    """Those of :func:`scenes` that weights are learned from."""
    return {name: made for name, made in scenes().items() if name not in _SHOWN_ONLY}


def scene_options(kind: type[_Options], options: dict[str, Any]) -> _Options:
    """``kind`` filled with keyword ``options``; ImageError names the one that does not exist."""
    known = list(kind.__dataclass_fields__)
    for name in options:
        if name not in known:
            raise ImageError(f"there is no option {name!r}; choose from {', '.join(known)}")
    return kind(**options)


def scene_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """``shape`` as two positive integers (y, x) in pixels; ImageError otherwise."""
    if len(shape) != 2 or min(shape) < 1:
        raise ImageError(f"shape must be (y, x) with at least 1 pixel each, not {shape}")
    return int(shape[0]), int(shape[1])


def draw(rng: np.random.Generator, given: float | None, between: Range) -> float:
    """``given``, or a uniform draw; draws either way, so that other draws do not shift."""
    drawn = float(rng.uniform(*between))
    return drawn if given is None else float(given)


def draw_log(rng: np.random.Generator, given: float | None, between: Range) -> float:
    """As :func:`draw`, but uniform in the logarithm: for sizes."""
    drawn = float(np.exp(rng.uniform(np.log(between[0]), np.log(between[1]))))
    return drawn if given is None else float(given)


def expose(
    scene: FloatImage, rng: np.random.Generator, options: SceneOptions, exposure: Exposure
) -> NDArray[Any]:
    """Record an ideal ``scene`` (y, x), about 0 to 1, as uint8 or uint16 grey values."""
    shape = scene.shape
    contrast = draw(rng, options.contrast, exposure.contrast)
    noise = draw(rng, options.noise, exposure.noise)
    blur_px = draw(rng, options.blur_px, exposure.blur_px)
    light = draw(rng, options.uneven_light, exposure.uneven_light)
    brightness = rng.uniform(*exposure.brightness)
    middle = float(scene.mean())
    seen = (scene - middle) * contrast + (0.5 * middle + 0.25) + brightness
    if blur_px > 0.2:
        seen = ndimage.gaussian_filter(seen, blur_px)
    if light > 0:
        seen = seen * (1 + 0.5 * light * smooth_field(shape, 0.6 * max(shape), rng))
    seen = np.clip(seen, 0, 1.2) ** rng.uniform(*exposure.gamma)
    seen = seen + _noise(seen, noise, rng)
    if exposure.scan_lines > 0:
        lines = rng.standard_normal((shape[0], 1), dtype=np.float32)
        seen = seen + lines * np.float32(rng.uniform(0, exposure.scan_lines))
    full = 2**options.bits - 1
    return np.clip(seen * full + 0.5, 0, full).astype(np.uint8 if full == 255 else np.uint16)


def _noise(seen: FloatImage, noise: float, rng: np.random.Generator) -> FloatImage:
    """Shot noise that grows with the signal, read noise that does not, some of it smeared."""
    grain = rng.standard_normal(seen.shape, dtype=np.float32)
    smear = float(rng.uniform(0, 0.7))
    if smear > 0.35:  # detectors and image files with some correlation between neighbours
        grain = ndimage.gaussian_filter(grain, smear)
        grain /= max(float(grain.std()), 1e-6)
    shot = float(rng.uniform(0.2, 0.9))
    strength = np.sqrt(shot * 2 * np.clip(seen, 0.02, None) + (1 - shot))
    noisy: FloatImage = (noise * strength * grain).astype(np.float32)
    return noisy
