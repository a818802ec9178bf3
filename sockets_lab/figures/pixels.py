"""A small picture made of cells, encoded as PNG: thousands of cells would be too heavy as shapes of a diagram."""

import struct
import zlib
from collections.abc import Sequence

Color = tuple[int, int, int, int]  # red, green, blue, opacity: 0-255


def png(cells: bytes, width: int, palette: Sequence[Color], scale: int = 1) -> bytes:
    """Encode cells as PNG, each cell a square of `scale` pixels.

    Args: cells: one byte a cell, an index into the palette, row by row; width: cells in a row.
    Source: PNG specification (RFC 2083), color type 3.
    """
    rows = [cells[start : start + width] for start in range(0, len(cells), width)]
    lines = [b"\0" + b"".join(bytes([cell]) * scale for cell in row) for row in rows]  # 0: no filter
    header = struct.pack("!IIBBBBB", width * scale, len(rows) * scale, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", b"".join(bytes(color[:3]) for color in palette)),
        (b"tRNS", bytes(color[3] for color in palette)),
        (b"IDAT", zlib.compress(b"".join(line * scale for line in lines))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def rgba(color: str, opacity: float = 1.0) -> Color:
    """Turn "#0072B2" and an opacity from 0 to 1 into a palette's color."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue, round(opacity * 255)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
