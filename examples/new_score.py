"""A score of your own, next to the others: python examples/new_score.py category=bottle (some minutes)

The score is the function `edges` and examples/conf/score/edges.yaml, two lines. The rest of this file is the command

PYTHONPATH=examples renormal 'hydra.searchpath=[file:///…/examples/conf]' +score@scores.edges=edges experiment=demo …
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from torch import Tensor

HERE = Path(__file__).resolve().parent


def edges(model: object, x0: Tensor, projected: Tensor) -> Tensor:
    """(B, H, W): how much the differences of neighbours have changed, mean over channels."""
    change = x0 - projected
    across = change.diff(dim=3, append=change[..., -1:]).abs()
    down = change.diff(dim=2, append=change[..., -1:, :]).abs()
    return (across + down).mean(dim=1)


def main(*overrides: str) -> int:
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    own = [f"hydra.searchpath=[file://{HERE / 'conf'}]", "experiment=demo", "+score@scores.edges=edges"]
    command = [sys.executable, "-m", "renormal.run", *own, *overrides]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
