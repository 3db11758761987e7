"""A feature source of your own, in one file: train with it, save, open, predict.

    python examples/own_source.py [FOLDER]

The template: change the class, keep ``register``. What imports this can name the source
(``Segmenter(model="contrast")``) and open model files that stand on it.
"""

import sys
from pathlib import Path

import numpy as np
from torch.nn import functional

from unetscope import Segmenter
from unetscope.images.synthetic.fibres import fibres
from unetscope.learning.sources.catalogue import register
from unetscope.learning.sources.kinds import SourceKind
from unetscope.learning.sources.source import FeatureSource, Look, SourceMaps
from unetscope.learning.train_options import TrainOptions


class Contrast(FeatureSource):
    """How much grey values differ within 12 px (their standard deviation), every 4 px."""

    name = "contrast"
    side_multiple = 4  # pixels: the image is a whole number of cells
    halo_px = 4  # how far a cell sees beyond itself
    fingerprint = "deviation 12/4"  # another one whenever the numbers are others

    def columns(self, channels: int) -> dict[int, tuple[str, ...]]:
        """Stride of the level → names of its maps."""
        return {4: tuple(f"contrast, channel {c}" for c in range(channels))}

    def maps(self, look: Look) -> tuple[SourceMaps, ...]:
        """(batch, channel, y / 4, x / 4) of an image (batch, channel, y, x)."""
        mean, square = (functional.avg_pool2d(look.image**p, 12, 4, 4) for p in (1, 2))
        return (SourceMaps("contrast", 4, (square - mean**2).clamp(min=0).sqrt()),)


register(SourceKind("contrast", lambda _opening: Contrast()))


def main(folder: Path, options: TrainOptions | None = None) -> None:
    """Paint every twelfth row of a synthetic picture, and go all the way."""
    scene = fibres((128, 128), seed=4)
    labels = np.where(np.arange(128)[:, None] % 12 == 0, scene.labels, 0)
    segmenter = Segmenter(model="contrast").fit(scene.image, labels, 20, options=options)
    segmenter.save(folder / "own.unetscope")
    opened = Segmenter.load(folder / "own.unetscope")
    found, names = opened.predict(scene.image), [s.name for s in opened.model_.features.sources]
    print(f"with {names}: equal pixels {np.array_equal(found, segmenter.predict(scene.image))}")
    print(f"agreement with the truth: {(found == scene.labels).mean():.0%}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
