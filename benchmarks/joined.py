"""The checkpoint of model=repair_l2_ae from two trainings: model=segmenting_ae gives f and S, model=l2_ae gives g.

    python -m benchmarks.joined outputs/segment/segmenting_ae/pill/0 outputs/second/l2_ae/pill/0 joined.ckpt
    renormal experiment=segment category=pill checkpoint=joined.ckpt 'stages=[choose,test]' data.root=/data/mvtec_ad

In one training f and S have no gradient of g, and g none of theirs, but the three share the limit of the gradient.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from renormal.files import whole_file
from renormal.job.checkpoint_file import read_checkpoint, weights_in
from renormal.job.checkpoints import checkpoint_of


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the weights of both. Raises ValueError for a file that is no checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segmenting", type=Path, help="a finished job of model=segmenting_ae")
    parser.add_argument("l2", type=Path, help="a finished job of model=l2_ae on the same category")
    parser.add_argument("out", type=Path, help="the checkpoint to write")
    given = parser.parse_args(arguments)
    segmenting, l2 = (weights_in(read_checkpoint(checkpoint_of(job))) for job in (given.segmenting, given.l2))
    with whole_file(given.out) as file:
        torch.save(joined(segmenting, l2), file)
    print(given.out)


def joined(segmenting: Mapping[str, Tensor], l2: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of RepairL2AE."""
    return {**segmenting, **{f"g.{name}": value for name, value in l2.items()}}


if __name__ == "__main__":
    main()
