"""Metrics; importing this package registers them in BasicSR's METRIC_REGISTRY."""

from __future__ import annotations

import hcl_arch.utils.training_extra  # noqa: F401  (first: it imports BasicSR)
from hcl_arch.metrics.fid_metric import HCLFID, frechet_distance
from hcl_arch.metrics.lpips_metric import calculate_hcl_lpips
from hcl_arch.metrics.mask_metrics import (
    calculate_corrupted_iou,
    calculate_mask_accuracy,
    calculate_mask_auc,
    calculate_mask_bce,
    calculate_mask_f1,
    calculate_mask_iou,
)
from hcl_arch.metrics.set_metric import SetMetric, is_set_metric

__all__ = [
    'HCLFID',
    'SetMetric',
    'calculate_corrupted_iou',
    'calculate_hcl_lpips',
    'calculate_mask_accuracy',
    'calculate_mask_auc',
    'calculate_mask_bce',
    'calculate_mask_f1',
    'calculate_mask_iou',
    'frechet_distance',
    'is_set_metric',
]
