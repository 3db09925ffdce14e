"""The interface of blind networks for methods that no mask guides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Optional, Union

import torch
from torch import Tensor, nn

from hcl_arch.archs.blind_restoration import BlindOutput, Guidance, check_guidance
from hcl_arch.archs.image_form import binary_mask, check_image, pad_to_multiple, to_image_size

# A pixel that a network without mask changes by more than this, of 1, counts as corrupted.
CHANGE_THRESHOLD = 0.05


class Painting(NamedTuple):
    """Output of a network for a padded image (B, 3, h, w)."""

    image: Tensor
    """(B, 3, h, w) RGB, around [0, 1], the method's best image."""
    coarse: Optional[Tensor] = None
    """(B, 3, h, w) RGB, around [0, 1], an earlier image; None where the method has none."""
    mask_logits: tuple[Tensor, ...] = ()
    """Logits that pixels are **uncorrupted**, (B, 1, h', w') fine to coarse; empty where the method has no mask."""
    above: Optional[Tensor] = None
    """(B, 3, h, w) RGB, around [0, 1], what lies upon the image; None where the method does not tell."""


class UnguidedRestorer(nn.Module, ABC):
    """A network that restores an image without guidance; subclasses set ``size_multiple`` and define ``_paint``.

    ``net(lq)`` returns the restored image, as a ``network_g`` of any BasicSR model must.
    ``net(lq, return_all=True, ...)`` returns a :class:`BlindOutput`, as ``BlindRestorationModel`` needs. If a method
    has no mask, the soft mask is derived from what it changes (:func:`soft_mask_of_change`), and ``mask_logits`` is
    empty, so no mask loss trains it.
    """

    size_multiple: int = 1

    @abstractmethod
    def _paint(self, image: Tensor) -> Painting:
        """(B, 3, h, w) RGB in [0, 1], h and w multiples of ``size_multiple``."""

    def forward(
        self,
        lq: Tensor,
        *,
        return_all: bool = False,
        true_mask: Optional[Tensor] = None,
        guidance: Guidance = 'predicted',
        reverse: bool = False,
        restore: bool = True,
    ) -> Union[Tensor, BlindOutput]:
        """Restore images.

        Args:
            lq: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.
            return_all: Whether to return a :class:`BlindOutput` instead of the restored image.
            true_mask: (B, 1, H, W), 1 = uncorrupted; only its shape is looked at, as no mask guides this network.
            guidance: Makes no difference, for the same reason.
            reverse: Must be False, for the same reason.
            restore: False only detects: the input stands for the restored images.

        Returns:
            The restored image, (B, 3, H, W), or everything. It is in [0, 1] in evaluation; in training values beyond
            are left, for the losses to pull them back.

        Raises:
            ValueError: If images or mask have the wrong shape, or ``reverse`` is asked for.
        """
        height, width = check_image(lq)
        check_guidance(lq, true_mask, guidance)
        if reverse:
            raise ValueError(f'reverse: {type(self).__name__} is not guided by a mask that could be reversed.')
        painting = self._paint(pad_to_multiple(lq, self.size_multiple))
        image = painting.image[..., :height, :width]
        soft_mask = self._soft_mask(lq, image, painting.mask_logits)
        restored = self._finished(image) if restore else lq
        if not return_all:
            return restored
        coarse = restored
        if restore and painting.coarse is not None:
            coarse = self._finished(painting.coarse[..., :height, :width])
        mask = binary_mask(soft_mask)
        return BlindOutput(
            restored=restored,
            coarse=coarse,
            mask=mask,
            soft_mask=soft_mask,
            mask_logits=list(painting.mask_logits),
            above=None if painting.above is None else painting.above[..., :height, :width],
        )

    def _soft_mask(self, lq: Tensor, image: Tensor, mask_logits: tuple[Tensor, ...]) -> Tensor:
        if not mask_logits:
            return soft_mask_of_change(lq, image)
        return torch.sigmoid(to_image_size(mask_logits[0], lq.shape[-2], lq.shape[-1], self.size_multiple))

    def _finished(self, image: Tensor) -> Tensor:
        return image if self.training else image.clamp(0, 1)


def soft_mask_of_change(lq: Tensor, restored: Tensor, *, threshold: float = CHANGE_THRESHOLD) -> Tensor:
    """Confidence that pixels are uncorrupted, by how little a restoration changes them: t / (t + d).

    d is the largest absolute change among a pixel's channels, t the threshold, which has confidence 0.5. Chosen here,
    for methods that restore without saying where; the long tail keeps cross-entropies of it finite.

    Args:
        lq: (B, 3, H, W) in [0, 1].
        restored: (B, 3, H, W), around [0, 1].
        threshold: The change from which on a pixel counts as corrupted.

    Returns:
        (B, 1, H, W) in (0, 1], without graph.
    """
    change = (restored.detach().clamp(0, 1) - lq.detach()).abs().amax(dim=1, keepdim=True)
    return threshold / (threshold + change)
