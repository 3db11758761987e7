"""What each command is told: a form, whose fields are the options with the words of their help.

Nothing of the engine is imported, so that ``--help`` is quick.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from unetscope.cli.terminal import Interview
from unetscope.computing.choices import EngineName
from unetscope.images.questions import Answers
from unetscope.learning.voice import Voices
from unetscope.network.facts import BUNDLED, BUNDLED_TITLES, DEFAULT_MODEL, MODEL_SUFFIX

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Seed = Annotated[int, typer.Option(help="One seed, one result (CPU, fixed number of threads).")]
Seconds = Annotated[float, typer.Option(min=0, help="Time to train.")]
StartModel = Annotated[
    str,
    typer.Option(
        "--model",
        help=f"{', '.join(BUNDLED_TITLES)}, timm:NAME (a backbone beside {DEFAULT_MODEL}), "
        f"a {MODEL_SUFFIX} file, or none.",
    ),
]
AllowDownload = Annotated[
    bool,
    typer.Option(
        "--allow-download",
        help="Download a backbone's weights that are not on this computer (huggingface.co).",
    ),
]
Axes = Annotated[str | None, typer.Option(help="Axes of the images, e.g. zyx.")]
Series = Annotated[
    str | None, typer.Option(help="Which image of a file that holds several: its number from 0.")
]
Time = Annotated[int | None, typer.Option(min=0, help="Which of several time points, from 0.")]
Channel = Annotated[
    int | None, typer.Option(min=0, help="Which of several channels, from 0; else all of them.")
]
Level = Annotated[
    int | None, typer.Option(min=0, help="Which resolution of a pyramid; 0 is the full one.")
]
LabelImage = Annotated[
    str | None, typer.Option(help="Which label image of an OME-Zarr that holds several.")
]
Values = Annotated[
    str | None, typer.Option(help="What the numbers of a mask are: classes or objects.")
]
Zero = Annotated[
    str | None,
    typer.Option(help="What 0 means in a mask of two values: unlabelled or background."),
]
AllowMissing = Annotated[
    bool,
    typer.Option(
        "--allow-missing",
        help="NAME.zarr is complete although pieces of the image are not stored; it is 0 there.",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files that unetscope did not write; never inputs."),
]


@dataclass(frozen=True, kw_only=True)
class ImageReading:
    """What image files may leave open."""

    axes: Axes = None
    series: Series = None
    time: Time = None
    channel: Channel = None
    level: Level = None

    @property
    def answers(self) -> Answers:
        """What the options say of the files."""
        chosen = {"time": self.time, "channel": self.channel, "level": self.level}
        numbers = {name: str(told) for name, told in chosen.items() if told is not None}
        return Answers(self.axes, self.series, **numbers)

    def asker(self) -> Interview:
        """Who is asked where a file leaves something open."""
        return Interview(self.answers.checked())


@dataclass(frozen=True, kw_only=True)
class LabelReading(ImageReading):
    """What files of images and labels may leave open."""

    label_image: LabelImage = None
    values: Values = None
    zero: Zero = None

    @property
    def answers(self) -> Answers:
        """What the options say of the files."""
        told = {"label_image": self.label_image, "values": self.values, "zero": self.zero}
        return replace(super().answers, **told)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Show it: in napari where there is a screen, else as pictures in a folder."""

    headless: Annotated[
        bool, typer.Option("--headless", help="Write pictures instead of opening napari.")
    ] = False
    image: Annotated[Path | None, typer.Option(help="Your own image.")] = None
    labels: Annotated[Path | None, typer.Option(help="Labels painted on it (0 = unlabelled).")] = (
        None
    )
    sample: Annotated[
        str | None,
        typer.Option(help="Synthetic, with truth: grains, membranes, nanoparticles, nuclei …"),
    ] = None
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("demo")
    seconds: Seconds = 60.0
    model: StartModel = DEFAULT_MODEL
    device: Device = "auto"
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class Train(LabelReading):
    """Learn from images with painted labels; write a model. Ctrl-C stops early and saves."""

    image: Annotated[list[Path], typer.Option(help="An image; repeat for more.")]
    labels: Annotated[
        list[Path], typer.Option(help="Its labels (0 = unlabelled), in the same order.")
    ]
    out: Annotated[Path, typer.Option(help=f"The model file to write, NAME{MODEL_SUFFIX}.")]
    seconds: Seconds = 60.0
    class_name: Annotated[
        list[str] | None, typer.Option(help='Name a class, e.g. "1=background"; repeat.')
    ] = None
    model: StartModel = DEFAULT_MODEL
    allow_download: AllowDownload = False
    device: Device = "auto"
    devices: Annotated[
        int,
        typer.Option(
            min=1, help="How many train together: GPUs, or processes that share the processor."
        ),
    ] = 1
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class Predict(ImageReading):
    """Segment images of any size with a trained model; sizes of pixels are kept.

    An image that cannot be read or predicted does not keep the others from it: what failed is
    named, and the exit code is 1. Of several images predictions.csv says what came of each, how
    much of each class there is, and which are unlike the others; images that are up to date in it
    are passed over.
    """

    model: Annotated[Path, typer.Argument(help=f"A {MODEL_SUFFIX} file.")]
    images: Annotated[
        list[Path],
        typer.Argument(help="Images to segment, or folders of images.", metavar="IMAGE..."),
    ]
    out: Annotated[
        Path,
        typer.Option(help="Folder for NAME_labels.tif, or NAME.zarr for one image of any size."),
    ]
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write NAME_probabilities (float32), too.")
    ] = False
    overwrite: Overwrite = False
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a NAME.zarr that was begun.")
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how long NAME.zarr takes and how large it gets.")
    ] = False
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that make NAME.zarr; with --dask, workers.")
    ] = 1
    dask: Annotated[
        str | None,
        typer.Option(help="Make NAME.zarr on a cluster: local, an address, or QUEUE.yaml."),
    ] = None
    part: Annotated[
        str | None, typer.Option(help="Make a part of NAME.zarr, e.g. 3/16 as a job of a queue.")
    ] = None
    allow_missing: AllowMissing = False
    into_image: Annotated[
        bool,
        typer.Option(
            "--into-image",
            help="Write IMAGE.zarr/labels/NAME, NAME being that of --out: it changes the image.",
        ),
    ] = False
    anew: Annotated[bool, typer.Option("--anew", help="Predict what is up to date as well.")] = (
        False
    )
    tile: Annotated[int, typer.Option(min=64, help="Tile size (px); the result is the same.")] = 512
    pixel_size: Annotated[
        str,
        typer.Option(
            help="Pixels of another size than the model's: say (and go on), auto (resample), as-is."
        ),
    ] = "say"
    volume: Annotated[
        str,
        typer.Option(help="A stack as slices, or as the mean of three directions (three times)."),
    ] = "slices"
    voices: Annotated[
        str,
        typer.Option(
            help="all, or fast: half precision where that is faster; says how much it changes."
        ),
    ] = Voices.ALL
    device: Device = "auto"
    engine: Annotated[
        str,
        typer.Option(
            help="torch, or openvino (CPU; pip install openvino): faster from minutes on."
        ),
    ] = EngineName.TORCH
    precision: Annotated[
        str | None,
        typer.Option(
            help="fp32 (else), bf16, or auto: bf16 where it is faster; may change a pixel in 500."
        ),
    ] = None
    allow_download: AllowDownload = False


