"""WGAN with gradient penalty, for the generator and for the discriminator."""

from __future__ import annotations

from typing import Literal, Optional, get_args

import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.image_form import to_image_range, to_network_range
from hcl_arch.utils.argument_checks import check_choice
from hcl_arch.utils.random_state import draw_for_batch

PenaltyOf = Literal['sum', 'mean']


def gradient_penalty(
    discriminator: nn.Module,
    real: Tensor,
    fake: Tensor,
    generator: Optional[torch.Generator] = None,
    *,
    penalty_of: PenaltyOf = 'sum',
) -> Tensor:
    """Penalty on the discriminator's slope between real and fake images (Gulrajani et al. 2017, Eq. 3).

    mean over samples of (|| d sum(D(x)) / d x || - 1)^2, x a random point between a real and a fake image. The norm is
    over a whole sample and, as in the authors' program, with respect to images in [-1, 1].

    Differs from the textbook, as the authors' program does: D(x) is a map of scores, and its sum is what gets a slope
    near 1, not the mean that the losses compare. On the mean the penalty would let the adversarial gradient grow as
    many times larger as the map has scores, far above that of the pixels' loss. A discriminator with one score an
    image has the same penalty either way.

    Args:
        discriminator: Maps (B, 3, H, W) in [0, 1] to scores of any shape with B first.
        real: (B, 3, H, W) in [0, 1].
        fake: (B, 3, H, W) in [0, 1], without graph.
        generator: Source of the random points.
        penalty_of: Whether the slope is that of the sum or of the mean of an image's scores.

    Returns:
        A scalar with a graph to the discriminator's parameters.
    """
    share = draw_for_batch(
        lambda images: torch.rand(images, 1, 1, 1, generator=generator, device=real.device, dtype=real.dtype),
        real.shape[0],
    )
    between = to_network_range(share * real + (1 - share) * fake).detach().requires_grad_(True)
    scores = discriminator(to_image_range(between)).reshape(real.shape[0], -1)
    totals = scores.sum(dim=1) if penalty_of == 'sum' else scores.mean(dim=1)
    (slope,) = torch.autograd.grad(totals.sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


@LOSS_REGISTRY.register()
class HCLWGANGPLoss(nn.Module):
    """WGAN-GP loss (Eq. 12; Gulrajani et al. 2017).

    It is called like BasicSR's ``GANLoss``: ``loss(scores, target_is_real, is_disc)``. Unlike in BasicSR's
    ``gradient_penalty_loss``, the norm in :meth:`penalty` is over a whole sample.

    Args:
        loss_weight: Weight of the generator's loss; the discriminator's is not weighted.
        penalty_weight: Weight of the gradient penalty.
        penalty_of: The quantity whose slope is penalised: the ``sum`` of an image's scores, as in the authors' program,
            or their ``mean``, as in textbooks; see :func:`gradient_penalty`.

    Raises:
        ValueError: If ``penalty_of`` is unknown.
    """

    def __init__(
        self, *, loss_weight: float = 1.0, penalty_weight: float = 10.0, penalty_of: PenaltyOf = 'sum'
    ) -> None:
        super().__init__()
        check_choice('penalty_of', penalty_of, get_args(PenaltyOf))
        self.loss_weight = loss_weight
        self.penalty_weight = penalty_weight
        self.penalty_of = penalty_of

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
        penalty = gradient_penalty(discriminator, real, fake, generator, penalty_of=self.penalty_of)
        return self.penalty_weight * penalty
