"""`renormal-predict --join`: a CSV of no photograph never replaces one of some, and says nothing of no defect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
