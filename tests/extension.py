"""A package of somebody else: a model, a score, an energy and a data set, each one file and one yaml."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

EXTEND = (Path(__file__).parents[1] / "docs" / "extend.md").read_text(encoding="utf-8")
WRITTEN = re.findall(r"```(?:python|yaml)\n# ((?:own|conf)/\S+)\n(.*?)```", EXTEND, flags=re.DOTALL)  # as it is printed

FILES = {
    **dict(WRITTEN),
    "own/change.py": """
        def change(model, x0, projected):
            return (x0 - projected).abs().sum(dim=1)
        """,
    "own/pull.py": """
        from dataclasses import dataclass

        from renormal.contracts import EnergyTerms


        @dataclass(frozen=True)
        class Pull:
            weight: float

            def __call__(self, model, x, x0):
                image, loss = model.reconstruct(x)
                distance = (x - x0).square().flatten(1).sum(dim=1)
                return EnergyTerms(loss + self.weight * distance, loss, distance, image)
        """,
    "conf/projection/pull.yaml": """
        # @package projections.pull
        _target_: renormal.projection.Descent
        energy:
          _target_: own.pull.Pull
          weight: 0.1
        step_size: 0.1
        max_steps: ${descent.max_steps}
        """,
    "own/squares.py": """
        from pathlib import Path

        import numpy as np
        from PIL import Image

        from renormal.data import Augmentation, Item, Source


        def drawn(path, array):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
            return path


        def squares(root):
            place, good = Path(root).absolute(), np.full((32, 32, 3), 90, dtype=np.uint8)
            bad, mask = good.copy(), np.zeros((32, 32), dtype=np.uint8)
            bad[8:16, 8:16], mask[8:16, 8:16] = 250, 255
            train = tuple(Item(drawn(place / f"train/{i}.png", good), None, "good") for i in range(4))
            test = (
                Item(drawn(place / "test/good.png", good), None, "good"),
                Item(drawn(place / "test/bad.png", bad), drawn(place / "test/mask.png", mask), "square"),
            )
            return Source("squares", place, "object", Augmentation(), train, test)
        """,
    "conf/data/squares.yaml": """
        name: squares
        category: squares
        root: squares
        texture_size: 64
        object_size: 32
        patch_size: 32
        epoch_images: 8
        channels: null
        notes: {}
        source:
          _target_: own.squares.squares
          root: ${data.root}
        """,
}


def write_extension(folder: Path) -> list[str]:
    """Write the package below `folder`, which belongs on the path of Python. Returns the override that Hydra needs."""
    for place, text in FILES.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).strip() + "\n", encoding="utf-8")
    return [f"hydra.searchpath=[file://{folder / 'conf'}]"]
