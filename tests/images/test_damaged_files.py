"""Damaged, foreign and hostile files give one ImageError with the fix in words."""

from __future__ import annotations

import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from unetscope.errors import ImageError
from unetscope.images import damage
from unetscope.images.damage import translated_errors
from unetscope.images.files import read_labels, read_micrograph, write_micrograph
from unetscope.images.micrograph import as_micrograph

MUTATIONS = 300


def _write_tiff(path: Path) -> None:
    tifffile.imwrite(
        path,
        np.arange(40 * 40, dtype=np.uint16).reshape(40, 40),
        compression="zlib",
        tile=(16, 16),
        metadata={"axes": "YX"},
    )


def _write_ome(path: Path) -> None:
    tifffile.imwrite(
        path,
        np.arange(40 * 40, dtype=np.uint16).reshape(40, 40),
        ome=True,
        metadata={"axes": "YX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1},
    )


def _write_png(path: Path) -> None:
    Image.fromarray(np.arange(40 * 40, dtype=np.uint8).reshape(40, 40)).save(path)


def _mutated(content: bytes, chance: random.Random) -> bytes:
    """A few changes of the kinds that broken disks, transfers and attackers make."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed))
        kind = chance.choice(("flip", "byte", "cut", "zeros", "copy", "number", "header"))
        if kind == "flip":
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == "byte":
            changed[at] = chance.choice((0, 255, 127, 128))
        elif kind == "cut":
            del changed[max(1, at) :]
        elif kind == "zeros":
            changed[at : at + 16] = bytes(len(changed[at : at + 16]))
        elif kind == "copy":
            changed[at:at] = changed[: chance.randint(1, 40)]
        elif kind == "number":
            changed[at : at + 4] = struct.pack("<I", chance.choice((0, 2**31, 2**32 - 1, 65535)))
        else:
            changed[chance.randrange(min(64, len(changed)))] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "write"), [("a.tif", _write_tiff), ("a.ome.tif", _write_ome), ("a.png", _write_png)]
)
def test_mutated_files_give_an_image_or_an_image_error(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    path = tmp_path / name
    write(path)
    content = path.read_bytes()
    refused = 0
    for seed in range(MUTATIONS):
        path.write_bytes(_mutated(content, random.Random(seed)))
        try:
            image = read_micrograph(path)
            assert image.plane().size <= 2**24
        except ImageError as error:
            refused += 1
            assert len(str(error)) > 25
    assert 20 < refused < MUTATIONS  # the harness does damage, and not only at the first byte


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.png", "a.jpg", "a.bmp"])
@pytest.mark.parametrize("content", [b"", b"\x00", b"not an image at all, but a text", b"II*\x00"])
def test_empty_and_foreign_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=r"again|unknown"):
        read_micrograph(tmp_path / name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".bmp"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    write_micrograph(as_micrograph(noise), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ImageError, match="again"):
        read_micrograph(path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.tif", "not there"),
        ("missing.png", "not there"),
        ("missing.zarr", "no OME-Zarr"),
        ("image", "no suffix"),
        ("image.czi", "not known"),
        ("image.tif.gz", "not known"),
    ],
)
def test_names_that_lead_nowhere_are_explained(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_micrograph(tmp_path / name)


@pytest.mark.parametrize("name", ["folder", "folder.zarr", "folder.tif", "folder.png"])
def test_a_folder_that_is_no_zarr_is_explained(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ImageError, match="folder"):
        read_micrograph(tmp_path / name)


@pytest.mark.parametrize(
    "metadata",
    [
        "{}",
        "not json",
        '{"zarr_format": 3, "node_type": "group", "attributes": {}}',
        '{"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"multiscales": '
        '[{"datasets": [{"path": "0"}]}]}}}',
        '{"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"multiscales": [{}]}}}',
        '{"zarr_format": 9}',
    ],
)
def test_damaged_zarr_metadata_is_refused(tmp_path: Path, metadata: str) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text(metadata)
    with pytest.raises(ImageError, match=r"again|choose"):
        read_micrograph(tmp_path / "a.zarr")


def test_damaged_zarr_chunks_are_refused_when_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_micrograph(as_micrograph(np.random.default_rng(0).random((64, 64))), path)
    for chunk in path.rglob("c/**/*"):
        if chunk.is_file():
            chunk.write_bytes(b"rubbish")
    with pytest.raises(ImageError, match="cannot be read"):
        read_micrograph(path).plane()


def _bomb_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [14_000, 30_000])
def test_a_decompression_bomb_is_refused_with_the_way_out(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(_bomb_png(side, side))
    with pytest.raises(ImageError, match="convert it to TIFF or OME-Zarr"):
        read_micrograph(tmp_path / "bomb.png")


def test_a_tiff_that_claims_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    _write_tiff(path)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for tag in ("ImageWidth", "ImageLength"):
            at = tif.pages[0].tags[tag].valueoffset
            content[at : at + 2] = struct.pack("<H", 60_000)
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"bomb|damaged"):
        read_micrograph(path)


def test_too_little_memory_is_not_told_as_damage_alone(tmp_path) -> None:
    def reading() -> None:
        with translated_errors(tmp_path / "huge.tif", "TIFF"):
            raise MemoryError

    with pytest.raises(ImageError, match=r"huge\.tif asks for more memory than there is") as told:
        reading()
    assert isinstance(told.value.__cause__, MemoryError)


@pytest.mark.parametrize("side", [64, 30_000])
def test_one_budget_of_bytes_holds_for_chunks_and_labels_of_zarrs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    zarr.create_array(tmp_path / "a_labels.zarr", shape=(90, 90), chunks=(side, side), dtype="u1")
    zarr.create_array(tmp_path / "b_labels.zarr", shape=(side, side), chunks=(64, 64), dtype="u1")
    monkeypatch.setattr(damage, "bytes_allowed", lambda: 64 * 2**20)
    for name, what, read in (
        ("a_labels.zarr", "one of its chunks", read_micrograph),
        ("b_labels.zarr", "labels of", read_labels),
    ):
        if side == 64:
            read(tmp_path / name)
            continue
        with pytest.raises(ImageError, match=f"{name} asks for 900 MB of memory for {what}"):
            read(tmp_path / name)


def test_an_archive_whose_file_claims_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zarr.json", bytes(70 * 2**20))
    monkeypatch.setattr(damage, "bytes_allowed", lambda: 64 * 2**20)
    with pytest.raises(ImageError, match="one of its files"):
        read_micrograph(path)
