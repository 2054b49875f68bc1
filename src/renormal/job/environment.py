"""The machine and its libraries: names and versions for the record, settings, hidden warnings."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import subprocess
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch
from omegaconf import DictConfig

from renormal.functional.precision import has_bfloat16
from renormal.job.rank import is_rank_zero

PACKAGES = ("renormal", "torch", "lightning", "torchmetrics", "kornia", "hydra-core", "numpy")
EMULATED = (
    "%s has no bfloat16 and emulates it: a convolution takes 3 to 34 times as long as in float32. "
    "Take trainer.precision=auto descent.precision=auto"
)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
log = logging.getLogger("renormal")


@cache
def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@cache
def commit() -> str:
    """The commit of the checkout, with + if files differ from it; empty without a checkout. Asked once a process."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        for command in (["ls-files", "--error-unmatch", Path(__file__).name], ["describe", "--always"]):
            options = ["--abbrev=12", "--dirty=+", "--exclude=*"] if command[0] == "describe" else []
            answer = subprocess.run([*git, *command, *options], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def precision_of(config: DictConfig) -> str:
    """trainer.precision; for auto, bfloat16 if the device has it, otherwise float32."""
    if config.trainer.precision != "auto":
        return str(config.trainer.precision)
    return "bf16-mixed" if has_bfloat16(device_of(config)) else "32-true"


def device_of(config: DictConfig) -> torch.device:
    """The kind of device that trainer.accelerator names on this machine."""
    cuda = torch.cuda.is_available() and config.trainer.accelerator in ("auto", "gpu", "cuda")
    return torch.device("cuda" if cuda else "cpu")


def warn_of_emulation(config: DictConfig) -> None:
    """Warn where the config asks for bfloat16 by name and the device emulates it."""
    asked = {str(config.trainer.precision), *(str(one.get("precision")) for one in config.projections.values())}
    if asked & {"bf16-mixed", "bf16-true", "bfloat16"} and not has_bfloat16(device_of(config)):
        log.warning(EMULATED, device_name(device_of(config)))


def reuse_freed_memory() -> None:
    """Make glibc keep large freed blocks: if it returns them to the system, training steps take 20 % longer."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the largest value that glibc takes
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)


def make_sums_reproducible() -> None:
    """Make MKL sum every row of a matrix product in one order: a sample's result must not depend on its row.

    Call it before the first product, when MKL reads the variable. The cost is not measurable.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO")


def filter_messages() -> None:
    """Hide Lightning's notes and warnings that do not apply. Ranks other than the first log critical errors only."""
    if not is_rank_zero():
        logging.getLogger("renormal").setLevel(logging.CRITICAL)
    for name in ("lightning.pytorch", "lightning.fabric"):  # its own handler would print them twice
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # batches come from memory
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)  # Lightning 2.6 under torch 2.13
    warnings.filterwarnings("ignore", message=".*srun.*")  # a login node
    warnings.filterwarnings("ignore", message="The number of training batches .* is smaller")  # a short trial
    warnings.filterwarnings(
        "ignore", message="You're resuming from a checkpoint that ended before"
    )  # batches go on there
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`")  # of an older callback
