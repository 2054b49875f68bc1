"""Several processes for one job inside a test: the command itself, and ranks as srun or torchrun start them."""

from __future__ import annotations

import multiprocessing.spawn
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing
from omegaconf import DictConfig, OmegaConf

from preloaded import python
from recipes import recipe
from small import DRAWN, SMALL
from waiting import HANGING

PAIR = [
    *DRAWN,
    *SMALL,
    "data.good=1",
    "model=vae",
    "projection=[eq8]",
    "test.curves=[eq8]",
]  # a job that two processes share
TWO = ["trainer=ddp", "trainer.devices=2"]


def free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


def as_ranks(count: int, work: Callable[..., None], *arguments: Any) -> None:
    """Run work(rank, *arguments) in `count` processes that know of one another as Lightning wants it."""
    spawn(count, _rank, count, free_port(), work, arguments)


def spawn(count: int, work: Callable[..., None], *arguments: Any) -> None:
    """Run work(number, *arguments) in `count` processes."""
    before = multiprocessing.spawn.get_executable()
    multiprocessing.spawn.set_executable(python())
    try:
        torch.multiprocessing.spawn(work, args=arguments, nprocs=count)
    finally:
        multiprocessing.spawn.set_executable(before)


def _rank(rank: int, count: int, port: int, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ["OMP_NUM_THREADS"] = "1"
    work(rank, *arguments)
    torch.distributed.destroy_process_group()


def command(
    place: Path, *arguments: str, launcher: tuple[str, ...] = (), executable: str = "", **environment: str
) -> subprocess.Popen[str]:
    """The real command. launcher: arguments of Python that start it, as those of torchrun."""
    whole = [
        executable or python(),
        *launcher,
        "-m",
        "renormal.run",
        *TWO,
        *PAIR,
        "data.root=drawn",
        *arguments,
    ]
    env = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(whole, cwd=place, env=env, **pipes)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=HANGING)
    finally:
        process.kill()
    return process.returncode, out, err


def config_of(place: Path, *overrides: str) -> DictConfig:
    config = recipe(*PAIR, f"data.root={place / 'drawn'}", f"folder={place}", *overrides)
    OmegaConf.resolve(config)
    return config


def folder_of(place: Path, name: str) -> Path:
    return place / "outputs" / name / "vae" / "bottle" / "0"
