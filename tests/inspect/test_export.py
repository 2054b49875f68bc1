"""A finished job as one graph: the same numbers without autograd, and without renormal."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from renormal.functional.ssim import bands
from renormal.inspect import export
from renormal.inspect.export import ENDS, main, steps_of
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.inspect.unrolled import descended, traced, unrolled
from renormal.job.fingerprints import source_of
from renormal.job.job import run_job
from renormal.projection import project, settle

pytestmark = pytest.mark.usefixtures("tables_read_once")

SMALLEST = ["model=mean_image", "projection=[eq8_adam]", "descent.max_steps=2"]  # tracing takes seconds a network
ONE_STEP = ["projection=[eq8]", "descent.max_steps=1"]
KINDS = {
    "an object": ["category=bottle", "projection=[eq8_adam]", "descent.max_steps=2"],
    "a texture in tiles": ["category=grid", "projection=[eq8]", "test.stride=16", "descent.max_steps=2"],
    "two sizes": ["category=grid", *ONE_STEP, "data.shrink=[1,2]", "test.average=pixels"],
    "a VAE": ["model=vae", "category=cable", "projection=[eq8_adam]", "descent.max_steps=2"],
    "all views": ["category=hazelnut", *ONE_STEP, "test.flips=true"],
    "the repair network and a learned score": [
        *("model=segmenting_ae", "model.net.width=4", "model.net.segmenter=4", "score=segmented"),
        *("category=bottle", "projection=[one_pass]"),
    ],
    "what S marks is replaced": [
        *("model=segmenting_ae", "model.net.width=4", "model.net.segmenter=4", "score=segmented"),
        *("category=bottle", "projection=[second_pass]", "projections.second_pass.energy.level=0.05"),
    ],
}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def run(request: pytest.FixtureRequest, small: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("exported") / "run"
    config = small(*request.param, f"folder={folder}")
    run_job(config)
    return config, folder


def test_the_graph_is_the_inspection(run: tuple[Any, Path]) -> None:
    config, folder = run
    inspector, source = Inspector(load(folder)), source_of(config)
    graph = traced(
        unrolled(inspector, steps_of(inspector, None)),
        torch.rand(1, inspector.frame.channels, *[inspector.frame.size] * 2),
    )
    for item in source.test:
        answer = inspector.inspect(item.image)
        image = torch.from_numpy(np.asarray(_input(inspector, item.image)))
        found = graph(image)
        assert found[1].item() == pytest.approx(answer.score, abs=2e-5)
    assert not any("backward" in str(node.target) for node in graph.graph.nodes)


def _input(inspector: Inspector, path: Path) -> torch.Tensor:
    from renormal.inspect.photographs import photograph

    return photograph(path, inspector.frame).image


def test_a_sample_that_has_arrived_stays(run: tuple[Any, Path]) -> None:
    job = load(run[1])
    x0 = torch.rand(4, job.channels, job.size, job.size, generator=torch.Generator().manual_seed(1))
    descent = next(iter(job.descents.values()))
    middle = replace(descent, step_size=0.1, max_steps=6)
    settled = settle(middle, job.model, x0)
    wanted = project(job.model, x0, settled)
    assert torch.allclose(descended(job.model, x0, settled, 6), wanted.x, atol=1e-5)


@pytest.fixture(scope="module")
def bottle(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(small, tmp_path_factory, "projection=[eq8_adam]", "descent.max_steps=2")


@pytest.fixture(scope="module")
def smallest(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(small, tmp_path_factory, *SMALLEST)


def finished(small: Any, folders: pytest.TempPathFactory, *given: str) -> Path:
    folder = folders.mktemp("bottle") / "run"
    run_job(small("category=bottle", *given, f"folder={folder}"))
    return folder


def test_a_graph_needs_no_score_that_its_process_has_computed_before(bottle: Path) -> None:
    inspector = Inspector(load(bottle))
    image = torch.rand(1, inspector.frame.channels, *[inspector.frame.size] * 2)
    bands.cache_clear()  # as in a new process
    graph = traced(unrolled(inspector, 1), image)
    assert graph(image)[1].item() == pytest.approx(unrolled(inspector, 1)(image)[1].item(), abs=2e-5)


def test_onnxruntime_gives_the_same_numbers_and_the_file_says_how_to_use_it(
    bottle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    assert main([str(bottle)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"after 2 steps the map differs by [\d.e-]+ at most", said)
    assert re.search(r"2 steps built in \d+ s\ncomparing photograph 1 of 4\ncomparing photograph 2 of 4\n", said)
    session = onnxruntime.InferenceSession(str(bottle / "export.onnx"))
    facts = session.get_modelmeta().custom_metadata_map
    inspector = Inspector(load(bottle))
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    names = [one.name for one in session.get_outputs()]
    answer = dict(zip(names, session.run(None, {"image": image.numpy()}), strict=True))
    end, maps = inspector.maps(image)
    for found, wanted in ((answer["map"], maps), (answer["projected"], end)):  # but where Adam's sign is rounding
        assert np.mean(np.abs(found - wanted.numpy()) > 1e-4) < 0.01
    assert float(facts["threshold"]) == inspector.decision.threshold
    assert (facts["column"], facts["fit"], facts["size"]) == (inspector.column, "squash", "32")
    assert main([str(bottle)]) == 2
    assert "add --force" in capsys.readouterr().err


def test_a_graph_of_other_steps_has_no_threshold(
    smallest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    assert main([str(smallest), "--steps", "1", "--out", str(tmp_path / "a.onnx")]) == 0
    line = "no threshold: that of the job was measured after 2 steps, not 1"
    said = capsys.readouterr().out
    assert line in said
    assert "from that of renormal-predict, which takes up to 2 steps where the graph takes 1, on " in said
    facts = onnxruntime.InferenceSession(str(tmp_path / "a.onnx")).get_modelmeta().custom_metadata_map
    assert "threshold" not in facts
    assert facts["decision"] == line


def test_torch_export_and_safetensors(bottle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bottle), "--to", "torch", "--out", str(tmp_path / "a.pt2"), "--column", "baseline"]) == 0
    extra = {"renormal.json": ""}
    program = torch.export.load(str(tmp_path / "a.pt2"), extra_files=extra).module()
    image = torch.rand(1, 3, 32, 32)
    inspector = Inspector(load(bottle), column="baseline")
    assert torch.allclose(program(image)[0], inspector.maps(image)[1], atol=1e-5)
    assert json.loads(extra["renormal.json"])["steps"] == "0"
    assert float(json.loads(extra["renormal.json"])["threshold"]) == inspector.decision.threshold
    safetensors = pytest.importorskip("safetensors.torch")
    assert main([str(bottle), "--to", "safetensors", "--out", str(tmp_path / "a.safetensors")]) == 0
    weights = safetensors.load_file(tmp_path / "a.safetensors")
    assert all(torch.equal(weights[name], value) for name, value in load(bottle).model.state_dict().items())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--out", "a.pt"], "ends in .onnx"),
        (["--out", "/nowhere/a.onnx"], "/nowhere is no folder"),
        (["--column", "nope"], "has no column nope"),
        (["--steps", "-1"], "--steps must be 0 or more"),
        (["--steps", "3"], "has at most 2 steps"),
        (["--steps", "1", "--column", "baseline"], "column baseline is f(x0), without steps"),
        (["--false-alarms", "2"], "between 0 and 1"),
        (["--images", "/nowhere"], "no photographs there"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    bottle: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    if "--out" not in arguments:
        arguments = [*arguments, "--out", str(bottle / "other.onnx")]
    assert main([str(bottle), *arguments]) == 2
    said = capsys.readouterr().err
    assert line in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("to", ["onnx", "safetensors"])
def test_a_place_that_cannot_be_written_is_one_line_before_the_job_is_loaded(
    to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("the job is loaded")

    def closed(dir: Path) -> None:  # noqa: A002 as tempfile calls it
        raise PermissionError(13, "Permission denied", f"{dir}/tmpx7")

    monkeypatch.setattr("renormal.inspect.export.load", loaded)
    out = tmp_path / f"a.{to}"

    def line(*further: str, path: Path = out) -> str:
        assert main([str(tmp_path), "--to", to, "--out", str(path), *further]) == 2
        return capsys.readouterr().err

    out.symlink_to("nowhere")  # somebody's link is not replaced unasked
    assert line() == f"renormal-export: {out} is there: add --force to replace it, or choose another with --out\n"
    (tmp_path / f"b.{to}").mkdir()
    assert "is no regular file" in line("--force", path=tmp_path / f"b.{to}")
    assert "File name too long" in line(path=tmp_path / f"{'c' * 300}.{to}")
    monkeypatch.setattr("renormal.inspect.export.TemporaryFile", closed)
    assert line("--force") == f"renormal-export: {tmp_path}: Permission denied: choose another place with --out\n"


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_no_temporary_folder_is_needed(
    to: str, smallest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was full, torch.export.save ended the process, and onnx blamed the folder of --out."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    out = tmp_path / f"a{ENDS[to]}"
    assert main([str(smallest), "--column", "baseline", "--to", to, "--out", str(out)]) == 0
    assert list(tmp_path.iterdir()) == [out]


def test_of_two_exports_at_once_the_second_replaces_nothing_without_force(
    bottle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "e.safetensors"
    facts = export.facts_of

    def meanwhile(*given: Any) -> dict[str, str]:
        out.write_text("of another export")
        return facts(*given)

    monkeypatch.setattr(export, "facts_of", meanwhile)
    arguments = [str(bottle), "--to", "safetensors", "--out", str(out)]
    assert export.main(arguments) == 2
    assert "is there: add --force to replace it" in capsys.readouterr().err
    assert out.read_text() == "of another export"
    assert [path.name for path in tmp_path.iterdir()] == ["e.safetensors"]
    assert export.main([*arguments, "--force"]) == 0
    assert out.read_bytes() != b"of another export"
