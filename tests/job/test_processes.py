"""Several processes for one job: one result, that of one process, whoever starts them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from cutting import LONG, assert_equal, cut_at, lose_power, terminate, training_of
from renormal.job import job, processes
from renormal.job.job import run_job
from renormal.report.costs import costs
from renormal.report.record import Record, read_record
from several import TWO, as_ranks, command, config_of, ended, folder_of, free_port

QUOTED = """name='it"s, two=2'"""  # Hydra's own quotes around a quote, a comma and an equals sign
NAME = 'it"s, two=2'
SPEED = {"seconds", "images_per_second", "image_steps_per_second"}


def numbers(record: Record) -> tuple[Any, ...]:
    """All that must not depend on how many processes there were."""
    reports = {
        name: {key: value for key, value in report.items() if key not in SPEED}
        for name, report in record.projections.items()
    }
    return record.metrics, reports, record.curves, record.panels


def under_slurm(place: Path, *arguments: str) -> list[tuple[int, str, str]]:
    """The command as srun starts it: once for each task."""
    job = {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "renormal", "SLURM_NODEID": "0", "SLURM_NNODES": "1"}
    job |= {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "MASTER_ADDR": "127.0.0.1"}
    job["MASTER_PORT"] = str(free_port())
    tasks = [command(place, *arguments, SLURM_PROCID=task, SLURM_LOCALID=task, **job) for task in "01"]
    return [ended(task) for task in tasks]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command has trained and tested on two processes."""
    place = tmp_path_factory.mktemp("place")
    code, out, err = ended(command(place, QUOTED))
    assert (code, err) == (0, ""), (out, err)
    return place


def test_two_processes_leave_one_of_everything(place: Path) -> None:
    folder = folder_of(place, NAME)
    record = read_record(folder / "record.json")
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    lines = (folder / "run.log").read_text().splitlines(keepends=True)
    log = "".join(line for line in lines if not line.endswith(" …\n"))  # those a slow machine adds
    texts = (": starting", "training images; test:", "posterior has collapsed", "aupimo not defined", "pixel AUROC")
    assert [log.count(text) for text in (*texts, "\n")] == [1, 1, 1, 1, 1, 7]
    assert sorted(name for name in files if not name.startswith(("panels/", "log/version_0/"))) == [
        ".hydra/config.yaml",
        ".hydra/hydra.yaml",
        ".hydra/overrides.yaml",
        ".lock",
        "checkpoints/last.ckpt",
        "record.json",
        "run.log",
        "samples.csv",
        "state.json",
        "trained_on.sha256",
    ]
    assert record.config["name"] == NAME
    assert record.device["count"] == 2
    assert record.training["images"] == 8, "of both"
    (cost,) = costs([record])
    assert cost.total * 3600 == pytest.approx(2 * record.device["threads"] * sum(record.seconds.values()))
    assert len(record.panels) == 2


def test_one_process_tests_the_same_checkpoint_with_the_same_numbers(place: Path, tmp_path: Path) -> None:
    weights = shutil.copy(folder_of(place, NAME) / "checkpoints" / "last.ckpt", tmp_path)
    whole = read_record(folder_of(place, NAME) / "record.json")
    run_job(config_of(place, "stages=[test]", f"folder={tmp_path}", f"checkpoint={weights}"))
    assert numbers(read_record(tmp_path / "record.json")) == numbers(whole)


def test_a_test_alone_does_not_ask_how_many_trained(place: Path, tmp_path: Path) -> None:
    shutil.copytree(folder_of(place, NAME), tmp_path / "run")
    before = (tmp_path / "run" / "record.json").stat().st_mtime_ns
    run_job(config_of(place, f"folder={tmp_path / 'run'}", "stages=[test]"))
    assert (tmp_path / "run" / "record.json").stat().st_mtime_ns == before, "the record was taken"
    run_job(config_of(place, f"folder={tmp_path / 'run'}", "stages=[test]", "rerun=true"))
    assert numbers(read_record(tmp_path / "run" / "record.json")) == numbers(
        read_record(folder_of(place, NAME) / "record.json")
    )


def test_a_training_on_two_is_not_one_on_one(place: Path, tmp_path: Path) -> None:
    shutil.copytree(folder_of(place, NAME), tmp_path / "run")
    run_job(config_of(place, f"folder={tmp_path / 'run'}"))
    record = read_record(tmp_path / "run" / "record.json")
    assert record.device["count"] == 1
    assert len(list((tmp_path / "run" / "checkpoints").glob("other-*.ckpt"))) == 1


