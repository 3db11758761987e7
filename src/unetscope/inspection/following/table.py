"""The architecture as a table: a row a layer, with the numbers of the textbook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn
from torch.nn.parameter import Parameter

from unetscope.inspection.following.follower import LayerCall
from unetscope.inspection.following.reach import GridMismatch, Kind, Reach
from unetscope.inspection.following.sharing import weight_owners
from unetscope.inspection.following.trace import Trace, follow, module_of


@dataclass(frozen=True)
class LayerRow:
    """One call of one layer.

    Attributes
    ----------
    name, kind : name in ``model.named_modules()`` (``name:2`` for a second call) and class.
    output_shape : (channel, [z,] y, x), without the batch; None if it is not one tensor.
    parameters : learnable numbers, counted at the first call of a layer and 0 at later ones.
    buffers : numbers that are kept but not learned (running statistics), counted likewise.
    multiply_adds : per image; twice this is what is often called FLOPs.
    memory_bytes : of the output.
    stride : image pixels from one cell to the next, per axis; None where there are no places.
    receptive_field : sides in pixels of the largest field, not clipped at the image's border;
        None where the layer could not be followed.
    field_kind : how far the field can be trusted.
    note : why something is missing, or "".
    shares : the earlier layer whose weights this one has, or "".
    reads_image : whether it is given the image itself.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...] | None
    parameters: int
    buffers: int
    multiply_adds: int
    memory_bytes: int
    stride: tuple[float, ...] | None
    receptive_field: tuple[int, ...] | None
    field_kind: Kind | None
    note: str = ""
    shares: str = ""
    reads_image: bool = False

    @property
    def remark(self) -> str:
        """The note, or whose weights the layer has, or ""."""
        return self.note or (f"the weights of {self.shares}" if self.shares else "")


@dataclass(frozen=True)
class Architecture:
    """The rows in the order of the data, their totals, and skips that do not line up."""

    image_shape: tuple[int, ...]
    rows: tuple[LayerRow, ...]
    mismatches: tuple[GridMismatch, ...]

    @property
    def parameters(self) -> int:
        """Learnable numbers of the layers that are used, shared ones once."""
        return sum(row.parameters for row in self.rows)

    @property
    def buffers(self) -> int:
        """Numbers kept but not learned."""
        return sum(row.buffers for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with an addition for one image."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def memory_bytes(self) -> int:
        """Of all outputs together, as when every one is kept for training."""
        return sum(row.memory_bytes for row in self.rows)


def architecture(model: nn.Module | Trace, image_shape: Sequence[int]) -> Architecture:
    """The table of ``model`` for images of ``image_shape`` ([z,] y, x).

    A row for every call of a layer without layers inside, and for containers that own parameters
    or do work of their own. Totals are over these rows.

    Raises
    ------
    ModelError
        If the model is TorchScript or does not accept such an image.
    """
    net = module_of(model)
    trace = follow(model, image_shape)
    repeated = {call.name for call in trace.calls if call.index > 1}
    modules = dict(net.named_modules())
    owners = weight_owners(net)
    counted: set[int] = set()
    rows = []
    for call in trace.calls:
        own = modules[call.name]
        if not (
            call.is_leaf or call.multiply_adds or any(True for _ in own.parameters(recurse=False))
        ):
            continue
        numbers = [*own.parameters(recurse=False), *own.buffers(recurse=False)]
        fresh = [tensor for tensor in numbers if id(tensor) not in counted]
        counted |= {id(tensor) for tensor in fresh}
        learned = sum(t.numel() for t in fresh if isinstance(t, Parameter))
        kept = sum(t.numel() for t in fresh) - learned
        row = _row(call, learned, kept, numbered=call.name in repeated)
        rows.append(replace(row, shares=owners.get(call.name, "")))
    return Architecture(trace.image_shape, tuple(rows), trace.mismatches)


def _row(call: LayerCall, learned: int, kept: int, *, numbered: bool) -> LayerRow:
    reach = call.reach
    stride, field, kind, note = None, None, None, ""
    if isinstance(reach, Reach):
        field, kind = reach.largest(), reach.kind
        if reach.dims:
            stride = tuple(float(grid.scale) for grid in reach.grids)
    else:
        note = reach.reason
    return LayerRow(
        name=f"{call.name}:{call.index}" if numbered else call.name,
        kind=call.type_name,
        output_shape=None if call.output_shape is None else call.output_shape[1:],
        parameters=learned,
        buffers=kept,
        multiply_adds=call.multiply_adds,
        memory_bytes=call.output_bytes,
        stride=stride,
        receptive_field=field,
        field_kind=kind,
        note=note,
        reads_image=call.reads_image,
    )
