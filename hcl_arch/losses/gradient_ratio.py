"""Compare the gradients of two losses with respect to an image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

# So that the gradients of a float16 image, of about 1e-7 for each of its numbers, do not vanish.
_SCALE = 2.0**12
# What the adversarial loss is compared with: the first of these that there is.
_COMPARED = ('l_pix_refined', 'l_pix_coarse', 'l_percep', 'l_percep_coarse')


def gradient_ratio(loss: Tensor, reference: Tensor, image: Tensor) -> Tensor:
    """Ratio of the lengths of two losses' gradients, || d loss / d image || / || d reference / d image ||.

    The gradients go back to the image only, not into the network that made it, and leave nothing in any parameter.
    Of the adversarial loss beside the pixels' it tells a collapse early: far above 1, the discriminator alone says what
    the image becomes.

    Args:
        loss: A scalar with a graph to ``image``, which is kept.
        reference: Likewise.
        image: Of any shape, with a graph of its own.

    Returns:
        A scalar without graph, at least 0; huge or infinite where ``reference`` has no slope and ``loss`` has one, 0
        where neither has.

    >>> image = torch.ones(2, requires_grad=True)
    >>> gradient_ratio(3 * image.sum(), image.sum(), image)
    tensor(3.)
    """
    length, reference_length = (
        torch.autograd.grad(_SCALE * scalar, image, retain_graph=True)[0].float().norm() for scalar in (loss, reference)
    )
    return length / reference_length.clamp(min=torch.finfo(torch.float32).tiny)


def adversarial_ratio(losses: Mapping[str, Tensor], restored: Tensor) -> dict[str, Tensor]:
    """``r_gan_pix`` for the log: the adversarial loss's gradient over the pixel loss's, at the restored image.

    Args:
        losses: The generator's, with their graphs: ``l_g_gan``, and ``l_pix_refined`` or, without it, ``l_pix_coarse``.
            Where there is no loss of pixels alone, as SIRF and DHAN have none, the perceptual one stands for it.
        restored: (B, 3, H, W), the image that both are of.

    Returns:
        The ratio; nothing where one of the losses is missing, or nothing learns from them.
    """
    pixel_loss = next((losses[name] for name in _COMPARED if name in losses), None)
    if 'l_g_gan' not in losses or pixel_loss is None or not restored.requires_grad:
        return {}
    return {'r_gan_pix': gradient_ratio(losses['l_g_gan'], pixel_loss, restored)}
