"""Codecs of zarr chunks of others: those that only turn bytes, and never into more than a chunk.

A chunk says what it inflates to, in its header or as it is walked through; that is looked at before
anything is inflated, as two megabytes can become any size. Codecs that run code (pickle) or are not
known are refused by name.
"""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import ShardingCodec

from unetscope.errors import ImageError
from unetscope.images.damage import check_bytes

_KNOWN = {
    *("blosc", "zstd", "gzip", "zlib", "lz4", "bz2", "lzma"),
    *("bytes", "transpose", "crc32c", "sharding_indexed", "endian"),
    *("shuffle", "delta", "fixedscaleoffset", "packbits", "astype", "bitround", "quantize"),
    *("crc32", "adler32", "fletcher32", "jenkins_lookup3"),
}
#: Filters may store a value in more bytes than the array has for it.
_FILTER_FACTOR = 16
_SLACK_BYTES = 2**16
_PIECE = 2**20
_ZSTD_MAGIC = 0xFD2FB528
_ZSTD_BLOCK = 2**17


def bounded(path: Path, array: Any) -> Any:
    """``array`` with codecs that refuse what inflates to more than a chunk holds.

    Raises
    ------
    ImageError
        If its chunks are too large for the memory there is, or of a codec that is not known.
    """
    pieces = math.prod(array.shards or array.chunks) * array.dtype.itemsize
    check_bytes(path, pieces, "one of its chunks")
    metadata = array.metadata
    if metadata.zarr_format == 2:
        limit = math.prod(array.chunks) * array.dtype.itemsize
        codecs = [*(metadata.filters or ()), *filter(None, [metadata.compressor])]
        _check_names(path, [str(codec.codec_id) for codec in codecs])
        if metadata.compressor is None:
            return array
        limit *= _FILTER_FACTOR if metadata.filters else 1
        metadata = replace(metadata, compressor=_OldBounded(path, metadata.compressor, limit))
    else:
        _check_names(path, list(_names(metadata.codecs)))
        metadata = replace(metadata, codecs=_bounded_all(path, metadata.codecs))
    inner = array._async_array
    return zarr.Array(type(inner)(metadata=metadata, store_path=array.store_path))


def _check_names(path: Path, names: list[str]) -> None:
    unknown = [name for name in names if name.removeprefix("numcodecs.") not in _KNOWN]
    if unknown:
        raise ImageError(
            f"{path} is stored with the codec {', '.join(unknown)}, which is not read from files "
            "of others; export it with zstd, blosc or gzip"
        )


def _names(codecs: Iterable[Any]) -> Iterable[str]:
    for codec in codecs:
        yield str(codec.to_dict()["name"])
        if isinstance(codec, ShardingCodec):
            yield from _names([*codec.codecs, *codec.index_codecs])


