"""The interface of blind restoration networks: what they take and what they return."""

from __future__ import annotations

from typing import Literal, NamedTuple, Optional, Protocol, get_args

import torch
from torch import Tensor

from hcl_arch.utils.argument_checks import check_choice

Guidance = Literal['predicted', 'true']


class BlindOutput(NamedTuple):
    """Output of a network that classifies pixels to find the mask; images RGB in [0, 1], masks 1 = uncorrupted."""

    restored: Tensor
    """(B, 3, H, W), the restored image."""
    coarse: Tensor
    """(B, 3, H, W), an earlier restoration, or the restored image itself."""
    mask: Tensor
    """(B, 1, H, W), the predicted mask, 0 or 1."""
    soft_mask: Tensor
    """(B, 1, H, W), confidence that a pixel is uncorrupted, in [0, 1]."""
    mask_logits: list[Tensor]
    """Logits behind it, (B, 1, h, w) on the padded grid (see ``size_multiple``), fine to coarse."""
    above: Optional[Tensor] = None
    """(B, 3, H, W), around [0, 1], what lies upon the restored image, for losses; None where the network has none."""

    @property
    def stage_masks(self) -> list[Tensor]:
        """Predicted masks of the stages, 0 or 1, (B, 1, h, w) on the padded grid, fine to coarse."""
        return [(logits >= 0).to(logits.dtype) for logits in self.mask_logits]

    @property
    def stage_soft_masks(self) -> list[Tensor]:
        """Confidences of the stages, in [0, 1], (B, 1, h, w) on the padded grid, fine to coarse."""
        return [torch.sigmoid(logits) for logits in self.mask_logits]


class BlindRestoration(Protocol):
    """The fields of a network's output that models and validation read, as in ``BlindOutput`` and ``HCLOutput``."""

    @property
    def restored(self) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1]."""

    @property
    def coarse(self) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1]."""

    @property
    def soft_mask(self) -> Tensor:
        """(B, 1, H, W), confidence that a pixel is uncorrupted, in [0, 1]."""

    @property
    def mask_logits(self) -> list[Tensor]:
        """(B, 1, h, w) on the padded grid, fine to coarse; empty where the mask is not made from logits."""

    @property
    def stage_masks(self) -> list[Tensor]:
        """(B, 1, h, w), 0 or 1, on the padded grid, fine to coarse."""

    @property
    def stage_soft_masks(self) -> list[Tensor]:
        """(B, 1, h, w) in [0, 1], on the padded grid, fine to coarse."""


def check_guidance(lq: Tensor, true_mask: Optional[Tensor], guidance: Guidance) -> None:
    """Raise ValueError if guidance is no choice or lacks its mask, or a mask does not fit images (B, 3, H, W)."""
    check_choice('guidance', guidance, get_args(Guidance))
    if true_mask is None:
        if guidance == 'true':
            raise ValueError("guidance='true' needs true_mask.")
        return
    expected = (lq.shape[0], 1, *lq.shape[-2:])
    if true_mask.shape != expected:
        raise ValueError(f'Expected true_mask of shape {expected} for these images, got {tuple(true_mask.shape)}.')
