"""Runs of jobs: each its own, closed, private, and never in the way."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
import wandb

from offline_run import OfflineRun, offline_runs, only_run
from preloaded import python
from renormal.boards import wandb_run
from renormal.boards.wandb_board import WandbBoard
from renormal.job.job import run_job
from renormal.job.loggers import run_id
from renormal.lit.module import AutoencoderModule
from several import PAIR, ended, folder_of
from waiting import wait_until

pytestmark = pytest.mark.usefixtures("home")
SAYS_NOTHING_ELSE = {"header", "run", "telemetry", "config", "metric", "history", "summary", "files", "exit"}
KEY = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_run, "WAIT", 5.0)


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
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # no server
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


def end_services(folder: Path) -> None:
    """End the services of wandb that a job in this folder has started, as SLURM does before it ends the job."""
    services = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if b"wandb-core" in (place / "cmdline").read_bytes() and (place / "cwd").resolve() == folder:
                services.append(int(place.name))
    assert services
    for service in services:
        os.kill(service, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the service by Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, None])
def test_a_job_whose_service_has_ended_goes_on_until_it_is_done_or_interrupted(
    tmp_path: Path, number: signal.Signals | None
) -> None:
    job = [*PAIR, "data.root=drawn", "name=long", "logger=wandb", f"trainer.max_epochs={100_000 if number else 30}"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    own = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}  # else this process's
    process = subprocess.Popen([python(), "-m", "renormal.run", *job], cwd=tmp_path, env=own, **pipes)
    folder = folder_of(tmp_path, "long")
    checkpoint = folder / "checkpoints" / "last.ckpt"
    try:
        wait_until(lambda: checkpoint.is_file() or process.poll() is not None, "checkpoint")
        end_services(tmp_path)
    finally:
        if number:
            process.send_signal(number)
        code, out, err = ended(process)
    assert (code, err) == (128 + number if number else 0, "")
    assert json.loads((folder / "state.json").read_text())["state"] == ("interrupted" if number else "done")
    assert out.count("wandb: its service has ended") == 1
    assert not list(folder.rglob("debug*.log"))


def test_a_run_whose_service_ends_while_it_closes_has_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """wandb itself prints "Problem finishing run" then."""

    def lost() -> None:
        raise ConnectionResetError("Connection lost")

    board = WandbBoard(save_dir=tmp_path, project="p", name="n", mode="offline")
    monkeypatch.setattr(board.experiment, "_on_finish", lost)
    board.finalize("aborted")
    said = [record.message for record in caplog.records if record.name == "renormal" and "ended" in record.message]
    assert len(said) == 1
    assert "Problem finishing run" not in capfd.readouterr().err


def test_a_run_that_somebody_else_has_open_is_left_alone(tiny: Any, tmp_path: Path) -> None:
    theirs = wandb.init(mode="offline", dir=tmp_path, project="theirs", settings={"silent": True, "console": "off"})
    run_job(tiny("logger=wandb"))
    theirs.log({"x": 1})
    theirs.finish()
    own, (other,) = only_run(Path(tiny().folder)), offline_runs(tmp_path)
    assert (own.run["project"], other.run["project"]) == ("renormal", "theirs")
    assert not other.values("train/loss")
    assert other.values("x") == [1]


def test_a_job_that_fails_after_its_training_is_closed_as_failed(tiny: Any, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("renormal.job.other_config.write_record", full)
    with pytest.raises(OSError, match="no space"):
        run_job(tiny("logger=wandb"))
    assert only_run(Path(tiny().folder)).exit_code == 1


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


def test_the_id_of_a_run_depends_on_folder_and_training(tiny: Any, tmp_path: Path) -> None:
    hashes = {"training": "a", "test": "b"}
    name = run_id(tiny(), tmp_path, hashes)
    assert name == run_id(tiny("progress=true"), tmp_path, hashes)
    assert name != run_id(tiny(), tmp_path / "other", hashes)
    assert name != run_id(tiny(), tmp_path, {"training": "a", "test": "c"})
    assert name != run_id(tiny("rerun=true"), tmp_path, hashes)
    assert name == run_id(tiny("rerun=true", "stages=[test]"), tmp_path, hashes)


@pytest.mark.parametrize(("mode", "why"), [("auto", "no key"), ("online", "no key"), ("offline", "as asked")])
def test_without_a_key_it_is_offline_and_one_line_says_how_to_send_it(
    tmp_path: Path, caplog: Any, monkeypatch: Any, mode: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(Refusing, "do_POST", lambda request: asked.append(request.path))
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        wandb.teardown()  # the server's address is read once a process
        with caplog.at_level(logging.INFO, "renormal"):
            wandb_run.end(wandb_run.begin(tmp_path / "job", mode=mode, project="p", id="x"), exit_code=0)
        server.shutdown()
    wandb.teardown()
    assert not asked, "the server has nobody to wait for"
    (line,) = [record.message for record in caplog.records if record.name == "renormal"]
    assert line.startswith(f"wandb offline ({why}). To upload: wandb sync job/wandb/offline-run-")
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


def test_an_upload_that_does_not_end_is_one_line_with_the_command_that_sends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    run = wandb_run.begin(tmp_path / "job", mode="offline", project="p", id="x")
    assert run.settings.finish_timeout_raises
    finish = run.finish

    def late(exit_code: int) -> None:
        finish(exit_code=exit_code)
        raise TimeoutError

    monkeypatch.setattr(run, "finish", late)
    with caplog.at_level(logging.WARNING, "renormal"):
        wandb_run.end(run, exit_code=0)
    (line,) = [record.message for record in caplog.records if record.name == "renormal"]
    start, _, place = line.rpartition(" ")
    assert start == "wandb took too long (300 s at most). To send the rest: wandb sync"
    assert (tmp_path / place).is_dir()


def test_an_unknown_mode_is_refused(tiny: Any) -> None:
    with pytest.raises(ValueError, match=r"logger.wandb.mode=onlin: must be auto, online, offline, disabled"):
        run_job(tiny("logger=wandb", "logger.wandb.mode=onlin"))
