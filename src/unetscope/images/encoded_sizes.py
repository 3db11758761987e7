"""How many pixels an encoded picture says it unpacks to, read from its head before it is decoded.

A few bytes of WebP, JPEG XL, JPEG XR or LERC become any number of pixels, and their decoders take
the memory for them at once.
"""

from __future__ import annotations

import math
import struct
import zlib

#: The sides of JPEG XL that are told as a share of its height.
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_LERC_HEADS = (b"Lerc2 ", b"CntZImage ")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_XR_SIGNATURE = b"WMPHOTO\0"


def encoded_px(head: bytes) -> int:
    """The pixels that a picture says it unpacks to; 0 where that is not found in its ``head``.

    Known are JPEG, PNG, JPEG 2000, WebP, JPEG XL, JPEG XR and LERC; of moving pictures it is 0.
    """
    try:
        return _found_px(head)
    except (struct.error, IndexError):  # the head ends before the size
        return 0


def bare_lerc(piece: bytes, most: int) -> bytes:
    """A LERC without the Deflate or Zstandard around it; empty if these hold over ``most`` bytes.

    Damaged ones raise what their decoders raise.
    """
    if piece.startswith(_ZSTD_MAGIC):
        import imagecodecs

        return bytes(imagecodecs.zstd_decode(piece, out=most))
    if piece.startswith(_LERC_HEADS):
        return piece
    opened = zlib.decompressobj()
    found = opened.decompress(piece, most)
    return found if opened.eof else b""


def _found_px(head: bytes) -> int:
    if head.startswith(b"\x89PNG"):
        return math.prod(struct.unpack_from(">II", head, 16))
    if head.startswith(b"RIFF"):
        return _webp_px(head)
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return _jpeg_xl_px(head)
    if head.startswith(b"II\xbc"):
        return _jpeg_xr_px(head)
    if head.startswith(_LERC_HEADS):
        return _lerc_px(head)
    at = head.find(b"\xff\x4f\xff\x51")
    if at >= 0:
        return math.prod(struct.unpack_from(">II", head, at + 8))
    return _jpeg_px(head) if head.startswith(b"\xff\xd8") else 0


def _jpeg_px(head: bytes) -> int:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], struct.unpack_from(">H", head, at + 2)[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return math.prod(struct.unpack_from(">HH", head, at + 5))
        at += 2 + length
    return 0


def _webp_px(head: bytes) -> int:
    kind = head[12:16]
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return ((bits & 0x3FFF) + 1) * (((bits >> 14) & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return (width & 0x3FFF) * (height & 0x3FFF)
    if kind != b"VP8X" or head[20] & 2:
        return 0
    width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    return width * height


class _Bits:
    """Numbers of a few bits, the lowest first."""

    def __init__(self, content: bytes) -> None:
        self._left, self._count = int.from_bytes(content, "little"), 8 * len(content)

    def take(self, count: int) -> int:
        """The next number of ``count`` bits; IndexError where it is cut off."""
        self._count -= count
        if self._count < 0:
            raise IndexError("the head ends before the size")
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value


def _jpeg_xl_px(head: bytes) -> int:
    """The pixels of a still JPEG XL, bare or in a container."""
    start = 0
    if not head.startswith(b"\xff\x0a"):
        boxes = [(head.find(kind), skipped) for kind, skipped in ((b"jxlc", 4), (b"jxlp", 8))]
        start = min((at + skipped for at, skipped in boxes if at >= 0), default=len(head))
    if head[start : start + 2] != b"\xff\x0a":
        return 0
    bits = _Bits(head[start + 2 : start + 64])
    height, width = _jpeg_xl_sides(bits)
    return 0 if _moves(bits) else height * width


def _jpeg_xl_sides(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = _jpeg_xl_side(bits, small)
    ratio = bits.take(3)
    if ratio == 0:
        return height, _jpeg_xl_side(bits, small)
    above, below = _RATIOS[ratio - 1]
    return height, height * above // below


def _jpeg_xl_side(bits: _Bits, small: int) -> int:
    if small:
        return 8 * (bits.take(5) + 1)
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


def _moves(bits: _Bits) -> bool:
    """Whether a JPEG XL has several frames, or a preview, behind which that is not looked for."""
    if bits.take(1) or not bits.take(1):  # all as usual, or nothing beside the pixels
        return False
    bits.take(3)
    if bits.take(1):
        _jpeg_xl_sides(bits)
    return bool(bits.take(1) or bits.take(1))


def _jpeg_xr_px(head: bytes) -> int:
    """The larger of what the container and the picture in it say."""
    (at,) = struct.unpack_from("<I", head, 4)
    (count,) = struct.unpack_from("<H", head, at)
    tags = {}
    for number in range(count):
        tag, kind, _, value = struct.unpack_from("<HHII", head, at + 2 + 12 * number)
        tags[tag] = value & 0xFFFF if kind == 3 else value
    start = tags.get(0xBCC0, 0)
    if head[start : start + 8] != _XR_SIGNATURE:
        return 0
    is_short = head[start + 10] & 0x80
    sides = struct.unpack_from(">HH" if is_short else ">II", head, start + 12)
    inside = math.prod(side + 1 for side in sides)
    return max(inside, tags.get(0xBC80, 0) * tags.get(0xBC81, 0))


def _lerc_px(head: bytes) -> int:
    """The numbers in all bands of a LERC: one behind the other, each with a head of its own."""
    if head.startswith(b"CntZImage "):
        height, width = struct.unpack_from("<ii", head, 18)
        return int(height * width * head.count(b"CntZImage "))
    (version,) = struct.unpack_from("<i", head, 6)
    at = 10 if version < 3 else 14
    sides = struct.unpack_from("<iii" if version >= 4 else "<ii", head, at)
    return int(math.prod(sides) * head.count(b"Lerc2 "))
