"""renormal-predict: the answers of the job on files, folders and globs, and what is written about them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts import draw, lines_of, parts_in, pixels_of, predict, rows_of
from scipy import ndimage

from renormal.inspect.inputs import inputs_of
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.inspect.predict import parse
from renormal.inspect.predicting import device_named
from renormal.inspect.settled import known_before
from renormal.job.job import run_job
from renormal.report.decide import conformal

NAMES = ["a/1.png", "b/1.jpg", "b/1.png"]


@pytest.fixture(scope="module")
def run(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished job."""
    folder = tmp_path_factory.mktemp("predict") / "run"
    run_job(small("category=bottle", "projection=[eq8]", "test.normal_images=6", f"folder={folder}"))
    return folder


def inspector(run: Path) -> Inspector:
    return Inspector(load(run), column="baseline")


def middle(run: Path, folder: Path) -> float:
    """A threshold between the scores of the parts."""
    scores = sorted(one.score for one in inspector(run).inspect_all([folder / name for name in NAMES]))
    return (scores[0] + scores[1]) / 2


def test_the_answers_are_those_of_inspect_on_the_photographs_own_pixels(run: Path, tmp_path: Path) -> None:
    parts, out = parts_in(tmp_path / "parts"), tmp_path / "out"
    threshold = middle(run, parts)
    assert predict(run, parts, "--out", out, "--threshold", threshold) == 1
    lines, rows = lines_of(out), rows_of(out)
    assert list(rows) == NAMES
    for name, answer in zip(NAMES, inspector(run).inspect_all([parts / name for name in NAMES]), strict=True):
        line = lines[name]
        height, width = answer.map.shape
        assert (line["score"], float(rows[name]["score"])) == (answer.score, answer.score)
        assert line["defective"] is (answer.score > threshold) is (rows[name]["defective"] == "yes")
        assert float(rows[name]["p"]) == line["p"] == inspector(run).decision.p([answer.score])
        assert (line["width"], line["height"]) == (width, height)
        assert np.array_equal(pixels_of(out / line["map"]), answer.map)
        mask = pixels_of(out / line["mask"])
        assert np.array_equal(mask == 255, answer.map > threshold)
        assert set(np.unique(mask)) <= {0, 255}
        assert pixels_of(out / line["overlay"]).shape == (height, width, 3)
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        assert count == len(line["defects"]) == int(rows[name]["defects"])
        found = {tuple(one.values()) for one in line["defects"]}
        for at, (down, across) in enumerate(ndimage.find_objects(labels), start=1):
            box = (across.start, down.start, across.stop - across.start, down.stop - down.start)
            assert (*box, int((labels == at).sum())) in found


def test_a_good_photograph_is_left_as_it_is_and_a_defect_is_outlined(run: Path, tmp_path: Path) -> None:
    part, out = draw(tmp_path / "1.png", seed=1), tmp_path / "out"
    before = pixels_of(part)
    assert predict(run, part, "--out", out, "--threshold", 1e6) == 0
    assert np.array_equal(pixels_of(out / "overlays" / "1.png"), before)
    assert predict(run, part, "--out", out, "--threshold", 1e-6, "--force") == 1
    assert not np.array_equal(pixels_of(out / "overlays" / "1.png"), before)


def test_the_exit_status_is_0_1_or_2_and_a_broken_image_stops_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = parts_in(tmp_path / "parts")
    assert predict(run, parts, "--out", tmp_path / "good", "--threshold", 1e6) == 0
    assert predict(run, parts, "--out", tmp_path / "bad", "--threshold", 0) == 1
    (parts / "a" / "0.png").write_bytes((parts / "a" / "1.png").read_bytes()[:500])
    capsys.readouterr()
    assert predict(run, parts, "--out", tmp_path / "broken", "--threshold", 0) == 2
    out, error = capsys.readouterr()
    assert "4 photographs: 3 defective, 0 good, 1 not read; " in out
    assert "1 × .txt file (b/note.txt)" in out
    (line,) = [line for line in error.splitlines() if "0.png" in line]
    assert line.startswith("renormal-predict: ")
    assert "truncated or damaged" in line
    row = rows_of(tmp_path / "broken")["a/0.png"]
    assert "truncated or damaged" in row["error"]
    assert row["score"] == row["defective"] == ""


