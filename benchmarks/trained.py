"""The network and the tiles of the projection benchmarks: an L² AE, trained for a minute on drawn images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from renormal.data import stand_in
from renormal.data.memory import load_test, load_training
from renormal.functional.tiles import cut
from renormal.models import L2AE
from renormal.projection import Descent, Energy, reconstruction_losses, squared_error

FOLDER = Path("outputs/benchmark/l2_ae/grid/0")
DATA = {"train": 30, "good": 1, "defective": 1}
STRICTNESS = 0.7  # factor of the threshold: after so short a training the full threshold is reached within three steps
ROOT = Path("outputs/benchmark/data")


class Trial(NamedTuple):
    """A frozen network, tiles of test images with their masks, and STRICTNESS times the threshold of section 4.1."""

    model: L2AE
    tiles: Tensor
    regions: Tensor
    threshold: float


def train(images: int = 20_000) -> None:
    """Train the network with `renormal`, unless its checkpoint exists."""
    command = [sys.executable, "-m", "renormal.run", "name=benchmark", "category=grid", "stages=[train]"]
    data = [f"data.root={ROOT}", *(f"data.{key}={value}" for key, value in DATA.items())]
    scheduler = ["model.scheduler={_target_: torch.optim.lr_scheduler.OneCycleLR, _partial_: true, max_lr: 1e-3}"]
    budget = ["trainer.max_epochs=1", f"data.epoch_images={images}", "batch_size=32", "trainer.precision=auto"]
    if not (FOLDER / "checkpoints" / "last.ckpt").is_file():
        subprocess.run([*command, *data, *scheduler, *budget, "threads=1"], check=True)


def trial(stride: int = 128, *, channels_last: bool = True, trainable: bool = False) -> Trial:
    """The trained network and the tiles of the drawn test images of grid, cut with this stride."""
    source = stand_in(ROOT, "grid", **DATA)
    test = load_test(source, size=512, channels=1)
    normal = cut(load_training(source, size=512, channels=1), 128, 128).float() / 255
    model = L2AE(channels=1)
    state = torch.load(FOLDER / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    model.load_state_dict({key.removeprefix("model."): value for key, value in state.items()})
    losses = reconstruction_losses(model, normal[:200], Descent(energy=Energy(loss=squared_error)))
    model.requires_grad_(trainable)
    tiles = cut(test.images.float() / 255, 128, stride)
    if channels_last:
        model, tiles = model.to(memory_format=torch.channels_last), tiles.contiguous(memory_format=torch.channels_last)
    return Trial(model, tiles, cut(test.regions, 128, stride), STRICTNESS * float(losses.min()))
