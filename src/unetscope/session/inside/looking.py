"""Jobs that show what is there: maps, kernels, fields, colours. Each is an iterator of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from unetscope.session.inside.answers import Drawn, Picture, Plot, Shown, Working
from unetscope.session.inside.glass import Glass, Subject, open_glass

MOST_BYTES = 2**29  # of maps on screen
STEPS = 96  # of activation maximisation
Event = Working | Shown | Glass | Any


def open_subject(subject: Subject) -> Iterator[Event]:
    """Open what is to be looked at."""
    yield Working("Opening the network")
    yield from open_glass(subject)


def show_maps(
    glass: Glass, layer: str, *, channel: int = 0, sheet: bool = False, own_contrast: bool = False
) -> Iterator[Event]:
    """The maps of a layer over what is on screen: a picture with a channel slider, or a sheet."""
    from unetscope.inspection.showing.maps import feature_maps

    yield Working(f"Maps of {layer}")
    found = feature_maps(glass.net, glass.image, [layer], region=glass.view, max_bytes=MOST_BYTES)[
        layer
    ]
    values = found.values
    if sheet:
        picture = _map_sheet(layer, values, own_contrast=own_contrast)
    else:
        picture = Picture(
            "maps",
            f"maps of {layer}",
            values,
            found.scale,
            shifted(glass, found.translate),
            _drawn(values),
            lead=("channel",),
            start=(min(channel, len(values) - 1),),
            limits=map_limits(values),
            note={"layer": layer, "first_cell": found.first},
        )
    text = f"{layer}: {len(values)} maps of {' × '.join(map(str, values.shape[1:]))} cells."
    yield Shown(
        "Feature maps",
        text,
        "exact",
        (picture,),
        result=found,
        recipe=_maps_recipe(glass, layer),
        numbers=values,
        layer=layer,
    )


def _map_sheet(layer: str, values: np.ndarray, *, own_contrast: bool) -> Picture:
    """All maps side by side, of volumes the middle planes."""
    from unetscope.inspection.showing.weights import contact_sheet

    planes = values if values.ndim == 3 else values[:, values.shape[1] // 2]
    limits = map_limits(values)
    if own_contrast:
        planes = np.stack([plane / map_limits(plane)[1] for plane in planes])
        limits = (-1.0 if limits[0] < 0 else 0.0, 1.0)
    laid = contact_sheet(planes, gap=max(1, planes.shape[-1] // 24))
    return Picture(
        "maps",
        f"maps of {layer}, side by side",
        laid.picture,
        (1.0, 1.0),
        (0.0, 0.0),
        _drawn(values),
        limits=limits,
        beside=True,
        note={"layer": layer},
    )


def _drawn(values: np.ndarray) -> Drawn:
    return Drawn.SIGNED if values.min() < 0 else Drawn.MAP


def show_kernels(glass: Glass, layer: str, *, summed: bool = False) -> Iterator[Event]:
    """The kernels of a layer as a sheet beside the image: a row an output, a column an input."""
    from unetscope.inspection.showing.weights import kernels

    bank = kernels(glass.net, layer)
    outputs, inputs = bank.values.shape[:2]
    sheet = bank.sheet(summed=summed or outputs * inputs > 4096)
    text = (
        f"{layer}: {outputs} × {inputs} kernels of {' × '.join(map(str, bank.values.shape[2:]))}. "
        f"Blue is negative, red positive, white zero (up to ±{bank.limit:.3g})."
    )
    picture = Picture(
        "kernels",
        f"kernels of {layer}",
        sheet.picture,
        (1.0, 1.0),
        (0.0, 0.0),
        Drawn.SIGNED,
        limits=bank.colour_range,
        beside=True,
        note={"layer": layer},
    )
    weights = np.sort(bank.values.ravel())
    counts, edges = np.histogram(weights, bins=64)
    plot = Plot(
        {"weights": ((edges[:-1] + edges[1:]) / 2, counts.astype(float))}, "weight", "count"
    )
    from unetscope.inspection.writing.reproduction import Recipe

    yield Shown(
        "Kernels",
        text,
        "exact",
        (picture,),
        plot=plot,
        result=(bank, sheet),
        recipe=Recipe("kernels", {"layer": layer}, takes_image=False),
        numbers=bank.values,
        layer=layer,
    )


def prepare_microscope(glass: Glass, layer: str) -> Iterator[Event]:
    """What the arithmetic under the cursor needs, taken once."""
    from unetscope.inspection.showing.microscope import microscope

    yield Working(f"Reading {layer}")
    yield microscope(glass.net, glass.image, layer, region=glass.view)


def show_effective(
    glass: Glass, layer: str, point: tuple[float, ...], *, inputs: int = 32
) -> Iterator[Event]:
    """The measured part of the receptive field around a point, growing as inputs are averaged."""
    from unetscope.inspection.asking.effective import effective_receptive_field_steps
    from unetscope.inspection.writing.reproduction import Recipe

    cell = glass.cell(layer, point)
    steps = effective_receptive_field_steps(
        glass.net, [glass.image], layer, cell, inputs=inputs, seed=0
    )
    for step in steps:
        yield Working("Effective field", step.done, step.total)
        if step.result is not None and (step.done == step.total or step.done in (1, 4, 12)):
            recipe = Recipe(
                "effective_receptive_field",
                {"layer": layer, "point": cell, "inputs": step.done, "seed": 0},
            )
            yield replace(effective_shown(glass, step.result), recipe=recipe, layer=layer)


def effective_shown(glass: Glass, field: Any) -> Shown:
    """A heat map and a sentence of an effective field."""
    place = shifted(glass, tuple(float(v) for v in field.lo))
    picture = Picture(
        "effective heat",
        f"effective field of {field.layer}",
        _log_heat(field.values),
        (1.0,) * len(place),
        place,
        Drawn.HEAT,
        limits=(0.0, 1.0),
        note={"layer": field.layer},
    )
    theory = " × ".join(str(int(side)) for side in _sides(field.theoretical))
    text = (
        f"Half of the weight lies within {field.radius_50:.1f} px, 95 % within "
        f"{field.radius_95:.1f} px; the theoretical field is {theory} px, of which "
        f"{100 * field.ratio:.0f} % of the side is used. Measured on {field.inputs} inputs."
    )
    return Shown(
        "Effective receptive field",
        text,
        "empirical",
        (picture,),
        result=field,
        numbers=field.values,
    )


def show_colours(glass: Glass, layer: str) -> Iterator[Event]:
    """The three strongest directions of a layer's maps as red, green and blue."""
    from unetscope.inspection.showing.maps import feature_maps
    from unetscope.inspection.showing.projection import pca_rgb
    from unetscope.inspection.writing.reproduction import Recipe

    yield Working(f"Colours of {layer}")
    found = feature_maps(glass.net, glass.image, [layer], region=glass.view, max_bytes=MOST_BYTES)[
        layer
    ]
    mixed = pca_rgb(found)
    picture = Picture(
        "colours",
        f"colours of {layer}",
        mixed.values,
        mixed.scale,
        shifted(glass, mixed.translate),
        Drawn.COLOUR,
        note={"layer": layer},
    )
    parts = ", ".join(f"{100 * share:.0f} %" for share in mixed.explained)
    text = (
        f"Pixels of one colour look alike to {layer}. Red, green and blue are its three principal "
        f"components and hold {parts} of what varies."
    )
    arguments = {"layers": [layer], "region": glass.view}
    recipe = Recipe("feature_maps", arguments, (layer,), then=("pca_rgb", {"seed": 0}))
    yield Shown(
        *("Principal components", text, "empirical", (picture,)),
        result=mixed,
        recipe=recipe,
        layer=layer,
    )


