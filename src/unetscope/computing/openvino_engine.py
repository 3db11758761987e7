"""A network that answers through OpenVINO, where that is installed: for long runs on the CPU.

The network is converted as it is, for tiles of any size; nothing is written. OpenVINO computes
whole tiles, so the core is cut out after the pass.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from unetscope.computing.choices import Precision
from unetscope.errors import ModelError
from unetscope.network.cropping import Region, checked_core, coarser, cut
from unetscope.network.folding import fold_batch_norm
from unetscope.network.unet import UNet

_HINTS: dict[str, str] = {Precision.FP32: "f32", Precision.BF16: "bf16"}


class OpenVinoNet(UNet):
    """A settled U-Net, compiled by OpenVINO when it is first asked, for what it is asked.

    Raises
    ------
    ModelError
        If OpenVINO is not installed.
    """

    def __init__(self, net: UNet, precision: str) -> None:
        nn.Module.__init__(self)  # without layers of its own
        openvino_library()
        self.net = fold_batch_norm(net) if net.config.norm == "batch" else copy.deepcopy(net)
        self.net.eval().requires_grad_(False)
        self.config, self.precision = self.net.config, precision
        self._compiled: dict[tuple[str, ...], Any] = {}

    def forward(self, image: Tensor, core: Region | None = None) -> Tensor:
        """Logits of ``core``, (batch, class, [z,] y, x) float32."""
        return self._answers(("classifier",), image, core)["classifier"]

    def taps(
        self, image: Tensor, names: Iterable[str], core: Region | None = None
    ) -> dict[str, Tensor]:
        """The maps of the named stages on ``core``, float32."""
        wanted = set(names)
        return self._answers(
            tuple(name for name in self.net.stages() if name in wanted), image, core
        )

    def _answers(
        self, names: tuple[str, ...], image: Tensor, core: Region | None
    ) -> dict[str, Tensor]:
        if names not in self._compiled:
            self._compiled[names] = self._compile(names, image)
        found = self._compiled[names](image.float().contiguous().numpy())
        whole = checked_core(None, image.shape[2:])
        answer = {}
        for index, name in enumerate(names):
            maps = torch.from_numpy(found[index].copy())  # the next pass writes into this memory
            stride = image.shape[-1] // maps.shape[-1]
            asked = coarser(checked_core(core, image.shape[2:]), stride)
            answer[name] = cut(maps, asked, coarser(whole, stride))
        return answer

    def _compile(self, names: tuple[str, ...], image: Tensor) -> Any:
        openvino = openvino_library()
        sides = [-1] * (image.ndim - 2)
        with warnings.catch_warnings():
            # Sides become constants only in checks and in a crop that a whole pass does not have.
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            warnings.simplefilter("ignore", DeprecationWarning)  # torch's, about OpenVINO's tracing
            model = openvino.convert_model(
                _Outputs(self.net, names),
                example_input=torch.zeros(
                    1, *image.shape[1:2], *[self.config.multiple * 4] * len(sides)
                ),
                input=[openvino.PartialShape([-1, image.shape[1], *sides])],
            )
        options = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        return openvino.Core().compile_model(model, "CPU", options)


class _Outputs(nn.Module):
    """The asked stages' maps as a tuple, which is what can be converted."""

    def __init__(self, net: UNet, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net, self.names = net, names

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        if self.names == ("classifier",):
            return (self.net(image),)
        return tuple(self.net.taps(image, self.names).values())


def openvino_library() -> Any:
    """The package; ModelError where it is not installed."""
    try:
        import openvino
    except ImportError as error:
        raise ModelError(
            "the engine 'openvino' needs OpenVINO, which is not installed; "
            "pip install openvino, or use --engine torch."
        ) from error
    return openvino
