"""Two finished jobs in one checkpoint of model=repair_l2_ae."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from benchmarks.joined import main

from renormal.inspect.load import load
from renormal.job.job import run_job

SMALL_NETS = ["model.net.width=4", "model.net.segmenter=4"]


def test_the_job_of_both_has_the_networks_of_each(small: Any, tmp_path: Path) -> None:
    one, other, both = (str(tmp_path / name) for name in ("one", "other", "both"))
    run_job(small("model=segmenting_ae", *SMALL_NETS, "stages=[train]", f"folder={one}"))
    run_job(small("model=l2_ae", "model.net.latent=4", "stages=[train]", f"folder={other}"))
    checkpoint = tmp_path / "joined.ckpt"
    main([one, other, str(checkpoint)])
    learned = ["model=repair_l2_ae", *SMALL_NETS, "model.net.latent=4", "score=three_maps", "projection=[one_pass]"]
    run_job(small(*learned, "stages=[test]", f"checkpoint={checkpoint}", f"folder={both}"))
    net, x = load(Path(both)).model, torch.rand(1, 3, 32, 32)
    state = net.state_dict()
    for folder, prefix in ((one, ""), (other, "g.")):
        content = torch.load(Path(folder) / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name, value in content.items():
            assert torch.equal(state[prefix + name.removeprefix("model.")], value), name
    with torch.no_grad():
        assert torch.equal(net.second(x), net.g(x))
