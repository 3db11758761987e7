"""Layers and readings in any order, against strokes by (image, reading, pixel) in plain NumPy.

Images are added, copied, split, renamed, moved, re-read, replaced, changed in place, deleted and
opened again, in two viewers, with panels that close and processes that die. What was painted must
be on its own pixels on screen, and whatever is closed must be offered back exactly, on the same
pixels and reading alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from napari.components import ViewerModel
from napari.layers import Image
from napari.layers._layer_actions import _duplicate_layer, _split_rgb, _split_stack
from napari.layers._source import layer_source

from journal.keepers import killed
from unetscope.images.units import unit_factor
from unetscope.session.journal.identity import content_hash
from unetscope.session.journal.status import Keeping
from unetscope.session.layers.layer_facts import layer_key, spatial_axes
from unetscope.session.layers.placement import world_units
from unetscope.session.layers.project_layers import ProjectLayers
from unetscope.session.layers.stroke_keeping import StrokeKeeper
from unetscope.session.state import STARTING_CLASSES

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
MOST_LAYERS = 4  # images open at a time
Group = tuple[str, str]  # content, axes
Stroke = tuple[int, int, tuple[float, ...], int]  # image, value, place, size
some_strokes = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.integers(1, 2),
        st.tuples(*[st.sampled_from([0.0, 0.3, 0.6, 0.99])] * 3),
        st.integers(1, 6),
    ),
    min_size=1,
    max_size=3,
)
FOUND: Counter[str] = Counter()  # what the long form reports
EMPTY: list[ViewerModel] = []  # without layers; used again, for making one takes long


SHAPES = ((24, 30), (3, 22, 26), (20, 28, 3), (3, 3, 18, 20))
COLOURS = 2  # the place of the RGB image among them


def pool() -> list[np.ndarray]:
    """Images, each twice, of equal shape.

    Flat, a stack whose two readings have labels of different shapes, colours, and a stack with
    channels whose two readings have labels of one shape: only the axes tell those apart.
    """
    rngs = [np.random.default_rng(seed) for seed in (0, 1)]
    return [rng.integers(0, 255, shape, np.uint8) for rng in rngs for shape in SHAPES]


def is_rgb(number: int) -> bool:
    return number % len(SHAPES) == COLOURS


some_image = st.integers(0, 2 * len(SHAPES) - 1)
some_file = st.integers(0, len(SHAPES) - 1)


@dataclass
class Reference:
    """Strokes of one image layer: by reading; ``steps`` can be undone one by one.

    ``at`` says for readings that are not shown on which pixels they were painted.
    """

    content: str  # of the pixels when the journal that is open was opened
    at: dict[str, str] = field(default_factory=dict)
    strokes: dict[str, np.ndarray] = field(default_factory=dict)
    steps: dict[str, list[np.ndarray]] = field(default_factory=dict)
    undone: dict[str, list[np.ndarray]] = field(default_factory=dict)
    unkept: set[str] = field(default_factory=set)  # readings another window writes

    def become(self, axes: str, labels: np.ndarray, *, step: bool) -> None:
        before = self.strokes.get(axes, np.zeros(labels.shape, np.uint8))
        self.strokes[axes] = labels.copy()
        self.steps[axes] = [*self.steps.get(axes, []), before] if step else []
        self.undone[axes] = []


def move_the_sliders(viewer: ViewerModel) -> None:
    """There and back: napari cuts nothing, and cannot paint, in another unit until they move."""
    point, viewer.dims.point = viewer.dims.point, np.zeros(viewer.dims.ndim)
    viewer.dims.point = point


class Window:
    """One viewer with its panel; ``panel`` is None while that is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.viewer = folder, EMPTY.pop() if EMPTY else ViewerModel()
        self.open_panel()

    def open_panel(self) -> None:
        self.layers = ProjectLayers(self.viewer)
        self.keeper = StrokeKeeper(self.layers, self.folder)

    def close_panel(self) -> None:
        self.keeper.close()
        self.layers.close()

    def leave(self) -> None:
        """Let the viewer go, whose panel is closed."""
        self.viewer.layers.clear()
        EMPTY.append(self.viewer)


