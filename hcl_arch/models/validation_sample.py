"""One validated image: what went in, what came out, how it scores."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from basicsr.utils import tensor2img
from basicsr.utils.registry import METRIC_REGISTRY
from numpy.typing import NDArray
from torch import Tensor

from hcl_arch.archs.hcl_detector_arch import to_image_size
from hcl_arch.archs.hcl_net_arch import HCLOutput

# Options of a metric that are not the metric function's own.
_IMAGE_KEY, _BETTER_KEY = 'image', 'better'


@dataclass(frozen=True)
class ValidationSample:
    """Images (H, W, 3) uint8 BGR as BasicSR's metrics take them; masks (H, W) float32, 1 = uncorrupted."""

    name: str
    corruption: str
    lq: NDArray
    coarse: NDArray
    restored: NDArray
    soft_mask: NDArray
    stage_masks: tuple[NDArray, ...]
    """Predicted masks of the stages at the image's size, fine to coarse."""
    gt: Optional[NDArray] = None
    true_mask: Optional[NDArray] = None

    @property
    def hole_share(self) -> Optional[float]:
        """Share of corrupted pixels, in [0, 1]; None where the true mask is not known."""
        return None if self.true_mask is None else float(1 - self.true_mask.mean())

    def score(self, metric_options: Mapping[str, Any]) -> float:
        """Compute a metric of BasicSR's METRIC_REGISTRY.

        A metric gets the arguments that its function names: ``img`` and ``img2`` (an image and the truth, BGR uint8),
        ``soft_mask`` and ``true_mask``.

        Args:
            metric_options: ``type``, the metric's own options, and optionally ``image``: which image is compared with
                the truth, ``restored`` (default), ``coarse`` or ``lq``.

        Raises:
            ValueError: If ``image`` names no image, or the data set lacks what the metric needs.
        """
        options = {key: value for key, value in metric_options.items() if key not in ('type', _BETTER_KEY, _IMAGE_KEY)}
        image = metric_options.get(_IMAGE_KEY, 'restored')
        if image not in ('restored', 'coarse', 'lq'):
            raise ValueError(f"Metric option `image` must be 'restored', 'coarse' or 'lq', got {image!r}.")
        metric = METRIC_REGISTRY.get(metric_options['type'])
        offered = {
            'img': getattr(self, image),
            'img2': self.gt,
            'soft_mask': self.soft_mask,
            'true_mask': self.true_mask,
        }
        wanted = {key: offered[key] for key in inspect.signature(metric).parameters if key in offered}
        missing = [key for key, value in wanted.items() if value is None]
        if missing:
            raise ValueError(f'Metric {metric_options["type"]} needs {missing}, which the data set does not have.')
        return float(metric(**wanted, **options))


def samples_of_batch(
    batch: Mapping[str, Any], names: list[str], output: HCLOutput, size_multiple: int
) -> list[ValidationSample]:
    """Take a validated batch apart.

    Args:
        batch: The loader's batch: ``lq`` and, where known, ``gt``, ``mask``, ``corruption``.
        names: Name of each image.
        output: The network's output for it.
        size_multiple: What the network padded the images to a multiple of.
    """
    height, width = batch['lq'].shape[-2:]
    stage_masks = [to_image_size(stage.mask, height, width, size_multiple) for stage in output.stages]
    corruption = batch.get('corruption', [''] * len(names))
    return [
        ValidationSample(
            name=name,
            corruption=corruption[index],
            lq=_bgr(batch['lq'][index]),
            coarse=_bgr(output.coarse[index]),
            restored=_bgr(output.restored[index]),
            soft_mask=_plane(output.soft_mask[index]),
            stage_masks=tuple(_plane(mask[index]) for mask in stage_masks),
            gt=_bgr(batch['gt'][index]) if 'gt' in batch else None,
            true_mask=_plane(batch['mask'][index]) if 'mask' in batch else None,
        )
        for index, name in enumerate(names)
    ]


def _bgr(image: Tensor) -> NDArray:
    return tensor2img([image.detach().float()])


def _plane(mask: Tensor) -> NDArray:
    return mask[0].detach().float().cpu().numpy().astype(np.float32)
