"""Base class of metrics that measure a set of images, not single images."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from basicsr.utils.registry import METRIC_REGISTRY
from numpy.typing import NDArray


class SetMetric(ABC):
    """A metric of a set of images, registered as a class; its options go to the constructor.

    The caller collects :meth:`features` of all images, in any number of processes, and stacks them in the order of the
    images. It can then call :meth:`score` for the whole set and for parts of it. An object holds no state besides its
    network.
    """

    @abstractmethod
    def features(self, img: NDArray, img2: NDArray) -> NDArray:
        """Compute what an image contributes.

        Args:
            img: Restored image, (H, W, 3) uint8 BGR.
            img2: True image, (H, W, 3) uint8 BGR.

        Returns:
            float32, of one shape for all images.
        """

    def score(self, features: NDArray) -> float:
        """Measure a set.

        Args:
            features: (N, ...), those of its N images.

        Raises:
            ValueError: If the set has fewer than 2 images, which have no spread, or a feature is not finite.
        """
        name = type(self).__name__
        if len(features) < 2:
            raise ValueError(f'{name} measures sets of at least 2 images, got {len(features)}.')
        finite = np.isfinite(features).reshape(len(features), -1).all(axis=1)
        if not finite.all():
            raise ValueError(f'{name}: the features of image {int(finite.argmin())} of the set are not finite.')
        return self._score(features)

    @abstractmethod
    def _score(self, features: NDArray) -> float:
        """Measure a set of at least 2 images with finite features."""


def is_set_metric(name: str) -> bool:
    """Tell whether a registered metric is one of sets.

    Args:
        name: Its name in METRIC_REGISTRY, as an option ``type`` gives it.

    Raises:
        KeyError: If no metric has this name.
    """
    metric = METRIC_REGISTRY.get(name)
    return isinstance(metric, type) and issubclass(metric, SetMetric)
