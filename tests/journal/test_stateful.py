"""Open, paint, undo, rename, delete, train, close and die in any order, against plain NumPy.

The same machine must find fault with a keeper that saves the array in place after paint events.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from journal.keepers import IMAGE_NAME, NaiveKeeper, fresh_viewer, killed, on_disk
from journal.painters import SHAPE, Reference
from unetscope.session.layers.layer_facts import layer_key
from unetscope.session.layers.open_layers import OpenLayers
from unetscope.session.layers.stroke_keeping import StrokeKeeper
from unetscope.session.state import STARTING_CLASSES

# Here the order of events counts, not the disk; waiting for it would take most of the time.
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
places = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
sizes = st.tuples(st.integers(1, 60), st.integers(1, 60))
values = st.integers(0, 3)


class Painting(RuleBasedStateMachine):
    """``reference`` is what must be on the disk; ``joined``: the layer shows the same."""

    keeper_class: Any = StrokeKeeper
    read: Any = staticmethod(on_disk)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="strokes-", dir=MEMORY))
        self.reference = Reference()
        self.begin()

    def begin(self) -> None:
        self.viewer = fresh_viewer()
        self.layers = OpenLayers(self.viewer)
        self.key = layer_key(self.viewer.layers[0])
        self.keeper = self.keeper_class(self.layers, self.folder)
        self.keeper.open(self.key)
        self.joined, self.declined = False, False

    def end(self) -> None:
        self.keeper.close()
        self.layers.close()

    def teardown(self) -> None:
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def layer(self) -> Any:
        return self.layers.strokes_layer(self.key)

    def found(self, labels: np.ndarray) -> None:
        """The layer holds ``labels`` now: what that is in the history."""
        before = self.reference.labels if self.joined else np.zeros(SHAPE, np.uint8)
        if np.array_equal(labels, before):
            return
        if not self.joined:
            self.joined = True
            self.note(before)
        done, undone = self.reference.done, self.reference.undone
        if done and np.array_equal(labels, done[-1]):
            self.reference.undo()
        elif undone and np.array_equal(labels, undone[-1]):
            self.reference.redo()
        else:
            self.note(labels)

    def note(self, labels: np.ndarray) -> None:
        if not np.array_equal(labels, self.reference.labels):
            self.reference.become(labels.copy())

    @rule(place=places, size=sizes, value=values, drag=st.booleans())
    def paint_with_a_tool(self, place: Any, size: Any, value: int, drag: bool) -> None:
        self.paint(place, size, value, drag=drag)

    def paint(self, place: Any, size: Any, value: int, *, drag: bool) -> None:
        self.layers.paint_with(self.key, max(value, 1), STARTING_CLASSES)
        before = self.layer.data.copy()
        rows, columns = (
            np.arange(at, min(at + n, end)) for at, n, end in zip(place, size, SHAPE, strict=True)
        )
        grid = tuple(axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
        if drag:
            with self.layer.block_history():
                for part in np.array_split(np.arange(grid[0].size), 3):
                    self.layer.data_setitem(tuple(axis[part] for axis in grid), value)
        else:
            self.layer.data_setitem(grid, value)
        if np.array_equal(before, self.layer.data):
            return
        if not self.joined:
            self.joined = True
            self.note(before)
        self.note(self.layer.data)

    @precondition(lambda self: self.layer is not None)
    @rule(place=places, size=sizes, value=values, told=st.booleans())
    def write_from_a_script(self, place: Any, size: Any, value: int, told: bool) -> None:
        box = tuple(slice(at, at + n) for at, n in zip(place, size, strict=True))
        self.layer.data[box] = value
        if told:
            self.layer.refresh()
        else:
            self.keeper.sweep()
        self.found(self.layer.data)

    @precondition(lambda self: self.layer is not None)
    @rule(back=st.booleans())
    def undo_in_napari(self, back: bool) -> None:
        self.layer.undo() if back else self.layer.redo()
        self.found(self.layer.data)

    @rule(backs=st.lists(st.booleans(), min_size=1, max_size=4))
    def undo(self, backs: list[bool]) -> None:
        for back in backs:
            (self.keeper.undo if back else self.keeper.redo)(self.key)
            if self.joined:
                self.reference.undo() if back else self.reference.redo()

    @precondition(lambda self: self.joined)
    @rule(place=places, size=sizes, value=values)
    def paint_more(self, place: Any, size: Any, value: int) -> None:
        self.paint(place, size, value, drag=True)

    @rule(name=st.sampled_from(["a", "strokes: b", IMAGE_NAME]))
    def rename(self, name: str) -> None:
        for layer in self.viewer.layers:
            layer.name = name

    @precondition(lambda self: self.layer is not None)
    @rule()
    def delete_the_layer(self) -> None:
        self.viewer.layers.remove(self.layer)
        if self.joined:
            self.declined = False
        self.joined = False

    @precondition(lambda self: self.layer is None and not self.declined)
    @rule()
    def restore(self) -> None:
        offer = self.keeper.status(self.key).offer
        assert (offer is not None) == bool(self.reference.labels.any())
        if offer is None:
            return
        self.layers.paint_with(self.key, 1, STARTING_CLASSES)
        self.keeper.restore(self.key)
        self.joined = True

    @rule()
    def decline(self) -> None:
        if self.layer is None:
            self.keeper.decline(self.key)
            self.declined = True

    @precondition(lambda self: self.layer is not None)
    @rule()
    def take_a_snapshot_to_train(self) -> None:
        self.keeper.commit()
        self.layers.read_strokes(self.key)
        for sample in self.layers.samples(1):
            assert np.array_equal(sample.labels, self.read(self.folder))

    @rule()
    def close_and_open_again(self) -> None:
        self.end()
        self.begin()

    @rule()
    def die_and_open_again(self) -> None:
        self.keeper.commit()
        killed(self.keeper)
        self.layers.close()
        self.begin()

    @invariant()
    def the_disk_has_it_all(self) -> None:
        self.keeper.commit()
        assert np.array_equal(self.read(self.folder), self.reference.labels)
        if self.joined:
            assert np.array_equal(self.layer.data, self.reference.labels)
        elif self.layer is not None:
            assert not self.layer.data.any()


class NaivePainting(Painting):
    keeper_class = NaiveKeeper
    read = staticmethod(NaiveKeeper.read)


def how_long(examples: int, steps: int, *, shrink: bool = True) -> settings:
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    return settings(
        phases=phases,
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


def test_any_order_of_events_leaves_the_labels_on_the_disk() -> None:
    run_state_machine_as_test(Painting, settings=how_long(6, 30))


def test_the_same_events_find_a_keeper_that_saves_in_place() -> None:
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        run_state_machine_as_test(NaivePainting, settings=how_long(8, 15, shrink=False))


@pytest.mark.slow
@pytest.mark.skipif("UNETSCOPE_SOAK" not in os.environ, reason="set UNETSCOPE_SOAK=1 to run it")
def test_soak_any_order_of_events() -> None:
    run_state_machine_as_test(Painting, settings=how_long(400, 50))
