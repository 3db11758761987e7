"""The values in the manifest of a model file: how each is written and read is told in one place.

Reading refuses what no saved model says. All are read before any tensor is, and before a network is
built, so that a forged file costs neither memory nor time. A new value is a field of one of the
model's four values, and an entry of :data:`FIELDS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from unetscope.errors import ModelFileError
from unetscope.images.classes import MOST_CLASSES, LabelClass, harmless, harmless_class
from unetscope.images.normalisation import Normalisation
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.recipe import Recipe
from unetscope.learning.samples import MAX_LABEL
from unetscope.learning.sources.classical import FILTERS
from unetscope.network.model_file import shown

MAX_CHANNELS = 256
MAX_SEED = 2**32 - 1  # of scikit-learn's forests, which share it
_MOST_STRIDES, _FEWEST_STRIDES = 8, 4
_MOST_LETTERS = 10_000
_LARGE = 1e6  # no gain, prior or penalty is anywhere near it
_NEEDED = object()

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class ManifestField:
    """One value of the manifest, and which of the model's values it is a part of.

    Attributes
    ----------
    name : in the manifest.
    part : of :class:`PixelModel`.
    read : from a JSON value, and the manifest; a :class:`ModelFileError` if no saved model says so.
    written : to a JSON value.
    attribute : of the part, where it is called otherwise than ``name``.
    absent : what files of earlier releases mean, which do not have it.
    nothing : what is written where the model does not have the part.
    """

    name: str
    part: str
    read: Callable[[Any, Manifest], Any]
    written: Callable[[Any], Any] = lambda value: value
    attribute: str = ""
    absent: Any = _NEEDED
    nothing: Any = None

    @property
    def argument(self) -> str:
        """What it is called as a field of the part."""
        return self.attribute or self.name

    def of(self, model: PixelModel) -> Any:
        """The value as it is written."""
        part = getattr(model, self.part)
        return self.nothing if part is None else self.written(getattr(part, self.argument))

    def value(self, manifest: Manifest) -> Any:
        """The value as it is read."""
        must_be = self.absent is _NEEDED
        stored = needed(manifest, self.name) if must_be else manifest.get(self.name, self.absent)
        return self.read(stored, manifest)


def manifest_of(model: PixelModel) -> dict[str, Any]:
    """All values of ``model`` that stand in the manifest."""
    return {field.name: field.of(model) for field in FIELDS}


def values_of(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Part of the model → the arguments that the manifest has for it.

    Raises
    ------
    ModelFileError
        With the value and what it must be.
    """
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    for field in FIELDS:
        values[field.part][field.argument] = field.value(manifest)
    return values


def whole(value: object, low: int, high: int, what: str) -> int:
    """``value`` where it is a whole number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ModelFileError(f"{what}: {shown(value)} is no whole number from {low} to {high}.")
    return value


def number(value: object, low: float, high: float, what: str) -> float:
    """``value`` where it is a number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ModelFileError(f"{what}: {shown(value)} is no number from {low:g} to {high:g}.")
    return float(value)


def whole_numbers(value: object, low: int, high: int, what: str) -> list[int]:
    """``value`` where it is a list of such whole numbers."""
    return [whole(one, low, high, what) for one in listed(value, what)]


def numbers(value: object, low: float, high: float, what: str) -> list[float]:
    """``value`` where it is a list of such numbers."""
    return [number(one, low, high, what) for one in listed(value, what)]


def needed(values: Mapping[str, Any], name: str) -> Any:
    """The value of this name, which must be there."""
    if name not in values:
        raise ModelFileError(f"{name} is missing.")
    return values[name]


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """``value`` where it is a set of named values."""
    if not isinstance(value, dict):
        raise ModelFileError(f"{what}: {shown(value)} is not a set of named values.")
    return value


def listed(value: object, what: str) -> list[Any]:
    """``value`` where it is a list."""
    if not isinstance(value, list):
        raise ModelFileError(f"{what}: {shown(value)} is not a list.")
    return value


def text(value: object, what: str, most: int, *, least: int = 1) -> str:
    """``value`` where it is a text of ``least`` to ``most`` letters."""
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise ModelFileError(f"{what}: {shown(value)} is no text of {least} to {most} letters.")
    return value


def flag(value: object, what: str) -> bool:
    """``value`` where it is true or false."""
    if not isinstance(value, bool):
        raise ModelFileError(f"{what}: {shown(value)} is neither true nor false.")
    return value


def _classes(stored: object, _: Manifest) -> tuple[LabelClass, ...]:
    classes = []
    for entry in listed(stored, "classes"):
        one = mapping(entry, "a class")
        value = whole(needed(one, "value"), 1, MAX_LABEL, "value of a class")
        name = text(needed(one, "name"), "name of a class", _MOST_LETTERS, least=0)
        color = text(needed(one, "color"), "colour of a class", _MOST_LETTERS, least=0)
        classes.append(harmless_class(value, name, color))
    values = [one.value for one in classes]
    if not 1 <= len(values) <= MOST_CLASSES or len(set(values)) != len(values):
        raise ModelFileError(
            f"{shown(values)} are not the values of 1 to {MOST_CLASSES} different classes."
        )
    return tuple(classes)


