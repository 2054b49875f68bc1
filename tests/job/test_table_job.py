"""Jobs on a table: the commands of docs/table.md, and the numbers of MVTec AD when a table lists it."""

from __future__ import annotations

import csv
import os
import re
import shlex
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from data_sets import outlines, photographs
from recipes import recipe
from renormal.data import mvtec
from renormal.job.fingerprints import fingerprints, source_of
from renormal.job.job import run_job
from renormal.report.record import read_record
from renormal.sweep.arguments import as_typed
from small import SMALL

PAGE = (Path(__file__).parents[2] / "docs" / "table.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(?:text)?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LISTED = next(block for block in BLOCKS if block.startswith("image,"))
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("renormal ")]
ROOT = Path(os.environ.get("RENORMAL_DATA", "")) / "mvtec_ad"
real = pytest.mark.skipif("RENORMAL_DATA" not in os.environ, reason="RENORMAL_DATA names no folder of real data")


def draw(root: Path) -> None:
    """The table of the page with its files, and VisA's with two categories."""
    rows = list(csv.DictReader(LISTED.splitlines()))
    photographs(root, *(row["image"] for row in rows))
    outlines(root, *(row["mask"] for row in rows if row["mask"]))
    (root / "parts.csv").write_text(LISTED, encoding="utf-8")
    lines = ["object,split,label,image,mask"]
    for name in ("candle", "cashew"):
        paths = [f"{name}/Data/Images/Normal/{k}.JPG" for k in range(3)]
        photographs(root / "VisA", *paths)
        lines += [
            f"{name},{split},normal,{path}," for split, path in zip(("train", "train", "test"), paths, strict=True)
        ]
    (root / "VisA" / "split_csv").mkdir()
    (root / "VisA" / "split_csv" / "1cls.csv").write_text("\n".join(lines), encoding="utf-8")


def resolved(*overrides: str) -> DictConfig:
    config = recipe(*overrides, "folder=x")
    OmegaConf.resolve(config)
    return config


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_finds_its_images(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path)
    monkeypatch.chdir(tmp_path)
    given = shlex.split(command.replace("/data/camera_7", str(tmp_path)))[1:]
    source = source_of(resolved(*map(as_typed, given)))
    assert source.name == ("candle" if "VisA" in command else "parts")
    assert len(source.train + source.spare + source.apart) == (2 if "VisA" in command else 3)
    assert len(source.test) == (1 if "VisA" in command else 2)


def test_results_are_named_by_the_file_or_by_the_category(tmp_path: Path) -> None:
    draw(tmp_path)
    for csv_file, name in (("parts.csv", "parts"), ("VisA/split_csv/1cls.csv", "candle"), ("none.csv", "none")):
        assert resolved("data=table", f"data.csv={tmp_path / csv_file}", "category=candle").data.category == name


def test_a_table_and_its_images_may_move_and_its_rows_be_sorted(tmp_path: Path) -> None:
    """A record answers as long as the images and what is said of them are the same."""
    draw(tmp_path / "here")
    draw(tmp_path / "there")
    header, *rows = LISTED.splitlines()
    (tmp_path / "there" / "parts.csv").write_text(";".join(header.split(",")), encoding="utf-8")
    with (tmp_path / "there" / "parts.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"\n{row.replace(',', ';')}" for row in reversed(rows))
    configs = [resolved("data=table", f"data.csv={tmp_path / place / 'parts.csv'}") for place in ("here", "there")]
    one, other = (fingerprints(config, source_of(config), "32-true") for config in configs)
    assert one == other
    text = LISTED.replace("scratch", "good").replace(",masks/e.png", ",")
    (tmp_path / "here" / "parts.csv").write_text(text, encoding="utf-8")
    changed = fingerprints(configs[0], source_of(configs[0]), "32-true")
    assert changed["training"] == one["training"]
    assert changed["test"] != one["test"]


@real
def test_a_table_of_mvtec_has_its_images_and_its_numbers(tmp_path: Path) -> None:
    source = mvtec(ROOT, "bottle")
    path = tmp_path / "bottle.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["image", "label", "mask", "split"])
        for split, items in (("train", source.train), ("test", source.test)):
            rows.writerows([item.image, item.defect, item.mask or "", split] for item in reversed(items))
    moves = [f"data.augmentation.{key}={value}" for key, value in vars(source.augmentation).items()]
    configs = [
        recipe("data=mvtec", f"data.root={ROOT}", "category=bottle", *SMALL, f"folder={tmp_path / 'mvtec'}"),
        recipe("data=table", f"data.csv={path}", *moves, *SMALL, f"folder={tmp_path / 'table'}"),
    ]
    for config in configs:
        OmegaConf.resolve(config)
    listed = source_of(configs[1])
    assert (listed.train, listed.test) == (source.train, source.test)
    for config in configs:
        run_job(config)
    one, other = (read_record(tmp_path / name / "record.json").metrics for name in ("mvtec", "table"))
    assert one["eq8_adam/pixel_auroc"] == other["eq8_adam/pixel_auroc"]
    assert one == other
