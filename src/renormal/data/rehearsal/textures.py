"""The five textures: carpet, grid, leather, tile, wood."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from renormal.data.rehearsal.canvas import (
    Array,
    Page,
    Scene,
    flood,
    fractal,
    labyrinth,
    noise,
    paint,
    relief,
    smooth,
    tone,
    turned,
)


def surface(image: Array) -> Scene:
    """A texture fills the page: a defect may lie anywhere on it."""
    return Scene(image, {"body": np.ones_like(image[0])})


def carpet(page: Page, rng: Generator) -> Scene:
    """A plain weave of heathered grey yarn: where warp and weft cross, one of them lies on top."""
    lie = turned(page, angle=rng.normal(0, 0.02))
    u = 22 * lie.x + rng.uniform(0, 2) + 0.10 * noise(page, rng, 0.12) + 0.15 * noise(page, rng, 0.5)
    v = 22 * lie.y + rng.uniform(0, 2) + 0.10 * noise(page, rng, 0.12) + 0.15 * noise(page, rng, 0.5)
    i, j = np.round(u), np.round(v)
    across, down = np.cos(math.pi * (u - i)), np.cos(math.pi * (v - j))
    warp_on_top = (i + j) % 2 == 0
    height = np.where(warp_on_top, across * (0.45 + 0.55 * down), down * (0.45 + 0.55 * across))
    sideways = noise(page, rng, 0.008, stretch=4).T
    fibre = np.where(warp_on_top, noise(page, rng, 0.008, stretch=4), sideways)
    yarn = rng.standard_normal((128, 128), dtype=np.float32)[i.astype(np.int64) % 128, j.astype(np.int64) % 128]
    light = 0.22 + 0.40 * np.sqrt(np.maximum(height, 0)) * (1 + 0.16 * yarn) + 0.045 * fibre
    light += np.where(warp_on_top, 0.025, -0.025) + 0.012 * noise(page, rng, 0.7)
    return surface(tone((0.97, 0.96, 0.93), 3) * light)


def grid(page: Page, rng: Generator, *, broken: Generator | None = None) -> Scene:
    """A slanted mesh of round wire over grey paper; the two families take turns at lying on top."""
    pitch, wire = 0.125 * rng.uniform(0.98, 1.02), 0.0215
    tilt = rng.normal(0, 0.015)
    u = turned(page, angle=0.52 + tilt, at=(rng.uniform(0, 1), 0)).x + 0.003 * noise(page, rng, 0.3)
    v = turned(page, angle=-0.62 + tilt, at=(rng.uniform(0, 1), 0)).x + 0.003 * noise(page, rng, 0.3)
    i, j = np.round(u / pitch), np.round(v / pitch)
    a, b = (u - i * pitch) / wire, (v - j * pitch) / wire
    gap = np.zeros_like(u) if broken is None else _missing_piece(broken, u, v, pitch)
    wave = 0.35 * np.cos(math.pi * (i + j)) * np.cos(math.pi * (v / pitch - j)) * np.cos(math.pi * (u / pitch - i))
    high_a = np.where(gap > 0.5, -1, np.sqrt(np.maximum(1 - a * a, 0)) + wave)
    high_b = np.sqrt(np.maximum(1 - b * b, 0)) - wave
    on_top, edge = high_a > high_b, page.pixel / wire
    solid_a = np.clip((1 - np.abs(a)) / edge + 0.5, 0, 1) * (1 - gap)
    solid_b = np.clip((1 - np.abs(b)) / edge + 0.5, 0, 1)
    shade_a, shade_b = (0.70 - 0.22 * t - 0.22 * t * t + 0.10 * wave * s for t, s in ((a, 1), (b, -1)))
    shadow = 0.11 * (np.exp(-((a - 1.1) ** 2)) * (1 - gap) + np.exp(-((b - 1.1) ** 2)))
    under = 0.27 + 0.015 * noise(page, rng, 0.4) + 0.012 * noise(page, rng, 0.01) - shadow
    low = np.where(on_top, paint(under, solid_b, shade_b), paint(under, solid_a, shade_a))
    mesh = np.where(on_top, paint(low, solid_a, shade_a), paint(low, solid_b, shade_b))
    return surface((mesh + 0.015 * noise(page, rng, 0.02))[None])


def _missing_piece(flaw: Generator, u: Array, v: Array, pitch: float) -> Array:
    """1 where one wire of the first family lacks a stretch of one to three meshes."""
    size = len(u)
    row, column = flaw.integers(size // 5, 4 * size // 5, 2)
    number, middle = np.round(u[row, column] / pitch), v[row, column]
    reach = pitch * flaw.uniform(0.5, 1.6)
    inside = np.clip((reach - np.abs(v - middle)) / (0.04 * pitch) + 0.5, 0, 1)
    return np.where(np.round(u / pitch) == number, inside, 0).astype(np.float32)


def leather(page: Page, rng: Generator) -> Scene:
    """Brown grain: creases run where one of two narrow-band noises crosses zero."""
    one, two = labyrinth(page, rng, 0.055)
    depth = np.minimum(np.abs(one), np.abs(two) + 0.12)
    crease = np.exp(-((depth / 0.16) ** 2))
    height = 0.0035 * (one * two) - 0.006 * crease + 0.0012 * noise(page, rng, 0.010)
    lit = np.clip(relief(page, height), -1, 1)
    light = 0.92 + 0.34 * lit - 0.16 * crease + 0.035 * noise(page, rng, 0.5) + 0.03 * noise(page, rng, 0.06)
    hue = 0.02 * noise(page, rng, 0.3)
    brown = flood(page, (0.40, 0.265, 0.20)) + tone((0.5, 0.25, 0.0), 3) * hue
    return surface(brown * light)


def tile(page: Page, rng: Generator) -> Scene:
    """Speckled stone: dark and rust-coloured grains of several sizes in a pale, mottled ground."""
    image = flood(page, (0.71, 0.70, 0.685)) + 0.030 * fractal(page, rng, 0.06)
    grains = (
        ((0.86, 0.86, 0.85), 0.045, 0.9, 0.55),
        ((0.62, 0.47, 0.37), 0.040, 1.15, 0.55),
        ((0.44, 0.43, 0.43), 0.030, 1.0, 0.75),
        ((0.20, 0.20, 0.21), 0.045, 1.15, 0.9),
        ((0.15, 0.15, 0.16), 0.018, 1.9, 0.85),
    )
    mottle = 1 + 0.12 * noise(page, rng, 0.013)
    for colour, scale, level, strength in grains:
        field = noise(page, rng, scale) + 0.35 * noise(page, rng, scale / 2.5)
        image = paint(image, strength * smooth(level, level + 0.22, field), tone(colour, 3) * mottle)
    return surface(image)


def wood(page: Page, rng: Generator) -> Scene:
    """Upright grain: slow growth rings, fibres at two widths, short dark pores."""
    drift = 0.10 * noise(page, rng, 0.6, stretch=3) + 0.02 * noise(page, rng, 0.1, stretch=6)
    rings = np.sin(
        2 * math.pi * (2.6 * (page.x + drift) + rng.uniform(0, 1)) + 1.1 * noise(page, rng, 0.25, stretch=12)
    )
    fibre = noise(page, rng, 0.030, stretch=22) + 0.8 * noise(page, rng, 0.009, stretch=40)
    fine = noise(page, rng, 0.005, stretch=10)
    pores = smooth(1.5, 2.2, noise(page, rng, 0.0085, stretch=9) + 0.35 * rings)
    dark = np.clip(0.45 + 0.20 * rings + 0.17 * fibre + 0.06 * fine, 0, 1.2)
    image = paint(flood(page, (0.71, 0.525, 0.36)), dark, (0.50, 0.325, 0.205))
    return surface(paint(image, 0.6 * pores, (0.30, 0.18, 0.11)) + 0.012 * noise(page, rng, 0.5))
