"""Choose α of the projection latent on normal images: E of eq. 6 after some iterations, and its excess over the best α.

python -m benchmarks.latent experiment=table1_cpu model=vae category=bottle data.root=… checkpoint=…
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.restoration import given
from renormal.boards.traces import traced
from renormal.projection import LatentEnergy, Never
from renormal.projection.latent_start import has_prior

STEP_SIZES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # ours
SHOWN = (0, 10, 20, 50, 100)


def main() -> None:
    model, x0, descent = given("latent")
    energy = LatentEnergy(weight=1.0 if has_prior(model) else 0.0)
    descent = replace(descent, energy=energy, stop=Never(), max_steps=SHOWN[-1])
    paths = [traced(model, x0, replace(descent, step_size=size))["energy"] for size in STEP_SIZES]
    best = min(path[-1] for path in paths)
    print("| α |", " | ".join(f"E after {t}" for t in SHOWN), "| over the best |")
    print("|---" * (len(SHOWN) + 2) + "|")
    for size, path in zip(STEP_SIZES, paths, strict=True):
        numbers = " | ".join(f"{path[t]:.1f}" for t in SHOWN)
        print(f"| {size:g} | {numbers} | {path[-1] / best - 1:.1%} |")


if __name__ == "__main__":
    main()
