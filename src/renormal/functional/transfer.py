"""A GPU and its host: copies that nobody waits for, clocks that wait, and the current device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device; on a GPU the host goes on at once, from pinned memory."""
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device, non_blocking=True)
    return tensor.pin_memory().to(device, non_blocking=True)


def waited_for(device: torch.device) -> None:
    """Return when the device has done all its work: before that, a clock reads when the work was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def current(device: torch.device) -> AbstractContextManager[object]:
    """Inside, this is torch's current GPU: streams, events and kernels without a device of their own go to it."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
