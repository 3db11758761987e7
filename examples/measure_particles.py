"""From five strokes a class to a number with its interval: python measure_particles.py [FOLDER]."""

import sys
from pathlib import Path

import numpy as np

from unetscope import Segmenter, __version__
from unetscope.images.claims import REPORT
from unetscope.images.classes import LabelClass
from unetscope.images.files import write_labels, write_micrograph
from unetscope.images.synthetic.nanoparticles import nanoparticles
from unetscope.measuring.agreement import agreement, reported_numbers
from unetscope.measuring.delivery import write_results
from unetscope.measuring.measurements import Measurements
from unetscope.measuring.objects import Separation
from unetscope.measuring.one_image import SegmentedImage, Wanted, measure_image, objects_in
from unetscope.measuring.origin import ImageOrigin, Origin, file_seen
from unetscope.measuring.portrait import portrait_of
from unetscope.measuring.quantities import spacing_of
from unetscope.measuring.result_targets import Formats, Targets
from unetscope.measuring.summary import Procedure
from unetscope.measuring.typed_options import options_for


def main(folder: Path) -> None:
    """Write ``particles.csv``, its report, figure and origin into ``folder``."""
    scene = nanoparticles((320, 320), seed=5)  # 1 support, 2 particle; 0.4 nm a pixel
    image, strokes, rng = scene.image, np.zeros_like(scene.labels), np.random.default_rng(0)
    for value in (1, 2):
        places = np.argwhere(scene.labels == value)
        for y, x in places[rng.choice(len(places), 5, replace=False)]:
            line = (y, slice(max(0, x - 5), x + 6))
            strokes[line] = np.where(scene.labels[line] == value, value, strokes[line])
    labels = Segmenter(device="cpu", seed=0).fit_instant(image, strokes).predict(image)
    write_micrograph(image, folder / "image.tif")
    write_labels(labels, folder / "image_labels.tif", like=image)
    spacing, particle = spacing_of(image.pixel_size, image.unit, 2), LabelClass(2, "particle", "")
    segmented = SegmentedImage("image.tif", labels, spacing, image=image)
    wanted = Wanted(classes=(2,), separation=Separation(by="shape", typical=4.5))  # nm
    measured = measure_image(segmented, wanted, objects := objects_in(segmented, wanted))
    found = Measurements(
        (measured,), {2: "particle"}, Procedure(objects.how, "weight", __version__)
    )
    print(*found.quantities["particle"], sep="\n")  # each with unit, interval and n
    formats = Formats(figures=("png",), reports=("html",))
    files = [file_seen(folder / name, folder) for name in ("image_labels.tif", "image.tif")]
    seen = ImageOrigin("image.tif", files[0], files[1], (particle,), "file")
    origin = Origin((seen,), options_for(wanted, spacing, formats), found.procedure.versions())
    shown = {0: portrait_of("image.tif", objects, measured.table, image)}
    targets = Targets(folder / "particles.csv", formats, ("image.tif",))
    print(*(path.name for path in write_results(found, targets, origin, REPORT, shown)))
    told = agreement(scene.instances, objects.ids)  # the truth, as the scene was drawn
    size = reported_numbers(scene.instances, objects.ids, spacing)[0]
    print(f"F1 at IoU .5: {told.at().f1:.2f}; mean {size.found:.2f} nm, truth {size.truth:.2f} nm")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
