"""A result names the model that computed it, cannot be painted on, and is seen as one wants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from unetscope.images.classes import LabelClass
from unetscope.session.layers import result_layers
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.result_layers import LayerLook, ResultLayers
from unetscope.session.provenance import Made, ranges_in_words
from unetscope.session.requests import TileShown
from unetscope.session.result_kind import ResultKind
from unetscope.session.results.mask import MASK
from unetscope.session.results.probability import PROBABILITY
from unetscope.session.state import STARTING_CLASSES

SHAPE = (20, 30)
Answers = dict[ResultKind, np.ndarray]
OBJECT = STARTING_CLASSES[1]


def opened(shape: tuple[int, ...] = SHAPE) -> tuple[ViewerModel, OpenLayers, ResultLayers, str]:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(shape), name="cells")
    layers = OpenLayers(viewer)
    return viewer, layers, ResultLayers(layers), layer_key(layer)


def look(version: int, show: ResultKind = MASK, of: LabelClass = OBJECT) -> LayerLook:
    return LayerLook(show, 0.5, STARTING_CLASSES, of, version)


def tile(key: str, *region: slice, value: int = 2, more: Answers | None = None) -> TileShown:
    shape = [part.stop - part.start for part in region]
    return TileShown(key, 1, 1, region, {MASK: np.full(shape, value, np.uint8), **(more or {})})


WHOLE = (slice(0, 20), slice(0, 30))


def note(layer: Any) -> dict[str, Any]:
    return dict(layer.metadata["unetscope"])


def test_a_result_keeps_the_model_that_computed_it_until_it_is_computed_anew() -> None:
    _, _, results, key = opened()
    first = Made(1, "General, fast", asked_at="2026-01-01T10:00:00+01:00")
    results.write(key, tile(key, *WHOLE), look(1), first)
    mask = results.find(key, MASK)
    results.restyle(key, look(2))  # another model has come
    assert mask.name == "prediction v1 (older)"
    told = note(mask)
    assert (told["model_version"], told["model"]) == (1, "General, fast")
    assert (told["made_at"], told["image_name"]) == ("2026-01-01T10:00:00+01:00", "cells")
    results.restyle(key, look(1))  # and is gone back from
    assert mask.name == "prediction v1"
    results.write(key, tile(key, *WHOLE, value=1), look(2), Made(2, "tio2"))
    assert mask.name == "prediction v2"
    assert (note(mask)["model_version"], note(mask)["model"]) == (2, "tio2")


def test_an_answer_that_comes_late_is_not_stamped_with_the_model_of_now() -> None:
    _, _, results, key = opened()
    results.write(key, tile(key, *WHOLE), look(5), Made(3, "slow"))
    mask = results.find(key, MASK)
    assert (mask.name, note(mask)["model_version"]) == ("prediction v3 (older)", 3)


def test_a_view_that_was_answered_anew_does_not_speak_for_the_rest() -> None:
    _, _, results, key = opened()
    results.write(key, tile(key, *WHOLE), look(1), Made(1))
    second = Made(2, view=(slice(0, 10), slice(0, 30)))
    results.write(key, tile(key, slice(0, 10), slice(0, 30)), look(2), second)
    mask = results.find(key, MASK)
    assert mask.name == "prediction v2, v1 in places"
    assert note(mask)["other_versions"] == [1]
    assert note(mask)["asked_on_view"] == [[0, 10], [0, 30]]
    results.write(key, tile(key, slice(10, 20), slice(0, 30)), look(2), second)
    assert mask.name == "prediction v2"
    assert "other_versions" not in note(mask)


def test_of_a_stack_it_is_told_which_planes_were_answered() -> None:
    _, _, results, key = opened((12, *SHAPE))
    made = Made(1, plane=10)
    assert results.answered(key, MASK) == ""
    results.write(key, tile(key, slice(10, 11), *WHOLE), look(1), made)
    assert results.answered(key, MASK) == "Of 12 planes, plane 10 was answered."
    for z in (2, 3):
        results.write(key, tile(key, slice(z, z + 1), *WHOLE), look(1), made)
    assert results.answered(key, MASK) == "Of 12 planes, planes 2–3, 10 were answered."
    told = note(results.find(key, MASK))
    assert (told["asked_on_plane"], told["planes_answered"]) == (10, "2–3, 10")
    results.write(key, tile(key, slice(0, 12), *WHOLE), look(1), made)
    assert results.answered(key, MASK) == ""


def test_a_probability_is_of_the_class_it_was_computed_for() -> None:
    _, _, results, key = opened()
    half = np.full(SHAPE, 0.5, np.float32)
    made = Made(1, class_value=OBJECT.value)
    results.write(
        key, tile(key, *WHOLE, more={PROBABILITY: half}), look(1, PROBABILITY, OBJECT), made
    )
    layer = results.find(key, PROBABILITY)
    ramp = layer.colormap.name
    results.restyle(key, look(1, PROBABILITY, STARTING_CLASSES[0]))  # another class is chosen
    assert (layer.name, layer.colormap.name) == ("probability of object v1", ramp)


def test_nobody_paints_on_a_result() -> None:
    viewer, _, results, key = opened()
    results.write(key, tile(key, *WHOLE), look(1))
    mask = results.find(key, MASK)
    viewer.layers.selection.active = mask
    mask.mode = "paint"
    assert (mask.editable, mask.mode) == (False, "pan_zoom")
    mask.data = np.zeros(SHAPE, np.uint8)  # makes napari allow it
    mask.editable = True
    mask.visible, mask.visible = False, True
    mask.mode = "fill"
    assert (mask.editable, mask.mode) == (False, "pan_zoom")


def test_a_class_whose_eye_is_shut_is_clear() -> None:
    _, _, results, key = opened()
    results.write(key, tile(key, *WHOLE), replace(look(1), hidden=frozenset({1})))
    mask = results.find(key, MASK)
    assert [float(mask.colormap.map(value)[-1]) for value in (1, 2)] == [0, 1]
    results.restyle(key, replace(look(1), hidden=frozenset({2})))
    assert [float(mask.colormap.map(value)[-1]) for value in (1, 2)] == [1, 0]


def test_colours_that_a_person_chose_for_strokes_and_answers_stay() -> None:
    _, layers, results, key = opened()
    strokes = layers.paint_with(key, 1, STARTING_CLASSES)
    results.write(key, tile(key, *WHOLE), look(1))
    mask = results.find(key, MASK)
    green = {None: "#00FF00", 0: (0, 0, 0, 0), 1: "#00FF00", 2: "#00FF00"}
    recoloured = (LabelClass(1, "background", "#112233"), OBJECT)
    for layer in (strokes, mask):
        layer.colormap = green
    layers.colour(recoloured)
    results.restyle(key, LayerLook(MASK, 0.5, recoloured, OBJECT, 1))
    for layer in (strokes, mask):
        assert np.allclose(layer.colormap.map(1), (0, 1, 0, 1))


@pytest.mark.parametrize(("zoom", "contour"), [(4.0, 1), (1.0, 2), (0.5, 4), (0.1, 8)])
def test_outlines_are_drawn_in_full_and_two_screen_pixels_wide(zoom: float, contour: int) -> None:
    viewer, _, results, key = opened()
    results.write(key, tile(key, *WHOLE), look(1))
    mask = results.find(key, MASK)
    results.outline(on=True)
    viewer.scene.camera.zoom = zoom
    assert (mask.contour, mask.opacity) == (contour, 1.0)
    results.restyle(key, LayerLook(MASK, 0.3, STARTING_CLASSES, OBJECT, 1))
    assert mask.opacity == 1.0
    results.outline(on=False)
    assert (mask.contour, mask.opacity) == (0, 0.3)


def test_numbers_in_a_row_are_told_as_ranges() -> None:
    assert ranges_in_words([0, 1, 2, 5, 7, 8]) == "0–2, 5, 7–8"
    assert ranges_in_words([]) == ""


def test_where_few_pixels_change_only_these_are_drawn(monkeypatch) -> None:
    monkeypatch.setattr(result_layers, "_FEW_PX", 50)
    _, _, results, key = opened()
    results.write(key, tile(key, *WHOLE), look(1))
    results.redraw()
    mask = results.find(key, MASK)
    drawn: list[str] = []
    mask.events.set_data.connect(lambda event: drawn.append("whole"))
    mask.events.labels_update.connect(lambda event: drawn.append(str(list(event.offset))))
    results.write(key, tile(key, slice(4, 8), slice(6, 10), value=1), look(1))
    results.write(key, tile(key, slice(8, 12), slice(6, 10), value=1), look(1))
    assert not drawn  # the caller paces
    results.redraw()
    assert drawn == ["[4, 6]"]
    wanted = np.full(SHAPE, 2)
    wanted[4:12, 6:10] = 1
    assert np.array_equal(mask.data, wanted)
    results.write(key, tile(key, slice(4, 6), slice(6, 10), value=2), look(1))
    results.write(key, tile(key, *WHOLE, value=3), look(1))  # many: as a whole
    results.redraw()
    assert drawn[1:] == ["whole"] and (mask.data == 3).all()
    results.write(key, tile(key, slice(4, 5), slice(6, 7), value=1), look(1))
    assert results.find(key, MASK).data[4, 6] == 1  # whoever asks finds all that was written
