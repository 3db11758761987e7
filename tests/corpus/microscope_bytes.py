"""Writers of DM3, DM4 and SER, byte by byte as their layouts are published; MRC by mrcfile."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DM_PIXELS = {"uint8": (6, 10), "int16": (1, 2), "uint16": (10, 4), "float32": (2, 6)} | {
    "complex64": (3, 6)
}


def write_mrc(path: Path, pixels: NDArray[Any], voxel_angstrom: Any = 0.0) -> Path:
    import mrcfile

    with mrcfile.new(path) as made:
        made.set_data(pixels)
        if voxel_angstrom:
            made.voxel_size = voxel_angstrom
    return path


class _Dm:
    def __init__(self, version: int) -> None:
        self.version = version

    def wide(self, *numbers: int) -> bytes:
        return struct.pack(f">{len(numbers)}{'q' if self.version == 4 else 'i'}", *numbers)

    def group(self, tags: dict[str, bytes] | list[bytes]) -> bytes:
        named = list(tags.items()) if isinstance(tags, dict) else [("", one) for one in tags]
        body = b"\0\0" + self.wide(len(named))
        for name, (kind, content) in named:
            body += struct.pack(">BH", kind, len(name)) + name.encode()
            if self.version == 4:
                body += struct.pack(">q", len(content))
            body += content
        return (20, body)

    def value(self, kind: int, form: str, number: Any) -> Any:
        return (21, b"%%%%" + self.wide(1, kind) + struct.pack(f"<{form}", number))

    def array(self, kind: int, raw: bytes, length: int) -> Any:
        return (21, b"%%%%" + self.wide(3, 20, kind, length) + raw)

    def text(self, words: str) -> Any:
        return self.array(4, words.encode("utf-16-le"), len(words))

    def record(self) -> Any:  # a struct, as rectangles are
        return (21, b"%%%%" + self.wide(7, 15, 0, 2, 0, 3, 0, 6) + struct.pack("<if", 1, 2.0))

    def image(self, pixels: NDArray[Any], scales: list[tuple[float, str]]) -> Any:
        kind, encoded = _DM_PIXELS[pixels.dtype.name]
        width = 2 if pixels.dtype.kind == "c" else 1
        dimension = [
            self.group(
                {
                    "Origin": self.value(6, "f", 0.0),
                    "Scale": self.value(6, "f", scale),
                    "Units": self.text(unit),
                }
            )
            for scale, unit in scales
        ]
        sides = [self.value(5, "I", n) for n in reversed(pixels.shape)]
        return self.group(
            {
                "ImageData": self.group(
                    {
                        "Calibrations": self.group({"Dimension": self.group(dimension)}),
                        "Data": self.array(encoded, pixels.tobytes(), pixels.size * width),
                        "DataType": self.value(5, "I", kind),
                        "Dimensions": self.group(sides),
                        "PixelDepth": self.value(5, "I", pixels.dtype.itemsize),
                    }
                ),
                "ImageTags": self.group({"Made": self.text("by a test")}),
                "Name": self.text("image"),
            }
        )


def write_dm(
    path: Path, pixels: NDArray[Any], scales: list[tuple[float, str]], version: int = 3
) -> Path:
    """A file with a thumbnail and an image; ``scales`` along x, y, z with their units."""
    made = _Dm(version)
    small = np.zeros((4, 4), np.uint8)
    tags = {
        "ApplicationBounds": made.record(),
        "ImageList": made.group([made.image(small, []), made.image(pixels, scales)]),
        "Thumbnails": made.group([made.group({"ImageIndex": made.value(5, "I", 0)})]),
    }
    _, body = made.group(tags)
    size = struct.pack(">q" if version == 4 else ">i", len(body))
    path.write_bytes(struct.pack(">i", version) + size + struct.pack(">i", 1) + body + b"\0" * 8)
    return path


def write_ser(path: Path, planes: list[NDArray[Any]], step_m: float = 0.0) -> Path:
    kinds = {"uint8": 1, "uint16": 2, "int16": 5, "float32": 7}
    dimension = struct.pack("<iddiii", len(planes), 0, 1, 0, 0, 0)
    head = struct.pack("<hhhiiii", 0x4949, 0x0197, 0x0210, 0x4122, 0x4152, *(len(planes),) * 2)
    start = len(head) + 8 + len(dimension)
    at, offsets, body = start + 8 * len(planes), [], b""
    for plane in planes:
        offsets.append(at + len(body))
        sides = plane.shape[::-1]
        told = (0.0, step_m, 0, 0.0, step_m, 0, kinds[plane.dtype.name], *sides)
        body += struct.pack("<ddiddihii", *told) + plane.tobytes()
    tags = [at + len(body) + 6 * i for i in range(len(planes))]
    body += b"".join(struct.pack("<hi", 0x4152, 1_700_000_000 + i) for i in range(len(planes)))
    index = struct.pack(f"<{2 * len(planes)}i", *offsets, *tags)
    path.write_bytes(head + struct.pack("<ii", start, 1) + dimension + index + body)
    return path
