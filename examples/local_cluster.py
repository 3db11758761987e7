"""Answer an image block by block on a dask cluster of this computer; stop half way, and go on.

    python examples/local_cluster.py [FOLDER]

Needs ``pip install 'napari-unetscope[cluster]'``. The same with the command:
``unetscope predict MODEL IMAGE --out labels.zarr --dask local --workers 2``; with the address of a
scheduler instead of ``local`` on a cluster that exists.
"""

import sys
from contextlib import closing
from pathlib import Path

import numpy as np

from unetscope.images.files import read_labels, read_micrograph, write_micrograph
from unetscope.images.synthetic.grains import grains
from unetscope.learning.instant import fit_instant
from unetscope.learning.persistence import start_model
from unetscope.learning.samples import Sample
from unetscope.scaling.ledger import BlockDone
from unetscope.scaling.running import Work, begin, run_here, state_of
from unetscope.scaling.workers import Cluster, WorkerOptions, run_by


def main(folder: Path) -> None:
    """Write ``labels.zarr``, two blocks of it by this process and the others by two workers."""
    scene = grains((512, 2048), seed=0, grain_px=40)
    source, path = folder / "image.tif", folder / "labels.zarr"
    write_micrograph(scene.image, source)
    painted = np.zeros_like(scene.labels)
    painted[20:60, 20:200] = scene.labels[20:60, 20:200]
    strokes = [Sample(scene.image, painted, "grains")]
    model = fit_instant(start_model("general-fast"), strokes, with_forest=False)

    # Workers read the image for themselves: its path is told, and it must be the same for them.
    work = Work(path, (source,), source={"path": str(source)}, side=512)
    with closing(run_here(begin(model, read_micrograph(source), work))) as events:
        done = 0
        while done < 2:  # then it is stopped, as by Ctrl-C or a power cut
            done += isinstance(next(events), BlockDone)
    print(f"stopped: {state_of(path).done} of {state_of(path).total} blocks")

    again = Work(path, (source,), "resume", {"path": str(source)}, side=512)
    run = begin(model, read_micrograph(source), again)
    for event in run_by(run, Cluster("local", 2), WorkerOptions("cpu")):
        print(f"block {event.block} is safe on the disk")
    agreement = 100 * (read_labels(path) == scene.labels).mean()
    print(f"complete: {state_of(path).complete}; agreement with the truth: {agreement:.1f}%")


if __name__ == "__main__":  # workers import this file
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
