"""Hours of the paper's table on one device: from images a second to 60 jobs at the full budget."""

from __future__ import annotations

from typing import Any

CATEGORIES = 15
TRAINING = 10_000 * 300  # images of one job, section 4.1
TEXTURES, OBJECTS = 117 + 78 + 124 + 117 + 79, 1725 - (117 + 78 + 124 + 117 + 79)  # test images of MVTec AD
TILES = 16  # of a 512 px texture, stride 128
STEPS = 100  # iterations of each sample at most, our cap: most stop earlier
PROJECTIONS = 2  # eq8 and eq8_adam, the columns of experiment=table1
MODELS = ("l2_ae", "dsae", "vae", "gamma_vae")


def hours_of(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Figures of the table: 4 autoencoders × 15 categories, one after another on this device."""
    hours: dict[str, Any] = {}
    whole = 0.0
    for name in MODELS:
        images = found.get("training", {}).get(f"{name} images/s")
        steps = found.get("projection", {}).get(f"{name} image-steps/s")
        if not images or not steps:
            return hours | {"state": f"not known: {name} was not measured", "seconds": 0.0}
        training = CATEGORIES * TRAINING / images / 3600
        test = PROJECTIONS * STEPS * (TEXTURES * TILES + OBJECTS) / steps / 3600
        hours |= {f"{name} training, 15 jobs": training, f"{name} test, 15 jobs, at most": test}
        whole += training + test
    hours["60 jobs, one after another"] = whole
    gain = max((value for key, value in found.get("side_by_side", {}).items() if key.endswith("over 1")), default=1.0)
    hours["60 jobs, side by side"] = whole / max(1.0, gain)
    return hours
