"""Each example runs, with few images, and does what its first lines say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from preloaded import python
from renormal.report.record import read_record
from renormal.run import CONF
from small import DRAWN, SMALL

EXAMPLES = Path(__file__).parents[1] / "examples"


def photograph(path: Path, seed: int) -> None:
    """A disc of one grey on noise."""
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(100, 130, (48, 48), dtype=np.uint8)
    y, x = np.mgrid[:48, :48]
    pixels[(y - 24) ** 2 + (x - 24) ** 2 < 200] = 200
    Image.fromarray(pixels).save(path)


def said(folder: Path, *command: object) -> str:
    """What an example prints, run in a folder of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHON": python(), "LAUNCHER": "basic"}
    done = subprocess.run(list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_own_network_projects(tmp_path: Path) -> None:
    text = said(tmp_path, python(), EXAMPLES / "own_network.py")
    assert "16 of 16 images reached it" in text
    (change,) = re.findall(r"change: (.*)", text)
    good, defective = map(float, re.findall(r"\d\.\d{3}", change))
    assert defective > 10 * good
    (found,) = re.findall(r"pixel AUROC: .* (\d\.\d{3}) with x_N", text)
    assert float(found) > 0.9  # 0.5 by chance


def test_a_score_of_ones_own_is_a_column(tmp_path: Path) -> None:
    said(tmp_path, python(), EXAMPLES / "new_score.py", *DRAWN, *SMALL, "projection=[eq8]", "folder=job")
    record = read_record(tmp_path / "job" / "record.json")
    assert 0 <= record.metrics["edges/pixel_auroc"] <= 1
    assert record.metrics["edges/pixel_auroc"] != record.metrics["baseline/pixel_auroc"]


def test_a_folder_becomes_overlays(tmp_path: Path) -> None:
    for i in range(12):
        photograph(tmp_path / "parts" / f"{i}.png", seed=i)
    for i in range(2):
        photograph(tmp_path / "new" / f"{i}.png", seed=100 + i)
    tiny = ["choose.defects=4", "choose=as_configured", "minutes=1", "model.net.width=8", "data.kind=object"]
    text = said(tmp_path, python(), EXAMPLES / "folder_to_overlays.py", "parts", "new", "found", *SMALL, *tiny)
    assert [line.split()[0] for line in text.splitlines() if line.endswith(("yes", "no"))] == ["0.png", "1.png"]
    assert len(list((tmp_path / "found" / "overlays").glob("*.png"))) == 2


def test_a_sweep_is_one_command(tmp_path: Path) -> None:
    sweep = ["data=rehearsal", "model=l2_ae", "seed=0,1", "name=s", "projection=[eq8]", "test.panels=0"]
    said(tmp_path, "sh", EXAMPLES / "slurm_sweep.sh", "-m", *DRAWN, *SMALL, *sweep)
    records = sorted((tmp_path / "outputs" / "s").rglob("record.json"))
    assert [read_record(path).seed for path in records] == [0, 1]


def test_the_profile_of_a_cluster_is_a_launcher() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        search = f"hydra.searchpath=[file://{EXAMPLES / 'conf'}]"
        config = compose("config", [search, "hydra/launcher=cluster"], return_hydra_config=True)
    launcher = config.hydra.launcher
    assert (launcher.partition, launcher.gpus_per_node, launcher.array_parallelism) == ("gpu", 1, 256)
    assert launcher._target_ == "hydra_plugins.renormal_plugins.Slurm"


def test_the_notebook_runs(tmp_path: Path) -> None:
    said(tmp_path, Path(sys.executable).with_name("jupyter-execute"), EXAMPLES / "method.ipynb")


def test_the_notebook_has_its_pictures() -> None:
    cells = json.loads((EXAMPLES / "method.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 5
    assert not [output for output in outputs if output["output_type"] == "error"]


@pytest.mark.parametrize("line", re.findall(r"\]\(([\w./]+)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8")))
def test_an_example_of_the_list_is_there(line: str) -> None:
    assert (EXAMPLES / line).is_file()
