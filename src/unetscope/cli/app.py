"""The command line, thin over the engine: ``unetscope demo | train | predict | inspect …``.

What a command does stands in a file that is loaded when it runs, with the engine (and torch) it
needs, so that ``--help`` is quick.
"""

from __future__ import annotations

import inspect as signatures
from importlib import import_module
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperGroup

from unetscope import __version__
from unetscope.cli import forms
from unetscope.cli.forms import Axes, LabelImage, Seed, Series, Values, Zero
from unetscope.cli.inspecting import options as asked
from unetscope.cli.terminal import say_error
from unetscope.errors import UnetscopeError
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
lessons_app = typer.Typer(
    name="lessons",
    rich_markup_mode="markdown",
    help="Ideas of convolutional networks as experiments; without a command, their dock in napari.",
)
app.add_typer(lessons_app)


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


def _loaded(file: str) -> Any:
    """A file of the command line that does the work, with what it imports."""
    return import_module(f"unetscope.cli.{file}")


def _command(group: typer.Typer, form: type, file: str, name: str = "") -> None:
    """Make a command of a form: ``run`` of ``file`` gets it filled in and yields what to print.

    It is called like the form where no ``name`` is given.
    """
    command = _filled_in(form, file)
    command.__name__ = name or form.__name__.lower()
    group.command()(command)


def _without_command(group: typer.Typer, form: type, file: str) -> None:
    """Do this where a group is called without one of its commands."""
    run = _filled_in(form, file)

    def alone(ctx: typer.Context, **options: Any) -> None:
        if ctx.invoked_subcommand is None:
            run(**options)

    context = signatures.Parameter(
        "ctx", signatures.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    own = run.__signature__
    alone.__signature__ = own.replace(parameters=[context, *own.parameters.values()])  # type: ignore[attr-defined]
    alone.__annotations__ = {"ctx": typer.Context, **run.__annotations__}
    group.callback(invoke_without_command=True)(alone)


def _filled_in(form: type, file: str) -> Any:
    """A function with the options of a form, which runs ``file`` with them."""

    def command(**options: Any) -> None:
        for line in _loaded(file).run(form(**options)):
            typer.echo(str(line))

    signature = signatures.signature(form, eval_str=True)
    own = form.__annotations__  # those of the command itself stand before what files leave open
    ordered = sorted(signature.parameters.values(), key=lambda parameter: parameter.name not in own)
    command.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]
    command.__annotations__ = get_type_hints(form, include_extras=True)
    command.__doc__ = form.__doc__
    return command


_command(app, forms.Demo, "demo.showing")
_command(app, forms.Train, "train")
_command(app, forms.Predict, "predict")
_command(app, forms.AnswerStatus, "status", "status")
_command(app, forms.Finish, "finish")
_command(app, forms.GiveAway, "give_away", "export")
_command(app, forms.Measure, "measure")
_command(app, forms.Agree, "agree")


@app.command()
@asked.with_options
def inspect(
    model: asked.Model,
    image: asked.Picture,
    *,
    out: asked.Out,
    do: asked.Do = None,
    weights: asked.Weights = None,
    axes: Axes = None,
    series: Series = None,
    label_image: LabelImage = None,
    values: Values = None,
    zero: Zero = None,
    seed: Seed = 0,
    **typed: Any,
) -> None:
    """Look inside a model: a report, or maps, kernels, fields and what they do to the answer."""
    asking = _loaded("inspecting.asking")
    answers = Answers(axes, series, label_image, values, zero).checked()
    typed["seed"] = seed
    inspection = asking.Inspection(model, image, out, tuple(do or ()), typed, answers, weights)
    for path in inspection.run():
        typer.echo(str(path))


_command(labels_app, forms.Convert, "convert")
_without_command(lessons_app, forms.LessonsWindow, "lessons")
_command(app, forms.Pretrain, "pretrain")


if __name__ == "__main__":
    main()
