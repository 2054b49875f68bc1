"""One job from a resolved config: data, model, training, test, record."""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import platform
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from omegaconf import DictConfig, OmegaConf

from renormal.functional.precision import has_bfloat16
from renormal.lit.datamodule import SourceData
from renormal.lit.module import AutoencoderModule
from renormal.lit.progress import Progress
from renormal.lit.projection_callback import ProjectionCallback
from renormal.report.record import Record, read_record, write_record

PACKAGES = ("renormal", "torch", "lightning", "torchmetrics", "kornia", "hydra-core", "numpy")
STAGES = ("train", "test")
TRAINING = ("data", "model.net", "model.optimizer", "model.scheduler", "trainer", "batch_size", "seed")
TEST = ("projections", "score", "test")
ELSEWHERE = ("root", "download", "accept_licence", "url", "source")  # same numbers without them
COLLAPSED = 1.0  # nats of KL below which a posterior says nothing about its image
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
log = logging.getLogger("renormal")


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start


def run_job(config: DictConfig, *, line: int = 0) -> None:
    """Train, test and leave record.json, or say in one line what is wrong before any of it.

    line: where the job's progress bar stands, for jobs side by side.
    """
    if unknown := set(config.stages) - set(STAGES):
        raise ValueError(f"stages has {sorted(unknown)}, it may hold {' and '.join(STAGES)}")
    folder, hashes = Path(config.folder), {"training": fingerprint(config, TRAINING), "test": fingerprint(config, TEST)}
    if not config.rerun and answered(folder, hashes):
        log.info("%s already has the record of this config (rerun=true repeats it)", folder)
        return
    if config.threads:
        torch.set_num_threads(config.threads)
    keep_freed_memory()
    quieten()
    L.seed_everything(config.seed, workers=True, verbose=False)
    clock = Clock()
    with clock("data"):
        data = build_data(config)
    module = build_module(config, data, hashes["training"])
    callback = build_callback(config, folder)
    trainer = build_trainer(config, folder, callback, line)
    training: dict[str, float | None] = {}
    if "train" in config.stages:
        with clock("train"):
            trainer.fit(module, datamodule=data, ckpt_path=resume_from(folder, hashes["training"]), weights_only=True)
        training = training_report(trainer, data, clock.seconds["train"])
    else:
        load(module, config, folder, hashes["training"])
        training = earlier_training(folder)
    if "test" in config.stages:
        with clock("test"):
            trainer.test(module, datamodule=data, verbose=False)
        write_record(folder, record_of(config, data, trainer, callback, training, clock.seconds, hashes))
        log.info("%s: pixel AUROC %s in %.0f s", folder, headline(callback.metrics), sum(clock.seconds.values()))


def quieten() -> None:
    """Lightning's remarks would stand twice on the screen, once by its own handler and once by Hydra's."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # batches come from memory
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)  # Lightning 2.6 under torch 2.13
    warnings.filterwarnings("ignore", message=".*srun.*")  # a login node
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists")  # that of a training to go on with


def keep_freed_memory() -> None:
    """glibc hands large blocks back and faults them in anew at every step, which costs a training step a fifth."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the largest value that glibc takes
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)


