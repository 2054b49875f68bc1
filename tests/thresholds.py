"""Thresholds by hand: the least loss of a finished job's training images."""

from __future__ import annotations

import torch
from omegaconf import DictConfig

from renormal.inspect.load import load
from renormal.job.build import build_data
from renormal.job.fingerprints import source_of


def least(config: DictConfig, power: int) -> float:
    """min Σ |x − f(x)|^power over the training images (section 4.1)."""
    x = torch.cat(list(build_data(config, source_of(config)).normal_images(8)))
    with torch.no_grad():
        error = x - load(config.folder).model.reconstruct(x).image
    return float(error.abs().pow(power).sum(dim=(1, 2, 3)).min())
