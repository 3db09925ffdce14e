"""Networks; importing this package registers them here and, with BasicSR, in its ARCH_REGISTRY."""

from hcl_arch.archs import baselines
from hcl_arch.archs.baselines.segmenter_arch import SegmenterDetector
from hcl_arch.archs.baselines.vcnet_arch import VCNet
from hcl_arch.archs.baselines.vcnet_inpainter_arch import VCNetInpainter
from hcl_arch.archs.baselines.vcnet_mask_predictor_arch import VCNetMaskPredictor
from hcl_arch.archs.detect_then_restore_arch import DetectThenRestore
from hcl_arch.archs.hcl_detector_arch import Detection, HCLDetector
from hcl_arch.archs.hcl_net_arch import HCLNet, HCLOutput
from hcl_arch.archs.hcl_patch_discriminator_arch import HCLPatchDiscriminator
from hcl_arch.archs.hcl_refine_net_arch import HCLRefineNet
from hcl_arch.archs.hcl_repair_net_arch import HCLRepairNet
from hcl_arch.archs.spandrel_network_arch import HCLSpandrelNetwork

__all__ = [
    'Detection',
    'DetectThenRestore',
    'HCLDetector',
    'HCLNet',
    'HCLOutput',
    'HCLPatchDiscriminator',
    'HCLRefineNet',
    'HCLRepairNet',
    'HCLSpandrelNetwork',
    'SegmenterDetector',
    'VCNet',
    'VCNetInpainter',
    'VCNetMaskPredictor',
    'baselines',
]
