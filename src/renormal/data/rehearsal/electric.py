"""Cable, transistor."""

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
    noise,
    paint,
    relief,
    smooth,
    tone,
    turned,
)
from renormal.data.rehearsal.shapes import Point, box, disc, honeycomb, length, line, stroke

SLEEVES: tuple[Colour, ...] = ((0.30, 0.50, 0.30), (0.24, 0.33, 0.55), (0.47, 0.42, 0.38))  # green, blue, grey-brown


def cable(
    page: Page,
    rng: Generator,
    *,
    missing_cable: Generator | None = None,
    cable_swap: Generator | None = None,
    missing_wire: Generator | None = None,
    bent_wire: Generator | None = None,
) -> Scene:
    """A cable cut across: a pale jacket around three coloured sleeves, each full of copper strands."""
    lie = turned(page, angle=rng.normal(0, 0.06), at=(rng.normal(0, 0.02), rng.normal(0, 0.02)))
    jacket = disc(lie, (0, 0), 0.86) + 0.010 * noise(page, rng, 0.5)
    image = _jacket(page, rng, jacket)
    colours = SLEEVES if cable_swap is None else (SLEEVES[1], *SLEEVES[1:])
    absent = -1 if missing_cable is None else int(missing_cable.integers(3))
    bare = -1 if missing_wire is None else int(missing_wire.integers(3))
    core = np.zeros_like(page.x)
    for k in range(3):
        x, y = _place(k, turn=rng.normal(0, 0.04))
        at = (x + rng.normal(0, 0.01), y + rng.normal(0, 0.01))
        sleeve = disc(lie, at, 0.355) + 0.012 * noise(page, rng, 0.3)
        filled = _core(page, rng, lie, at, colours[k], bare=bare == k)
        void = tone((0.20, 0.20, 0.21), 3) * (0.55 + 0.6 * smooth(0, -0.3, sleeve))
        image = image * (1 - 0.55 * smooth(0.05, 0.0, sleeve))
        image = paint(image, cover(page, sleeve, soft=1.5), void if absent == k else filled)
        core = np.maximum(core, cover(page, sleeve + 0.02))
    image = image if bent_wire is None else _stray(page, image, bent_wire)
    solid = cover(page, jacket, soft=1.5)
    ring = solid * cover(page, 0.76 - length(lie.x, lie.y)) * (1 - core)
    return Scene(image, {"body": solid, "core": core, "jacket": ring})


def _place(number: int, *, turn: float = 0.0) -> Point:
    """The middle of a sleeve: three around the axis, the first on top."""
    angle = 2 * math.pi * number / 3 - math.pi / 2 + turn
    return 0.435 * math.cos(angle), 0.435 * math.sin(angle)


def _jacket(page: Page, rng: Generator, jacket: Array) -> Array:
    """Mottled pale rubber on a grey table."""
    table = flood(page, (0.43, 0.44, 0.455)) + 0.012 * noise(page, rng, 0.5)
    table = table * (1 - 0.4 * np.exp(-np.maximum(jacket, 0) / 0.06))
    bevel = relief(page, 0.08 * smooth(0, -0.07, jacket))
    rubber = flood(page, (0.72, 0.73, 0.73)) * (1 + 0.03 * noise(page, rng, 0.05) + 0.10 * bevel)
    return paint(table, cover(page, jacket, soft=1.5), rubber)


def _core(page: Page, rng: Generator, lie: Page, at: Point, colour: Colour, *, bare: bool) -> Array:
    """One sleeve with its strands; a bare one lost most of its copper."""
    here = turned(lie, angle=rng.uniform(0, 1), at=at)
    radius = length(here.x, here.y)
    plastic = flood(page, colour) * (
        0.92 + 0.05 * noise(page, rng, 0.08) + 0.35 * relief(page, 0.05 * smooth(0.36, 0.27, radius))
    )
    dx, dy, number = honeycomb(here.x + 0.010 * noise(page, rng, 0.08), here.y + 0.010 * noise(page, rng, 0.08), 0.073)
    own = rng.standard_normal(128 * 128).astype(np.float32)[number]
    inside = length(here.x - dx, here.y - dy) < 0.205
    kept = inside & ((length(here.x - dx + 0.10, here.y - dy) > 0.17) | (not bare))
    strand = cover(page, length(dx, dy) - 0.034, soft=1.5) * kept
    lit = 0.72 + 0.10 * own - 7 * (dx + dy) - 130 * (dx * dx + dy * dy)
    pit = smooth(0.250, 0.225, radius + 0.006 * noise(page, rng, 0.1))
    hollow = paint(plastic, pit, tone((0.20, 0.13, 0.10), 3) * (0.6 + 0.4 * smooth(0.1, 0.25, radius)))
    return paint(hollow, strand, tone((0.93, 0.62, 0.47), 3) * lit)


