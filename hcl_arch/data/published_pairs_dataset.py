"""Published data sets of pairs: where each keeps its images, in terms of `HCLPairedDataset`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Optional

from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import Field

from hcl_arch.data.dataset_options import ANY, BASICSR_KEYS, PHASE
from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from hcl_arch.data.paired_options import DERIVED_MASK_KEYS, SAMPLE_KEYS
from hcl_arch.utils.option_error import OptionError, check_keys
from hcl_arch.utils.option_fields import ROOTS, TEXT, Is, OptionSection
from hcl_arch.utils.option_lines import got


@dataclass(frozen=True)
class PairedLayout:
    """Where a published data set keeps its images.

    Attributes:
        title: the data set's name.
        picture: description of the folders below `dataroot`, for messages.
        splits: its splits.
        split_of_phase: BasicSR's phase -> default split.
        folders: role ('lq', 'gt', 'mask') -> folder below `dataroot`, in which '{split}' stands for the split and
            '{kind}' for one of `kinds`. Without 'mask', masks are derived.
        watermarks: folder of the watermarks' pictures, as in `folders`, named like the corrupted images; None if there
            are none. Preparation writes them on request.
        kinds: folders that each hold a part of the data set; empty if there is only one part.
        settings: options of `HCLPairedDataset` that belong to the layout.
        defaults: options of `HCLPairedDataset` that an option file may change.
    """

    title: str
    picture: str
    splits: tuple[str, ...]
    split_of_phase: Mapping[str, str]
    folders: Mapping[str, str]
    watermarks: str | None = None
    kinds: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def roots(
        self, dataroot: str, split: str, *, folders: Mapping[str, str] | None = None, kinds: Sequence[str] | None = None
    ) -> dict[str, list[str]]:
        """Return the folders of each role, one per kind if the kinds have separate folders.

        Args:
            dataroot: folder of the data set.
            split: one of `splits`.
            folders: changes of `folders`.
            kinds: instead of `kinds`.

        Raises:
            FileNotFoundError: a folder does not exist.
        """
        roots = {}
        for role, pattern in {**self.folders, **(folders or {})}.items():
            used_kinds = (self.kinds if kinds is None else kinds) if '{kind}' in pattern else ('',)
            below = [pattern.replace('{split}', split).replace('{kind}', kind) for kind in used_kinds]
            roots[role] = [os.path.join(os.path.expanduser(dataroot), *path.split('/')) for path in below]
            for root in roots[role]:
                if not os.path.isdir(root):
                    raise FileNotFoundError(
                        f'{root}: expected a folder of the data set {self.title}, found '
                        f'{"a file" if os.path.exists(root) else "nothing"}. Expected layout: {self.picture}. Correct '
                        "'dataroot', or name the folders that differ."
                    )
        return roots


def _are_names(value: Any) -> bool:
    names = (value,) if isinstance(value, str) else value
    return isinstance(names, (list, tuple)) and bool(names) and all(isinstance(name, str) and name for name in names)


_KINDS = Is(
    'a list of folder names', _are_names, dict(ROOTS.schema),
    lambda value: (value,) if isinstance(value, str) else tuple(value),
)  # fmt: skip


class PublishedSection(OptionSection):
    """Where a published data set lies."""

    phase: Annotated[str, PHASE] = Field(description='train, val or test; BasicSR sets it')
    dataroot: Annotated[str, TEXT] = Field(description='folder of the data set')
    split: Annotated[Optional[str], TEXT] = Field(None, description='part of the data set; by default for the phase')
    folders: Annotated[Any, ANY] = Field(None, description='role (lq, gt, mask) -> folder below dataroot, if others')
    kinds: Annotated[Optional[tuple[str, ...]], _KINDS] = Field(None, description='the parts to take; by default all')


def to_paired_options(opt: Mapping[str, Any], layout: PairedLayout) -> dict[str, Any]:
    """Return the options of `HCLPairedDataset` for those of a data set with its own layout.

    Besides BasicSR's options and those of `HCLPairedDataset` that are not about paths (`corruption`, `gt_size`,
    `crop_scale`, `use_hflip`, `max_samples`, and `mask_threshold` and the like if masks are derived) these are read:

        dataroot (str): folder of the data set. Required.
        split (str): part of the data set; by default that of the phase.
        folders (dict): for a copy with other folders: role ('lq', 'gt', 'mask') -> folder below `dataroot`.
        kinds (list): the parts to take, if the data set has several. Default: all.

    Raises:
        ValueError: an option is unknown, missing or wrong.
        FileNotFoundError: a folder does not exist.
    """
    where = f"data set '{opt.get('name', layout.title)}'"
    own_keys = ('dataroot', 'split', 'folders', *(('kinds',) if layout.kinds else ()))
    passed_keys = BASICSR_KEYS + SAMPLE_KEYS + (() if 'mask' in layout.folders else DERIVED_MASK_KEYS)
    check_keys(opt, passed_keys + own_keys, where)
    section = PublishedSection.read({key: opt[key] for key in (*own_keys, 'phase') if key in opt}, where)
    split = section.split or layout.split_of_phase[section.phase]
    if split not in layout.splits:
        raise OptionError(where, ('split',), f'expects one of {", ".join(layout.splits)}, {got(split)}')
    try:
        roots = layout.roots(
            section.dataroot, split, folders=_read_folders(opt.get('folders'), layout, where),
            kinds=section.kinds or layout.kinds,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{where}: {error}') from error
    passed = {key: value for key, value in opt.items() if key not in own_keys}
    return {
        'name': layout.title, **layout.defaults, **passed, **layout.settings,
        **{f'dataroot_{role}': paths for role, paths in roots.items()},
    }  # fmt: skip


def _read_folders(folders: Any, layout: PairedLayout, where: str) -> dict[str, str]:
    """Return the changed folders."""
    folders = folders or {}
    is_fine = isinstance(folders, Mapping) and set(folders) <= set(layout.folders)
    if not is_fine or not all(isinstance(folder, str) and folder for folder in folders.values()):
        default = ', '.join(f'{role}: {folder}' for role, folder in layout.folders.items())
        raise OptionError(
            where,
            ('folders',),
            f"expects folders of {', '.join(layout.folders)} below 'dataroot' (default: {default}), {got(folders)}",
            others=('dataroot',),
        )
    return dict(folders)


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
    for test; a photograph has the same name in all three. The phases val and test take `split: test`. For copies with
    colour-corrected clean photographs in another folder, use `folders: {gt: '{split}/<folder>'}`.

    The masks are taken as they are, never derived: the photographs without shadow had a different exposure, and can
    differ more from the others outside the shadow than inside it (41 against 25 gray levels in the triplet 114-5).

    Args:
        opt: see `to_paired_options` and `HCLPairedDataset`; `corruption` is 'shadow' by default.

    Raises:
        ValueError: an option is unknown, missing or wrong; an image has no partner.
        FileNotFoundError: a folder of the layout is missing.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        super().__init__(to_paired_options(opt, ISTD))


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
    (train_wms and val_wms, the logos alone, are not read; use `prepare_logo30k.py --watermarks` for them), and natural
    with the clean photographs. An image's name is '<photograph>-<logo>', split at its first '-'; its mask has the same
    name, its clean photograph the first part of the name. The phases val and test take `split: val`.

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

    There are no masks; the derived ones are rough. A drop that blurs what lies behind it differs from it where there is
    detail, but hardly on a plain wall; and the two photographs are about a pixel apart, so the edges of trees and signs
    differ everywhere. Smoothing the signed difference by two pixels removes most of these edges, because the sign
    alternates there. At a threshold of 0.05 half of the dry surface counts as wet, at 0.2 only the brightest drops
    remain. Use these masks for training and for viewing, not for evaluating masks.

    Args:
        opt: see `to_paired_options` and `HCLPairedDataset`; by default `corruption` is 'raindrop', `mask_threshold`
            0.1, `mask_smoothing` 2.0, `mask_least_area` 64, `mask_closing` 2.

    Raises:
        ValueError: an option is unknown, missing or wrong; an image has no partner.
        FileNotFoundError: a folder of the layout is missing.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        super().__init__(to_paired_options(opt, RAINDROP))
