"""What a logger would refuse when it begins ends the job before the images are listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from renormal.job.job import run_job

pytestmark = pytest.mark.usefixtures("home")


def too_late(*_: Any) -> None:
    raise AssertionError("the images were listed")


@pytest.mark.parametrize(
    ("overrides", "variables", "said"),
    [
        (["logger=wandb"], {"WANDB_MODE": "nonsense"}, "^wandb: mode: "),
        (["logger=wandb", "logger.wandb.project=a/b"], {}, "^wandb: Invalid project name"),
        (["logger=many", "logger.wandb.tags=[x, '']"], {}, "^logger.wandb.tags"),
        (
            ["logger=wandb", "logger.wandb.save_dir={file}/x"],
            {},
            r"^logger\.wandb\.save_dir=.* cannot be written \(",
        ),
        (
            ["logger=tensorboard", "logger.tensorboard.save_dir={file}"],
            {},
            r"^logger\.tensorboard\.save_dir=.* \(Not a",
        ),
        (
            ["logger=csv", "logger.csv.save_dir=/proc/renormal"],
            {},
            r"cannot be written \(/proc: .*: give another folder$",
        ),
        (
            ["logger=tensorboard", "+logger.tensorboard.nonsense=1"],
            {},
            r"^logger\.tensorboard\.nonsense does not exist",
        ),
        (["logger=wandb", f"logger.wandb.id={'a' * 200}"], {}, "must be printable text of at most 128 bytes"),
    ],
)
def test_a_logger_that_would_be_refused_ends_the_job_before_its_images(
    overrides: list[str],
    variables: dict[str, str],
    said: str,
    tiny: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").touch()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("renormal.job.job.source_of", too_late)
    with pytest.raises(ValueError, match=said) as refused:
        run_job(tiny(*(one.format(file=tmp_path / "file") for one in overrides)))
    assert len(str(refused.value).splitlines()) == 1


def test_a_logger_may_write_elsewhere(tiny: Any, tmp_path: Path) -> None:
    run_job(tiny("logger=csv", f"logger.csv.save_dir={tmp_path / 'a' / 'b'}"))
    assert list((tmp_path / "a" / "b").rglob("metrics.csv"))
