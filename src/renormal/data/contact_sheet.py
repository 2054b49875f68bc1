"""A picture of the odd photographs, each with its name and what is odd, beside typical ones."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from renormal.data.examination import Examination
from renormal.data.source import Item, Source
from renormal.data.threads import in_threads
from renormal.data.thumbnails import reduced

TILE, GAP = 200, 16  # pixels: four tiles are as wide as a picture in the page of the report
COLUMNS = 4
SHOWN = 24  # odd photographs at most: the table names all
FONT, LINE = 15, 19  # pixels
LETTERS, ROWS = 27, 6  # of a caption: characters of a line; lines
BACKDROP, INK, RED = (255, 255, 255), (20, 20, 20), (190, 20, 20)


def contact_sheet(source: Source, examination: Examination, *, bits: int) -> Image.Image | None:
    """First the typical photographs, then the odd ones, the oddest first. None without odd ones."""
    if not examination.odd:
        return None
    shown = [(item, "typical", INK) for item in examination.typical]
    shown += [(item, reason, RED) for item, reason in examination.odd[:SHOWN]]
    tiles = in_threads(
        lambda item: reduced(item, side=TILE, fit=source.fit, max_pixels=source.max_pixels, bits=bits)[0],
        [item for item, _, _ in shown],
        f"{source.name}: drawing the odd photographs",
    )
    title = f"{source.name}: {len(examination.odd)} good photographs that are unlike the others"
    if len(examination.odd) > SHOWN:
        title += f", {SHOWN} of them"
    return _page(title, [(tile, _caption(source, *entry)) for tile, entry in zip(tiles, shown, strict=True)])


Caption = tuple[list[str], tuple[int, int, int]]


def _caption(source: Source, item: Item, reason: str, colour: tuple[int, int, int]) -> Caption:
    """The end of the name, which tells photographs apart, and the reason below it."""
    path = item.image.relative_to(source.root) if item.image.is_relative_to(source.root) else item.image
    name = path.as_posix()
    short = name if len(name) <= LETTERS else f"…{name[1 - LETTERS :]}"
    return [short, *textwrap.wrap(reason, LETTERS)][:ROWS], colour


def _page(title: str, tiles: Sequence[tuple[Image.Image, Caption]]) -> Image.Image:
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    width, height = TILE + GAP, TILE + ROWS * LINE + GAP
    page = Image.new("RGB", (columns * width + GAP, rows * height + 2 * GAP + LINE), BACKDROP)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(FONT)
    draw.text((GAP, GAP), title, INK, font)
    for place, (tile, (lines, colour)) in enumerate(tiles):
        left, top = GAP + place % columns * width, 2 * GAP + LINE + place // columns * height
        page.paste(tile, (left, top))
        draw.rectangle((left - 1, top - 1, left + TILE, top + TILE), outline=colour)
        for number, line in enumerate(lines):
            draw.text((left, top + TILE + 4 + number * LINE), line, colour, font)
    return page
