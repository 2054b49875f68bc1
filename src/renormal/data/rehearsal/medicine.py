"""Capsule, pill."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from renormal.data.rehearsal.canvas import Array, Page, Scene, cover, flood, noise, paint, relief, smooth, tone, turned
from renormal.data.rehearsal.shapes import length, lettering, line


def capsule(page: Page, rng: Generator, *, faulty_imprint: Generator | None = None) -> Scene:
    """A gelatine capsule on white: a black cap slipped over an orange body printed 500."""
    lie = turned(page, angle=rng.normal(0, 0.025), at=(rng.normal(0, 0.015), rng.normal(0, 0.02)))
    seam = -0.04 + rng.normal(0, 0.012)
    on_cap = cover(page, lie.x - seam)
    radius = 0.315 + 0.016 * on_cap
    axis, _ = line(lie, (-0.50, 0), (0.50, 0))
    reach = axis / radius
    dome = np.sqrt(np.clip(1 - reach**2, 0, 1))
    light = 0.42 + 0.62 * dome - 0.13 * lie.y / 0.33 * smooth(0.1, 0.5, dome)
    wave = 0.03 * noise(page, rng, 0.15, stretch=0.3)
    gloss = np.exp(-(((lie.y + 0.17 + 0.01 * wave) / 0.035) ** 2)) * smooth(0.68, 0.45, np.abs(lie.x))
    glow = np.exp(-(((lie.y - 0.19) / 0.06) ** 2)) * smooth(0.7, 0.4, np.abs(lie.x))
    shell = paint(flood(page, (0.78, 0.285, 0.115)), on_cap, (0.105, 0.10, 0.105)) * (light + wave)
    text, ink = _imprint(lie, faulty_imprint)
    grain = np.clip(0.86 + 0.10 * noise(page, rng, 0.03), 0, 1)
    shell = paint(
        shell, ink * grain * cover(page, text - 0.017, soft=1.5), tone((0.87, 0.80, 0.74), 3) * (0.5 + 0.5 * dome)
    )
    shell = shell + 0.34 * gloss + 0.07 * glow * tone((1.0, 0.75, 0.6), 3)
    shell = shell * (1 - 0.35 * np.exp(-(((lie.x - seam - 0.012) / 0.014) ** 2)))
    edge = cover(page, axis - radius, soft=1.5)
    paper = flood(page, (0.90, 0.905, 0.90)) + 0.012 * noise(page, rng, 0.7)
    paper = paper * (1 - 0.30 * np.exp(-np.maximum(line(lie, (-0.48, 0.05), (0.52, 0.05))[0] - 0.31, 0) / 0.06))
    parts = {
        "body": edge * smooth(0.25, 0.4, dome),
        "cap": edge * on_cap,
        "orange": edge * (1 - on_cap) * smooth(0.3, 0.5, dome),
    }
    return Scene(paint(paper, edge, shell), parts)


def _imprint(lie: Page, flaw: Generator | None) -> tuple[Array, Array]:
    """Distance to the printed strokes, and how well the ink took; a faulty one slipped or is worn."""
    if flaw is None:
        return lettering(lie, "500", (0.31, 0.0), height=0.20), np.ones_like(lie.x)
    slip = (0.31 + flaw.uniform(-0.10, 0.10), flaw.choice((-1.0, 1.0)) * flaw.uniform(0.03, 0.10))
    bare = smooth(-0.05, 0.05, lie.x - 0.31 - flaw.uniform(-0.12, 0.05))
    worn = bare if flaw.uniform() < 0.5 else 1 - 0.3 * bare
    return lettering(lie, flaw.choice(("500", "50", "00")), slip, height=0.20), worn


def pill(page: Page, rng: Generator, *, faulty_imprint: Generator | None = None) -> Scene:
    """A white oval tablet on black, red and yellow grains pressed into it, FF embossed."""
    lie = turned(page, angle=rng.normal(0, 0.02), at=(rng.normal(0, 0.012), rng.normal(0, 0.012)))
    reach = length(lie.x / 0.86, lie.y / 0.55) + 0.003 * noise(page, rng, 0.2)
    dome = np.sqrt(np.clip(1 - reach**2, 0, 1))
    text = lettering(lie, "FF", (0.0, 0.0), height=0.42)
    if faulty_imprint is not None:
        text = text + _smudge(lie, faulty_imprint)
    letters = smooth(0.034, 0.012, text)
    bevel = smooth(1.0, 0.80, reach)
    height = 0.10 * dome + 0.05 * bevel - 0.022 * letters + 0.0006 * noise(page, rng, 0.015)
    light = 0.80 + 0.10 * dome + 0.32 * np.clip(relief(page, height), -1.2, 0.6) - 0.05 * letters
    chalk = flood(page, (0.90, 0.885, 0.86)) + 0.012 * noise(page, rng, 0.05)
    grains = (
        ((0.66, 0.20, 0.19), 0.024, 2.15, 0.75),
        ((0.70, 0.33, 0.28), 0.050, 2.1, 0.40),
        ((0.80, 0.62, 0.36), 0.035, 2.1, 0.50),
    )
    for colour, scale, level, strength in grains:
        chalk = paint(chalk, strength * smooth(level, level + 0.5, noise(page, rng, scale)), colour)
    edge = cover(page, (reach - 1) * 0.6, soft=1.5)
    cloth = flood(page, (0.035, 0.035, 0.038)) + 0.006 * noise(page, rng, 0.02)
    return Scene(paint(cloth, edge, chalk * light), {"body": edge * smooth(0.3, 0.5, dome), "all": edge})


def _smudge(lie: Page, flaw: Generator) -> Array:
    """Added to the distance to the strokes where the stamp did not reach: one side, top or bottom."""
    angle = flaw.uniform(0, 2 * math.pi)
    side = math.cos(angle) * lie.x / 0.3 + math.sin(angle) * lie.y / 0.22
    return 0.04 * smooth(-0.15, 0.5, side - flaw.uniform(-0.3, 0.2))
