"""Networks; importing this package registers them in BasicSR's ARCH_REGISTRY."""

from hcl_arch.archs.hcl_detector_arch import Detection, HCLDetector
from hcl_arch.archs.hcl_net_arch import HCLNet, HCLOutput
from hcl_arch.archs.hcl_patch_discriminator_arch import HCLPatchDiscriminator
from hcl_arch.archs.hcl_refine_net_arch import HCLRefineNet

__all__ = ['Detection', 'HCLDetector', 'HCLNet', 'HCLOutput', 'HCLPatchDiscriminator', 'HCLRefineNet']