def _stray(page: Page, image: Array, flaw: Generator) -> Array:
    """A copper strand that left its bundle and lies across the cut."""
    angle, turn = flaw.uniform(0, 2 * math.pi), flaw.normal(0, 0.7)
    at = _place(int(flaw.integers(3)))
    middle = (at[0] + 0.20 * math.cos(angle), at[1] + 0.20 * math.sin(angle))
    end = (middle[0] + 0.20 * math.cos(angle + turn), middle[1] + 0.20 * math.sin(angle + turn))
    distance, _ = stroke(page, [at, middle, end])
    image = image * (1 - 0.4 * smooth(0.075, 0.03, distance))
    round_ = np.sqrt(np.clip(1 - (distance / 0.028) ** 2, 0, 1))
    return paint(image, cover(page, distance - 0.028, soft=1.5), tone((0.90, 0.58, 0.42), 3) * (0.45 + 0.55 * round_))


def transistor(
    page: Page,
    rng: Generator,
    *,
    bent_lead: Generator | None = None,
    cut_lead: Generator | None = None,
    misplaced: Generator | None = None,
) -> Scene:
    """A transistor on a perforated board: a black case above, three tinned legs down into their holes."""
    lie = turned(page, angle=rng.normal(0, 0.015), at=(rng.normal(0, 0.012), rng.normal(0, 0.012)))
    image = _board(page, rng, lie)
    if misplaced is not None:
        shift = (misplaced.choice((-1.0, 1.0)) * misplaced.uniform(0.10, 0.25), misplaced.uniform(-0.1, 0.15))
        lie = turned(lie, angle=misplaced.normal(0, 0.30), at=shift)
    sway, short = np.zeros(3), np.zeros(3)
    if bent_lead is not None:
        sway[bent_lead.integers(3)] = bent_lead.choice((-1.0, 1.0)) * bent_lead.uniform(0.10, 0.20)
    if cut_lead is not None:
        short[cut_lead.integers(3)] = cut_lead.uniform(0.20, 0.45)
    for k, left in enumerate((-0.25, 0.0, 0.25)):
        bend = (left + float(sway[k]) + rng.normal(0, 0.008), 0.40)
        end = (left + 0.3 * float(sway[k]), 0.75)
        image = _leg(page, image, lie, (0.8 * left, -0.05), bend, end, short=float(short[k]))
    case = box(lie, (0, -0.36), (0.42, 0.37), corner=0.05)
    image = image * (1 - 0.45 * np.exp(-np.maximum(box(lie, (0.03, -0.33), (0.42, 0.37), corner=0.05), 0) / 0.06))
    solid = cover(page, case, soft=1.5)
    image = paint(image, solid, _case(page, rng, lie, case))
    edge = cover(page, np.abs(case + 0.05) - 0.04)
    return Scene(image, {"body": solid * smooth(0.0, -0.04, case), "edge": edge})


def _case(page: Page, rng: Generator, lie: Page, case: Array) -> Array:
    """Matt black resin with bevelled edges and a round ejector mark."""
    bevel = relief(page, 0.06 * smooth(0.0, -0.05, case))
    light = 0.115 + 0.05 * bevel + 0.03 * smooth(0.4, -0.8, lie.y) + 0.009 * noise(page, rng, 0.015)
    dent = cover(page, length(lie.x, lie.y + 0.58) - 0.055, soft=2)
    lip = cover(page, length(lie.x, lie.y + 0.575) - 0.062, soft=2) - dent
    resin: Array = tone((1.0, 1.0, 1.04), 3) * (light + 0.05 * lip - 0.02 * dent)
    return resin


def _board(page: Page, rng: Generator, lie: Page) -> Array:
    """Tan laminate with a square lattice of copper rings around holes."""
    tan = flood(page, (0.66, 0.53, 0.38)) * (1 + 0.035 * noise(page, rng, 0.012) + 0.03 * noise(page, rng, 0.15))
    dx, dy = ((v / 0.25 - np.round(v / 0.25)) * 0.25 for v in (lie.x, lie.y))
    radius = length(dx, dy)
    ring = tone((0.78, 0.62, 0.44), 3) * (1 + 3.0 * (-dx - dy))
    tan = paint(tan, 0.9 * cover(page, radius - 0.085, soft=1.5), ring)
    return paint(tan, cover(page, radius - 0.047, soft=1.5), (0.10, 0.08, 0.07))


def _leg(page: Page, image: Array, lie: Page, top: Point, bend: Point, end: Point, *, short: float) -> Array:
    """A flat tinned wire from the case over a bend to its hole, `short` of it cut off, with its shadow."""
    upper, _ = line(lie, top, bend)
    lower, _ = line(lie, bend, end)
    distance = np.maximum(np.minimum(upper, lower), np.maximum(lie.y - (end[1] - short), 0) * 1.5)
    shadow = smooth(0.09, 0.02, np.roll(distance, (page.size // 64, page.size // 48), (0, 1)))
    image = image * (1 - 0.35 * shadow)
    middle = np.interp(lie.y, (top[1], bend[1], end[1]), (top[0], bend[0], end[0])).astype(np.float32)
    side = lie.x - middle
    light = 0.62 - 0.22 * np.abs(side) / 0.045 + 0.22 * np.exp(-(((side + 0.012) / 0.012) ** 2))
    return paint(image, cover(page, distance - 0.042, soft=1.5), tone((0.97, 0.98, 1.0), 3) * light)
