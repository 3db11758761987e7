"""The command line, thin over the engine: ``unetscope demo | train | predict | inspect …``.

The engine (and torch with it) is imported inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from unetscope import __version__
from unetscope.cli.commands import (
    Batch,
    Conversion,
    Pretraining,
    Training,
    checked_model_path,
    class_names,
    demo_headless,
    foreign,
    images_of,
    prediction_targets,
    training_samples,
    usable_folder,
)
from unetscope.cli.inspecting import options as asked
from unetscope.cli.terminal import Asker, say_error, say_notes, say_outcome
from unetscope.errors import LabelError, UnetscopeError
from unetscope.images.questions import Answers


class _PlainErrors(TyperGroup):
    """Says in one red line what a user can put right, and ends with code 2, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UnetscopeError as error:
            say_error(str(error))
        except OSError as error:
            if error.filename is None:
                raise
            say_error(f"{error.filename}: {error.strerror}")
        raise typer.Exit(2)


app = typer.Typer(
    name="unetscope",
    cls=_PlainErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
    help="A glass-box U-Net for micrographs: paint, train, predict.",
)

labels_app = typer.Typer(
    name="labels",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Labels of other programs: masks, ImageJ ROIs, COCO, QuPath's GeoJSON, OME-Zarr.",
)
app.add_typer(labels_app)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Seed = Annotated[int, typer.Option(help="One seed, one result (CPU, fixed number of threads).")]
StartModel = Annotated[
    str,
    typer.Option(
        "--model",
        help="general, general-fast, general-large, timm:NAME (a backbone beside general), "
        "a .unetscope file, or none.",
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
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files that unetscope did not write; never inputs."),
]
_PASSED = ("passed over, as masks or results of other images; give one alone to predict it",)


def main() -> None:
    """Run the command line; the entry point ``unetscope``."""
    app()


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,
) -> None:
    if version:
        typer.echo(f"unetscope {__version__}")
        raise typer.Exit


