"""Autoencoders as plain nn.Modules: one file each."""

from renormal.models.base import ConvAutoencoder, TrainingLoss
from renormal.models.dsae import DSAE
from renormal.models.gamma_vae import GammaVAE
from renormal.models.l2_ae import L2AE
from renormal.models.vae import VAE

__all__ = ["DSAE", "L2AE", "VAE", "ConvAutoencoder", "GammaVAE", "TrainingLoss"]
