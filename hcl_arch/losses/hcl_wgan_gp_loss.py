"""WGAN with gradient penalty, for the generator and for the discriminator."""

from __future__ import annotations

from typing import Optional

import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.image_range import to_image_range, to_network_range
from hcl_arch.training.random_state import draw_for_batch


def gradient_penalty(
    discriminator: nn.Module, real: Tensor, fake: Tensor, generator: Optional[torch.Generator] = None
) -> Tensor:
    """Penalty on the discriminator's slope between real and fake images (Gulrajani et al. 2017, Eq. 3).

    mean over samples of (|| d mean(D(x)) / d x || - 1)^2, x a random point between a real and a fake image. The norm
    is over a whole sample and, as in the authors' program, with respect to images in [-1, 1].

    Args:
        discriminator: Maps (B, 3, H, W) in [0, 1] to scores of any shape with B first.
        real: (B, 3, H, W) in [0, 1].
        fake: (B, 3, H, W) in [0, 1], without graph.
        generator: Source of the random points.

    Returns:
        A scalar with a graph to the discriminator's parameters.
    """
    share = draw_for_batch(
        lambda images: torch.rand(images, 1, 1, 1, generator=generator, device=real.device, dtype=real.dtype),
        real.shape[0],
    )
    between = to_network_range(share * real + (1 - share) * fake).detach().requires_grad_(True)
    scores = discriminator(to_image_range(between)).reshape(real.shape[0], -1).mean(dim=1)
    (slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


@LOSS_REGISTRY.register()
class HCLWGANGPLoss(nn.Module):
    """WGAN-GP loss (Eq. 12; Gulrajani et al. 2017).

    Called as BasicSR's ``GANLoss``: ``loss(scores, target_is_real, is_disc)``. Unlike BasicSR's
    ``gradient_penalty_loss``, the norm of :meth:`penalty` is over a whole sample.

    Args:
        loss_weight: Weight of the generator's loss; the discriminator's is not weighted.
        penalty_weight: Weight of the gradient penalty.
    """

    def __init__(self, loss_weight: float = 1.0, *, penalty_weight: float = 10.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.penalty_weight = penalty_weight

    def forward(self, scores: Tensor, target_is_real: bool, is_disc: bool = False) -> Tensor:
        """Mean score with the sign that makes it a loss.

        Args:
            scores: The discriminator's output, any shape.
            target_is_real: Whether the scores shall become those of real images (high).
            is_disc: Whether the loss is the discriminator's.

        Returns:
            A scalar.
        """
        loss = -scores.mean() if target_is_real else scores.mean()
        return loss if is_disc else self.loss_weight * loss

    def penalty(
        self, discriminator: nn.Module, real: Tensor, fake: Tensor, generator: Optional[torch.Generator] = None
    ) -> Tensor:
        """The weighted :func:`gradient_penalty`."""
        return self.penalty_weight * gradient_penalty(discriminator, real, fake, generator)
