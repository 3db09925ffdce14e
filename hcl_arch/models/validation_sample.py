"""One validated image: input, output and scores."""

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

from hcl_arch.archs.blind_restoration import BlindRestoration
from hcl_arch.archs.image_form import to_image_size

# Options of a metric that are not the metric's own.
_OUR_KEYS = ('type', 'better', 'image', 'stage')
_IMAGES = ('restored', 'coarse', 'lq', 'reversed')


def metric_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a metric that are its own arguments."""
    return {key: value for key, value in options.items() if key not in _OUR_KEYS}


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
    stage_soft_masks: tuple[NDArray, ...] = ()
    """Confidences of the stages at the image's size, fine to coarse."""
    gt: Optional[NDArray] = None
    true_mask: Optional[NDArray] = None
    noise: Optional[NDArray] = None
    """What was put into the holes."""
    reversed: Optional[NDArray] = None
    """The restoration of what was put into the holes (bidirectional inpainting, Fig. 6)."""

    @property
    def hole_share(self) -> Optional[float]:
        """Share of corrupted pixels, in [0, 1]; None where the true mask is not known."""
        # So that 20 of 100 pixels are 0.2, not a little less, which would be another bin.
        return None if self.true_mask is None else float((1 - self.true_mask).mean(dtype=np.float64))

    def score(self, metric_options: Mapping[str, Any]) -> float:
        """Compute a metric of BasicSR's METRIC_REGISTRY.

        A metric gets the arguments that its function names: ``img`` and ``img2`` (an image and the truth, BGR uint8),
        ``soft_mask`` and ``true_mask``. One without ``img2``, such as NIQE, needs no truth.

        Args:
            metric_options: ``type``, the metric's own options, and optionally ``image`` (see :meth:`image_pair`) and
                ``stage``: the paper's number of the stage whose mask is measured, 1 = coarsest; the last by default.

        Raises:
            ValueError: If there is no such image or stage, or the data set lacks what the metric needs.
        """
        metric = METRIC_REGISTRY.get(metric_options['type'])
        wanted = inspect.signature(metric).parameters
        arguments: dict[str, Any] = {}
        if 'img2' in wanted:
            arguments['img'], arguments['img2'] = self.image_pair(metric_options)
        elif 'img' in wanted:
            arguments['img'] = self._image(metric_options)
        if 'soft_mask' in wanted:
            if self.true_mask is None:
                kind = metric_options['type']
                raise ValueError(f"Metric {kind} needs 'true_mask', which the data set does not have.")
            arguments.update(soft_mask=self._soft_mask_of(metric_options), true_mask=self.true_mask)
        return float(metric(**arguments, **metric_arguments(metric_options)))

    def image_pair(self, metric_options: Mapping[str, Any]) -> tuple[NDArray, NDArray]:
        """The image to measure and its truth, (H, W, 3) uint8 BGR.

        Args:
            metric_options: Of the metric; ``image`` says which image is measured: ``restored`` (default), ``coarse``,
                ``lq``, or ``reversed``, whose truth is what was put into the holes.

        Raises:
            ValueError: If there is no such image, or no truth.
        """
        truth_name = 'noise' if _image_name(metric_options) == 'reversed' else 'gt'
        truth = getattr(self, truth_name)
        if truth is None:
            raise ValueError(f"Metric {metric_options['type']} needs '{truth_name}', which the data set does not have.")
        return self._image(metric_options), truth

    def _image(self, metric_options: Mapping[str, Any]) -> NDArray:
        image = getattr(self, _image_name(metric_options))
        if image is None:
            raise ValueError('Metric option `image: reversed` needs `val: reverse: true`.')
        return image

    def _soft_mask_of(self, metric_options: Mapping[str, Any]) -> NDArray:
        stage, n_stages = metric_options.get('stage'), len(self.stage_soft_masks)
        if stage is None:
            return self.soft_mask
        if stage not in range(1, n_stages + 1):
            raise ValueError(
                f'Metric option `stage` must be one of 1 ... {n_stages}, the stages of this network from the coarsest '
                f'to the finest, got {stage!r}.'
            )
        return self.stage_soft_masks[n_stages - stage]


def _image_name(metric_options: Mapping[str, Any]) -> str:
    name = metric_options.get('image', 'restored')
    if name not in _IMAGES:
        raise ValueError(f'Metric option `image` must be one of {_IMAGES}, got {name!r}.')
    return name


def samples_of_batch(
    batch: Mapping[str, Any],
    names: list[str],
    output: BlindRestoration,
    size_multiple: int,
    reversed_images: Optional[Tensor] = None,
) -> list[ValidationSample]:
    """Take a validated batch apart.

    Args:
        batch: The loader's batch: ``lq`` and, where known, ``gt``, ``mask``, ``corruption``.
        names: Name of each image.
        output: The network's output for it.
        size_multiple: What the network padded the images to a multiple of.
        reversed_images: (B, 3, H, W) in [0, 1], restorations of what was put into the holes.
    """
    height, width = batch['lq'].shape[-2:]
    stage_masks = [to_image_size(mask, height, width, size_multiple) for mask in output.stage_masks]
    stage_soft_masks = [to_image_size(mask, height, width, size_multiple) for mask in output.stage_soft_masks]
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
            stage_soft_masks=tuple(_plane(mask[index]) for mask in stage_soft_masks),
            gt=_bgr(batch['gt'][index]) if 'gt' in batch else None,
            true_mask=_plane(batch['mask'][index]) if 'mask' in batch else None,
            noise=_bgr(batch['noise'][index]) if 'noise' in batch else None,
            reversed=None if reversed_images is None else _bgr(reversed_images[index]),
        )
        for index, name in enumerate(names)
    ]


def _bgr(image: Tensor) -> NDArray:
    return tensor2img([image.detach().float()])


def _plane(mask: Tensor) -> NDArray:
    return mask[0].detach().float().cpu().numpy().astype(np.float32)
