"""Defects that lie around a spot: stain, hole, shard, chip, rough, push."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from renormal.data.rehearsal.canvas import Array, Colour, Page, Scene, cover, noise, paint, relief, smooth, tone
from renormal.data.rehearsal.defects import Range, brightness, spot
from renormal.data.rehearsal.shapes import blob, splinter


def stain(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    colour: Colour,
    part: str = "body",
    radius: Range = (0.08, 0.20),
    strength: Range = (0.4, 0.8),
    hides: float = 0.3,
    gloss: float = 0.0,
) -> Array:
    """A patch of dye, oil or glue. `hides`: how far it covers the pattern; `gloss`: how its edge catches the light."""
    size = rng.uniform(*radius)
    distance = blob(page, rng, spot(page, scene, rng, part), size)
    alpha = rng.uniform(*strength) * smooth(0.25 * size, -0.15 * size, distance) * scene.parts[part]
    ink = tone(colour, len(scene.image)) * (hides + (1 - hides) * brightness(scene, alpha))
    shine = relief(page, 0.5 * size * smooth(0.1 * size, -0.5 * size, distance)) if gloss else np.zeros_like(alpha)
    return paint(scene.image, alpha, ink) + gloss * np.clip(shine, -0.3, 1) * scene.parts[part]


def hole(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    part: str = "body",
    radius: Range = (0.05, 0.10),
    dark: float = 0.8,
    ragged: float = 0.25,
    floor: Colour = (0.07, 0.06, 0.055),
) -> Array:
    """A dent or a hole: dark on the side of the light, a lit rim opposite."""
    size = rng.uniform(*radius)
    distance = blob(page, rng, spot(page, scene, rng, part), size, ragged=ragged)
    bowl = 0.9 * size * smooth(0.35 * size, -0.8 * size, distance)
    alpha = dark * smooth(0.05 * size, -0.45 * size, distance) * scene.parts[part]
    slope = np.clip(relief(page, -bowl), -1.2, 1.2) * scene.parts[part]
    return paint(
        scene.image * (1 + 0.28 * slope), alpha, tone(floor, len(scene.image)) * (1 + 0.15 * noise(page, rng, 0.03))
    )


def shard(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    part: str = "body",
    radius: Range = (0.05, 0.10),
    colour: Colour = (0.62, 0.63, 0.66),
) -> Array:
    """A splinter of metal that fell on the surface: flat, brushed, one bright edge, a shadow."""
    size, facing = rng.uniform(*radius), rng.uniform(0, 2 * math.pi)
    distance = splinter(page, rng, spot(page, scene, rng, part), size, sides=int(rng.integers(3, 6)))
    lag = max(1, page.size // 90)
    image = scene.image * (1 - 0.4 * smooth(0.03, -0.01, np.roll(distance, (lag, lag), (0, 1))))
    slope = (math.cos(facing) * page.x + math.sin(facing) * page.y) * rng.uniform(1.0, 4.0)
    brushed = 0.80 + 0.25 * np.sin(3 * slope + rng.uniform(0, 6)) + 0.07 * noise(page, rng, 0.01, stretch=6)
    edge = 0.3 * np.exp(-(((distance + 0.008) / 0.007) ** 2))
    return paint(image, cover(page, distance, soft=1.4), tone(colour, len(image)) * brushed + edge)


def chip(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    part: str = "body",
    radius: Range = (0.12, 0.25),
    colours: tuple[Colour, Colour],
) -> Array:
    """A piece broken out: a jagged bite whose facets run between two colours, its edges bright."""
    size, at = rng.uniform(*radius), spot(page, scene, rng, part)
    bite = np.minimum(splinter(page, rng, at, size), splinter(page, rng, (at[0] + 0.5 * size, at[1]), 0.7 * size))
    bite = bite + 0.04 * size * noise(page, rng, 0.05)
    facets = (
        np.tanh(2.5 * noise(page, rng, 0.8 * size)) * 0.25 + np.tanh(3 * noise(page, rng, 0.35 * size)) * 0.2 + 0.45
    )
    dark, bright = (tone(colour, len(scene.image)) for colour in colours)
    ink = dark + np.clip(facets, 0, 1) * (bright - dark)
    edge = 0.30 * np.exp(-(((bite + 0.010) / 0.008) ** 2)) * (1 + noise(page, rng, 0.06))
    return paint(scene.image, cover(page, bite, soft=1.4) * scene.parts[part], ink + np.maximum(edge, 0))


def rough(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    part: str = "body",
    radius: Range = (0.12, 0.25),
    strength: float = 0.30,
) -> Array:
    """An abraded patch: the finish is gone and the surface scatters."""
    size = rng.uniform(*radius)
    distance = blob(page, rng, spot(page, scene, rng, part), size)
    alpha = smooth(0.2 * size, -0.3 * size, distance) * scene.parts[part]
    pits = noise(page, rng, 0.014) + 0.7 * noise(page, rng, 0.03)
    return scene.image * (1 + alpha * strength * (0.55 * pits + 0.5 * math.copysign(1, rng.uniform(-1, 1))))


def push(
    page: Page,
    scene: Scene,
    rng: Generator,
    *,
    part: str = "body",
    radius: Range = (0.12, 0.22),
    shift: Range = (0.04, 0.08),
) -> Array:
    """The material itself displaced, furthest at one point: bent wire, squeezed shell. The camera sees it moved."""
    size, far, angle = rng.uniform(*radius), rng.uniform(*shift), rng.uniform(0, 2 * math.pi)
    x, y = spot(page, scene, rng, part)
    bell = np.clip(1 - ((page.x - x) ** 2 + (page.y - y) ** 2) / (4 * size**2), 0, 1) ** 3
    row, column = np.indices(bell.shape)
    source = [row - bell * (far * math.sin(angle) / page.pixel), column - bell * (far * math.cos(angle) / page.pixel)]
    moved = [ndimage.map_coordinates(plane, source, order=1, mode="nearest") for plane in scene.image]
    return np.stack(moved)
