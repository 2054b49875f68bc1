"""The page: coordinates, smooth noise, coverage, paint, light and the camera. Images are planes first, (C, H, W)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

Array: TypeAlias = NDArray[np.floating[Any]]  # float32 throughout
Colour: TypeAlias = tuple[float, float, float]


class Page(NamedTuple):
    """A square of side 2 around the origin, y pointing down."""

    size: int
    x: Array
    y: Array

    @property
    def pixel(self) -> float:
        return 2.0 / self.size


class Scene(NamedTuple):
    """What was drawn, and where on it a surface defect may lie."""

    image: Array  # (C, H, W)
    parts: Mapping[str, Array]  # (H, W) in [0, 1]; "body" is always there


@lru_cache(maxsize=4)
def blank(size: int) -> Page:
    axis = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    x, y = np.meshgrid(axis, axis)
    return Page(size, x, y)


def turned(page: Page, *, angle: float = 0.0, at: tuple[float, float] = (0.0, 0.0), scale: float = 1.0) -> Page:
    """The page in the coordinates of an object that lies at `at`, turned by `angle`, `scale` times as large."""
    x, y = page.x - at[0], page.y - at[1]
    c, s = math.cos(angle) / scale, math.sin(angle) / scale
    return Page(page.size, c * x + s * y, c * y - s * x)


def noise(page: Page, rng: Generator, scale: float, *, stretch: float = 1.0) -> Array:
    """Smooth noise, mean 0, deviation about 1, features of width `scale` and height `scale * stretch`."""
    wide = min(max(2, math.ceil(2 / scale)), page.size)
    high = min(max(2, math.ceil(2 / (scale * stretch))), page.size)
    coarse = Image.fromarray(1.25 * rng.standard_normal((high + 2, wide + 2), dtype=np.float32))
    box = (1, 1, wide + 1, high + 1)
    return np.asarray(coarse.resize((page.size, page.size), Image.Resampling.BICUBIC, box))


def fractal(page: Page, rng: Generator, scale: float, *, octaves: int = 3, stretch: float = 1.0) -> Array:
    """Noise over halving scales and amplitudes."""
    layers = [0.5**k * noise(page, rng, scale * 0.5**k, stretch=stretch) for k in range(octaves)]
    total: Array = np.sum(layers, axis=0, dtype=np.float32)
    return total


@lru_cache(maxsize=8)
def _ring(size: int, scale: float, width: float) -> Array:
    axis = fft.fftfreq(size).astype(np.float32) * size / 2
    radius = np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2) * scale
    ring: Array = np.exp(-0.5 * ((radius - 1) / width) ** 2)
    return ring / float(np.sqrt(np.sum(ring**2)))


def labyrinth(page: Page, rng: Generator, scale: float, *, width: float = 0.3) -> tuple[Array, Array]:
    """Two independent noises with one wavelength, `scale`: the real and imaginary half of one transform."""
    white = rng.standard_normal((page.size, page.size, 2), dtype=np.float32).view(np.complex64)[..., 0]
    wave = fft.ifft2(white * _ring(page.size, scale, width), norm="forward")
    return wave.real, wave.imag


def smooth(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high`, a cubic between."""
    t: Array = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def cover(page: Page, distance: Array, *, soft: float = 1.0) -> Array:
    """How much of each pixel lies inside a shape (signed distance < 0), its edge `soft` pixels wide."""
    covered: Array = np.clip(0.5 - distance / (soft * page.pixel), 0, 1)
    return covered


def tone(colour: Colour | float, channels: int) -> Array:
    """A colour as (C, 1, 1); grey where the page has one channel."""
    values = np.broadcast_to(np.asarray(colour, np.float32), 3)
    return values[:, None, None] if channels == 3 else values.mean(keepdims=True)[:, None, None]


def flood(page: Page, colour: Colour | float, *, channels: int = 3) -> Array:
    return np.broadcast_to(tone(colour, channels), (channels, page.size, page.size))


def paint(image: Array, alpha: Array, colour: Colour | float | Array) -> Array:
    """`colour`, or another drawing, over `image` where `alpha` says so."""
    ink = colour if isinstance(colour, np.ndarray) else tone(colour, len(image))
    return image + alpha * (ink - image)


def relief(page: Page, height: Array, *, light: float = -2.2) -> Array:
    """Slope of `height` (in page units) towards a light at angle `light`: positive is lit."""
    right: Array = np.gradient(height, page.pixel, axis=1)
    down: Array = np.gradient(height, page.pixel, axis=0)
    return -math.cos(light) * right - math.sin(light) * down


def expose(page: Page, image: Array, rng: Generator, *, grain: float = 0.011) -> NDArray[np.uint8]:
    """The camera: uneven light, grain that grows with brightness, 8 bits, (H, W, C)."""
    angle, slope, gain = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.045), rng.uniform(0.95, 1.03)
    light = gain * (1 + slope * (math.cos(angle) * page.x + math.sin(angle) * page.y))
    dust = rng.standard_normal((page.size, page.size), dtype=np.float32) * grain
    lit = np.clip(image * light, 0, 1)
    exposed = np.clip((lit + dust * (0.35 + lit)) * 255 + 0.5, 0, 255)
    return np.ascontiguousarray(exposed.astype(np.uint8).transpose(1, 2, 0))
