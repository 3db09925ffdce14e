"""The texture loss: implicit diversified Markov random fields (ID-MRF) of VGG-19 features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Optional

import torch
import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.layers.portions import checkpointed
from hcl_arch.losses.hcl_perceptual_loss import HCLPerceptualLoss
from hcl_arch.losses.pixel_sampling import gather_pixels, random_pixels
from hcl_arch.utils.argument_checks import check_above_zero, check_at_least

# Of the source: once each for texture, and relu4_2 once more for content.
LAYER_WEIGHTS: Mapping[str, float] = {'relu3_2': 1.0, 'relu4_2': 2.0}
# Keeps a distance that is divided by the smallest one finite.
_DISTANCE_MARGIN = 1e-5
# Of the lengths of features that are divided by them.
_LEAST_LENGTH = 1e-4


def id_mrf_distance(image: Tensor, truth: Tensor, *, bandwidth: float = 0.5) -> Tensor:
    """How many of the truth's features the image has no counterpart of its own for.

    With d(v, s) = (1 - cos(v - m, s - m)) / 2 for features v of the image and s of the truth, m the truth's mean, and
    r(v, s) = d(v, s) / (min over s' of d(v, s') + 1e-5):

    L = -log( mean over s of max over v of softmax over s of (-r(v, s) / h) ).

    0 where each s is the one nearest by far to some v; log N, N being the number of features, where all are alike. A
    feature of the truth that is nobody's nearest one makes it larger, so that textures do not shrink to one pattern.
    Source: Wang, Tao, Qi, Shen, Jia: "Image Inpainting via Generative Multi-column Convolutional Neural Networks",
    NeurIPS 2018, as the programs of it and of VCNet compute it.

    Differs from the programs: m is the mean of an image's own features, per channel, where that of VCNet's authors
    takes the mean of the batch, and others take one over the channels of each feature.

    Args:
        image: (B, N, C), float32.
        truth: (B, N, C), float32.
        bandwidth: h, above 0: the smaller, the less a second-nearest feature counts.

    Returns:
        (B,), at least 0.
    """
    mean = truth.mean(dim=1, keepdim=True)
    ours = F.normalize(image - mean, dim=2, eps=_LEAST_LENGTH)
    theirs = F.normalize(truth - mean, dim=2, eps=_LEAST_LENGTH)
    # Rounding can bring a cosine above 1.
    distance = ((1 - ours @ theirs.transpose(1, 2)) / 2).clamp(min=0)
    relative = distance / (distance.amin(dim=2, keepdim=True) + _DISTANCE_MARGIN)
    best = torch.log_softmax(-relative / bandwidth, dim=2).amax(dim=1)
    return math.log(best.shape[1]) - best.logsumexp(dim=1)


@LOSS_REGISTRY.register()
class HCLIDMRFLoss(nn.Module):
    """VCNet's texture loss: the weighted :func:`id_mrf_distance` of VGG-19 features, averaged over the images.

    Source: Wang et al., "VCNet", ECCV 2020. Its programs give it the weight 0.001, with 1.4 times the L1 distance of
    images in [-1, 1].

    Differs from the programs: it is the mean over the images, where the program of an author of the HCL paper takes the
    sum. The VGG-19 is torchvision's with maximum pooling, as in that program; VCNet's authors have average pooling.

    Args:
        loss_weight: Weight of the sum over the layers.
        layer_weights: Weight of each layer; by default the source's, ``{relu3_2: 1.0, relu4_2: 2.0}``.
        weights: See :class:`HCLPerceptualLoss`.
        vgg_type: Which VGG, in BasicSR's spelling.
        bandwidth: See :func:`id_mrf_distance`.
        max_features: Layers with more features than this are compared at this many random places, the same for image
            and truth: memory and time grow with the square of the number. The source's, 65^2, is enough for all of
            relu3_2 at 256 pixels.
        use_checkpoint: Whether the backward pass recomputes the distances, one image after the other, instead of
            storing all of them.

    Raises:
        FileNotFoundError: If the named file does not exist, or none is named and none can be found or downloaded.
        ValueError: If a number is too small, or there is no layer.
    """

    def __init__(
        self,
        *,
        loss_weight: float = 1.0,
        layer_weights: Optional[Mapping[str, float]] = None,
        weights: Optional[str] = None,
        vgg_type: str = 'vgg19',
        bandwidth: float = 0.5,
        max_features: int = 4225,
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        check_above_zero(bandwidth=bandwidth)
        check_at_least(2, max_features=max_features)
        self.layer_weights = dict(LAYER_WEIGHTS if layer_weights is None else layer_weights)
        if not self.layer_weights:
            raise ValueError('layer_weights: expects at least one layer, got none.')
        self.loss_weight = loss_weight
        self.bandwidth = bandwidth
        self.max_features = max_features
        self.use_checkpoint = use_checkpoint
        self.vgg = HCLPerceptualLoss(layer_weights=self.layer_weights, weights=weights, vgg_type=vgg_type)

    def forward(self, image: Tensor, truth: Tensor) -> tuple[Tensor, Optional[Tensor]]:
        """Compare images.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            truth: (B, 3, H, W) RGB in [0, 1]; its features are computed without graph.

        Returns:
            The weighted loss, a scalar, and None in the place of BasicSR's style loss.
        """
        expected, found = self.vgg.truth_features(truth), self.vgg.features(image)
        terms = [
            weight * self._layer_distance(found[layer], expected[layer]) for layer, weight in self.layer_weights.items()
        ]
        return self.loss_weight * torch.stack(terms).sum(), None

    def _layer_distance(self, image: Tensor, truth: Tensor) -> Tensor:
        """The mean over the images of features (B, C, h, w)."""
        everywhere = torch.ones_like(truth[:, 0], dtype=torch.bool).flatten(1)
        places = random_pixels(everywhere, self.max_features)
        # In float32 under autocast too: differences of nearest distances are small.
        with torch.autocast(image.device.type, enabled=False):
            chosen = [gather_pixels(features.float(), places).split(1) for features in (image, truth)]
            distances = [checkpointed(self._distance, *pair, enabled=self.use_checkpoint) for pair in zip(*chosen)]
            return torch.cat(distances).mean()

    def _distance(self, image: Tensor, truth: Tensor) -> Tensor:
        return id_mrf_distance(image, truth, bandwidth=self.bandwidth)
