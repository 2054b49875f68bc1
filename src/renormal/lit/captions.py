"""Captions inside a picture, below it: a file of several pictures says what each of them is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from renormal.files import CAPTION, whole_file

SIZES = (7, 11, 22)  # px of the letters: in pictures of few pixels, usually at least, at most; ours
SHARE = 1 / 22  # of a picture's width
MARGIN = 3  # px around a caption
COMPRESSION = 3  # of zlib, 0 to 9; ours: 10 times as fast as the smallest file, which is 10 % smaller

Pixels = NDArray[np.uint8]


def write_png(path: Path, image: Pixels, captions: Sequence[str]) -> None:
    """Write (H, W, 3) or (H, W) bytes as PNG, whole or not at all, with the captions in a bar below.

    captions: of parts of equal width. Who reads the file finds the height of the bar in its text CAPTION.
    """
    whole, bar = captioned(image, captions)
    info = PngInfo()
    info.add_text(CAPTION, str(bar))
    with whole_file(path) as file:
        Image.fromarray(whole).save(file, "PNG", compress_level=COMPRESSION, pnginfo=info)


def captioned(image: Pixels, captions: Sequence[str]) -> tuple[Pixels, int]:
    """The picture above a white bar, and the height of the bar in pixels.

    image: (H, W) or (H, W, 3). captions: of parts of equal width, from left to right; each is broken into lines.
    """
    height, width = image.shape[:2]
    room = max(1, width // len(captions) - 2 * MARGIN)
    size = size_for(tuple(captions), room)
    texts = [broken(caption, room, size) for caption in captions]
    bar = max(measured(text, size)[1] for text in texts) + 2 * MARGIN
    mode = "L" if image.ndim == 2 else "RGB"
    whole = Image.new(mode, (width, height + bar), "white")
    whole.paste(Image.fromarray(image), (0, 0))
    for index, text in enumerate(texts):
        part = Image.new(mode, (room, bar), "white")  # of its own: no text runs into the next
        ImageDraw.Draw(part).multiline_text((0, MARGIN), text, fill="black", font=font(size))
        whole.paste(part, (index * width // len(texts) + MARGIN, height))
    return np.asarray(whole), bar


@lru_cache
def size_for(captions: tuple[str, ...], room: int) -> int:
    """The size of letters that suits the width, smaller where the longest word would not fit."""
    least, usual, largest = SIZES
    words = [word for caption in captions for word in caption.split()]
    size = min(largest, max(usual, round(room * SHARE)))
    while size > least and any(measured(word, size)[0] > room for word in words):
        size -= 1
    return size


@lru_cache
def broken(text: str, room: int, size: int) -> str:
    """The text in lines that are at most as wide as the room, if their words are."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        lines[-1:] = [longer] if measured(longer, size)[0] <= room else [*lines[-1:], word]
    return "\n".join(lines)


@lru_cache
def measured(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of the text, from its upper left corner."""
    canvas = ImageDraw.Draw(Image.new("L", (1, 1)))
    _, _, right, bottom = canvas.multiline_textbbox((0, 0), text, font=font(size))
    return math.ceil(right), math.ceil(bottom)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
