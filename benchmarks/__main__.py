"""`make benchmark`: speeds as ratios to other implementations of the same work. Writes outputs/benchmark.json."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import projection, trained
from benchmarks.contest import Contender, Outcome, Pace, Rows, contest, with_threads
from benchmarks.start_up import start_up
from renormal.files import write_whole
from renormal.functional.precision import has_bfloat16
from renormal.job.environment import commit, device_name, versions

THREADS = (1, 2)
ONE = (1,)  # for the loops of others: at batch 1 a second thread brings little
NO_BFLOAT16 = "this processor has no bfloat16 and emulates it"
SHARES = {"projection": 0.35, "slots": 0.05, "steps": 0.15, "algorithm": 0.05, "training": 0.35, "start-up": 0.05}


def rate(outcome: Outcome, unit: str = "images") -> float:
    return outcome.answer[unit] / outcome.median


def projections(pace: Pace, fast: str) -> tuple[Rows, dict[str, Any]]:
    """Seconds of the others over ours, for the projection of the same tiles to the same stop."""
    contenders = [
        *with_threads("per image", "benchmarks.projection:per_image", THREADS),
        *with_threads("hirokiadachi", "benchmarks.peers:hirokiadachi", ONE),
        *with_threads("dbbbbm", "benchmarks.peers:dbbbbm", ONE),
        *with_threads("ours, float32", "benchmarks.projection:ours", THREADS, precision="float32"),
        *with_threads("lock step", "benchmarks.projection:lock_step", THREADS, precision=fast),
    ]
    if fast != "float32":
        contenders += with_threads("ours, fast", "benchmarks.projection:ours", THREADS, precision=fast)
    found = contest(contenders, pace)
    rival, exact = found["per image"], found["ours, float32"]
    ours = found.get("ours, fast", exact)

    def against(name: str, own: Outcome) -> str:
        return f"AUROC {own.answer['auroc'] - found[name].answer['auroc']:+.4f}"

    rows: Rows = [
        ("projection_vs_per_image_float32", against("per image", exact), rival.median / exact.median, "≥ 3"),
        ("projection_vs_lock_step", "batches of 16", found["lock step"].median / ours.median, ""),
    ]
    if fast == "float32":
        pace.said(f"projection_vs_per_image: left out, {NO_BFLOAT16}")
    else:
        row = ("projection_vs_per_image", f"{fast}, {against('per image', ours)}", rival.median / ours.median, "≥ 8")
        rows.insert(0, row)
    for name in ("hirokiadachi", "dbbbbm"):  # without the Jacobian and with other stops: AUROC says what that costs
        rows.append(
            (f"projection_vs_{name}", f"float32, {against(name, exact)}", found[name].median / exact.median, "")
        )
    return rows, {name: detail(outcome) for name, outcome in found.items()}


def slots_work(stride: int, fast: str) -> tuple[Rows, dict[str, Any]]:
    """Evaluations by all slots over evaluations that the samples needed. Counted, not timed."""
    answer = projection.ours(fast, stride=stride)()()
    what = f"{answer['images']} tiles, evaluations of all slots over those that the samples needed"
    return [("slots_work_vs_ideal", what, answer["worked"] / answer["needed"], "≤ 1.10")], answer


def steps(pace: Pace, count: int, fast: str) -> tuple[Rows, dict[str, Any]]:
    """A step with full slots, compared with forward pass and input gradient alone, on one thread."""
    contenders = []
    for kind in ("l2_ae", "dsae"):
        for channels in (1, 3):
            settings = {"kind": kind, "channels": channels, "precision": fast, "steps": count}
            for name in ("full_slots", "pure"):
                contenders += with_threads(
                    f"{name} {kind} {channels}", f"benchmarks.projection:{name}", (1,), **settings
                )
    found = contest(contenders, pace)

    def of(name: str) -> float:
        return found[name].median

    rows: Rows = [
        (
            "slots_vs_ideal",
            "colour, L² AE: pure step over ours",
            of("pure l2_ae 3") / of("full_slots l2_ae 3"),
            "≥ 0.90",
        ),
        ("slots_vs_ideal_grey", "grey, L² AE", of("pure l2_ae 1") / of("full_slots l2_ae 1"), "≥ 0.90"),
        ("slots_vs_ideal_dsae", "colour, DSAE", of("pure dsae 3") / of("full_slots dsae 3"), ""),
        ("dsae_step_vs_l2_step", "colour", of("full_slots dsae 3") / of("full_slots l2_ae 3"), "≤ 2"),
        ("dsae_step_vs_l2_step_grey", "grey", of("full_slots dsae 1") / of("full_slots l2_ae 1"), "≤ 2"),
    ]
    return rows, {name: detail(outcome) for name, outcome in found.items()}


def trainings(pace: Pace, images: int, fast: str) -> tuple[Rows, dict[str, Any]]:
    """Seconds of the others over ours, for a short epoch."""
    precision = "bf16-mixed" if fast == "bfloat16" else "32-true"
    rows: Rows = []
    details = {}
    for kind in ("l2_ae", "dsae"):
        own = {"kind": kind, "images": images, "precision": precision}
        rival = {"kind": kind, "images": images}
        contenders = [
            *with_threads("ours", "benchmarks.training:ours", THREADS, **own),
            *with_threads("bare loop", "benchmarks.training:bare_loop", THREADS, **own),
            *with_threads("plain Lightning", "benchmarks.training:plain_lightning", THREADS, **rival),
            *with_threads("plain Lightning", "benchmarks.training:plain_lightning", (1,), workers=1, **rival),
        ]
        found = contest(contenders, pace)
        suffix = "" if kind == "l2_ae" else "_dsae"
        ours = found["ours"].median
        plain, bare = found["plain Lightning"].median / ours, found["bare loop"].median / ours
        rows += [
            (f"training_vs_plain_lightning{suffix}", f"{kind}, PIL DataLoader, float32", plain, "≥ 2"),
            (f"training_vs_bare_loop{suffix}", f"{kind}, the same batches", bare, "≥ 0.95"),
        ]
        details |= {f"{kind} {name}": detail(outcome) for name, outcome in found.items()}
    longer = {"kind": "l2_ae", "images": 4 * images, "precision": precision}  # the paper's epochs are longer still
    job = with_threads("job", "benchmarks.training:job", THREADS, **longer)
    found = contest([*job, *with_threads("bare loop", "benchmarks.training:bare_loop", THREADS, **longer)], pace)
    ratio = found["bare loop"].median / found["job"].median
    rows.append(("job_vs_bare_loop", "l2_ae, with config, logs, checkpoint and state", ratio, "≥ 0.95"))
    details |= {f"whole {name}": detail(outcome) for name, outcome in found.items()}
    return rows, details


def scaling(pace: Pace, fast: str) -> tuple[Rows, dict[str, Any]]:
    """Image-steps per second by slots, by threads, by side and by stride of the tiles."""
    rows: Rows = []
    details = {}

    def step(slots: int, size: int, channels: int = 1) -> float:
        settings = {"kind": "l2_ae", "channels": channels, "precision": fast, "steps": 8, "slots": slots, "size": size}
        found = contest(with_threads("step", "benchmarks.projection:full_slots", (1,), **settings), pace)["step"]
        details[f"slots {slots} side {size} channels {channels}"] = detail(found)
        return rate(found, "image_steps")

    for slots in (1, 4, 16, 32, 64, 128, 256):
        rows.append((f"slots_{slots}", "image-steps/s at 128 px, grey", step(slots, 128), ""))
    for slots in (1, 4, 8, 16, 32, 64):
        rows.append((f"slots_{slots}_colour", "image-steps/s at 128 px, colour", step(slots, 128, 3), ""))
    for threads in THREADS:
        settings = {"kind": "l2_ae", "channels": 1, "precision": fast, "steps": 8, "batches": 4}
        found = contest([Contender("step", "benchmarks.projection:full_slots", settings, threads)], pace)["step"]
        details[f"threads {threads}"] = detail(found)
        rows.append((f"threads_{threads}", "image-steps/s, slots for each", rate(found, "image_steps"), ""))
    for size in (64, 128, 256, 512):
        rows.append((f"side_{size}", "megapixel-steps/s, 16 slots", step(16, size) * size**2 / 1e6, ""))
    for stride in (128, 96, 64, 43):
        settings = {"precision": fast, "stride": stride}
        found = contest(with_threads("tiles", "benchmarks.projection:ours", (1,), **settings), pace)["tiles"]
        details[f"stride {stride}"] = detail(found)
        what = f"image-steps/s of {found.answer['images']} tiles to their stop"
        rows.append((f"stride_{stride}", what, rate(found, "needed"), ""))
    return rows, details


def detail(outcome: Outcome) -> dict[str, Any]:
    own = {"seconds": outcome.seconds, "memory_mib": round(outcome.memory_mib), "threads": outcome.threads}
    return own | outcome.answer


def algorithm() -> tuple[Rows, dict[str, Any]]:
    """Image-steps of eq8_adam's relatives over its own, to the same AUROC. Counted, not timed."""
    counts = projection.algorithm()
    ratio = counts["eq8_image_steps"] / counts["eq8_adam_image_steps"]
    reached = abs(counts["eq8_auroc"] - counts["auroc"]) <= projection.TIE or counts["eq8_auroc"] > counts["auroc"]
    what = (
        "image-steps to the same AUROC (± 0.002)" if reached else "at least: 100 steps of eq. 8 do not reach its AUROC"
    )
    quick = counts["quick_image_steps"] / counts["eq8_adam_image_steps"]
    lead = counts["quick_auroc"] - counts["auroc"]
    rows: Rows = [
        ("algorithm_vs_plain_eq8", what, ratio, ""),
        ("quick_vs_eq8_adam", f"image-steps of eq8_adam_quick to T, AUROC {lead:+.4f}", quick, "≤ 0.5"),
    ]
    return rows, counts


