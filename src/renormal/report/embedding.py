"""Pictures within a page: small WebP as data URIs."""

from __future__ import annotations

import base64
import io

from PIL import Image

SIDE = 192  # longer side of an embedded picture, pixels
QUALITY = 80  # WebP


def embedded(picture: Image.Image, side: int = SIDE) -> str:
    """A small WebP as a data URI. side: the longer one in pixels, at most."""
    buffer = io.BytesIO()
    small = picture.resize(embedded_size(picture.size, side), Image.Resampling.LANCZOS)
    small.save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def embedded_size(size: tuple[int, int], side: int = SIDE) -> tuple[int, int]:
    """Width and height of an embedded picture: its longer side is at most `side`."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
