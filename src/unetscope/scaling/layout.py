"""How the answer to an image of any size is cut into blocks, and what a pyramid of it looks like.

One block is one task and one file (shard) of each level, so that two tasks never write the same
file. Nothing is listed before it is asked for: an answer may have a million blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Planes of a stack in one block.
BLOCK_PLANES = 16
#: A level is made by the blocks themselves while it leaves each of them a side of so many pixels.
_LEAST_SIDE = 256
#: A pyramid ends with the level whose longer side is at most this.
_COARSEST_PX = 512
_CHUNK_PX = 512
_CHUNK_PX_OF_STACKS = 256


@dataclass(frozen=True)
class Block:
    """Planes and (y, x) region that are answered and written together, in pixels of the image."""

    number: int
    planes: range
    region: tuple[slice, slice]


@dataclass(frozen=True)
class Layout:
    """Blocks and levels of an answer.

    Attributes
    ----------
    shape
        (y, x) or (z, y, x) of the image.
    side
        Of a block (px), a power of two.
    """

    shape: tuple[int, ...]
    side: int

    @classmethod
    def of(cls, shape: tuple[int, ...], most_px: int) -> Layout:
        """The layout for an image; a small one is one block of a side that holds it."""
        wanted = 2 ** math.ceil(math.log2(max(*shape[-2:], _CHUNK_PX)))
        return cls(tuple(shape), min(wanted, most_px))

    @property
    def is_stack(self) -> bool:
        """Whether there are planes."""
        return len(self.shape) == 3

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Of a block in full resolution, also of one at the rim."""
        planes = (min(BLOCK_PLANES, self.shape[0]),) if self.is_stack else ()
        return (*planes, self.side, self.side)

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many blocks there are along each axis."""
        sides = zip(self.shape, self.block_shape, strict=True)
        return tuple(-(-length // side) for length, side in sides)

    def __len__(self) -> int:
        return math.prod(self.blocks)

    def place(self, number: int) -> tuple[int, ...]:
        """Where a block lies in the grid of blocks, row by row."""
        if not 0 <= number < len(self):
            raise IndexError(f"there are {len(self)} blocks, and no block {number}")
        found = []
        for count in reversed(self.blocks):
            number, index = divmod(number, count)
            found.append(index)
        return tuple(reversed(found))

    def block(self, number: int) -> Block:
        """One of the blocks; those at the rim end with the image."""
        sides = zip(self.place(number), self.block_shape, self.shape, strict=True)
        box = [slice(i * side, min((i + 1) * side, length)) for i, side, length in sides]
        planes = range(box[0].start, box[0].stop) if self.is_stack else range(1)
        return Block(number, planes, (box[-2], box[-1]))

    @property
    def levels(self) -> int:
        """Levels of the pyramid, with the full resolution."""
        longest = max(self.shape[-2:])
        return 1 + max(0, math.ceil(math.log2(longest / _COARSEST_PX)))

    @property
    def levels_of_blocks(self) -> int:
        """How many of them blocks write themselves; the others are made of the last of these."""
        own = 1 + int(math.log2(self.side // _LEAST_SIDE))
        return min(self.levels, own)

    @property
    def coarse_level(self) -> int:
        """The first level that blocks do not write themselves; of a small image its last."""
        return min(self.levels_of_blocks, self.levels - 1)

    def box(self, number: int) -> tuple[slice, ...]:
        """Where a block lies, in slices of the axes of the image."""
        block = self.block(number)
        planes = (slice(block.planes.start, block.planes.stop),) if self.is_stack else ()
        return (*planes, *block.region)

    def level_shape(self, level: int) -> tuple[int, ...]:
        """Shape of a level; planes are never joined, as few stacks have cubic pixels."""
        return (*self.shape[:-2], *(-(-side // 2**level) for side in self.shape[-2:]))

    def file_shape(self, level: int) -> tuple[int, ...]:
        """Shape of one file of a level: that of a block, or less than one of coarse levels."""
        side = max(self.side >> level, _LEAST_SIDE)
        return (*self.block_shape[:-2], side, side)

    def chunk_shape(self, level: int) -> tuple[int, ...]:
        """What is read at once."""
        *planes, side, _ = self.file_shape(level)
        side = min(side, _CHUNK_PX_OF_STACKS if planes else _CHUNK_PX)
        return (*planes, side, side)
