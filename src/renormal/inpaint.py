"""`renormal-inpaint`: one photograph, and a mask of what is to be filled, repaired by an autoencoder of one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from renormal.contracts import Images, Mask, Projection
from renormal.data.images import read_image, read_mask, upright_size
from renormal.data.source import MAX_PIXELS, Fit
from renormal.projection import Descent, Threshold, known_mask, project
from renormal.report.record import Record, read_record
from renormal.weights import checkpoint_of, read_checkpoint


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the repaired image; 2 with one line for what is missing or does not fit."""
    parser = argparse.ArgumentParser(prog="renormal-inpaint", description="Fill the hole of a photograph.")
    parser.add_argument("run", type=Path, help="outputs/inpaint/<model>/<category>/<seed> of a finished job")
    parser.add_argument("image", type=Path)
    parser.add_argument("--mask", type=Path, help="white where the image is to be filled; without one: blind, eq. 8")
    parser.add_argument("--out", type=Path, default=Path("repaired.png"))
    parser.add_argument("--fit", choices=["squash", "crop", "face"], default="crop", help="how it becomes square")
    options = parser.parse_args(arguments)
    try:
        record = read_record(options.run / "record.json")
        x0, hole = read(options.image, options.mask, record, options.fit)
        result = inpaint(load_model(options.run, record), x0, hole, descent=descent_of(record, blind=hole is None))
    except ValueError as error:
        print(f"renormal-inpaint: {error}", file=sys.stderr)
        return 2
    pixels = (result.x[0] * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(options.out)
    print(f"{options.out}: {int(result.steps[0])} steps, L_r {float(result.terms.reconstruction[0]):.1f}")
    return 0


def inpaint(model: Any, x0: Images, hole: Mask | None, *, descent: Descent) -> Projection:
    """x_N: with Ω only the hole moves; where nobody says what is missing, whatever f(x) reconstructs badly.

    hole: (B, 1, H, W), 1 where pixels are missing. What stands there in x0 is where the descent starts.
    """
    return project(model, x0, descent, omega=hole)


def load_model(folder: Path, record: Record | None = None) -> Any:
    """The trained network of a finished job, in eval mode. Raises ValueError for a folder without one."""
    record = record or read_record(folder / "record.json")
    path = checkpoint_of(folder)
    if not path.is_file():
        raise ValueError(f"{path} does not exist: the job was not trained here")
    config = OmegaConf.create(record.config)
    model = instantiate(config.model.net, channels=record.data["channels"], size=sides(record), _convert_="all")
    weights = read_checkpoint(path)["state_dict"]
    model.load_state_dict({name.removeprefix("model."): value for name, value in weights.items()})
    return model.eval()


def descent_of(record: Record, *, blind: bool) -> Descent:
    """The first projection of the job that is told of a hole, or is not, with the T that was measured for it."""
    nodes = OmegaConf.create(record.config).projections
    found: dict[str, Descent] = {str(name): instantiate(node, _convert_="all") for name, node in nodes.items()}
    for name, descent in found.items():
        if (descent.mask is not known_mask) == blind:
            threshold = record.projections.get(name, {}).get("threshold")
            return descent if threshold is None else replace(descent, stop=Threshold(value=threshold))
    wanted = "inpaint_blind" if blind else "inpaint"
    raise ValueError(f"the job has no such projection: repeat it with 'projection=[{wanted}]'")


def read(image: Path, mask: Path | None, record: Record, fit: Fit) -> tuple[Images, Mask | None]:
    """(1, C, H, W) at the side of the network, and (1, 1, H, W)."""
    side = sides(record)
    pixels = read_image(image, size=side, channels=record.data["channels"], fit=fit, max_pixels=MAX_PIXELS)
    x0 = torch.from_numpy(pixels)[None].float() / 255
    if mask is None:
        return x0, None
    shape = upright_size(image, MAX_PIXELS)
    hole = read_mask(mask, size=side, fit=fit, max_pixels=MAX_PIXELS, image_size=shape)
    return x0, torch.from_numpy(np.ascontiguousarray(hole))[None, None].float()


def sides(record: Record) -> int:
    """What the network sees: a texture in patches."""
    data = record.config["data"]
    return int(data["patch_size"] if record.kind == "texture" else record.data["size"])
