"""What a network knows of places: dense layers against convolutions on small patches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Picture, Plot, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    import torch
    from torch.nn import functional

    from unetscope.network import teaching
else:
    torch = Lazily("torch")
    functional = Lazily("torch.nn.functional")
    teaching = Lazily("unetscope.network.teaching")

Epochs = Annotated[int, Field(ge=1, le=60)]
_NETWORKS = ("mlp", "cnn")
_SIDE = 24
_BATCH = 50
_NOISE = 0.25
_ASKED = 400


@verb
def learn_left_ask_right(
    bench: Bench, *, patches: Annotated[int, Field(ge=20, le=4000)] = 1000, epochs: Epochs = 24
) -> Experiment:
    """A round precipitate or a rod: learned in the left half of a patch, asked for in the right.

    Facts: ``mlp`` and ``cnn`` (shares that were right where it was asked), ``mlp_there`` and
    ``cnn_there`` (where it was learned), ``mlp_weights`` and ``cnn_weights``.
    """
    rng = np.random.default_rng([17, bench.seed])
    learned = _patches(rng, patches, "left")
    there, elsewhere = _patches(rng, _ASKED, "left"), _patches(rng, _ASKED, "right")
    facts: dict[str, Any] = {"patches": patches}
    for name in _NETWORKS:
        net = _network(name, bench.seed)
        for done in _learned(net, *learned, epochs, bench.seed):
            yield Working(f"Training the {name.upper()}", done, epochs)
        facts[f"{name}_there"] = _right(net, *there)
        facts[name] = _right(net, *elsewhere)
        facts[f"{name}_weights"] = sum(one.numel() for one in net.parameters())
    columns = ("network", "weights", "right where learned", "right elsewhere")
    yield Shown(
        title="Learned on the left, asked on the right",
        kind="empirical",
        pictures=(_sheet(learned[0], elsewhere[0]),),
        table=Table(columns, _rows(facts, "weights", "there", "")),
        facts=facts,
    )


@verb
def shuffle_all_pixels(
    bench: Bench, *, patches: Annotated[int, Field(ge=20, le=4000)] = 1000, epochs: Epochs = 24
) -> Experiment:
    """Shuffle the pixels of every patch in one fixed way, and learn again.

    Facts: ``mlp``, ``cnn`` and ``mlp_shuffled``, ``cnn_shuffled`` (shares that were right).
    """
    rng = np.random.default_rng([19, bench.seed])
    learned, asked = _patches(rng, patches, "all"), _patches(rng, _ASKED, "all")
    order = rng.permutation(_SIDE * _SIDE)
    shuffled, asked_shuffled = _shuffled(learned[0], order), _shuffled(asked[0], order)
    facts: dict[str, Any] = {"patches": patches}
    for name in _NETWORKS:
        for key, images, questions in (
            (name, learned[0], asked[0]),
            (f"{name}_shuffled", shuffled, asked_shuffled),
        ):
            net = _network(name, bench.seed)
            for done in _learned(net, images, learned[1], epochs, bench.seed):
                yield Working(f"Training the {name.upper()}", done, epochs)
            facts[key] = _right(net, questions, asked[1])
    yield Shown(
        title="The same patches, their pixels in another order",
        kind="empirical",
        pictures=(_sheet(learned[0], shuffled),),
        table=Table(("network", "as they are", "shuffled"), _rows(facts, "", "shuffled")),
        facts=facts,
    )


@verb
def how_many_patches(
    bench: Bench,
    *,
    counts: tuple[Annotated[int, Field(ge=20, le=4000)], ...] = (50, 200, 800, 2000),
    epochs: Epochs = 24,
) -> Experiment:
    """How many patches each network needs, learned and asked all over the patch.

    Facts: ``counts``, ``mlp`` and ``cnn`` (a share that was right for each count).
    """
    rng = np.random.default_rng([18, bench.seed])
    learned, asked = _patches(rng, max(counts), "all"), _patches(rng, _ASKED, "all")
    found: dict[str, list[float]] = {"mlp": [], "cnn": []}
    for number, count in enumerate(counts):
        for name, right in found.items():
            net = _network(name, bench.seed)
            rounds = max(epochs, epochs * 400 // count)  # few patches, as many steps
            for _ in _learned(net, learned[0][:count], learned[1][:count], rounds, bench.seed):
                yield Working(f"{name.upper()} from {count} patches", number, len(counts))
            right.append(_right(net, *asked))
    yield Shown(
        title="Right answers over patches learned from",
        kind="empirical",
        plot=Plot.over(
            "patches",
            counts,
            "share of right answers",
            {name.upper(): right for name, right in found.items()},
        ),
        facts={"counts": list(counts), **found},
    )


@verb
def dense_matrix(
    bench: Bench,
    *,
    length: Annotated[int, Field(ge=4, le=64)] = 8,
    weights: tuple[float, float, float] = (1.0, 2.0, 3.0),
) -> Experiment:
    """A convolution of three weights written as the matrix of a dense layer.

    Facts: ``dense`` (numbers in the matrix), ``shared`` (3), ``zeros``, ``values`` (different
    numbers that are not zero), ``same`` (whether matrix times signal is the convolution).
    """
    matrix = np.zeros((length, length))
    for out in range(length):
        for tap, weight in enumerate(weights):
            column = out + tap - 1
            if 0 <= column < length:
                matrix[out, column] = weight
    signal = np.random.default_rng(bench.seed).integers(-9, 10, length).astype(float)
    convolved = np.correlate(np.pad(signal, 1), np.asarray(weights), mode="valid")
    different = np.unique(matrix[matrix != 0])
    yield Shown(
        title="A convolution is a dense layer with zeros and repeats",
        kind="exact",
        pictures=(Picture("matrix", "weights of the dense layer", matrix, (1, 1), (0, 0)),),
        facts={
            "dense": length * length,
            "shared": 3,
            "zeros": int((matrix == 0).sum()),
            "values": len(different),
            "same": bool(np.array_equal(matrix @ signal, convolved)),
            "length": length,
        },
    )


@verb
def shift_follows(bench: Bench, *, shift: Annotated[int, Field(ge=1, le=64)] = 5) -> Experiment:
    """Convolve a shifted image, and shift the convolved image: away from the edges the same.

    Facts: ``difference`` (the largest, away from the edges by 1 + ``shift`` pixels).
    """
    image = bench.laid.grey.astype(np.float64)
    if min(image.shape) < 2 * shift + 6:
        raise LessonError(f"an image of {image.shape} px is too small to move it by {shift} px.")
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=float)
    first = _correlated(np.roll(image, shift, axis=1), kernel)
    second = np.roll(_correlated(image, kernel), shift, axis=1)
    inner = (slice(1, -1), slice(shift + 1, -1))
    yield Shown(
        title=f"Moved by {shift} px",
        kind="exact",
        pictures=(Picture("moved", "of the moved image", first, **placed(bench.laid)),),
        facts={"difference": float(np.abs(first[inner] - second[inner]).max()), "shift": shift},
    )


def _correlated(image: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    padded = np.pad(image, 1)
    rows, columns = image.shape
    found = np.zeros_like(image)
    for y in range(3):
        for x in range(3):
            found += kernel[y, x] * padded[y : y + rows, x : x + columns]
    return found


def _patches(
    rng: np.random.Generator, count: int, where: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Patches (n, 1, 24, 24) with a disc (0) or a rod of the same area (1) in noise."""
    y, x = np.indices((_SIDE, _SIDE))
    spans = {"left": (5, 8), "right": (16, 19), "all": (5, 19)}
    low, high = spans[where]
    images = rng.normal(0, _NOISE, (count, 1, _SIDE, _SIDE)).astype(np.float32)
    kinds = rng.integers(0, 2, count)
    for number in range(count):
        cy, cx = rng.uniform(5, 19), rng.uniform(low, high)
        if kinds[number] == 0:
            inside = (y - cy) ** 2 + (x - cx) ** 2 <= 3.0**2
        else:
            angle = rng.uniform(0, np.pi)
            along = (y - cy) * np.sin(angle) + (x - cx) * np.cos(angle)
            across = (x - cx) * np.sin(angle) - (y - cy) * np.cos(angle)
            inside = (np.abs(along) <= 4.7) & (np.abs(across) <= 1.5)
        images[number, 0] += inside
    return images, kinds


