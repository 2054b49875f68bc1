"""The picture of what a network learns to undo."""

from __future__ import annotations

from pathlib import Path

import torch

from renormal.functional.corruption import Corruption
from renormal.lit.damage_sheet import COUNT, FILE, ROWS, DamageSheet
from renormal.report.strips import read_picture


class Data:
    """Grey images of 16 px, no source behind them."""

    def normal_images(self, count: int):
        yield torch.full((count, 1, 16, 16), 0.5)


def test_the_sheet_has_a_row_of_good_images_and_the_same_numbers_each_time(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    first = DamageSheet(tmp_path / "a").draw(Corruption(), Data())  # type: ignore[arg-type]
    again = DamageSheet(tmp_path / "b").draw(Corruption(), Data())  # type: ignore[arg-type]
    assert first.name == FILE
    assert first.read_bytes() == again.read_bytes()
    assert torch.equal(torch.get_rng_state(), state)  # the training sees what it would have seen
    picture = read_picture(first, "RGB")
    assert picture.size == (COUNT * 16, (1 + 2 * ROWS) * 16)
    top = picture.crop((0, 0, COUNT * 16, 16))
    assert top.getcolors() == [(COUNT * 16 * 16, (128, 128, 128))]
    assert len(picture.getcolors(100_000)) > 10
