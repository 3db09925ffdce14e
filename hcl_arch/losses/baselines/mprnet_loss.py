"""The training losses of MPRNet."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.baselines.mprnet_arch import MPRNetOutput

_EPS = 1e-6
_PROFILE = (0.05, 0.25, 0.4, 0.25, 0.05)


def charbonnier(image: Tensor, truth: Tensor) -> Tensor:
    """Mean of sqrt((image - truth)^2 + 1e-6), a scalar; of two tensors of the same shape."""
    return torch.sqrt((image - truth) ** 2 + _EPS).mean()


def laplacian(image: Tensor) -> Tensor:
    """What a picture has beyond its smoothed self: x - g(4 z(g(x))).

    g weighs 5 x 5 pixels by (0.05, 0.25, 0.4, 0.25, 0.05) along either axis and repeats the border; z keeps every
    second pixel of every second row and sets the others to 0. Source: Zamir et al. 2021, edge loss.

    Args:
        image: (B, C, H, W), at least one pixel.

    Returns:
        (B, C, H, W).
    """
    smooth = _smoothed(image)
    kept = torch.zeros_like(smooth)
    kept[..., ::2, ::2] = 4 * smooth[..., ::2, ::2]
    return image - _smoothed(kept)


def _smoothed(image: Tensor) -> Tensor:
    channels, reach = image.shape[1], len(_PROFILE) // 2
    profile = image.new_tensor(_PROFILE)
    kernel = torch.outer(profile, profile).expand(channels, 1, -1, -1)
    return F.conv2d(F.pad(image, (reach,) * 4, mode='replicate'), kernel, groups=channels)


@LOSS_REGISTRY.register()
class MPRNetLoss(nn.Module):
    """Charbonnier distance of pictures and of their edges, summed over the three stages (Zamir et al., CVPR 2021).

    Args:
        loss_weight: Weight of all.
        edge_weight: Weight of the edges against the pictures; 0.05 for deraining and deblurring, 0 for denoising.
    """

    def __init__(self, *, loss_weight: float = 1.0, edge_weight: float = 0.05) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.edge_weight = edge_weight

    def forward(
        self,
        output: MPRNetOutput,
        truth: Tensor,
        mask: Optional[Tensor] = None,
        watermark: Optional[Tensor] = None,
    ) -> dict[str, Tensor]:
        """Compare.

        Args:
            output: Of the network.
            truth: (B, 3, H, W) RGB in [0, 1].
            mask: Not looked at, nor is ``watermark``: they are there for ``train.output_opt``.

        Returns:
            Term -> weighted scalar; float32 under autocast too.
        """
        pictures = [picture.float() for picture in output.pictures]
        losses = {'l_pixel': torch.stack([charbonnier(picture, truth) for picture in pictures]).sum()}
        if self.edge_weight > 0:
            edges = laplacian(truth)
            distances = [charbonnier(laplacian(picture), edges) for picture in pictures]
            losses['l_edge'] = self.edge_weight * torch.stack(distances).sum()
        return {name: self.loss_weight * loss for name, loss in losses.items()}
