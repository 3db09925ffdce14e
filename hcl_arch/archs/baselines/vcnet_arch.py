"""VCNet, the main baseline of the paper: mask prediction by pixel classification, then inpainting with a soft mask."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from hcl_arch.archs.baselines.vcnet_inpainter_arch import VCNetInpainter
from hcl_arch.archs.baselines.vcnet_mask_predictor_arch import VCNetLayers, VCNetMaskPredictor
from hcl_arch.archs.baselines.vcnet_published_layers import MaskLayers
from hcl_arch.archs.detect_then_restore_arch import DetectThenRestore
from hcl_arch.archs.image_form import pad_to_multiple, to_network_range
from hcl_arch.archs.layers.weight_init import WeightInit, init_weights
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least


@ARCHS.register()
class VCNet(DetectThenRestore):
    """Blind inpainting of Wang, Chen, Tao, Jia: "VCNet: A Robust Approach to Blind Image Inpainting", ECCV 2020.

    ``detector`` is a :class:`VCNetMaskPredictor`, ``restorer`` a :class:`VCNetInpainter`. The inpainter gets the image,
    the soft mask and the predictor's middle features. The features are detached, the mask is not. So in joint training
    (guidance by the predicted mask) the losses of the restoration reach the detector through the mask only. The
    interface is that of :class:`DetectThenRestore`.

    Source of the ``published`` layers: the program of an author of the HCL paper (xyfJASON/VCNet-pytorch), whose data,
    masks and tasks are those of the paper's tables. The program of VCNet's own authors (shepnerd's
    blindinpainting_vcnet) has the same widths, strides and dilations. But there the gate of the norms is a constant,
    the shortcuts always have a convolution, the features join at full size, and images and masks are clipped, where
    this network has tanh and sigmoid.

    Weights of a ``VCNet`` from before the option ``layers`` have other tensors. They load into ``layers: compact`` with
    the options of their training; the defaults were ``dim: 64``, ``detector_blocks: 4`` and ``inpainter_blocks: 4``.

    Args:
        dim: Width of both parts at full size.
        detector_blocks: Number of dilated residual blocks of the mask predictor.
        inpainter_blocks: Number of dilated residual blocks of the inpainter.
        composite: Whether the image's own pixels replace the inpainter's where the mask trusts them; by default the
            inpainter's image is the result, as an error of the mask shall not leave corruption in it.
        layers: ``published``, or ``compact``, chosen here before the former were at hand: skips, group norm, no
            features from the one part for the other.
        weight_init: What the weights start from; ``normal`` is the source's.

    Raises:
        ValueError: If a number is too small, or an option is none of the choices.
    """

    def __init__(
        self,
        *,
        dim: int = 32,
        detector_blocks: int = 2,
        inpainter_blocks: int = 4,
        composite: bool = False,
        layers: VCNetLayers = 'published',
        weight_init: WeightInit = 'torch',
    ) -> None:
        check_at_least(0, detector_blocks=detector_blocks, inpainter_blocks=inpainter_blocks)
        feature_dim = 4 * dim if layers == 'published' else 0
        super().__init__(
            detector=VCNetMaskPredictor(dim=dim, n_blocks=detector_blocks, layers=layers),
            restorer=VCNetInpainter(dim=dim, n_blocks=inpainter_blocks, layers=layers, feature_dim=feature_dim),
            restorer_input=('image', 'mask'),
            mask_kind='soft',
            composite=composite,
        )
        init_weights(self, weight_init)

    def _look(self, padded: Tensor) -> tuple[list[Tensor], Optional[Tensor]]:
        layers = self._mask_layers()
        if layers is None:
            return super()._look(padded)
        features = layers.encode(to_network_range(padded))
        return [layers.decoder(features)], features

    def _paint(self, lq: Tensor, mask: Tensor, confidence: Tensor, features: Optional[Tensor]) -> Tensor:
        layers = self._mask_layers()
        if layers is None:
            return super()._paint(lq, mask, confidence, features)
        if features is None:
            features = layers.encode(to_network_range(pad_to_multiple(lq, self.size_multiple)))
        return self.restorer(torch.cat([lq, mask], dim=1), features.detach())

    def _mask_layers(self) -> Optional[MaskLayers]:
        """The predictor's layers where the inpainter gets features of them."""
        layers = self.detector.network
        return layers if isinstance(layers, MaskLayers) else None
