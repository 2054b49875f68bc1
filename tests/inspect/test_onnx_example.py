"""The example of 30 lines reads an exported file where renormal and torch cannot be imported, with the same score."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts import draw, pixels_of
from PIL import Image

from renormal.inspect.export import main
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.inspect.pictures import RED, outline
from renormal.job.job import run_job

pytest.importorskip("onnxruntime", reason="the example needs pip install 'renormal[export]'")
pytestmark = pytest.mark.usefixtures("tables_read_once")

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_without_renormal.py"
ALONE = "import runpy, sys; sys.modules.update(renormal=None, torch=None); runpy.run_path(sys.argv.pop(1))"


def example(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ALONE, str(EXAMPLE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module", params=[("squash", "3"), ("crop", "1")], ids=["squashed colours", "a grey centre"])
def exported(request: pytest.FixtureRequest, small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    fit, channels = request.param
    folder = tmp_path_factory.mktemp("exported") / "run"
    photos = folder.parent / "photos"
    for number in range(6):
        draw(photos / f"{number}.png", seed=number, size=(40, 48))
    settings = ("data=folder", f"data.root={photos}", f"data.fit={fit}", f"data.channels={channels}")
    run_job(small(*settings, "projection=[eq8]", "data.holdout=2", f"folder={folder}"))
    assert main([str(folder), "--column", "baseline"]) == 0
    return folder


def test_the_example_has_thirty_lines() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 30


def test_the_example_answers_like_the_job_without_renormal(exported: Path, tmp_path: Path) -> None:
    inspector = Inspector(load(exported), column="baseline")
    noise, flat = draw(tmp_path / "noise.png", seed=9, size=(50, 90)), tmp_path / "flat.png"
    Image.fromarray(np.full((50, 90), 128, np.uint8)).save(flat)
    for photo in (noise, flat):
        answer, end = inspector.inspect(photo), example(exported / "export.onnx", photo, tmp_path / "overlay.png")
        assert not end.stderr
        found = re.fullmatch(r"score (\S+), threshold (\S+): (.+)\n", end.stdout)
        assert found
        assert float(found[1]) == pytest.approx(answer.score, abs=2e-5)
        assert float(found[2]) == pytest.approx(answer.threshold, rel=1e-5)
        assert found[3] == ("defective" if answer.defective else "not defective")
        assert end.returncode == 0
        overlay, whole = pixels_of(tmp_path / "overlay.png"), pixels_of(photo)
        kept = whole if inspector.frame.fit == "squash" else whole[:, 20:70]
        mask = answer.mask if inspector.frame.fit == "squash" else answer.mask[:, 20:70]
        plain = kept if kept.ndim == 3 else np.repeat(kept[..., None], 3, axis=2)
        line = (overlay == RED).all(axis=2)
        assert (line == outline(mask)).mean() > 0.99
        assert np.array_equal(overlay[~line], plain[~line]), "the defect stays visible"


def test_what_the_example_does_not_read_is_one_line(exported: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 1000, np.uint16)).save(tmp_path / "deep.png")
    end = example(exported / "export.onnx", tmp_path / "deep.png", tmp_path / "overlay.png")
    assert (end.returncode, end.stdout) == (1, "")
    assert len(end.stderr.splitlines()) == 1
    assert "renormal-predict reads it" in end.stderr
    assert not (tmp_path / "overlay.png").exists()
