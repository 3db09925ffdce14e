"""VCNet, the baseline of the paper: mask prediction by pixel classification, and inpainting that doubts the mask."""

from __future__ import annotations

from basicsr.utils.registry import ARCH_REGISTRY

from hcl_arch.archs.argument_checks import check_at_least
from hcl_arch.archs.detect_then_restore_arch import DetectThenRestore
from hcl_arch.archs.vcnet_inpainter_arch import VCNetInpainter
from hcl_arch.archs.vcnet_mask_predictor_arch import VCNetMaskPredictor


@ARCH_REGISTRY.register()
class VCNet(DetectThenRestore):
    """Blind inpainting of Wang, Chen, Tao, Jia: "VCNet: A Robust Approach to Blind Image Inpainting", ECCV 2020.

    ``detector`` is a :class:`VCNetMaskPredictor`, ``restorer`` a :class:`VCNetInpainter`. The inpainter gets the image
    and the soft mask; nothing is detached, so that in joint training (guidance by the predicted mask) the restoration's
    losses reach the detector as well, as in the paper. Called as :class:`DetectThenRestore`.

    From the paper, as the literature describes it: the two networks, residual blocks in the mask predictor, a soft mask
    as the inpainter's guide, PCN in the inpainter, joint training. Chosen here, as the paper's layer tables were not at
    hand: widths, depths, dilations, skips, where norms stand, the mask predictor's group norm, and what PCN's gate
    gets, the features' means.

    Differs from the paper: see also the two parts; the ID-MRF loss is not there (losses are the model's options).

    Args:
        dim: Width of both parts at full size.
        detector_blocks: Number of residual blocks of the mask predictor.
        inpainter_blocks: Number of residual blocks of the inpainter.
        composite: Whether the image's own pixels replace the inpainter's where the mask trusts them; by default the
            inpainter's image is the result, as an error of the mask shall not leave corruption in it.

    Raises:
        ValueError: If a number is too small.
    """

    def __init__(
        self, dim: int = 64, detector_blocks: int = 4, inpainter_blocks: int = 4, composite: bool = False
    ) -> None:
        check_at_least(0, detector_blocks=detector_blocks, inpainter_blocks=inpainter_blocks)
        super().__init__(
            detector=VCNetMaskPredictor(dim=dim, n_blocks=detector_blocks),
            restorer=VCNetInpainter(dim=dim, n_blocks=inpainter_blocks),
            restorer_input=('image', 'mask'),
            mask_kind='soft',
            composite=composite,
        )
