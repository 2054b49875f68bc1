"""Rows of the projection: against one image at a time, by slots, by steps, by algorithm."""

from __future__ import annotations

from typing import Any

from benchmarks import projection
from benchmarks.contest import Pace, Rows, contest, detail, with_threads

THREADS = (1, 2)
PER_IMAGE = "one image at a time, AUROC {:+.4f}"


def projections(pace: Pace, fast: str, job: str = "") -> tuple[Rows, dict[str, Any]]:
    """Seconds of the others over ours, for the projection of the same tiles to the same stop.

    job: the folder of a finished job, whose network and test images are taken.
    """
    given = {"job": job} if job else {}
    threads = (1,) if pace.processor else THREADS
    contenders = with_threads("per image", "benchmarks.projection:per_image", threads, **given)
    contenders += with_threads("lock step", "benchmarks.projection:lock_step", threads, precision=fast, **given)
    precisions = dict.fromkeys(("float32", fast))
    for precision in precisions:
        for name, step_size in (("ours", projection.ALPHA), ("quick", projection.QUICK)):
            settings = {"precision": precision, "step_size": step_size, **given}
            contenders += with_threads(f"{name}, {precision}", "benchmarks.projection:ours", threads, **settings)
    found = contest(contenders, pace)
    rival = found["per image"]
    rows: Rows = []
    for precision in precisions:
        targets = {"float32": ("≥ 3.4", "≥ 5")}.get(precision, ("", "≥ 12"))
        for name, target in zip(("ours", "quick"), targets, strict=True):
            own = found[f"{name}, {precision}"]
            key = f"projection{'' if name == 'ours' else '_quick'}_vs_per_image_{precision}"
            what = PER_IMAGE.format(own.answer["auroc"] - rival.answer["auroc"])
            rows.append((key, what, rival.median / own.median, target))
    ratio = found["lock step"].median / found[f"ours, {fast}"].median
    rows.append(("projection_vs_lock_step", "batches of 16", ratio, ""))
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
    contenders += with_threads("moved 3", "benchmarks.projection:moved", (1,), channels=3, steps=count)
    found = contest(contenders, pace)

    def of(name: str) -> float:
        return found[name].median

    pure = of("pure l2_ae 3")
    rows: Rows = [
        ("slots_vs_ideal", "colour, L² AE: pure step over ours", pure / of("full_slots l2_ae 3"), "≥ 0.90"),
        ("slots_vs_ideal_by_bytes", "the most that its bytes allow", pure / (pure + of("moved 3")), ""),
        ("slots_vs_ideal_grey", "grey, L² AE", of("pure l2_ae 1") / of("full_slots l2_ae 1"), "≥ 0.90"),
        ("slots_vs_ideal_dsae", "colour, DSAE", of("pure dsae 3") / of("full_slots dsae 3"), ""),
        ("dsae_step_vs_l2_step", "colour", of("full_slots dsae 3") / of("full_slots l2_ae 3"), "≤ 2"),
        ("dsae_step_vs_l2_step_grey", "grey", of("full_slots dsae 1") / of("full_slots l2_ae 1"), "≤ 2"),
    ]
    return rows, {name: detail(outcome) for name, outcome in found.items()}


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
