"""A score that a network has learned: which differences between x0 and x_N are damage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from renormal.contracts import Images, Maps, Segmenter
from renormal.scores.smoothing import Smooth
from renormal.scores.unsuited import UnsuitedError


@dataclass(frozen=True)
class Segmented:
    """S(x₀, x_N) of a model that has S, as SegmentingAE; in [0, 1]. Raises UnsuitedError for a model without S.

    smooth: of the map.
    """

    top: ClassVar[float] = 1.0

    smooth: Smooth = field(default=Smooth(), kw_only=True)

    def suits(self, model: object) -> bool:
        """Whether the model has S."""
        return isinstance(model, Segmenter)

    def __call__(self, model: Any, x0: Images, projected: Images) -> Maps:
        if not isinstance(model, Segmenter):
            lack = f"score=segmented needs a model that has learned to segment: {type(model).__name__} has not"
            raise UnsuitedError("segmenting_ae", lack)
        return self.smooth(model.segment(x0.float(), projected.float()))
