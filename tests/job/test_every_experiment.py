"""Every experiment runs on a processor that has AVX2 and no bfloat16."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from every_experiment import EXPERIMENTS
from every_experiment import __file__ as script
from waiting import HANGING

EXPECTED = ("aupimo not defined", "the posterior has collapsed", "f(x0) alone finds")  # of so small a job


def test_every_experiment_runs_where_there_is_no_bfloat16(tmp_path: Path) -> None:
    """In one process, in float32, without a warning."""
    limits = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "OMP_NUM_THREADS": "1"}
    path = os.pathsep.join([str(Path(script).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, script, str(tmp_path)]  # a new one: torch reads the limits when it loads
    done = subprocess.run(
        command, env=os.environ | limits | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=HANGING
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["name"] for line in lines] == EXPERIMENTS
    for line in lines:
        assert not [said for said in line["said"] if not said.startswith(EXPECTED)], line
        assert line["warnings"] == [], line["name"]
        assert line["precision"] in ("32-true", None), "no record without a test"
