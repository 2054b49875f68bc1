"""`renormal-inpaint`: one photograph, and a mask of what is to be filled, repaired by an autoencoder of one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from renormal.contracts import Images, Mask, Projection
from renormal.data.images import read_image, read_mask, upright_size
from renormal.data.source import MAX_PIXELS, Fit
from renormal.job.checkpoints import checkpoint_of, read_checkpoint
from renormal.job.fingerprints import same_weights
from renormal.projection import Descent, Threshold, error_mask, known_mask, project
from renormal.report.record import Record, read_record

GETTERS = ("hydra.utils.get_method", "hydra.utils.get_class")  # whose path is looked at, too
ROOMS = ("renormal.models.", "renormal.projection.", "renormal.functional.", "renormal.scores.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the repaired image; 2 with one line for what is missing or does not fit."""
    parser = argparse.ArgumentParser(prog="renormal-inpaint", description="Fill the hole of a photograph.")
    parser.add_argument("run", type=Path, help="outputs/inpaint/<model>/<category>/<seed> of a finished job")
    parser.add_argument("image", type=Path)
    parser.add_argument("--mask", type=Path, help="white where the image is to be filled; without one: blind, eq. 8")
    parser.add_argument("--out", type=Path, default=Path("repaired.png"))
    parser.add_argument("--fit", choices=["squash", "crop", "face"], help="how it becomes square; as in the job")
    options = parser.parse_args(arguments)
    try:
        check_output(options.out)
        record = checked(read_record(options.run / "record.json"))
        x0, hole = read(options.image, options.mask, record, options.fit or record.data.get("fit", "squash"))
        result = inpaint(load_model(options.run, record), x0, hole, descent=descent_of(record, blind=hole is None))
        if not result.x.isfinite().all():
            raise ValueError(f"{options.image}: the descent diverged: repeat the job with a smaller step_size")
        pixels = (result.x[0] * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(options.out)
    except (ValueError, OSError) as error:
        print(f"renormal-inpaint: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {int(result.steps[0])} steps, L_r {float(result.terms.reconstruction[0]):.1f}")
    return 0


def inpaint(model: Any, x0: Images, hole: Mask | None, *, descent: Descent) -> Projection:
    """x_N: with Ω only the hole moves; where nobody says what is missing, whatever f(x) reconstructs badly.

    hole: (B, 1, H, W), 1 where pixels are missing. What stands there in x0 is where the descent starts.
    """
    return project(model, x0, descent, omega=hole)


def check_output(path: Path) -> None:
    """Before the descent: a name that can be written."""
    Image.init()
    if path.suffix.lower() not in Image.EXTENSION:
        raise ValueError(f"--out {path}: end it in .png or another picture's suffix")
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: {path.parent} is no folder")


def checked(record: Record) -> Record:
    """A job that can repair a photograph, and whose config builds nothing but parts of renormal."""
    missing = [key for key in ("model", "projections", "data") if key not in record.config]
    missing += [key for key in ("channels", "size") if key not in record.data]
    if missing:
        raise ValueError(f"the job's record lacks {', '.join(missing)}: repeat the job")
    if record.kind == "texture":
        raise ValueError("the job was trained on patches of a texture: a whole photograph is at another scale")
    if alien := next(targets([record.config["model"]["net"], record.config["projections"]]), None):
        raise ValueError(f"the record's config asks for {alien}, which is no part of renormal: it is not run")
    return record


def targets(node: Any) -> Iterator[str]:
    """Everything that instantiating these nodes would call, outside of the rooms that a job is built from."""
    if isinstance(node, Mapping):
        called = [str(node[key]) for key in ("_target_", "path") if key in node]
        yield from (name for name in called if name not in GETTERS and not name.startswith(ROOMS))
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for child in children:
        yield from targets(child)


def load_model(folder: Path, record: Record | None = None) -> Any:
    """The trained network of a finished job, in eval mode. Raises ValueError for a folder without one, or another."""
    record = checked(record or read_record(folder / "record.json"))
    path = checkpoint_of(folder)
    if not path.is_file():
        raise ValueError(f"{path} does not exist: the job was not trained here")
    config = OmegaConf.create(record.config)
    content = read_checkpoint(path)
    if not same_weights(content["hyper_parameters"]["fingerprint"], record.hashes.get("training", "")):
        raise ValueError(f"{path} was trained with another config than the record beside it: repeat the job")
    weights = {name.removeprefix("model."): value for name, value in content["state_dict"].items()}
    try:
        model = instantiate(config.model.net, channels=record.data["channels"], size=sides(record), _convert_="all")
        model.load_state_dict(weights)
    except (InstantiationException, RuntimeError) as error:
        raise ValueError(f"{path} does not fit the model of its record: {str(error).splitlines()[0]}") from error
    return model.eval()


def descent_of(record: Record, *, blind: bool) -> Descent:
    """The first projection of the job that is told of a hole, or is not, with the T that was measured for it."""
    nodes = OmegaConf.create(record.config).projections
    found: dict[str, Descent] = {str(name): instantiate(node, _convert_="all") for name, node in nodes.items()}
    for name, descent in found.items():
        if descent.mask is (error_mask if blind else known_mask):
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
    hole = read_mask(mask, size=side, fit=fit, max_pixels=MAX_PIXELS, image_size=shape, whole=True)
    return x0, torch.from_numpy(np.ascontiguousarray(hole))[None, None].float()


def sides(record: Record) -> int:
    """What the network sees."""
    return int(record.data["size"])
