"""Carry labels between programs: classes and objects to ImageJ, QuPath, COCO and OME-Zarr and back.

    python examples/convert_labels.py [FOLDER]

The same with the command: ``unetscope labels convert``.
"""

import sys
from pathlib import Path

import numpy as np

from unetscope.images.annotations.formats import read_annotations, write_annotations
from unetscope.images.annotations.values import (
    as_annotations,
)
from unetscope.images.classes import LabelClass
from unetscope.images.synthetic.nuclei import nuclei

TARGETS = ("nuclei_rois.zip", "nuclei.geojson", "nuclei.json", "nuclei_labels.zarr")


def main(folder: Path) -> None:
    """Write the labels in four formats, read each again, and say what a mask would lose."""
    scene = nuclei((128, 128), seed=2)
    found = scene.instances > 0
    classes = (LabelClass(2, "nucleus", "#E69F00"),)
    labels = np.where(found, 2, 0)  # only the nuclei are labelled; 0 is not labelled
    annotations = as_annotations(labels, classes, instances=scene.instances)

    for name in TARGETS:
        path = folder / name
        told = write_annotations(annotations, path, image_name="nuclei.tif", like=scene.image)
        again = read_annotations(path, labels.shape, image_name="nuclei.tif")
        same = np.array_equal(again.labels, labels)
        objects = 0 if again.instances is None else len(np.unique(again.instances)) - 1
        print(f"{name}: equal pixels {same}, {objects} objects, {again.classes[-1].name}")
        for note in (*told, *again.notes):
            print(f"  {note}")

    for loss in write_annotations(annotations, folder / "nuclei_mask.tif", like=scene.image):
        print(f"nuclei_mask.tif: {loss}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
