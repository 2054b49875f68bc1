"""An edit of the code that a config names tests again, with the training that is there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from renormal.job.job import run_job
from renormal.job.own_code import changed_code, own_code
from renormal.report.record import read_record

MODULE = "score_of_somebody"
SCORE = f"score={{_target_: hydra.utils.get_method, path: {MODULE}.own}}"


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """edit(factor) writes the module of a score, as the next process will import it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(factor: float) -> None:
        text = f"def own(model, x0, projected):\n    return (x0 - projected).abs().mean(dim=1) * {factor}\n"
        (tmp_path / f"{MODULE}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, MODULE, raising=False)
        importlib.invalidate_caches()

    return write


def test_an_edited_score_is_tested_again_and_the_line_names_its_module(
    tiny: Any, edit: Any, caplog: pytest.LogCaptureFixture
) -> None:
    edit(0.5)
    config = tiny("~score", f"+{SCORE}")
    caplog.set_level("INFO", "renormal")
    run_job(config)
    first = read_record(Path(config.folder) / "record.json")
    run_job(config)
    assert "already has the record of this config" in caplog.text
    caplog.clear()
    edit(0.25)
    run_job(config)
    assert f"holds the record of other code ({MODULE} was edited): it will be kept as other-" in caplog.text
    assert ", and its training is kept; name=" in caplog.text
    second = read_record(Path(config.folder) / "record.json")
    assert second.hashes["training"] == first.hashes["training"]
    assert second.hashes["weights"] == first.hashes["weights"]
    assert second.maps != first.maps


def test_renormal_python_and_installed_packages_do_not_count(edit: Any) -> None:
    edit(1)
    named = {"score": "renormal.scores.DSSIM", "own": f"{MODULE}.own", "python": "math.dist", "lib": "statistics.fmean"}
    scores = {name: {"_target_": target} for name, target in named.items()}
    config = OmegaConf.create(
        {"scores": scores | {"installed": {"_target_": "PIL.Image.Image"}, "no": {"_target_": "no.x"}}}
    )
    assert [*own_code(config)] == [f"code {MODULE}"]


def test_changed_code_is_in_both_and_differs() -> None:
    before = {"code a": "1", "code b": "1", "test": "1"}
    assert changed_code(before, {"code a": "1", "code b": "2", "code c": "1", "test": "2"}) == ["b"]
