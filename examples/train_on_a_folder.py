"""Train on painted images of a folder, save the model, and predict the others with it.

    python examples/train_on_a_folder.py [FOLDER]

The same with the command: ``unetscope train``, ``unetscope predict``.
"""

import sys
from pathlib import Path

import numpy as np

from unetscope import Segmenter
from unetscope.images.claims import Claim, Role
from unetscope.images.files import read_labels, read_micrograph, write_labels, write_micrograph
from unetscope.images.synthetic.grains import grains
from unetscope.learning.events import EpochDone, LearningEvent
from unetscope.learning.train_options import TrainOptions

OPTIONS = TrainOptions(max_epochs=3)  # seconds; real work takes the defaults and max_seconds


def make_folder(folder: Path) -> None:
    """Three images; two have masks that are painted in part (0 = not labelled)."""
    for number in range(3):
        scene = grains((128, 128), seed=number, grain_px=40)
        write_micrograph(scene.image, folder / f"grains{number}.tif")
        if number < 2:
            painted = np.zeros_like(scene.labels)
            painted[20:60, 20:100] = scene.labels[20:60, 20:100]
            write_labels(painted, folder / f"grains{number}_mask.tif", like=scene.image)


def say(event: LearningEvent) -> None:
    """One line an epoch; there are other events, see unetscope.learning.events."""
    if isinstance(event, EpochDone):
        print(f"epoch {event.epoch}: loss {event.train_loss:.3f}")


def main(folder: Path, options: TrainOptions = OPTIONS) -> None:
    """Write ``grains.unetscope`` and a prediction of every image that has no mask."""
    make_folder(folder)
    masks = sorted(folder.glob("*_mask.tif"))
    images = [folder / path.name.replace("_mask", "") for path in masks]

    segmenter = Segmenter("general-fast", device="cpu", seed=0)
    pixels, labels = map(read_micrograph, images), map(read_labels, masks)
    segmenter.fit([*pixels], [*labels], max_seconds=None, on_event=say, options=options)
    segmenter.save(folder / "grains.unetscope")

    again = Segmenter.load(folder / "grains.unetscope", device="cpu")
    for path in sorted(set(folder.glob("grains?.tif")) - set(images)):
        image = read_micrograph(path)
        claim = Claim(Role.PREDICTION, inputs=(path,))  # an input is never replaced
        write_labels(again.predict(image), path.with_name(f"{path.stem}_labels.tif"), image, claim)
        print(f"predicted {path.name} with {again.model_.identity}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