def _recipe(stored: object, _: Manifest) -> Recipe:
    values = mapping(stored, "the head's recipe")
    rows = listed(needed(values, "classical_gain"), "gains of the filters")
    if not _FEWEST_STRIDES <= len(rows) <= _MOST_STRIDES:
        raise ModelFileError(f"the recipe has gains for {len(rows)} strides; 4 to 8 are known.")
    for row in rows:
        if len(numbers(row, -_LARGE, _LARGE, "gains of the filters")) != len(FILTERS):
            raise ModelFileError(f"{shown(row)} are not the gains of {len(FILTERS)} filters.")
    numbers(needed(values, "tap_gain"), -_LARGE, _LARGE, "tap_gain")
    numbers(values.get("context_gain", []), -_LARGE, _LARGE, "context_gain")
    number(needed(values, "ridge"), 1e-9, _LARGE, "ridge")
    number(needed(values, "sharpness"), 1e-3, _LARGE, "sharpness")
    number(needed(values, "prior_strength"), 0, 10, "prior_strength")
    number(values.get("forest_share", 0.5), 0, 1, "forest_share")
    number(values.get("temperature", 1.0), 0.01, 100, "temperature")
    return Recipe.from_dict(values)


def _prior(stored: object, manifest: Manifest) -> tuple[float, ...]:
    prior, count = numbers(stored, 1e-6, _LARGE, "prior"), len(manifest["classes"])
    if len(prior) not in (0, count):
        raise ModelFileError(f"the prior has {len(prior)} values for {count} classes.")
    return tuple(prior)


def _network_classes(stored: object, _: Manifest) -> tuple[int, ...]:
    values = whole_numbers(stored, 1, MAX_LABEL, "classes of the network")
    if len(set(values)) != len(values):
        raise ModelFileError(f"the network does not answer the classes {shown(values)}.")
    return tuple(values)


def _grey_range(stored: object, manifest: Manifest) -> Normalisation | None:
    if stored is None:
        return None
    record, channels = mapping(stored, "the grey range"), manifest["channels"]
    for end in ("low", "high"):
        if len(numbers(needed(record, end), -1.8e308, 1.8e308, "grey range")) != channels:
            raise ModelFileError(f"the grey range is not one of {channels} channel(s).")
    return Normalisation.from_dict(record)


def _pixel_size(stored: object, _: Manifest) -> tuple[float, ...] | None:
    if stored is None:
        return None
    sizes = numbers(stored, 1e-300, 1e300, "pixel size")
    if len(sizes) not in (2, 3):
        raise ModelFileError(f"the pixel size {shown(sizes)} is not that of two or three axes.")
    return tuple(sizes)


def _unit(stored: object, _: Manifest) -> str | None:
    return None if stored is None else harmless(text(stored, "the unit", 32))


def _share(stored: object, _: Manifest) -> float:
    return number(stored, 0, 1, "the network's share")


def _as(check: Callable[..., Any], *bounds: Any) -> Callable[[Any, Manifest], Any]:
    """To read by a check alone, which needs nothing else of the manifest."""
    return lambda value, _: check(value, *bounds)


# What a value is compared with in the manifest stands before it.
FIELDS = (
    ManifestField("channels", "features", _as(whole, 1, MAX_CHANNELS, "channels")),
    ManifestField("classes", "instant", _classes, lambda classes: [asdict(one) for one in classes]),
    ManifestField("name", "provenance", lambda v, _: harmless(text(v, "the name", _MOST_LETTERS))),
    ManifestField("prior", "instant", _prior, list),
    ManifestField("network_classes", "network", _network_classes, list, "classes", nothing=[]),
    ManifestField(
        "network_weight",
        "network",
        _as(number, 0, 1, "the network's share"),
        float,
        "weight",
        nothing=0.0,
    ),
    ManifestField("own_normalisation", "features", _as(flag, "own_normalisation")),
    ManifestField("alone", "features", _as(flag, "alone"), absent=False),
    ManifestField("seed", "provenance", _as(whole, 0, MAX_SEED, "seed")),
    ManifestField("version", "provenance", _as(whole, 0, 10**9, "version")),
    ManifestField("record", "provenance", _as(mapping, "the record"), dict),
    ManifestField("pixel_size", "provenance", _pixel_size, lambda v: list(v) if v else None),
    ManifestField(
        "unit",
        "provenance",
        lambda v, _: harmless(text(v, "the unit", 32)) if v is not None else None,
    ),
    ManifestField("normalisation", "features", _grey_range, lambda v: v.to_dict() if v else None),
    ManifestField("recipe", "features", _recipe, Recipe.to_dict),
)
