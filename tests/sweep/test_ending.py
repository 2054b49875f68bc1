"""The last lines of a command: once, however many jobs there were, with what to do next."""

from __future__ import annotations

import logging
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import OmegaConf

from preloaded import python
from renormal.metrics.overlap import unseen
from renormal.report.record import Record, write_record
from renormal.sweep.callback import CheckSweep
from renormal.sweep.ending import after_job, after_sweep
from small import DRAWN, SMALL
from waiting import HANGING


def job(results: Path, category: str = "bottle", **fields: Any) -> Path:
    folder = results / "l2_ae" / category / "0"
    folder.mkdir(parents=True)
    given = {"metrics": {"baseline/pixel_auroc": 0.5}} | fields
    write_record(folder, Record(name="try", model="l2_ae", category=category, kind="object", seed=0, **given))
    return folder


def test_a_job_names_its_pictures_and_the_command_for_the_page_of_all_jobs(tmp_path: Path, monkeypatch: Any) -> None:
    results = tmp_path / "outputs" / "my try"
    folder = job(results)
    (folder / "panels").mkdir()
    monkeypatch.chdir(tmp_path)
    assert after_job(folder, results) == ["table and page: renormal-report 'outputs/my try'"], "no pictures yet"
    (folder / "panels" / "one.png").touch()
    *_, pictures, page = after_job(folder, results)
    assert pictures == "pictures: outputs/my try/l2_ae/bottle/0/panels"
    assert Path(shlex.split(page)[-1]).is_dir(), "the command as it is printed names the folder"


def test_a_job_in_a_folder_of_its_own_is_its_own_page(tmp_path: Path) -> None:
    folder = job(tmp_path / "elsewhere")
    assert after_job(folder, tmp_path / "outputs" / "try")[-1].endswith(str(folder))


@pytest.mark.parametrize(("data", "trained", "said"), [("folder", True, 1), ("folder", False, 0), ("mvtec", True, 0)])
def test_a_job_on_own_photographs_names_the_command_that_inspects_new_ones(
    tmp_path: Path, data: str, trained: bool, said: int
) -> None:
    folder = job(tmp_path / "my parts", config={"data": {"name": data}})
    if trained:
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "last.ckpt").touch()
    lines = [line for line in after_job(folder, tmp_path) if line.startswith("new photographs: ")]
    assert len(lines) == said
    for line in lines:
        command, run, *_, out, _ = shlex.split(line.removeprefix("new photographs: "))
        assert (command, Path(run), out) == ("renormal-predict", folder, "--out")


def test_without_a_record_there_is_no_next_command(tmp_path: Path) -> None:
    assert after_job(tmp_path, tmp_path) == []
    assert after_sweep([tmp_path / "a", tmp_path / "b"], tmp_path) == []


def test_a_damaged_record_ends_no_command(tmp_path: Path) -> None:
    folder = job(tmp_path)
    (folder / "record.json").write_text("{")
    assert after_job(folder, tmp_path) == []


def test_a_metric_that_no_job_has_is_one_line_for_the_whole_sweep(tmp_path: Path) -> None:
    categories = ("bottle", "grid", "pill")
    lack = {"grid": {"aupimo": "24576 pixels"}, "pill": {"aupimo": "9000 pixels", "f1": "no T"}}
    folders = [job(tmp_path, name, undefined=lack.get(name, {})) for name in categories]
    lines = after_sweep(folders, tmp_path)
    assert lines == [
        "aupimo not defined in 2 of 3 jobs, in the first: 24576 pixels",
        "f1 not defined in 1 of 3 jobs: no T",
        f"table and page: renormal-report {tmp_path}",
    ]


def test_a_test_set_too_small_for_aupimo_is_told_what_would_give_it(tmp_path: Path) -> None:
    folder = job(tmp_path, undefined={"aupimo": unseen(torch.tensor([8000, 192]))})
    assert after_job(folder, tmp_path)[0] == (
        "aupimo not defined: 8192 pixels of good images, an FPR of 1e-05 needs 100000; "
        "test more good images, or larger ones, if you want it: no other number needs them"
    )


def test_metrics_that_lack_for_one_reason_share_their_line(tmp_path: Path) -> None:
    folder = job(tmp_path, undefined={"aupro": "no masks", "pixel_auroc": "no masks", "image_auroc": "only good"})
    assert after_job(folder, tmp_path)[:2] == [
        "aupro, pixel_auroc not defined: no masks",
        "image_auroc not defined: only good",
    ]


def test_where_no_metric_is_defined_none_is_named(tmp_path: Path) -> None:
    lack = {"aupro": "only good", "pixel_auroc": "only good"}
    assert after_job(job(tmp_path, metrics={}, undefined=lack), tmp_path)[0] == "metrics not defined: only good"


def test_a_sweep_names_the_pictures_of_its_first_job_as_soon_as_it_has_them(tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "panels").mkdir()
    (tmp_path / "panels" / "one.png").touch()
    done = JobReturn(status=JobStatus.COMPLETED)
    for number in (1, 0):
        hydra = {"mode": RunMode.MULTIRUN, "job": {"num": number}, "runtime": {"output_dir": str(tmp_path)}}
        with caplog.at_level(logging.INFO, "renormal"):
            CheckSweep().on_job_end(OmegaConf.create({"hydra": hydra}), done)
        assert len(caplog.messages) == (number == 0)
    assert caplog.messages[0].endswith("/panels")


def test_a_job_in_a_folder_of_its_own_says_where_its_page_comes_from(tmp_path: Path) -> None:
    command = [python(), "-m", "renormal.run", *DRAWN, *SMALL, "test.panels=0", "folder=mine"]
    end = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=HANGING)
    assert end.stdout.splitlines()[-1].endswith("table and page: renormal-report mine")