@app.command()
def demo(
    *,
    headless: Annotated[
        bool, typer.Option("--headless", help="Write pictures instead of opening napari.")
    ] = False,
    image: Annotated[Path | None, typer.Option(help="Your own image.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Labels painted on it (0 = unlabelled).")
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(help="Synthetic, with truth: grains, membranes, nanoparticles, nuclei …"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("demo"),
    seconds: Annotated[float, typer.Option(min=0, help="Time to train.")] = 60.0,
    model: StartModel = "general",
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Show it: in napari where there is a screen, else as pictures in a folder."""
    from unetscope.cli.demo import pictures

    with_screen = not headless and _has_screen()
    if image is not None and sample is not None:
        raise LabelError("--image and --sample exclude each other; give one of them.")
    if labels is not None and image is None:
        raise LabelError("--labels belong to an image; give --image FILE, too.")
    if image is not None:
        picture = pictures.own(image, labels, Asker(Answers()), guess=not with_screen)
    elif sample is not None:
        picture = pictures.synthetic(sample, seed)
    else:
        picture = pictures.immunohistochemistry()
    if with_screen:
        from unetscope.cli.demo.window import open_window

        open_window(picture, train_seconds=seconds)
        return
    for path in demo_headless(picture, out, Training(model, seconds, device, seed)):
        typer.echo(str(path))


@app.command()
def train(
    *,
    image: Annotated[list[Path], typer.Option(help="An image; repeat for more.")],
    labels: Annotated[
        list[Path], typer.Option(help="Its labels (0 = unlabelled), in the same order.")
    ],
    out: Annotated[Path, typer.Option(help="The model file to write, NAME.unetscope.")],
    seconds: Annotated[float, typer.Option(min=0, help="Time to train.")] = 60.0,
    class_name: Annotated[
        list[str] | None, typer.Option(help='Name a class, e.g. "1=background"; repeat.')
    ] = None,
    axes: Axes = None,
    series: Series = None,
    label_image: LabelImage = None,
    values: Values = None,
    zero: Zero = None,
    model: StartModel = "general",
    allow_download: AllowDownload = False,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Learn from images with painted labels; write a model. Ctrl-C stops early and saves."""
    names = class_names(class_name or [])
    if len(image) != len(labels):
        raise LabelError(
            f"{len(image)} --image but {len(labels)} --labels; give one labels file an image."
        )
    checked_model_path(out)

    from unetscope.learning.persistence import save_model

    asker = Asker(Answers(axes, series, label_image, values, zero).checked())
    samples, told = training_samples(image, labels, asker)
    given = {one.value for one in names}
    names = (*names, *(one for one in told if one.value not in given))
    training = Training(model, seconds, device, seed, allow_download)
    learned, outcome = training.run(samples, names)
    save_model(learned, out)
    say_outcome(learned, outcome)
    typer.echo(str(out))


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A .unetscope file.")],
    images: Annotated[
        list[Path],
        typer.Argument(help="Images to segment, or folders of images.", metavar="IMAGE..."),
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder for NAME_labels.tif.")],
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write NAME_probabilities.tif (float32), too.")
    ] = False,
    axes: Axes = None,
    series: Series = None,
    overwrite: Overwrite = False,
    tile: Annotated[
        int, typer.Option(min=64, help="Tile size (px); the result is the same.")
    ] = 512,
    device: Device = "auto",
    engine: Annotated[
        str,
        typer.Option(
            help="torch, or openvino (CPU; pip install openvino): faster from minutes on."
        ),
    ] = "torch",
    precision: Annotated[
        str,
        typer.Option(
            help="fp32, bf16, or auto: bf16 where it is faster; may change a pixel in 500."
        ),
    ] = "fp32",
    allow_download: AllowDownload = False,
) -> None:
    """Segment images of any size with a trained model; sizes of pixels are kept.

    An image that cannot be read or predicted does not keep the others from it: what failed is
    named, and the exit code is 1.
    """
    from unetscope.computing.ready import Engine
    from unetscope.learning.persistence import load_model
    from unetscope.learning.prediction import PredictOptions

    found, passed = images_of(images)
    say_notes(", ".join(path.name for path in passed), _PASSED[: len(passed)])
    targets = prediction_targets(found, out)
    computing = Engine(engine, precision)
    trained = load_model(model, allow_download=allow_download)
    usable_folder(out)
    options = PredictOptions(probabilities=probabilities, device=device, tile_px=tile)
    asker = Asker(Answers(axes=axes, series=series).checked())
    inputs = (*found, *foreign(passed), model)
    batch = Batch(trained, options, computing, inputs, asker, overwrite)
    failed = batch.run(targets, lambda written: typer.echo(str(written)))
    if failed:
        say_error(f"{len(failed)} of {len(targets)} images were not predicted, as said above.")
        raise typer.Exit(1)


@app.command()
def inspect(
    model: asked.Model,
    image: asked.Picture,
    *,
    out: asked.Out,
    do: asked.Do = None,
    layer: asked.Layer = None,
    channel: asked.Channel = None,
    point: asked.Point = None,
    labels: asked.Labels = None,
    against: asked.Against = None,
    part: asked.Part = None,
    mode: asked.Mode = "mean",
    kernel: asked.Kernel = None,
    shift: asked.Shift = None,
    target: asked.Target = None,
    method: asked.Method = "seg_grad_cam",
    polygon: asked.Polygon = None,
    weights: asked.Weights = None,
    axes: Axes = None,
    series: Series = None,
    label_image: LabelImage = None,
    values: Values = None,
    zero: Zero = None,
    seed: Seed = 0,
) -> None:
    """Look inside a model: a report, or maps, kernels, fields and what they do to the answer."""
    from unetscope.cli.inspecting.asking import Files, Inspection
    from unetscope.cli.inspecting.files import Wanted

    wanted = Wanted(layer, channel, part, mode, target=target, method=method, seed=seed)
    answers = Answers(axes, series, label_image, values, zero).checked()
    files = Files(model, image, out, labels, against, weights, answers)
    inspection = Inspection(files, tuple(do or ()), wanted, point, shift, kernel, polygon)
    for path in inspection.run():
        typer.echo(str(path))


def _has_screen() -> bool:
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


@labels_app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Labels, or a folder of masks named alike.")],
    target: Annotated[
        Path, typer.Argument(help="NAME.tif .png .bmp, .zip, .json, .geojson or .zarr.")
    ],
    *,
    image: Annotated[Path, typer.Option(help="The image they belong to.")],
    format: Annotated[
        str | None,
        typer.Option(help="mask, imagej, coco, coco-rle, geojson or ome-zarr; else by the suffix."),
    ] = None,
    axes: Axes = None,
    series: Series = None,
    label_image: LabelImage = None,
    values: Values = None,
    zero: Zero = None,
    overwrite: Overwrite = False,
) -> None:
    """Write labels of one image in another format; what cannot be kept is said."""
    asker = Asker(Answers(axes, series, label_image, values, zero).checked())
    for note in Conversion(source, target, image, format, overwrite).run(asker):
        typer.echo(note, err=True)
    typer.echo(str(target))


@app.command()
def pretrain(
    config: Annotated[
        str, typer.Argument(help="general-fast, general-large or a TOML file.")
    ] = "general-fast",
    *,
    run: Annotated[
        Path | None, typer.Option(help="Checkpoints and log; runs/CONFIG by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Weights and card; the run by default.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Real images with masks; shared/data by default.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Make bundled weights again. Ctrl-C stops; the same command goes on."""
    run_dir = run or Path("runs") / Path(config).stem
    for path in Pretraining(config, run_dir, out or run_dir, data, device).run():
        typer.echo(str(path))


if __name__ == "__main__":
    main()
