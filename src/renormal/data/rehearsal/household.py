"""Bottle, hazelnut, toothbrush."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from renormal.data.rehearsal.canvas import (
    Array,
    Colour,
    Page,
    Scene,
    cover,
    flood,
    fractal,
    noise,
    paint,
    relief,
    smooth,
    tone,
    turned,
)
from renormal.data.rehearsal.shapes import box, honeycomb, length

GLASS = (  # radius, then the colour of brown glass with the light behind it
    (0.00, (0.085, 0.050, 0.035)),
    (0.26, (0.120, 0.070, 0.045)),
    (0.40, (0.235, 0.135, 0.080)),
    (0.46, (0.300, 0.190, 0.125)),
    (0.485, (0.070, 0.045, 0.035)),
    (0.53, (0.055, 0.040, 0.035)),
    (0.555, (0.340, 0.300, 0.270)),
    (0.60, (0.200, 0.155, 0.130)),
    (0.68, (0.165, 0.115, 0.090)),
    (0.715, (0.340, 0.250, 0.200)),
    (0.74, (0.060, 0.040, 0.035)),
    (0.80, (0.150, 0.075, 0.045)),
    (0.865, (0.360, 0.170, 0.085)),
    (0.895, (0.150, 0.070, 0.045)),
    (0.92, (0.090, 0.050, 0.040)),
)


def bottle(page: Page, rng: Generator) -> Scene:
    """The mouth of a brown bottle from above: rings of glass on a bright table, the lamp reflected along them."""
    lie = turned(page, at=(rng.normal(0, 0.012), rng.normal(0, 0.012)), scale=rng.uniform(0.98, 1.01))
    radius, angle = length(lie.x, lie.y), np.arctan2(lie.y, lie.x)
    radius = radius + 0.0012 * noise(page, rng, 0.4)
    radii = [r for r, _ in GLASS]
    image = np.stack([np.interp(radius, radii, [c[k] for _, c in GLASS]) for k in range(3)]).astype(np.float32)
    start = rng.uniform(0, 2 * math.pi)
    image = image * (1 + 0.22 * np.cos(2 * (angle - start)) + 0.06 * noise(page, rng, 0.15))
    for ring, width, sharp in ((0.565, 0.013, 5), (0.645, 0.030, 2), (0.725, 0.012, 9), (0.85, 0.022, 3)):
        lamp = np.maximum(np.cos(angle - start - rng.uniform(-0.5, 0.5) - 9 * ring), 0) ** sharp
        image = image + 0.42 * lamp * np.exp(-(((radius - ring) / width) ** 2)) * tone((1.0, 0.93, 0.86), 3)
    table = flood(page, (0.93, 0.935, 0.94)) - 0.10 * smooth(1.05, 0.90, radius)
    edge = cover(page, radius - 0.925, soft=1.5)
    inside, rim = cover(page, radius - 0.47), cover(page, np.abs(radius - 0.72) - 0.18)
    return Scene(paint(table, edge, image), {"body": edge, "inside": inside, "rim": rim})


def hazelnut(page: Page, rng: Generator) -> Scene:
    """A brown nut on black felt, turned any way: fibres run from the pale scar below to the tip above."""
    lie = turned(
        page,
        angle=rng.uniform(0, 2 * math.pi),
        at=(rng.normal(0, 0.03), rng.normal(0, 0.03)),
        scale=rng.uniform(0.90, 1.02),
    )
    upward = -lie.y
    half = 0.66 * np.sqrt(np.clip(1 - (upward / 0.74) ** 2, 1e-3, 1)) * (1 - 0.13 * upward - 0.10 * upward**2)
    reach = length(lie.x / (0.66 * (1 - 0.13 * upward - 0.10 * upward**2)), upward / 0.74)
    reach = reach - 0.07 * np.exp(-((lie.x / 0.10) ** 2)) * smooth(0.5, 0.74, upward) + 0.008 * noise(page, rng, 0.25)
    dome = np.sqrt(np.clip(1 - reach**2, 0, 1))
    around = np.arcsin(np.clip(lie.x / np.maximum(half, 0.05), -1, 1)) + 0.03 * noise(page, rng, 0.3)
    knots = np.linspace(-1.7, 1.7, 110)
    fibre = np.interp(around, knots, rng.standard_normal(110)).astype(np.float32) + 0.7 * noise(page, rng, 0.04)
    tuft = smooth(0.35, 0.72, upward)
    light = 0.33 + 0.62 * dome + 0.20 * relief(page, dome * 0.5) * smooth(0.05, 0.4, dome)
    shell = flood(page, (0.60, 0.345, 0.17)) * (1 + 0.07 * fibre + 0.06 * noise(page, rng, 0.25))
    shell = paint(shell, 0.45 * tuft, (0.70, 0.52, 0.36))
    scar = smooth(-0.36, -0.46, upward + 0.05 * np.cos(6 * lie.x) + 0.015 * noise(page, rng, 0.08))
    rough = tone((0.66, 0.52, 0.36), 3) * (1 + 0.13 * fractal(page, rng, 0.06))
    shell = paint(shell, 0.85 * scar, rough) - 0.05 * np.exp(-(((scar - 0.5) / 0.3) ** 2))
    felt = flood(page, (0.055, 0.055, 0.06)) + 0.010 * noise(page, rng, 0.02)
    edge = cover(page, (reach - 1) * 0.66, soft=1.5)
    return Scene(paint(felt, edge, shell * light), {"body": edge * smooth(0.35, 0.5, dome), "all": edge})


TUFTS: tuple[Colour, ...] = ((0.84, 0.85, 0.84), (0.72, 0.33, 0.29), (0.80, 0.73, 0.42), (0.36, 0.52, 0.64))


def toothbrush(page: Page, rng: Generator, *, missing: Generator | None = None) -> Scene:
    """A brush head from above: a white oval with a honeycomb of coloured tufts, each a bundle of round tips."""
    lie = turned(page, angle=rng.normal(0, 0.02), at=(rng.normal(0, 0.015), rng.normal(0, 0.015)))
    head = box(lie, (0, 0), (0.52, 0.86), corner=0.42)
    dark = flood(page, (0.075, 0.085, 0.11)) + 0.008 * noise(page, rng, 0.02) + 0.02 * noise(page, rng, 0.8)
    dark = dark * (1 - 0.4 * np.exp(-np.maximum(head - 0.02, 0) / 0.06))
    plastic = flood(page, (0.50, 0.52, 0.54)) * (0.75 + 0.5 * smooth(0.0, -0.08, head))
    image = paint(dark, cover(page, head, soft=1.5), plastic)
    dx, dy, number = honeycomb(lie.x, lie.y, 0.188)
    pattern = np.asarray((0, 1, 2, 0, 3, 1, 0, 3))[number // 128 % 8]
    shift = rng.normal(0, 0.009, (2, 128 * 128)).astype(np.float32)
    tuft = length(dx - shift[0][number], dy - shift[1][number]) - 0.076 + 0.005 * noise(page, rng, 0.05)
    here = box(Page(page.size, lie.x - dx, lie.y - dy), (0, 0), (0.44, 0.78), corner=0.36) < 0
    gone = np.zeros_like(here) if missing is None else number == missing.choice(np.unique(number[here]))
    image = image * (1 - 0.45 * np.where(here, smooth(0.014, -0.006, tuft), 0))
    bristles = _bristles(page, rng, lie, np.asarray(TUFTS, np.float32)[pattern].transpose(2, 0, 1))
    bristles = bristles * (1.05 - 0.45 * smooth(-0.05, 0.01, tuft))
    standing = np.where(here & ~gone, cover(page, tuft, soft=1.5), 0)
    socket = np.where(here & gone, cover(page, tuft + 0.015, soft=1.5), 0)
    image = paint(paint(image, standing, bristles), 0.75 * socket, (0.16, 0.16, 0.17))
    return Scene(image, {"body": cover(page, head + 0.10), "tufts": np.where(here, cover(page, tuft + 0.02), 0)})


def _bristles(page: Page, rng: Generator, lie: Page, colour: Array) -> Array:
    """Round bristle tips, packed, each with its own brightness and a lit side."""
    wobble = 0.006 * noise(page, rng, 0.04), 0.006 * noise(page, rng, 0.04)
    dx, dy, number = honeycomb(lie.x + wobble[0], lie.y + wobble[1], 0.0285)
    own = rng.standard_normal(128 * 128).astype(np.float32)[number % (128 * 128)]
    tip = np.exp(-((length(dx + 0.003, dy + 0.003) / 0.0125) ** 2))
    lit: Array = colour * (0.52 + 0.48 * tip + 0.13 * own) + 0.10 * np.maximum(tip - 0.6, 0)
    return lit
