"""A JPEG that was damaged in its middle is refused; whole ones are taken, whatever stands around the picture."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from renormal.data import DataError
from renormal.data.images import read_image
from renormal.data.jpeg import PADDING, damage_in

SIDE = 160
DATA = os.environ.get("RENORMAL_DATA")


def photograph(mode: str = "RGB") -> Image.Image:
    """Smooth shapes and noise, as a camera sees them."""
    row, column = np.mgrid[:SIDE, :SIDE] / SIDE
    noise = np.random.default_rng(0).normal(0, 8, (SIDE, SIDE, 3))
    channels = np.stack([np.sin(9 * row * column), np.cos(7 * row), column], axis=-1)
    return Image.fromarray(np.clip(127 + 90 * channels + noise, 0, 255).astype(np.uint8)).convert(mode)


def encoded(mode: str = "RGB", **settings: Any) -> bytes:
    file = io.BytesIO()
    photograph(mode).save(file, "JPEG", quality=90, **settings)
    return file.getvalue()


def with_preview() -> bytes:
    preview, exif = io.BytesIO(), Image.Exif()
    photograph().resize((40, 40)).save(preview, "JPEG")
    exif[0x010E] = "part 7"
    return encoded(exif=exif.tobytes() + preview.getvalue())


PLAIN = encoded()
KINDS = {
    "baseline": PLAIN,
    "progressive": encoded(progressive=True),
    "restart markers": encoded(restart_marker_rows=1),
}
WHOLE = {
    **KINDS,
    "grey": encoded("L"),
    "CMYK": encoded("CMYK"),
    "full colour": encoded(subsampling=0),
    "optimized": encoded(optimize=True),
    "with a preview": with_preview(),
    "with a comment": encoded(comment=b"\xff\xd8\xff\xd9" * 20),
    "bytes after its end": PLAIN + bytes(range(256)) * 4,
    "another picture after its end": PLAIN + encoded("L"),
    "zeros before its end": PLAIN[:-2] + bytes(600) + PLAIN[-2:],
    "fill bytes before its end": PLAIN[:-2] + b"\xff" * 300 + PLAIN[-2:],
    "some unused bytes": PLAIN[:-2] + bytes(range(1, 1 + PADDING)) + PLAIN[-2:],
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_picture_is_taken(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "0.jpg"
    path.write_bytes(WHOLE[kind])
    found = read_image(path, size=SIDE, channels=3, fit="squash", max_pixels=10**6)
    assert np.array_equal(found.transpose(1, 2, 0), np.asarray(Image.open(path).convert("RGB")))


def damaged(data: bytes, way: str, chance: random.Random) -> bytes:
    at = chance.randrange(data.index(b"\xff\xda") + 200, len(data) - 700)
    block = {"zeros": bytes(512), "noise": chance.randbytes(512), "lost": b"", "ended": b"\xff\xd9"}[way]
    return data[:at] + block + (b"" if way == "ended" else data[at + 512 :])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["zeros", "noise", "lost", "ended"])
def test_a_block_that_was_lost_or_replaced_is_one_line(way: str, kind: str, tmp_path: Path) -> None:
    chance, path, lines = random.Random(0), tmp_path / "0.jpg", list[str]()
    for _ in range(20):
        path.write_bytes(damaged(KINDS[kind], way, chance))
        try:
            read_image(path, size=16, channels=3, fit="squash", max_pixels=10**6)
        except DataError as error:
            lines.append(str(error))
    assert len(lines) >= (16 if kind == "progressive" else 18), "a block may be a valid code by chance"
    assert [line for line in lines if not line.startswith(f"{path}: ") or "; copy it again" not in line] == []


def test_what_libjpeg_warns_of_is_in_the_line(tmp_path: Path) -> None:
    path = tmp_path / "0.jpg"
    path.write_bytes(damaged(PLAIN, "ended", random.Random(0)))
    assert "premature end" in damage_in(path.read_bytes())
    with pytest.raises(DataError, match=r"0\.jpg: damaged image \(.*premature end.*\); copy it again, or save"):
        read_image(path, size=16, channels=1, fit="squash", max_pixels=10**6)


@pytest.mark.skipif(not DATA, reason="RENORMAL_DATA names no folder with photographs")
def test_no_photograph_of_the_data_sets_is_refused() -> None:
    photographs = sorted(path for path in Path(DATA or "").rglob("*.jp*g") if path.is_file())
    assert [path for path in photographs[:: max(1, len(photographs) // 300)] if damage_in(path.read_bytes())] == []
