"""The file of each score, and what is said of one that ONNX cannot hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from renormal.inspect.export import main
from renormal.job.job import run_job

pytestmark = pytest.mark.usefixtures("tables_read_once")

PARTS_HALVED = ["score.parts.msgms.scales=2"]
FEWER_SCALES = {  # each takes a second
    "msgms": ["score.scales=2"],
    "msgms_whitened": ["score.of.scales=2"],
    "combined": PARTS_HALVED,
    "ranked": PARTS_HALVED,
}


def job_of(score: str, model: str, small: Any, folder: Path) -> Path:
    given = (f"model={model}", "projection=[]", f"score={score}", *FEWER_SCALES.get(score, []))
    run_job(small("category=bottle", *given, f"folder={folder / 'run'}"))
    return folder / "run"


@pytest.mark.parametrize(
    ("score", "model"),
    [
        *((score, "mean_image") for score in ("msgms_whitened", "squared_error", "combined", "reconstructed")),
        *((score, "vae") for score in ("loss_gradient", "kl_gradient")),
    ],
)
def test_every_score_has_a_file(score: str, model: str, small: Any, tmp_path: Path) -> None:
    assert main([str(job_of(score, model, small, tmp_path))]) == 0


def test_what_onnx_cannot_hold_is_one_line(small: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = job_of("ranked", "mean_image", small, tmp_path)
    assert main([str(run)]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"renormal-export: ONNX has no form of the operation \S+, .*: export with --to torch\n", said)
    assert main([str(run), "--to", "torch"]) == 0
