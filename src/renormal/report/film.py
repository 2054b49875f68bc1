"""Figure 8: the iterations of a descent, as a filmstrip and as an animation."""

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
from renormal.report.charts import plain
from renormal.report.models import label
from renormal.report.record import Record
from renormal.report.strips import Film

COLUMNS = 7  # of a filmstrip; an animation shows every frame
SIDE = 1.25  # side of a picture in inches
CHANGE = 0.25  # |x_t − x₀| of the last colour of the colour map
SCREEN = 256  # longer side of a picture in an animation, pixels
LINE = 18  # height of its title, pixels
PAUSES = 700, 150, 1500  # ms of the first frame, of a middle one, of the last
QUALITY = 80  # WebP

Pixels = NDArray[np.uint8]


def title_of(record: Record, method: str) -> str:
    return f"{label(record)}, {record.category}, {method}"


def filmstrip(film: Film, title: str) -> Figure:
    """Rows x_t, f(x_t) and |x_t − x₀|; a column for each of at most COLUMNS iterations (figure 8)."""
    frames = film.frames()
    columns = frame_indices(len(frames))
    figure = Figure(figsize=(SIDE * len(columns) + 0.6, 3 * SIDE + 0.6), layout="constrained")
    figure.suptitle(plain(title), x=0.01, ha="left", fontsize=9)
    grid = figure.subplots(3, len(columns), squeeze=False)
    for column, index in zip(grid.T, columns, strict=True):
        x, reconstructed = frames[index]
        show(column[0], x)
        show(column[1], reconstructed)
        show(column[2], change_map(x, frames[0][0]))
        column[0].set_title(f"$t = {film.iterations[index]}$", fontsize=8)
    for axes, name in zip(grid[:, 0], ("$x_t$", "$f(x_t)$", f"$|x_t - x_0|$, to {CHANGE}"), strict=True):
        axes.set_ylabel(name, fontsize=9)
    return figure


def frame_indices(count: int) -> list[int]:
    """Indices of at most COLUMNS frames: first and last included, early ones denser, where x changes most."""
    if count <= COLUMNS:
        return list(range(count))
    return [max(place, round((count - 1) * (place / (COLUMNS - 1)) ** 2)) for place in range(COLUMNS)]


def change_map(x: Image.Image, x0: Image.Image) -> Pixels:
    """|x_t − x₀|, mean over channels, in the colours of inferno from 0 to CHANGE."""
    difference = np.abs(np.asarray(x, dtype=float) - np.asarray(x0, dtype=float)).mean(axis=-1)
    share = np.clip(difference / (255 * CHANGE), 0, 1)
    return np.asarray(colormaps["inferno"](share, bytes=True)[..., :3], dtype=np.uint8)


def write_animation(path: Path, film: Film, title: str) -> Path:
    """Write an endless WebP: x_t, f(x_t) and |x_t − x₀| in a row, one frame per kept iteration. Returns `path`."""
    frames = film.frames()
    shown = [
        animation_frame([x, reconstructed, Image.fromarray(change_map(x, frames[0][0]))], f"{title}, t = {t}")
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


def animation_frame(pictures: list[Image.Image], title: str) -> Image.Image:
    """The pictures in a row at one size, below the title."""
    width, height = pictures[0].size
    scale = SCREEN / max(width, height)
    size = round(width * scale), round(height * scale)
    frame = Image.new("RGB", (len(pictures) * size[0], size[1] + LINE), "white")
    ImageDraw.Draw(frame).text((4, 1), title, fill="black", font=ImageFont.truetype(findfont("DejaVu Sans"), 13))
    for place, picture in enumerate(pictures):
        frame.paste(picture.resize(size, Image.Resampling.LANCZOS), (place * size[0], LINE))
    return frame


def show(axes: Axes, picture: Image.Image | Pixels | None) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if picture is not None:
        axes.imshow(np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture))
