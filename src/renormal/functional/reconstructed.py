"""f(x) and L_r(x) of any autoencoder, checked."""

from __future__ import annotations

from torch import Tensor

from renormal.contracts import Autoencoder, Images, Reconstruction


def reconstructed(model: Autoencoder, x: Images) -> Reconstruction:
    """model.reconstruct(x), also where the model returns a tuple (f(x), L_r(x)) or (f(x), L_r(x), KL).

    Raises ValueError for another answer, for f(x) of another shape than x, and for a loss that is not one number for
    each image.
    """
    answer, name = model.reconstruct(x), f"{type(model).__name__}.reconstruct"
    if isinstance(answer, tuple | list) and len(answer) in (2, 3):
        answer = Reconstruction(*answer)
    if not isinstance(answer, Reconstruction):
        raise ValueError(f"{name} must return f(x) and L_r(x), got {type(answer).__name__}")
    if answer.image.shape != x.shape:
        shapes = f"{tuple(x.shape)}, got {tuple(answer.image.shape)}"
        raise ValueError(f"{name} must return f(x) of the shape of x: {shapes}")
    _check_loss(answer, name)
    return answer


def _check_loss(answer: Reconstruction, name: str) -> None:
    """Raise ValueError for a loss that is not one number for each image. A function that returns one is not called."""
    loss, count = answer.given, len(answer.image)
    if callable(loss) or (isinstance(loss, Tensor) and loss.shape == (count,)):
        return
    got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
    mend = "sum it over pixels and channels alone, .flatten(1).sum(dim=1)"
    raise ValueError(f"{name} must return one loss for each image, ({count},), got {got}: {mend}")
