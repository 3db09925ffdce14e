"""Losses of the networks that the paper compares with; importing this package registers them in BasicSR."""

from hcl_arch.losses.baselines.bvmr_loss import BVMRLoss
from hcl_arch.losses.baselines.exclusion_loss import ExclusionLoss
from hcl_arch.losses.baselines.mprnet_loss import MPRNetLoss
from hcl_arch.losses.baselines.sirf_loss import SIRFLoss
from hcl_arch.losses.baselines.sirf_perceptual_loss import SIRFPerceptualLoss
from hcl_arch.losses.baselines.split_then_refine_loss import SplitThenRefineLoss

__all__ = ['BVMRLoss', 'ExclusionLoss', 'MPRNetLoss', 'SIRFLoss', 'SIRFPerceptualLoss', 'SplitThenRefineLoss']
