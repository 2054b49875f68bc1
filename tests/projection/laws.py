"""A law that searches in x and in z share."""

from __future__ import annotations

from dataclasses import replace

import torch
from toys import Net, Project, agree, images

from renormal.projection import Descent

BATCH_SIZES = 1e-5  # of x, between two batch sizes: convolutions add up in another order. 4e-7 seen in 12 steps


def independence(project: Project, descent: Descent) -> None:
    """A sample projects the same alone, among others, and in any slot."""
    model, x0 = Net(), images()
    whole = project(model, x0, descent)
    orders = [torch.randperm(11, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    for rows in (*orders, torch.arange(3, 9), torch.tensor([7, 0, 0, 7, 7, 2])):  # as many slots: to the last bit
        agree(project(model, x0[rows], descent), whole, rows, 0.0)
    for slots in (1, 3, 11, 64):
        agree(project(model, x0, replace(descent, slots=slots)), whole, torch.arange(11), BATCH_SIZES)
    for row in range(11):
        agree(project(model, x0[row : row + 1], descent), whole, torch.tensor([row]), BATCH_SIZES)
