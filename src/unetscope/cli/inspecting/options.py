"""The arguments and options of ``unetscope inspect``: a type each, with the words of its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str,
    typer.Argument(
        help="general, general-fast, general-large; lenet5, alexnet, resnet18; a .unetscope "
        "file; or package.module:function that builds your own."
    ),
]
Picture = Annotated[Path, typer.Argument(help="The image to look at it with.")]
Out = Annotated[Path, typer.Option(help="Folder for the answers.")]
Do = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WHAT",
        help="report, table, maps, kernels, field, effective, convolution, ablate, edit, "
        "attribution, dissect, compare, equivariance, health, pca, maximise; repeat for more.",
    ),
]
Layer = Annotated[str | None, typer.Option(help="A layer, e.g. enc2.conv1.")]
Channel = Annotated[int | None, typer.Option(min=0, help="A channel of it.")]
Point = Annotated[str | None, typer.Option(help="A pixel of the image: y,x or z,y,x.")]
Labels = Annotated[Path | None, typer.Option(help="Labels painted on the image (0 = unlabelled).")]
Against = Annotated[str | None, typer.Option(help="compare: the model it was before training.")]
Part = Annotated[
    str | None, typer.Option(help="ablate: skip:dec1, channel:LAYER:3, kernel:LAYER:3,0.")
]
Mode = Annotated[str, typer.Option(help="ablate: mean, zero or shuffled.")]
Kernel = Annotated[
    str | None,
    typer.Option(help='edit: sobel_x, laplacian, gaussian …, or "1,0,-1;2,0,-2;1,0,-1".'),
]
Shift = Annotated[str | None, typer.Option(help="equivariance: pixels, e.g. 1,0.")]
Target = Annotated[str | None, typer.Option(help="attribution: a class, by name or number.")]
Method = Annotated[
    str,
    typer.Option(
        help="attribution: seg_grad_cam, occlusion, input_gradients or integrated_gradients."
    ),
]
Polygon = Annotated[
    str | None,
    typer.Option(help='attribution: corners in pixels, "y,x y,x y,x".'),
]
Weights = Annotated[
    Path | None, typer.Option(help="Weights of your own network, NAME.safetensors.")
]
