"""Which pixels an update may move, and how far: the factor after ⊙."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from renormal.contracts import Images, Mask

UpdateMask = Callable[[Images, Images, Mask | None], Tensor | None]  # (x, f(x), Ω) → factor, None = 1 everywhere


def no_mask(x: Images, reconstructed: Images, omega: Mask | None) -> None:
    """1: every pixel moves."""
    return


def known_mask(x: Images, reconstructed: Images, omega: Mask | None) -> Tensor:
    """Ω: only the hole moves, 1 inside it and 0 on known pixels (eq. 7).

    The paper's sentence says the opposite ("only change the value of the normal pixels"), its figures and its purpose
    do not.
    """
    if omega is None:
        raise ValueError("known_mask needs omega: pass project(..., omega=...), 1 on the pixels to repair")
    return omega


def error_mask(x: Images, reconstructed: Images, omega: Mask | None) -> Tensor:
    """(x − f(x))²: well-reconstructed pixels stay put (eq. 8).

    Where Ω is given it applies too.
    """
    error = (x - reconstructed).square()
    return error if omega is None else error * omega
