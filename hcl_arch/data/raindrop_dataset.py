"""Raindrop: photographs through a wet pane of glass and through a dry one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basicsr.utils.registry import DATASET_REGISTRY

from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from hcl_arch.data.published_pairs_dataset import PairedLayout, to_paired_options

RAINDROP = PairedLayout(
    title='Raindrop',
    picture='train/data/0_rain.png and train/gt/0_clean.png, and the same for test_a and test_b (there .jpg)',
    splits=('train', 'test_a', 'test_b'),
    split_of_phase={'train': 'train', 'val': 'test_a', 'test': 'test_a'},
    folders={'lq': '{split}/data', 'gt': '{split}/gt'},
    settings={'lq_template': '{}_rain', 'gt_template': '{}_clean'},
    # Chosen by eye on four pairs, since no masks are published.
    defaults={
        'corruption': 'raindrop',
        'mask_threshold': 0.1,
        'mask_smoothing': 2.0,
        'mask_least_area': 64,
        'mask_closing': 2,
    },
)


@DATASET_REGISTRY.register()
class HCLRaindropDataset(HCLPairedDataset):
    """Raindrop (Qian, Tan, Yang, Su, Liu: "Attentive Generative Adversarial Network for Raindrop Removal from a Single
    Image", CVPR 2018) in its published layout: 861 pairs for training, 58 in test_a, 249 in test_b.

    `dataroot` holds train/data/0_rain.png and train/gt/0_clean.png, and the same for test_a and test_b. The phases val
    and test take `split: test_a`.

    There are no masks; they are derived, and are rough: a drop that shows what lies behind it blurred differs from it
    where there is detail and hardly on a plain wall, and the two photographs are a pixel or so apart, so that the edges
    of trees and signs differ everywhere. Smoothing the signed difference by two pixels takes most of these edges away,
    for they change its sign. At a threshold of 0.05 half of the dry surface counts as wet, at 0.2 only the brightest
    drops are left. Use them to train and to look at, not to measure masks by.

    Args:
        opt: see `to_paired_options` and `HCLPairedDataset`; by default `corruption` is 'raindrop', `mask_threshold`
            0.1, `mask_smoothing` 2.0, `mask_least_area` 64, `mask_closing` 2.

    Raises:
        ValueError: an option is unknown, missing or wrong; an image has no partner.
        FileNotFoundError: a folder of the layout is missing.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        super().__init__(to_paired_options(opt, RAINDROP))
