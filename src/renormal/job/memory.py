"""What a job needs of the memory at least, and of the cores: more than the machine has is refused before the work."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from renormal.job.environment import device_of, precision_of
from renormal.job.processes import count_of
from renormal.lit.adversarial import AdversarialModule
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule

GB = 10**9
LARGE = GB  # bytes of images that are worth a line, ours
SMALL = 1000  # bytes of a step for each byte of its images: no network of ours needs so many
PER_CORE = 4  # threads of torch, ours: more of them only wait
CGROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
log = logging.getLogger("renormal")


def memory_of(device: torch.device) -> int:
    """Bytes of the GPU, or of the machine and of what limits this process."""
    return int(torch.cuda.mem_get_info(device)[1]) if device.type == "cuda" else min(limits())


def limits() -> Iterator[int]:
    """Bytes of the machine's memory, and the limits of ulimit, of SLURM and of a container."""
    yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        if (limit := resource.getrlimit(kind)[0]) != resource.RLIM_INFINITY:
            yield limit
    lines = OWN.read_text().splitlines() if OWN.is_file() else []
    for place in (Path(line.removeprefix("0::/")) for line in lines if line.startswith("0::")):
        for folder in (place, *place.parents):
            file = CGROUPS / folder / "memory.max"
            if file.is_file() and (text := file.read_text().strip()).isdecimal():
                yield int(text)


def check_threads(config: DictConfig) -> None:
    """Raise ValueError for threads that the machine has no cores for; a line says where they share cores."""
    cores, threads = os.cpu_count() or 1, config.threads or 1
    if threads > PER_CORE * cores:
        raise ValueError(f"threads={threads}: this machine has {cores} cores, give at most {PER_CORE * cores}")
    if threads > cores:
        log.warning("threads=%s: this machine has %s cores, and threads that share one are slower", threads, cores)


def check_images(data: SourceData, *, tests: bool) -> None:
    """Raise ValueError if the decoded images do not fit into the memory; a line says where they are many bytes."""
    source, side = data.source, data.size
    key = "texture_size" if source.kind == "texture" else "object_size"
    tested = len(source.test) if tests else 0
    count = len(source.train) + tested
    needed = side**2 * (data.channels * (count + len(source.train)) + 4 * tested)  # the training images once more
    memory = memory_of(torch.device("cpu"))
    what = f"data.{key}={side}: {count} images of {source.name} take {needed / GB:.3g} GB"
    if needed > memory:
        mend = "fewer images" if data.fixed else "a smaller size"
        raise ValueError(f"{what}, and {memory / GB:.3g} GB are there: give {mend}")
    if needed > LARGE:
        log.info("%s and are decoded now", what)


def check_batch(config: DictConfig, data: SourceData) -> None:
    """Raise ValueError for a batch that does not fit into the memory, whatever the network: x, f(x) and its gradient.

    Known before the first image is decoded.
    """
    batch, memory = int(config.batch_size), memory_of(device_of(config))
    needed = 3 * 4 * batch * data.channels * data.patch_size**2  # bytes of float32
    if needed > memory:
        what = f"batch_size={batch} of {data.patch_size} px: a step needs {needed / GB:.3g} GB at least"
        if data.fixed:
            raise ValueError(f"{what}, and {memory / GB:.3g} GB are there: give fewer images")
        raise ValueError(f"{what}, and {memory / GB:.3g} GB are there: give fewer or smaller images")


def check_step(config: DictConfig, module: AutoencoderModule, data: SourceData) -> None:
    """Raise ValueError if a training step does not fit into the memory. What it keeps grows with its images."""
    device, batch = device_of(config), int(config.batch_size)
    processes = count_of(config.trainer.devices) if device.type == "cpu" else 1
    memory = memory_of(device) // processes
    image = torch.zeros(1, data.channels, data.patch_size, data.patch_size)
    if image.nbytes * batch * SMALL < memory:
        return
    each = kept(module, image) / (1 if precision_of(config).startswith(("32", "64")) else 2)
    weights = sum(weight.nbytes for weight in module.parameters())
    needed = 2 * weights + each * batch  # at least: gradients are as large as the weights
    if needed > memory:
        fits = int((memory - 2 * weights) // each)
        smaller = "take a machine with more memory" if data.fixed else "give a smaller size"
        mend = f"at most {fits} images fit" if fits > 0 else f"not even one image fits: {smaller}"
        what = f"batch_size={batch}: a step needs {needed / GB:.3g} GB at least"
        raise ValueError(f"{what}, and {memory / GB:.3g} GB are there: {mend}")


def kept(module: AutoencoderModule, image: Tensor) -> int:
    """Bytes that the largest loss of one image keeps for its gradients, without the weights."""
    players = module.model.players().values() if isinstance(module, AdversarialModule) else ()
    losses = [player.loss for player in players] or [module.model.training_loss]
    own = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
    found = list[int]()
    training = module.training
    module.eval()  # the statistics of a batch norm stay as they are
    with torch.random.fork_rng(devices=[]):
        for loss in losses:
            storages = dict[int, Tensor]()

            def pack(tensor: Tensor, storages: dict[int, Tensor] = storages) -> Tensor:
                storages[tensor.untyped_storage().data_ptr()] = tensor
                return tensor

            with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                _total = loss(image).total
            found.append(sum(one.untyped_storage().nbytes() for at, one in storages.items() if at not in own))
    module.train(training)
    return max(found)
