"""Rows of the training: against plain Lightning for each model, against a bare loop for two, and a whole job."""

from __future__ import annotations

from typing import Any

from benchmarks.contest import Outcome, Pace, Rows, contest, detail, with_threads
from benchmarks.training import MODELS

THREADS = (1, 2)
BARE = ("l2_ae", "dsae")  # whose training is compared with a bare loop, too


def trainings(pace: Pace, images: int, fast: str) -> tuple[Rows, dict[str, Any]]:
    """Seconds of the others over ours, for a short epoch."""
    precision = "bf16-mixed" if fast == "bfloat16" else "32-true"
    rows: Rows = []
    details: dict[str, Any] = {}
    for kind in MODELS:
        found = _of_kind(pace, kind, images, precision)
        ours = found["ours"].median
        plain = found["plain Lightning"].median / ours
        rows.append((f"training_vs_plain_lightning_{kind}", "PIL DataLoader, float32", plain, "≥ 3"))
        if kind in BARE:
            bare = found["bare loop"].median / ours
            rows.append((f"training_vs_bare_loop_{kind}", "the same batches", bare, "≥ 0.95"))
        details |= {f"{kind} {name}": detail(outcome) for name, outcome in found.items()}
    return rows, details


def _of_kind(pace: Pace, kind: str, images: int, precision: str) -> dict[str, Outcome]:
    threads = (1,) if pace.processor else THREADS
    rival = {"kind": kind, "images": images}
    own = rival | {"precision": precision}
    contenders = with_threads("ours", "benchmarks.training:ours", threads, **own)
    contenders += with_threads("plain Lightning", "benchmarks.training:plain_lightning", threads[-1:], **rival)
    if not pace.processor:  # which counts no seconds of a worker
        contenders += with_threads("plain Lightning", "benchmarks.training:plain_lightning", (1,), workers=1, **rival)
    if kind in BARE:
        contenders += with_threads("bare loop", "benchmarks.training:bare_loop", threads, **own)
    return contest(contenders, pace)


def whole_job(pace: Pace, images: int, fast: str) -> tuple[Rows, dict[str, Any]]:
    """A job with config, logs, checkpoint and state. Its seconds are those of the clock."""
    own = {"kind": "l2_ae", "images": images, "precision": "bf16-mixed" if fast == "bfloat16" else "32-true"}
    job = with_threads("job", "benchmarks.training:job", THREADS, **own)
    bare = with_threads("bare loop", "benchmarks.training:bare_loop", THREADS, **own)
    found = contest([*job, *bare], pace)
    ratio = found["bare loop"].median / found["job"].median
    row = ("job_vs_bare_loop", "l2_ae, with config, logs, checkpoint and state", ratio, "≥ 0.95")
    return [row], {name: detail(outcome) for name, outcome in found.items()}