@dataclass(frozen=True, kw_only=True)
class AnswerStatus:
    """Say how far answers are that are made block by block (predict --out NAME.zarr)."""

    answers: Annotated[list[Path], typer.Argument(help="Answers.", metavar="NAME.zarr...")]


@dataclass(frozen=True, kw_only=True)
class GiveAway:
    """Write a model's whole answer as TorchScript, for QuPath, Fiji, libtorch and others.

    Beside NAME.pt lies NAME.json: classes, channels, how grey values are read, hashes. Everything
    that speaks is inside: filters, head, forest, prior, network, temperature.
    """

    model: Annotated[Path, typer.Argument(help=f"A {MODEL_SUFFIX} file.")]
    out: Annotated[Path, typer.Option(help="The file to write, NAME.pt.")]
    fixed: Annotated[
        bool,
        typer.Option(
            "--fixed-range",
            help="Read grey values in the range of the images learned from, inside the file.",
        ),
    ] = False
    check: Annotated[
        bool, typer.Option("--check", help="Run the file and compare it with the model.")
    ] = False
    overwrite: Overwrite = False


@dataclass(frozen=True, kw_only=True)
class Finish:
    """Complete an answer whose blocks are all done, e.g. by the jobs of a queue."""

    answer: Annotated[Path, typer.Argument(help="The answer.", metavar="NAME.zarr")]
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every block back and compare it first.")
    ] = False
    allow_missing: AllowMissing = False


