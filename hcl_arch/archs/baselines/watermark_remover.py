"""Base class of networks that find and remove a watermark: interface, sizes, blending and output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Optional, Union

import torch
from torch import Tensor, nn

from hcl_arch.archs.blind_restoration import Guidance, check_guidance
from hcl_arch.archs.image_form import check_image, pad_to_multiple

# Five levels and norms over the coarsest one's pixels, which have to be more than one.
_LEAST_SIDE = 32


class WatermarkOutput(NamedTuple):
    """Output of a network that removes a watermark; images RGB in [0, 1], masks 1 = uncorrupted.

    It is a :class:`hcl_arch.archs.blind_restoration.BlindRestoration`; the last two fields are for the networks' own
    losses.
    """

    restored: Tensor
    """(B, 3, H, W), the restored image."""
    coarse: Tensor
    """(B, 3, H, W), an earlier restoration, or the restored image itself."""
    mask: Tensor
    """(B, 1, H, W), the predicted mask, 0 or 1."""
    soft_mask: Tensor
    """(B, 1, H, W), confidence that a pixel is uncorrupted, in [0, 1]."""
    mask_logits: list[Tensor]
    """One tensor of logits behind it, (B, 1, h, w) on the padded grid (see ``size_multiple``)."""
    painted: list[Tensor]
    """Pictures (B, 3, H, W) as painted, around [0, 1], before they are blended with the input; the final one first."""
    watermark: Optional[Tensor]
    """(B, 3, H, W), the watermark's picture, around [0, 1]; None where it was not asked for."""

    @property
    def stage_masks(self) -> list[Tensor]:
        """The predicted mask, 0 or 1, (B, 1, h, w) on the padded grid."""
        return [(logits >= 0).to(logits.dtype) for logits in self.mask_logits]

    @property
    def stage_soft_masks(self) -> list[Tensor]:
        """The confidence, in [0, 1], (B, 1, h, w) on the padded grid."""
        return [torch.sigmoid(logits) for logits in self.mask_logits]


class Layers(NamedTuple):
    """The parts of an image with a watermark, all of the image's size."""

    hole_logits: Tensor
    """(B, 1, h, w), logits that the watermark covers a pixel."""
    image: Optional[Tensor] = None
    """(B, 3, h, w), the picture below, around [0, 1]; None where it was not asked for."""
    watermark: Optional[Tensor] = None
    """(B, 3, h, w), the watermark's picture, around [0, 1]; None where there is none."""


class WatermarkRemover(nn.Module, ABC):
    """A network that predicts a mask and a picture, and blends the picture into the image by the mask.

    ``net(lq)`` returns the restored image; ``net(lq, return_all=True)`` returns a :class:`WatermarkOutput`. Subclasses
    define :meth:`split`, and :meth:`paint` if they have a second stage. Images may have any size from 16 pixels up.
    They are padded by mirroring to multiples of 16, or of 32 where a side is shorter than that.

    Args:
        composite: Whether the result is mask * image + (1 - mask) * painted picture, or the painted picture.
    """

    size_multiple = 16

    def __init__(self, *, composite: bool = True) -> None:
        super().__init__()
        self.composite = composite

    @abstractmethod
    def split(self, image: Tensor, *, only_mask: bool = False) -> Layers:
        """Split an image.

        Args:
            image: (B, 3, h, w) RGB in [0, 1], h and w multiples of 16 and at least 32.
            only_mask: Whether the mask alone is wanted.

        Returns:
            The logits of the watermark's region and, unless only they are wanted, the pictures.
        """

    def paint(self, image: Tensor, first: Tensor, hole: Tensor) -> list[Tensor]:
        """Pictures (B, 3, h, w) around [0, 1], the final one first.

        Args:
            image: As :meth:`split` gets it.
            first: (B, 3, h, w), the picture that :meth:`split` gave.
            hole: (B, 1, h, w) in [0, 1], 1 = to be repainted.
        """
        return [first]

    def forward(
        self,
        lq: Tensor,
        *,
        return_all: bool = False,
        true_mask: Optional[Tensor] = None,
        guidance: Guidance = 'predicted',
        reverse: bool = False,
        restore: bool = True,
    ) -> Union[Tensor, WatermarkOutput]:
        """Restore images.

        Args:
            lq: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.
            return_all: Whether to return a :class:`WatermarkOutput` instead of the restored image.
            true_mask: (B, 1, H, W), 1 = uncorrupted; used for guidance only.
            guidance: Whether the predicted soft mask or ``true_mask`` guides a second stage and the blending.
            reverse: Keep what the guiding mask calls corrupted and take the rest from the painted picture.
            restore: False only detects: the input stands for the restored images, ``painted`` is empty.

        Returns:
            The restored image, (B, 3, H, W), or everything. ``restored`` and ``coarse`` are in [0, 1] in evaluation;
            in training values beyond are left, for the losses to pull them back.

        Raises:
            ValueError: If images or mask have the wrong shape, or guidance by the true mask lacks it.
        """
        height, width = check_image(lq)
        check_guidance(lq, true_mask, guidance)
        image = _padded(lq)
        layers = self.split(image, only_mask=not restore)
        hole = torch.sigmoid(layers.hole_logits)
        if guidance == 'true':
            assert true_mask is not None
            hole = 1 - _padded(true_mask.to(lq.dtype))
        if reverse:
            hole = 1 - hole
        painted: list[Tensor] = []
        blended = [lq]
        if restore:
            assert layers.image is not None
            painted = [each[..., :height, :width] for each in self.paint(image, layers.image, hole)]
            blended = [self._blend(lq, each, hole[..., :height, :width]) for each in painted]
        if not return_all:
            return blended[0]
        mask_logits = -layers.hole_logits
        soft_mask = torch.sigmoid(mask_logits)[..., :height, :width]
        rows, columns = (-(-side // self.size_multiple) * self.size_multiple for side in (height, width))
        return WatermarkOutput(
            restored=blended[0],
            coarse=blended[-1],
            mask=(mask_logits >= 0).to(soft_mask.dtype)[..., :height, :width],
            soft_mask=soft_mask,
            mask_logits=[mask_logits[..., :rows, :columns]],
            painted=painted,
            watermark=None if layers.watermark is None else layers.watermark[..., :height, :width],
        )

    def repair(self, lq: Tensor, mask: Tensor, *, reverse: bool = False) -> Tensor:
        """Restore images by a given mask.

        Args:
            lq: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.
            mask: (B, 1, H, W), 1 = uncorrupted.
            reverse: Keep what the mask calls corrupted and take the rest from the painted picture.

        Returns:
            The restored image, (B, 3, H, W) in [0, 1] in evaluation.

        Raises:
            ValueError: If images or mask have the wrong shape.
        """
        restored = self(lq, true_mask=mask, guidance='true', reverse=reverse)
        assert isinstance(restored, Tensor)
        return restored

    def _blend(self, lq: Tensor, painted: Tensor, hole: Tensor) -> Tensor:
        blended = (1 - hole) * lq + hole * painted if self.composite else painted
        return blended if self.training else blended.clamp(0, 1)


def _padded(image: Tensor) -> Tensor:
    """Padded by mirroring to sides that are multiples of 16 and at least 32."""
    image = pad_to_multiple(image, WatermarkRemover.size_multiple)
    return pad_to_multiple(image, _LEAST_SIDE) if min(image.shape[-2:]) < _LEAST_SIDE else image