def test_the_table_has_what_the_lines_have_and_boxes_stay_one_cell_where_semicolons_divide_cells_too(
    run: Path, tmp_path: Path
) -> None:
    parts, out = parts_in(tmp_path / "parts"), tmp_path / "out"
    assert predict(run, parts, "--out", out, "--threshold", 1e-6, "--only", "csv") == 1
    lines, rows = lines_of(out), rows_of(out)
    for name, row in rows.items():
        assert {key: float(row[key]) for key in ("score", "threshold", "p")} == {
            key: lines[name][key] for key in ("score", "threshold", "p")
        }
    for text in (out / "predictions.csv").read_text().splitlines()[1:]:
        outside = text.split('"')[::2]  # of quotes
        assert text.count('"') % 2 == 0
        assert ";" not in "".join(outside)


def test_globs_files_and_folders_are_taken_once(run: Path, tmp_path: Path) -> None:
    parts, out = parts_in(tmp_path / "parts"), tmp_path / "out"
    given = [parts / "b", parts / "b" / "1.png", f"{parts}/*/1.png", parts / "a" / ".." / "a" / "1.png"]
    assert predict(run, *given, "--out", out, "--threshold", 0, "--only", "csv") == 1
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 3
    assert list(rows_of(out)) == NAMES
    assert {path.name for path in out.iterdir()} == {
        "predictions.csv",
        "predictions.jsonl",
        "report.html",
        "settings.json",
    }


def test_one_image_on_standard_input_has_the_score_of_its_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = draw(tmp_path / "1.png", seed=1)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(part.read_bytes())))
    assert predict(run, "-", "--out", tmp_path / "out", "--json", "--threshold", 1e6) == 0
    said = capsys.readouterr()
    (line,) = said.out.splitlines()
    assert json.loads(line)["score"] == inspector(run).inspect(part).score
    assert said.err.startswith("1 photograph on cpu, column ")
    assert "\n1 photograph: 0 defective, 1 good; " in said.err


