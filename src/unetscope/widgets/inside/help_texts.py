"""Two sentences on each thing a look inside shows, in the words of the field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "help"


@dataclass(frozen=True)
class Help:
    """A short explanation; ``picture`` is a file in the folder ``help``."""

    title: str
    text: str
    picture: str
    caption: str

    @property
    def path(self) -> Path:
        """The picture's file."""
        return FOLDER / self.picture


HELP = {
    "feature map": Help(
        "Feature map",
        "Each channel of a layer is an image of its own, bright where the layer finds what it "
        "looks for. Deeper layers have more channels and coarser maps; here every map lies on "
        "your image, at its true place and pixel size.",
        "feature-map.png",
        "A micrograph, and three channels of the first, second and third stage.",
    ),
    "kernel": Help(
        "Kernel",
        "A kernel is a small grid of learned weights that is moved over a map; at each place the "
        "values below it are multiplied by the weights and added up. Red weights add, blue ones "
        "take away, and the pattern they form is what the channel answers to.",
        "kernel.png",
        "Eight 3 × 3 kernels of the first layer.",
    ),
    "receptive field": Help(
        "Receptive field",
        "The receptive field of a value is the part of the image it can depend on at all; it "
        "follows from kernels, strides and pooling alone. What lies outside can be changed "
        "without changing the value.",
        "receptive-field.png",
        "The same point seen from the first stage to the deepest one.",
    ),
    "effective field": Help(
        "Effective field",
        "Pixels in the middle of a receptive field reach the value on many paths, those at its "
        "edge on few, so the part that really counts is smaller. It is measured: how much the "
        "value changes with each pixel, on average over the images named with the result.",
        "effective-field.png",
        "Influence of each pixel, inside the box of the whole field.",
    ),
    "convolution": Help(
        "Convolution",
        "One output value: the window of the input under the kernel, times the kernel, summed "
        "over all input channels, plus a bias. What follows is shown as well: normalisation, "
        "activation (ReLU cuts off below 0) and pooling (the largest of its window goes on).",
        "convolution.png",
        "Input window × kernel = product; the sum of the product is the value.",
    ),
    "ablation": Help(
        "Without this",
        "A skip connection, a channel or a kernel is put out of action in a copy of the network, "
        "and the answer is compared with the one before. Where nothing changes, the rest of the "
        "network did not need it for this image.",
        "ablation.png",
        "A micrograph, the answer, and the answer without the uppermost skip connection.",
    ),
    "kernel editing": Help(
        "Kernel editing",
        "Write other weights into a kernel, by hand or as a known filter such as Sobel's, and see "
        "the map and the answer change. It happens in a copy; your network stays as it is.",
        "kernel-editing.png",
        "A kernel of the first layer and its map; the same after Sobel x was written in.",
    ),
    "attribution": Help(
        "Why this pixel?",
        "An attribution map shows which parts of the image speak for a class at the chosen pixel "
        "or region. Methods ask in different ways (by slope, or by covering parts up) and need "
        "not agree; take what several of them show as the better founded.",
        "attribution.png",
        "A mitochondrion; what speaks for it when parts are covered, and by the slope.",
    ),
    "dissection": Help(
        "Which class?",
        "Every channel is compared with your painted pixels: how well does “this map is high” "
        "match “this pixel belongs to the class”? The score is IoU, 1 for the same pixels and 0 "
        "for none in common; only labelled pixels count.",
        "dissection.png",
        "Painted mitochondria, and the map of the channel that fits them best.",
    ),
    "before/after": Help(
        "Before / after",
        "Two versions of one network, weight by weight: which kernels training has changed, and "
        "how far their maps of this image moved. Early layers often change little, as edges and "
        "spots are of use for every material.",
        "before-after.png",
        "A map of the last stage before training, after it, and the difference.",
    ),
    "shift test": Help(
        "Shift test",
        "The image is moved by some pixels; the answer should move along and be the same "
        "otherwise. Pooling breaks this for shifts that are no multiple of its strides, and the "
        "map shows where and by how much.",
        "shift-test.png",
        "A micrograph; the error after a shift by 1 px, and by 8 px, where there is none.",
    ),
    "health": Help(
        "Health",
        "Looks for what goes wrong in networks: channels that never fire, kernels that leave a "
        "checkerboard, skip connections that do not lie on each other, and a field too small for "
        "your objects. What it says of channels holds for the images it was measured on.",
        "health.png",
        "A map that is alive, a dead one, and a checkerboard.",
    ),
    "activation maximisation": Help(
        "What does it like best?",
        "Starting from noise, an image is changed step by step so that one channel answers ever "
        "more strongly. The result shows what the channel looks for; it is no micrograph, and "
        "another start gives another image.",
        "activation-maximisation.png",
        "What one channel of the first, second and third stage likes best.",
    ),
}
