"""Figure 8: a descent iteration by iteration, as a filmstrip and as an animation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from renormal.files import whole_file
from renormal.report.record import Record
from renormal.report.strips import Film
from renormal.report.table import MODELS

COLUMNS = 7  # of a filmstrip; an animation has every frame
SIDE = 1.25  # inches of a picture
CHANGE = 0.25  # |x_t − x₀| at which its colours end
SCREEN = 256  # pixels of a picture's longer side in an animation
LINE = 18  # pixels for its words
PAUSES = 700, 150, 1500  # ms of the first frame, of each other one, of the last
QUALITY = 80  # WebP

Pixels = NDArray[np.uint8]


def title_of(record: Record, method: str) -> str:
    return f"{MODELS.get(record.model, record.model)}, {record.category}, {method}"


def filmstrip(film: Film, title: str) -> Figure:
    """x_t above f(x_t), iteration by iteration, until they look alike (figure 8), and what has changed by then."""
    frames = film.frames()
    columns = chosen(len(frames))
    figure = Figure(figsize=(SIDE * len(columns) + 0.6, 3 * SIDE + 0.6), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=9)
    grid = figure.subplots(3, len(columns), squeeze=False)
    for axes_of, index in zip(grid.T, columns, strict=True):
        x, reconstructed = frames[index]
        show(axes_of[0], x)
        show(axes_of[1], reconstructed)
        show(axes_of[2], changed(x, frames[0][0]))
        axes_of[0].set_title(f"$t = {film.iterations[index]}$", fontsize=8)
    for axes, name in zip(grid[:, 0], ("$x_t$", "$f(x_t)$", f"$|x_t - x_0|$, to {CHANGE}"), strict=True):
        axes.set_ylabel(name, fontsize=9)
    return figure


def chosen(count: int) -> list[int]:
    """Few frames of many, the first and the last among them, the early ones closer: most happens there."""
    if count <= COLUMNS:
        return list(range(count))
    return [max(place, round((count - 1) * (place / (COLUMNS - 1)) ** 2)) for place in range(COLUMNS)]


def changed(x: Image.Image, x0: Image.Image) -> Pixels:
    """|x_t − x₀|, averaged over channels, in colours up to CHANGE."""
    difference = np.abs(np.asarray(x, dtype=float) - np.asarray(x0, dtype=float)).mean(axis=-1)
    share = np.clip(difference / (255 * CHANGE), 0, 1)
    return np.asarray(colormaps["inferno"](share, bytes=True)[..., :3], dtype=np.uint8)


def write_animation(path: Path, film: Film, title: str) -> Path:
    """x_t, f(x_t) and |x_t − x₀| side by side through all kept iterations, as an endless WebP."""
    frames = film.frames()
    shown = [
        screen([x, reconstructed, Image.fromarray(changed(x, frames[0][0]))], f"{title}, t = {t}")
        for t, (x, reconstructed) in zip(film.iterations, frames, strict=True)
    ]
    first, other, last = PAUSES
    pauses = [first, *[other] * (len(shown) - 2), last][-len(shown) :]
    others = shown[1:]
    with whole_file(path) as file:
        shown[0].save(
            file, "WEBP", save_all=True, append_images=others, duration=pauses, loop=0, quality=QUALITY, method=4
        )
    return path


def screen(pictures: list[Image.Image], words: str) -> Image.Image:
    """One frame: the pictures at one size, the words above them."""
    width, height = pictures[0].size
    scale = SCREEN / max(width, height)
    size = round(width * scale), round(height * scale)
    whole = Image.new("RGB", (len(pictures) * size[0], size[1] + LINE), "white")
    ImageDraw.Draw(whole).text((4, 1), words, fill="black", font=ImageFont.truetype(findfont("DejaVu Sans"), 13))
    for place, picture in enumerate(pictures):
        whole.paste(picture.resize(size, Image.Resampling.LANCZOS), (place * size[0], LINE))
    return whole


def show(axes: Axes, picture: Image.Image | Pixels | None) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if picture is not None:
        axes.imshow(np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture))
