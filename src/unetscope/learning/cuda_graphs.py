"""A network on an NVIDIA GPU whose pass is recorded once a tile shape and then replayed.

At tile sizes the GPU is done with a layer before Python has asked for the next one; a CUDA graph
asks for all of them at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from unetscope.network.cropping import Region
from unetscope.network.unet import UNet

# Interior tiles, those of four edges and of four corners; every one keeps its own memory.
_MOST = 9


class GraphedNet(UNet):
    """Passes of a settled network, recorded the second time a shape is asked for."""

    def __init__(self, net: UNet) -> None:
        nn.Module.__init__(self)  # without layers of its own
        self.config, self.net = net.config, net
        self._seen: set[object] = set()
        self._recorded: OrderedDict[object, _Recorded] = OrderedDict()

    def forward(self, image: Tensor, core: Region | None = None) -> Tensor:
        """Logits of ``core``, as the network gives them."""
        run = lambda x: {"logits": self.net(x, core)}  # noqa: E731
        return self._pass(("logits",), image, core, run)["logits"]

    def taps(
        self, image: Tensor, names: Iterable[str], core: Region | None = None
    ) -> dict[str, Tensor]:
        """The maps of the named stages on ``core``, as the network gives them."""
        wanted = tuple(names)
        return self._pass(wanted, image, core, lambda x: self.net.taps(x, wanted, core))

    @torch.inference_mode()
    def _pass(
        self, what: tuple[str, ...], image: Tensor, core: Region | None, run: Callable[..., Any]
    ) -> dict[str, Tensor]:
        key = (what, tuple(image.shape), image.dtype, str(core))
        if key in self._recorded:
            self._recorded.move_to_end(key)
            return self._recorded[key].replay(image)
        if key not in self._seen:  # a shape that comes once is not worth recording
            self._seen.add(key)
            answer: dict[str, Tensor] = run(image)
            return answer
        if len(self._recorded) == _MOST:
            self._recorded.popitem(last=False)
        self._recorded[key] = _Recorded(run, image)
        return self._recorded[key].replay(image)


class _Recorded:
    """One pass as a CUDA graph, with the memory it reads from and writes to."""

    def __init__(self, run: Callable[[Tensor], dict[str, Tensor]], image: Tensor) -> None:
        self.image = image.clone(memory_format=torch.preserve_format)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries choose their kernels before the recording
            run(self.image)
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.answer = run(self.image)

    def replay(self, image: Tensor) -> dict[str, Tensor]:
        """The answer for ``image``, copied, for the next replay writes into the same memory."""
        self.image.copy_(image)
        self.graph.replay()
        return {name: maps.clone() for name, maps in self.answer.items()}
