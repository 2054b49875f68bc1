"""The command `renormal-inpaint`: fill the hole of one photograph with the autoencoder of a finished job."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from renormal.console.program import Parser, begin
from renormal.console.text import counted
from renormal.contracts import Images, Mask
from renormal.data.depth import FULL
from renormal.data.drawn_masks import Pair, read_hole
from renormal.data.images import read_image
from renormal.data.opening import FORMATS, strict_pillow
from renormal.data.source import MAX_PIXELS, Fit
from renormal.files import whole_file
from renormal.inspect.finished import in_tiles
from renormal.inspect.load import FinishedJob, load
from renormal.inspect.stored import one_line
from renormal.job.errors import WorkError, refused, status_of
from renormal.projection import Descent, error_mask, known_mask, project

NO_SUCH_PROJECTION = (
    "the job has no projection {}: repeat its command with 'stages=[train,inpaint]' "
    "'projection=[inpaint,inpaint_blind]': it keeps its weights, and the record is replaced"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the repaired image. An error is one line, and 1 or 2 is returned."""
    if arguments is None:
        begin()
    options = parse(arguments)
    try:
        check_output(options.out, options.image, options.mask)
        job = load(options.run, options.trust)
        if in_tiles(job.record):
            raise ValueError("the job was trained on tiles of its images: a whole photograph is at another scale")
        fit = options.fit or job.record.data.get("fit", "squash")
        with strict_pillow():
            x0, hole = read(options.image, options.mask, job, fit)
        descent = descent_of(job, blind=hole is None)
        with one_line(f"{options.run}: the job's projection cannot run"):
            result = project(job.model, x0, descent, omega=hole)
        if not result.x.isfinite().all():
            raise WorkError(f"{options.image}: the descent diverged: repeat the job with a smaller step_size")
        write(options.out, result.x)
    except (ValueError, OSError) as error:
        print(f"renormal-inpaint: {refused(error, options.out)}", file=sys.stderr)
        return status_of(error)
    print(f"{options.out}: {counted(int(result.steps[0]), 'step')}, L_r {float(result.terms.reconstruction[0]):.1f}")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="renormal-inpaint", description="Fill the hole of a photograph.")
    parser.add_argument(
        "run", type=Path, metavar="JOB", help="outputs/inpaint/<model>/<category>/<seed> of a finished job"
    )
    parser.add_argument("image", type=Path, help="the photograph, in any format that training reads")
    mask = "an image that is white where the photograph is to be filled; without it the damage is found by eq. 8"
    parser.add_argument("--mask", type=Path, help=mask)
    parser.add_argument(
        "--out", type=Path, default=Path("repaired.png"), help="the repaired picture (default: repaired.png)"
    )
    trust = "a package of your own that the job's config names; may be repeated"
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help=trust)
    fit = "how the photograph becomes square (default: as in the job)"
    parser.add_argument("--fit", choices=["squash", "crop", "face"], help=fit)
    return parser.parse_args(arguments)


def check_output(path: Path, *inputs: Path | None) -> None:
    """Raise ValueError, before any work, for a name that cannot be written, and for that of a picture that is read."""
    Image.init()
    if Image.EXTENSION.get(path.suffix.lower()) not in FORMATS:
        raise ValueError(f"--out {path}: end it in .png or the suffix of {', '.join(FORMATS[1:])}")
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: {path.parent} is no folder")
    for read in inputs:
        if read is not None and path.exists() and read.exists() and path.samefile(read):
            raise ValueError(f"--out {path} is the picture {read}, which would be lost: give another name")


def descent_of(job: FinishedJob, *, blind: bool) -> Descent:
    """The first projection of the job with `known_mask`; blind: the first one with the mask of eq. 8."""
    mask = error_mask if blind else known_mask
    for descent in job.descents.values():
        if descent.mask is mask:
            return descent
    raise ValueError(NO_SUCH_PROJECTION.format("without --mask" if blind else "for --mask"))


def read(image: Path, mask: Path | None, job: FinishedJob, fit: Fit) -> tuple[Images, Mask | None]:
    """The photograph, (1, C, H, W), and its hole, (1, 1, H, W), 1 = missing; None without a mask."""
    bits = job.record.data.get("bits", FULL)  # older records have none: all 16 were read
    pixels = read_image(image, size=job.size, channels=job.channels, fit=fit, max_pixels=MAX_PIXELS, bits=bits)
    x0 = torch.from_numpy(pixels)[None].float() / 255
    if mask is None:
        return x0, None
    hole = read_hole(Pair(mask, image), size=job.size, fit=fit, max_pixels=MAX_PIXELS)
    return x0, torch.from_numpy(np.ascontiguousarray(hole))[None, None].float()


def write(path: Path, x: Images) -> None:
    """Write the first image of the batch, in 8 bits, whole or not at all."""
    pixels = (x[0] * 255).round().byte().permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    with whole_file(path) as file:
        picture.save(file, Image.EXTENSION[path.suffix.lower()])
