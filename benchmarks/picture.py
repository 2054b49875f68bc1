"""The picture of the README, from a panel of a finished job: docs/defect.png.

python -m benchmarks.picture outputs/demo/l2_ae/transistor/0/panels/eq8_adam-transistor-test-bent_lead-001.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from renormal.lit.panels import TILES
from renormal.report.strips import read_picture

OUT = Path(__file__).parents[1] / "docs" / "defect.png"
SHOWN = {"x0": "photograph", "x_N": "as a good part", "map of x_N": "what changed", "truth": "the defect"}
SIDE, GAP, BAR, LETTERS = 300, 12, 50, 34  # px


def picture(strip: Image.Image) -> Image.Image:
    """Four of the tiles of a panel, each under its name. strip: without captions."""
    side = strip.height
    whole = Image.new("RGB", (len(SHOWN) * (SIDE + GAP) - GAP, BAR + SIDE), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(LETTERS)
    for place, (tile, name) in enumerate(SHOWN.items()):
        left, at = TILES.index(tile) * side, place * (SIDE + GAP)
        part = strip.crop((left, 0, left + side, side))
        whole.paste(part.resize((SIDE, SIDE), Image.Resampling.BICUBIC), (at, BAR))
        draw.text((at + SIDE / 2, BAR / 2), name, "black", font, anchor="mm")
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panel", type=Path, help="a panel of colours, x0 | f(x0) | x_N | …")
    parser.add_argument("--out", type=Path, default=OUT, help="where the picture is written")
    given = parser.parse_args()
    picture(read_picture(given.panel, "RGB")).save(given.out, optimize=True)
    print(given.out)


if __name__ == "__main__":
    main()
