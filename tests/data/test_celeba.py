"""Aligned faces: which train, which are held out, and what of them is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from renormal.data import DataError, celeba
from renormal.data.images import read_image


def faces(root: Path, count: int = 10, size: tuple[int, int] = (178, 218)) -> Path:
    home = root / "img_align_celeba"
    home.mkdir(parents=True)
    for number in range(1, count + 1):
        Image.new("RGB", size, (number, 0, 0)).save(home / f"{number:06d}.jpg")
    return root


def names(items: tuple) -> list[str]:  # type: ignore[type-arg]
    return [item.image.stem for item in items]


def test_the_last_ones_are_held_out(tmp_path: Path) -> None:
    source = celeba(faces(tmp_path), holdout=0.2)
    assert names(source.test) == ["000009", "000010"]
    assert len(source.train) == 8
    assert {item.defect for item in source.items} == {"good"}
    assert celeba(tmp_path / "img_align_celeba").train == celeba(tmp_path).train


def test_a_partition_decides_where_there_is_one(tmp_path: Path) -> None:
    faces(tmp_path, 4)
    lines = [f"{number:06d}.jpg {part}" for number, part in enumerate((2, 1, 0, 0, 2), start=1)]
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(lines))
    source = celeba(tmp_path)
    assert names(source.train) == ["000003", "000004"]
    assert names(source.test) == ["000001"]  # 2 is validation, 5 is not at hand


@pytest.mark.parametrize(
    ("partition", "message"),
    [("000001.jpg 7", "0, 1 or 2"), ("000001.jpg 0", "not in"), ("000001.jpg 0\n000002.jpg 0", "all of one part")],
)
def test_a_partition_that_does_not_fit_is_named(tmp_path: Path, partition: str, message: str) -> None:
    faces(tmp_path, 2)
    (tmp_path / "list_eval_partition.txt").write_text(partition)
    with pytest.raises(DataError, match=message):
        celeba(tmp_path)


def test_the_square_of_dai_and_wipf_is_kept(tmp_path: Path) -> None:
    """Rows 45 to 172 and columns 25 to 152 of 218 × 178, and the same part of any other size."""
    pixels = np.zeros((218, 178, 3), dtype=np.uint8)
    pixels[45:173, 25:153] = 255
    Image.fromarray(pixels).save(tmp_path / "face.png")
    kept = read_image(tmp_path / "face.png", size=128, channels=3, fit="face", max_pixels=10**6)
    assert kept.min() == 255
    Image.fromarray(pixels).resize((89, 109)).save(tmp_path / "half.png")
    half = read_image(tmp_path / "half.png", size=64, channels=3, fit="face", max_pixels=10**6)
    assert (half > 200).mean() > 0.95  # half a pixel at two sides


@pytest.mark.parametrize("root", [None, "nowhere"])
def test_without_a_folder_a_line_says_what_to_give(tmp_path: Path, root: str | None) -> None:
    with pytest.raises(DataError, match=r"data\.root"):
        celeba(tmp_path / root if root else None)


def test_a_share_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holdout"):
        celeba(faces(tmp_path), holdout=1.0)
