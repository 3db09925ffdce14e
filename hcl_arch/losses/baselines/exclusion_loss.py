"""The exclusion loss of SIRF: penalises edges that two layers of an image have in common."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.utils.argument_checks import check_at_least

# Of means and fourth roots, which have no slope at 0.
_TINY = 1e-12


def exclusion(below: Tensor, above: Tensor, *, n_scales: int = 3) -> Tensor:
    """How much two layers have edges at the same places.

    sum over images of (mean over scales of e_x + mean over scales of e_y) / 2, with
    e = mean(psi(g_T)^2 psi(alpha g_R)^2)^(1/4) over an image's pixels and channels, psi(g) = 2 sigmoid(g) - 1, g the
    differences of neighbours along x or y, and alpha = 2 mean|g_T| / mean|g_R|. Each scale is half as large as the one
    before. Source: Zhang, Ng, Chen, CVPR 2018 (SIRF).

    Differs from the program: alpha is of each image, where that takes one of the batch, which it makes of one image;
    and where a layer has no edges the loss is 0 and has a gradient of 0.

    Args:
        below: (B, 3, H, W), T.
        above: (B, 3, H, W), R.
        n_scales: Number of scales; H and W at least 2^n_scales.

    Returns:
        A scalar.
    """
    terms = []
    for scale in range(n_scales):
        if scale:
            below, above = F.avg_pool2d(below, 2), F.avg_pool2d(above, 2)
        terms += [_common_edges(below, above, axis) for axis in (-1, -2)]
    return torch.stack(terms).sum() / (2 * n_scales)


def _common_edges(below: Tensor, above: Tensor, axis: int) -> Tensor:
    """The sum over images of e along one axis."""
    below, above = below.diff(dim=axis), above.diff(dim=axis)
    alpha = 2 * _image_mean(below.abs()) / _image_mean(above.abs()).clamp(min=_TINY)
    # psi(g) = 2 sigmoid(g) - 1 = tanh(g / 2)
    common = _image_mean(torch.tanh(below / 2).square() * torch.tanh(alpha * above / 2).square())
    return common.clamp(min=_TINY**2).pow(0.25).where(common > _TINY**2, common * 0).sum()


def _image_mean(values: Tensor) -> Tensor:
    return values.mean(dim=(1, 2, 3), keepdim=True)


@LOSS_REGISTRY.register()
class ExclusionLoss(nn.Module):
    """Weighted :func:`exclusion`.

    Args:
        loss_weight: Weight.
        n_scales: Number of scales.

    Raises:
        ValueError: If ``n_scales`` is too small.
    """

    def __init__(self, *, loss_weight: float = 1.0, n_scales: int = 3) -> None:
        super().__init__()
        check_at_least(1, n_scales=n_scales)
        self.loss_weight = loss_weight
        self.n_scales = n_scales

    def forward(self, below: Tensor, above: Tensor) -> Tensor:
        """See :func:`exclusion`; both (B, 3, H, W), in float32 under autocast too."""
        return self.loss_weight * exclusion(below.float(), above.float(), n_scales=self.n_scales)
