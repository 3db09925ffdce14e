"""ISTD: photographs with and without a shadow, and the shadow's mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basicsr.utils.registry import DATASET_REGISTRY

from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from hcl_arch.data.published_pairs_dataset import PairedLayout, to_paired_options

ISTD = PairedLayout(
    title='ISTD',
    picture='train/train_A (with shadow), train/train_B (masks), train/train_C (without shadow), and the same for test',
    splits=('train', 'test'),
    split_of_phase={'train': 'train', 'val': 'test', 'test': 'test'},
    folders={'lq': '{split}/{split}_A', 'gt': '{split}/{split}_C', 'mask': '{split}/{split}_B'},
    defaults={'corruption': 'shadow'},
)


@DATASET_REGISTRY.register()
class HCLISTDDataset(HCLPairedDataset):
    """ISTD (Wang, Li, Yang: "Stacked Conditional Generative Adversarial Networks for Jointly Learning Shadow Detection
    and Shadow Removal", CVPR 2018) in its published layout: 1330 triplets for training and 540 for testing.

    `dataroot` holds train/train_A (with shadow), train/train_B (masks), train/train_C (without shadow), and the same
    for test; a photograph has the same name in all three. The phases val and test take `split: test`. Copies whose
    clean photographs were corrected in colour lie in another folder: `folders: {gt: '{split}/<folder>'}`.

    The masks are taken as they are, never derived: the photographs without shadow were exposed otherwise, and outside
    the shadow they can differ more from the others than inside it (41 against 25 gray levels in the triplet 114-5).

    Args:
        opt: see `to_paired_options` and `HCLPairedDataset`; `corruption` is 'shadow' by default.

    Raises:
        ValueError: an option is unknown, missing or wrong; an image has no partner.
        FileNotFoundError: a folder of the layout is missing.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        super().__init__(to_paired_options(opt, ISTD))
