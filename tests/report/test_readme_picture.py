"""The picture of the README shows x0, x_N, its map and the truth of a panel, in this order."""

from __future__ import annotations

from pathlib import Path

from benchmarks.picture import BAR, GAP, SHOWN, SIDE, picture
from made_up import strip
from PIL import Image


def test_four_of_the_six_tiles_are_shown(tmp_path: Path) -> None:
    panel = tmp_path / strip(tmp_path / "panels", "one")["file"]
    found = picture(Image.open(panel))
    assert found.size == (4 * SIDE + 3 * GAP, BAR + SIDE)
    shown = [found.getpixel((place * (SIDE + GAP) + SIDE // 2, BAR + SIDE // 2)) for place in range(len(SHOWN))]
    assert shown == [(255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 255, 255)], "white, black, grey, white"