@dataclass(frozen=True, kw_only=True)
class Measure(LabelReading):
    """Measure the objects in label images: a table, and numbers with their intervals.

    Beside the table lie NAME_summary.json (each number with unit, n, method, and interval or why it
    has none), NAME_methods.txt (the same as a paragraph) and NAME_origin.json (files, hashes,
    options, versions), from which --again makes the same files. A file that cannot be measured does
    not keep the others from it: what failed is named, and the exit code is 1.
    """

    labels: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Label images, or folders of them; with --model images.", metavar="[LABELS]..."
        ),
    ] = None
    out: Annotated[Path | None, typer.Option(help="The table to write, NAME.csv.")] = None
    again: Annotated[
        Path | None, typer.Option(help="Make the results of a NAME_origin.json once more.")
    ] = None
    model: Annotated[
        Path | None,
        typer.Option(help=f"A {MODEL_SUFFIX} file: predict the images first, and measure that."),
    ] = None
    image: Annotated[
        list[Path] | None,
        typer.Option(
            help="The image (folder) of the labels, for grey values; repeat in the same order."
        ),
    ] = None
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="The specimen of each file or folder, in the same order: numbers by group, and "
            "means of their means."
        ),
    ] = None
    of_class: Annotated[
        list[str] | None,
        typer.Option("--class", help="Name or number of a class to measure; repeat for more."),
    ] = None
    apart: Annotated[
        str, typer.Option(help="How objects are told apart: components, shape or border.")
    ] = "components"
    typical: Annotated[
        str | None, typer.Option(help="Diameter of a good object, for --apart shape: 620nm, 24px.")
    ] = None
    border_class: Annotated[
        str | None,
        typer.Option(help="Class painted between objects; its pixels are given back to them."),
    ] = None
    smallest: Annotated[
        str | None, typer.Option(help="Diameter of the smallest object; 20 pixels of area else.")
    ] = None
    fill_holes: Annotated[
        str | None, typer.Option(help="Diameter of the largest hole that is filled.")
    ] = None
    region: Annotated[
        str | None,
        typer.Option(help="Rows and columns that count (px), without the bar: 0:1880,0:2048."),
    ] = None
    edge: Annotated[
        str, typer.Option(help="Objects at the edge: weight the others, drop or keep.")
    ] = "weight"
    grain_size: Annotated[
        bool, typer.Option("--grain-size", help="Grain size numbers G, as well (ASTM E112).")
    ] = False
    fibre_width: Annotated[
        bool, typer.Option("--fibre-width", help="Width and direction of fibres, as well.")
    ] = False
    pixel_size: Annotated[
        str | None, typer.Option(help="Where files do not say it: 4nm, or 90x4x4nm (z, y, x).")
    ] = None
    table: Annotated[
        str | None, typer.Option(help="More tables than CSV: xlsx,parquet (extra tables).")
    ] = None
    objects: Annotated[
        str | None, typer.Option(help="Write the objects, too: tif,imagej,geojson,zarr.")
    ] = None
    figure: Annotated[
        str | None, typer.Option(help="Draw each image with its objects: png (300 dpi), svg.")
    ] = None
    report: Annotated[
        str | None, typer.Option(help="Write one page about all of it: html,pdf.")
    ] = None
    certainty: Annotated[
        bool,
        typer.Option(
            "--certainty",
            help="Say how mean and d50 go with other depths of necks; with --model, or a file "
            "NAME_probabilities.tif beside NAME_labels.tif, with other edges, too.",
        ),
    ] = False
    device: Device = "auto"
    overwrite: Overwrite = False


