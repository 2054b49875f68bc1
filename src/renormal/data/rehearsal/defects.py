"""What can lie on a surface: every function returns the scene's image with one defect of its kind on one of the scene's parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from renormal.data.rehearsal.canvas import Array, Colour, Page, Scene, cover, noise, paint, relief, smooth, tone
from renormal.data.rehearsal.shapes import Point, blob, splinter, stroke, wander

Surface: TypeAlias = Callable[[Page, Scene, Generator], Array]
Range: TypeAlias = tuple[float, float]


def spot(page: Page, scene: Scene, rng: Generator, part: str) -> Point:
    """A random point well inside a part, away from the margin of the page."""
    inside = scene.parts[part] * (np.maximum(np.abs(page.x), np.abs(page.y)) < 0.85)
    places = np.flatnonzero(inside > 0.9 * inside.max())
    chosen = int(places[rng.integers(len(places))])
    return float(page.x.flat[chosen]), float(page.y.flat[chosen])


def brightness(scene: Scene, alpha: Array) -> Array:
    """The pattern under a patch: its luminance, 1 on average."""
    grey = scene.image.mean(0)
    return np.clip(grey / (float(np.sum(grey * alpha) / (np.sum(alpha) + 1e-6)) + 0.05), 0, 2.5)


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
    """A patch of dye, oil or glue. `hides`: how far it covers the pattern below it; `gloss`: how its edge catches the light."""
    size = rng.uniform(*radius)
    distance = blob(page, rng, spot(page, scene, rng, part), size)
    alpha = rng.uniform(*strength) * smooth(0.25 * size, -0.15 * size, distance) * scene.parts[part]
    ink = tone(colour, len(scene.image)) * (hides + (1 - hides) * brightness(scene, alpha))
    shine = relief(page, 0.5 * size * smooth(0.1 * size, -0.5 * size, distance)) if gloss else np.zeros_like(alpha)
    return paint(scene.image, alpha, ink) + gloss * np.clip(shine, -0.3, 1) * scene.parts[part]


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
    """A few nearly parallel grooves: a bright floor beside a dark lip."""
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
    return paint(image, 0.9 * gash, tone(floor, len(image)) * (1 + 0.25 * noise(page, rng, 0.02)))


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
    return scene.image * (1 + rng.uniform(*depth) * flank * lit - 0.45 * line)


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
    return scene.image * (1 + alpha * strength * (0.55 * pits + rng.choice((-0.5, 0.5))))


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
    row, column = np.indices(bell.shape, dtype=np.float32)
    row = row - bell * (far * math.sin(angle) / page.pixel)
    column = column - bell * (far * math.cos(angle) / page.pixel)
    moved = [ndimage.map_coordinates(plane, [row, column], order=1, mode="nearest") for plane in scene.image]
    return np.stack(moved)


def several(page: Page, scene: Scene, rng: Generator, *, kinds: tuple[Surface, ...]) -> Array:
    """One defect of each kind, one upon another."""
    for kind in kinds:
        scene = scene._replace(image=kind(page, scene, rng))
    return scene.image
