"""The whole inspection of one image as one graph of tensor operations: fixed steps, no call of autograd is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions
from torch._guards import TracingContext, tracing
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from renormal.contracts import BASELINE, Images, Maps
from renormal.functional.precision import exact_float32
from renormal.functional.reconstructed import reconstructed
from renormal.functional.tiles import cut, enlarged, shrunk
from renormal.inspect.inspector import Inspector
from renormal.lit.scoring import Scoring
from renormal.projection import LatentSearch, Settled

aten = torch.ops.aten
Outputs = tuple[Maps, Tensor, Images, Images]  # map, score, x_N or f(x0), f(x0)
OUTPUTS = ("map", "score", "projected", "reconstruction")


def unrolled(inspector: Inspector, steps: int) -> Callable[[Images], Outputs]:
    """(1, C, S, S) → map (1, S, S), score (1,), x_N, f(x0), with at most so many steps, in float32.

    Raises ValueError for a column that has no fixed graph: a descent in z, or one that may refuse steps.
    """
    answers, (column, (whose, _)) = inspector.answers, next(iter(inspector.ends.items()))
    if inspector.area > 1:
        raise ValueError("test.area above 1 counts connected pixels, which a graph cannot do: test with test.area=1")
    for network in answers.networks:
        if whose != BASELINE:
            check_fixed(network.descents[whose], whose)

    def inspect(image: Images) -> Outputs:
        maps, ends, plain = [], [], []
        for network, view in product(answers.networks, answers.views):
            model, turned = network.model, shrunk(view(image), network.shrink)
            x0 = cut(turned, answers.side, answers.scoring.stride)
            f = reconstructed(model, x0).image
            end = f if whose == BASELINE else descended(model, x0, network.descents[whose], steps)
            scored = Scoring(answers.scoring.stride, answers.scoring.average, len(x0))
            whole, map_ = scored(network.scores[column], model, x0, end, turned)
            maps.append(view.back(enlarged(map_, network.shrink)))
            ends.append(view.back(enlarged(whole, network.shrink)))
            plain.append(view.back(enlarged(scored.whole(x0, f, turned), network.shrink)))
        mean = torch.stack(maps).mean(dim=0)
        return mean, mean.amax(dim=(1, 2)), ends[0], plain[0]

    return inspect


def sloped(inspector: Inspector) -> Callable[[Images], tuple[Images, Images]]:
    """(1, C, S, S) → f(x0), ∂E/∂x at x0; images of all networks, views and tiles. ∂E/∂x is 0 where nothing descends."""
    answers, whose = inspector.answers, next(iter(inspector.ends.values()))[0]

    def slope(image: Images) -> tuple[Images, Images]:
        plain, slopes = [], []
        for network, view in product(answers.networks, answers.views):
            x0 = cut(shrunk(view(image), network.shrink), answers.side, answers.scoring.stride)
            plain.append(reconstructed(network.model, x0).image)
            slopes.append(torch.zeros_like(x0))
            if whose != BASELINE:
                x = x0.detach().requires_grad_()
                (slopes[-1],) = torch.autograd.grad(network.descents[whose].energy(network.model, x, x0).total.sum(), x)
        return torch.cat([one.detach() for one in plain]), torch.cat(slopes)

    return slope


def check_fixed(descent: Settled, name: str) -> None:
    """Raise ValueError for a descent that is no fixed sequence of steps in x."""
    if isinstance(descent.energy, LatentSearch):
        raise ValueError(f"the projection {name} moves z: only those that move x can be exported")
    if descent.safeguard:
        raise ValueError(f"the projection {name} may refuse steps (safeguard=true): it has no fixed graph")


def descended(model: Any, x0: Images, descent: Settled, steps: int) -> Images:
    """x after at most so many steps; a sample that has arrived stays. The readable form is projection/reference.py."""
    x, history = x0, descent.stop.start(len(x0), x0.device)
    state = descent.direction.start(x0)
    arrived = torch.zeros(len(x0), dtype=torch.bool)
    for t in range(steps):
        x = x.detach().requires_grad_()
        terms = descent.energy(model, x, x0)
        (slope,) = torch.autograd.grad(terms.total.sum(), x)
        x = x.detach()
        now, history = descent.stop(type(terms)(*(term.detach() for term in terms)), history)
        arrived = arrived | now
        towards, state = descent.direction(slope, state, torch.full((len(x0),), t + 1))
        factor = descent.mask(x, terms.reconstructed.detach(), None)
        moved = x - descent.step_size * (towards if factor is None else towards * factor)
        moved = moved if descent.clamp is None else moved.clamp(*descent.clamp)
        x = torch.where(arrived[:, None, None, None], x, moved)
    return reconstructed(model, x).image if descent.reconstructed else x


def traced(function: Callable[[Images], tuple[Tensor, ...]], image: Images) -> GraphModule:
    """The function as a graph, with the gradients of the network written out. image: of the graph's size.

    The first call computes constants that are kept, as the window of SSIM: a trace cannot. Without a context torch
    makes one of its own for each tensor, which takes as long as all else.
    """
    table = decompositions()
    with exact_float32():
        function(image)
    with exact_float32(), tracing(TracingContext(FakeTensorMode())):
        first = make_fx(function, decomposition_table=table)(image)
        graph: GraphModule = make_fx(torch.func.functionalize(first), decomposition_table=table)(image)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph.eval()


def decompositions() -> dict[Any, Callable[..., Any]]:
    """Operations that exporters lack, in terms of those that they have."""
    return {
        **core_aten_decompositions(),
        aten.convolution_backward.default: convolution_backward,
        aten.empty_permuted.default: zeros,
        aten.empty.memory_format: zeros,
        aten.hypot.default: hypotenuse,
    }


def zeros(size: Sequence[int], *_: Any, dtype: torch.dtype | None = None, **__: Any) -> Tensor:
    """Memory that is written later: exporters know no empty one."""
    return torch.full(list(size), 0, dtype=dtype or torch.float32)


def hypotenuse(a: Tensor, b: Tensor) -> Tensor:
    """√(a² + b²): ONNX has no operation for it."""
    return (a * a + b * b).sqrt()


def convolution_backward(
    upstream: Tensor,
    x: Tensor,
    weight: Tensor,
    _: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    *rest: Any,
) -> tuple[Tensor, None, None]:
    """The vector-Jacobian product of a convolution by its input is the transposed convolution, and the reverse."""
    groups, wanted = rest[1], rest[2]
    if wanted[1] or wanted[2]:
        raise ValueError("the weights of an exported network are constants: no gradient of them is known")
    fixed = (stride, padding, dilation)
    if transposed:
        return aten.convolution(upstream, weight, None, *fixed, False, [0] * len(stride), groups), None, None
    reached = [
        (upstream.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (weight.shape[2 + i] - 1) + 1
        for i in range(len(stride))
    ]
    missing = [x.shape[2 + i] - length for i, length in enumerate(reached)]  # at the far border
    return aten.convolution(upstream, weight, None, *fixed, True, missing, groups), None, None
