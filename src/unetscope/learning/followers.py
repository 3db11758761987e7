"""Processes that train along with this one: begun anew, met, and seen to their end."""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess

import torch
import torch.distributed as dist
import torch.multiprocessing

from unetscope.computing.precision import choose_device
from unetscope.errors import ModelError
from unetscope.images.classes import LabelClass
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample
from unetscope.learning.together import (
    ALONE,
    Command,
    PeerLostError,
    Together,
    met,
    open_door,
)
from unetscope.learning.train_options import TrainOptions
from unetscope.learning.training_run import TrainingRun

MOST_DEVICES = 64
_FAREWELL_S = 10.0


@dataclass(frozen=True, eq=False)
class Learned:
    """What is learned from, as it is handed to the other processes."""

    model: PixelModel
    samples: Sequence[Sample]
    options: TrainOptions
    classes: Sequence[LabelClass] | None
    threads: int


@contextmanager
def trained_along(
    model: PixelModel,
    samples: Sequence[Sample],
    options: TrainOptions,
    classes: Sequence[LabelClass] | None,
) -> Iterator[Together]:
    """``options.devices`` processes, this one counted, that train together until the end.

    Raises
    ------
    ModelError
        If there are not as many devices, or the images cannot be handed to another process.
    PeerLostError
        If one ends before all have met.
    """
    size = options.devices
    if size == 1:
        yield ALONE
        return
    device = _checked(size, options.device)
    before = torch.get_num_threads()
    threads = max(1, before // size) if device == "cpu" else before
    what = Learned(model, samples, replace(options, device=device), classes, threads)
    door = open_door()
    others = _begun(door, what)
    torch.set_num_threads(threads)
    try:
        with met(0, size, door) as together:
            yield together
            with suppress(PeerLostError):
                together.tell(Command.END)
    finally:
        torch.set_num_threads(before)
        for other in others:
            other.join(_FAREWELL_S if sys.exc_info()[0] is None else 0)
            if other.is_alive():
                other.kill()
                other.join()


def _checked(size: int, device: str) -> str:
    """The device, where there are as many."""
    if not dist.is_available() or not dist.is_gloo_available():
        raise ModelError("this PyTorch cannot train on several devices; leave out --devices")
    if not 1 <= size <= MOST_DEVICES:
        raise ModelError(f"devices is {size}; give a number from 1 to {MOST_DEVICES}")
    chosen = choose_device(device)
    if chosen.startswith("cuda") and size > torch.cuda.device_count():
        raise ModelError(
            f"{size} devices are wanted and there are {torch.cuda.device_count()} GPUs here; "
            "give fewer, or the device cpu"
        )
    if not chosen.startswith(("cuda", "cpu")):
        raise ModelError(f"several devices cannot be of the kind {chosen!r}; give the device cpu")
    return "cuda" if chosen.startswith("cuda") else chosen


def _begun(door: dist.TCPStore, what: Learned) -> list[BaseProcess]:
    """The other processes; begun anew, for torch's threads do not survive a fork."""
    context = torch.multiprocessing.get_context("spawn")
    others: list[BaseProcess] = []
    for rank in range(1, what.options.devices):
        other = context.Process(target=_follow, args=(door.port, rank, what), daemon=True)
        try:
            other.start()
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            for begun in others:
                begun.kill()
            raise ModelError(
                "images that are read from their files piece by piece cannot be handed to another "
                f"process ({error}); cut them smaller, or train on one device"
            ) from error
        others.append(other)
    return others


def _follow(port: int, rank: int, what: Learned) -> None:
    """What another process does: prepare as the first one does, then do as it tells."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the first one sees to it
    torch.set_num_threads(what.threads)
    device = what.options.device
    options = replace(what.options, device=device if device == "cpu" else f"cuda:{rank}")
    door = dist.TCPStore("127.0.0.1", port, is_master=False)
    with suppress(PeerLostError), met(rank, what.options.devices, door) as together:
        run = TrainingRun(what.model, options, FeatureCache(), together)
        for _ in run.start(what.samples, what.classes):
            pass
        run.follow()
