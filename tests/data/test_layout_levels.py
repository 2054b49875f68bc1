"""A data set is found where it lies: a folder too high or too low is named, links are followed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_sets import SPLIT, listed, move, notes, outlines, photographs, visa, with_crack
from renormal.data import DataError, folder


def test_a_folder_too_high_names_the_data_sets_below(tmp_path: Path) -> None:
    for place in ("gadget", "parts/widget"):
        photographs(tmp_path, *(f"up/{place}/{name}" for name in SPLIT))
        outlines(tmp_path, f"up/{place}/ground_truth/crack/1.png")
    photographs(tmp_path, "up/notes/preview.png")
    with pytest.raises(DataError, match="is a folder too high; give ") as caught:
        folder(tmp_path / "up")
    roots = re.findall(r"data\.root=(\S+)", str(caught.value))
    assert roots == [f"{tmp_path}/up/gadget", f"{tmp_path}/up/parts/widget"]
    expected = ["train/good/1.png"], with_crack(**{"crack: test/crack/1.png": "ground_truth/crack/1.png"})
    assert [listed(folder(root)) for root in roots] == [expected, expected]


def test_the_only_folder_with_images_is_named(tmp_path: Path) -> None:
    photographs(tmp_path, "widget/1.png", "widget/2.png")
    with pytest.raises(DataError, match=f"or give data.root={tmp_path}/widget if they are there$"):
        folder(tmp_path)
    assert listed(folder(tmp_path / "widget")) == (["1.png"], {"good: 2.png": None})


def test_an_archive_next_to_data_sets_is_no_image(tmp_path: Path) -> None:
    photographs(tmp_path, *(f"widget/{name}" for name in SPLIT))
    notes(tmp_path, "widget.zip")
    with pytest.raises(DataError, match=f"give data.root={tmp_path}/widget$"):
        folder(tmp_path)


def test_a_data_set_among_defects_is_not_flattened(tmp_path: Path) -> None:
    photographs(tmp_path, "preview.png", *(f"widget/{name}" for name in SPLIT))
    with pytest.raises(DataError, match=f"give data.root={tmp_path}/widget$"):
        folder(tmp_path)


def test_a_folder_too_high_names_five_of_many(tmp_path: Path) -> None:
    photographs(tmp_path, *(f"{k}/{name}" for k in range(8) for name in SPLIT))
    with pytest.raises(DataError, match=f"or data.root={tmp_path}/4 or one of 3 more$"):
        folder(tmp_path)


def test_a_training_folder_alone_says_that_its_test_images_are_not_read(tmp_path: Path) -> None:
    photographs(tmp_path, *SPLIT, "train/good/2.png")
    source = folder(tmp_path / "train")
    assert listed(source) == (["good/1.png"], {"good: good/2.png": None})
    line = f"{tmp_path}/train: the test images in {tmp_path}/test are not read; data.root={tmp_path} reads both"
    assert source.remarks == (line,)


@pytest.mark.parametrize("low", ["test", "Images"])
def test_a_folder_too_low_names_the_one_above(low: str, tmp_path: Path) -> None:
    if low == "test":
        photographs(tmp_path, *SPLIT)
    else:
        visa(tmp_path)
    with pytest.raises(DataError, match=f"give data.root={tmp_path}$"):
        folder(tmp_path / low)


def test_a_link_that_leads_back_ends(tmp_path: Path) -> None:
    photographs(tmp_path, *SPLIT)
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation/again").symlink_to(tmp_path)
    assert listed(folder(tmp_path)) == (["train/good/1.png"], with_crack())


def test_masks_behind_a_link_are_found(tmp_path: Path) -> None:
    photographs(tmp_path, *SPLIT)
    outlines(tmp_path / "elsewhere", "1.png")
    move(tmp_path / "elsewhere", tmp_path.parent / f"{tmp_path.name} elsewhere")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/crack").symlink_to(tmp_path.parent / f"{tmp_path.name} elsewhere")
    assert listed(folder(tmp_path))[1]["crack: test/crack/1.png"] == "masks/crack/1.png"
