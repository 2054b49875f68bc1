"""Choose λ of map_tv on normal images, as its authors did: the λ whose restoration changes them least.

python -m benchmarks.restoration experiment=table1_cpu model=vae category=bottle data.root=… checkpoint=…
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

from renormal.contracts import Images
from renormal.functional.norms import l1_distance
from renormal.job.build import build_data, build_module
from renormal.job.checkpoint_file import read_checkpoint
from renormal.lit.batches import channels_last
from renormal.models import ConvAutoencoder
from renormal.projection import Descent, Energy, project
from renormal.run import CONF

WEIGHTS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.2)  # ours; the authors' grid is 0, 0.2, … 3.8
IMAGES = 32  # the first of the training set


def given(name: str) -> tuple[ConvAutoencoder, Images, Descent]:
    """The network that the command line names, normal images of its training set, and the projection `name`."""
    torch.set_num_threads(1)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [*sys.argv[1:], f"projection={name}", "folder=outputs"])
    data = build_data(config, instantiate(config.data.source, _convert_="all"))
    module = build_module(config, data, "")
    module.load_state_dict(read_checkpoint(Path(config.checkpoint))["state_dict"])
    images: Tensor = torch.cat(list(islice(data.normal_images(IMAGES), 1)))
    descent: Descent = instantiate(config.projections[name], _convert_="all")
    return module.model.eval().requires_grad_(False), channels_last(images, torch.device("cpu")), descent


def main() -> None:
    model, x0, descent = given("map_tv")
    assert isinstance(descent.energy, Energy)
    print("| λ | ‖x_N − x₀‖₁ | E(x₀) | E(x_N) | L_r(x_N) |")
    print("|---|---|---|---|---|")
    for weight in WEIGHTS:
        own = replace(descent, energy=replace(descent.energy, weight=weight))
        end = project(model, x0, own)
        numbers = (l1_distance(end.x, x0), end.energy_start, end.terms.total, end.terms.reconstruction)
        print(f"| {weight:g} |", " | ".join(f"{float(value.mean()):.1f}" for value in numbers), "|", flush=True)


if __name__ == "__main__":
    main()
