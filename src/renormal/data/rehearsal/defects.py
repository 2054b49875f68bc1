"""A defect of the surface: a function from a scene to the scene's image with one defect on one of its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from renormal.data.rehearsal.canvas import Array, Page, Scene
from renormal.data.rehearsal.shapes import Point

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
    mean = float(np.sum(grey * alpha) / (np.sum(alpha) + 1e-6))
    relative: Array = np.clip(grey / (mean + 0.05), 0, 2.5)
    return relative


def several(page: Page, scene: Scene, rng: Generator, *, kinds: tuple[Surface, ...]) -> Array:
    """One defect of each kind, one upon another."""
    for kind in kinds:
        scene = scene._replace(image=kind(page, scene, rng))
    return scene.image
