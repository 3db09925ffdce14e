"""Networks that the paper compares with; importing this package registers them."""

from hcl_arch.archs.baselines.bs2am_arch import BS2AM
from hcl_arch.archs.baselines.bvmr_arch import BVMR
from hcl_arch.archs.baselines.conditional_patch_discriminator_arch import ConditionalPatchDiscriminator
from hcl_arch.archs.baselines.dhan_arch import DHAN
from hcl_arch.archs.baselines.mprnet_arch import MPRNet
from hcl_arch.archs.baselines.sirf_arch import SIRF
from hcl_arch.archs.baselines.split_then_refine_arch import SplitThenRefine

__all__ = [
    'BS2AM',
    'BVMR',
    'ConditionalPatchDiscriminator',
    'DHAN',
    'MPRNet',
    'SIRF',
    'SplitThenRefine',
]