def _shuffled(images: NDArray[np.float32], order: NDArray[np.intp]) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1)[:, order]
    return np.ascontiguousarray(flat.reshape(images.shape))


def _network(name: str, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return teaching.PatchMLP(_SIDE) if name == "mlp" else teaching.PatchCNN()


def _sheet(above: NDArray[np.float32], below: NDArray[np.float32]) -> Picture:
    rows = [np.concatenate(list(images[:6, 0]), axis=1) for images in (above, below)]
    sheet = np.concatenate(rows, axis=0)
    return Picture(
        "patches", "patches that were learned, and asked", sheet, (1, 1), (0, 0), beside=True
    )


def _rows(facts: dict[str, Any], *keys: str) -> tuple[tuple[Any, ...], ...]:
    named = [f"_{key}" if key else "" for key in keys]
    return tuple((name.upper(), *(facts[f"{name}{key}"] for key in named)) for name in _NETWORKS)


def _learned(
    net: Any, images: NDArray[np.float32], kinds: NDArray[np.int64], epochs: int, seed: int
) -> Iterator[int]:
    """Train ``net``; yields the number of epochs done."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3)
    rng = np.random.default_rng(seed)
    x, y = torch.from_numpy(images), torch.from_numpy(kinds)
    for epoch in range(epochs):
        for part in np.array_split(rng.permutation(len(kinds)), max(1, len(kinds) // _BATCH)):
            loss = functional.cross_entropy(net(x[part]), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        yield epoch + 1


def _right(net: Any, images: NDArray[np.float32], kinds: NDArray[np.int64]) -> float:
    with torch.inference_mode():
        found = net(torch.from_numpy(images)).argmax(dim=1).numpy()
    return float((found == kinds).mean())
