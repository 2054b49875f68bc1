"""A job with data.examine says what is wrong with the photographs, and keeps it in its folder and its record."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from recipes import recipe
from renormal.data import DataError, folder
from renormal.job.examined import examined
from renormal.job.job import run_job
from renormal.report.record import read_record
from renormal.report.sheets import sheets
from small import SMALL


def photographs(root: Path, count: int = 20, dark: int | None = None) -> Path:
    """Good parts: a bright square that lies always the same, under noise. One may be dark."""
    generator = np.random.default_rng(0)
    (root / "good").mkdir(parents=True)
    for index in range(count):
        pixels = np.full((64, 64), 60.0)
        pixels[16:48, 20:50] = 180
        pixels = (pixels + generator.normal(0, 4, pixels.shape)) * (0.4 if index == dark else 1)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / "good" / f"{index:02d}.png")
    return root


def config(home: Path, *, examine: bool = True) -> Any:
    return OmegaConf.create({"data": {"examine": examine}, "folder": str(home)})


def test_the_odd_one_is_logged_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = folder(photographs(tmp_path / "parts", dark=4))
    entry = examined(config(tmp_path / "job"), source, 0)
    [line] = entry["examination"]["lines"]
    assert line.startswith("parts: 1 of 20 good photographs are unlike the others: good/04.png (")
    assert line in caplog.messages
    rows = (tmp_path / "job" / "examination.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows] == [["file", "finding"], ["good/04.png", "unlike the others"]]
    with Image.open(tmp_path / "job" / entry["examination"]["sheet"]) as sheet:
        assert sheet.width > 3 * 200  # three typical photographs and the odd one


def test_nothing_is_written_where_all_is_well_and_older_files_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "renormal")
    examined(config(tmp_path / "job"), folder(photographs(tmp_path / "odd", dark=4)), 0)
    entry = examined(config(tmp_path / "job"), folder(photographs(tmp_path / "parts")), 0)
    assert entry == {"examination": {"lines": [], "sheet": ""}}
    assert list((tmp_path / "job").iterdir()) == []
    line = "parts: 20 photographs were compared: no copies, none unlike the others"
    assert caplog.messages[-1] == line
    assert caplog.messages.count(line) == 1, "the odd one was compared, too"
    examined(config(tmp_path / "job"), folder(photographs(tmp_path / "few", count=5)), 0)
    assert caplog.messages[-1] == line, "five are too few to tell the odd one"


@pytest.mark.parametrize("data", ["parts", "folder", "table", "mvtec"])
def test_the_experiment_for_own_photographs_examines_every_data_set(data: str) -> None:
    """data=table has no data.examine of its own."""
    assert recipe("experiment=inspect", f"data={data}").data.examine
    assert not recipe("experiment=inspect", f"data={data}", "data.examine=false").data.examine


def test_without_the_key_nothing_is_read(tmp_path: Path) -> None:
    source = folder(photographs(tmp_path / "parts", dark=4))
    shutil.rmtree(tmp_path / "parts")
    assert examined(config(tmp_path / "job", examine=False), source, 0) == {}


def test_a_job_keeps_it_in_its_record_and_the_page_shows_it(tiny: Any, tmp_path: Path) -> None:
    parts = photographs(tmp_path / "parts", dark=4)
    run_job(tiny("data=folder", f"data.root={parts}", "data.examine=true", "data.channels=1"))
    record = read_record(tmp_path / "run" / "record.json")
    assert record.data["examination"]["sheet"] == "examination.png"
    assert any(caption.startswith("Good photographs that are unlike the others") for caption, _ in sheets(record))


def test_a_photograph_in_training_and_test_ends_the_job_before_the_training(tiny: Any, tmp_path: Path) -> None:
    parts = photographs(tmp_path / "parts")
    shutil.copy(parts / "good" / "00.png", parts / "good" / "09.png")  # the tenth is tested
    with pytest.raises(DataError, match=r"good/00.png \(training\) = good/09.png \(tested as good\)"):
        run_job(tiny("data=folder", f"data.root={parts}", "data.examine=true"))
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_subfolder_that_counts_as_defects_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    parts = photographs(tmp_path / "parts", 6)
    (parts / "good").rename(parts / "monday")
    for image in sorted((parts / "monday").iterdir())[1:]:
        image.rename(parts / image.name)
    own = ["data=parts", "data.kind=object", "data.examine=false", "model=mean_image", "projection=[]"]
    job = recipe(*SMALL, *own, f"data.root={parts}", f"folder={tmp_path / 'job'}")
    OmegaConf.resolve(job)
    run_job(job)
    (said,) = [one for one in caplog.records if "tested as defects: monday" in one.message]
    assert said.levelname == "WARNING"
    assert f"if one of them holds good parts, move its photographs into {parts} to train on them" in said.message
