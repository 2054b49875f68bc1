"""Settings of networks and of their training: conf/model/*.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len
from pydantic import ConfigDict, Field

from renormal.settings.kinds import (
    Below,
    Beta,
    Betas,
    Count,
    Epsilon,
    Name,
    Positive,
    Rate,
    Share,
    Shares,
    Side,
    Size,
    Weight,
    Within,
    Words,
    refusing,
)
from renormal.settings.objects import FUNCTION, Group, Object, OneOf, Other

Latent = Annotated[Size, "Numbers in a code z."]
Width = Annotated[int, Ge(1), Le(8192)]
Speed = Annotated[float, Gt(0), Le(1e6), "How many times faster log γ moves than the learning rate allows."]
Fill = Literal["moved", "grafted", "bent", "coloured", "tinted", "textured", "blurred", "missing"]


class Convolutional(Object):
    latent: Latent
    side: Annotated[Side, "Side of z as a map, px."]


class Deterministic(Convolutional):
    targets = ("renormal.models.L2AE", "renormal.models.DSAE")


class VAE(Convolutional):
    targets = ("renormal.models.VAE",)
    sigma: Annotated[float, Gt(0), Le(1000), "σ of the decoder, on images in [0, 1]."]
    draws: Annotated[
        int, Ge(0), Le(64), "Samples of q whose decoded images f(x) averages; 0: f(x) decodes the mean of q."
    ]


class GammaVAE(Object):
    targets = ("renormal.models.GammaVAE",)
    latent: Latent
    speed: Speed


class ResNetVAE(GammaVAE):
    targets = ("renormal.models.ResNetVAE",)
    width: Annotated[Width, "Channels of the first scale."]
    hidden: Annotated[Size, "Features of the fully connected block."]


class VAEAC(Object):
    targets = ("renormal.models.VAEAC",)
    latent: Latent
    width: Annotated[Width, "Channels of the first scale."]


class AnoGAN(Object):
    targets = ("renormal.models.AnoGAN",)
    latent: Latent
    width: Annotated[Width, "Channels of the smallest maps, halved at each doubling."]


class FAnoGAN(AnoGAN):
    targets = ("renormal.models.FAnoGAN",)
    penalty: Annotated[Weight, "λ, the weight of the gradient penalty."]
    critic_steps: Annotated[Count, "Steps of the critic for each step of the generator."]
    kappa: Annotated[Weight, "κ of izi_f, the weight of the critic's features."]
    encoder_share: Annotated[Within, "The encoder's share of the batches."]


class AnoVAEGAN(Object):
    targets = ("renormal.models.AnoVAEGAN",)
    code: Annotated[Width, "Channels of z."]
    side: Annotated[Side | None, "Side of z as a map, px; null: that of the encoder's last map."]
    width: Annotated[Width, "Channels of the discriminator's smallest maps."]
    adversarial: Annotated[Weight, "Weight of −log D(f(x))."]


class Corruption(Object):
    targets = ("renormal.functional.corruption.Corruption",)
    patches: Annotated[int, Ge(1), Le(100), "Patches in an image at most."]
    sizes: Annotated[Shares, "Smallest and largest patch, shares of the side."]
    opacity: Annotated[Share, "Smallest opacity; each patch draws one between this and 1."]
    noise: Annotated[Share, "Largest σ of Gaussian noise; each image draws its own."]
    keep_noise: Annotated[bool, "true: the target has the noise, too; false: the network removes it."]
    clean: Annotated[Share, "Share of images without a patch."]
    fills: Annotated[list[Fill], Len(1), "What patches contain."]


class Damage(Object):
    targets = ("renormal.functional.damage.Damage",)
    family: Annotated[Literal["first", "second"], "Half of the pairs of an outline and a material."]
    patches: Annotated[int, Ge(1), Le(100), "Patches in an image at most."]
    sizes: Annotated[Shares, "Smallest and largest patch, shares of the shorter side."]
    opacity: Annotated[Share, "Smallest opacity; each patch draws one between this and 1."]
    noise: Annotated[Share, "Largest σ of Gaussian noise; each image draws its own."]
    keep_noise: Annotated[bool, "true: the target has the noise, too; false: the network removes it."]
    clean: Annotated[Share, "Share of images without a patch."]


class RepairAE(Object):
    targets = ("renormal.models.RepairAE",)
    width: Annotated[Width, "Channels at half of the side."]
    weight: Annotated[Weight, "Weight of damaged pixels in the loss."]
    dssim: Annotated[Weight, "Weight of DSSIM in the loss."]
    corruption: Annotated[Any, OneOf("a corruption", (Corruption, Damage)), "The damage that is drawn on good images."]


class SegmentingAE(RepairAE):
    targets = ("renormal.models.SegmentingAE",)
    segmenter: Annotated[Width, "Channels of S at half of the side."]


class RepairL2AE(SegmentingAE):
    targets = ("renormal.models.RepairL2AE",)
    latent: Latent


class MeanImage(Object):
    targets = ("renormal.models.MeanImage",)


class SecondStageVAE(Object):
    targets = ("renormal.models.SecondStageVAE",)
    width: Annotated[Size, "Units of a layer."]
    depth: Annotated[int, Ge(1), Le(100), "Layers."]
    speed: Speed


class Optimizer(Object):
    lr: Annotated[Rate, "The learning rate."]
    weight_decay: Annotated[float, Ge(0), Le(100), "λ of ½ ‖weights‖²; AdamW shrinks the weights by it directly."]
    foreach: Annotated[bool | None, "Whether tensors are updated together."]
    maximize: Annotated[Literal[False], "A loss is minimized."]
    capturable: Annotated[bool, "Whether a CUDA graph may hold the steps."]
    differentiable: Annotated[bool, "Whether autograd follows the steps."]


class Adam(Optimizer):
    targets = tuple(f"torch.optim.{name}" for name in ("Adam", "AdamW"))
    betas: Annotated[Betas, "β₁ and β₂ of the running means."]
    eps: Annotated[Epsilon, "Added to the root of the second mean."]
    amsgrad: Annotated[bool, "Whether the largest second mean counts."]
    fused: Annotated[bool | None, "The same arithmetic in one pass."]


class Momentum(Optimizer):
    momentum: Annotated[Beta, "Of the last step."]


class RMSprop(Momentum):
    targets = ("torch.optim.RMSprop",)
    alpha: Annotated[Beta, "Of the running mean of squares."]
    eps: Annotated[Epsilon, "Added to the root of the mean."]
    centered: Annotated[bool, "Whether the mean gradient is taken off."]


class SGD(Momentum):
    targets = ("torch.optim.SGD",)
    dampening: Annotated[Share, "Of the momentum."]
    nesterov: Annotated[bool, "Nesterov's momentum."]
    fused: Annotated[bool | None, "The same arithmetic in one pass."]


class OtherOptimizer(Other):
    lr: Annotated[Rate, "The learning rate."]


class OtherScheduler(Other):
    target: Annotated[
        str,
        refusing(lambda name: "." in name and not name.startswith("torch.optim.lr_scheduler.")),
        Words("a class that takes total_steps, as torch.optim.lr_scheduler.OneCycleLR does"),
        "Its class.",
    ] = Field(alias="_target_")


class OneCycle(Object):
    targets = ("torch.optim.lr_scheduler.OneCycleLR",)
    max_lr: Annotated[Rate, "The largest learning rate."]
    pct_start: Annotated[Within, "Share of the steps in which it rises."]
    anneal_strategy: Annotated[Literal["cos", "linear"], "How it rises and falls."]
    cycle_momentum: Annotated[bool, "Whether momentum falls where the rate rises."]
    base_momentum: Annotated[Beta, "The smallest momentum."]
    max_momentum: Annotated[Beta, "The largest momentum."]
    div_factor: Annotated[Positive, "max_lr / the first rate."]
    final_div_factor: Annotated[Positive, "The first rate / the last one."]
    three_phase: Annotated[bool, "Whether the last fall is a phase of its own."]


NETS = (
    *(Deterministic, VAE, GammaVAE, ResNetVAE, VAEAC, AnoGAN, FAnoGAN, AnoVAEGAN),
    *(RepairAE, SegmentingAE, RepairL2AE, MeanImage),
)
NET = OneOf("a network", NETS)
OPTIMIZERS = (Adam, RMSprop, SGD)
OPTIMIZER = OneOf("an optimizer", OPTIMIZERS, other=OtherOptimizer)
SCHEDULER = OneOf("a scheduler", (OneCycle,), other=OtherScheduler)


class Model(Group):
    targets = tuple(target for net in NETS for target in net.targets)
    name: Annotated[Below, "In the folder of the results and in tables."]
    label: Annotated[Name, "In tables and figures."]
    paper: Annotated[Name, "Column of the paper's tables that it is compared with."] = ""
    net: Annotated[Any, NET, "The network."]
    module: Annotated[Any, FUNCTION, "What trains it, where it is not the usual module."] = None
    energy_loss: Annotated[Any, FUNCTION, "L_r in the energy of projections."]
    optimizer: Annotated[
        Any,
        OneOf("an optimizer", OPTIMIZERS, other=OtherOptimizer, many=True),
        "One, or one for each player of a game.",
    ]
    scheduler: Annotated[Annotated[Any, SCHEDULER] | None, "Of the learning rate, after each step; null: none."]


class OtherModel(Model):
    model_config = ConfigDict(extra="allow")


MODEL = OneOf("a model", (Model,), other=OtherModel, below="net")