def test_under_slurm_each_task_is_a_rank(place: Path) -> None:
    """In a folder with weights of another recipe, which one rank alone may put aside; and again when all is done."""
    folder = folder_of(place, "slurm")
    (folder / "checkpoints").mkdir(parents=True)
    run_job(config_of(place, f"folder={folder}", "stages=[train]", "seed=7", "logger=none"))
    first, second = under_slurm(place, "name=slurm")
    assert (first[0], second) == (0, (0, "", "")), "the second rank says nothing"
    assert numbers(read_record(folder / "record.json")) == numbers(read_record(folder_of(place, NAME) / "record.json"))
    assert len(list((folder / "checkpoints").glob("other-*.ckpt"))) == 1
    lines = (folder / "run.log").read_text().splitlines()
    said = [line.split(" - ")[1] for line in lines if not line.endswith(" …")]  # those a slow machine adds
    assert len(said) == len(set(said)) == 8, "each once"
    assert sum("is not defined" in line or "not defined" in line for line in said) == 1
    written = (folder / "record.json").stat().st_mtime_ns
    assert [end[0] for end in under_slurm(place, "name=slurm")] == [0, 0]
    assert (folder / "record.json").stat().st_mtime_ns == written


def test_under_torchrun_on_two_nodes_the_job_is_done_once(place: Path) -> None:
    """On both nodes LOCAL_RANK is 0: RANK tells them apart."""
    meeting = ("--nnodes=2", "--nproc-per-node=1", "--master-addr=127.0.0.1", f"--master-port={free_port()}")
    prefix = ("-m", "torch.distributed.run", *meeting)
    arguments = ("name=torchrun", "trainer.devices=1", "trainer.num_nodes=2")
    nodes = [
        command(place, *arguments, launcher=(*prefix, f"--node-rank={node}"), GLOO_SOCKET_IFNAME="lo") for node in "01"
    ]
    ends = [ended(node) for node in nodes]
    assert [end[0] for end in ends] == [0, 0], ends
    folder = folder_of(place, "torchrun")
    assert numbers(read_record(folder / "record.json")) == numbers(read_record(folder_of(place, NAME) / "record.json"))
    assert (folder / "run.log").read_text().count("pixel AUROC") == 1
    assert json.loads((folder / "state.json").read_text())["state"] == "done"


def cut_rank(rank: int, place: Path) -> None:
    """An undisturbed training, and one that is told to end, and later loses its power, each time within an epoch."""
    several = [*TWO, *LONG, "data.epoch_images=40", "trainer.max_epochs=2"]  # five batches an epoch
    run_job(config_of(place, *several, f"folder={place / 'whole'}"))
    cut = config_of(place, *several, f"folder={place / 'cut'}")
    for batch, how, error in ((2, terminate, SystemExit), (8, lose_power, RuntimeError)):
        with cut_at({batch}, how, save_at={6}) as seen, pytest.raises(error):
            run_job(cut)
        (place / f"{rank}-{batch}").write_text(str(seen))
    run_job(cut)


def test_a_training_that_is_cut_twice_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """Each rank goes on with its own noise, and with the sums of its own losses."""
    instantiate(config_of(tmp_path).data.source)  # draws the images
    as_ranks(2, cut_rank, tmp_path)
    for rank in "01":
        assert [(tmp_path / f"{rank}-{batch}").read_text() for batch in (2, 8)] == ["[0, 1, 2]", "[3, 4, 5, 6, 7, 8]"]
    assert_equal(training_of(tmp_path / "cut"), training_of(tmp_path / "whole"))


def disagreeing_rank(rank: int, place: Path) -> None:
    """Two ranks that do not agree on whether the job is done."""
    config, record = config_of(place, *TWO, f"folder={place / 'run'}"), place / "run" / "record.json"
    for seeing in (None, 1, 0):
        job.has_record = lambda *_, seeing=seeing: rank == seeing  # type: ignore[misc]
        run_job(config)
        torch.distributed.barrier()
        (place / f"{rank}-{seeing}").write_text(str(record.stat().st_mtime_ns))
        torch.distributed.barrier()


def test_rank_0_decides_for_all(tmp_path: Path) -> None:
    instantiate(config_of(tmp_path).data.source)  # draws the images
    as_ranks(2, disagreeing_rank, tmp_path)
    first, repeated, left = ((tmp_path / f"1-{seeing}").read_text() for seeing in (None, 1, 0))
    assert first != repeated == left


@pytest.mark.parametrize(
    ("overrides", "count"),
    [(["trainer=single"], 1), (TWO, 2), ([*TWO, "trainer.num_nodes=3"], 6), (["trainer.devices=[0,2]"], 2)],
)
def test_how_many_take_part(tmp_path: Path, overrides: list[str], count: int) -> None:
    assert processes.process_count(config_of(tmp_path, *overrides)) == count


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["trainer.devices=auto"], "trainer.devices=auto: must be a whole number"),
        (["trainer.devices=-1"], "trainer.devices=-1: must be a whole number"),
        (["trainer.devices=99"], "trainer.devices=99 asks for more than this machine has: "),
        ([*TWO, "trainer.num_nodes=2"], "start it with srun"),
    ],
)
def test_an_unknown_number_of_processes_is_refused(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_job(config_of(tmp_path, *overrides, f"folder={tmp_path}"))
