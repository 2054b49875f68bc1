"""A network is called with batches of one size, because the last bits of a convolution depend on that size.

The numbers of a test are then the same on several devices, each of which has fewer images.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from renormal.contracts import Autoencoder, EnergyTerms, Images, Projection
from renormal.projection import Observer, Settled, project

AT_A_TIME = 64  # images encoded, decoded or scored in one call, ours


def channels_last(images: Images, device: torch.device) -> Images:
    """The images on the device, in the memory format in which convolutions are fastest."""
    return images.to(device).contiguous(memory_format=torch.channels_last)


def filled(images: Images, size: int) -> Images:
    """(B, C, H, W) → (max(B, size), C, H, W): copies of the last image fill the batch. Empty stays empty."""
    if len(images) >= size or not len(images):
        return images
    like = torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    whole = torch.cat([images, images[-1:].expand(size - len(images), -1, -1, -1)])
    return whole.contiguous(memory_format=like)


def in_batches(function: Callable[..., Tensor], *inputs: Images, size: int) -> Tensor:
    """`function` of all images of the inputs, with `size` images a call: copies of the last one fill the last call."""
    parts = zip(*(torch.split(images, size) for images in inputs), strict=True)
    return torch.cat([function(*(filled(images, size) for images in part))[: len(part[0])] for part in parts])


def project_filled(
    model: Autoencoder,
    x0: Images,
    descent: Settled,
    *,
    observe: Observer | None = None,
    finished: Callable[[int], None] | None = None,
) -> Projection:
    """`project` with all slots filled. Copies of the last image fill free slots, and their results are dropped."""
    count = len(x0)
    if count >= descent.slots:
        return project(model, x0, descent, observe=observe, finished=finished)
    seen = None if observe is None else partial(_first, count, observe)
    whole = project(model, filled(x0, descent.slots), descent, observe=seen)
    if finished is not None:
        finished(count)
    terms = EnergyTerms(*(term[:count] for term in whole.terms))
    return Projection(whole.x[:count], terms, whole.steps[:count], whole.stopped[:count], whole.energy_start[:count])


def _first(count: int, observe: Observer, sample: Tensor, t: Tensor, x: Images, terms: EnergyTerms) -> None:
    """Call `observe` with the first `count` samples only."""
    own = sample < count
    observe(sample[own], t[own], x[own], EnergyTerms(*(term[own] for term in terms)))


def without_diverged(result: Projection, baseline: Images) -> Projection:
    """A sample whose x_N is not finite is replaced by its row of `baseline`."""
    finite = result.x.flatten(1).isfinite().all(dim=1)
    return result._replace(x=torch.where(finite[:, None, None, None], result.x, baseline))
