"""Image-steps a second by slots, by threads, by side and by stride of the tiles."""

from __future__ import annotations

from typing import Any

from benchmarks.contest import Contender, Pace, Rows, contest, detail, rate, with_threads

THREADS = (1, 2)


def scaling(pace: Pace, fast: str) -> tuple[Rows, dict[str, Any]]:
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
