"""HCLPSNRLoss: each image of a batch counts by its error in dB."""

from __future__ import annotations

from typing import Literal, get_args

from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.utils.argument_checks import check_choice

Norm = Literal['l1', 'l2']

# Keeps the logarithm of an image without any error finite.
_EPSILON = {'l1': 1e-5, 'l2': 1e-8}


@LOSS_REGISTRY.register()
class HCLPSNRLoss(nn.Module):
    """Mean over the images of 10 log10 of their mean squared error: the negative PSNR.

    A mean error over the batch is ruled by the images with large holes. Here an image with a thin scratch counts as
    much as one of which half is missing, and a faint mark as much as a black bar.

    Differs from the paper, which uses L1. The loss is that of HINet (Chen et al., CVPRW 2021).

    Args:
        loss_weight: Factor of the loss.
        norm: ``l2``, or ``l1``: 20 log10 of the mean absolute error, which keeps edges harder.

    Raises:
        ValueError: If ``norm`` is neither.
    """

    def __init__(self, loss_weight: float = 1.0, *, norm: Norm = 'l2') -> None:
        super().__init__()
        check_choice('norm', norm, get_args(Norm))
        self.loss_weight = loss_weight
        self.norm = norm

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            pred: (B, C, H, W), in [0, 1].
            target: Likewise.

        Returns:
            Scalar, in dB times the weight: at least about -80 (``l2``) or -100 (``l1``).
        """
        difference = (pred - target).float()
        error = (difference.abs() if self.norm == 'l1' else difference.square()).flatten(1).mean(1)
        factor = 20 if self.norm == 'l1' else 10
        return self.loss_weight * factor * (error + _EPSILON[self.norm]).log10().mean()
