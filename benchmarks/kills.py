"""Kill a sweep at random moments: a job, a worker or the controller. No job may be lost, and none may run twice.

python -m benchmarks.kills [--kills 20] [--seed 0] [--launcher local]: outputs/kills.json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from renormal.console.numbers import whole

SWEEP = [
    *("model=l2_ae,vae", "category=bottle,grid", "seed=0,1", "name=kills", "data.train=6", "data.good=2"),
    *("data.defective=1", "data.epoch_images=64", "data.object_size=32", "data.texture_size=64", "data.patch_size=32"),
    *("test.stride=32", "test.panels=0", "batch_size=8", "trainer.max_epochs=60", "trainer.accelerator=cpu"),
    *("descent.max_steps=20", "hydra.launcher.n_jobs=2", "progress=false"),
]
SHORTEST, LONGEST = 2.0, 14.0  # seconds between two kills, uniform: a job takes about ten


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=whole, default=20, help="processes that are killed (default: 20)")
    parser.add_argument("--seed", type=whole, default=int(time.time()), help="of the times and the killed processes")
    parser.add_argument("--launcher", choices=["joblib", "local"], default="local", help="of the sweep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = contest(Path(folder), options)
    print(json.dumps(result, indent=1))
    out = Path("outputs/kills.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0 if result["equal"] and not result["lost"] and not result["half_written"] and not result["twice"] else 1


def contest(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Compare a sweep without kills and sweeps with kills. When a sweep ends before the last kill, another begins."""
    wanted = undisturbed(folder / "whole", options.launcher)
    disturbed, draw, half_written = folder / "disturbed", random.Random(options.seed), 0
    log: list[dict[str, Any]] = []
    compared: list[bool] = []
    twice: list[str] = []
    while len(log) < options.kills:
        done = run_with_kills(made(disturbed), draw, options, log)
        half_written += damaged(disturbed)
        if done:
            compared.append(metrics(disturbed) == wanted)
            twice += repeated(disturbed)
            disturbed = folder / f"disturbed{len(compared)}"
    last = undisturbed(disturbed, options.launcher)
    compared.append(last == wanted)
    twice += repeated(disturbed)
    return {
        "seed": options.seed,
        "launcher": options.launcher,
        "jobs": len(wanted),
        "sweeps": len(compared),
        "kills": len(log),
        "victims": Counter(kill["victim"] for kill in log),
        "equal": all(compared),
        "lost": sorted(wanted.keys() - last.keys()),
        "twice": twice,
        "half_written": half_written,
        "log": log,
    }


def undisturbed(folder: Path, launcher: str) -> dict[str, str]:
    """Run the sweep to its end without kills. Returns the metrics of its records."""
    subprocess.run(command(launcher), cwd=made(folder), check=True, stdout=subprocess.DEVNULL)
    return metrics(folder)


def run_with_kills(folder: Path, draw: random.Random, options: argparse.Namespace, log: list[dict[str, Any]]) -> bool:
    """Call the sweep once and kill its processes until the call ends. Adds to `log`. Whether the call succeeded."""
    process = subprocess.Popen(
        command(options.launcher), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    start = time.monotonic()
    while process.poll() is None:
        if len(log) >= options.kills:
            process.wait()
            break
        pause, kind = draw.uniform(SHORTEST, LONGEST), draw.choice(["job", "worker", "controller"])
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            victims = {"controller": [process.pid], "worker": workers(process.pid), "job": busy(folder)}[kind]
            if victims:
                os.kill(draw.choice(victims), signal.SIGKILL)
                log.append({"victim": kind, "second": round(time.monotonic() - start, 2), "call": folder.name})
    return process.returncode == 0


def command(launcher: str) -> list[str]:
    return [sys.executable, "-m", "renormal.run", "-m", *SWEEP, f"hydra/launcher={launcher}"]


def made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def busy(folder: Path) -> list[int]:
    """The processes that hold the lock of a job."""
    from renormal.job.lock import holder

    names = [name for lock in folder.rglob("[0-9]/.lock") if (name := holder(lock.parent))]
    return [int(name.removeprefix("process ")) for name in names if name.startswith("process ")]


def workers(process: int) -> list[int]:
    """The child processes of the controller."""
    children = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in children.read_text().split()] if children.is_file() else []


def metrics(folder: Path) -> dict[str, str]:
    """Job → its metrics as JSON text: equal texts mean equal to the last digit."""
    found = sorted(folder.rglob("record.json"))
    return {
        path.parent.relative_to(folder).as_posix(): json.dumps(json.loads(path.read_text())["metrics"])
        for path in found
    }


def damaged(folder: Path) -> int:
    """The number of broken files under the names of whole ones."""
    import torch

    count = 0
    for path in [*folder.rglob("record.json"), *folder.rglob("state.json"), *folder.rglob("plan.json")]:
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            count += 1
    for path in folder.rglob("last.ckpt"):
        try:
            torch.load(path, weights_only=True)
        except (RuntimeError, EOFError, OSError):
            count += 1
    return count


def repeated(folder: Path) -> list[str]:
    """Jobs whose log has the line of a finished test more than once."""
    logs = sorted(folder.rglob("run.log"))
    return [path.parent.relative_to(folder).as_posix() for path in logs if path.read_text().count(": pixel AUROC ") > 1]


if __name__ == "__main__":
    sys.exit(main())
