"""Metal nut, screw, zipper."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from renormal.data.rehearsal.canvas import Array, Page, Scene, cover, flood, noise, paint, relief, smooth, tone, turned
from renormal.data.rehearsal.shapes import box, length


def metal_nut(page: Page, rng: Generator, *, bent: Generator | None = None, flip: Generator | None = None) -> Scene:
    """A flanged nut at any angle: four prongs sweep one way around a raised collar with a threaded hole."""
    lie = turned(page, angle=rng.uniform(0, 2 * math.pi), at=(rng.normal(0, 0.02), rng.normal(0, 0.02)))
    lie = lie if flip is None else Page(page.size, -lie.x, lie.y)
    radius, angle = length(lie.x, lie.y), np.arctan2(lie.y, lie.x)
    flange, tilt = _flange(page, radius, angle, bent)
    metal = np.maximum(flange, 0.265 - radius)
    collar = smooth(0.43, 0.39, radius) * smooth(0.27, 0.31, radius)
    height = 0.06 * smooth(0.0, -0.06, metal) + 0.035 * collar + 0.0012 * noise(page, rng, 0.02)
    height = height + 0.10 * tilt * np.maximum(radius - 0.5, 0)
    lathe = np.sin(150 * radius + 2 * noise(page, rng, 0.3)) * 0.016 + 0.035 * noise(page, rng, 0.06)
    sheen = 0.06 * np.cos(2 * angle - rng.uniform(0, 6)) + 0.05 * noise(page, rng, 0.4)
    light = 0.47 + 0.05 * collar + 0.26 * np.clip(relief(page, height), -1.3, 1.3) + lathe + sheen
    light = light - 0.16 * tilt * smooth(0.54, 0.60, radius)
    thread = 0.13 + 0.10 * np.sin(190 * radius + angle) * smooth(0.20, 0.22, radius)
    cloth = flood(page, (0.105, 0.11, 0.12)) + 0.014 * noise(page, rng, 0.02)
    cloth = cloth * (1 - 0.5 * np.exp(-np.maximum(flange, 0) / 0.05))
    image = paint(cloth, cover(page, radius - 0.272) * smooth(0.19, 0.21, radius), tone((1, 1, 1.03), 3) * thread)
    solid = cover(page, metal, soft=1.5)
    image = paint(image, solid, tone((0.98, 0.99, 1.03), 3) * light)
    return Scene(image, {"body": solid * smooth(0, -0.05, metal)})


def _flange(page: Page, radius: Array, angle: Array, bent: Generator | None) -> tuple[Array, Array]:
    """Distance to the flange, drawn once and folded four times, and how far each prong is tilted (0 = flat)."""
    folded = (angle + math.pi / 4) % (math.pi / 2) - math.pi / 4
    number = np.round((angle - folded) / (math.pi / 2)).astype(np.int64) % 4
    short, tilt = np.zeros(4, np.float32), np.zeros(4, np.float32)
    if bent is not None:
        prong = bent.integers(4)
        short[prong], tilt[prong] = bent.uniform(0.08, 0.16), bent.uniform(0.25, 0.7)
    here = turned(Page(page.size, radius * np.cos(folded), radius * np.sin(folded)), angle=0.30)
    side = box(Page(page.size, here.x + short[number], here.y), (0.62, 0.0), (0.24, 0.23), corner=0.08)
    sweep = 0.42 - length(here.x - 0.72, here.y + 0.60)
    return np.minimum(np.maximum(side, sweep), radius - 0.60), tilt[number]


PROFILE = (  # along the screw, half its width: head, neck, core of the thread, point
    (-0.80, -0.79, -0.765, -0.60, -0.1, -0.05, 0.60, 0.83),
    (0, 0.17, 0.178, 0.072, 0.066, 0.052, 0.05, 0),
)


def screw(
    page: Page, rng: Generator, *, thread_side: Generator | None = None, manipulated_front: Generator | None = None
) -> Scene:
    """A wood screw at any angle on a light table: countersunk head, plain neck, thread, point."""
    lie = turned(page, angle=rng.uniform(0, 2 * math.pi), at=(rng.normal(0, 0.02), rng.normal(0, 0.02)))
    x, y = lie.x, lie.y / 1.25  # the profile is of a thinner screw
    if manipulated_front is not None:
        y = y - manipulated_front.choice((-1.0, 1.0)) * manipulated_front.uniform(0.3, 0.7) * np.maximum(x - 0.62, 0)
        x = x + manipulated_front.uniform(0.0, 0.6) * np.maximum(x - 0.66, 0)
    threaded = smooth(-0.10, -0.04, x) * smooth(0.82, 0.70, x)
    turn = 2 * math.pi * (x - 0.45 * y) / 0.094
    tooth = np.maximum(np.cos(turn), 0) ** 2 * threaded
    tooth = tooth if thread_side is None else tooth * (1 - _worn(thread_side, x, y))
    width = np.interp(x, *PROFILE).astype(np.float32) + 0.040 * tooth
    distance = np.where((x > -0.80) & (x < 0.83), (np.abs(y) - width) * 1.05, 0.05)
    flank = 0.17 * np.sin(turn) * threaded + 0.10 * (tooth - 0.3 * threaded) - 0.08 * smooth(-0.755, -0.775, x)
    light = _cylinder(y / np.maximum(width, 0.01), dull=0.5 * threaded) + flank + 0.03 * noise(page, rng, 0.03)
    shade = length(np.maximum(np.abs(x + 0.06) - 0.70, 0), np.maximum(np.abs(y - 0.03) - 0.06, 0))
    table = 0.70 + 0.01 * noise(page, rng, 0.6) - 0.14 * np.exp(-shade / 0.05)
    solid = cover(page, distance, soft=1.3)
    parts = {"body": solid, "head": solid * (x < -0.62), "neck": solid * ((x > -0.56) & (x < -0.12))}
    return Scene(paint(table, solid, light)[None], parts)


def _cylinder(across: Array, *, dull: Array) -> Array:
    """Light on a polished round bar, `across` running from -1 to 1 over its width."""
    gloss = 0.30 * np.exp(-(((across + 0.35) / 0.20) ** 2)) + 0.10 * np.exp(-(((across - 0.55) / 0.15) ** 2))
    lit: Array = 0.20 + 0.26 * np.sqrt(np.clip(1 - across**2, 0, 1)) + gloss * (1 - dull)
    return lit


def _worn(flaw: Generator, x: Array, y: Array) -> Array:
    """1 where the crests of a few turns are pressed flat, on one side of the screw."""
    middle, reach = flaw.uniform(0.10, 0.50), flaw.uniform(0.09, 0.18)
    side = np.sign(flaw.uniform(-1, 1)) * y > 0
    return np.where(side, 0.9 * smooth(reach, 0.8 * reach, np.abs(x - middle)), 0)


def zipper(
    page: Page, rng: Generator, *, broken_teeth: Generator | None = None, split_teeth: Generator | None = None
) -> Scene:
    """A closed zipper, upright: plastic teeth from left and right take turns; twilled tape on both sides."""
    lie = turned(page, angle=rng.normal(0, 0.008), at=(rng.normal(0, 0.012), 0))
    phase, pitch = rng.uniform(0, 1), 0.150
    open_ = np.zeros_like(lie.x) if split_teeth is None else _gap(split_teeth, lie)
    out = np.abs(lie.x) - open_  # how far from the middle, had the zipper stayed closed
    tape = _tape(page, rng, Page(page.size, np.sign(lie.x) * out, lie.y))
    image = np.where(np.abs(out) < 0.02 + 0.004 * np.cos(40 * lie.y), 0.10, tape)
    image = np.where(out < 0, 0.085, image)
    lost = np.zeros((2, 64), bool) if broken_teeth is None else _lost(broken_teeth)
    for hand in (-1.0, 1.0):
        place = lie.y / pitch + phase + (0.0 if hand < 0 else 0.5)
        number = np.round(place)
        tooth = _tooth(Page(page.size, hand * lie.x - open_, (place - number) * pitch))
        stump = np.maximum(tooth, 0.095 - (hand * lie.x - open_))
        tooth = np.where(lost[int(hand > 0)][number.astype(np.int64) + 32], stump, tooth)
        slope = np.clip(relief(page, 0.03 * smooth(0.0, -0.03, tooth)), -1, 1.1)
        light = 0.34 + 0.24 * slope + 0.02 * noise(page, rng, 0.05)
        image = paint(image * (1 - 0.45 * smooth(0.045, 0.0, tooth)), cover(page, tooth, soft=1.4), light)
    parts = {"body": np.ones_like(lie.x), "teeth": cover(page, out - 0.16)}
    parts |= {"interior": cover(page, np.abs(out - 0.48) - 0.18), "border": cover(page, np.abs(out - 0.80) - 0.04)}
    return Scene(image[None], parts)


def _tooth(here: Page) -> Array:
    """A shank that grips the tape and a broader head that hooks between its neighbours."""
    shank = box(here, (0.07, 0), (0.115, 0.036), corner=0.020)
    return np.minimum(shank, box(here, (-0.045, 0), (0.030, 0.046), corner=0.022))


def _lost(flaw: Generator) -> NDArray[np.bool_]:
    """Which teeth, of the left and of the right side, are broken off: one to three in a row."""
    lost = np.zeros((2, 64), bool)
    first = 32 + flaw.integers(-4, 4)
    lost[flaw.integers(2), first : first + flaw.integers(1, 4)] = True
    return lost


def _gap(flaw: Generator, lie: Page) -> Array:
    """How far the two sides stand apart where the teeth let go."""
    middle, reach = flaw.uniform(-0.6, 0.6), flaw.uniform(0.18, 0.35)
    bell: Array = np.exp(-(((lie.y - middle) / reach) ** 2)) * smooth(0.62, 0.15, np.abs(lie.x))
    return flaw.uniform(0.06, 0.12) * bell


def _tape(page: Page, rng: Generator, lie: Page) -> Array:
    """Dark twill with a sewn cord along the teeth and a selvedge; brighter table beyond it."""
    out = np.abs(lie.x)
    twill = np.sin(2 * math.pi * (np.abs(lie.x) + 0.8 * lie.y) / 0.040) * np.cos(2 * math.pi * lie.y / 0.044)
    cloth = 0.235 + 0.045 * twill + 0.022 * noise(page, rng, 0.015, stretch=0.5) + 0.012 * noise(page, rng, 0.3)
    cord = np.exp(-(((out - 0.235) / 0.035) ** 2))
    stitch = 0.5 + 0.5 * np.cos(2 * math.pi * (lie.y + 0.6 * out) / 0.075)
    cloth = cloth + cord * (0.10 * stitch - 0.03) - 0.07 * np.exp(-(((out - 0.30) / 0.016) ** 2))
    cloth = cloth + 0.05 * np.exp(-(((out - 0.82) / 0.02) ** 2)) * stitch
    table = 0.66 + 0.01 * noise(page, rng, 0.5) - 0.20 * np.exp(-np.maximum(out - 0.86, 0) / 0.03)
    return paint(table, cover(page, out - 0.86 - 0.004 * np.sin(150 * lie.y), soft=1.5), cloth)
