"""Images, models and settings that cannot be projected raise ValueError or TypeError before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from renormal.contracts import EnergyTerms, Images, Mask
from renormal.projection.energy import Checked, Energy
from renormal.projection.latent_start import LatentSearch, starting_point
from renormal.projection.mask import UpdateMask, no_mask
from renormal.projection.stop import StopCriterion

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
SIGNED = "give (x + 1) / 2 for images in [-1, 1], and a model that takes them (docs/method.md)"
MISFITS = (RuntimeError, TypeError, AttributeError, IndexError)  # what a model raises for images that do not fit it


def check_images(x0: Images, omega: Mask | None) -> None:
    for name, value in dict[str, object](x0=x0, omega=omega).items():
        if value is not None and not isinstance(value, Tensor):
            kind = type(value).__name__
            raise TypeError(f"{name} must be a torch.Tensor, got {kind}: give torch.as_tensor(…)")
    if x0.ndim != 4 or x0.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"images must be float32 or float64 (B, C, H, W), got {x0.dtype} {tuple(x0.shape)}")
    if x0.is_meta:
        raise ValueError("x0 is on the device meta, which holds no numbers: give the images themselves")
    if omega is None:
        return
    if omega.device != x0.device:
        raise ValueError(f"x0 is on {x0.device}, omega on {omega.device}: give omega.to({str(x0.device)!r})")
    batch, channels, *side = omega.shape if omega.ndim == 4 else (0, 0)
    if batch != len(x0) or channels not in (1, x0.shape[1]) or tuple(side) != tuple(x0.shape[2:]):
        raise ValueError(f"omega must be (B, 1 or C, H, W) like the images {tuple(x0.shape)}, got {tuple(omega.shape)}")
    if not bool(((omega >= 0) & (omega <= 1)).all()):  # a NaN fails both
        raise ValueError("omega must lie in [0, 1]: 1 where pixels may move")


def check_values(x0: Images, clamp: tuple[float, float] | None) -> None:
    """Raise ValueError for NaN, infinity, and images outside of the range that x is clamped to but for its 0.001."""
    if not x0.numel():
        return
    least, most = torch.stack(x0.aminmax()).tolist()  # the host waits once; a NaN is both
    if not (isfinite(least) and isfinite(most)):
        raise ValueError("images must be finite, got NaN or infinity")
    low, high = (least, most) if clamp is None else clamp
    if least < low - 1e-3 * (high - low) or most > high + 1e-3 * (high - low):
        signed = low == 0 and -high <= least < 0 and most <= high
        mend = SIGNED if signed else "divide images of 0 to 255 by 255, or give Descent(clamp=None)"
        raise ValueError(f"images must lie in clamp=({low:g}, {high:g}), got {least:.4g} to {most:.4g}: {mend}")


def check_search(energy: Any, mask: UpdateMask, clamp: tuple[float, float] | None, stop: StopCriterion) -> None:
    """Raise ValueError for settings that have no meaning where z moves."""
    if not isinstance(energy, LatentSearch):
        return
    if mask is not no_mask or clamp is not None:
        raise ValueError("a search in z has no pixels to mask or to clamp: give mask=no_mask and clamp=None")
    unfitted = stop.fitted(torch.ones(1)) != stop
    if unfitted and not energy.start.reconstructs:
        raise ValueError("losses at a z drawn from the prior make no threshold: give its value, or stop at a plateau")


def check_fit(energy: Any, model: Any, omega: Mask | None) -> None:
    """Raise for a model in training mode or without what the energy asks of it, and for a search in z with an Ω."""
    check_mode(model)
    if not isinstance(energy, LatentSearch | Checked):
        return
    if model is None or isinstance(model, type):
        found, mend = ("None", "a trained one") if model is None else (f"the class {model.__name__}", "an object of it")
        raise TypeError(f"model must be an autoencoder, got {found}: give {mend}")
    if any(one.is_meta for one in _weights(model)):  # torch computes with them, and no number comes of it
        raise ValueError("the model's weights are on the device meta, which holds no numbers: load them")
    if isinstance(energy, Energy) and not callable(getattr(model, "reconstruct", None)):
        lack = f"{type(model).__name__} has no reconstruct"
        raise ValueError(f"{lack}: give a model whose reconstruct(x) returns f(x) and L_r(x)")
    energy.check(model)
    if omega is not None and isinstance(energy, LatentSearch):
        raise ValueError("omega masks pixels, and a search in z moves none: leave it out")


def check_mode(model: Any) -> None:
    """Raise ValueError where training mode changes f(x): a batch norm that mixes a batch, a dropout that draws."""
    for one in _parts(model):
        drops = isinstance(one, DROPOUTS) and one.p > 0
        if one.training and (drops or getattr(one, "running_mean", None) is not None):
            why = "drops values at random" if drops else "mixes the images of a batch"
            name, layer = type(model).__name__, type(one).__name__
            raise ValueError(f"{name} is in training mode, in which its {layer} {why}: call .eval()")


def check_terms(terms: EnergyTerms, x0: Images) -> None:
    """Raise ValueError for shapes that torch would stretch to those of x0 without a word. Waits for no device."""
    if terms.reconstructed.shape != x0.shape:
        shapes = f"{tuple(x0.shape)}, got {tuple(terms.reconstructed.shape)}"
        raise ValueError(f"the model's image must have the shape of x0: {shapes}")
    if not terms.total.shape == terms.reconstruction.shape == x0.shape[:1]:
        shapes = f"{tuple(terms.total.shape)} and {tuple(terms.reconstruction.shape)}"
        raise ValueError(f"E and L_r must be one sum for each image, ({len(x0)},), got {shapes}")


@contextmanager
def misfit_named(energy: Any, model: Any, x0: Images) -> Iterator[None]:
    """Raise ValueError in place of an error of the model, if it fails for one image alone.

    Nothing is computed where no error comes: no model that works is refused for its size, type or device.
    """
    try:
        yield
    except MISFITS as error:
        if isinstance(error, torch.OutOfMemoryError) or (cause := _cause(energy, model, x0[:1])) is None:
            raise
        raise ValueError(_misfit(model, x0, cause)) from error


def _cause(energy: Any, model: Any, x0: Images) -> Exception | None:
    try:
        with torch.no_grad():
            energy(model, starting_point(energy, model, x0), x0)
    except MISFITS as error:
        return error
    return None


def _misfit(model: Any, x0: Images, error: Exception) -> str:
    """Which of device, type and shape of x0 does not fit, and the mend."""
    weights = _weights(model)
    devices = {str(one.device): None for one in weights}
    kinds = {one.dtype: None for one in weights if one.is_floating_point()}
    if devices and str(x0.device) not in devices:
        place = next(iter(devices))
        return f"x0 is on {x0.device}, the model on {place}: give x0.to({place!r})"
    if kinds and x0.dtype not in kinds:
        kind = next(iter(kinds))
        mend = f"x0.to({kind})" if kind in (torch.float32, torch.float64) else f"model.to({x0.dtype})"
        return f"x0 is {x0.dtype}, the weights of the model {kind}: give {mend}"
    own = [f"{name}={value}" for name in ("channels", "size") if isinstance(value := getattr(model, name, None), int)]
    wanted = (
        f"channels and side of its training images ({', '.join(own)})" if own else "images like those it trained on"
    )
    why = next(iter(str(error).splitlines()), "")
    return f"{type(model).__name__} cannot take x0 {tuple(x0.shape)}, give it {wanted}: {type(error).__name__}: {why}"


def _parts(model: Any) -> Iterator[nn.Module]:
    """The layers of a model, or of the networks that an object holds."""
    held = [model] if isinstance(model, nn.Module) else getattr(model, "__dict__", {}).values()
    return chain.from_iterable(one.modules() for one in held if isinstance(one, nn.Module))


def _weights(model: Any) -> list[Tensor]:
    """Parameters and buffers; none of a model that is no nn.Module."""
    return list(chain(model.parameters(), model.buffers())) if isinstance(model, nn.Module) else []
