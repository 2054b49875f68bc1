"""What of a table trains, is held out and is tested: groups and copies are never divided."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from table_files import PLAIN, parts, rows, write

from data_sets import photographs, refusal
from renormal.data import Source, hold_out, set_apart, table


def test_good_validation_images_are_spare_and_defective_ones_are_counted(tmp_path: Path) -> None:
    parts(tmp_path)
    text = PLAIN.replace("b.png,good,,train", "b.png,,,val") + "images/scratch.png,scratch,,validation"
    source = table(write(tmp_path, text))
    assert [item.image.name for item in source.spare] == ["b.png"]
    assert [item.image.name for item in source.train] == ["a.png", "c.png"]
    assert "defective validation images, which are not used: 1" in source.remarks[-1]
    held = hold_out(source, 2)
    assert (held.train, held.spare) == (source.train, source.spare)
    assert "choose.holdout=2 holds out nothing more: 1 validation images" in held.remarks[-1]


def test_a_copy_in_one_part_is_counted(tmp_path: Path) -> None:
    parts(tmp_path)
    (tmp_path / "images" / "copy.png").write_bytes((tmp_path / "images" / "a.png").read_bytes())
    source = table(write(tmp_path, PLAIN + "images/copy.png,good,,train"))
    assert len(source.train) == 4
    assert "copies of other images, each of which counts: 1" in source.remarks[-1]


def grouped(root: Path, *lines: str, **options: object) -> Source:
    """Each line: the name of an image, its label, its split, its group."""
    photographs(root, *(line.split(",")[0] for line in lines))
    return table(write(root, rows("image,label,split,group", *lines)), **options)  # type: ignore[arg-type]


def test_a_group_is_held_out_as_a_whole(tmp_path: Path) -> None:
    lines = [f"{group}{k}.png,good,,{group}" for group in "abcdef" for k in range(3)]
    source = grouped(tmp_path, *lines, "z.png,dent,,", holdout=3)
    assert {item.group for item in source.train} == {"a", "b", "d", "e"}
    assert [item.image.name for item in source.test[1:]] == [f"{group}{k}.png" for group in "cf" for k in range(3)]
    held = hold_out(source, 2)
    assert {item.group for item in held.train} == {"a", "d"}
    assert {item.group for item in held.spare} == {"b", "e"}


def test_a_good_part_follows_the_split_of_its_group(tmp_path: Path) -> None:
    source = grouped(tmp_path, "a.png,good,,1", "b.png,dent,,1", "c.png,good,,2", "d.png,good,train,3", "e.png,good,,3")
    assert [item.image.name for item in source.train] == ["c.png", "d.png", "e.png"]
    assert [item.image.name for item in source.test] == ["b.png", "a.png"]
    assert "good images that are tested, since their group has a row that is: 1" in source.remarks[-1]


def test_equal_files_are_held_out_together(tmp_path: Path) -> None:
    photographs(tmp_path, *(f"{k}.png" for k in range(6)))
    (tmp_path / "copy.png").write_bytes((tmp_path / "5.png").read_bytes())
    source = table(write(tmp_path, rows("image", *(f"{k}.png" for k in range(6)), "copy.png")), holdout=6)
    assert [item.image.name for item in source.test] == ["5.png", "copy.png"]


def test_one_group_alone_is_not_divided(tmp_path: Path) -> None:
    source = grouped(tmp_path, "a.png,good,,1", "b.png,good,,1", "c.png,dent,,")
    assert len(source.train) == 2
    for held, line in ((hold_out, "to spare"), (set_apart, "to set apart")):
        given = refusal(partial(held, source, 2)) or ""
        assert given.startswith(
            f"{tmp_path}: parts has one group of training images, none {line}: add photographs of good parts"
        )


def test_images_for_thresholds_are_whole_groups_too(tmp_path: Path) -> None:
    lines = [f"{group}{k}.png,good,,{group}" for group in "abcdef" for k in range(2)]
    source = set_apart(hold_out(grouped(tmp_path, *lines, "z.png,dent,,", "y.png,good,test,"), 2), 3)
    groups = [{item.group for item in part} for part in (source.train, source.spare, source.apart)]
    assert groups == [
        {"a", "c"},
        {"b", "d", "f"},
        {"e"},
    ]


def test_each_group_is_set_apart_in_one_fold(tmp_path: Path) -> None:
    lines = [f"{group}{k}.png,good,train,{group}" for group in "abcdef" for k in range(2)]
    source = grouped(tmp_path, *lines, "z.png,dent,,")
    apart = [item.image.name for fold in range(3) for item in set_apart(source, 3, fold).apart]
    assert sorted(apart) == [item.image.name for item in source.train]


def masked(root: Path, *lines: str) -> Path:
    """Three good parts, and rows of defective ones, with their masks and groups."""
    parts(root)
    (root / "copy.png").write_bytes((root / "images" / "dent.png").read_bytes())
    (root / "masks" / "link.png").symlink_to("dent.png")
    good = [f"images/{name}.png,good,,train," for name in "abc"]
    return write(root, rows("image,label,mask,split,group", *good, *lines))


DENT = "images/dent.png,dent,masks/dent.png,test,"


@pytest.mark.parametrize(
    "row",
    [
        "images/scratch.png,scratch,masks/dent.png,test,",
        "images/scratch.png,scratch,masks/link.png,test,",
        "images/scratch.png,scratch,images/../masks/dent.png,test,7",
    ],
)
def test_a_mask_of_two_photographs_is_one_line(row: str, tmp_path: Path) -> None:
    line = refusal(lambda: table(masked(tmp_path, DENT, row))) or "no refusal"
    text = line.replace(f"{tmp_path}/", "")
    assert text.startswith("parts.csv, line 6: masks/")
    assert "is the mask of images/dent.png in line 5, too, and the photographs differ; give each its own mask" in text


def test_a_mask_may_be_that_of_a_copy_or_of_one_group(tmp_path: Path) -> None:
    found = table(masked(tmp_path, DENT, "copy.png,dent,masks/dent.png,test,"))
    assert any("masks of an earlier row of the same group: 1, as that of " in line for line in found.remarks)
    (lights := tmp_path / "lights").mkdir()
    found = table(masked(lights, f"{DENT}7", "images/scratch.png,dent,masks/dent.png,test,7"))
    assert [item.mask for item in found.test] == [lights / "masks" / "dent.png"] * 2


def test_one_black_mask_may_serve_all_good_photographs(tmp_path: Path) -> None:
    parts(tmp_path)
    good = [
        f"images/{name}.png,good,masks/a.png,{split}"
        for name, split in zip("abc", ("train", "train", "test"), strict=True)
    ]
    found = table(write(tmp_path, rows("image,label,mask,split", *good, DENT.rstrip(","))))
    assert not any("earlier row" in line for line in found.remarks)
