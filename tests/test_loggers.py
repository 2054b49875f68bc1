"""What a job leaves in a dashboard: read back from disk, and searched for what must not be in it."""

from __future__ import annotations

import csv
import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wandb
from PIL import Image

from offline_run import OfflineRun, offline_runs
from renormal import wandb_run
from renormal.job import run_job
from renormal.lit import dashboard
from renormal.lit.module import AutoencoderModule
from renormal.loggers import run_id
from renormal.report.record import read_record

SAYS_NOTHING_ELSE = {"header", "run", "telemetry", "config", "metric", "history", "summary", "files", "exit"}
KEY = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of somebody with a telling name and no key."""
    folder = tmp_path / "home" / "ada_lovelace"
    folder.mkdir(parents=True)
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "ada_lovelace")
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_run, "WAIT", 5.0)


def only_run(config: Any) -> OfflineRun:
    (run,) = offline_runs(Path(config.folder))
    return run


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_shows_the_training(tiny: Any) -> None:
    config = tiny("logger=wandb", "model=gamma_vae", "trainer.max_epochs=3", "dashboard.every=2", "seed=4")
    run_job(config)
    run, record = only_run(config), read_record(Path(config.folder) / "record.json")
    assert (run.run["display_name"], run.run["run_group"]) == ("gamma_vae/bottle/4", "try")
    assert run.run["tags"] == ["gamma_vae", "bottle", "rehearsal"]
    assert run.config["model"]["optimizer"]["lr"] == 1e-4
    assert run.config["trainer"]["max_epochs"] == 3
    losses = run.values("train/loss")
    assert losses[-1] == pytest.approx(record.training["final_loss"])
    assert len(losses) == len(run.values("train/kl")) == len(run.values("train/gamma")) == 3
    assert run.values("train/learning_rate") == pytest.approx([1e-4] * 3)
    assert [row["epoch"] for row in run.history if "train/loss" in row] == [0, 1, 2]
    assert run.metrics["train/*"]["step_metric"] == "epoch"
    assert run.metrics["train/loss"]["summary"] == {"min": True}
    pictures = [row for row in run.history if "train/reconstructions.filenames" in row]
    assert [row["epoch"] for row in pictures] == [0, 2]
    (first,) = pictures[0]["train/reconstructions.filenames"]
    with Image.open(run.folder / "files" / first) as picture:
        assert picture.size == (4 * 32, 2 * 32)
    assert run.exit_code == 0


def test_a_run_shows_the_test(tiny: Any) -> None:
    config = tiny("logger=wandb", "dashboard.samples=3")
    run_job(config)
    run, folder = only_run(config), Path(config.folder)
    record, rows = read_record(folder / "record.json"), rows_of(folder)
    for name, value in record.metrics.items():
        assert run.values(f"test/{name}") == pytest.approx([value])
        assert run.metrics[f"test/{name}"]["summary"] == {"max": True}
    assert run.values("test/eq8/steps_mean") == [record.projections["eq8"]["steps_mean"]]
    (counts,) = run.values("test/eq8/steps.values")
    assert sum(counts) == record.projections["eq8"]["samples"]
    table = run.table("test/samples")
    assert [row[:2] for row in table["data"]] == [[row["path"], row["defect"]] for row in rows]
    assert table["columns"] == [*rows[0], "eq8_adam/picture", "eq8/picture"]
    drawn = {panel["path"]: Path(panel["file"]).name for panel in record.panels if panel["projection"] == "eq8"}
    assert [row[-1] for row in table["data"]] == [drawn.get(row["path"]) for row in rows]


def test_iterations_begin_at_x0_and_end_where_the_table_of_samples_does(tiny: Any) -> None:
    config = tiny("logger=wandb", "dashboard.samples=100", "dashboard.traces=[eq8]")
    run_job(config)
    run, rows = only_run(config), rows_of(Path(config.folder))
    energy = run.values("test/eq8/iterations/energy")
    assert energy[0] == pytest.approx(np.mean([float(row["eq8/energy_start"]) for row in rows]), rel=1e-4)
    assert energy[-1] == pytest.approx(np.mean([float(row["eq8/energy_end"]) for row in rows]), rel=1e-4)
    assert run.values("iteration") == list(range(1 + max(int(row["eq8/steps"]) for row in rows)))
    assert run.values("test/eq8/iterations/reconstruction")[0] == pytest.approx(energy[0], rel=1e-6)
    assert run.metrics["test/eq8/iterations/energy"]["step_metric"] == "iteration"
    assert not run.values("test/eq8_adam/iterations/energy"), "only what dashboard.traces names"


def test_masks_lie_over_x0(tiny: Any, rehearsal: Path) -> None:
    config = tiny("logger=wandb", "test.panels=20")
    run_job(config)
    run, record = only_run(config), read_record(Path(config.folder) / "record.json")
    (names,), (masks,) = run.values("test/eq8/panels.filenames"), run.values("test/eq8/panels.all_masks")
    (captions,) = run.values("test/eq8/panels.captions")
    assert len(names) == record.data["test_good"] + record.data["test_defective"]
    for name, mask, caption in zip(names, masks, captions, strict=True):
        with Image.open(run.folder / "files" / name) as strip:
            assert strip.size == (6 * 32, 32)
        truth, found = (
            np.asarray(Image.open(run.folder / "files" / mask[kind]["path"])) for kind in ("truth", "found")
        )
        path = Path(caption.partition(",")[0])
        original = rehearsal / path.parts[0] / "ground_truth" / path.parts[2] / f"{path.stem}_mask.png"
        if "good" in path.parts:
            assert truth.sum() == 0
        else:
            expected = np.asarray(Image.open(original).resize((32, 32), Image.Resampling.NEAREST)) > 0
            assert (truth[:, :32] != expected).mean() < 0.01
        assert not truth[:, 32:].any()
        assert not found[:, 32:].any()


def test_pictures_stand_in_the_rows_where_that_is_asked_for(tiny: Any) -> None:
    run_job(tiny("logger=wandb", "logger.wandb.pictures_in_rows=true"))
    run = only_run(tiny())
    (artifact,) = run.of("artifact")
    paths = [entry["path"] for entry in artifact["manifest"]["contents"]]
    assert artifact["type"] == "run_table"
    assert len([path for path in paths if path.endswith(".png")]) == 4  # two panels of two projections


def searched(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".png" and path.suffix != ".ckpt":
            yield path, path.read_bytes()


def git_remotes() -> list[bytes]:
    """Of the checkout that runs; none where the sources were unpacked without one."""
    command = ["git", "-C", str(Path(__file__).parent), "config", "--get-regexp", r"remote\..*\.url"]
    return [line.split()[-1] for line in subprocess.run(command, capture_output=True, check=False).stdout.splitlines()]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for pair in value.items() for item in pair for text in strings(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in strings(item))
    elif isinstance(value, str):
        yield value


def test_nothing_of_the_machine_is_in_a_run(
    tiny: Any, home: Path, tmp_path: Path, monkeypatch: Any, quick: Any
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens
    step = AutoencoderModule.training_step

    def chatty(self: AutoencoderModule, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        print(f"in {home}")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(AutoencoderModule, "training_step", chatty)
    config = tiny("logger=many")
    run_job(config)
    remote = git_remotes()
    folder = Path(config.folder)
    secrets = [KEY, "ada_lovelace", str(home), str(tmp_path), str(Path(__file__).parents[1]), "git@", ".git"]
    places = [folder / "wandb", folder / "log", folder / "tensorboard"]
    files = [file for place in places for file in searched(place)]
    assert len(files) > 4
    for path, content in files:
        assert [word for word in secrets if word.encode() in content] == [], path
        assert not any(url in content for url in remote), path
    assert {record["type"] for run in offline_runs(folder) for record in run.records} <= SAYS_NOTHING_ELSE
    said = [text for run in offline_runs(folder) for text in strings(run.records)]
    said += [text for table in (folder / "wandb").rglob("*.json") for text in strings(json.loads(table.read_text()))]
    assert [text for text in said if text.startswith(("/", "~")) or socket.gethostname() in text.split("/")] == []
    assert not list(folder.rglob("debug*.log"))
    assert [p for p in folder.rglob("*tfevents*") if socket.gethostname() in p.name.split(".")] == []


def test_jobs_of_one_process_have_runs_of_their_own_and_a_failed_one_says_so(
    tiny: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    def broken(self: AutoencoderModule, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        raise RuntimeError("the power went")

    places = [tmp_path / name for name in "abc"]
    run_job(tiny("logger=wandb", f"folder={places[0]}"))
    with monkeypatch.context() as patch:
        patch.setattr(AutoencoderModule, "training_step", broken)
        with pytest.raises(RuntimeError, match="power"):
            run_job(tiny("logger=wandb", f"folder={places[1]}"))
    run_job(tiny("logger=wandb", f"folder={places[2]}"))
    runs = [run for place in places for run in offline_runs(place)]
    assert [run.exit_code for run in runs] == [0, 1, 0]
    assert len({run.run["run_id"] for run in runs}) == 3
    assert [len(run.values("train/loss")) for run in runs] == [1, 0, 1]


def test_a_run_that_somebody_else_has_open_is_left_alone(tiny: Any, tmp_path: Path) -> None:
    theirs = wandb.init(mode="offline", dir=tmp_path, project="theirs", settings={"silent": True, "console": "off"})
    run_job(tiny("logger=wandb"))
    theirs.log({"x": 1})
    theirs.finish()
    own, (other,) = only_run(tiny()), offline_runs(tmp_path)
    assert (own.run["project"], other.run["project"]) == ("renormal", "theirs")
    assert not other.values("train/loss")
    assert other.values("x") == [1]


def test_a_job_that_fails_after_its_training_is_closed_as_failed(tiny: Any, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("renormal.job.write_record", full)
    with pytest.raises(OSError, match="no space"):
        run_job(tiny("logger=wandb"))
    assert only_run(tiny()).exit_code == 1


def test_a_resumed_job_goes_on_in_its_own_run(tiny: Any, monkeypatch: Any) -> None:
    step, seen = AutoencoderModule.training_step, []

    def killed(self: AutoencoderModule, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        seen.append(batch_idx)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return step(self, batch, batch_idx)

    config = tiny("logger=wandb", "trainer.max_epochs=2")
    with monkeypatch.context() as patch:
        patch.setattr(AutoencoderModule, "training_step", killed)
        with pytest.raises(SystemExit):
            run_job(config)
    run_job(config)
    first, second = offline_runs(Path(config.folder))
    assert first.run["run_id"] == second.run["run_id"]
    assert first.run["resume"] is second.run["resume"] is True
    assert first.exit_code != 0
    assert second.exit_code == 0
    assert [row["epoch"] for run in (first, second) for row in run.history if "train/loss" in row] == [0, 1]


def test_the_id_of_a_run_names_folder_and_recipe(tiny: Any, tmp_path: Path) -> None:
    hashes = {"training": "a", "test": "b"}
    name = run_id(tiny(), tmp_path, hashes)
    assert name == run_id(tiny("progress=true"), tmp_path, hashes)
    assert name != run_id(tiny(), tmp_path / "other", hashes)
    assert name != run_id(tiny(), tmp_path, {"training": "a", "test": "c"})
    assert name != run_id(tiny("rerun=true"), tmp_path, hashes)
    assert name == run_id(tiny("rerun=true", "stages=[test]"), tmp_path, hashes)


@pytest.mark.parametrize("mode", ["auto", "online"])
def test_without_a_key_it_is_offline_and_one_line_says_how_to_send_it(
    tmp_path: Path, caplog: Any, monkeypatch: Any, mode: str
) -> None:
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    with caplog.at_level(logging.INFO, "renormal"):
        wandb_run.end(wandb_run.begin(tmp_path / "job", mode=mode, project="p", id="x"), exit_code=0)
    assert time.monotonic() - start < 20
    (line,) = [record.message for record in caplog.records if record.name == "renormal"]
    assert line.startswith("wandb offline (no key), to send it: wandb sync job/wandb/offline-run-")
    assert OfflineRun(Path(line.rpartition(" ")[2])).exit_code == 0


class Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(401)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize("server", ["silent", "refusing"])
def test_a_server_that_takes_nothing_does_not_end_the_job(
    tiny: Any, caplog: Any, monkeypatch: Any, quick: Any, server: str
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as refusing:
        threading.Thread(target=refusing.serve_forever, daemon=True).start()
        port = refusing.server_port if server == "refusing" else 9
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")
        wandb.teardown()  # the server's address is read once a process
        config = tiny("logger=wandb")
        with caplog.at_level(logging.INFO, "renormal"):
            run_job(config)
        refusing.shutdown()
    wandb.teardown()
    runs = offline_runs(Path(config.folder))
    assert [run.exit_code for run in runs] == [0]
    assert runs[0].values("train/loss")
    assert "wandb offline (" in caplog.text
    assert KEY not in caplog.text


def test_an_unknown_mode_is_refused(tiny: Any) -> None:
    with pytest.raises(ValueError, match=r"mode must be one of auto, online, offline, disabled, got 'onlin'"):
        run_job(tiny("logger=wandb", "logger.wandb.mode=onlin"))


def test_tensorboard_shows_the_same(tiny: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = tiny("logger=many", "model=gamma_vae", "trainer.max_epochs=2")
    run_job(config)
    events = EventAccumulator(str(Path(config.folder) / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    run, tags = only_run(config), events.Tags()
    for name in ("train/loss", "train/gamma", "test/eq8/pixel_auroc", "test/eq8/iterations/energy"):
        assert [event.value for event in events.Scalars(name)] == pytest.approx(run.values(name), rel=1e-6)
    assert [event.step for event in events.Images("train/reconstructions")] == [0, 1]
    assert {"test/eq8/panels", "test/eq8_adam/panels"} <= set(tags["images"])
    assert tags["histograms"] == ["test/eq8_adam/steps", "test/eq8/steps"]
    assert tags["tensors"] == ["test/samples/text_summary"]
    lines = (Path(config.folder) / "log" / "version_0" / "metrics.csv").read_text().splitlines()
    assert "test/eq8/pixel_auroc" in lines[0]


def test_a_csv_alone_costs_no_second_descent_and_no_look(tiny: Any, monkeypatch: Any) -> None:
    def looked(*_: Any, **__: Any) -> None:
        raise AssertionError("nobody asked for it")

    for name in ("traced", "_reconstructions"):
        monkeypatch.setattr(dashboard, name, looked)
    run_job(tiny())
    folder = Path(tiny().folder)
    assert not (folder / "wandb").exists()
    assert "train/learning_rate" in (folder / "log" / "version_0" / "metrics.csv").read_text()


@pytest.mark.parametrize("model", ["l2_ae", "vae"])
def test_a_training_that_is_watched_ends_with_the_same_weights(tiny: Any, tmp_path: Path, model: str) -> None:
    weights = []
    for logger in ("none", "many"):
        folder = tmp_path / logger
        run_job(
            tiny(f"logger={logger}", f"folder={folder}", f"model={model}", "trainer.max_epochs=2", "dashboard.every=1")
        )
        weights.append(torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("dashboard.traces=[eq9]", r"dashboard.traces names \['eq9'\], projection has"),
        ("dashboard.every=0", "dashboard.every must be at least 1 epoch, got 0"),
    ],
)
def test_a_wrong_setting_of_the_dashboard_fails_before_training(tiny: Any, setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_job(tiny(setting))
    assert not list(Path(tiny().folder).rglob("*.ckpt"))
