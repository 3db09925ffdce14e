"""Losses; importing this package registers them in BasicSR's LOSS_REGISTRY."""

from __future__ import annotations

import hcl_arch.utils.training_extra  # noqa: F401  (first: it imports BasicSR)
from hcl_arch.losses import baselines
from hcl_arch.losses.hcl_contrastive_loss import HCLContrastiveLoss
from hcl_arch.losses.hcl_id_mrf_loss import HCLIDMRFLoss
from hcl_arch.losses.hcl_perceptual_loss import HCLPerceptualLoss
from hcl_arch.losses.hcl_psnr_loss import HCLPSNRLoss
from hcl_arch.losses.hcl_wgan_gp_loss import HCLWGANGPLoss

__all__ = ['HCLContrastiveLoss', 'HCLIDMRFLoss', 'HCLPSNRLoss', 'HCLPerceptualLoss', 'HCLWGANGPLoss', 'baselines']
