"""Train on a folder of good photographs, and mark the defects in a folder of new ones.

python examples/folder_to_overlays.py parts/ new/ found/ [overrides]     # 10 minutes of training, then some seconds

In a shell the two commands of docs/inspect.md do the same.
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
    print(f"page: {found}/report.html; marked photographs: {found}/overlays/")


if __name__ == "__main__":
    main(*sys.argv[1:])
