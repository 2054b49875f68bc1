"""Maps of whole images from x0 and x_N."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from renormal.contracts import Autoencoder, Images, Maps, Score
from renormal.functional.tiles import blend
from renormal.lit.batches import AT_A_TIME, in_batches


@dataclass(frozen=True)
class Scoring:
    """How images are cut and scored.

    stride: of the tiles into which textures are cut. average: "maps" scores each tile and averages the maps (Bergmann
    et al., CVPR 2019), "pixels" averages the projected tiles and scores the whole image. size: tiles at a time.
    """

    stride: int = 128
    average: str = "maps"
    size: int = AT_A_TIME

    def at_most(self, samples: int) -> Scoring:
        """The same, with at most `samples` tiles at a time."""
        return replace(self, size=min(self.size, samples))

    def __call__(self, score: Score, model: Autoencoder, x0: Images, end: Images, image: Images) -> tuple[Images, Maps]:
        """Whole images and their maps. x0, end: tiles, or whole images that have none; image: the whole x0."""
        scored = partial(in_batches, partial(score, model))
        if x0.shape[-2:] == image.shape[-2:]:
            return end, scored(x0, end, size=self.size)
        pixels = self.whole(x0, end, image)
        if self.average == "pixels":
            size = max(1, self.size * len(image) // len(x0))  # as many pixels as in the tiles' batches
            return pixels, scored(image.to(end.device), pixels, size=size)
        return pixels, blend(scored(x0, end, size=self.size), image.shape[-2], image.shape[-1], self.stride)

    def whole(self, x0: Images, end: Images, image: Images) -> Images:
        """The image with what its tiles became: exactly itself where no tile changed. One that has no tiles: end."""
        if x0.shape[-2:] == image.shape[-2:]:
            return end
        return image.to(end.device) + blend(end - x0, image.shape[-2], image.shape[-1], self.stride)
