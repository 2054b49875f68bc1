"""A folder of good photographs, a folder of new ones: their defects, marked.

python examples/folder_to_overlays.py parts/ new/ found/ [overrides]     # 10 minutes of training, then some seconds

The two commands that it runs do the same in a shell; docs/inspect.md describes them.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

from renormal.inspect.predict import main as predict


def main(parts: str, new: str, found: str, *overrides: str) -> None:
    job = Path(found) / "job"
    training = ["experiment=inspect", f"data.root={parts}", f"folder={job}", *overrides]
    subprocess.run([sys.executable, "-m", "renormal.run", *training], check=True)
    if predict([str(job), new, "--out", found, "--only", "overlays"]) == 2:  # 0: all are good, 1: some are not
        sys.exit(2)
    with (Path(found) / "predictions.csv").open(encoding="utf-8-sig", newline="") as rows:
        for row in csv.DictReader(rows):
            print(row["image"], row["score"], row["defective"])
    print(f"marked photographs: {found}/overlays/")


if __name__ == "__main__":
    main(*sys.argv[1:])
