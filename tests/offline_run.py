"""What an offline wandb run holds, read back with wandb's own inspector."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from wandb.util import get_core_path


class OfflineRun:
    """The records of one `offline-run-…` folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = inspected(folder)
        self.run = self.of("run")[0]
        self.exit_code = next((record.get("exit_code", 0) for record in self.of("exit")), None)
        self.metrics = {entry.get("name") or entry["glob_name"]: entry for entry in self.of("metric")}
        self.history = [entry["item"] for entry in self.of("history")]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [record[kind] for record in self.records if record["type"] == kind]

    @property
    def config(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for entry in self.of("config"):
            merged |= entry["update"]
        return merged

    def values(self, name: str) -> list[Any]:
        """What was logged under a name, in order."""
        return [row[name] for row in self.history if name in row]

    def table(self, name: str) -> dict[str, Any]:
        (path,) = self.values(f"{name}.path")
        table: dict[str, Any] = json.loads((self.folder / "files" / path).read_text())
        return table


def inspected(folder: Path) -> list[dict[str, Any]]:
    """By the program behind `wandb leet inspect --json`: starting that command takes a second."""
    (file,) = folder.glob("*.wandb")
    command = [
        get_core_path(),
        "leet",
        "inspect",
        "--no-observability",
        "--json",
        "--run-file",
        str(file),
        str(folder.parent),
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    return [json.loads(line) for line in lines]


def offline_runs(folder: Path) -> list[OfflineRun]:
    """In the order in which they began."""
    return [OfflineRun(path) for path in sorted(folder.glob("wandb/offline-run-*"))]


def only_run(folder: Path) -> OfflineRun:
    (run,) = offline_runs(folder)
    return run
