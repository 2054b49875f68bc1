"""One photograph as the network gets it, and maps back on the photograph's own pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from renormal.contracts import Images
from renormal.data.depth import FULL, is_deep, to_8_bit
from renormal.data.images import converted, flattened, is_grey, reduced, square, upright
from renormal.data.looks import coloured
from renormal.data.opening import opened
from renormal.data.source import MAX_PIXELS, Fit

Photo = Path | str | Image.Image | NDArray[np.generic] | torch.Tensor  # what a caller may give
NAMELESS = Path("image")  # in messages, of a photograph that comes from no file


@dataclass(frozen=True)
class Frame:
    """How photographs become the network's input.

    size: side length in pixels: of an object, or of the whole texture, which is then cut. bits: of files of 16 bit.
    """

    size: int
    channels: int
    fit: Fit = "squash"
    bits: int = FULL
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Photograph:
    """pixels: (C, size, size) uint8. width, height: of the photograph once it is upright. grey: without colours."""

    pixels: NDArray[np.uint8]
    width: int
    height: int
    fit: Fit
    name: str
    grey: bool

    @property
    def image(self) -> Images:
        """(1, C, size, size) in [0, 1]."""
        return torch.from_numpy(self.pixels)[None].float() / 255

    def at_own_size(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """(size, size) → (height, width), bilinear: the same values where the photograph has the network's size.

        What the fit leaves out of the network's input is 0.
        """
        left, upper, right, lower = square((self.width, self.height), self.fit)
        shape = (lower - upper, right - left)
        inner = maps
        if maps.shape != shape:
            given = torch.from_numpy(np.ascontiguousarray(maps))[None, None]
            inner = F.interpolate(given, shape, mode="bilinear", align_corners=False)[0, 0].numpy()
        if shape == (self.height, self.width):
            return inner
        whole = np.zeros((self.height, self.width), np.float32)
        whole[upper:lower, left:right] = inner
        return whole


def photograph(photo: Photo, frame: Frame) -> Photograph:
    """Read it. Raises DataError or ValueError with one line for what is no photograph.

    An array is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8; a tensor is (C, H, W) or (1, C, H, W), of uint8 or
    of floats in [0, 1].
    """
    if isinstance(photo, str | Path):
        return _reduced(decoded(Path(photo), frame), Path(photo), frame)
    return _reduced(picture_of(photo), NAMELESS, frame)


def decoded(path: Path, frame: Frame) -> Image.Image:
    """The photograph of a file, upright, with 8 bit. Raises DataError with one line for what is no photograph."""
    with opened(path, frame.max_pixels) as image:
        deep = is_deep(image)
        plain = upright(image, path)
        return to_8_bit(plain, path, frame.bits) if deep else plain


def _reduced(image: Image.Image, path: Path, frame: Frame) -> Photograph:
    pixels = reduced(image, path, size=frame.size, channels=frame.channels, fit=frame.fit)
    return Photograph(pixels, *image.size, frame.fit, str(path), _grey(image, path, pixels))


def _grey(image: Image.Image, path: Path, pixels: NDArray[np.uint8]) -> bool:
    """Whether a photograph has no colours. pixels: as the network gets it."""
    if len(pixels) == 3:
        return not coloured(pixels)
    if is_grey(image, path):
        return True
    small = converted(flattened(image, "white", path), "RGB", path).resize(pixels.shape[1:])
    return not coloured(np.asarray(small).transpose(2, 0, 1))


def picture_of(photo: Image.Image | NDArray[np.generic] | torch.Tensor) -> Image.Image:
    """An image of Pillow with 8 bit. Raises ValueError for other shapes, types and ranges."""
    if isinstance(photo, Image.Image):
        if photo.mode in {"F", "I"} or photo.mode.startswith("I;"):
            raise ValueError(f"an image of mode {photo.mode} has no known range: give 8 bit, or the path of its file")
        return photo
    if isinstance(photo, torch.Tensor):
        photo = _channels_last(photo)
    if not isinstance(photo, np.ndarray):
        raise ValueError(f"a photograph is a path, a PIL image, an array or a tensor, got {type(photo).__name__}")
    if photo.dtype != np.uint8:
        raise ValueError(f"an array must be uint8, got {photo.dtype}: a tensor may hold floats in [0, 1]")
    if photo.ndim == 3 and photo.shape[2] == 1:
        photo = photo[..., 0]
    if photo.size == 0 or not (photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] in (3, 4))):
        raise ValueError(f"an array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {photo.shape}")
    return Image.fromarray(photo)


def _channels_last(photo: torch.Tensor) -> NDArray[np.uint8]:
    """(C, H, W) or (1, C, H, W) → (H, W, C) uint8."""
    image = photo[0] if photo.ndim == 4 and len(photo) == 1 else photo
    if image.ndim != 3 or image.shape[0] not in (1, 3, 4):
        raise ValueError(
            f"a tensor must be (C, H, W) or (1, C, H, W) with 1, 3 or 4 channels, got {tuple(photo.shape)}"
        )
    image = image.detach().cpu()
    if image.is_floating_point():
        if not bool(((image >= 0) & (image <= 1)).all()):  # a NaN fails both
            raise ValueError("a tensor of floats must lie in [0, 1]: divide by 255, and undo a normalisation")
        image = (image * 255).round().to(torch.uint8)
    if image.dtype != torch.uint8:
        raise ValueError(f"a tensor must be uint8 or floating point, got {image.dtype}")
    found: NDArray[np.uint8] = image.permute(1, 2, 0).contiguous().numpy()
    return found
