"""Runs on the pretended GPU, in a process of its own: prints what each run found, as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import torch
from searches import SEARCHES, Coder
from torch import Tensor
from toys import DESCENTS, Net, images

import pretend_gpu as gpu
from renormal.choose.measure import ends
from renormal.data.source import Augmentation
from renormal.data.transforms import TrainingBatches
from renormal.functional.corruption import Corruption
from renormal.lit.film import Film
from renormal.models import DSAE, L2AE, VAE, GammaVAE, RepairAE
from renormal.projection import Descent, Energy, Never, Plateau, Threshold, dssim, graph, model_loss, project, settle
from renormal.scores import DSSIM, MSGMS, SquaredError

SIDE, SLOTS, EVERY = 32, 4, 3
MODELS: dict[str, tuple[Any, Energy]] = {  # every network and every loss once
    "l2_ae": (lambda: L2AE(channels=1, size=SIDE), Energy()),
    "l2_ae detached": (lambda: L2AE(channels=1, size=SIDE), Energy(detached=True)),
    "dsae": (lambda: DSAE(channels=1, size=SIDE), Energy(loss=dssim)),
    "vae": (lambda: VAE(channels=1, size=SIDE), Energy(loss=model_loss, kl_weight=1.0)),
    "vae_draws": (lambda: VAE(channels=1, size=SIDE, draws=2), Energy()),
    "gamma_vae": (lambda: GammaVAE(channels=1, size=SIDE), Energy(loss=model_loss)),
    "repair_ae": (lambda: RepairAE(channels=1, size=SIDE, width=8), Energy()),
}


def record(step: graph.Step, device: torch.device) -> graph.Step:
    """As a CUDA graph: refused where the host waits within an iteration, after the warm-up."""
    for _ in range(graph.WARM_UP):
        step()
    before = len(gpu.waits)
    step()
    if gpu.waits[before:]:
        raise RuntimeError(f"an iteration waits: {gpu.waits[before:]}")
    return step


def compared(make: Any, x0: Tensor, descent: Descent, **more: Any) -> dict[str, Any]:
    """Whether the device has the numbers of the CPU; waits of the second call, which records nothing."""
    expected = project(make(), x0, descent)
    refused = graph.counted.refused
    with gpu.counted() as waits:
        model = gpu.moved(make())
        for _ in range(2):
            waits.clear()
            found = project(model, gpu.OnDevice(x0), descent, **more)
    return {
        "close": bool(torch.allclose(found.x.raw, expected.x, atol=1e-5)),  # type: ignore[attr-defined]
        "steps": bool(torch.equal(found.steps.raw, expected.steps)),  # type: ignore[attr-defined]
        "refused": graph.counted.refused - refused,
        "waits": len(waits),
        "exchanges": -(-(int(expected.steps.max()) + 1) // EVERY) * -(-len(x0) // SLOTS),
    }


def one_descent(make: Any, x0: Tensor, descent: Descent, **more: Any) -> dict[str, Any]:
    return compared(make, x0, replace(descent, slots=SLOTS, check_every=EVERY), **more)


def of_models() -> dict[str, Any]:
    found = {}
    torch.manual_seed(0)
    x0 = torch.rand(5, 1, SIDE, SIDE)
    for name, (make, energy) in MODELS.items():
        state = make().state_dict()

        def same(make: Any = make, state: Any = state) -> Any:
            model = make()
            model.load_state_dict(state)
            return model.requires_grad_(False)

        found[name] = one_descent(same, x0, Descent(energy=energy, stop=Never(), max_steps=2))
    return found


def observed() -> dict[str, Any]:
    """A film is kept from the replayed iterations, and they are as many as without it."""
    film = Film([0, 1, 2], gpu.OnDevice(images()), 0, 2)
    replayed = graph.counted.replayed
    found = one_descent(Net, images(), DESCENTS["eq8_adam"], observe=film.observe)
    return found | {"replayed": graph.counted.replayed - replayed}


def chosen() -> dict[str, Any]:
    """Three stops from one descent: the same images as on a CPU."""
    stops = [settle(replace(DESCENTS["eq8_adam"], stop=Threshold(value=value)), Net(), images()) for value in (4, 6, 8)]
    stops = [replace(stop, slots=SLOTS, check_every=EVERY) for stop in stops]
    expected = ends(Net(), images(), images(), stops)
    with gpu.counted() as waits:
        found = ends(gpu.moved(Net()), gpu.OnDevice(images()), gpu.OnDevice(images()), stops)
    close = [bool(torch.allclose(one.raw, other)) for one, other in zip(found, expected, strict=True)]  # type: ignore[attr-defined]
    return {"close": all(close), "waits": len(waits)}


def batches(kind: Any) -> dict[str, Any]:
    def of(images: Tensor, device: torch.device) -> TrainingBatches:
        turned = Augmentation(rotate=30, translate=0.1, mirror_x=True)
        return TrainingBatches(images, kind, 6, turned, seed=0, device=device, size=16, length=12)

    whole = torch.randint(0, 256, (7, 3, 24, 24), dtype=torch.uint8)
    expected = of(whole, torch.device("cpu")).batch(1, 1)
    with gpu.counted() as waits:
        found = of(gpu.OnDevice(whole), gpu.DEVICE).batch(1, 1)
    return {"close": bool(torch.allclose(found.raw, expected, atol=1e-6)), "waits": len(waits)}  # type: ignore[attr-defined]


def damage() -> dict[str, Any]:
    """Damage for a network that repairs: the same numbers as on a CPU, since the device draws with its generator."""
    x = torch.rand(16, 3, 32, 32)
    torch.manual_seed(3)
    expected = Corruption()(x)
    with gpu.counted() as waits:
        torch.random.default_generator.manual_seed(3)
        found = Corruption()(gpu.OnDevice(x))
    pairs = zip(found, expected, strict=True)
    return {"close": all(bool(torch.allclose(one.raw, other, atol=1e-6)) for one, other in pairs), "waits": len(waits)}  # type: ignore[attr-defined]


def losses() -> dict[str, int]:
    """Waits of a training step, without the optimizer."""
    found = {}
    for name, (make, _) in MODELS.items():
        with gpu.counted() as waits:
            model: Any = gpu.moved(make())
            loss = model.training_loss(gpu.OnDevice(torch.rand(4, 1, SIDE, SIDE))).total.mean()
            torch.autograd.grad(loss, list(model.parameters()))
        found[name] = len(waits)
    return found


def scores() -> dict[str, int]:
    """Waits of the second map: the first one makes constants."""
    found = {}
    x = torch.rand(2, 1, SIDE, SIDE)
    for name, score in {"dssim": DSSIM(), "msgms": MSGMS(), "squared_error": SquaredError()}.items():
        with gpu.counted() as waits:
            for _ in range(2):
                waits.clear()
                score(None, gpu.OnDevice(x), gpu.OnDevice(0.9 * x))
        found[name] = len(waits)
    return found


def main() -> None:
    graph.RECORDERS[gpu.DEVICE.type] = record
    plateau = replace(DESCENTS["eq5"], stop=Plateau() | Threshold(value=4.0))
    print(
        json.dumps(
            {
                "descents": {name: one_descent(Net, images(), one) for name, one in DESCENTS.items()}
                | {"plateau": one_descent(Net, images(), plateau)},
                "searches": {name: one_descent(Coder, images(), one) for name, one in SEARCHES.items()},
                "models": of_models(),
                "observed": observed(),
                "chosen": chosen(),
                "batches": {kind: batches(kind) for kind in ("texture", "object")},
                "damage": damage(),
                "losses": losses(),
                "scores": scores(),
            }
        )
    )


if __name__ == "__main__":
    main()
