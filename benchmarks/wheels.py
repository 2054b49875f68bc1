"""`make device-wheels`: wheels of what renormal needs, for a machine that has a CUDA torch and no package index.

    python -m benchmarks.wheels collect wheels --python 3.12       # here
    python -m benchmarks.wheels install wheels                     # there

The versions are those that are installed here. torch, lightning, numpy and all that they need are left out, so that
nothing replaces a CUDA torch; so is what --without names. Installing takes only what the machine cannot import yet.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

THERE = ("torch", "lightning", "numpy")  # what a bare CUDA machine has
LINUX = (28, 27, 24, 17, 12, 5)  # manylinux_2_N: pip takes only those that are named


def needed(name: str, without: Collection[str] = ()) -> dict[str, str]:
    """Name → version of the package and of all that it needs, as installed here. without: names that are passed by."""
    found: dict[str, str] = {}
    waiting = [(name, frozenset[str]())]
    while waiting:
        one, wanted = waiting.pop()
        own = canonicalize_name(one)
        if own in found or own in without:
            continue
        try:
            package: Distribution = distribution(one)
        except PackageNotFoundError:
            continue  # for another system, or for an extra that nobody asked for
        found[own] = package.version
        for line in package.requires or []:
            requirement = Requirement(line)
            marks = [{"extra": extra} for extra in (wanted or {""})]
            if requirement.marker is None or any(requirement.marker.evaluate(mark) for mark in marks):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return found


def lacking(without: list[str]) -> dict[str, str]:
    """What renormal needs beyond torch, lightning, numpy and all that these need."""
    there = {name for one in THERE for name in needed(one)}
    wanted = needed("renormal", {canonicalize_name(name) for name in without} | there)
    return {name: version for name, version in sorted(wanted.items()) if name != "renormal"}


def collect(folder: Path, python: str, without: list[str]) -> None:
    """Fill the folder, renormal's own wheel included. Pure Python without a wheel is built here."""
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip"]
    target = ["--python-version", python, "--implementation", "cp", "--only-binary=:all:"]
    for number in LINUX:
        target += ["--platform", f"manylinux_2_{number}_x86_64"]
    target += ["--platform", "manylinux2014_x86_64", "--platform", "manylinux1_x86_64"]
    for name, version in lacking(without).items():
        one = [f"{name}=={version}", "--no-deps", "--quiet"]
        if subprocess.run([*pip, "download", *one, *target, "-d", str(folder)]).returncode:
            subprocess.run([*pip, "wheel", *one, "-w", str(folder)], check=True)
            if not list(folder.glob(f"{name.replace('-', '_')}-*-none-any.whl")):
                sys.exit(f"{name} {version} has no wheel for Linux and Python {python}, and is not pure Python")
    subprocess.run([*pip, "wheel", "--no-deps", "--quiet", "-w", str(folder), "."], check=True)
    size = sum(file.stat().st_size for file in folder.glob("*.whl"))
    print(f"{folder}: {len(list(folder.glob('*.whl')))} wheels, {size / 2**20:.1f} MiB")


def missing(folder: Path) -> list[Path]:
    """The wheels of packages that this machine has not. torch is never among them."""
    found = []
    for wheel in sorted(folder.glob("*.whl")):
        name, *_ = parse_wheel_filename(wheel.name)
        if name == "renormal" or not _has(name):
            found.append(wheel)
    assert not any(re.match(r"(torch|nvidia_)", wheel.name) for wheel in found), "torch is to stay as it is"
    return found


def _has(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def install(folder: Path, target: Path) -> None:
    """Install what is missing into `target`, which goes into PYTHONPATH."""
    wheels = [str(wheel) for wheel in missing(folder)]
    options = ["--no-index", "--no-deps", "--no-compile", "--quiet", "--upgrade", "--target", str(target)]
    target.mkdir(parents=True, exist_ok=True)
    if wheels:  # pip refuses to install nothing
        subprocess.run([sys.executable, "-m", "pip", "install", *options, *wheels], check=True)
    print(f"{target}: {len(wheels)} packages")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wheels", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect", help="download wheels into a folder")
    collecting.add_argument("folder", type=Path, help="is filled")
    collecting.add_argument("--python", default="3.12", help="of the other machine (default: 3.12)")
    collecting.add_argument("--without", nargs="*", default=["wandb"], help="packages to leave out (default: wandb)")
    installing = commands.add_parser("install", help="install from the folder what this machine lacks")
    installing.add_argument("folder", type=Path, help="of collect")
    installing.add_argument("--target", type=Path, default=Path("/tmp/renormal-site"), help="folder for PYTHONPATH")
    options = parser.parse_args()
    if options.command == "collect":
        collect(options.folder, options.python, options.without)
    else:
        install(options.folder, options.target)


if __name__ == "__main__":
    main()