def show_favourite(glass: Glass, layer: str, channel: int) -> Iterator[Event]:
    """The input that makes a channel fire most (activation maximisation), growing."""
    from unetscope.inspection.asking.maximisation import maximise_steps
    from unetscope.inspection.writing.reproduction import Recipe

    for step in maximise_steps(glass.net, layer, channel, steps=STEPS, seed=0):
        yield Working(f"What {layer} #{channel} likes", step.done, step.total)
        if step.result is None or (step.done % 16 and step.done != step.total):
            continue
        found = step.result
        image = np.moveaxis(found.image, 0, -1)
        rgb = image.shape[-1] == 3
        picture = Picture(
            "favourite",
            f"what {layer} #{channel} likes",
            np.clip(image, 0, 1) if rgb else found.image.mean(axis=0),
            (1.0,) * (found.image.ndim - 1),
            (0.0,) * (found.image.ndim - 1),
            Drawn.COLOUR if rgb else Drawn.MAP,
            beside=True,
            note={"layer": layer, "channel": channel},
        )
        history = np.asarray(found.history, dtype=float)
        plot = Plot({"activation": (np.arange(len(history)), history)}, "step", "activation")
        text = f"An invented input that makes channel {channel} of {layer} fire; not a micrograph."
        arguments = {"layer": layer, "channel": channel, "steps": STEPS, "seed": 0}
        yield Shown(
            "Activation maximisation",
            text,
            "",
            (picture,),
            plot=plot,
            result=found,
            recipe=Recipe("maximise", arguments, (".image",), takes_image=False),
            numbers=found.image,
            layer=layer,
        )


def _maps_recipe(glass: Glass, layer: str) -> Any:
    from unetscope.inspection.writing.reproduction import Recipe

    arguments = {"layers": [layer], "region": glass.view}
    return Recipe("feature_maps", arguments, (layer, ".values"))


def map_limits(values: np.ndarray) -> tuple[float, float]:
    """Contrast limits of maps: about zero where they have a sign, without the highest 0.1 %."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    some = finite[:: max(1, finite.size // 200_000)]
    high = float(np.percentile(np.abs(some), 99.9)) or float(np.abs(finite).max()) or 1.0
    return (-high, high) if finite.min() < 0 else (0.0, high)


def shifted(glass: Glass, translate: tuple[float, ...]) -> tuple[float, ...]:
    """From pixels of the network's input to pixels of the image."""
    return tuple(t + o for t, o in zip(translate, glass.origin, strict=True))


def _sides(value: Any) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _log_heat(values: np.ndarray) -> np.ndarray:
    """0..1 over three decades, for the mass falls off like a Gaussian."""
    top = float(values.max()) or 1.0
    return np.clip(1 + np.log10(np.maximum(values / top, 1e-9)) / 3, 0, 1).astype(np.float32)
