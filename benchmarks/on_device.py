"""The sections of the device check. Each writes its figures one by one, as lines of JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.ceilings import Ceilings, copied, multiplied, work_of
from benchmarks.side_by_side import rates
from renormal.functional.precision import exact_float32
from renormal.models import DSAE, L2AE, VAE, GammaVAE, RepairAE
from renormal.projection import Descent, Energy, Never, dssim, graph, project, settle
from renormal.projection.precision import computing
from renormal.projection.width import measured_slots

MODELS: dict[str, Callable[..., Any]] = {
    "l2_ae": L2AE,
    "dsae": DSAE,
    "vae": VAE,
    "gamma_vae": GammaVAE,
    "repair_ae": RepairAE,
}
# Against float32 on the CPU. Adam divides a gradient by its own size: where it is nearly 0, rounding decides the step.
AT_START = {"float32": (1e-4, 1e-3), "bfloat16": (0.02, 0.25)}  # relative, of E and of ∇E at x0
AT_END = {"float32": (5e-3, 2e-3), "bfloat16": (0.05, 0.02)}  # of E after the last step, relative, and mean |Δx|


@dataclass(frozen=True)
class Sizes:
    """What is measured: on a GPU, or tiny in a dry run."""

    device: torch.device
    side: int
    images: int  # of the comparison with the CPU
    steps: int
    slots: tuple[int, ...]
    batch: int
    seconds: float  # of one measurement
    processes: tuple[int, ...]
    numbers: int  # of a matrix' side


FULL = Sizes(torch.device("cuda", 0), 128, 32, 12, (16, 32, 64, 128, 256, 512, 1024), 128, 2.0, (1, 2, 4, 8, 12), 8192)
DRY = Sizes(torch.device("cpu"), 32, 3, 2, (2, 4), 4, 0.05, (1, 2), 64)
Write = Callable[..., None]


def has_gpu() -> bool:
    return torch.cuda.is_available()


def run(section: str, lines: Path, *, dry: bool) -> None:
    """Run one section and append its figures to `lines`."""
    sizes = DRY if dry else FULL
    if dry:
        graph.RECORDERS["cpu"] = lambda step, device: step  # a call in place of the recording
        torch.set_num_threads(1)

    def write(figure: str, value: Any) -> None:
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps({figure: value}) + "\n")

    SECTIONS[section](sizes, write)


def machine(sizes: Sizes, write: Write) -> None:
    """The device and its two ceilings, measured: bytes copied and operations of matrix products a second."""
    on_gpu = sizes.device.type == "cuda"
    write("name", torch.cuda.get_device_name(sizes.device) if on_gpu else "cpu")
    write("torch", torch.__version__)
    if on_gpu:
        write("memory GiB", torch.cuda.get_device_properties(sizes.device).total_memory / 2**30)
    write("copy GB/s", copied(sizes.device, sizes.numbers) / 1e9)
    write("bfloat16 TFLOP/s", multiplied(sizes.device, sizes.numbers, torch.bfloat16) / 1e12)
    write("float32 TFLOP/s", multiplied(sizes.device, sizes.numbers, torch.float32) / 1e12)


def equality(sizes: Sizes, write: Write) -> None:
    """E and ∇E at x0, x_N and its E on the device against float32 on the CPU, with and without graph, and twice."""
    bad = []

    def held(label: str, found: float, limit: float) -> None:
        write(label, found)
        bad.extend([label] if not found <= limit else [])

    for name in MODELS:
        x0 = noise(sizes.images, sizes.side, torch.device("cpu"))
        on_cpu = network(name, sizes.side, torch.device("cpu"))
        expected = project(on_cpu, x0, descent(name, sizes, graph=False))
        start = slope(name, on_cpu, x0, "float32")
        model, there = network(name, sizes.side, sizes.device), x0.to(sizes.device)
        for precision in ("float32", "bfloat16"):
            own = slope(name, model, there, precision)
            for part, one, other, limit in zip(("E", "∇E"), own, start, AT_START[precision], strict=True):
                held(f"{name} {precision} {part} at x0", ((one - other).norm() / other.norm()).item(), limit)
            ends = {}
            for kind in ("graph", "eager", "again"):
                settings = descent(name, sizes, graph=kind == "graph", precision=precision)
                ends[kind] = found = project(model, there, settings)
                if kind != "again":
                    energy = (found.terms.total.cpu() / expected.terms.total - 1).abs().max().item()
                    held(f"{name} {precision} {kind} E", energy, AT_END[precision][0])
                    held(f"{name} {precision} {kind} x", apart(found.x, expected.x), AT_END[precision][1])
            held(
                f"{name} {precision} graph against eager x",
                apart(ends["graph"].x, ends["eager"].x),
                AT_END[precision][1],
            )
            held(f"{name} {precision} twice x", apart(ends["again"].x, ends["eager"].x), 0.0)
    write("outside of the tolerances", ", ".join(bad) or "none")
    assert not bad, f"outside of the tolerances: {', '.join(bad)}"


def slope(name: str, model: Any, x0: Tensor, precision: str) -> tuple[Tensor, Tensor]:
    """E and ∇E at x0, on the CPU."""
    x = x0.clone().requires_grad_()
    with exact_float32(), computing(x0.device, precision):
        energies = descent(name, DRY).energy(model, x, x0).total
        (gradient,) = torch.autograd.grad(energies.sum(), x)
    return energies.detach().cpu(), gradient.cpu()


def apart(one: Tensor, other: Tensor) -> float:
    return (one.cpu() - other.cpu()).abs().mean().item()


def graphs(sizes: Sizes, write: Write) -> None:
    """Whether the iteration of each network is recorded, how often it is replayed, and what that brings."""
    for name in MODELS:
        before = dict(vars(graph.counted))
        model, width = network(name, sizes.side, sizes.device), sizes.slots[0]
        speed = {}
        for recorded in (True, False):
            settings = descent(name, sizes, graph=recorded, precision="bfloat16", slots=width)
            speed[recorded] = image_steps(model, settings, width, sizes)
        counts = {key: value - before[key] for key, value in vars(graph.counted).items()}
        write(f"{name} counts", counts)
        write(f"{name} graph over eager, {width} slots", speed[True] / speed[False])
        assert counts["recorded"] == 1, f"{name} was not recorded once: {counts}"
        assert counts["replayed"] > sizes.steps, f"{name} was not replayed: {counts}"


def slots(sizes: Sizes, write: Write) -> None:
    """Image-steps a second and peak memory by the number of slots, and the number that the device would choose."""
    model = network("l2_ae", sizes.side, sizes.device)
    for width in sizes.slots:
        reset_peak(sizes.device)
        settings = descent("l2_ae", sizes, graph=True, precision="bfloat16", slots=width)
        write(f"{width} slots, image-steps/s", image_steps(model, settings, width, sizes))
        write(f"{width} slots, peak MiB", peak_mib(sizes.device))
    few = noise(4, sizes.side, sizes.device)
    if sizes.device.type == "cuda":
        write("chosen", measured_slots(Energy(), model, few, "bfloat16"))


def projection(sizes: Sizes, write: Write) -> None:
    """Image-steps a second of every network with the slots of its choice, and its share of both ceilings."""
    ceilings = Ceilings.measured(sizes.device, sizes.numbers)
    for name in MODELS:
        model = network(name, sizes.side, sizes.device)
        given = {} if sizes.device.type == "cuda" else {"slots": sizes.slots[-1]}
        settings = descent(name, sizes, graph=True, precision="bfloat16", **given)
        width = settle(settings, model, noise(4, sizes.side, sizes.device)).slots
        reset_peak(sizes.device)
        speed = image_steps(model, settings, width, sizes)
        write(f"{name} slots", width)
        write(f"{name} image-steps/s", speed)
        write(f"{name} images/s, 100 steps", speed / 101)
        write(f"{name} peak MiB", peak_mib(sizes.device))

        def once(model: Any = model, settings: Descent = settings) -> None:
            project(model, noise(4, sizes.side, sizes.device), one_step(settings))

        work = work_of(once)
        write(f"{name} share of bytes", speed * work.bytes / 8 / ceilings.bytes)  # 4 images, 2 evaluations
        write(f"{name} share of operations", speed * work.operations / 8 / ceilings.operations)


def training(sizes: Sizes, write: Write) -> None:
    """Images a second of every network in training, with augmentation, and its share of both ceilings."""
    from benchmarks.device_training import Training

    ceilings = Ceilings.measured(sizes.device, sizes.numbers)
    for name, make in MODELS.items():
        reset_peak(sizes.device)
        speed = Training(make, sizes.side, sizes.batch, sizes.device).images_per_second(sizes.seconds)
        write(f"{name} images/s", speed)
        write(f"{name} peak MiB", peak_mib(sizes.device))
        plain = Training(make, sizes.side, sizes.batch, sizes.device, recorded=False)
        write(f"{name} graph over eager", speed / plain.images_per_second(sizes.seconds))
        work = work_of(plain.step)
        write(f"{name} share of bytes", speed * work.bytes / sizes.batch / ceilings.bytes)
        write(f"{name} share of operations", speed * work.operations / sizes.batch / ceilings.operations)


def side_by_side(sizes: Sizes, write: Write) -> None:
    """Images a second of several L² AE trainings at once on one device, all processes together."""
    first = 0.0
    for count, together in rates(sizes.processes, sizes.side, sizes.batch, str(sizes.device), sizes.seconds):
        first = first or together
        write(f"{count} processes, images/s", together)
        write(f"{count} processes over 1", together / first)


SECTIONS: dict[str, Callable[[Sizes, Write], None]] = {
    "machine": machine,
    "equality": equality,
    "graph": graphs,
    "slots": slots,
    "projection": projection,
    "training": training,
    "side_by_side": side_by_side,
}


def network(name: str, side: int, device: torch.device) -> Any:
    """An untrained network, the same on every device: its steps take as long as those of a trained one."""
    torch.manual_seed(0)
    small = {"width": 8} if name == "repair_ae" and side < 128 else {}
    model = MODELS[name](channels=3, size=side, **small)
    return model.eval().to(device=device, memory_format=torch.channels_last).requires_grad_(False)


def noise(count: int, side: int, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, side, side, generator=generator).to(device, memory_format=torch.channels_last)


def descent(name: str, sizes: Sizes, **settings: Any) -> Descent:
    """eq8_adam without a stop: every sample takes all steps."""
    energy = Energy(loss=dssim) if name == "dsae" else Energy()
    return Descent(energy=energy, stop=Never(), max_steps=sizes.steps, **settings)


def one_step(settings: Descent) -> Descent:
    return Descent(**{**vars(settings), "max_steps": 1, "slots": 4, "check_every": 1, "graph": False})


def image_steps(model: Any, settings: Descent, width: int, sizes: Sizes) -> float:
    """A second, with all slots full. The first call records and is not timed."""
    images = noise(width, sizes.side, sizes.device)
    project(model, images, settings)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < sizes.seconds:
        result = project(model, images, settings)
        done += int((result.steps + 1).sum())  # waits for the device
    return done / (time.perf_counter() - start)


def reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_mib(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else 0.0