def test_the_second_line_says_what_raises_the_threshold_and_how_many_good_ones_are_above_a_given_one(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renormal.inspect.inspector.held_out", lambda record: True)
    part, record = draw(tmp_path / "1.png", seed=1), load(run).record
    samples = csv.DictReader(io.StringIO((run / "samples.csv").read_text()))
    tested = sorted(float(row["baseline/score"]) for row in samples if row["defect"] == "good")
    apart = conformal(record.inspection["good"]["baseline"], 0.01).scores
    predict(run, part, "--out", tmp_path / "rare", "--false-alarms", 0.01, "--only", "csv")
    assert "% it takes 99 of them: until then only --threshold raises the threshold. Of the " in begun(capsys)
    predict(run, part, "--out", tmp_path / "given", "--threshold", tested[0], "--only", "csv")
    above, known = len(tested) - 1, sum(score > tested[0] for score in apart)
    expected = [(len(apart), "set apart", known), (len(tested), "of the test", above)]
    said = begun(capsys)
    for count, kind, more in expected:
        assert f" good photograph{'s' * (count > 1)} {kind} {more} {'is' if more == 1 else 'are'} called" in said
    assert said.startswith("The threshold was given by hand: nothing is promised. Of the ")


def test_the_first_ten_defective_photographs_are_named_before_the_last_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        draw(tmp_path / "new" / f"{number:02}.png", seed=number, size=(8, 8))
    predict(run, tmp_path / "new", "--out", tmp_path / "out", "--threshold", 0, "--only", "csv")
    named, last = capsys.readouterr().out.splitlines()
    assert named == f"defective: {', '.join(f'{number:02}.png' for number in range(10))} and 2 more"
    assert last.startswith("12 photographs: 12 defective, 0 good; ")
    predict(run, tmp_path / "new" / "03.png", "--out", tmp_path / "one", "--threshold", 1e6, "--only", "csv")
    assert len(capsys.readouterr().out.splitlines()) == 1


def begun(capsys: pytest.CaptureFixture[str]) -> str:
    """What the command promises: its second line."""
    return capsys.readouterr().err.splitlines()[1]


def test_a_file_in_place_of_the_folder_is_a_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("mine")
    assert predict(run, parts_in(tmp_path / "parts"), "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err == (
        f"renormal-predict: --out {tmp_path / 'out'} is no folder: give the name of one\n"
    )
    assert (tmp_path / "out").read_text() == "mine"


def test_a_list_of_names_on_standard_input_is_a_line_that_says_what_is_taken(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line named a file below /tmp, to be deleted."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"parts/1.png\nparts/2.png\n")))
    assert predict(run, "-", "--out", tmp_path / "out", "--threshold", 1e6) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("renormal-predict: - takes one photograph on standard input, and reads none (not an image")


def test_what_was_predicted_is_not_predicted_again(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts, out = parts_in(tmp_path / "parts"), tmp_path / "out"
    assert predict(run, parts / "a", parts / "b" / "1.jpg", "--out", out, "--threshold", 1e6) == 0
    first = (out / "overlays" / "a" / "1.png").stat().st_mtime_ns
    assert predict(run, parts, "--out", out, "--threshold", 1e6) == 0
    assert "3 photographs: 0 defective, 3 good (2 done before)" in capsys.readouterr().out
    assert (out / "overlays" / "a" / "1.png").stat().st_mtime_ns == first
    draw(parts / "a" / "1.png", seed=9)
    (out / "masks" / "b" / "1.png").unlink()
    assert predict(run, parts, "--out", out, "--threshold", 1e6) == 0
    assert "(1 done before)" in capsys.readouterr().out
    assert rows_of(out)["a/1.png"]["score"] == repr(inspector(run).inspect(parts / "a" / "1.png").score)
    assert (out / "masks" / "b" / "1.png").is_file()


def test_other_settings_in_the_same_folder_are_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts, out = parts_in(tmp_path / "parts"), tmp_path / "out"
    assert predict(run, parts, "--out", out, "--threshold", 1e6) == 0
    for other in (["--threshold", 1], ["--threshold", 1e6, "--column", "eq8"]):
        capsys.readouterr()
        assert predict(run, parts, "--out", out, *other) == 2
        error = capsys.readouterr().err
        assert "add --force" in error
        assert error.count("\n") == 1
    elsewhere = draw(tmp_path / "elsewhere" / "1.png", seed=1)
    assert predict(run, elsewhere, "--out", out, "--threshold", 1e6) == 2
    assert predict(run, parts / "a", "--out", out, "--threshold", 0, "--force") == 1
    assert list(rows_of(out)) == ["1.png"]


def test_another_network_is_refused_before_torch_and_weights_are_loaded(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line came after 48 seconds, and had two digests of 64 digits."""
    parts, out, job = parts_in(tmp_path / "parts"), tmp_path / "out", tmp_path / "job"
    shutil.copytree(run, job)
    assert predict(job, parts, "--out", out, "--threshold", 1e6, "--only", "csv") == 0
    before = json.loads((out / "settings.json").read_text())
    record = json.loads((job / "record.json").read_text())
    was, record["hashes"]["weights"] = record["hashes"]["weights"], "1" * 64
    (job / "record.json").write_text(json.dumps(record))
    monkeypatch.setitem(sys.modules, "renormal.inspect.predicting", None)
    for folder, whose in (
        (str(job), "an earlier training of this job"),
        ("/elsewhere", "another job"),
        (None, "another network, such as an earlier training of this job"),
    ):
        about = {} if folder is None else {"about": {"folder": folder}}
        (out / "settings.json").write_text(json.dumps({**before, "about": None} | about))
        capsys.readouterr()
        assert predict(job, parts, "--out", out, "--threshold", 1e6) == 2
        assert capsys.readouterr().err == (
            f"renormal-predict: --out {out} holds predictions of {whose} (weights {was[:8]}, now 11111111): "
            "take another folder, or add --force, which deletes the rows that are there\n"
        )


def test_what_out_holds_is_known_without_torch_as_it_is_with_it(run: Path, tmp_path: Path) -> None:
    """Another early value would refuse a folder that the same command has written."""
    parts, out = parts_in(tmp_path / "parts"), tmp_path / "out"
    given = [str(run), str(parts), "--out", str(out), "--column", "baseline", "--false-alarms", "0.3"]
    predict(run, *given[1:], "--only", "csv")
    settings = json.loads((out / "settings.json").read_text())
    options = parse(given)
    known = known_before(options, inputs_of(options.images, options.out))
    assert known.keys() == settings.keys()
    assert {**known, "about": settings["about"]} == settings
    assert known["about"]["folder"] == settings["about"]["folder"] == str(run)


def test_the_table_has_the_score_as_a_multiple_of_the_threshold(run: Path, tmp_path: Path) -> None:
    part = draw(tmp_path / "1.png", seed=1)
    score = inspector(run).inspect(part).score
    for name, threshold, times in (("a", score / 1.2344, "1.23"), ("b", score / 0.9604, "0.96"), ("c", 0, "")):
        predict(run, part, "--out", tmp_path / name, "--threshold", threshold, "--only", "csv")
        assert rows_of(tmp_path / name)["1.png"]["times_threshold"] == times


def test_files_of_somebody_else_are_not_written_over(run: Path, tmp_path: Path) -> None:
    parts, out = parts_in(tmp_path / "parts"), tmp_path / "out"
    (out / "masks").mkdir(parents=True)
    assert predict(run, parts, "--out", out) == 2
    assert [path.name for path in out.iterdir()] == ["masks"]


def test_results_below_the_input_are_no_input(run: Path, tmp_path: Path) -> None:
    parts = parts_in(tmp_path / "parts")
    for _ in range(2):
        assert predict(run, parts, "--out", parts, "--threshold", 1e6) == 0
        assert predict(run, parts, "--out", parts / "out", "--threshold", 1e6) == 0
        assert predict(run, parts / "b" / "*", parts / "b", "--out", parts / "b", "--threshold", 1e6) == 0
    assert list(rows_of(parts)) == list(rows_of(parts / "out")) == NAMES
    assert list(rows_of(parts / "b")) == ["1.jpg", "1.png"]


def test_names_are_safe_in_the_table_and_exact_in_the_lines(run: Path, tmp_path: Path) -> None:
    names = ["=cmd.png", "a,b.png", "new\nline.png", "right\u202eleft.png", "lone\udcff.png", "ü.png"]
    for seed, name in enumerate(names):
        draw(tmp_path / "parts" / name, seed=seed)
    assert predict(run, tmp_path / "parts", "--out", tmp_path / "out", "--threshold", 1e6) == 0
    assert lines_of(tmp_path / "out").keys() == set(names)
    shown = {"'=cmd.png", "a,b.png", "new\\nline.png", "right\\u202eleft.png", "lone\\udcff.png", "ü.png"}
    assert rows_of(tmp_path / "out").keys() == shown
    assert {path.name for path in (tmp_path / "out" / "maps").iterdir()} == {f"{name[:-4]}.tif" for name in names}


def test_each_part_has_its_own_photographs_and_all_are_joined(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(8):
        draw(tmp_path / "parts" / f"{seed}.png", seed=seed)
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert predict(run, tmp_path / "parts", "--out", whole, "--threshold", 0, "--only", "csv") == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in (0, 1):
        monkeypatch.setenv("RANK", str(rank))
        for part in ("1/2", "2/2"):
            arguments = ["--out", out, "--threshold", 0, "--only", "csv", "--part", part]
            assert predict(run, tmp_path / "parts", *arguments) in (0, 1)
    lines = [line for path in out.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(list(out.glob("predictions-?-of-4.jsonl"))) == 4
    assert len(lines) == 8
    assert (out / "predictions.csv").read_text() == (whole / "predictions.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["*.nothing"], r"*.nothing: no such file or folder"),
        (["parts", "-"], "- is one image on standard input"),
        (["empty"], "no photograph is in empty"),
        (["parts", "--device", "nothing"], "--device nothing: "),
        (["parts", "--column", "nope"], "the job has no column nope"),
        (["parts", "--false-alarms", "5"], "is a share and must lie between 0 and 1, got 5; for 5 % give 0.05"),
        (["parts", "--false-alarms", "-1"], "must lie between 0 and 1, got -1"),
        (["parts", "--ignore", "parts/a/none.png"], "none.png"),
    ],
)
def test_what_names_nothing_is_one_line_before_any_work(
    run: Path,
    tmp_path: Path,
    arguments: list[str],
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts_in(tmp_path / "parts")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert predict(run, *arguments, "--out", "out") == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("out/*.csv"))


@pytest.mark.parametrize("given", ["1e300", "-1e308", "1e-320"])
def test_a_threshold_that_no_score_can_reach_is_one_line(given: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        predict(Path("run"), "photo.png", "--out", "out", f"--threshold={given}")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"renormal-predict: --threshold {float(given)}: give 0, or a number that a score can be")


@pytest.mark.parametrize("name", ["meta", "tpu", "", "cpu\n"])
def test_a_device_without_numbers_is_one_line(name: str) -> None:
    with pytest.raises(ValueError, match=r"^--device .*: take cpu or auto$") as error:
        device_named(name)
    assert len(str(error.value).splitlines()) == 1