def fingerprint(config: DictConfig, parts: tuple[str, ...]) -> str:
    """SHA-256 of those parts of the config that decide the numbers."""
    content = {
        part: stripped(OmegaConf.to_container(OmegaConf.create({"_": OmegaConf.select(config, part)})))
        for part in parts
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def stripped(value: Any) -> Any:
    """The same value without keys that change where things lie and not what comes out."""
    if isinstance(value, dict):
        return {key: stripped(item) for key, item in value.items() if key not in ELSEWHERE}
    return [stripped(item) for item in value] if isinstance(value, list) else value


def answered(folder: Path, hashes: dict[str, str]) -> bool:
    """Whether a record of this very config lies there."""
    path = folder / "record.json"
    return path.is_file() and read_record(path).hashes == hashes


def build_data(config: DictConfig) -> SourceData:
    """Every image decoded, so that a bad file ends the run here."""
    data = SourceData(
        instantiate(config.data.source, _convert_="all"),
        texture_size=config.data.texture_size,
        object_size=config.data.object_size,
        patch_size=config.data.patch_size,
        channels=config.data.channels,
        batch_size=config.batch_size,
        epoch_images=config.data.epoch_images,
        test_images=config.test.images,
        seed=config.seed,
    )
    if data.training.nbytes and "test" in config.stages:
        _ = data.test
    return data


def build_module(config: DictConfig, data: SourceData, training_hash: str) -> AutoencoderModule:
    """The autoencoder with its optimizer, channels last."""
    net = instantiate(config.model.net, channels=data.channels, size=data.patch_size, _convert_="all")
    optimizer = instantiate(config.model.optimizer, _convert_="all")
    scheduler = instantiate(config.model.scheduler, _convert_="all")
    module = AutoencoderModule(net, optimizer=optimizer, scheduler=scheduler, fingerprint=training_hash)
    return module.to(memory_format=torch.channels_last)


def build_callback(config: DictConfig, folder: Path) -> ProjectionCallback:
    """Every projection of the config, beside the baseline."""
    return ProjectionCallback(
        instantiate(config.projections, _convert_="all"),
        score=instantiate(config.score, _convert_="all"),
        stride=config.test.stride,
        average=config.test.average,
        curves=list(config.test.curves),
        panels=config.test.panels,
        limit=config.test.limit,
        folder=folder,
    )


def build_trainer(config: DictConfig, folder: Path, callback: ProjectionCallback, line: int) -> L.Trainer:
    """Lightning's trainer, with the last checkpoint kept after each epoch."""
    checkpoint = ModelCheckpoint(
        dirpath=folder / "checkpoints", filename="last", save_top_k=1, enable_version_counter=False
    )
    logger = instantiate(config.logger)
    title = f"{config.model.name}/{config.data.category}/{config.seed}"
    callbacks: list[L.Callback] = [checkpoint, callback, Progress(title, line=line, enabled=config.progress)]
    if logger:
        callbacks.append(LearningRateMonitor(logging_interval="epoch"))
    settings = OmegaConf.merge(config.trainer, {"precision": precision_of(config)})
    trainer: L.Trainer = instantiate(
        settings, callbacks=callbacks, logger=logger or False, default_root_dir=str(folder), _convert_="all"
    )
    return trainer


def precision_of(config: DictConfig) -> str:
    """trainer.precision, where auto is bfloat16 if the device has it."""
    if config.trainer.precision != "auto":
        return str(config.trainer.precision)
    cuda = torch.cuda.is_available() and config.trainer.accelerator in ("auto", "gpu", "cuda")
    return "bf16-mixed" if has_bfloat16(torch.device("cuda" if cuda else "cpu")) else "32-true"


def checkpoint_of(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def resume_from(folder: Path, training_hash: str) -> Path | None:
    """The checkpoint of an interrupted run of the same recipe."""
    path = checkpoint_of(folder)
    if not path.is_file():
        return None
    found = torch.load(path, weights_only=True, map_location="cpu")["hyper_parameters"]["fingerprint"]
    if found != training_hash:
        log.warning("%s belongs to another config and is trained anew", path)
        return None
    return path


def load(module: AutoencoderModule, config: DictConfig, folder: Path, training_hash: str) -> None:
    """The weights of an earlier training."""
    path = Path(config.checkpoint) if config.checkpoint else checkpoint_of(folder)
    if not path.is_file():
        raise ValueError(f"{path} does not exist: train first (stages=[train,test]), or give checkpoint=/path/to/it")
    content = torch.load(path, weights_only=True, map_location="cpu")
    if not config.checkpoint and content["hyper_parameters"]["fingerprint"] != training_hash:
        raise ValueError(f"{path} was trained with another config: repeat that config, or give checkpoint={path}")
    try:
        module.load_state_dict(content["state_dict"])
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        raise ValueError(f"{path} does not fit model={config.model.name} on {config.data.category}: {first}") from error


def training_report(trainer: L.Trainer, data: SourceData, seconds: float) -> dict[str, float | None]:
    """What the training was, for the record."""
    images = trainer.global_step * data.batch_size * trainer.world_size
    loss = trainer.callback_metrics.get("train/loss")
    kl = trainer.callback_metrics.get("train/kl")
    if kl is not None and kl < COLLAPSED:
        log.warning("the posterior has collapsed (KL %.2g nats): f(x) is the same image for every x", kl)
    return {
        "images": float(images),
        "steps": float(trainer.global_step),
        "epochs": float(trainer.current_epoch),
        "images_per_second": images / seconds,
        "final_loss": None if loss is None else loss.item(),
        "seconds": seconds,
    }


def earlier_training(folder: Path) -> dict[str, float | None]:
    """What the record of an earlier test of the same weights says of their training."""
    path = folder / "record.json"
    return read_record(path).training if path.is_file() else {}


def record_of(
    config: DictConfig,
    data: SourceData,
    trainer: L.Trainer,
    callback: ProjectionCallback,
    training: dict[str, float | None],
    seconds: dict[str, float],
    hashes: dict[str, str],
) -> Record:
    """Everything that the report and a reader a year later will ask for."""
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    good = data.test.defects.count("good")
    return Record(
        name=config.name,
        model=config.model.name,
        category=data.source.name,
        kind=data.source.kind,
        seed=config.seed,
        metrics=callback.metrics,
        projections=callback.reports,
        seconds=seconds,
        training=training,
        data={
            "train_images": len(data.training),
            "test_good": good,
            "test_defective": len(data.test.defects) - good,
            "size": data.size,
            "channels": data.channels,
        },
        device={
            "name": device_name(trainer),
            "threads": torch.get_num_threads(),
            "precision": precision_of(config),
        },
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        commit=commit(),
        config={str(key): value for key, value in resolved.items()},
        hashes=hashes,
        curves={name: curve.values() for name, curve in callback.curves.items()},
        panels=callback.panels,
    )


def headline(metrics: dict[str, float]) -> str:
    """Each method's pixel AUROC in a line."""
    values = {key.split("/")[0]: value for key, value in metrics.items() if key.endswith("/pixel_auroc")}
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items()) or "undefined, no masks"


def device_name(trainer: L.Trainer) -> str:
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """The checkout's commit, with + where files differ from it; empty outside a checkout."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
