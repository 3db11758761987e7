"""Read files that are odd: with notes about what was left out, and answers to what they do not say.

python examples/read_odd_files.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
import tifffile

from unetscope.errors import UnetscopeError
from unetscope.images.files import read_labels, read_micrograph
from unetscope.images.questions import Answers, Undecided


def make_folder(folder: Path) -> None:
    """Files as people have them."""
    grey = np.random.default_rng(0).integers(0, 255, (4, 32, 48)).astype(np.uint8)
    tifffile.imwrite(folder / "white_is_zero.tif", grey[0], photometric="miniswhite")
    tifffile.imwrite(folder / "pages.tif", grey, photometric="minisblack", metadata=None)
    (folder / "cut.tif").write_bytes((folder / "pages.tif").read_bytes()[:1000])
    tifffile.imwrite(folder / "mask.tif", grey[0] % 3)


def main(folder: Path) -> None:
    """Read each of them and say what came of it."""
    make_folder(folder)
    image = read_micrograph(folder / "white_is_zero.tif")
    print(image.axes, image.shape, *image.notes, sep="\n  ")  # that it was turned over

    try:
        read_micrograph(folder / "pages.tif")
    except Undecided as error:  # several readings; the question has the choices
        question = error.question
        print(question.text, *(f"{c.value}: {c.label}" for c in question.choices), sep="\n  ")
        answers = Answers().with_answer(question, "zyx")
        stack = read_micrograph(folder / "pages.tif", answers=answers)
        print(stack.axes, stack.shape)

    try:
        read_micrograph(folder / "cut.tif")
    except UnetscopeError as error:  # every error names the file, the reason and what to do
        print(error)

    labels = read_labels(folder / "mask.tif")
    print(labels.dtype, np.unique(labels))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
