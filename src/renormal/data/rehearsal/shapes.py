"""Signed distances in page units, negative inside, and the few patterns that repeat."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from renormal.data.rehearsal.canvas import Array, Page, noise

Point = tuple[float, float]


def length(x: Array, y: Array) -> Array:
    return np.sqrt(x * x + y * y)


def disc(page: Page, at: Point, radius: float) -> Array:
    return length(page.x - at[0], page.y - at[1]) - radius


def box(page: Page, at: Point, half: Point, *, corner: float = 0.0) -> Array:
    """A rectangle of half sides `half` with rounded corners."""
    x = np.abs(page.x - at[0]) - (half[0] - corner)
    y = np.abs(page.y - at[1]) - (half[1] - corner)
    inside: Array = np.minimum(np.maximum(x, y), 0)
    return length(np.maximum(x, 0), np.maximum(y, 0)) + inside - corner


def line(page: Page, start: Point, end: Point) -> tuple[Array, Array]:
    """Distance to a segment, and how far along it the nearest point lies (0 to 1)."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = page.x - start[0], page.y - start[1]
    along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
    return length(x - along * dx, y - along * dy), along


def stroke(page: Page, points: list[Point]) -> tuple[Array, Array]:
    """Distance to a polyline, and how far along it the nearest point lies (0 to 1)."""
    parts = len(points) - 1
    distance = np.full_like(page.x, np.inf)
    along = np.zeros_like(page.x)
    for k in range(parts):
        d, t = line(page, points[k], points[k + 1])
        closer = d < distance
        distance = np.where(closer, d, distance)
        along = np.where(closer, (k + t) / parts, along)
    return distance, along


def wander(
    rng: Generator, at: Point, *, reach: float, bend: float, angle: float | None = None, knots: int = 9
) -> list[Point]:
    """A path of length `reach` around `at` whose heading changes by about `bend` radians from knot to knot."""
    heading = rng.uniform(0, 2 * math.pi) if angle is None else angle
    turns = heading + np.cumsum(rng.normal(0, bend, knots)) - 0.0
    steps = np.stack([np.cos(turns), np.sin(turns)], 1) * (reach / knots)
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])
    path += np.asarray(at) - path.mean(0)
    return [(float(x), float(y)) for x, y in path]


def blob(page: Page, rng: Generator, at: Point, radius: float, *, ragged: float = 0.24) -> Array:
    """An irregular patch: an ellipse of random tilt whose edge is pushed by noise."""
    tilt, squash = rng.uniform(0, math.pi), rng.uniform(0.7, 1.0)
    x, y = page.x - at[0], page.y - at[1]
    across = math.cos(tilt) * x + math.sin(tilt) * y
    down = (math.cos(tilt) * y - math.sin(tilt) * x) / squash
    edge = noise(page, rng, radius * 0.8) + 0.5 * noise(page, rng, radius * 0.3)
    return length(across, down) - radius * (1 + ragged * edge)


def splinter(page: Page, rng: Generator, at: Point, radius: float, *, sides: int = 5) -> Array:
    """A convex polygon with sides at random distances, as broken things have."""
    start = rng.uniform(0, 2 * math.pi)
    distance = np.full_like(page.x, -np.inf)
    for k in range(sides):
        angle = start + 2 * math.pi * (k + rng.uniform(-0.25, 0.25)) / sides
        plane = math.cos(angle) * (page.x - at[0]) + math.sin(angle) * (page.y - at[1])
        distance = np.maximum(distance, plane - radius * rng.uniform(0.45, 1.1))
    return distance


def honeycomb(x: Array, y: Array, pitch: float) -> tuple[Array, Array, NDArray[np.int64]]:
    """Offset (dx, dy) from the nearest point of a hexagonal lattice, and that point's number."""
    high = pitch * math.sqrt(3)
    i, j = np.round(x / pitch), np.round(y / high)
    m, n = np.floor(x / pitch) + 0.5, np.floor(y / high) + 0.5
    first = length(x - i * pitch, y - j * high) < length(x - m * pitch, y - n * high)
    column, row = np.where(first, i, m), np.where(first, j, n)
    number = (2 * column + 64).astype(np.int64) * 128 + (2 * row + 64).astype(np.int64)
    return x - column * pitch, y - row * high, number


GLYPHS: dict[str, list[list[Point]]] = {
    "F": [[(0, 0), (0, 1)], [(0, 0), (0.55, 0)], [(0, 0.47), (0.42, 0.47)]],
    "5": [[(0.55, 0), (0.05, 0), (0.02, 0.42), (0.32, 0.38), (0.55, 0.55), (0.55, 0.8), (0.32, 1), (0, 0.92)]],
    "0": [[(0.28, 0), (0.03, 0.2), (0.03, 0.8), (0.28, 1), (0.53, 0.8), (0.53, 0.2), (0.28, 0)]],
    "A": [[(0, 1), (0.28, 0), (0.56, 1)], [(0.1, 0.62), (0.46, 0.62)]],
    "1": [[(0.1, 0.2), (0.3, 0), (0.3, 1)]],
    "4": [[(0.42, 1), (0.42, 0), (0, 0.68), (0.56, 0.68)]],
    "7": [[(0, 0), (0.55, 0), (0.2, 1)]],
}


def lettering(page: Page, text: str, at: Point, *, height: float) -> Array:
    """Distance to the strokes of a text centred on `at`."""
    advance, distance = 0.8 * height, np.full_like(page.x, np.inf)
    left, top = at[0] - (advance * len(text) - 0.25 * height) / 2, at[1] - height / 2
    for place, letter in enumerate(text):
        for path in GLYPHS[letter]:
            points = [(left + place * advance + height * px, top + height * py) for px, py in path]
            distance = np.minimum(distance, stroke(page, points)[0])
    return distance
