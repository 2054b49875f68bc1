"""Losses of good images that were kept from training."""

from __future__ import annotations

import torch

from renormal.contracts import Autoencoder
from renormal.functional.reconstructed import reconstructed
from renormal.functional.tiles import cut
from renormal.lit.batches import AT_A_TIME, channels_last, in_batches
from renormal.lit.stage import Work, frozen

DRAWS, DRAWN, SEED = 64, 8, 0  # images with noise or damage drawn on them, of one call, and the seed; ours


@torch.no_grad()
def held_out_loss(work: Work) -> dict[str, float | None]:
    """{"held_out_loss": mean L_r of the images that choose.holdout keeps from training}; empty without them or f(x)."""
    _, module, data, _ = work
    model = module.model
    if not data.source.spare or not isinstance(model, Autoencoder):
        return {}
    with frozen(work):
        device = next(model.parameters(), torch.empty(0)).device
        images = cut(data.spare, data.patch_size, data.patch_size)
        parts = [channels_last(part.float() / 255, device) for part in torch.split(images, AT_A_TIME)]
        losses = [in_batches(lambda x: reconstructed(model, x).loss, part, size=AT_A_TIME).cpu() for part in parts]
    return {"held_out_loss": float(torch.cat(losses).double().mean())}


@torch.no_grad()
def held_out_training_loss(work: Work) -> float | None:
    """The mean training loss of DRAWS images that choose.holdout keeps from training; None without them.

    Noise and damage are the same in every call, and no other noise changes. For a network that repairs it is the loss
    of the repair.
    """
    trainer, module, data, _ = work
    if not data.source.spare:
        return None
    device = trainer.strategy.root_device
    images = cut(data.spare, data.patch_size, data.patch_size)
    rows = torch.arange(DRAWS) * max(1, len(images) // DRAWS) % len(images)
    losses = []
    with frozen(work), torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(SEED)
        for part in torch.split(images[rows], DRAWN):
            with trainer.precision_plugin.train_step_context():
                losses.append(module.model.training_loss(channels_last(part.float() / 255, device)).total.cpu())
    return float(torch.cat(losses).double().mean())
