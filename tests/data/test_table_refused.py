"""A table, or a row, that is wrong is one line that names it and the mend."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_files import PLAIN, parts, write

from data_sets import photographs, refusal
from renormal.data import table, table_rows
from renormal.data.table_file import has_category, read_table
from renormal.data.table_rows import path_of

ONE = "images/b.png,good,,train"  # the row in line 3 that is replaced
ROWS: dict[str, tuple[str, str]] = {  # the row, and what is said of line 3
    "a file that is not there": (
        "images/x.png,good,,train",
        "images/x.png is not there; correct the path, which starts from ",
    ),
    "another case": ("images/B.PNG,good,,train", "images/B.PNG is not there, but b.png is; correct the row"),
    "another suffix": ("images/b.jpg,good,,train", "images/b.jpg is not there, but b.png is; correct the row"),
    "a folder that is not there": ("pics/day/b.png,good,,train", "pics is not there; correct the path"),
    "a folder for a file": ("images,good,,train", "images: no file, but a folder"),
    "a name that is too long": (f"{'b' * 300}.png,good,,train", "cannot be opened (File name too long)"),
    "a link to nothing": ("images/gone.png,good,,train", "images/gone.png links to nothing; copy its file, or correct"),
    "a cell that holds a file": (f"{'b' * 99_999}.png,good,,train", f"{'b' * 400}…"),
    "an address": (
        "https://example.org/b.png,good,,train",
        "https://example.org/b.png is an address and no file; fetch",
    ),
    "a drive of Windows": (
        "C:\\photos\\b.png,good,,train",
        "C:\\photos\\b.png begins with a drive of Windows; write the",
    ),
    "the image of another row": ("images/a.png,good,,train", "images/a.png stands in line 2, too; delete one"),
    "the same by another path": ("masks/../images/./a.png,good,,train", "images/a.png stands in line 2, too"),
    "the same by a link": ("images/link.png,good,,train", "images/link.png is the file of line 2 by a link, "),
    "a copy with another label": ("images/copy.png,dent,,test", "is a copy of "),
    "a copy with another split": (
        "images/copy.png,good,,test",
        "but the split is test and train; delete one of the rows",
    ),
    "no image": (",good,,train", "no image in this row; add its path, or delete the row"),
    "too few cells": ("images/b.png,good", "2 cells, but the header has 4; add the missing commas"),
    "too many cells": (
        "images/b,b.png,good,,train",
        "5 cells, but the header has 4; put a cell with commas inside in quotes",
    ),
    "another separator": ("images/b.png;good;;train", "1 cell, but the header has 4; add the missing commas"),
    "a quote that does not end": ('"images/b.png,good,,train', "its quotes do not match (unexpected end of data); put"),
    "a quote in the middle": ('"images/b".png,good,,train', "its quotes do not match ("),
    "a line end in a path": (
        '"images/\nb.png",good,,train',
        "images/\\nb.png has a control character; rename the file",
    ),
    "a defect in training": (
        "images/b.png,dent,,train",
        "dent, but training uses good images only; write test as its split, or delete the row",
    ),
    "no label in test": (
        "images/b.png,,,test",
        "an image to test, without a label; write good, or the name of the defect",
    ),
    "no label and no split": ("images/b.png,,,", "an image of no split, without a label; write good, or the name of"),
    "a split without a meaning": (
        "images/b.png,good,,fold3",
        "the split fold3 is not known; write train, validation or",
    ),
    "a split in numbers": (
        "images/b.png,good,,1",
        "the split 1 is not known; write train, validation or test, or leave",
    ),
    "a label that says both": (
        "images/b.png,bottle good,,test",
        "the label bottle good may mean good or a defect; write",
    ),
    "a number below 0": ("images/b.png,-1,,test", "the label -1 may mean good or a defect; write good, or the name of"),
    "yes or no to what": (
        "images/b.png,True,,test",
        "the label True may mean good or a defect; write good, or the name",
    ),
    "no label in words": (
        "images/b.png,NaN,,test",
        "the label NaN may mean good or a defect; write good, or the name of",
    ),
    "a split as label": ("images/b.png,train,,test", "the label train names a split; write good, or the name of the"),
    "a spelling of its own": ("images/b.png,Dent,,test", "the label Dent, and dent in line 6; write both alike"),
    "a mask that outlines, of a good part": (
        "images/b.png,good,masks/dent.png,train",
        "masks/dent.png outlines a defect, but the row counts as good; write the defect as label and test as split",
    ),
    "a mask that is not there": ("images/b.png,dent,masks/b.png,test", "masks/b.png is not there; correct the path"),
    "its own image as mask": (
        "images/b.png,dent,images/b.png,test",
        "images/b.png is image and mask; leave the mask out",
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_wrong_row_is_a_line_with_its_number(case: str, tmp_path: Path) -> None:
    parts(tmp_path)
    (tmp_path / "images" / "copy.png").write_bytes((tmp_path / "images" / "a.png").read_bytes())
    (tmp_path / "images" / "link.png").symlink_to("a.png")
    (tmp_path / "images" / "gone.png").symlink_to("none.png")
    row, said = ROWS[case]
    path = write(tmp_path, PLAIN.replace(ONE, row))
    line = refusal(lambda: table(path)) or "no refusal"
    place = 6 if case == "a spelling of its own" else 3
    text = line.replace(f"{tmp_path}/", "")
    assert text.startswith(f"parts.csv, line {place}: "), line
    assert said.replace("Dent, and dent in line 6", "dent, and Dent in line 3") in text
    assert len(line.splitlines()) == 1


FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", ": an empty file; its first line names the columns: image,label,mask,split"),
    "blank lines": (b"\n \n\n", ": an empty file; its first line names the columns"),
    "a header alone": (b"image,label\n", ": no row below its header; add a row for each image"),
    "no header": (b"a.png,good\n", ": no column is called image; its first line names the columns, as in image,label,"),
    "a path alone": (b"a.png\nb.png\n", ": no column is called image; its first line names the columns"),
    "two columns for one thing": (
        b"path,filename\na.png,a.png\n",
        ": the columns path and filename are both read as image; give one of them another name",
    ),
    "one column twice": (
        b"image,image\na.png,a.png\n",
        ": the columns image and image are both read as image; give one",
    ),
    "Windows-1252": (
        "image,label\na.png,gut\nb.png,größe\n".encode("cp1252"),
        ", line 3: no UTF-8 (the byte 0xf6); save it as CSV in UTF-8, which Excel offers",
    ),
    "GBK": ("image,label\na.png,正常\n".encode("gbk"), ", line 2: no UTF-8 (the byte 0xd5); save it as CSV in UTF-8"),
    "UTF-16 without a mark": (
        "image\na.png".encode("utf-16-le"),
        ", line 1: a byte that is 0 and no text; save it as CSV",
    ),
    "a workbook": (
        b"PK\x03\x04 image",
        ": a workbook of Excel or another archive, not a text; save it as CSV in UTF-8",
    ),
    "Parquet": (b"PAR1 image", ": a Parquet file, not a text; save it as CSV in UTF-8"),
    "JSON": (b'[{"image": "a.png"}]', ": no column is called image; its first line names the columns"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\n", ": a pointer of Git LFS in place of the file"),
    "a category that is missing": (b"image,object\na.png,x\nb.png,\n", ", line 3: no object; fill the cell"),
    "a split without a name": (
        b"image,label,\na.png,good,\nb.png,good,test\n",
        ", line 3: the column 3 has no name, and reads test; call it split, or delete it",
    ),
    "no good part": (
        b"image,label\na.png,dent\nb.png,scratch\n",
        ": no good image to train on; write good as the label of good parts, and train as their split or none "
        "(other labels: dent, \u2026)",
    ),
    "nothing to test": (
        b"image,split\na.png,train\nb.png,train\n",
        ": nothing to test; add defective rows, or rows with test as split, or set data.holdout=10",
    ),
    "a group in training and test": (
        b"image,label,split,group\na.png,good,train,7\nb.png,good,test,7\n",
        ", line 3: test, but line 2 of the same group 7 is training; give a group one split",
    ),
    "a group with a defect in training": (
        b"image,label,split,group\na.png,dent,,7\nb.png,good,train,7\n",
        ", line 3: training, but line 2 of the same group 7 is test; give a group one split",
    ),
    "a defect in every group": (
        b"image,label,group\na.png,dent,7\nb.png,good,7\n",
        ": no good image to train on; every group has a row that is tested; give some groups good images only",
    ),
    "1 for good": (
        b"image,label\na.png,1\nb.png,1\nc.png,0\n",
        ": 2 of 3 labels are not 0 and so defects; write good and defective in place of numbers",
    ),
    "1 for good in training": (
        b"image,label,split\na.png,1,train\nb.png,1,train\nc.png,0,test\n",
        ", line 2: defect 1, but training uses good images only; write test as its split, or delete the row (and 1 "
        "more); if 1 means good in this table, write good and defective",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_table_is_a_line(case: str, tmp_path: Path) -> None:
    photographs(tmp_path, "a.png", "b.png", "c.png")
    content, said = FILES[case]
    path = tmp_path / "parts.csv"
    path.write_bytes(content)
    line = refusal(lambda: table(path, category="x")) or "no refusal"
    assert line.startswith(f"{path}{said}")
    assert len(line.splitlines()) == 1


def test_a_column_of_defects_under_the_name_of_categories_is_named(tmp_path: Path) -> None:
    photographs(tmp_path, "a.png", "b.png")
    path = write(tmp_path, "image,category\na.png,good\nb.png,dent")
    assert refusal(lambda: table(path, category="bottle")) == (
        f"{path} has no category bottle, it has good, dent: if its column category says what is wrong with a part, "
        "call that column label"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"csv": None}, "no table yet: give data.csv=/path/to/parts.csv with a column image, and label, mask, split"),
        ({"csv": "nowhere.csv"}, "data.csv=nowhere.csv does not exist: correct it"),
        ({"csv": "."}, "data.csv=. is no file, but a folder, pipe or device: give a file"),
        ({"csv": "/dev/zero"}, "data.csv=/dev/zero is no file, but a folder, pipe or device: give a file"),
        ({"csv": "parts.csv", "root": "/nowhere"}, "data.root=/nowhere is not a folder: correct it, or leave it out"),
        ({"csv": "parts.csv", "holdout": 1}, "data.holdout must be 0 (none) or at least 2, got 1"),
    ],
)
def test_a_setting_that_is_wrong_is_a_line(
    given: dict[str, object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts(tmp_path)
    write(tmp_path, PLAIN)
    monkeypatch.chdir(tmp_path)
    assert refusal(lambda: table(**given)) == said  # type: ignore[arg-type]


WIDE = "x" * (csv.field_size_limit() + 1)
PIECES = [
    "image",
    "label",
    "split",
    "category",
    "a.png",
    "good",
    ",",
    ";",
    "\t",
    '"',
    "\n",
    "\r",
    " ",
    "=",
    "ä",
    "\ufeff",
]


@given(
    pieces=st.lists(st.sampled_from([*PIECES, "image,label\na.png,good\n", "\0", WIDE]), max_size=20),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
def test_a_file_of_any_text_is_a_table_or_one_line(pieces: list[str], encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "parts.csv"
    path.write_bytes("".join(pieces).encode(encoding, "replace"))
    assert has_category(path) in (True, False)
    line = refusal(lambda: read_table(path))
    assert line is None or (line.startswith(str(path)) and len(line.splitlines()) == 1)


def test_a_pipe_in_place_of_a_table_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "parts.csv")
    assert not has_category(tmp_path / "parts.csv")
    assert "is no file, but a folder, pipe or device" in (refusal(lambda: read_table(tmp_path / "parts.csv")) or "")


def test_a_header_with_a_cell_that_is_too_long_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, f"image,{WIDE}\na.png,x\n")
    line = refusal(lambda: read_table(path)) or "no refusal"
    assert line.startswith(f"{path}: the header, its first line: a cell has more than 131072 characters; shorten it")


def test_a_table_whose_files_are_all_missing_ends_after_the_first_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million rows took 50 s to this line."""
    taken = list[str]()

    def counted(cell: str, *others: object) -> Path:
        taken.append(cell)
        return path_of(cell, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(table_rows, "path_of", counted)
    path = write(tmp_path, "\n".join(["image,label", *(f"nowhere/{number}.png,good" for number in range(10_000))]))
    line = refusal(lambda: table(path)) or "no refusal"
    assert line == (
        f"{path}, line 2: {tmp_path}/nowhere is not there; correct the path, which starts from {tmp_path}, or set "
        "data.root (so are 99 of the next 99 images)"
    )
    assert len(taken) < 150


def test_a_table_with_some_files_among_its_first_rows_ends_before_it_is_read_as_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million rows took 30 s to this line."""

    def never(*_: object) -> None:
        raise AssertionError("the rows were read as photographs")

    monkeypatch.setattr(table_rows, "Entry", never)
    photographs(tmp_path, *(f"day/{number}.png" for number in range(120)))
    for there in (50, 120):
        rows = [f"day/{number}.png,good" for number in range(there)]
        rows += [f"day/none{number}.png,good" for number in range(10_000)]
        path = write(tmp_path, "\n".join(["image,label", *rows]))
        line = refusal(lambda path=path: table(path)) or "no refusal"
        assert line.startswith(f"{path}, line {there + 2}: {tmp_path}/day/none0.png is not there; correct the path")
        assert line.endswith(f" (so are {49 if there == 50 else 99} of the next {49 if there == 50 else 99} images)")


def test_first_rows_that_are_missing_and_a_later_one_that_is_there_are_a_line_of_the_first(tmp_path: Path) -> None:
    parts(tmp_path)
    rows = [*(f"images/none{number}.png,good,,train" for number in range(99)), "images/a.png,good,,train"]
    path = write(tmp_path, "\n".join(["image,label,mask,split", *rows]))
    line = refusal(lambda: table(path)) or "no refusal"
    assert line.startswith(f"{path}, line 2: {tmp_path}/images/none0.png is not there; correct the path")
    assert line.endswith("(so are 98 of the next 99 images)")


def test_missing_rows_of_another_category_do_not_count(tmp_path: Path) -> None:
    parts(tmp_path)
    others = [f"nowhere/{number}.png,good,,train,other" for number in range(200)]
    mine = [f"images/{name}.png,good,,train,mine" for name in "abc"] + ["images/dent.png,dent,masks/dent.png,test,mine"]
    path = write(tmp_path, "\n".join(["image,label,mask,split,category", *others, *mine]))
    assert len(table(path, category="mine").train) == 3
