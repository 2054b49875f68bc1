"""A package of somebody else: a model, a score, an energy and a data set, each one file and one yaml."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "own/grey.py": """
        import torch
        from torch import nn

        from renormal.contracts import Reconstruction
        from renormal.models.base import TrainingLoss


        class Grey(nn.Module):
            def __init__(self, *, channels, size):
                super().__init__()
                self.level = nn.Parameter(torch.full((1, channels, 1, 1), 0.25))

            def reconstruct(self, x):
                image = self.level.expand_as(x)
                return Reconstruction(image, (x - image).square().flatten(1).sum(dim=1))

            def training_loss(self, x):
                loss = self.reconstruct(x).loss
                return TrainingLoss(loss, {"reconstruction": loss})
        """,
    "conf/model/grey.yaml": """
        name: grey
        label: Grey²
        net:
          _target_: own.grey.Grey
        energy_loss:
          _target_: hydra.utils.get_method
          path: renormal.projection.squared_error
        optimizer:
          _target_: torch.optim.SGD
          _partial_: true
          lr: 1.0e-4
        scheduler: null
        """,
    "own/change.py": """
        def change(model, x0, projected):
            return (x0 - projected).abs().sum(dim=1)
        """,
    "conf/score/change.yaml": """
        _target_: hydra.utils.get_method
        path: own.change.change
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
        lines = text.strip("\n").splitlines()
        path.write_text("\n".join(line.removeprefix(" " * 8) for line in lines) + "\n", encoding="utf-8")
    return [f"hydra.searchpath=[file://{folder / 'conf'}]"]