def show(rows: Rows, console: Console) -> None:
    table = Table("figure", "", "value", "target")
    for key, what, value, target in rows:
        table.add_row(key, what, f"{value:.3g}" if value < 100 else f"{value:.0f}", target)
    console.print(table)


def sections_of(options: argparse.Namespace, fast: str) -> dict[str, Callable[[], tuple[Rows, dict[str, Any]]]]:
    """Name → function that measures one section. fast: the fastest precision of this processor."""

    def pace(section: str, contests: int = 1) -> Pace:
        return Pace(options.rounds, 60 * options.minutes * SHARES[section] / contests)

    if options.scaling:
        return {"scaling": lambda: scaling(Pace(options.rounds, 60 * options.minutes / 23), fast)}
    return {
        "projection": lambda: projections(pace("projection"), fast),
        "slots": lambda: slots_work(128 if options.small else 32, fast),
        "steps": lambda: steps(pace("steps"), 2 if options.small else 20, fast),
        "algorithm": algorithm,
        "training": lambda: trainings(pace("training", 3), 64 if options.small else 960, fast),
        "start-up": lambda: start_up(pace("start-up")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scaling", action="store_true", help="measure by slots, sides and tiles instead")
    parser.add_argument("--rounds", type=int, default=3, help="times that all is measured (default: 3)")
    parser.add_argument("--minutes", type=float, default=20, help="after which no round begins (default: 20)")
    parser.add_argument("--only", nargs="+", help="sections: projection, slots, steps, algorithm, training, start-up")
    parser.add_argument("--small", action="store_true", help="seconds instead of minutes: numbers mean nothing")
    options = parser.parse_args()
    console, fast = Console(), "bfloat16" if has_bfloat16(torch.device("cpu")) else "float32"
    sections = sections_of(options, fast)
    if unknown := set(options.only or []) - sections.keys():
        parser.error(f"--only accepts {', '.join(sections)}, not {', '.join(sorted(unknown))}")
    trained.train(640 if options.small else 20_000)
    rows: Rows = []
    details: dict[str, Any] = {}
    for name in [name for name in sections if name in (options.only or sections)]:
        console.print(f"== {name}")
        own, details[name] = sections[name]()
        show(own, console)
        rows += own
    device = {"device": device_name(torch.device("cpu")), "system": platform.platform(), "rounds": options.rounds}
    origin = {"machine": device, "versions": versions(), "commit": commit(), "details": details}
    path = Path("outputs", "benchmark-scaling.json" if options.scaling else "benchmark.json")
    write_whole(path, json.dumps({key: value for key, _, value, _ in rows} | origin, indent=1))
    console.print(path)


if __name__ == "__main__":
    main()
