"""The networks and the tiles of the projection benchmarks: L² AEs, trained for a minute or two."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.paired import tested
from renormal.data import Source, mvtec, stand_in
from renormal.data.memory import load_test, load_training
from renormal.functional.tiles import cut
from renormal.inspect.inspector import Inspector
from renormal.inspect.load import load
from renormal.models import L2AE
from renormal.projection import Descent, Energy, reconstruction_losses, squared_error

FOLDER = Path("outputs/benchmark/l2_ae/grid/0")
DATA = {"train": 30, "good": 1, "defective": 1}
STRICTNESS = 0.7  # factor of the threshold: after so short a training the full threshold is reached within three steps
ROOT = Path("outputs/benchmark/data")
REAL = Path(os.environ.get("RENORMAL_DATA", "data"), "mvtec_ad")
PHOTOGRAPHED = ("grid", "bottle", "toothbrush")  # categories of MVTec AD that others are compared on
SCHEDULER = "model.scheduler={_target_: torch.optim.lr_scheduler.OneCycleLR, _partial_: true, max_lr: 1e-3}"


class Trial(NamedTuple):
    """A frozen network, tiles of test images with their masks, and the threshold that L_r is to reach."""

    model: L2AE
    tiles: Tensor
    regions: Tensor
    threshold: float


def train(images: int = 20_000) -> None:
    """Train and test the network of drawn grid with `renormal`, unless as long a training is there."""
    data = [f"data.root={ROOT}", *(f"data.{key}={value}" for key, value in DATA.items())]
    _renormal(FOLDER, images, [*data, "category=grid", "projection=[eq8_adam]"])


def train_photographed(category: str, images: int) -> None:
    """Train the network of a category of MVTec AD, unless as long a training is there."""
    data = ["data=mvtec", f"data.root={REAL}", f"category={category}"]
    _renormal(photographed(category), images, [*data, "stages=[train]"])


def photographed(category: str) -> Path:
    """The job of `train_photographed`."""
    return Path("outputs/benchmark_photographed/l2_ae", category, "0")


def clock(folder: Path) -> dict[str, Any]:
    """Images and seconds of a training; 0 where there was none."""
    path = folder / "checkpoints" / "last.ckpt"
    if not path.is_file():
        return {"images": 0, "seconds": 0.0}
    found: dict[str, Any] = torch.load(path, weights_only=True)["callbacks"]["TrainingClock"]
    return found


def _renormal(folder: Path, images: int, settings: Sequence[str]) -> None:
    if clock(folder)["images"] >= images // 32 * 32:
        return
    command = [sys.executable, "-m", "renormal.run", f"name={folder.parts[1]}", *settings, SCHEDULER]
    budget = ["trainer.max_epochs=1", f"data.epoch_images={images}", "batch_size=32", "trainer.precision=auto"]
    subprocess.run([*command, *budget, "threads=1", "rerun=true"], check=True)


def trial(stride: int = 128, job: str = "", *, channels_last: bool = True, trainable: bool = False) -> Trial:
    """The trained network, the tiles of the drawn test images of grid, and STRICTNESS times their T of section 4.1.

    job: the folder of a finished job of an L² AE. Then it is its network, its test images and its T of eq8_adam.
    """
    if job:
        return finished_trial(job, stride, channels_last, trainable)
    source = stand_in(ROOT, "grid", **DATA)
    return _trial(FOLDER, source, lambda images: cut(images, 128, stride), STRICTNESS, channels_last, trainable)


def finished_trial(folder: str, stride: int, channels_last: bool, trainable: bool) -> Trial:
    """Of a finished job. Raises ValueError for one without a threshold of eq8_adam, and for other networks."""
    job = load(folder)
    threshold = job.record.projections.get("eq8_adam", {}).get("threshold")
    if not isinstance(job.model, L2AE) or threshold is None:
        raise ValueError(f"{folder}: give a job of model=l2_ae with projection=[eq8_adam]")
    images, regions = tested(Inspector(job, column="eq8_adam"))
    tiles, truth = cut(images, job.size, stride), cut(regions[:, None], job.size, stride)[:, 0]
    return _placed(job.model, tiles, truth, float(threshold), channels_last, trainable)


def photographed_trial(category: str, every: int, *, channels_last: bool = True, trainable: bool = False) -> Trial:
    """The same of every k-th test image of MVTec AD, with T itself: whole objects, and the centres of textures."""
    source = mvtec(REAL, category)
    source = replace(source, test=source.test[::every])
    return _trial(photographed(category), source, centres, 1.0, channels_last, trainable)


def centres(images: Tensor) -> Tensor:
    """The middle 128 × 128 pixels of each image."""
    first = (images.shape[-1] - 128) // 2
    return images[..., first : first + 128, first : first + 128]


def _trial(
    folder: Path,
    source: Source,
    tiled: Callable[[Tensor], Tensor],
    strictness: float,
    channels_last: bool,
    trainable: bool,
) -> Trial:
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    channels, size = state["model.encoder.0.weight"].shape[1], {"texture": 512, "object": 128}[source.kind]
    model = L2AE(channels=channels)
    model.load_state_dict({key.removeprefix("model."): value for key, value in state.items()})
    normal = cut(load_training(source, size=size, channels=channels)[:200], 128, 128)[:200].float() / 255
    losses = reconstruction_losses(model, normal, Descent(energy=Energy(loss=squared_error)))
    test = load_test(source, size=size, channels=channels)
    tiles, regions = tiled(test.images.float() / 255), tiled(test.regions)
    return _placed(model, tiles, regions, strictness * float(losses.min()), channels_last, trainable)


def _placed(
    model: L2AE, tiles: Tensor, regions: Tensor, threshold: float, channels_last: bool, trainable: bool
) -> Trial:
    model.requires_grad_(trainable)
    if channels_last:
        network: Any = model  # torch's types lack this way to call `to`
        network.to(memory_format=torch.channels_last)
        tiles = tiles.contiguous(memory_format=torch.channels_last)
    return Trial(model, tiles, regions, threshold)
