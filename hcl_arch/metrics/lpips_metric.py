"""LPIPS, a learned perceptual distance, computed by its authors' package."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Literal, Optional

import torch
import torchvision
from basicsr.utils.registry import METRIC_REGISTRY
from numpy.typing import NDArray
from torch import nn

from hcl_arch.metrics.image_tensor import image_pair
from hcl_arch.metrics.pretrained_weights import PretrainedWeights, metric_device, replaced
from hcl_arch.utils.extras import of_extra

Backbone = Literal['alex', 'vgg']

# torchvision's constructor, and the smallest image of which the last feature still has a pixel.
_CONSTRUCTORS = {'alex': 'alexnet', 'vgg': 'vgg16'}
_SMALLEST = {'alex': 31, 'vgg': 16}


@METRIC_REGISTRY.register()
def calculate_hcl_lpips(img: NDArray, img2: NDArray, *, net: Backbone = 'alex', weights: Optional[str] = None) -> float:
    """Learned perceptual distance of two images; lower is better, 0 for equal images.

    ``sum_l mean_hw sum_c w_lc (f_lc(img) - f_lc(img2))^2`` with f_l the features of layer l of a classification
    network, at every pixel scaled to length 1, and w_l >= 0 learned from human judgements, which come with ``lpips``.

    Args:
        img: (H, W, 3) uint8 BGR.
        img2: (H, W, 3) uint8 BGR.
        net: The classification network: ``alex`` is what its authors report, ``vgg`` is VGG-16.
        weights: A local file of torchvision's weights of that network; ``random`` for tests without one; by default
            the file is looked for in ``experiments/pretrained_models`` and in torch's cache, then downloaded.

    Raises:
        ValueError: If ``net`` is neither, the images do not fit together or are too small, or the file of weights is
            that of another network.
        FileNotFoundError: If the named file does not exist, or none is named and none can be had.

    Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018,
    version 0.1 of the weights.
    """
    if net not in _CONSTRUCTORS:
        raise ValueError(f"Option `net` of calculate_hcl_lpips must be 'alex' or 'vgg', got {net!r}.")
    pair = image_pair(img, img2, metric_device())
    if min(pair.shape[-2:]) < _SMALLEST[net]:
        height, width = pair.shape[-2:]
        raise ValueError(f'calculate_hcl_lpips with net {net!r} needs {_SMALLEST[net]} pixels, got {height} x {width}.')
    with torch.no_grad():
        return _network(net, weights)(pair[:1], pair[1:], normalize=True).item()


@cache
def _network(net: Backbone, weights: Optional[str]) -> nn.Module:
    """Build LPIPS around the named backbone, once."""
    with of_extra('train', 'calculate_hcl_lpips'):
        import lpips
    constructor = _CONSTRUCTORS[net]
    enum = torchvision.models.get_model_weights(constructor).IMAGENET1K_V1
    # Only the convolutions get memory: the classifier, which LPIPS throws away, holds most of the network.
    with torch.device('meta'):
        backbone = torchvision.models.get_model(constructor, weights=None).features.to_empty(device='cpu')
    published = PretrainedWeights(f'{constructor} of torchvision ({enum.name})', enum.url, 'calculate_hcl_lpips')
    published.fill(backbone, weights, prefix='features.')
    torchvision_models = SimpleNamespace(**{constructor: lambda **_: SimpleNamespace(features=backbone)})
    # The layers that learned weights replace are first drawn: leave the generator of the training as it was.
    with replaced(lpips.pretrained_networks, tv=torchvision_models), torch.random.fork_rng(devices=[]):
        network = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    return network.eval().requires_grad_(False).to(metric_device())
