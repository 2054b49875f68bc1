"""The line above a table says how many images, which seeds, which machine and which command made it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from made_up import made_up, write_made_up

from renormal.report.cli import main
from renormal.report.origin import origin_of
from renormal.report.record import read_record
from renormal.report.render import above, comma_separated, latex, markdown
from renormal.report.table import build_table
from renormal.report.typed import typed

EPYC = {"name": "AMD EPYC", "type": "cpu", "threads": 1, "precision": "bf16-mixed", "count": 1}
OLD = EPYC | {"name": "AMD Ryzen 5", "threads": 2, "precision": "32-true"}
AUTO = {"trainer": {"precision": "auto"}}


def job(model: str = "vae", category: str = "grid", seed: int = 0, **changes: Any) -> Any:
    return made_up(model, category, seed, **{"training": {"images": 159_744}, "device": EPYC} | changes)


def test_one_recipe_is_one_line() -> None:
    text = "training images: 159 744; seed 0; machine: AMD EPYC, 1 thread, bfloat16"
    assert origin_of([job(), job("dsae"), job(category="bottle")]) == (text, [], "")


def scored(name: str = "vae", *, command: str = "", **score: str) -> Any:
    return job(name, config={"score": score}, command={"score": command} if command else {})


FUNCTION = {"_target_": "hydra.utils.get_method", "path": "own.gradmag.gradmag"}


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ([scored(_target_="renormal.scores.DSSIM")], ""),
        ([scored(_target_="renormal.scores.MSGMS")], "score: msgms"),
        ([scored(**FUNCTION)], "score: gradmag"),
        ([scored(**FUNCTION, command="mine")], "score: mine"),
        ([scored(_target_="renormal.scores.DSSIM"), scored("dsae", **FUNCTION)], "score: gradmag (DSAE), dssim (VAE)"),
    ],
)
def test_a_score_other_than_the_papers_is_named(tmp_path: Path, jobs: list[Any], said: str) -> None:
    """Columns are named after projections: only the command told of which score they are."""
    table = build_table(jobs)
    assert table.origin.scores == said
    for record in jobs:
        write_made_up(tmp_path, record)
    assert main([str(tmp_path)]) == 0
    lines = above(table)[0], (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(f"; {said}" in line if said else "score:" not in line for line in lines)


def test_what_differs_stands_with_the_jobs_that_have_it() -> None:
    jobs = [job(seed=seed) for seed in (0, 1)] + [job("dsae", training={"images": 99_840})]
    assert "training images: 159 744 (VAE), 99 840 (DSAE); seeds 0, 1;" in origin_of(jobs).text
    text = origin_of([job(), job("dsae", device=OLD, config=AUTO)]).text
    machines = "AMD EPYC, 1 thread, bfloat16 (VAE), AMD Ryzen 5, 2 threads, float32 (it has no bfloat16) (DSAE)"
    assert text.endswith(machines)


def test_the_images_before_a_training_that_goes_on_stand_first() -> None:
    further = job("dsae", training={"images": 24.0, "images_before": 1008.0})
    assert "training images: 159 744 (VAE), 1 008 + 24 (DSAE);" in origin_of([job(), further]).text


def test_float32_that_was_asked_for_says_nothing_about_the_processor() -> None:
    for config in ({"trainer": {"precision": "32-true"}}, {"trainer": 3}, {}):
        assert origin_of([job(device=OLD, config=config)]).text.endswith("AMD Ryzen 5, 2 threads, float32")


def test_a_gpu_has_no_threads_and_several_are_counted() -> None:
    gpus = {"name": "NVIDIA H100", "type": "cuda", "threads": 8, "precision": "bf16-mixed", "count": 2}
    assert origin_of([job(device=gpus)]).text.endswith("machine: 2 × NVIDIA H100, bfloat16")


def test_what_a_record_does_not_hold_is_not_made_up() -> None:
    assert (
        origin_of([made_up(training={})]).text
        == "training images: not recorded; seed 0; machine: not recorded, 1 thread"
    )


def given(model: str, category: str, *more: str) -> dict[str, str]:
    return typed(["experiment=table1_cpu", f"model={model}", f"category={category}", *more])


def test_the_commands_of_the_jobs_are_one_with_every_value() -> None:
    pairs = [(model, category) for model in ("vae", "dsae") for category in ("grid", "bottle")]
    jobs = [job(*pair, command=given(*pair, "data.root=/home/ada/mvtec", "logger=wandb")) for pair in pairs]
    whole = "renormal -m experiment=table1_cpu model=vae,dsae category=grid,bottle data.root=…"
    assert origin_of(jobs).commands == [whole]
    assert origin_of(jobs[:1]).commands == ["renormal experiment=table1_cpu model=vae category=grid data.root=…"]


def test_other_keys_are_another_command_and_a_record_without_one_is_named() -> None:
    longer = given("dsae", "grid", "projection=[eq8,latent]", "~projections.eq8")
    origin = origin_of([job(command=given("vae", "grid")), job("dsae", command=longer), job("l2_ae")])
    assert origin.commands == [
        "renormal experiment=table1_cpu model=vae category=grid",
        "renormal experiment=table1_cpu model=dsae category=grid 'projection=[eq8,latent]' '~projections.eq8'",
    ]
    assert origin.text.endswith("command not recorded: L² AE")


def test_of_many_commands_the_first_are_shown() -> None:
    jobs = [job(category=name, command={f"+{name}": "1"}) for name in "abcdefgh"]
    assert origin_of(jobs).commands == [f"renormal +{name}=1" for name in "abcdef"]
    assert origin_of(jobs).text.endswith("8 commands, the first 6 are shown")


def test_a_command_asks_for_no_job_that_is_not_there() -> None:
    pairs = [("vae", "grid"), ("vae", "bottle"), ("dsae", "grid")]
    jobs = [job(*pair, command=given(*pair)) for pair in pairs]
    assert origin_of(jobs).commands == [
        "renormal -m experiment=table1_cpu model=vae category=grid,bottle",
        "renormal experiment=table1_cpu model=dsae category=grid",
    ]


def test_the_budgets_of_one_job_stand_without_its_name_and_given_weights_have_none() -> None:
    jobs = [job(training={"images": images}) for images in (10_000, 40_000)]
    assert origin_of(jobs).text.startswith("training images: 10 000, 40 000;")
    tested = job(training={}, config={"stages": ["test"]})
    assert origin_of([tested]).text.startswith("training images: weights trained before;")


def test_jobs_stand_in_the_order_of_the_table() -> None:
    pairs = [("vae", "bottle"), ("vae", "grid"), ("l2_ae", "bottle"), ("l2_ae", "grid")]
    kinds = {"grid": "texture", "bottle": "object"}
    table = build_table([job(*pair, kind=kinds[pair[1]], command=given(*pair)) for pair in pairs])
    assert table.origin.commands == ["renormal -m experiment=table1_cpu model=l2_ae,vae category=grid,bottle"]


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("logger.wandb.api_key=abc", "…"),
        ("++logger.token=abc", "…"),
        ("+logger.mine={_target_: a.B, api_key: abc}", "…"),
        ("data.url=https://ada:abc@example.org/x", "https://…@example.org/x"),
        ("+model.net.width_at={8: 64}", "{8: 64}"),
        ("model=vae", "vae"),
    ],
)
def test_no_password_is_kept(override: str, value: str) -> None:
    assert list(typed([override]).values()) == [value]


def test_every_output_has_the_line() -> None:
    table = build_table([job(command=given("vae", "grid"))])
    text, command = above(table)
    assert f"\n\n{text} · `{command}`\n\n|" in markdown(table)
    before = latex(table).partition(r"\toprule")[0]
    assert text in before
    assert r"renormal experiment=table1\_cpu" in before
    (row, *_) = csv.DictReader(io.StringIO(comma_separated(table)))
    assert (row["training"], row["command"]) == (text, command)


def test_the_terminal_and_the_page_have_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_made_up(tmp_path, job(command=given("vae", "grid")))
    assert main([str(tmp_path)]) == 0
    text, command = above(build_table([job(command=given("vae", "grid"))]))
    assert capsys.readouterr().out.startswith(f"{text}\n{command}\n")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.index(text) < page.index(f"<code>{command}</code>") < page.index("<table class=")


def test_a_published_record_has_the_command_without_paths(tmp_path: Path) -> None:
    run = write_made_up(tmp_path / "run", job(command=given("vae", "grid", "data.root=/home/ada/mvtec")))
    assert main([str(tmp_path / "run"), "--publish", str(tmp_path / "results")]) == 0
    published = read_record(tmp_path / "results" / run.relative_to(tmp_path / "run"))
    assert published.command == given("vae", "grid") | {"data.root": "…"}


def test_a_record_is_not_published_over_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_made_up(tmp_path / "run", job(command=given("vae", "grid", "data.root=/home/ada/mvtec")))
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    for folder in ("run", "link"):
        assert main([str(tmp_path / "run"), "--publish", str(tmp_path / folder)]) == 2
    assert "record.json is the record itself: publish to another folder" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_table_may_have_columns_of_another_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the same categories alone. The page shows the jobs of its own folder."""
    write_made_up(tmp_path / "run", job("dsae"))
    for category in ("grid", "bottle"):
        metrics = {"baseline/pixel_auroc": 0.587}
        write_made_up(tmp_path / "mean", job("mean_image", category, metrics=metrics, training={"images": 9_984}))
    assert main([str(tmp_path / "run"), "--with", str(tmp_path / "mean")]) == 0
    table = (tmp_path / "run" / "table.md").read_text(encoding="utf-8")
    assert "training images: 159 744 (DSAE), 9 984 (mean image)" in table
    assert "mean image<br>baseline" in table
    assert "bottle" not in table
    assert "eq8_adam improves 1 of 1 cell," in table
    capsys.readouterr()


@pytest.mark.parametrize("folder", ["nowhere", "empty", "other"])
def test_a_folder_without_such_records_is_one_line(
    tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_made_up(tmp_path / "run", job("dsae"))
    (tmp_path / "empty").mkdir()
    write_made_up(tmp_path / "other", job("mean_image", "bottle"))
    assert main([str(tmp_path / "run"), "--with", str(tmp_path / folder)]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"renormal-report: --with {tmp_path / folder}: ")
    assert line.count("\n") == 1
    assert not (tmp_path / "run" / "table.md").exists()


def test_a_logger_is_left_out_with_all_its_settings() -> None:
    """Half of them would not compose: logger.wandb.mode needs logger=wandb."""
    settings = {"logger": "wandb", "logger.wandb.mode": "offline", "+logger@logger.more": "csv", "progress": "false"}
    (line,) = origin_of([job(command={"model": "vae"} | settings)]).commands
    assert line == "renormal model=vae"


def test_own_code_needs_its_place() -> None:
    (line,) = origin_of([job(command={"score": "mine"}, hashes={"code own.mine": "0"})]).commands
    assert line == "PYTHONPATH=… renormal score=mine"
