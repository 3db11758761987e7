"""Paint strokes as an array, answer every pixel at once, keep the labels with their pixel size.

python examples/paint_and_predict.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np

from unetscope import Segmenter
from unetscope.images.files import write_labels, write_micrograph
from unetscope.images.synthetic.nuclei import nuclei


def main(folder: Path) -> None:
    """Write ``image.tif`` and ``image_labels.tif`` into ``folder``."""
    scene = nuclei((192, 192), seed=2)  # a micrograph whose truth is known: 1 background, 2 nucleus
    image = scene.image  # axes, pixel size and unit belong to it

    # What a person would paint: a few short horizontal lines of each class; 0 is not labelled.
    strokes = np.zeros_like(scene.labels)
    rng = np.random.default_rng(0)
    for value in (1, 2):
        places = np.argwhere(scene.labels == value)
        for y, x in places[rng.choice(len(places), 6, replace=False)]:
            line = (y, slice(max(0, x - 5), x + 6))
            strokes[line] = np.where(scene.labels[line] == value, value, strokes[line])

    segmenter = Segmenter("general-fast", device="cpu", seed=0).fit_instant(image, strokes)
    labels = segmenter.predict(image)  # (y, x), every pixel has a class
    probabilities = segmenter.predict_proba(image)  # (class, y, x), they sum to one

    write_micrograph(image, folder / "image.tif")
    write_labels(labels, folder / "image_labels.tif", like=image)  # opens calibrated in ImageJ
    print(f"{np.count_nonzero(strokes)} painted pixels of {strokes.size:,}")
    print(f"agreement with the truth: {(labels == scene.labels).mean():.1%}")
    print(f"least certain pixel: {probabilities.max(axis=0).min():.2f}")
    print(f"pixel size: {image.pixel_size} {image.unit}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
