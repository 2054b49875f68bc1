"""The paper in one function, to be read. `project` computes the same for many images at once."""

from __future__ import annotations

from typing import Any

import torch

from renormal.contracts import EnergyTerms, Images, Mask, Projection, Stopped
from renormal.projection.descent import Descent
from renormal.projection.latent_start import LatentSearch, starting_point
from renormal.projection.trees import combine


def reference(model: Any, x0: Images, descent: Descent, *, omega: Mask | None = None) -> Projection:
    """x ← x − α · direction(∇E(x)) ⊙ m(x, f(x), Ω) until L_r(x) < T, where E(x) = L_r(x) + λ‖x − x0‖₁.

    In a search for z (eq. 2, eq. 6) x stands for z, and the result is Dec(z). Four settings of `descent` are not used
    here: slots, check_every, precision, graph. They do not change the method.
    """
    if len(x0) > 1:  # each image alone
        omegas = [None] * len(x0) if omega is None else torch.split(omega, 1)
        alone = [reference(model, x, descent, omega=own) for x, own in zip(torch.split(x0, 1), omegas, strict=True)]
        return combine(lambda *rows: torch.cat(rows), *alone)  # type: ignore[no-any-return]
    E, m, direction, stop, α = descent.energy, descent.mask, descent.direction, descent.stop, descent.step_size  # noqa: N806
    x = starting_point(E, model, x0)
    state, history, accepted = direction.start(x), stop.start(1, x.device), 0
    kept: Any = None  # the last x that was not refused, with its terms
    for t in range(descent.max_steps + 1):
        x = x.detach().requires_grad_()
        terms = E(model, x, x0)  # E(x), L_r(x), ‖x − x0‖₁, f(x)
        (slope,) = torch.autograd.grad(terms.total.sum(), x)  # ∇E(x)
        x, terms = x.detach(), EnergyTerms(*(term.detach() for term in terms))
        if t == 0:
            energy_start = terms.total
        refused = descent.safeguard and t > 0 and not terms.total <= kept[1].total
        if refused:  # back, to go half as far
            (x, terms), α = kept, α / 2
        else:
            arrived, history = stop(terms, history)  # L_r(x) < T
        if arrived or t == descent.max_steps or not terms.total.isfinite():
            break
        if not refused:
            accepted += 1
            towards, state = direction(slope, state, torch.tensor([accepted]))
            factor = m(x, terms.reconstructed, omega)
            move = towards if factor is None else towards * factor
        kept, x = (x, terms), x - α * move  # eq. 5; with the mask (x − f(x))² as factor eq. 8
        x = x if descent.clamp is None else x.clamp(*descent.clamp)
    reason = Stopped.ARRIVED if arrived else Stopped.OUT_OF_STEPS
    reason = reason if terms.total.isfinite() else Stopped.NOT_FINITE
    image = terms.reconstructed if descent.reconstructed or isinstance(E, LatentSearch) else x
    return Projection(image, terms, torch.tensor([t]), torch.tensor([reason]), energy_start)
