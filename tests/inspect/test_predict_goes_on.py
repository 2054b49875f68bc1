"""renormal-predict in several processes, after a kill, on a folder that grows, and under a mask."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from parts import draw, lines_of, pixels_of, predict, rows_of
from PIL import Image

from renormal.inspect import predicting
from renormal.inspect.ignored import touched
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.inspect.pictures import defects_of, outline, without_small
from renormal.inspect.predict import main
from renormal.inspect.predictions import Predictions
from renormal.job.job import run_job
from renormal.job.rank import share
from waiting import wait_until


@pytest.fixture(scope="module")
def run(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished job."""
    folder = tmp_path_factory.mktemp("goes_on") / "run"
    run_job(small("category=bottle", "projection=[eq8]", "test.normal_images=6", f"folder={folder}"))
    return folder


def many(folder: Path, count: int) -> Path:
    for seed in range(count):
        draw(folder / f"{seed:04}.png", seed=seed)
    return folder


def test_two_processes_write_what_one_does_and_a_killed_command_goes_on(run: Path, tmp_path: Path) -> None:
    parts, out = many(tmp_path / "parts", 150), tmp_path / "killed"
    assert predict(run, parts, "--out", tmp_path / "whole", "--threshold", 0, "--only", "masks") == 1
    code = "import sys; from renormal.inspect.predict import main; sys.exit(main())"
    arguments = [str(run), str(parts), "--out", str(out), "--threshold", "0", "--only", "masks"]
    command = [sys.executable, "-c", code, *arguments, "--column", "baseline", "--workers", "2"]
    lines = out / "predictions.jsonl"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}) as process:
        wait_until(lambda: (lines.is_file() and lines.stat().st_size) or process.poll() is not None, "the first lines")
        process.kill()
    done = len(lines.read_bytes().splitlines())
    assert 0 < done < 150
    with lines.open("ab") as file:
        file.write(b'{"image": "torn')
    assert predict(run, parts, "--out", out, "--threshold", 0, "--only", "masks") == 1
    assert lines.read_text() == (tmp_path / "whole" / "predictions.jsonl").read_text()
    assert rows_of(out) == rows_of(tmp_path / "whole")


def test_a_watched_folder_gives_whole_files_once_until_ctrl_c(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inbox, out = many(tmp_path / "inbox", 1), tmp_path / "inbox" / "out"
    whole = draw(tmp_path / "whole.png", seed=7).read_bytes()
    growing, polls = inbox / "growing.png", list[int]()

    def sleep(_: float) -> None:
        polls.append(len(lines_of(out)))
        steps = {1: whole[:200], 2: whole[:900], 3: whole}
        if len(polls) in steps:
            growing.write_bytes(steps[len(polls)])
        if len(polls) == 6:
            draw(inbox / "0000.png", seed=8)  # replaced by another photograph
        if len(polls) == 9:
            raise KeyboardInterrupt

    monkeypatch.setattr(predicting.time, "sleep", sleep)
    assert predict(run, "--watch", inbox, "--out", out, "--threshold", 1e6) == 0
    assert polls == [0, 1, 1, 1, 2, 2, 2, 2, 2]
    assert "3 photographs: 0 defective, 3 good; " in capsys.readouterr().out
    rows = rows_of(out)
    assert list(rows) == ["0000.png", "growing.png"]
    inspector = Inspector(load(run), column="baseline")
    assert rows["0000.png"]["score"] == repr(inspector.inspect(inbox / "0000.png").score)
    page = (out / "report.html").read_text()
    assert "<b>None of 2</b> photographs" in page
    assert page.count("<img") == 2


def test_what_the_mask_ignores_counts_in_nothing(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = draw(tmp_path / "parts" / "1.png", seed=1, size=(32, 32))  # the network's size
    answer = Inspector(load(run), column="baseline").inspect(part)
    ignored = np.zeros((32, 32), bool)
    row, column = np.unravel_index(answer.map.argmax(), answer.map.shape)
    ignored[row, :] = ignored[:, column] = True
    Image.fromarray(ignored).save(tmp_path / "station.png")
    rest = float(answer.map[~ignored].max())
    assert rest < answer.score
    out, middle = tmp_path / "out", (rest + answer.score) / 2
    assert predict(run, part, "--out", out, "--threshold", middle, "--ignore", tmp_path / "station.png") == 0
    line = lines_of(out)["1.png"]
    assert (line["score"], line["threshold"], line["defects"]) == (rest, middle, [])
    assert not pixels_of(out / "maps" / "1.tif")[ignored].any()
    other = draw(tmp_path / "parts" / "2.png", seed=1, size=(40, 32))
    assert predict(run, part, other, "--out", out, "--threshold", middle, "--ignore", tmp_path / "station.png") == 2
    assert "32 × 40 pixels, the mask" in capsys.readouterr().err
    for name, grey in (("black.png", 0), ("white.png", 255)):
        Image.new("L", (32, 32), grey).save(tmp_path / name)
        assert predict(run, part, "--out", tmp_path / "no", "--ignore", tmp_path / name) == 2
        assert not (tmp_path / "no").exists()


def test_a_pixel_of_the_network_is_ignored_where_a_part_of_it_is() -> None:
    rows = np.zeros((10, 1), bool)
    rows[4] = True
    assert touched(rows, 4)[:, 0].tolist() == [False, True, False, False]  # rows 2.5 to 5
    assert touched(rows, 5)[:, 0].tolist() == [False, False, True, False, False]
    assert touched(rows, 20)[:, 0].nonzero()[0].tolist() == [8, 9]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (700, 3), (31, 33)])
