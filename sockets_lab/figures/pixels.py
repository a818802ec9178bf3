"""Pictures encoded as PNG: a figure of matplotlib's, and cells, which would be too heavy as shapes of a diagram."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Color = tuple[int, int, int, int]  # red, green, blue, opacity: 0-255
COLORS, FLAT = 64, 24  # of a saved picture, which takes a third of the bytes; so many of them are its largest areas
FAR = 32  # of 255, in red, green or blue: a picture of which any pixel would change more keeps all its colors


def saved(figure: "Figure") -> bytes:
    """Encode a figure as PNG, in a palette of 64 colors where no pixel looks different with them."""
    drawn, encoded = BytesIO(), BytesIO()
    figure.savefig(drawn, format="rgba")
    size = round(figure.bbox.width), round(figure.bbox.height)
    image = Image.frombytes("RGBA", size, drawn.getvalue()).convert("RGB")
    (_in_few_colors(image) or image).save(encoded, "PNG")
    return encoded.getvalue()


def _in_few_colors(image: Image.Image) -> Image.Image | None:
    """Keep the most frequent colors, and add the one that is farthest from all kept ones until there are enough.

    Pillow's `quantize` gives similar tints one color, and so confuses roles. Returns: None, where these are too few.
    """
    packed = np.asarray(image.convert("RGBA")).reshape(-1, 4).view(np.uint32)[:, 0]
    found, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colors = found.view(np.uint8).reshape(-1, 4)[:, :3].astype(np.int16)
    frequent, kept = counts.argsort()[::-1][:FLAT], []
    nearest, distance = np.zeros(len(colors), np.uint8), np.full(len(colors), 256, np.int16)
    for number in range(COLORS):
        kept.append(frequent[number] if number < len(frequent) else distance.argmax())
        own = np.abs(colors - colors[kept[-1]]).max(axis=1)
        closer = own < distance
        nearest[closer], distance[closer] = number, own[closer]
    if distance.max() > FAR:
        return None
    few = Image.frombytes("P", image.size, nearest[places].tobytes())
    few.putpalette(colors[kept].astype(np.uint8).tobytes())
    return few


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
