"""Work on an NVIDIA GPU that is recorded once and then replayed.

At tile sizes the GPU is done with a layer before Python has asked for the next one; a CUDA graph
asks for all of them at once.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from unetscope.network.cropping import Region
from unetscope.network.unet import UNet

log = logging.getLogger(__name__)

# Interior tiles, those of four edges and of four corners; every one keeps its own answer's memory.
_MOST = 9
_MOST_GAP = 0.02  # of the largest value: bfloat16 rounds to 0.004
_WARM_UPS = 3  # libraries choose their kernels before the recording

_Answer = TypeVar("_Answer")
_one_at_a_time = threading.Lock()  # as torch asks for
_asides: dict[int, torch.cuda.Stream] = {}  # by device; where recordings are made


def record(
    run: Callable[[], _Answer], device: torch.device, pool: Any = None
) -> tuple[torch.cuda.CUDAGraph, _Answer]:
    """Record ``run`` as a CUDA graph: the graph, and the memory its replays write their answer to.

    ``run`` is called a few times before. It must not wait for the GPU, and all it reads must stay
    where it is in memory. Other threads may go on using the GPU meanwhile.

    Parameters
    ----------
    pool : as of ``torch.cuda.graph_pool_handle()``: memory shared by graphs that are never replayed
        at the same time; None for memory of its own.

    Raises
    ------
    RuntimeError
        If something in ``run`` cannot be recorded, or memory runs out.
    """
    with _one_at_a_time, torch.cuda.device(device):
        here = torch.cuda.current_stream()
        aside = _asides.setdefault(torch.cuda.current_device(), torch.cuda.Stream())
        with torch.cuda.stream(here):  # comes back here also where a recording breaks off
            aside.wait_stream(here)
            try:
                with torch.cuda.stream(aside):
                    for _ in range(_WARM_UPS):
                        run()
            finally:
                here.wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            # In the mode "global", an allocation by any other thread would spoil the recording.
            with torch.cuda.graph(
                graph, pool=pool, stream=aside, capture_error_mode="thread_local"
            ):
                answer = run()
    return graph, answer


class GraphedNet(UNet):
    """Passes of a settled network, recorded the second time a shape is asked for.

    Threads may share it: a recording has one place for its image, so its passes take turns. Where
    nothing can be recorded, the network answers as it is, and the log says so once.
    """

    def __init__(self, net: UNet) -> None:
        nn.Module.__init__(self)  # without layers of its own
        self.config, self.net = net.config, net
        self._seen: set[object] = set()
        self._recorded: OrderedDict[object, _Recorded] = OrderedDict()
        self._pool: Any = None
        self._records = True
        self._lock = threading.Lock()

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

    def _pass(
        self,
        what: tuple[str, ...],
        image: Tensor,
        core: Region | None,
        run: Callable[[Tensor], dict[str, Tensor]],
    ) -> dict[str, Tensor]:
        if not (torch.is_grad_enabled() and image.requires_grad):  # a replay has no gradient
            key = (what, tuple(image.shape), image.dtype, str(core))
            with self._lock:
                recorded = self._recording(key, image, run)
                if recorded is not None:
                    return recorded.replay(image)
        return run(image)

    def _recording(
        self, key: object, image: Tensor, run: Callable[[Tensor], dict[str, Tensor]]
    ) -> _Recorded | None:
        """The recording of this pass; None where there is none and none is wanted."""
        if key in self._recorded:
            self._recorded.move_to_end(key)
            return self._recorded[key]
        if not self._records:
            return None
        if key not in self._seen:  # a shape that comes once is not worth recording
            self._seen.add(key)
            return None
        if len(self._recorded) == _MOST:
            self._recorded.popitem(last=False)
        try:
            self._recorded[key] = _Recorded(run, image, self._shared_pool())
        except RuntimeError as error:  # torch's OutOfMemoryError as well
            self._give_up(error)
            return None
        return self._recorded[key]

    def _shared_pool(self) -> Any:
        """One memory for all recordings: passes take turns, and their answers are copied."""
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        return self._pool

    def _give_up(self, error: RuntimeError) -> None:
        self._records = False
        self._recorded.clear()
        self._pool = None
        log.warning("No CUDA graph could be recorded (%s); answering without, slower.", error)


class _Recorded:
    """One pass as a CUDA graph, with the memory it reads from and writes to."""

    def __init__(
        self, run: Callable[[Tensor], dict[str, Tensor]], image: Tensor, pool: Any
    ) -> None:
        with torch.inference_mode():
            self.image = image.clone(memory_format=torch.preserve_format)
            self.graph, self.answer = record(lambda: run(self.image), image.device, pool)
            expected = run(self.image)
        self._done = torch.cuda.Event()
        found = self.replay(image)
        if not all(_alike(found[name], expected[name]) for name in expected):
            raise RuntimeError("what was recorded answers something else")

    def replay(self, image: Tensor) -> dict[str, Tensor]:
        """The answer for ``image``, copied, for the next replay writes into the same memory."""
        with torch.cuda.device(image.device):
            stream = torch.cuda.current_stream()
            stream.wait_event(self._done)  # the last asker may have worked on another stream
            with torch.inference_mode():
                self.image.copy_(image)
                self.graph.replay()
            answer = {name: maps.clone() for name, maps in self.answer.items()}
            self._done.record(stream)
        return answer


def _alike(found: Tensor, expected: Tensor) -> bool:
    """Whether two passes of one network differ by no more than the order of a sum makes them."""
    most = float(expected.abs().amax())
    return torch.allclose(found.float(), expected.float(), rtol=0, atol=_MOST_GAP * most)
