"""Metrics; importing this package registers them in BasicSR's METRIC_REGISTRY."""

from hcl_arch.metrics.mask_metrics import (
    calculate_corrupted_iou,
    calculate_mask_accuracy,
    calculate_mask_bce,
    calculate_mask_f1,
    calculate_mask_iou,
)

__all__ = [
    'calculate_corrupted_iou',
    'calculate_mask_accuracy',
    'calculate_mask_bce',
    'calculate_mask_f1',
    'calculate_mask_iou',
]
