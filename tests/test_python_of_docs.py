"""The Python of README and docs/method.md runs with a network that has forward alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

ROOT = Path(__file__).parents[1]
README, METHOD = (
    re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    for name in ("README.md", "docs/method.md")
)


class Forward(nn.Module):
    """Each image at a tenth of its values: L_r is 0.81 x² for each pixel."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return 0.1 * x if self.parts == 1 else (0.1 * x,) * self.parts


@pytest.mark.parametrize("parts", [1, 3])
def test_the_lines_for_a_network_of_ones_own_run(parts: int) -> None:
    good, images = torch.full((2, 1, 8, 8), 0.5), torch.ones(2, 1, 8, 8)
    names: dict[str, Any] = {"net": Forward(parts), "good_images": good, "normal_images": good, "images": images}
    adapter, projected = (next(code for code in METHOD if part in code) for part in ("class Adapter", "T = "))
    exec(adapter, names)
    (lines,) = (code.replace("load(", "# load(") for code in README)
    exec(lines, names)
    assert names["T"] == pytest.approx(64 * 0.45**2)
    exec(projected, names)
    assert bool((names["result"].stopped == names["Stopped"].ARRIVED).all())
    assert float(names["result"].x.max()) < 0.5
