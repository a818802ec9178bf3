"""A small picture made of cells, encoded as PNG: thousands of cells would be too heavy as shapes of a diagram."""

from collections.abc import Sequence
from io import BytesIO

from PIL import Image

Color = tuple[int, int, int, int]  # red, green, blue, opacity: 0-255


def png(cells: bytes, width: int, palette: Sequence[Color]) -> bytes:
    """Encode cells as PNG, each cell a pixel; whoever shows them larger lets the browser do it.

    Args: cells: one byte a cell, an index into the palette, row by row; width: cells in a row.
    """
    image = Image.frombytes("P", (width, len(cells) // width), cells)
    image.putpalette(bytes(part for color in palette for part in color), "RGBA")
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)  # large areas pack well with little work, and a panel waits for this
    return buffer.getvalue()


def rgba(color: str, opacity: float = 1.0) -> Color:
    """Turn "#" and six digits and an opacity from 0 to 1 into a palette's color."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue, round(opacity * 255)
