"""FID: the distance between the distributions of Inception-v3 features of restored and true images."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Optional

import numpy as np
import torch
import torchvision
from basicsr.archs import inception
from basicsr.utils.registry import METRIC_REGISTRY
from numpy.typing import NDArray
from torch import nn

from hcl_arch.metrics.image_tensor import image_pair
from hcl_arch.metrics.pretrained_weights import PretrainedWeights, metric_device, replaced
from hcl_arch.metrics.set_metric import SetMetric

# BasicSR numbers the outputs by depth; this is the final average pooling, of 2048 channels.
_POOLING_BLOCK = 3
_SMALLEST = 75  # pixels, of which the last block still gets one


@METRIC_REGISTRY.register()
class HCLFID(SetMetric):
    """Fréchet Inception distance between the restored and the true images of a set; lower is better.

    The Fréchet distance (:func:`frechet_distance`) between two Gaussians fitted to 2048 features of the Inception-v3
    that FID was published with. It depends on the number of images, most of all for few images. Compare only values of
    sets of the same size.

    Args:
        weights: A local file of the weights (pt_inception-2015-12-05-6726825d.pth); ``random`` for tests without one;
            by default the file is looked for in ``experiments/pretrained_models`` and torch's cache, then downloaded.
        resize_input: Whether images are scaled to 299 x 299 pixels, which the network was trained with.

    Raises:
        FileNotFoundError: If the named file does not exist, or none is named and none can be had.
        ValueError: If the file is that of another network.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017.
    The network is BasicSR's, after pytorch-fid.
    """

    def __init__(self, weights: Optional[str] = None, resize_input: bool = True) -> None:
        self._network = _network(weights, resize_input)

    def features(self, img: NDArray, img2: NDArray) -> NDArray:
        """Compute the features of a restored and of a true image.

        Args:
            img: Restored image, (H, W, 3) uint8 BGR.
            img2: True image, (H, W, 3) uint8 BGR.

        Returns:
            (2, 2048) float32, those of the restored image first.

        Raises:
            ValueError: If the images do not fit together, or are too small to be left at their size.
        """
        pair = image_pair(img, img2, metric_device())
        if not self._network.resize_input and min(pair.shape[-2:]) < _SMALLEST:
            size = ' x '.join(map(str, pair.shape[-2:]))
            raise ValueError(f'HCLFID without `resize_input` needs images of {_SMALLEST} pixels, got {size}.')
        with torch.no_grad():
            return self._network(pair)[0].flatten(1).cpu().numpy()

    def _score(self, features: NDArray) -> float:
        return frechet_distance(features[:, 0], features[:, 1])


def frechet_distance(x: NDArray, y: NDArray) -> float:
    """Squared Fréchet distance between Gaussians fitted to two samples.

    ``|m_x - m_y|^2 + tr(S_x) + tr(S_y) - 2 tr sqrt(S_x S_y)`` with means m and unbiased covariances S.

    With X and Y the centred samples over the roots of N - 1 and M - 1, S_x = X^T X and S_y = Y^T Y, and the eigenvalues
    of S_x S_y that are not 0 are those of (X Y^T)^T (X Y^T): the trace of the root is the sum of the singular values of
    X Y^T. That needs no root of a matrix and is as good for samples of fewer than D + 1, whose S have no full rank.

    Args:
        x: (N, D), N >= 2.
        y: (M, D), M >= 2.

    Returns:
        At least 0.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    shift = x.mean(axis=0) - y.mean(axis=0)
    root_x, root_y = _covariance_root(x), _covariance_root(y)
    trace_of_root = np.linalg.svd(root_x @ root_y.T, compute_uv=False).sum()
    distance = (shift**2).sum() + (root_x**2).sum() + (root_y**2).sum() - 2 * trace_of_root
    return max(float(distance), 0.0)  # rounding may leave equal samples a little below


def _covariance_root(sample: NDArray) -> NDArray:
    """Return R of at most D rows with R^T R = the covariance of a sample (N, D)."""
    count, dimension = sample.shape
    root = (sample - sample.mean(axis=0)) / np.sqrt(count - 1)
    return np.asarray(np.linalg.qr(root, mode='r')) if count > dimension else root


@cache
def _network(weights: Optional[str], resize_input: bool) -> nn.Module:
    """Build BasicSR's Inception-v3, once, with weights from where ours come from."""
    published = PretrainedWeights("FID's Inception-v3 of 2015", inception.FID_WEIGHTS_URL, 'HCLFID')
    # All layers are first drawn: leave the generator of the training as it was.
    with torch.random.fork_rng(devices=[]):
        base = torchvision.models.inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)

        # BasicSR asks for the weights when it has put FID's own blocks in `base`, and loads what it is given.
        def state_of_filled_base(*_: object, **__: object) -> dict[str, torch.Tensor]:
            published.fill(base, weights)
            return base.state_dict()

        models = SimpleNamespace(inception_v3=lambda **_: base)
        with replaced(inception, models=models, load_url=state_of_filled_base, LOCAL_FID_WEIGHTS=''):
            network = inception.InceptionV3([_POOLING_BLOCK], resize_input=resize_input, normalize_input=True)
    return network.eval().to(metric_device())