def test_every_size_comes_back_and_a_defective_photograph_has_a_defect(
    run: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    part, out = draw(tmp_path / "1.png", seed=1, size=size), tmp_path / "out"
    score = Inspector(load(run), column="baseline").inspect(part).score
    assert predict(run, part, "--out", out, "--threshold", np.nextafter(score, 0)) == 1
    for kind, suffix in (("overlays", "png"), ("masks", "png"), ("maps", "tif")):
        assert pixels_of(out / kind / f"1.{suffix}").shape[:2] == size
    line = lines_of(out)["1.png"]
    assert sum(one["area"] for one in line["defects"]) == (pixels_of(out / "masks" / "1.png") > 0).sum() >= 1


@pytest.mark.parametrize(("side", "wide"), [(64, 2), (960, 5)])
def test_the_outline_of_one_pixel_is_a_ring_that_can_be_seen(side: int, wide: int) -> None:
    mask = np.zeros((side, side), np.bool_)
    mask[30, 40] = True
    found = outline(mask)
    assert found.sum() == (2 * wide + 1) ** 2 - 1
    assert found[30 - wide : 31 + wide, 40 - wide : 41 + wide].sum() == found.sum()


def test_boxes_and_areas_of_parts_that_touch_at_a_corner() -> None:
    mask = np.zeros((6, 8), bool)
    mask[1, 2] = mask[2, 3:5] = mask[5, 7] = True
    first, second = defects_of(mask)
    assert first == {"x": 2, "y": 1, "width": 3, "height": 2, "area": 3}
    assert second == {"x": 7, "y": 5, "width": 1, "height": 1, "area": 1}
    values = np.where(mask, 2, 0).astype(np.float32)
    assert np.array_equal(without_small(values, 1.0, 3) > 1, mask & (np.arange(8) < 7))


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, (0, 1)),
        ({"RANK": "1", "WORLD_SIZE": "3", "SLURM_PROCID": "0", "SLURM_NTASKS": "2"}, (1, 3)),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "4"}, (1, 4)),
        ({"SLURM_JOB_ID": "7", "SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"}, (3, 4)),
        ({"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, (0, 1)),  # a batch script without srun
    ],
)
def test_the_share_of_a_process_is_that_of_whoever_started_it(
    variables: dict[str, str], found: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "SLURM_JOB_ID", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert share() == found


def test_a_link_at_the_lines_is_refused_and_its_target_stays(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, target = tmp_path / "out", tmp_path / "target.jsonl"
    out.mkdir()
    (out / "predictions.jsonl").symlink_to(target)
    assert predict(run, many(tmp_path / "parts", 1), "--out", out) == 2
    assert (
        "predictions.jsonl is a link, and lines would be appended to its target: delete it" in capsys.readouterr().err
    )
    assert not target.exists()


def test_a_pipe_among_the_lines_is_not_waited_for(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    predict(run, many(tmp_path / "parts", 1), "--out", out, "--only", "csv")
    os.mkfifo(out / "predictions-1-of-2.jsonl")
    assert main(["--join", str(out)]) == 2
    assert "predictions-1-of-2.jsonl: no regular file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"defective": None}, "neither an answer nor an error"),
        ({"image": 5}, "image: is no text"),
        ({"score": "high"}, "score: should be a valid number, got 'high'"),
        ({"defects": [{"x": 1}]}, r"defects\.0\.y: is missing"),
        ({"defects": 5}, "defects: should be a valid list, got 5"),
        ({"threshold": {}}, "threshold: should be a valid number"),
    ],
)
def test_a_line_that_is_no_prediction_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], why: str
) -> None:
    out = tmp_path / "out"
    predict(run, many(tmp_path / "parts", 2), "--out", out, "--only", "csv")
    lines = (out / "predictions.jsonl").read_text().splitlines()
    whole = [lines[0], json.dumps(json.loads(lines[1]) | change)]
    (out / "predictions.jsonl").write_text("".join(f"{line}\n" for line in whole))
    capsys.readouterr()
    assert main(["--join", str(out)]) == 2
    assert re.fullmatch(rf"renormal-predict: .*predictions\.jsonl, line 2: .*{why}.*\n", capsys.readouterr().err)


def test_a_disk_that_is_full_is_named_with_the_mend(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Predictions, "add", full)
    out = tmp_path / "out"
    assert predict(run, many(tmp_path / "parts", 1), "--out", out, "--only", "csv") == 2
    assert f"{out}: No space left on device: make room, or choose another place with --out" in capsys.readouterr().err
