"""What has changed since a sweep planned a job is named in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from renormal.job.fingerprints import source_of
from renormal.job.job import run_job
from renormal.job.planned import change_since, plan_of
from renormal.report.record import read_record


def change(before: Any, after: Any) -> str:
    return change_since(plan_of(before, source_of(before)), after, source_of(after)) or ""


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.optimizer.lr=0.5", "the recipe has changed since the sweep began: model.optimizer.lr was 0.0001 and"),
        ("projections.eq8.step_size=9", "projections.eq8.step_size was 0.5 and is 9"),
        ("+trainer.max_time=00:01:00:00", "trainer.max_time was – and is 00:01:00:00"),
        ("stages=[train]", 'stages was ["train", "test"] and is ["train"]'),
        ("trainer.precision=bf16-mixed", "trainer.precision was 32-true and is bf16-mixed"),
        ("seed=1", "; undo the change, or start the sweep again"),
    ],
)
def test_a_changed_key_is_named_with_both_values(tiny: Any, override: str, line: str) -> None:
    assert line in change(tiny(), tiny(override))


@pytest.mark.parametrize("override", ["threads=2", "logger=csv", "progress=true", "trainer.accelerator=auto"])
def test_what_changes_no_number_may_change(tiny: Any, override: str) -> None:
    assert not change(tiny(), tiny(override))


def test_a_changed_file_is_named(tiny: Any, tmp_path: Path) -> None:
    root = tmp_path / "hinge"
    for place in ("good", "scratch"):
        (root / place).mkdir(parents=True)
        for index in range(4):
            Image.new("L", (32, 32), 40 + index).save(root / place / f"{index}.bmp")
    config = tiny("data=folder", f"data.root={root}", "data.holdout=0")
    planned = plan_of(config, source_of(config))
    assert change_since(planned, config, source_of(config)) is None
    Image.new("L", (32, 32), 99).save(root / "good" / "1.bmp")
    line = "hinge: the images have changed since the sweep began: good/1.bmp was written last"
    assert line in str(change_since(planned, config, source_of(config)))
    Image.new("L", (32, 32), 99).save(root / "scratch" / "9.bmp")
    assert "5 test images are there, 4 were planned" in str(change_since(planned, config, source_of(config)))


def test_other_weights_under_the_same_name_are_named(tiny: Any, tmp_path: Path) -> None:
    weights = tmp_path / "some.ckpt"
    weights.write_bytes(b"1")
    config = tiny("stages=[test]", f"checkpoint={weights}")
    planned = plan_of(config, source_of(config))
    weights.write_bytes(b"2")
    assert f"{weights} has changed since the sweep began" in str(change_since(planned, config, source_of(config)))


def test_a_changed_job_ends_before_its_work_and_keeps_the_record_that_it_had(tiny: Any) -> None:
    before, after = tiny(), tiny("model.optimizer.lr=0.5")
    plan = plan_of(before, source_of(before))
    with pytest.raises(ValueError, match=r"^the recipe has changed since the sweep began: model.optimizer.lr"):
        run_job(after, planned={"done": False, **plan})
    assert not Path(after.folder).exists()
    run_job(before, planned={"done": False, **plan})
    run_job(after, planned={"done": True, **plan})
    assert read_record(Path(after.folder) / "record.json").config["model"]["optimizer"]["lr"] == 0.0001