def _bounded_all(path: Path, codecs: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(_bounded_one(path, codec) for codec in codecs)


def _bounded_one(path: Path, codec: Any) -> Any:
    if isinstance(codec, ShardingCodec):
        return replace(codec, codecs=_bounded_all(path, codec.codecs))
    name = str(codec.to_dict()["name"]).removeprefix("numcodecs.")
    return _Bounded(path, name, codec) if name in _INFLATED else codec


class _OldBounded:
    """A compressor of zarr 2 that looks at a chunk before it inflates it."""

    codec_id = "bounded"

    def __init__(self, path: Path, inner: Any, limit: int) -> None:
        self._name = str(inner.codec_id)
        self._path, self._inner, self._limit = path, inner, limit

    def get_config(self) -> dict[str, Any]:
        """As the codec itself."""
        return dict(self._inner.get_config())

    @classmethod
    def from_config(cls, config: Any) -> _OldBounded:
        """Never made from metadata."""
        raise NotImplementedError(f"{config} is no codec that can be stored")

    def encode(self, buf: Any) -> Any:
        """As the codec itself."""
        return self._inner.encode(buf)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """As the codec itself; ImageError if there is more in it than a chunk."""
        _check(self._path, self._name, bytes(buf), self._limit)
        return self._inner.decode(buf, out)


@dataclass(frozen=True)
class _Bounded(BytesBytesCodec):
    """A codec of zarr 3 that looks at a chunk before it inflates it."""

    path: Path
    name: str
    inner: Any
    is_fixed_size = False

    def to_dict(self) -> dict[str, Any]:
        """As the codec itself."""
        return dict(self.inner.to_dict())

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """As the codec itself."""
        return int(self.inner.compute_encoded_size(input_byte_length, chunk_spec))

    def resolve_metadata(self, chunk_spec: Any) -> Any:
        """As the codec itself."""
        return self.inner.resolve_metadata(chunk_spec)

    def evolve_from_array_spec(self, array_spec: Any) -> _Bounded:
        """As the codec itself."""
        return replace(self, inner=self.inner.evolve_from_array_spec(array_spec))

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        limit = math.prod(chunk_spec.shape) * chunk_spec.dtype.to_native_dtype().itemsize
        _check(self.path, self.name, chunk_data.to_bytes(), limit)
        return await self.inner._decode_single(chunk_data, chunk_spec)

    async def _encode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        return await self.inner._encode_single(chunk_data, chunk_spec)


def _check(path: Path, name: str, chunk: bytes, limit: int) -> None:
    limit = limit + limit // 8 + _SLACK_BYTES
    measure = _INFLATED.get(name)
    found = 0 if measure is None else measure(chunk, limit)
    if found > limit:
        raise ImageError(
            f"{path} has a chunk that inflates to more than the {limit} bytes of its pixels; it is "
            "damaged or a decompression bomb: copy or export it again"
        )


def _blosc(chunk: bytes, _: int) -> int:
    return int.from_bytes(chunk[4:8], "little") if len(chunk) >= 16 else 0


def _lz4(chunk: bytes, _: int) -> int:
    return int.from_bytes(chunk[:4], "little")


def _zstd(chunk: bytes, limit: int) -> int:
    """The size that the frames of a chunk say, or at most have by their blocks."""
    total, at = 0, 0
    while at + 6 <= len(chunk) and int.from_bytes(chunk[at : at + 4], "little") == _ZSTD_MAGIC:
        size, at = _zstd_frame(chunk, at + 4)
        total += size
        if total > limit:
            break
    return total


def _zstd_frame(chunk: bytes, at: int) -> tuple[int, int]:
    """Size of the content of one frame whose descriptor is at ``at``, and where the next begins."""
    descriptor = chunk[at]
    is_single = bool(descriptor & 0x20)
    flag = descriptor >> 6
    at += 1 + (0 if is_single else 1) + (0, 1, 2, 4)[descriptor & 3]
    width = (1 if is_single else 0, 2, 4, 8)[flag]
    told = int.from_bytes(chunk[at : at + width], "little") + (256 if width == 2 else 0)
    at += width
    found, is_last = 0, False
    while not is_last and at + 3 <= len(chunk):
        header = int.from_bytes(chunk[at : at + 3], "little")
        is_last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        found += _ZSTD_BLOCK if kind == 2 else size
        at += 3 + (1 if kind == 1 else size)
    return (told if width else found), at + (4 if descriptor & 4 else 0)


def _streamed(opened: Callable[[], Any], ratio: int) -> Callable[[bytes, int], int]:
    """Counts what a stream inflates to, a piece at a time; not where it cannot be too much."""

    def count(chunk: bytes, limit: int) -> int:
        if len(chunk) * ratio <= limit:
            return 0
        stream, found, left = opened(), 0, chunk
        try:
            while left and found <= limit:
                found += len(stream.decompress(left, _PIECE))
                left = getattr(stream, "unconsumed_tail", b"")
                if stream.eof:
                    left, stream = stream.unused_data, opened()
                elif not left and hasattr(stream, "needs_input"):
                    while not stream.needs_input and not stream.eof and found <= limit:
                        found += len(stream.decompress(b"", _PIECE))
                    left = stream.unused_data if stream.eof else b""
                    stream = opened() if stream.eof else stream
        except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
            return found  # the codec itself says what is wrong with it
        return found

    return count


_INFLATED: dict[str, Callable[[bytes, int], int]] = {
    "blosc": _blosc,
    "lz4": _lz4,
    "zstd": _zstd,
    "gzip": _streamed(lambda: zlib.decompressobj(31), 1032),
    "zlib": _streamed(lambda: zlib.decompressobj(15), 1032),
    "bz2": _streamed(bz2.BZ2Decompressor, 10**9),
    "lzma": _streamed(lzma.LZMADecompressor, 10**9),
}
