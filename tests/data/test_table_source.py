"""A table of photographs becomes the data set that it describes, however it is written."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from table_files import NAMES, PLAIN, parts, rows, write

from data_sets import black, listed, outlines, photographs, refusal
from renormal.data import table
from renormal.data.memory import load_test

GOOD_TRAIN = ["images/a.png", "images/b.png", "images/c.png"]
TESTED = {"dent: images/dent.png": "masks/dent.png", "good: images/d.png": None}
WITH_SHIFT = PLAIN.replace("split\n", "split,shift\n").replace("train\n", "train,7\n").replace("test\n", "test,8\n")
WRITTEN: dict[str, tuple[str, str]] = {  # text, encoding
    "as the documentation says": (PLAIN, "utf-8"),
    "rows in another order": (PLAIN.replace("a.png", "x").replace("c.png", "a.png").replace("x", "c.png"), "utf-8"),
    "by an Excel of Europe": (PLAIN.replace(",", ";"), "utf-8-sig"),
    "as Unicode text by Excel": (PLAIN.replace(",", "\t"), "utf-16"),
    "with a line that names the separator": ("sep=;\n" + PLAIN.strip().replace(",", ";"), "utf-8"),
    "with lines that end as on Windows": (PLAIN.replace("\n", "\r\n"), "utf-8"),
    "with lines that end as on an old Mac": (PLAIN.strip().replace("\n", "\r"), "utf-8"),
    "with names in capitals and blanks": (PLAIN.replace("image,label", " Image Path , LABEL"), "utf-8"),
    "in quotes": (PLAIN.replace("images/a.png", '"images/a.png"').replace("dent,", '"dent",'), "utf-8"),
    "with blanks after the commas": (PLAIN.replace(",", ", ").replace("images/b.png", '"images/b.png"'), "utf-8"),
    "with paths of Windows": (PLAIN.replace("/", "\\"), "utf-8"),
    "with empty rows and cells": (PLAIN.replace("train\n", "train,,\n") + ",,,\n\n  \n,,,,,", "utf-8"),
    "with dots in the paths": (PLAIN.replace("images/", "./masks/../images//"), "utf-8"),
    "with the label in a word for it": (PLAIN.replace(",good,", ",OK,"), "utf-8"),
    "with the label missing where training says it": (PLAIN.replace(",good,,train", ",,,train"), "utf-8"),
    "with a black mask of a good part": (PLAIN.replace("a.png,good,", "a.png,good,masks/a.png"), "utf-8"),
    "with a column of one's own": (WITH_SHIFT, "utf-8"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_a_table_is_read_however_it_is_written(case: str, tmp_path: Path) -> None:
    parts(tmp_path)
    text, encoding = WRITTEN[case]
    assert listed(table(write(tmp_path, text, encoding=encoding))) == (GOOD_TRAIN, TESTED)


def test_what_was_decided_is_said(tmp_path: Path) -> None:
    parts(tmp_path)
    path = write(tmp_path, WITH_SHIFT.replace("good", "i.O.").replace(",", ";"))
    assert table(path).remarks == (
        f"{path}: its cells are separated by semicolons",
        f"{path}: columns that are not used: shift",
        f"{path}: read as good: i.O.",
    )


def test_a_name_in_another_form_of_unicode_is_found(tmp_path: Path) -> None:
    """A Mac writes an umlaut as two signs."""
    photographs(tmp_path, unicodedata.normalize("NFD", "für.png"), "b.png")
    source = table(write(tmp_path, unicodedata.normalize("NFC", "image\nfür.png\nb.png")))
    assert len(source.train + source.test) == 2


@pytest.mark.parametrize(
    ("label", "is_good"),
    [
        *((label, True) for label in ("good", "OK", "0", "0.0", "正常", "MT_Free", "no defect")),
        *((label, False) for label in ("NG", "1", "3.0", "not ok", "wrong label", "缺陷")),
    ],
)
def test_a_label_in_words_or_numbers(label: str, is_good: bool, tmp_path: Path) -> None:
    parts(tmp_path)
    source = table(write(tmp_path, f"image,label,split\nimages/a.png,,train\nimages/b.png,{label},test"))
    assert (source.test[0].defect == "good") is is_good


@pytest.mark.parametrize(
    ("value", "is_good"), [("no", True), ("False", True), ("0", True), ("yes", False), ("True", False)]
)
def test_a_column_called_defect_may_say_yes_or_no(value: str, is_good: bool, tmp_path: Path) -> None:
    parts(tmp_path)
    source = table(write(tmp_path, f"image,defect,split\nimages/a.png,,train\nimages/b.png,{value},test"))
    assert (source.test[0].defect == "good") is is_good


def test_paths_alone_are_good_parts_and_every_tenth_is_tested(tmp_path: Path) -> None:
    names = [f"{k:02}.png" for k in range(1, 26)]
    photographs(tmp_path, *names)
    source = table(write(tmp_path, rows("image", *reversed(names))))
    assert [item.image.name for item in source.test] == ["10.png", "20.png"]
    assert [item.image.name for item in source.train] == [name for name in names if name not in ("10.png", "20.png")]


def test_without_a_split_defects_are_tested_and_good_parts_train(tmp_path: Path) -> None:
    parts(tmp_path)
    path = write(tmp_path, rows("image,label", *(f"images/{name}.png,good" for name in NAMES), "images/dent.png,dent"))
    expected = (
        ["images/a.png", "images/b.png", "images/c.png"],
        {"dent: images/dent.png": None, "good: images/d.png": None},
    )
    assert listed(table(path)) == expected
    assert listed(table(path, holdout=2))[0] == ["images/a.png", "images/c.png"]
    assert len(table(path, holdout=0).train) == 4


def test_a_good_part_whose_split_is_training_is_not_held_out(tmp_path: Path) -> None:
    parts(tmp_path)
    lines = [f"images/{name}.png,good,train" for name in NAMES]
    source = table(write(tmp_path, rows("image,label,split", *lines, "images/dent.png,dent,")), holdout=2)
    assert len(source.train) == 4
    assert "tested as good: nothing" in source.remarks[-1]


def test_a_label_that_is_missing_is_taken_from_the_mask(tmp_path: Path) -> None:
    """KolektorSDD2: the mask of a good part is black."""
    parts(tmp_path)
    text = "image,mask,split\nimages/b.png,,train\nimages/a.png,masks/a.png,test\nimages/dent.png,masks/dent.png,test"
    tested = {"good: images/a.png": None, "defective: images/dent.png": "masks/dent.png"}
    assert listed(table(write(tmp_path, text))) == (["images/b.png"], tested)


def visa(root: Path) -> Path:
    """The file of VisA that divides it, in the folder where it lies; masks hold the number of a class."""
    lines = ["object,split,label,image,mask"]
    for name in ("candle", "cashew"):
        good = [f"{name}/Data/Images/Normal/{k}.JPG" for k in range(3)]
        photographs(root, *good, f"{name}/Data/Images/Anomaly/0.JPG")
        outlines(root, f"{name}/Data/Masks/Anomaly/0.png")
        lines += [f"{name},{'test' if k == 2 else 'train'},normal,{good[k]}," for k in range(3)]
        lines.append(f"{name},test,anomaly,{name}/Data/Images/Anomaly/0.JPG,{name}/Data/Masks/Anomaly/0.png")
    return write(root, rows(*lines), "split_csv/1cls.csv")


def test_the_rows_of_one_category_are_read(tmp_path: Path) -> None:
    source = table(visa(tmp_path), category="candle")
    assert (source.name, source.root) == ("candle", tmp_path)
    assert listed(source) == (
        ["candle/Data/Images/Normal/0.JPG", "candle/Data/Images/Normal/1.JPG"],
        {
            "anomaly: candle/Data/Images/Anomaly/0.JPG": "candle/Data/Masks/Anomaly/0.png",
            "good: candle/Data/Images/Normal/2.JPG": None,
        },
    )
    assert (
        f"{tmp_path / 'split_csv/1cls.csv'}: its paths start from {tmp_path}, the folder above its own"
        in source.remarks
    )


def test_another_category_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    path = visa(tmp_path)
    assert refusal(lambda: table(path)) == (
        f"{path} has several categories, it has candle, cashew: give category=candle or another one"
    )
    assert refusal(lambda: table(path, category="bottle")) == (
        f"{path} has no category bottle, it has candle, cashew: give category=candle or another one"
    )


def test_paths_may_lead_anywhere(tmp_path: Path) -> None:
    """Sample names begin below the folder that holds all files, and are those of the files."""
    parts(tmp_path / "camera")
    photographs(tmp_path / "archive", "e.png")
    text = rows("image,label,split", "../camera/images/a.png,,train", f"{tmp_path}/camera/images/dent.png,dent,test")
    source = table(write(tmp_path / "lists", text + "\n../archive/e.png,good,test"))
    assert listed(source) == (
        ["camera/images/a.png"],
        {"dent: camera/images/dent.png": None, "good: archive/e.png": None},
    )
    assert load_test(source, size=16, channels=None).paths == ["camera/images/dent.png", "archive/e.png"]


def test_the_folder_that_paths_start_from_can_be_given(tmp_path: Path) -> None:
    parts(tmp_path / "camera")
    path = write(tmp_path / "lists", PLAIN)
    assert listed(table(path, root=tmp_path / "camera")) == (GOOD_TRAIN, TESTED)


def test_a_table_named_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts(tmp_path)
    write(tmp_path, PLAIN)
    write(tmp_path, PLAIN, "lists/parts.csv")
    (tmp_path / "elsewhere").mkdir()
    for folder, name in (
        (".", "parts.csv"),
        (".", "lists/parts.csv"),
        ("lists", "parts.csv"),
        ("elsewhere", "../parts.csv"),
    ):
        monkeypatch.chdir(tmp_path / folder)
        assert listed(table(name)) == (GOOD_TRAIN, TESTED)


def test_masks_by_class_number_are_read_as_all_masks_are(tmp_path: Path) -> None:
    source = table(visa(tmp_path), category="cashew")
    test = load_test(source, size=16, channels=None)
    assert [sorted(regions.unique().tolist()) for regions in test.regions] == [[0, 1], [0]]


@pytest.mark.skipif(os.name == "nt", reason="links need a right")
def test_a_folder_behind_a_link_is_followed(tmp_path: Path) -> None:
    parts(tmp_path / "store" / "day")
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "today").symlink_to(tmp_path / "store" / "day")
    black(tmp_path / "store", "a.png")
    text = "image,label,split\ntoday/images/a.png,good,train\ntoday/../a.png,good,test"
    source = table(write(tmp_path / "list", text))
    assert [item.image.resolve() for item in source.test] == [(tmp_path / "store" / "a.png").resolve()]
