"""L_r of good images that were kept from training."""

from __future__ import annotations

import torch

from renormal.contracts import Autoencoder
from renormal.functional.tiles import cut
from renormal.lit.batches import AT_A_TIME, channels_last, in_batches
from renormal.lit.stage import Work, frozen


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
        losses = [in_batches(lambda x: model.reconstruct(x).loss, part, size=AT_A_TIME).cpu() for part in parts]
    return {"held_out_loss": float(torch.cat(losses).double().mean())}
