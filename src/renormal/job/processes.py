"""Several processes for one job: who starts them, and how they end together.

Rank 0 is the command itself. srun and torchrun start the other ranks themselves. Otherwise rank 0 starts `other_rank`
once for each and sends the resolved config through a pipe: no command line is parsed again. Another rank ends when its
pipe closes, which happens when rank 0 ends.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from renormal.files import write_whole
from renormal.job.rank import LOCAL_RANK, is_rank_zero, started_by_srun, started_elsewhere
from renormal.report.record import portable

if TYPE_CHECKING:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

HAS_STORE = "TORCHELASTIC_USE_AGENT_STORE"  # tells torch that the store is there: rank 0 does not open another one
COMMAND = (sys.executable, "-P", "-m", "renormal.job.other_rank")  # P: no modules of the working directory
HOST = "127.0.0.1"
ON_LOOPBACK = (  # elsewhere the network that the host's name belongs to
    {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
)
NOTICE = 5.0  # seconds between the end of a connection and that of the process at its other end, ours
PATIENCE = 30.0  # seconds that rank 0 has to end by itself once another has failed, ours: a GPU may wait for ever
NAME = "renormal: "  # begins the line in which a process says why it ended


def process_count(config: DictConfig) -> int:
    """Processes of a training, on all nodes. Their number is part of its digest: it decides the batches."""
    devices, nodes = config.trainer.devices, OmegaConf.select(config, "trainer.num_nodes") or 1
    return count_of(devices) * int(nodes)


def count_of(devices: Any) -> int:
    """Of trainer.devices, a number or a list."""
    return len(devices) if OmegaConf.is_list(devices) else int(devices)


class OtherRank:
    """A process of the job that is not rank 0. What it prints is kept, and read where it fails."""

    def __init__(self, number: int, config: str, environment: Mapping[str, str]) -> None:
        self.number = number
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 it is open as long as the process lives
        self.process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=self.output,
            stderr=self.output,
            env={**os.environ, **environment, LOCAL_RANK: str(number)},
            start_new_session=True,  # Ctrl-C is for rank 0, which ends the others
        )
        assert self.process.stdin is not None
        self.process.stdin.write(config.encode() + b"\n")
        self.process.stdin.flush()

    @property
    def failed(self) -> bool:
        return self.process.poll() not in (None, 0)

    def reason(self, folder: Path) -> str:
        """Why it failed, in one line. A traceback is written into a file of the job's folder."""
        self.output.seek(0)
        text = self.output.read().decode(errors="replace").strip()
        code, last = self.process.returncode, (text.splitlines() or [""])[-1]
        if last.startswith(NAME):
            return f"rank {self.number}: {last.removeprefix(NAME)}"
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
        if not text:
            return f"rank {self.number} {how}"
        path = folder / f"rank-{self.number}.log"
        write_whole(path, portable(text))
        return f"rank {self.number} {how}, the whole output is in {path}: {portable(last)}"

    def end(self) -> None:
        """Kill it and wait for its end."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.output.close()


@contextmanager
def other_ranks(config: DictConfig) -> Iterator[None]:
    """Start the other processes of this job, and end them with the block. Does nothing where they run already.

    Where one of them fails the job ends: ValueError says in one line which, and why.
    """
    count, nodes = process_count(config), int(OmegaConf.select(config, "trainer.num_nodes") or 1)
    if count == 1 or started_elsewhere():
        with met_on_loopback(count) if count > 1 == nodes else nullcontext():
            yield
        return
    if nodes > 1:
        raise ValueError("trainer.num_nodes > 1 needs a process for each device: start it with srun or torchrun")
    folder, text = Path(config.folder), json.dumps(OmegaConf.to_container(config, resolve=True))
    store = store_on_loopback(count)
    meeting = {"MASTER_ADDR": store.host, "MASTER_PORT": str(store.port), "NODE_RANK": "0", HAS_STORE: "True"}
    meeting |= ON_LOOPBACK
    with variables_set({**meeting, LOCAL_RANK: "0"}):
        others = [OtherRank(number, text, meeting) for number in range(1, count)]
        over = threading.Event()
        threading.Thread(target=end_with_any, args=(others, over, folder), daemon=True).start()
        try:
            yield
            end_together(others)
        except (RuntimeError, SystemExit, KeyboardInterrupt) as error:
            if failed := first_failed(others, NOTICE if isinstance(error, RuntimeError) else 0.0):
                raise ValueError(failed.reason(folder)) from error
            raise
        finally:
            over.set()
            for other in others:
                other.end()


def end_together(others: list[OtherRank]) -> None:
    """Leave the process group once the work is done, and wait for the other ranks to end."""
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    for other in others:
        with suppress(subprocess.TimeoutExpired):
            other.process.wait(PATIENCE)
        if other.failed:
            raise RuntimeError("a rank failed after its work was done")


def first_failed(others: list[OtherRank], seconds: float) -> OtherRank | None:
    """The first that fails within so many seconds."""
    end = time.monotonic() + seconds
    while True:
        failed = next((other for other in others if other.failed), None)
        if failed or time.monotonic() >= end:
            return failed
        time.sleep(0.1)


def end_with_any(others: list[OtherRank], over: threading.Event, folder: Path) -> None:
    """End this process where another rank fails: it would finish its share of a test, or wait on a GPU for ever."""
    while not over.wait(1.0):
        failed = first_failed(others, 0.0)
        if failed is None or over.wait(NOTICE):
            continue
        _thread.interrupt_main()
        if not over.wait(PATIENCE):
            print(f"{NAME}{failed.reason(folder)}", file=sys.stderr, flush=True)
            os._exit(1)


@contextmanager
def variables_set(names: Mapping[str, str]) -> Iterator[None]:
    """Set these environment variables during the block."""
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def met_on_loopback(count: int) -> Iterator[None]:
    """During the block the ranks that srun or torchrun has started, all on this node, meet on 127.0.0.1.

    What the environment says about that stays. torchrun has its own place to meet, which listens on every network.
    """
    meeting = {name: value for name, value in ON_LOOPBACK.items() if name not in os.environ}
    store = None
    if started_by_srun() and os.environ.get("MASTER_ADDR") in (None, HOST):
        from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

        port = SLURMEnvironment().main_port  # the same in each rank
        meeting |= {"MASTER_ADDR": HOST, HAS_STORE: "True"}
        store = store_on_loopback(count, port) if is_rank_zero() else None
    with variables_set(meeting):
        yield
    del store  # not before the block has ended


def store_on_loopback(count: int, port: int = 0) -> TCPStore:
    """Where the ranks find one another. torch's own listens on every network of the machine."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    server = socket.create_server((HOST, port))
    host, port = server.getsockname()
    return TCPStore(host, port, count, is_master=True, wait_for_workers=False, master_listen_fd=server.detach())
