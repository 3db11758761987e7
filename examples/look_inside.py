"""Look inside a network: what one value can see, and what its channels respond to.

    python examples/look_inside.py [FOLDER]

It works for any ``torch.nn.Module``; here it is one that has just been trained.
"""

import sys
from pathlib import Path

import numpy as np

from unetscope import Segmenter, inspection
from unetscope.images.files import write_micrograph
from unetscope.images.micrograph import Micrograph
from unetscope.images.synthetic.membranes import membranes
from unetscope.learning.train_options import TrainOptions

OPTIONS = TrainOptions(max_epochs=3)  # seconds; real work takes the defaults and max_seconds


def main(folder: Path, options: TrainOptions = OPTIONS) -> None:
    """Write the maps of one layer as ``enc2_conv2.tif`` and say what its values see."""
    scene = membranes((128, 128), seed=8)
    painted = np.where(np.arange(128)[:, None] < 48, scene.labels, 0)  # the upper rows are labelled
    segmenter = Segmenter("general-fast", device="cpu", seed=0)
    segmenter.fit(scene.image, painted, max_seconds=None, options=options)
    net = segmenter.network_

    table = inspection.architecture(net, (128, 128))
    print(f"{len(table.rows)} layers, from {table.rows[0].name} to {table.rows[-1].name}")

    trace = inspection.follow(net, (128, 128))  # once, for any number of points
    for layer, cell in (("enc1.conv1", (64, 64)), ("enc2.conv2", (32, 32)), ("dec1", (64, 64))):
        field = inspection.receptive_field(trace, (128, 128), layer, cell)
        print(f"{layer} {cell} sees pixels {field.lo} to {field.hi} ({field.kind})")

    image = inspection.fitted_input(net, scene.image).values.numpy()  # as the network takes it
    maps = inspection.feature_maps(net, image, "enc2.conv2")["enc2.conv2"]
    strongest = np.abs(maps.values).mean(axis=(1, 2)).argsort()[::-1][:3]
    print(f"maps {maps.values.shape} (channel, y, x); strongest channels {strongest.tolist()}")
    print(f"cell u lies at image pixel {maps.scale} · u + {maps.translate}")

    placed = None
    if scene.image.pixel_size is not None:
        placed = tuple(p * s for p, s in zip(scene.image.pixel_size, maps.scale, strict=True))
    made = Micrograph(maps.values, "cyx", placed, scene.image.unit, "enc2.conv2")
    write_micrograph(made, folder / "enc2_conv2.ome.tif")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
