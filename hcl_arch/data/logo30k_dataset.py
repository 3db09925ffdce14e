"""LOGO30K: photographs with semi-transparent logos put over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from basicsr.utils.registry import DATASET_REGISTRY

from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from hcl_arch.data.published_pairs_dataset import PairedLayout, to_paired_options

LOGO30K = PairedLayout(
    title='LOGO30K',
    picture='10kgray, 10khigh and 10kmid, each with train_images, train_masks, val_images and val_masks, and natural '
            '(clean photographs); the image <photograph>-<logo>.png of these belongs to <photograph>.jpg in natural',
    splits=('train', 'val'),
    split_of_phase={'train': 'train', 'val': 'val', 'test': 'val'},
    folders={'lq': '{kind}/{split}_images', 'gt': 'natural', 'mask': '{kind}/{split}_masks'},
    watermarks='{kind}/{split}_wms',
    kinds=('10kgray', '10khigh', '10kmid'),
    # Training and validation share the clean photographs.
    settings={'lq_template': '{}-*', 'gt_template': '{}', 'mask_template': '{}-*', 'allow_unused': True},
    defaults={'corruption': 'watermark'},
)


@DATASET_REGISTRY.register()
class HCLLOGO30KDataset(HCLPairedDataset):
    """LOGO30K (Cun, Pun: "Split then Refine: Stacked Attention-guided ResUNets for Blind Single Image Visible Watermark
    Removal", AAAI 2021): some 30 000 photographs with gray or coloured logos, of high or middle opacity.

    `dataroot` holds 10kgray, 10khigh and 10kmid, each with train_images, train_masks, val_images and val_masks
    (train_wms and val_wms, the logos alone, are not read: `prepare_logo30k.py --watermarks` is for them), and natural
    with the clean photographs. An image's name is '<photograph>-<logo>', split at its first '-'; its mask has the same
    name, its clean photograph the first part of it. The phases val and test take `split: val`.

    **This layout was written from the description of the publication's repository and could not be compared with a
    download.** Where yours differs, `kinds` and `folders` change it: `kinds: [10kgray]` takes one part, `folders: {gt:
    '{kind}/natural'}` looks for the clean photographs in each. For other names use `HCLPairedDataset`.

    Args:
        opt: see `to_paired_options` and `HCLPairedDataset`; `corruption` is 'watermark' by default.

    Raises:
        ValueError: an option is unknown, missing or wrong; an image has no partner.
        FileNotFoundError: a folder of the layout is missing.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        super().__init__(to_paired_options(opt, LOGO30K))
