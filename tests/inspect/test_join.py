"""`renormal-predict --join`: a CSV of no photograph never replaces one of some, and says nothing of no defect."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renormal.inspect import predictions
from renormal.inspect.inputs import SETTINGS, TABLE, Part
from renormal.inspect.predict import main
from renormal.inspect.predictions import Predictions

OURS = {"column": "eq8", "root": "", "threshold": 1.0}
LINE = {"image": "a.png", "score": 2.0, "threshold": 1.0, "defective": True, "defects": [], "width": 4, "height": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = Predictions(tmp_path / "out", OURS, Part(), force=False)
    found.add([LINE])
    found.close()
    assert main(["--join", str(tmp_path / "out")]) == 1
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((SETTINGS, text) for text in ("[]", "5", "{}", json.dumps(OURS | {"threshold": 2.0}))),
        *(("predictions.jsonl", text) for text in ("", "[]\n", "{}\n", json.dumps(LINE | {"settings": "0"}) + "\n")),
    ],
)
def test_a_folder_without_a_line_of_its_settings_keeps_its_csv(
    folder: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / TABLE).read_bytes()
    (folder / name).write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main(["--join", str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"--join {folder}: no line of predictions*.jsonl is of the settings in settings.json; " in said
    assert f"--out {folder} --force" in said
    assert (folder / TABLE).read_bytes() == before


def test_a_clock_that_was_set_back_gives_no_photograph_its_former_answer(folder: Path) -> None:
    """The last line of a photograph counts, by the time of its file. Another photograph took the name since."""
    os.utime(folder / "predictions.jsonl", ns=(2**62, 2**62))
    again = Predictions(folder, OURS, Part(0, 2), force=False)
    again.add([LINE | {"score": 0.5, "defective": False}])
    again.close()
    assert main(["--join", str(folder)]) == 0
    (row,) = csv.DictReader((folder / TABLE).read_text(encoding="utf-8").splitlines())
    assert (row["score"], row["defective"]) == ("0.5", "no")


def test_lines_that_stand_twice_or_in_two_files_are_one_photograph(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / TABLE).read_bytes()
    lines = (folder / "predictions.jsonl").read_bytes()
    (folder / "predictions.jsonl").write_bytes(lines * 3)
    (folder / "predictions-1-of-2.jsonl").write_bytes(lines)
    assert main(["--join", str(folder)]) == 1
    assert (folder / TABLE).read_bytes() == before


@pytest.mark.parametrize(
    "more", [["--force"], ["--part", "1/2"], ["--watch", "a"], ["run"], ["--out", "a"], ["--json"]]
)
def test_join_takes_no_other_option(folder: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--join", str(folder), *more])
    assert ended.value.code == 2
    assert "--join takes a folder and nothing else" in capsys.readouterr().err


def test_what_is_no_folder_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (folder / TABLE, folder / "none"):
        assert main(["--join", str(path)]) == 2
        assert f"--join {path} is no folder: give the --out of renormal-predict" in capsys.readouterr().err


BOX = {"x": 1, "y": 1, "width": 2, "height": 2, "area": 3}
NONE_HAS = [  # what no photograph's answer can be
    *({"p": value} for value in (7, 1.0000001, 0, -0.5, True, "0.5", [])),
    *({"score": value} for value in (math.nan, math.inf, -math.inf, 1e300, True, "2", None, 0.5)),
    *({"defective": value} for value in ("yes", "defective", "", 1, 0, None, False)),
    *({name: value} for name in ("width", "height") for value in (0, -4, 4.5, 10**9, True, "4")),
    *({"defects": [BOX | {name: value}]} for name in BOX for value in (-1, 5, 1.5, "1", None)),
    *({"defects": value} for value in ([BOX | {"area": 0}], [{}], [5], {}, "", 3, None)),
    *({"image": value} for value in ("", 5, None, ["a.png"])),
    *({name: value} for name in ("overlay", "mask", "map") for value in ("/etc/passwd", "a/../../b", 5)),
    *({"sha256": value} for value in ("abc", "g" * 64, "0" * 65, 5)),
    {"error": 5},
    {"threshold": math.nan},
    {"threshold": True},
]


def joined_with(folder: Path, line: dict[str, Any], *, before: Iterable[bytes] = ()) -> int:
    """--join, with the line in place of the one of the fixture."""
    whole = json.dumps(LINE | {"settings": predictions.digest_of(OURS)} | line).encode()
    (folder / "predictions.jsonl").write_bytes(b"\n".join((*before, whole, b"")))
    return main(["--join", str(folder)])


@pytest.mark.parametrize("change", NONE_HAS, ids=str)
def test_what_no_photograph_s_answer_can_be_is_named_by_its_line(
    folder: Path, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / TABLE).read_bytes()
    capsys.readouterr()
    assert joined_with(folder, change, before=[json.dumps(LINE).encode()]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"renormal-predict: {folder / 'predictions.jsonl'}") or "predictions.jsonl" in said
    assert "line 2" in said
    assert said.isprintable()
    assert (folder / TABLE).read_bytes() == before


@pytest.mark.parametrize("text", ['"score": 2.0', '"image": "b.png"', '"settings": "0"'])
def test_a_key_that_stands_twice_in_a_line_is_refused(
    folder: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (folder / "predictions.jsonl").read_text()
    (folder / "predictions.jsonl").write_text(f"{line[:-2]}, {text}}}\n")
    assert main(["--join", str(folder)]) == 2
    assert "line 1 is no JSON (the key '" in capsys.readouterr().err


VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.integers() | st.floats() | st.text(max_size=5)
ANY = VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(st.sampled_from(list(BOX)), VALUES)
KEYS = [*LINE, "p", "sha256", "error", "overlay", "mask", "map", "grey"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.dictionaries(st.sampled_from(KEYS), ANY, max_size=3))
def test_any_line_is_a_row_with_numbers_in_their_range_or_refused(folder: Path, change: dict[str, Any]) -> None:
    if joined_with(folder, change) == 2 and "error" not in change:
        return
    with (folder / TABLE).open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    if "error" in change:
        return
    assert row["defective"] == ("yes" if float(row["score"]) > float(row["threshold"] or -math.inf) else "no")
    assert 0 < float(row["p"] or 1) <= 1
    assert 1 <= int(row["width"]) <= 10**6


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_refuses_the_csv_is_named_without_an_option_that_join_does_not_take(
    folder: Path, number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refused)
    before = (folder / TABLE).read_bytes()
    capsys.readouterr()
    assert main(["--join", str(folder)]) == 2
    room = "make room, or " if number != errno.EROFS else ""
    mend = f"{room}copy the folder to another place and join the copy"
    assert capsys.readouterr().err == f"renormal-predict: {folder / TABLE}: {os.strerror(number)}: {mend}\n"
    assert (folder / TABLE).read_bytes() == before


def test_a_full_temporary_folder_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(sqlite3.Connection):
        def executemany(self, *_: Any) -> Any:
            raise sqlite3.OperationalError("database or disk is full")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda name: connect(name, factory=Full))
    capsys.readouterr()
    assert main(["--join", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "no room for a list of the lines (database or disk is full); make room, or set TMPDIR" in said
