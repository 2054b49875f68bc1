"""The table: what draws each category, and what can go wrong with it. A new category is one function and one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

from renormal.data.rehearsal import electric, household, lines, medicine, metal, patches, textures
from renormal.data.rehearsal.canvas import Scene
from renormal.data.rehearsal.defects import Surface, several


class Redrawn(NamedTuple):
    """A defect of structure: the object is drawn again, its function's keyword `part` set to the defect's generator."""

    part: str


class Category(NamedTuple):
    kind: Literal["texture", "object"]
    grey: bool  # one channel, as in the original
    draw: Callable[..., Scene]  # (page, generator, *, one keyword per defect of structure)
    defects: Mapping[str, Surface | Redrawn]


BLACK, GREY, WHITE = (0.10, 0.10, 0.11), (0.48, 0.48, 0.49), (0.90, 0.90, 0.89)
RED, BLUE, GREEN, OCHRE = (0.62, 0.18, 0.15), (0.20, 0.30, 0.58), (0.25, 0.45, 0.25), (0.66, 0.52, 0.24)
GLASS = ((0.10, 0.055, 0.035), (0.66, 0.52, 0.42))

TABLE: dict[str, Category] = {
    "carpet": Category(
        "texture",
        False,
        textures.carpet,
        {
            "color": partial(patches.stain, colour=RED, hides=0.1, strength=(0.25, 0.6)),
            "cut": partial(lines.cut, reach=(0.25, 0.5), width=0.022),
            "hole": partial(patches.hole, radius=(0.06, 0.12)),
            "metal_contamination": partial(patches.shard, radius=(0.04, 0.09)),
            "thread": partial(lines.thread, colour=(0.74, 0.71, 0.62)),
        },
    ),
    "grid": Category(
        "texture",
        True,
        textures.grid,
        {
            "bent": partial(patches.push, radius=(0.12, 0.25), shift=(0.04, 0.09)),
            "broken": Redrawn("broken"),
            "glue": partial(
                patches.stain, colour=WHITE, radius=(0.06, 0.13), hides=0.5, strength=(0.25, 0.5), gloss=0.12
            ),
            "metal_contamination": partial(patches.shard, radius=(0.05, 0.10)),
            "thread": partial(lines.thread, colour=WHITE, width=0.009),
        },
    ),
    "leather": Category(
        "texture",
        False,
        textures.leather,
        {
            "color": partial(
                patches.stain, colour=(0.62, 0.42, 0.26), radius=(0.05, 0.13), hides=0.2, strength=(0.3, 0.7)
            ),
            "cut": partial(lines.cut, width=0.016, floor=(0.20, 0.12, 0.09), raised=0.35),
            "fold": lines.fold,
            "glue": partial(
                patches.stain,
                colour=(0.60, 0.52, 0.44),
                radius=(0.05, 0.12),
                hides=0.5,
                strength=(0.25, 0.5),
                gloss=0.2,
            ),
            "poke": partial(patches.hole, radius=(0.04, 0.08), dark=0.45, floor=(0.16, 0.10, 0.08)),
        },
    ),
    "tile": Category(
        "texture",
        False,
        textures.tile,
        {
            "crack": partial(lines.crack, reach=(0.9, 1.6), width=0.018, bend=0.3),
            "glue_strip": partial(
                lines.smear, colour=(0.80, 0.76, 0.62), width=(0.07, 0.12), strength=(0.4, 0.65), dry=0.15
            ),
            "gray_stroke": partial(lines.smear, colour=GREY, width=(0.05, 0.09), strength=(0.45, 0.7)),
            "oil": partial(
                patches.stain, colour=(0.36, 0.33, 0.24), radius=(0.15, 0.28), hides=0.0, strength=(0.25, 0.5)
            ),
            "rough": partial(patches.rough, radius=(0.15, 0.28), strength=0.38),
        },
    ),
    "wood": Category(
        "texture",
        False,
        textures.wood,
        {
            "color": partial(patches.stain, colour=RED, radius=(0.05, 0.12), hides=0.2, strength=(0.35, 0.7)),
            "combined": partial(
                several,
                kinds=(partial(patches.hole, radius=(0.03, 0.06)), partial(lines.scratch, reach=(0.4, 0.8), depth=0.2)),
            ),
            "hole": partial(patches.hole, radius=(0.04, 0.09), floor=(0.12, 0.07, 0.05), ragged=0.1),
            "liquid": partial(
                patches.stain, colour=(0.34, 0.20, 0.11), radius=(0.10, 0.22), hides=0.0, strength=(0.3, 0.6)
            ),
            "scratch": partial(lines.scratch, reach=(0.5, 1.1), depth=0.20, strokes=4),
        },
    ),
    "bottle": Category(
        "object",
        False,
        household.bottle,
        {
            "broken_large": partial(patches.chip, part="rim", radius=(0.20, 0.34), colours=GLASS),
            "broken_small": partial(patches.chip, part="rim", radius=(0.09, 0.15), colours=GLASS),
            "contamination": partial(
                patches.stain,
                part="inside",
                colour=(0.60, 0.55, 0.47),
                radius=(0.08, 0.22),
                hides=0.6,
                strength=(0.3, 0.75),
            ),
        },
    ),
    "cable": Category(
        "object",
        False,
        electric.cable,
        {
            "bent_wire": Redrawn("bent_wire"),
            "cable_swap": Redrawn("cable_swap"),
            "cut_outer_insulation": partial(
                patches.chip, part="jacket", radius=(0.10, 0.18), colours=((0.26, 0.26, 0.27), (0.66, 0.66, 0.67))
            ),
            "missing_cable": Redrawn("missing_cable"),
            "missing_wire": Redrawn("missing_wire"),
            "poke_insulation": partial(patches.hole, part="core", radius=(0.05, 0.08)),
        },
    ),
    "capsule": Category(
        "object",
        False,
        medicine.capsule,
        {
            "crack": partial(lines.crack, reach=(0.3, 0.6), width=0.012, dark=0.6),
            "faulty_imprint": Redrawn("faulty_imprint"),
            "poke": partial(patches.hole, part="orange", radius=(0.045, 0.075), dark=0.6),
            "scratch": partial(lines.scratch, reach=(0.2, 0.45), depth=0.30),
            "squeeze": partial(patches.push, radius=(0.14, 0.24), shift=(0.05, 0.09)),
        },
    ),
    "hazelnut": Category(
        "object",
        False,
        household.hazelnut,
        {
            "crack": partial(lines.crack, reach=(0.4, 0.8), width=0.028, dark=0.85),
            "cut": partial(lines.cut, reach=(0.25, 0.45), width=0.022, floor=(0.78, 0.62, 0.42)),
            "hole": partial(patches.hole, radius=(0.05, 0.09)),
            "print": partial(patches.stain, colour=WHITE, radius=(0.07, 0.13), hides=0.5, strength=(0.35, 0.7)),
        },
    ),
    "metal_nut": Category(
        "object",
        False,
        metal.metal_nut,
        {
            "bent": Redrawn("bent"),
            "color": partial(patches.stain, colour=BLUE, radius=(0.08, 0.16), hides=0.2, strength=(0.35, 0.7)),
            "flip": Redrawn("flip"),
            "scratch": partial(lines.scratch, reach=(0.25, 0.5), depth=0.28),
        },
    ),
    "pill": Category(
        "object",
        False,
        medicine.pill,
        {
            "color": partial(patches.stain, colour=OCHRE, radius=(0.08, 0.16), hides=0.1, strength=(0.25, 0.6)),
            "contamination": partial(
                patches.stain, colour=(0.20, 0.17, 0.15), radius=(0.03, 0.07), hides=0.7, strength=(0.5, 0.85)
            ),
            "crack": partial(lines.crack, reach=(0.4, 0.7), width=0.011, dark=0.6),
            "faulty_imprint": Redrawn("faulty_imprint"),
            "scratch": partial(lines.scratch, reach=(0.3, 0.6), depth=-0.20),
        },
    ),
    "screw": Category(
        "object",
        True,
        metal.screw,
        {
            "manipulated_front": Redrawn("manipulated_front"),
            "scratch_head": partial(lines.scratch, part="head", reach=(0.12, 0.22), width=0.018, depth=0.35),
            "scratch_neck": partial(lines.scratch, part="neck", reach=(0.15, 0.30), width=0.018, depth=0.35),
            "thread_side": Redrawn("thread_side"),
        },
    ),
    "toothbrush": Category(
        "object",
        False,
        household.toothbrush,
        {
            "bent_bristles": partial(patches.push, part="tufts", radius=(0.10, 0.17), shift=(0.06, 0.11)),
            "defective": partial(lines.thread, part="tufts", colour=(0.78, 0.79, 0.78), reach=(0.25, 0.6), width=0.013),
            "missing_tuft": Redrawn("missing"),
        },
    ),
    "transistor": Category(
        "object",
        False,
        electric.transistor,
        {
            "bent_lead": Redrawn("bent_lead"),
            "cut_lead": Redrawn("cut_lead"),
            "damaged_case": partial(
                patches.chip, part="edge", radius=(0.08, 0.16), colours=((0.13, 0.13, 0.13), (0.42, 0.41, 0.40))
            ),
            "misplaced": Redrawn("misplaced"),
        },
    ),
    "zipper": Category(
        "object",
        True,
        metal.zipper,
        {
            "broken_teeth": Redrawn("broken_teeth"),
            "fabric_border": partial(
                patches.chip, part="border", radius=(0.06, 0.12), colours=((0.35, 0.35, 0.35), (0.66, 0.66, 0.66))
            ),
            "fabric_interior": partial(patches.hole, part="interior", radius=(0.05, 0.10)),
            "rough": partial(patches.rough, part="interior", radius=(0.10, 0.20), strength=0.45),
            "split_teeth": Redrawn("split_teeth"),
            "squeezed_teeth": partial(patches.push, part="teeth", radius=(0.10, 0.16), shift=(0.04, 0.07)),
        },
    ),
}
CATEGORIES = tuple(TABLE)
