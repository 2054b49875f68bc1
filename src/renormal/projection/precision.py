"""In which precision the network of a descent computes."""

from __future__ import annotations

import logging
from typing import Any

import torch

from renormal.contracts import Autoencoder, EnergyTerms, Images
from renormal.functional.precision import has_bfloat16
from renormal.projection.energy import Selective
from renormal.projection.latent_start import starting_point

PRECISIONS = ("float32", "bfloat16", "auto")
TOLERANCE = 0.05  # ours: the twelve networks of docs/results/table1.md stay within 0.02 of L_r
INEXACT = "the descent computes in float32: bfloat16 is faster, but would change the loss of a photograph by %s %%"
MOST = 1000  # %, that is said: an energy may be 0 in float32 and not in bfloat16
log = logging.getLogger("renormal")


def computing(device: torch.device, precision: str) -> torch.autocast:
    """Autocast to bfloat16, or none. The caller's own autocast is not inherited."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def settled_precision(precision: str, energy: Any, model: Autoencoder, x0: Images) -> str:
    """bfloat16 or float32 for auto: bfloat16 where the device is faster in it and changes L_r by at most TOLERANCE.

    x0: a few samples. Warns where the device would be faster in bfloat16 and L_r forbids it. Of an energy that counts
    some pixels alone, L_r is that of all pixels: where it counts none, 0 says nothing.
    """
    if precision != "auto":
        return precision
    if not has_bfloat16(x0.device) or len(x0) == 0:
        return "float32"
    exact, fast = (_losses(kind, energy, model, x0) for kind in ("float32", "bfloat16"))
    error = ((fast.reconstruction - exact.reconstruction).abs() / exact.reconstruction.abs().clamp(min=1e-6)).max()
    if error <= TOLERANCE:
        return "bfloat16"
    percent = 100 * float(error)
    log.warning(INEXACT, f"{percent:.0f}" if percent <= MOST else f"more than {MOST}")
    return "float32"


def _losses(precision: str, energy: Any, model: Autoencoder, x0: Images) -> EnergyTerms:
    counted = energy.of_all if isinstance(energy, Selective) else energy
    with torch.no_grad(), computing(x0.device, precision):
        terms: EnergyTerms = counted(model, starting_point(energy, model, x0), x0)
    return terms
