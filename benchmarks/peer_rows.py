"""Rows of the peers: seconds an image, pixel AUROC and AUPRO on photographs, of one network with three loops."""

from __future__ import annotations

from typing import Any

from benchmarks.contest import Contender, Pace, Rows, contest, detail
from benchmarks.trained import PHOTOGRAPHED, clock, photographed, train_photographed

RIVALS = ("hirokiadachi", "dbbbbm")


def peers(pace: Pace, images: int, every: int, fast: str) -> tuple[Rows, dict[str, Any]]:
    """Seconds an image of each loop with the network that `images` images have trained, on one thread."""
    rows: Rows = []
    details = {}
    for category in PHOTOGRAPHED:
        train_photographed(category, images)
        training = clock(photographed(category))
        every_image: dict[str, Any] = {"category": category, "every": every}
        rivals = [Contender(name, f"benchmarks.peers:{name}", every_image, warm=False) for name in RIVALS]
        own = Contender("ours", "benchmarks.peers:ours", every_image | {"precision": fast})
        contenders = [own, *rivals]
        for name, outcome in contest(contenders, pace).items():
            answer = outcome.answer
            what = f"s an image; AUROC {answer['auroc']:.3f}, AUPRO {answer['aupro']:.3f}"
            rows.append((f"peer_{name}_{category}", what, outcome.median / answer["images"], ""))
            details[f"{category} {name}"] = detail(outcome) | {"training": training}
        rows.append((f"peer_training_{category}", f"s for {training['images']} images", training["seconds"], ""))
    return rows, details
