"""Autoencoders as plain nn.Modules: one file each."""

from renormal.models.anogan import AnoGAN
from renormal.models.anovaegan import AnoVAEGAN
from renormal.models.base import ConvAutoencoder, TrainingLoss
from renormal.models.dsae import DSAE
from renormal.models.f_anogan import FAnoGAN
from renormal.models.game import Game, Player
from renormal.models.gamma_vae import GammaVAE
from renormal.models.l2_ae import L2AE
from renormal.models.mean_image import MeanImage
from renormal.models.repair_ae import RepairAE
from renormal.models.repair_l2_ae import RepairL2AE
from renormal.models.resnet_vae import ResNetVAE
from renormal.models.second_stage import SecondStageVAE
from renormal.models.segmenting_ae import SegmentingAE
from renormal.models.vae import VAE
from renormal.models.vaeac import VAEAC

__all__ = [
    "DSAE",
    "L2AE",
    "VAE",
    "VAEAC",
    "AnoGAN",
    "AnoVAEGAN",
    "ConvAutoencoder",
    "FAnoGAN",
    "Game",
    "GammaVAE",
    "MeanImage",
    "Player",
    "RepairAE",
    "RepairL2AE",
    "ResNetVAE",
    "SecondStageVAE",
    "SegmentingAE",
    "TrainingLoss",
]
