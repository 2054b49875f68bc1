"""`make device`: this GPU and the code, in at most 8 minutes: results/device-<name>.json and a table.

Each section has its seconds and a process of its own. A section that fails or runs over is written down as such, with
what it had found by then, and the next one goes on. The file is written anew after each finding: a kill loses nothing.
--dry runs every section on the CPU with tiny sizes: its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import on_device
from benchmarks.hours import hours_of
from renormal.console.numbers import decimal

SECONDS = 480  # of the whole check
PATIENCE = 4  # times as long for a dry run, whose machine may be busy; an idle one needs a minute
BUDGETS = {  # section → its seconds
    "machine": 40,
    "equality": 100,
    "graph": 50,
    "slots": 60,
    "projection": 70,
    "training": 60,
    "side_by_side": 90,
}
Findings = dict[str, Any]  # figure → value; of a section also state and seconds


def run_section(name: str, folder: Path, seconds: float, *, dry: bool) -> Findings:
    """Run one section in a process of its own. Returns what it wrote, and how it ended."""
    lines, log = folder / f"{name}.jsonl", folder / f"{name}.log"
    lines.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.device", "--section", name, "--lines", str(lines), *["--dry"] * dry]
    start = time.monotonic()
    with log.open("w", encoding="utf-8") as said:
        section = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        try:
            code = section.wait(max(1.0, seconds))
            state = "done" if code == 0 else f"failed: {last_line(log)}"
        except subprocess.TimeoutExpired:
            state = f"stopped after {seconds:.0f} s"
        finally:
            end_group(section)
    found = findings(lines)
    return {"state": state, "seconds": round(time.monotonic() - start, 1), **found}


def end_group(section: subprocess.Popen[bytes]) -> None:
    """End the section and the processes that it has started: they would keep the device's memory."""
    with suppress(ProcessLookupError):
        os.killpg(section.pid, signal.SIGKILL)
    section.wait()


def findings(lines: Path) -> Findings:
    """The figures of a section. A line that was cut off by a kill is left out."""
    found: Findings = {}
    for line in lines.read_text(encoding="utf-8").splitlines() if lines.is_file() else []:
        try:
            found |= json.loads(line)
        except json.JSONDecodeError:
            continue
    return found


def last_line(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return said[-1] if said else "no message"


def check(out: Path | None, names: list[str], seconds: float, *, dry: bool) -> tuple[Path, dict[str, Findings]]:
    """All sections within `seconds`. out: the file; None: results/device-<name>.json."""
    start, found = time.monotonic(), dict[str, Findings]()
    folder = Path("outputs", "device")
    folder.mkdir(parents=True, exist_ok=True)
    path = out or folder / "device.json"
    for name in names:
        left = seconds - (time.monotonic() - start)
        if left < 2:
            found[name] = {"state": "not begun: no time was left", "seconds": 0.0}
        else:
            print(f"{name} …", flush=True)
            found[name] = run_section(name, folder, min(BUDGETS[name] * (PATIENCE if dry else 1), left), dry=dry)
            print(f"{name}: {found[name]['state']}, {found[name]['seconds']} s", flush=True)
        if out is None and "name" in found[name]:
            path = Path("results", f"device-{slug(found[name]['name'])}{'-dry' * dry}.json")
        found["hours"] = hours_of(found)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps({"seconds": round(time.monotonic() - start), **found}, indent=1) + "\n")
        partial.replace(path)
    return path, found


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def table(found: dict[str, Findings]) -> str:
    """Markdown: a row for each figure."""
    rows = ["| section | figure | value |", "|---|---|---|"]
    for section, figures in found.items():
        ended = figures.get("state", "done")
        if ended != "done":
            rows.append(f"| {section} | **{ended}** | |")
        for figure, value in figures.items():
            if figure not in ("state", "seconds"):
                rows.append(f"| {section} | {figure} | {shown(value)} |")
    return "\n".join(rows)


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value).replace("|", "/")


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the section in progress ends with it
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__.splitlines()[0])
    parser.add_argument("--dry", action="store_true", help="every section on the CPU, tiny: numbers mean nothing")
    parser.add_argument("--only", nargs="+", choices=BUDGETS, default=list(BUDGETS), help="sections")
    parser.add_argument("--seconds", type=decimal, help=f"of the whole check (default: {SECONDS})")
    parser.add_argument("--out", type=Path, help="the file (default: results/device-<name>.json)")
    parser.add_argument("--section", choices=BUDGETS, help=argparse.SUPPRESS)
    parser.add_argument("--lines", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.section:
        on_device.run(options.section, options.lines, dry=options.dry)
        return 0
    if not options.dry and not on_device.has_gpu():
        sys.exit("no CUDA device here: python -m benchmarks.device --dry runs every section on the CPU")
    seconds = options.seconds or SECONDS * (PATIENCE if options.dry else 1)
    path, found = check(options.out, options.only, seconds, dry=options.dry)
    print(table(found))
    print(path)
    return int(any(found[name]["state"] != "done" for name in options.only))


if __name__ == "__main__":
    sys.exit(main())
