"""renormal-predict says in a line which photographs are unlike those of the training."""

from __future__ import annotations

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from parts import draw, predict, rows_of
from PIL import Image

from recipes import recipe
from renormal.inspect.about import FEW_IN_LOG
from renormal.inspect.doubts import Doubts
from renormal.inspect.load import load
from renormal.inspect.predict import main
from renormal.job.job import run_job
from renormal.lit.training_length import FEW
from small import SMALL

OWN = ["data=parts", "model=mean_image", "data.kind=object", "projection=[]", "data.examine=false"]


def trained(place: Path, mode: str, *, size: tuple[int, int] = (40, 60)) -> Path:
    """The folder of a finished job on ten photographs with (height, width) pixels."""
    for seed in range(10):
        image = draw(place / "parts" / f"{seed}.png", seed=seed, size=size)
        Image.open(image).convert(mode).save(image)
    config = recipe(*SMALL, *OWN, f"data.root={place / 'parts'}", f"folder={place / 'run'}")
    OmegaConf.resolve(config)
    run_job(config)
    return place / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("colour"), "RGB")


def said(run: Path, capsys: Any, *arguments: object) -> list[str]:
    """The lines on stderr after the first one, which tells of the threshold."""
    capsys.readouterr()
    assert predict(run, *arguments, "--threshold", 1e6, "--only", "csv") == 0
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("renormal-predict: ")]


def test_photographs_like_those_of_the_training_are_no_line(run: Path, tmp_path: Path, capsys: Any) -> None:
    draw(tmp_path / "new" / "1.png", seed=71)
    draw(tmp_path / "new" / "2.png", seed=72, size=(80, 118))
    assert said(run, capsys, tmp_path / "new", "--out", tmp_path / "out") == []


def test_a_network_of_few_images_is_a_line_where_minutes_have_limited_it(run: Path, tmp_path: Path) -> None:
    job = load(run)
    for minutes, training, other, said in (
        (2, {"images": 9_999.0}, None, True),
        (2, {"images": 10_000.0}, None, False),
        (None, {"images": 1_000.0}, None, False),
        (2, {"images": 1_000.0}, "outputs/x", False),
        (2, {"images": 1_000.0, "images_before": 8_999.0}, "outputs/x", True),
        (2, {"images": 1_000.0, "images_before": 9_000.0}, "outputs/x", False),
    ):
        config = {**job.record.config, "minutes": minutes, "continue": other}
        record = replace(job.record, config=config, training=training)
        lines = Doubts([replace(job, record=record)]).lines
        assert [
            line.startswith("the network has seen 9999 images (a photograph counts as often") for line in lines
        ] == [True] * said


def test_the_page_says_once_that_the_training_was_short() -> None:
    """In place of the warning of the log, which tells what was planned."""
    assert len(FEW_IN_LOG) > 10
    assert FEW_IN_LOG in FEW % ("1344", "")


def test_grey_photographs_and_another_shape_are_a_line_each(run: Path, tmp_path: Path, capsys: Any) -> None:
    new = tmp_path / "new"
    for name in ("1.png", "2.jpg"):
        Image.open(draw(new / "drawn.png", seed=55)).convert("L").convert("RGB").save(new / name)
    draw(new / "drawn.png", seed=55)
    draw(new / "tall.png", seed=56, size=(60, 40))
    colours, shape = said(run, capsys, new, "--out", tmp_path / "out")
    assert colours.startswith(
        "renormal-predict: 2 of 4 photographs are grey (1.png), and the training photographs were"
    )
    assert "1 of 4 photographs have another shape (tall.png: 40 × 60)" in shape
    assert "width / height = 1.50" in shape
    assert said(run, capsys, new, "--out", tmp_path / "out") == [colours, shape], "the same when all was done before"
    notes = {name: row["note"] for name, row in rows_of(tmp_path / "out").items()}
    grey = "grey, and the training photographs were in colour: its score says little"
    shape = "another shape than in training: its score says little"
    assert notes == {"1.png": grey, "2.jpg": grey, "drawn.png": "", "tall.png": shape}
    assert main(["--join", str(tmp_path / "out")]) == 0
    assert {name: row["note"] for name, row in rows_of(tmp_path / "out").items()} == notes


def test_photographs_in_colour_are_a_line_where_the_training_was_grey(tmp_path: Path, capsys: Any) -> None:
    run, new = trained(tmp_path, "L"), tmp_path / "new"
    Image.open(draw(new / "1.png", seed=55)).convert("L").save(new / "1.png")
    assert said(run, capsys, new, "--out", tmp_path / "out") == []
    draw(new / "2.png", seed=55)
    (line,) = said(run, capsys, new, "--out", tmp_path / "out")
    assert "1 of 2 photographs are in colour (2.png), and the training photographs were grey" in line


def test_photographs_that_were_trained_on_are_a_line(run: Path, tmp_path: Path, capsys: Any) -> None:
    new = tmp_path / "new"
    digest, name = (run / "trained_on.sha256").read_text().splitlines()[0].split("  ")
    draw(new / "1.png", seed=71)
    shutil.copy(run.parent / "parts" / name, new / "2.png")
    held = next(path for path in (run.parent / "parts").iterdir() if path.name not in known(run))
    shutil.copy(held, new / "3.png")
    (line,) = said(run, capsys, new, "--out", tmp_path / "out")
    assert line == (
        "renormal-predict: 1 of 3 photographs were trained on (2.png), so that their scores are too low to judge by; "
        "predict photographs that the network has not seen"
    )
    assert sha256((new / "2.png").read_bytes()).hexdigest() == digest
    note = "the network was trained on it: its score is too low to judge by"
    assert [row["note"] for row in rows_of(tmp_path / "out").values()] == ["", note, ""]


def test_a_name_with_commands_of_a_terminal_is_shown_as_text(run: Path, tmp_path: Path, capsys: Any) -> None:
    """Also that of a file that is left out. The line went on in another one."""
    new = tmp_path / "new"
    draw(new / "1.png", seed=71)
    name = (run / "trained_on.sha256").read_text().splitlines()[0].split("  ")[1]
    shutil.copy(run.parent / "parts" / name, new / "a\n\x1b[31mb.png")
    (new / "c.\x1b[32m\n").write_text("")
    (line,) = said(run, capsys, new, "--out", tmp_path / "out")
    assert "1 of 2 photographs were trained on (a\\n\\x1b[31mb.png), so that their scores are too low" in line
    assert predict(run, new, "--out", tmp_path / "out", "--threshold", 1e6, "--only", "csv") == 0
    (summary,) = capsys.readouterr().out.splitlines()
    assert "c.\\x1b[32m\\n" in summary


def known(run: Path) -> set[str]:
    """Names of the photographs that were trained on."""
    return {line.split("  ")[1] for line in (run / "trained_on.sha256").read_text().splitlines()}


def test_a_record_that_does_not_say_how_the_training_looked_gives_no_line(run: Path) -> None:
    job = load(run)
    assert job.record.data["colours"] == "colour"
    assert job.record.data["shapes"] == [1.5, 1.5]
    for key in ("colours", "shapes"):
        job.record.data.pop(key)
    doubts = Doubts([job])
    doubts.look({"image": "1.png", "width": 1, "height": 99, "grey": True, "sha256": "0"})
    assert doubts.lines == []
