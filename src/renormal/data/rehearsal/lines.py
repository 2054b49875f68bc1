"""Defects that run along a path: scratch, crack, cut, thread, smear, fold."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from renormal.data.rehearsal.canvas import Array, Colour, Page, Scene, cover, noise, paint, relief, smooth, tone
from renormal.data.rehearsal.defects import Range, brightness, spot
from renormal.data.rehearsal.shapes import stroke, wander


def scratch(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    part: str = "body",
    reach: Range = (0.2, 0.5),
    width: float = 0.012,
    depth: float = 0.25,
    strokes: int = 3,
) -> Array:
    """A few nearly parallel grooves: a bright bottom next to a dark lip."""
    at, angle, image = spot(page, scene, rng, part), rng.uniform(0, 2 * math.pi), scene.image
    for _ in range(int(rng.integers(1, strokes + 1))):
        near = (at[0] + rng.normal(0, 0.04), at[1] + rng.normal(0, 0.04))
        path = wander(rng, near, reach=rng.uniform(*reach), bend=0.08, angle=angle + rng.normal(0, 0.12), knots=5)
        distance, along = stroke(page, path)
        wide = max(width, 1.2 * page.pixel) * np.sqrt(np.clip(4 * along * (1 - along), 0, 1))
        groove = smooth(0.0, -1.0, (distance - wide) / width) * scene.parts[part]
        lip = np.exp(-(((distance - 1.7 * width) / (0.7 * width)) ** 2)) * (wide > 0.4 * width) * scene.parts[part]
        image = image + depth * groove * (0.6 + 0.25 * noise(page, rng, 0.02)) - 0.45 * depth * lip
    return image


def crack(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    part: str = "body",
    reach: Range = (0.4, 0.8),
    width: float = 0.02,
    dark: float = 0.75,
    bend: float = 0.45,
    angle: float | None = None,
) -> Array:
    """A jagged dark line, widest in its middle, one of its edges lit."""
    path = wander(rng, spot(page, scene, rng, part), reach=rng.uniform(*reach), bend=bend, angle=angle, knots=11)
    distance, along = stroke(page, path)
    wide = width * (4 * along * (1 - along)) * (1 + 0.4 * noise(page, rng, 0.06)) + 0.6 * page.pixel
    core = cover(page, distance - wide, soft=1.6) * scene.parts[part]
    lip = 0.16 * np.exp(-(((distance - wide - 0.010) / 0.010) ** 2)) * scene.parts[part]
    image = scene.image * (1 + lip * (1 + noise(page, rng, 0.05)))
    return paint(image, dark * core, image * 0.18)


def cut(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    part: str = "body",
    reach: Range = (0.18, 0.40),
    width: float = 0.03,
    floor: Colour = (0.08, 0.07, 0.06),
    raised: float = 0.22,
) -> Array:
    """A straight gash, pointed at both ends, its flaps raised."""
    path = wander(rng, spot(page, scene, rng, part), reach=rng.uniform(*reach), bend=0.10, knots=5)
    distance, along = stroke(page, path)
    wide = width * 4 * along * (1 - along) * (1 + 0.2 * noise(page, rng, 0.08))
    gash = cover(page, distance - wide, soft=1.8) * (wide > 0.3 * page.pixel) * scene.parts[part]
    flap = (
        np.exp(-((np.maximum(distance - wide, 0) / (0.9 * width)) ** 2))
        * smooth(0, 0.5 * width, wide)
        * scene.parts[part]
    )
    side = np.clip(relief(page, 0.8 * np.maximum(0.12 - distance, 0)), -0.8, 0.8)
    image = scene.image * (1 + raised * flap * (0.5 + side))
    return paint(image, 0.9 * gash, tone(floor, len(image)) * (1 + 0.15 * noise(page, rng, 0.04)))


def thread(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    colour: Colour,
    part: str = "body",
    reach: Range = (0.7, 1.4),
    width: float = 0.011,
) -> Array:
    """A twisted thread that lies loose on the surface, with its shadow."""
    path = wander(rng, spot(page, scene, rng, part), reach=rng.uniform(*reach), bend=0.38, knots=12)
    path = [(float(np.clip(x, -1.1, 1.1)), float(np.clip(y, -1.1, 1.1))) for x, y in path]
    distance, along = stroke(page, path)
    lag = max(1, page.size // 100)
    shadow = smooth(2.5 * width, 0.5 * width, np.roll(distance, (lag, lag), (0, 1)))
    bulge = np.sqrt(np.clip(1 - (distance / width) ** 2, 0, 1))
    twist = 0.10 * np.sin(400 * along + 90 * distance)
    image = scene.image * (1 - 0.30 * shadow)
    ink = tone(colour, len(image)) * (0.50 + 0.5 * bulge + twist + 0.08 * noise(page, rng, 0.02))
    return paint(image, 0.95 * cover(page, distance - width, soft=1.4), ink)


def smear(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    colour: Colour,
    reach: Range = (0.5, 1.1),
    width: Range = (0.04, 0.10),
    strength: Range = (0.25, 0.6),
    dry: float = 0.35,
) -> Array:
    """A broad stroke of paint, graphite or tape across the surface. `dry`: how unevenly it took."""
    wide = rng.uniform(*width)
    path = wander(rng, spot(page, scene, rng, "body"), reach=rng.uniform(*reach), bend=0.10, knots=6)
    distance, along = stroke(page, path)
    took = np.clip(1 - dry + dry * noise(page, rng, 0.035), 0, 1)
    alpha = rng.uniform(*strength) * smooth(1.0, 0.75, distance / wide + 0.06 * noise(page, rng, 0.05)) * took
    ends = smooth(0, 0.06, along) * smooth(1, 0.94, along)
    return paint(scene.image, alpha * ends, tone(colour, len(scene.image)) * (0.75 + 0.25 * brightness(scene, alpha)))


def fold(page: Page, scene: Scene, rng: Generator, *, depth: Range = (0.12, 0.28), width: float = 0.05) -> Array:
    """A crease across the material: one flank lit, the other dark, a thin line between."""
    path = wander(rng, spot(page, scene, rng, "body"), reach=rng.uniform(0.8, 1.5), bend=0.10, knots=7)
    distance, along = stroke(page, path)
    flank = np.exp(-((distance / width) ** 2)) * smooth(0, 0.15, along) * smooth(1, 0.85, along)
    lit = np.clip(relief(page, np.maximum(2 * width - distance, 0), light=rng.uniform(0, 6)), -1, 1)
    line = np.exp(-((distance / 0.008) ** 2)) * flank
    folded: Array = scene.image * (1 + rng.uniform(*depth) * flank * lit - 0.45 * line)
    return folded