@dataclass(frozen=True, kw_only=True)
class Agree(LabelReading):
    """Compare found objects with true ones: F1, accuracy, panoptic quality, splits, merges, sizes.

    Two label files of one image, or two folders whose files are paired by name. Objects of a class
    image are its components; to compare objects that were told apart, write them with
    unetscope measure --objects first.
    """

    truth: Annotated[Path, typer.Argument(help="True objects, or a folder of such files.")]
    found: Annotated[Path, typer.Argument(help="Found objects, or a folder of such files.")]
    of_class: Annotated[
        list[str] | None,
        typer.Option("--class", help="Name or number of a class to compare; repeat for more."),
    ] = None
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write a row for each pair, NAME.csv.")
    ] = None
    smallest: Annotated[
        str | None,
        typer.Option(help="Diameter of the smallest object found in classes; else 20 pixels."),
    ] = None
    edge: Annotated[
        str, typer.Option(help="Objects at the edge, in sizes: weight the others, drop or keep.")
    ] = "weight"
    pixel_size: Annotated[
        str | None, typer.Option(help="Where files do not say it: 4nm, or 90x4x4nm (z, y, x).")
    ] = None
    overwrite: Overwrite = False


@dataclass(frozen=True, kw_only=True)
class Convert(LabelReading):
    """Write labels of one image in another format; what cannot be kept is said."""

    source: Annotated[Path, typer.Argument(help="Labels, or a folder of masks named alike.")]
    target: Annotated[
        Path, typer.Argument(help="NAME.tif .png .bmp, .zip, .json, .geojson or .zarr.")
    ]
    image: Annotated[Path, typer.Option(help="The image they belong to.")]
    format: Annotated[
        str | None,
        typer.Option(help="mask, imagej, coco, coco-rle, geojson or ome-zarr; else by the suffix."),
    ] = None
    overwrite: Overwrite = False


@dataclass(frozen=True, kw_only=True)
class Pretrain:
    """Make bundled weights again. Ctrl-C stops; the same command goes on."""

    config: Annotated[
        str,
        typer.Argument(help=f"{', '.join(model.name for model in BUNDLED)} or a TOML file."),
    ] = BUNDLED[0].name
    run: Annotated[
        Path | None, typer.Option(help="Checkpoints and log; runs/CONFIG by default.")
    ] = None
    out: Annotated[Path | None, typer.Option(help="Weights and card; the run by default.")] = None
    data: Annotated[
        Path | None, typer.Option(help="Real images with masks; shared/data by default.")
    ] = None
    device: Device = "auto"


@dataclass(frozen=True, kw_only=True)
class LessonsWindow:
    """Ideas of convolutional networks as experiments: open their dock in napari."""

    lesson: Annotated[str | None, typer.Option(help="Open this one: its name or number.")] = None
    image: Annotated[
        list[Path] | None, typer.Option(help="An image of your own to open; repeat for more.")
    ] = None
    classroom: Annotated[
        bool, typer.Option("--class", help="For a projector: large type, only dock and image.")
    ] = False
    language: Annotated[str | None, typer.Option(help="en or de; else as it was last.")] = None
    lessons: Annotated[
        list[Path] | None, typer.Option(help="A folder of your own lessons; repeat for more.")
    ] = None
