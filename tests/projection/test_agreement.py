"""`project` agrees with one image at a time, and bfloat16 with float32."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from planted import ByTorch
from toys import DESCENTS, Net, agree, images, unstopped

from renormal.projection import project, reference

SAFE = [name for name, descent in DESCENTS.items() if descent.safeguard]


@pytest.mark.parametrize(("name", "factor"), [(name, 1) for name in DESCENTS] + [(name, 20) for name in SAFE])
def test_equal_to_one_image_at_a_time_with_torch_optim(name: str, factor: int) -> None:
    """Also at 20 α, where the safeguard refuses one step in ten: α, memory and clock of Adam go on as they were."""
    descent = DESCENTS[name] if factor == 1 else unstopped(DESCENTS[name], 12)
    descent = replace(descent, step_size=factor * descent.step_size)
    expected = reference(Net(), images(), replace(descent, direction=ByTorch(descent.direction)))
    agree(project(Net(), images(), descent), expected, torch.arange(11), 1e-4)


@pytest.mark.parametrize("name", DESCENTS)
def test_bfloat16_agrees_with_float32(name: str) -> None:
    """12 steps: energies within 1 %, images within 0.005 on average; a pixel may differ by two of Adam's steps."""
    descent = unstopped(DESCENTS[name], 12)
    exact = project(Net(), images(), descent)
    short = project(Net(), images(), replace(descent, precision="bfloat16"))
    assert torch.allclose(short.terms.total, exact.terms.total, rtol=1e-2)
    assert (short.x - exact.x).abs().mean() < 5e-3
    assert short.x.dtype == short.terms.total.dtype == torch.float32
