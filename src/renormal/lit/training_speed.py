"""How fast a network trains on this machine."""

from __future__ import annotations

import time
from copy import deepcopy
from itertools import chain, repeat
from typing import Any, cast

import torch

from renormal.data.transforms import TrainingBatch
from renormal.lit.recorded_loss import RecordedLoss, draw_together
from renormal.lit.stage import Work

WARM = 3  # batches before the measurement, ours: the first ones ask for memory and choose algorithms


def images_per_second(work: Work, seconds: float) -> float:
    """Images a second of one process, over `seconds` or longer: at least one batch is measured.

    A copy of the network is trained, and noise goes on from where it was: the training does not notice.
    """
    trainer, module, data, _ = work
    device = trainer.strategy.root_device
    model: Any = trainer.precision_plugin.convert_module(deepcopy(module.model)).to(device).train()
    optimizer = module.optimizer_factory(model.parameters())
    loader, recorded = data.train_dataloader(), RecordedLoss(model)
    draw_together(loader, model, device)
    start, batches = 0.0, -WARM
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for batch in chain.from_iterable(repeat(loader)):
            if batches == 0:
                start = time.perf_counter()
            elif batches > 0 and time.perf_counter() - start >= seconds:
                break
            images = cast(TrainingBatch, data.on_after_batch_transfer(batch, 0))
            with trainer.precision_plugin.train_step_context():
                loss: Any = recorded(images).total.mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            loss.item()  # waits for the device
            batches += 1
    return batches * data.batch_size / (time.perf_counter() - start)
