"""Categories of MVTec AD in one file of at most 64 MiB, for a machine that gets few and small files.

    python -m benchmarks.packed pack images.npz /data/mvtec_ad bottle grid
    python -m benchmarks.packed unpack images.npz data      # then: renormal data=mvtec data.root=data …
    python -m benchmarks.packed original outputs/table1/l2_ae/bottle/0 /data/mvtec_ad   # a training of unpacked images

The images are kept without loss at the size that a job reads, 128 px for objects and 512 px for textures. A mask is
kept as the defective pixels at that size: two defects that touch there count as one.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from benchmarks.answering import composed
from renormal.console.numbers import whole
from renormal.data import GOOD, DataError, Source, mvtec
from renormal.data.memory import load_test, load_training
from renormal.files import RECORD, whole_file
from renormal.job.build import build_data
from renormal.job.checkpoint_file import read_checkpoint
from renormal.job.checkpoints import checkpoint_of
from renormal.job.fingerprints import fingerprints, possible_precisions, source_of
from renormal.job.tiling import with_tiles
from renormal.lit.weights import DIGEST, digest_of_content
from renormal.report.record import read_record

LIMIT = 64 * 2**20  # bytes, of what a lent machine gets
SIZES = {"object": 128, "texture": 512}  # section 4.1


def pack(sources: Sequence[Source], training: int | None = None) -> bytes:
    """The file. training: at most so many good images of each category. Raises ValueError where it is too large."""
    content: dict[str, NDArray[Any]] = {}
    share = {}
    for source in sources:
        size = SIZES[source.kind]
        good = load_training(source, size=size, channels=None).numpy()[:training]
        test = load_test(source, size=size, channels=good.shape[1])
        names = [f"{defect}/{Path(path).stem}" for defect, path in zip(test.defects, test.paths, strict=True)]
        own = {
            **_lossless("train", good),
            **_lossless("test", test.images.numpy()),
            "defects": np.packbits(test.regions.numpy() > 0),
            "names": np.array(names),
        }
        content |= {f"{source.name}/{part}": value for part, value in own.items()}
        share[source.name] = len(_file(own))
    file = _file(content)
    if len(file) > LIMIT:
        parts = ", ".join(f"{name} {size / 2**20:.0f}" for name, size in share.items())
        raise ValueError(f"{len(file) / 2**20:.0f} MiB, at most {LIMIT >> 20}: {parts}; leave some out, or --train N")
    return file


def unpack(file: Path, root: Path) -> list[str]:
    """Write the categories below `root` as MVTec AD has them, and return their names."""
    with np.load(file) as content:
        names = sorted({key.partition("/")[0] for key in content})
        for name in names:
            good, test = (_read(content, f"{name}/{part}") for part in ("train", "test"))
            defects = np.unpackbits(content[f"{name}/defects"], count=len(test) * test.shape[-1] ** 2)
            for number, image in enumerate(good):
                _write(root / name / "train" / GOOD / f"{number:03}.png", image)
            for place, image, mask in zip(
                content[f"{name}/names"], test, defects.reshape(len(test), *test.shape[-2:]), strict=True
            ):
                _write(root / name / "test" / f"{place}.png", image)
                if mask.any():
                    _write(root / name / "ground_truth" / f"{place}_mask.png", 255 * mask[None])
    return names


def original(job: Path, root: Path) -> Path:
    """A finished training of unpacked images becomes one of the original files below `root`; returns its checkpoint.

    All training images are compared as the job reads them, at its size. Then the checkpoint gets the digest of the
    original files.
    The record, which is one of the unpacked files, is renamed; a job of stages=[train] has none. The job's command with
    data.root=root tests again.
    Raises ValueError for other pixels, another number of images, or a job that trained on something else.
    """
    record = job / RECORD
    config = OmegaConf.create(read_record(record).config) if record.is_file() else typed_config(job)
    packed = source_of(config)
    config, _ = with_tiles(config, packed)
    path = checkpoint_of(job)
    content = read_checkpoint(path)
    found = content["hyper_parameters"]["fingerprint"]
    same = (one for one in possible_precisions(config) if fingerprints(config, packed, one)["training"] == found)
    if not (precision := next(same, None)):
        raise ValueError(f"{path} is no training of the images in {config.data.root}")
    as_packed = config.copy()
    config.data.root = config.data.source.root = str(root)
    source = source_of(config)
    if not torch.equal(build_data(as_packed, packed).training, build_data(config, source).training):
        raise ValueError(f"{root}: the training images of {source.name} are not those that {job} was trained on")
    content["hyper_parameters"]["fingerprint"] = fingerprints(config, source, precision)["training"]
    content[DIGEST] = digest_of_content(content)
    with whole_file(path) as file:
        torch.save(content, file)
    if record.is_file():
        record.replace(job / "record_of_packed.json")
    return path


def typed_config(job: Path) -> DictConfig:
    """The config of a job without a record, from the arguments that Hydra keeps of it."""
    arguments = OmegaConf.load(job / ".hydra" / "overrides.yaml")
    config = composed(*arguments, f"folder={job}")
    OmegaConf.resolve(config)
    return config


def _lossless(part: str, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """All images as lossless WebP; where each ends, and how many channels.

    Deflated differences of neighbours took a third more on grid, and two thirds more on bottle.
    """
    with ThreadPoolExecutor() as pool:
        files = list(pool.map(_webp, images))
    whole = np.frombuffer(b"".join(files), np.uint8)
    return {part: whole, f"{part}/ends": np.cumsum([len(file) for file in files]), f"{part}/like": images[:0]}


def _webp(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    # quality=100 takes ten times as long for 0.5 %
    _picture(image).convert("RGB").save(file, "WEBP", lossless=True, quality=80, method=6)
    return file.getvalue()


def _read(content: Mapping[str, NDArray[Any]], part: str) -> NDArray[np.uint8]:
    whole, ends, like = (content[f"{part}{rest}"] for rest in ("", "/ends", "/like"))
    parts = np.split(whole, ends[:-1])
    images = [np.asarray(Image.open(io.BytesIO(file.tobytes())))[..., : like.shape[1]] for file in parts]
    return np.stack(images).transpose(0, 3, 1, 2)


def _file(arrays: dict[str, NDArray[Any]]) -> bytes:
    file = io.BytesIO()
    given: dict[str, Any] = dict(arrays)
    np.savez_compressed(file, **given)
    return file.getvalue()


def _write(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _picture(image).save(path)


def _picture(image: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.packed", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="categories of a data root into a file")
    packing.add_argument("file", type=Path, help="is written")
    packing.add_argument("root", type=Path, help="folder of MVTec AD")
    packing.add_argument("categories", nargs="+", help="such as bottle")
    packing.add_argument("--train", type=whole, help="at most so many good images of each category")
    unpacking = commands.add_parser("unpack", help="the file into a data root")
    unpacking.add_argument("file", type=Path, help="of pack")
    unpacking.add_argument("root", type=Path, help="is written: data.root of a job")
    returning = commands.add_parser("original", help="unpacked images of a job become the original files")
    returning.add_argument("job", type=Path, help="outputs/<name>/<model>/<category>/<seed>, finished")
    returning.add_argument("root", type=Path, help="folder of MVTec AD")
    options = parser.parse_args()
    if options.command == "unpack":
        print(f"{options.root}: {', '.join(unpack(options.file, options.root))}")
        return
    try:
        if options.command == "original":
            done = original(options.job, options.root)
            print(f"{done}: of the original files now. Run the job with data.root={options.root}")
            return
        content = pack([mvtec(options.root, name) for name in options.categories], options.train)
    except (DataError, ValueError) as error:
        sys.exit(str(error))
    with whole_file(options.file) as file:
        file.write(content)
    print(f"{options.file}: {len(content) / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
