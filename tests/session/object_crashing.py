"""Correct objects in child processes that are killed, and say whether what they told is kept.

A script of its own, started by the test: it forks, which a process with threads and a window must
not do. It prints one JSON object.

    python object_crashing.py NUMBER
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from session.measured_disks import Hand, found_in, random_edit, request_of
from unetscope.session.measuring.object_store import corrected, kept_of

SEED = 7


def edited_child(folder: Path, first: int, acknowledge: int) -> None:
    """Find the objects, with what is kept, and go on with the script of edits from ``first``."""
    hand = Hand(found_in(request_of(folder)))
    for at in range(first, 10_000):
        scripted(hand, at)
        os.write(acknowledge, b".")


def scripted(hand: Hand, at: int) -> None:
    """The edit at this place of the script; each fourth is an undo."""
    if at % 4 == 3:
        hand.step(back=True)
    else:
        random_edit(hand, np.random.default_rng((SEED, at)))


def kills(number: int) -> dict[str, object]:
    """Kill a child ``number`` times at random moments; each goes on where the last one died."""
    rng, done, bad = np.random.default_rng(SEED), 0, []
    with tempfile.TemporaryDirectory() as kept, tempfile.TemporaryDirectory() as other:
        folder, reference = Path(kept), Hand(found_in(request_of(Path(other))))
        for _ in range(number):
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                try:
                    edited_child(folder, done, writer)
                finally:
                    os._exit(0)
            os.close(writer)
            select.select([reader], [], [], 60.0)
            time.sleep(float(rng.uniform(0.0, 0.2)))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            with os.fdopen(reader, "rb") as stream:
                told = len(stream.read())
            for at in range(done, done + told):
                scripted(reference, at)
            done += told
            found = on_disk(folder)
            if not np.array_equal(found, reference.found.objects.ids):
                scripted(reference, done)  # the one that was not told yet may be there
                done += 1
                if not np.array_equal(found, reference.found.objects.ids):
                    bad.append(f"after {done} edits other objects are kept")
                    break
    return {"kills": number, "acknowledged": done, "bad": bad}


def on_disk(folder: Path) -> np.ndarray:
    """The objects that a fresh reader finds."""
    request = request_of(folder)
    places = kept_of(folder, request.content)
    kept = corrected(places[0], request.labels.shape) if places else None
    return found_in(request_of(folder)).objects.ids if kept is None else kept.ids


if __name__ == "__main__":
    print(json.dumps(kills(int(sys.argv[1]))))
