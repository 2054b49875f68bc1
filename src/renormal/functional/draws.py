"""Random tensors from one generator on one device."""

from __future__ import annotations

import torch
from torch import Tensor

from renormal.functional.chance import spread


class Draws:
    """Numbers from one generator on one device. generator: on that device; None: torch's global ones."""

    def __init__(self, device: torch.device, generator: torch.Generator | None) -> None:
        self.device, self.generator = device, generator
        self.host = generator if generator is None or generator.device.type == "cpu" else _of_host(generator)

    def decided(self, *shape: int) -> Tensor:
        """`uniform` on the host: what decides shapes and calls. Read from a GPU it would wait for all work before."""
        return torch.rand(shape, generator=self.host)

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self.device, generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, device=self.device, generator=self.generator)

    def field(self, count: int, cells: int, height: int, width: int, *, channels: int = 1) -> Tensor:
        """Smooth noise of about unit variance, (B, channels, H, W)."""
        rows, columns = (spread(cells, length, self.device, True) for length in (height, width))
        return rows @ self.normal(count, channels, cells, cells) @ columns.T


def _of_host(generator: torch.Generator) -> torch.Generator:
    """A generator of the host that depends on where this one of a GPU is."""
    return torch.Generator().manual_seed((generator.initial_seed() + generator.get_offset()) % 2**63)
