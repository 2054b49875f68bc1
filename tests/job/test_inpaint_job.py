"""The stage inpaint in a whole job: what it measures, what it leaves, what is refused before the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from renormal.job.job import run_job
from renormal.report.cli import main as report
from renormal.report.record import Record, read_record
from thresholds import least

HOLES = ["stages=[train,inpaint]", "projection=[inpaint,inpaint_blind]", "descent.max_steps=3"]


@pytest.fixture
def job(tiny: Any) -> tuple[Path, Record]:
    config = tiny(*HOLES)
    run_job(config)
    return Path(config.folder), read_record(Path(config.folder) / "record.json")


def test_every_way_is_measured_on_every_kind_of_hole(job: tuple[Path, Record], tiny: Any) -> None:
    folder, record = job
    ways = {"classical", "baseline", "pasted", "inpaint", "inpaint_blind"}
    ways |= {f"{name}_reconstructed" for name in ("inpaint", "inpaint_blind")}
    for kind in ("squares", "mixture"):
        for noun in ("psnr_hole", "ssim_hole", "l1_hole", "psnr_rest", "auroc"):
            assert {key.split("/")[0] for key in record.metrics if key.endswith(f"/{kind}_{noun}")} == ways
        assert record.metrics[f"inpaint/{kind}_l1_rest"] == 0
        assert record.metrics[f"inpaint_reconstructed/{kind}_l1_rest"] == 0
        blind, plain = (record.metrics[f"{way}/{kind}_l1_rest"] for way in ("inpaint_blind_reconstructed", "baseline"))
        assert blind == pytest.approx(plain, rel=0.2), "f(x_N) everywhere, and three steps change little"
        assert (folder / "panels" / f"inpaint-{kind}.png").is_file()
        steps, stopped = (record.projections["inpaint"][f"{kind}_{noun}"] for noun in ("steps", "stopped"))
        assert (steps < 3) == (stopped == 1), "who stops before the last step has arrived"
    assert record.projections["inpaint"]["threshold"] == pytest.approx(least(tiny(*HOLES), 2), rel=1e-4)
    assert set(record.seconds) == {"data", "train", "inpaint"}


def test_the_job_is_not_repeated_and_its_figures_are_drawn(job: tuple[Path, Record], tiny: Any, caplog: Any) -> None:
    folder, record = job
    written = (folder / "record.json").stat().st_mtime_ns
    with caplog.at_level("INFO", logger="renormal"):
        run_job(tiny(*HOLES))
    assert (folder / "record.json").stat().st_mtime_ns == written
    report([str(folder), "--figures"])
    table = (folder / "repairs.md").read_text(encoding="utf-8").splitlines()
    assert len(table) == 2 + 2 * 7, "a row for each kind of hole and way"
    assert f"{record.metrics['inpaint/squares_psnr_hole']:.2f}" in next(line for line in table if "eq. 7" in line)
    figures = {path.name for path in (folder / "figures").glob("*.png")}
    stem = f"{record.model}-{record.category}-{record.seed}.png"
    assert {f"figure4-{stem}", f"figure7-{stem}"} <= figures
    assert "inpaint-squares" not in (folder / "report.html").read_text(encoding="utf-8")  # inside of the page


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["category=grid", "stages=[train,inpaint]"], "seen in patches"),
        (["projection=[inpaint]", "stages=[train,test]"], "needs a known hole"),
        (["inpaint.holes.squares.share=1.5", *HOLES], "inpaint.holes.squares.share=1.5: must be a number > 0"),
        (["model=anogan", "projection=[]", "stages=[train,inpaint]"], "has no f"),
    ],
)
def test_what_could_only_fail_after_the_training_fails_before(tiny: Any, overrides: list[str], line: str) -> None:
    config = tiny(*overrides)
    with pytest.raises(ValueError, match=line):
        run_job(config)
    assert not (Path(config.folder) / "checkpoints").exists()


def test_the_stage_keeps_what_the_test_has_measured(tiny: Any) -> None:
    config = tiny("stages=[train,test,inpaint]", "projection=[eq8_adam]", "descent.max_steps=3")
    run_job(config)
    report = read_record(Path(config.folder) / "record.json").projections["eq8_adam"]
    assert {"steps_mean", "stopped_fraction", "squares_steps", "mixture_stopped"} <= set(report)