class Identity(RuleBasedStateMachine):
    """``open`` are the image layers on screen, ``kept`` the strokes that nobody has on screen."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="identity-", dir=MEMORY))
        self.pixels = {content_hash(image): image for image in pool()}
        self.kept: dict[Group, list[np.ndarray]] = {}
        self.files = {number: self.folder / f"{number}.raw" for number in range(len(SHAPES))}
        self.in_file: dict[int, np.ndarray] = {}
        self.windows: list[Window] = []
        self.begin()

    def begin(self) -> None:
        """Two new windows; the panels of those before are closed."""
        for window in self.windows:
            window.leave()
        self.windows = [Window(self.folder / "strokes") for _ in range(2)]
        self.open: dict[str, tuple[Window, Reference]] = {}

    def teardown(self) -> None:
        try:
            self.close_everything()
            self.all_is_offered_back()
        finally:
            for window in self.windows:
                window.close_panel()
                window.leave()
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the images that are open

    def chosen(self, number: int) -> tuple[str, Window, Reference]:
        key = list(self.open)[number % len(self.open)]
        return key, *self.open[key]

    def axes_of(self, window: Window, key: str) -> str:
        return window.layers.micrograph(key).axes

    def shown(self, key: str) -> Any:
        return self.open[key][0].layers.strokes_layer(key)

    def take_in(self, window: Window) -> None:
        """Every image that is new on screen: its journal is opened, its offers are answered."""
        for image in window.layers.summaries():
            if image.key not in self.open:
                content = content_hash(window.layers.micrograph(image.key).pixels)
                pixels = np.array(window.layers.layer(image.key).data)
                self.pixels.setdefault(content, pixels)
                self.open[image.key] = window, Reference(content)
            window.keeper.open(image.key)
            self.note_keeping(image.key)

    def note_keeping(self, key: str) -> None:
        window, reference = self.open[key]
        axes = self.axes_of(window, key)
        reads = window.keeper.status(key).keeping is Keeping.READ_ONLY
        (reference.unkept.add if reads else reference.unkept.discard)(axes)

    def answer_offers(self, key: str, yes: bool) -> None:
        """Restore or decline whatever is offered to an image: it must be what was kept."""
        window, reference = self.open[key]
        axes = self.axes_of(window, key)
        group = (reference.content, axes)
        while (offer := window.keeper.status(key).offer) is not None:
            journal = window.keeper._kept[key].journal
            mirror = (
                journal.labels_at(offer.sequence)
                if offer.row is None
                else journal.labels_of(offer.row, offer.sequence)
            )
            labels = mirror.labels(np.uint8)
            if axes in reference.unkept:
                window.keeper.decline(key)
                continue
            self.is_known(group, labels)
            if not yes:
                window.keeper.decline(key)
                continue
            before = reference.strokes.get(axes, np.zeros(labels.shape, np.uint8))
            window.layers.paint_with(key, 1, STARTING_CLASSES)
            window.keeper.restore(key)
            self.forget(group, labels)
            reference.become(axes, np.where(before == 0, labels, before), step=False)
            FOUND["strokes brought back"] += 1

    def is_known(self, group: Group, labels: np.ndarray) -> None:
        known = self.kept.get(group, [])
        assert any(np.array_equal(labels, one) for one in known), "strokes of something else"

    def forget(self, group: Group, labels: np.ndarray) -> None:
        kept = self.kept[group]
        at = next(i for i, one in enumerate(kept) if np.array_equal(one, labels))
        kept.pop(at)

    def put_away(self, key: str, axes: str | None = None) -> None:
        """The strokes of an image are on screen no more (of all readings, or of one)."""
        _, reference = self.open[key]
        for own in [axes] if axes else list(reference.strokes):
            labels = reference.strokes.pop(own, None)
            reference.steps.pop(own, None)
            reference.undone.pop(own, None)
            if labels is not None:
                self.keep(reference, own, labels)

    def keep(self, reference: Reference, axes: str, labels: np.ndarray) -> None:
        """These strokes are to be offered for the pixels they were painted on."""
        if labels.any() and axes not in reference.unkept:
            content = reference.at.get(axes, reference.content)
            self.kept.setdefault((content, axes), []).append(labels.copy())

    # ---- opening and closing

    @precondition(lambda self: len(self.open) < MOST_LAYERS)
    @rule(number=some_image, second=st.booleans(), yes=st.booleans())
    def add_an_array(self, number: int, second: bool, yes: bool) -> None:
        window = self.windows[second]
        window.viewer.add_image(pool()[number], rgb=is_rgb(number))
        self.take_in(window)
        self.answer_all(window, yes)

    @initialize(number=some_image)
    def begin_with_an_image(self, number: int) -> None:
        self.add_an_array(number=number, second=False, yes=True)

    def answer_all(self, window: Window, yes: bool) -> None:
        for key, (own, _) in list(self.open.items()):
            if own is window:
                self.answer_offers(key, yes)

    @precondition(lambda self: len(self.open) < MOST_LAYERS)
    @rule(number=some_file, yes=st.booleans())
    def open_a_file(self, number: int, yes: bool) -> None:
        pixels = self.in_file.setdefault(number, pool()[number])
        self.files[number].touch()
        with layer_source(path=str(self.files[number])):
            self.windows[0].viewer.add_image(pixels.copy(), rgb=is_rgb(number))
        self.take_in(self.windows[0])
        self.answer_all(self.windows[0], yes)

    @rule(number=some_file, renamed=st.booleans())
    def change_a_file(self, number: int, renamed: bool) -> None:
        """Another name for it, or other pixels of equal size in it."""
        if not renamed:
            self.in_file[number] = pool()[number + len(SHAPES)]
            return
        new = self.folder / f"renamed-{self.files[number].name}"
        if self.files[number].exists():
            self.files[number].rename(new)
        self.files[number] = new

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 9))
    def delete_an_image(self, number: int) -> None:
        key, window, _ = self.chosen(number)
        self.leave_pixels(key)
        self.put_away(key)
        del self.open[key]
        window.viewer.layers.remove(window.layers.layer(key))

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 9))
    def delete_the_strokes(self, number: int) -> None:
        key, window, _ = self.chosen(number)
        if (layer := self.shown(key)) is not None:
            if self.open[key][1].strokes.get(self.axes_of(window, key), np.zeros(1)).any():
                self.leave_pixels(key)
            self.put_away(key, self.axes_of(window, key))
            window.viewer.layers.remove(layer)

    @rule(second=st.booleans())
    def close_the_panel_and_open_it_again(self, second: bool) -> None:
        window = self.windows[second]
        before = {key: self.axes_of(window, key) for key in self.keys_of(window)}
        window.close_panel()
        for key, axes in before.items():
            self.leave_pixels(key, axes)
        window.open_panel()
        for key, axes in before.items():
            self.now_shows(key, axes, self.axes_of(window, key))
        self.take_in(window)
        self.answer_all(window, yes=True)

    def now_shows(self, key: str, before: str, axes: str) -> None:
        """Another reading is shown: its strokes are kept for the pixels of now, too."""
        _, reference = self.open[key]
        reference.at[before] = reference.content
        here = reference.at.pop(axes, reference.content)
        labels = reference.strokes.get(axes)
        if labels is not None and here != reference.content:
            reference.at[axes] = here
            self.keep(reference, axes, labels)
            del reference.at[axes]
            reference.steps[axes], reference.undone[axes] = [], []

    def keys_of(self, window: Window) -> list[str]:
        return [key for key, (own, _) in self.open.items() if own is window]

    def leave_pixels(self, key: str, axes: str = "") -> None:
        """Pixels changed in place: what was painted is kept for those of before as well."""
        window, reference = self.open[key]
        layer = next(one for one in window.viewer.layers if layer_key(one) == key)
        now = content_hash(np.asarray(layer.data))
        if now == reference.content:
            return
        self.pixels.setdefault(now, np.array(layer.data))
        axes = axes or self.axes_of(window, key)
        if axes in reference.strokes:
            self.keep(reference, axes, reference.strokes[axes])
            if not reference.strokes[axes].any():  # what was undone is not done again on others
                reference.steps[axes], reference.undone[axes] = [], []
        reference.content = now

    @rule()
    def die_and_find_everything(self) -> None:
        for window in self.windows:
            window.keeper.commit()
            killed(window.keeper)
            window.layers.close()
        for key in list(self.open):
            self.put_away(key)
        self.begin()
        self.all_is_offered_back()

    def close_everything(self) -> None:
        shown = {key: self.axes_of(self.open[key][0], key) for key in self.open}
        for window in self.windows:
            window.close_panel()
        for key, axes in shown.items():
            self.leave_pixels(key, axes)
            self.put_away(key)
        self.begin()

    # ---- painting

    @precondition(lambda self: self.open)
    @rule(strokes=some_strokes)
    def paint_first(self, strokes: list[Stroke]) -> None:
        self.paint_all(strokes)

    @precondition(lambda self: self.open)
    @rule(strokes=some_strokes)
    def paint_again(self, strokes: list[Stroke]) -> None:
        self.paint_all(strokes)

    @precondition(lambda self: self.open)
    @rule(strokes=some_strokes, yes=st.booleans())
    def paint_on_another_reading(self, strokes: list[Stroke], yes: bool) -> None:
        self.read_in_another_way(number=strokes[0][0], yes=yes)
        self.paint_all(strokes)

    def paint_all(self, strokes: list[Stroke]) -> None:
        for stroke in strokes:
            self.paint(*stroke)

    def paint(self, number: int, value: int, where: tuple[float, ...], size: int) -> None:
        key, window, reference = self.chosen(number)
        self.answer_offers(key, yes=size % 2 == 0)
        axes = self.axes_of(window, key)
        strokes = window.layers.paint_with(key, value, STARTING_CLASSES)
        shape = window.layers.micrograph(key).spatial_shape
        pixel = tuple(int(at * n) for at, n in zip(where[-len(shape) :], shape, strict=True))
        assert self.through_the_world(window, key, strokes, pixel) == pixel
        labels = np.array(strokes.data)
        box = (*pixel[:-2], *(slice(at, at + size) for at in pixel[-2:]))
        labels[box] = value
        changed = np.nonzero(labels != np.asarray(strokes.data))
        if changed[0].size:
            move_the_sliders(window.viewer)
            with strokes.block_history():
                strokes.data_setitem(changed, value)
            window.keeper.commit()
            reference.become(axes, labels, step=True)
            self.note_keeping(key)
            FOUND["strokes painted"] += 1

    def through_the_world(
        self, window: Window, key: str, strokes: Any, pixel: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Where a click on an image's pixel lands in its strokes."""
        image = window.layers.layer(key)
        axes = spatial_axes(self.axes_of(window, key))
        full = np.zeros(image.ndim)
        full[axes] = pixel
        place = np.asarray(image.data_to_world(full))
        own = [one for one in window.viewer.layers if not isinstance(one, Image)]
        units = world_units(window.viewer, without=own)
        if units is not None:
            units = tuple(units)[-image.ndim :]
            factors = [
                unit_factor(str(mine), str(world)) or 1.0
                for mine, world in zip(image.units, units, strict=True)
            ]
            place = place * factors
        landed = strokes.world_to_data(place[axes])
        return tuple(round(float(at)) for at in landed)

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 9), back=st.booleans())
    def undo_or_redo(self, number: int, back: bool) -> None:
        key, window, reference = self.chosen(number)
        axes = self.axes_of(window, key)
        source = (reference.steps if back else reference.undone).get(axes, [])
        if not source or self.shown(key) is None:
            return
        (window.keeper.undo if back else window.keeper.redo)(key)
        target = (reference.undone if back else reference.steps).setdefault(axes, [])
        target.append(reference.strokes[axes])
        reference.strokes[axes] = source.pop()

    # ---- what is done to layers

    @precondition(lambda self: 0 < len(self.open) < MOST_LAYERS)
    @rule(number=st.integers(0, 9), yes=st.booleans())
    def duplicate(self, number: int, yes: bool) -> None:
        key, window, _ = self.chosen(number)
        window.viewer.layers.selection.active = window.layers.layer(key)
        _duplicate_layer(window.viewer.layers)
        self.take_in(window)
        self.answer_all(window, yes)

    @precondition(lambda self: 0 < len(self.open) < MOST_LAYERS)
    @rule(number=st.integers(0, 9))
    def split(self, number: int) -> None:
        key, window, _ = self.chosen(number)
        layer = window.layers.layer(key)
        if layer.ndim < 3 and not layer.rgb:
            return
        self.leave_pixels(key)
        self.put_away(key)
        del self.open[key]
        window.viewer.layers.selection.active = layer
        (_split_rgb if layer.rgb else _split_stack)(window.viewer.layers)
        self.take_in(window)
        self.answer_all(window, yes=True)

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 9), name=st.sampled_from(["a", "strokes: b", "copy"]))
    def rename(self, number: int, name: str) -> None:
        key, window, _ = self.chosen(number)
        window.layers.layer(key).name = name

    @precondition(lambda self: self.open)
    @rule(
        number=st.integers(0, 9),
        what=st.sampled_from(["scale", "translate", "rotate", "units"]),
        size=st.sampled_from([0.1, 0.5, 3.0]),
    )
    def transform(self, number: int, what: str, size: float) -> None:
        key, window, _ = self.chosen(number)
        layer = window.layers.layer(key)
        value: Any = [size] * layer.ndim
        if what == "rotate":
            value = 30 * size if layer.ndim == 2 else np.eye(layer.ndim)
        elif what == "units":
            value = ["um" if size < 1 else "nm"] * layer.ndim
        setattr(layer, what, value)

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 9), yes=st.booleans())
    def read_in_another_way(self, number: int, yes: bool) -> None:
        key, window, _ = self.chosen(number)
        summary = next(image for image in window.layers.summaries() if image.key == key)
        axes = next((one for one in summary.choices if one != summary.axes), summary.axes)
        if axes != summary.axes:
            self.leave_pixels(key)
            window.layers.read_as(key, axes)
            self.now_shows(key, summary.axes, axes)
            self.note_keeping(key)
            self.answer_offers(key, yes)

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 9), image=some_image)
    def replace_the_pixels(self, number: int, image: int) -> None:
        key, window, reference = self.chosen(number)
        layer, pixels = window.layers.layer(key), pool()[image]
        if pixels.ndim != layer.data.ndim or layer.rgb != is_rgb(image):
            return
        content = content_hash(pixels)
        if content in (reference.content, content_hash(np.asarray(layer.data))):
            return
        same = pixels.shape == layer.data.shape
        axes = self.axes_of(window, key)
        for own, labels in list(reference.strokes.items()):
            if not (same and own != axes):
                self.keep(reference, own, labels)
            if not same:
                reference.strokes.pop(own)
                reference.at.pop(own, None)
        if same and axes in reference.strokes:
            reference.become(axes, reference.strokes[axes], step=False)
        layer.data = pixels
        reference.content = content
        self.note_keeping(key)
        self.answer_offers(key, yes=False)

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 9), row=st.integers(0, 15))
    def change_the_pixels_in_place(self, number: int, row: int) -> None:
        key, window, _ = self.chosen(number)
        layer = window.layers.layer(key)
        layer.data[..., row % layer.data.shape[-2], :] = row
        layer.refresh()

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, 9))
    def hide_the_strokes(self, number: int) -> None:
        key, _, _ = self.chosen(number)
        if (layer := self.shown(key)) is not None:
            layer.visible = False

    # ---- what must be so

    @invariant()
    def strokes_are_on_their_pixels(self) -> None:
        for key, (window, reference) in self.open.items():
            axes = self.axes_of(window, key)
            expected = reference.strokes.get(axes)
            layer = window.layers.strokes_layer(key)
            if expected is None:
                assert layer is None or not np.asarray(layer.data).any()
            else:
                assert layer is not None, "a strokes layer was let go"
                assert np.array_equal(layer.data, expected), "other strokes on screen"
                FOUND["layers compared"] += 1

    def all_is_offered_back(self) -> None:
        """Each image, opened alone, is offered what was painted on it, and nothing else."""
        for group, kept in self.kept.items():
            offered = list(self.offers(group))
            for labels in offered:
                assert any(np.array_equal(labels, one) for one in kept), "strokes of something else"
            for labels in kept:
                FOUND["strokes looked for"] += 1
                covered = [one for one in offered if not ((labels != 0) & (one == 0)).any()]
                assert covered, f"{np.count_nonzero(labels)} pixels are lost"

    def offers(self, group: Group) -> Iterator[np.ndarray]:
        content, axes = group
        window = Window(self.folder / "strokes")
        layer = window.viewer.add_image(self.pixels[content], rgb=axes.endswith("c"))
        key = layer_key(layer)
        if axes != self.axes_of(window, key):
            window.layers.read_as(key, axes)
        window.keeper.open(key)
        while (offer := window.keeper.status(key).offer) is not None:
            journal = window.keeper._kept[key].journal
            if offer.row is None:
                yield journal.labels_at(offer.sequence).labels(np.uint8)
            else:
                yield journal.labels_of(offer.row, offer.sequence).labels(np.uint8)
            window.keeper.decline(key)
        window.close_panel()
        window.leave()


def how_long(examples: int, steps: int, *, shrink: bool = True) -> settings:
    return settings(
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )


def test_no_order_of_events_costs_a_stroke_or_puts_it_on_other_pixels() -> None:
    run_state_machine_as_test(Identity, settings=how_long(25, 20))


@given(
    steps=st.lists(st.tuples(some_strokes, st.booleans()), min_size=2, max_size=4),
    image=st.sampled_from([3, 7]),
)
@settings(how_long(8, 4))
def test_two_readings_with_labels_of_one_shape_keep_their_strokes_apart(
    steps: list[tuple[list[Stroke], bool]], image: int
) -> None:
    machine = Identity()
    machine.add_an_array(number=image, second=False, yes=True)
    for strokes, yes in steps:
        machine.paint_all(strokes)
        machine.read_in_another_way(number=0, yes=yes)
        machine.strokes_are_on_their_pixels()
    machine.die_and_find_everything()
    machine.teardown()


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.skipif("UNETSCOPE_SOAK" not in os.environ, reason="set UNETSCOPE_SOAK=1 to run it")
def test_soak_two_thousand_orders_of_events() -> None:
    run_state_machine_as_test(Identity, settings=how_long(2000, 25))
