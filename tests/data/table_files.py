"""Tables of drawn photographs, as people write them."""

from __future__ import annotations

from pathlib import Path

from data_sets import black, outlines, photographs

NAMES = ("a", "b", "c", "d")
PLAIN = """
    image,label,mask,split
    images/a.png,good,,train
    images/b.png,good,,train
    images/c.png,good,,train
    images/d.png,good,,test
    images/dent.png,dent,masks/dent.png,test
"""


def parts(root: Path) -> None:
    """Four good parts and two defective ones with masks, and a black mask."""
    photographs(root, *(f"images/{name}.png" for name in (*NAMES, "dent", "scratch")))
    outlines(root, "masks/dent.png", "masks/scratch.png")
    black(root, "masks/a.png")


def write(root: Path, text: str, name: str = "parts.csv", encoding: str = "utf-8") -> Path:
    """The table, with its rows as they are given; blanks at the begin of a line are left out."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(line.strip(" ") for line in text.strip(" \n").split("\n")).encode(encoding))
    return path


def rows(*lines: str) -> str:
    return "\n".join(lines)
