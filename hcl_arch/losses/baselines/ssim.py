"""Differentiable structural similarity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_REACH = 5
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ssim_map(image: Tensor, truth: Tensor) -> Tensor:
    """SSIM of every pixel and channel, in a Gaussian window of 11 x 11 pixels, sigma 1.5, with zeros beyond the border.

    Source: Wang et al. (2004), "Image quality assessment: from error visibility to structural similarity".

    Args:
        image: (B, C, H, W), values around [0, 1].
        truth: (B, C, H, W).

    Returns:
        (B, C, H, W), at most 1.
    """
    distances = torch.arange(-_REACH, _REACH + 1, dtype=image.dtype, device=image.device)
    profile = torch.exp(-(distances**2) / (2 * _SIGMA**2))
    profile = profile / profile.sum()
    channels = image.shape[1]
    rows = profile.view(1, 1, -1, 1).expand(channels, -1, -1, -1)
    columns = profile.view(1, 1, 1, -1).expand(channels, -1, -1, -1)

    def local_mean(values: Tensor) -> Tensor:
        values = F.conv2d(values, rows, padding=(_REACH, 0), groups=channels)
        return F.conv2d(values, columns, padding=(0, _REACH), groups=channels)

    mean, truth_mean = local_mean(image), local_mean(truth)
    variance = local_mean(image**2) - mean**2
    truth_variance = local_mean(truth**2) - truth_mean**2
    covariance = local_mean(image * truth) - mean * truth_mean
    luminance = (2 * mean * truth_mean + _C1) / (mean**2 + truth_mean**2 + _C1)
    return luminance * (2 * covariance + _C2) / (variance + truth_variance + _C2)
