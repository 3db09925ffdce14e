"""The options of `HCLPairedDataset`: read from BasicSR's dictionary, checked, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hcl_arch.data.dataset_options import BASICSR_KEYS, LEAST_SIZE, check_enlarge_ratio, check_io_backend
from hcl_arch.data.image_match import NameTemplate
from hcl_arch.data.masks.difference_mask import DifferenceMask
from hcl_arch.utils.option_error import OptionError, check_keys
from hcl_arch.utils.option_reader import OptionReader

ROLES = ('lq', 'gt', 'mask', 'wm')
# What a data set with a layout of its own sets itself.
PLACE_KEYS = (*(f'dataroot_{role}' for role in ROLES), *(f'{role}_template' for role in ROLES),
              'allow_unused', 'mask_inverted')
DERIVED_MASK_KEYS = ('mask_threshold', 'mask_smoothing', 'mask_least_area', 'mask_closing')
SAMPLE_KEYS = ('corruption', 'gt_size', 'crop_scale', 'use_hflip', 'max_samples')


@dataclass(frozen=True)
class PairedOptions:
    """Checked options.

    Attributes:
        where: how messages call the data set.
        training: whether the phase is 'train'.
        roots: role ('lq', 'gt', 'mask', 'wm') -> folders or LMDB folders; none for 'mask' if masks are derived, nor for
            'wm' if there are no pictures of watermarks.
        templates: role -> form of the images' names.
        allow_unused: whether clean images and masks without a corrupted one are left out instead of refused.
        mask_inverted: whether black, not white, means corrupted in mask images.
        difference_mask: how masks are derived, where there are no mask images.
        corruption: what the samples' corruption is called.
        gt_size: side of a sample in pixels; None = whole images, in validation only.
        crop_scale: least and largest side of the training crop, as a share of the short side.
        use_hflip: whether training samples are mirrored at random.
        max_samples: take the first pairs only; None = all.
        batch_size: images per process and iteration.
    """

    where: str
    training: bool
    roots: Mapping[str, tuple[str, ...]]
    templates: Mapping[str, NameTemplate]
    allow_unused: bool
    mask_inverted: bool
    difference_mask: DifferenceMask
    corruption: str
    gt_size: int | None
    crop_scale: tuple[float, float]
    use_hflip: bool
    max_samples: int | None
    batch_size: int


def read_paired_options(opt: Mapping[str, Any]) -> PairedOptions:
    """Return the checked options of a data set; `opt` is left as it is.

    Raises:
        ValueError: an option is unknown, missing, of a wrong type or out of its range; names the option.
    """
    where = f"data set '{opt.get('name', 'HCLPairedDataset')}'"
    check_keys(opt, BASICSR_KEYS + PLACE_KEYS + DERIVED_MASK_KEYS + SAMPLE_KEYS, where)
    reader = OptionReader(opt, where)
    training = reader.phase() == 'train'
    whole_images = not training and 'gt_size' in opt and opt['gt_size'] is None
    options = PairedOptions(
        where=where,
        training=training,
        roots={role: reader.roots(f'dataroot_{role}') for role in ROLES},
        templates={role: _read_template(reader, f'{role}_template') for role in ROLES},
        allow_unused=reader.flag('allow_unused', False),
        mask_inverted=reader.flag('mask_inverted', False),
        difference_mask=_read_difference_mask(reader),
        corruption=reader.text('corruption', 'paired'),
        gt_size=None if whole_images else reader.whole('gt_size', None, least=LEAST_SIZE),
        crop_scale=reader.span('crop_scale', (1.0, 1.0)),
        use_hflip=reader.flag('use_hflip', True),
        max_samples=None if opt.get('max_samples') is None else reader.whole('max_samples', None, least=1),
        batch_size=reader.whole('batch_size_per_gpu', 1, least=1),
    )
    _check_together(options, opt)
    return options


def _read_template(reader: OptionReader, key: str) -> NameTemplate:
    try:
        return NameTemplate(reader.text(key, '{}'))
    except ValueError as error:
        raise reader.error(key, "a template of names with one '{}', at most one '*' and no '/', such as "
                           "'{}_clean'") from error


def _read_difference_mask(reader: OptionReader) -> DifferenceMask:
    default = DifferenceMask()
    # 1/255: at 0 every pixel would be corrupted.
    return DifferenceMask(
        threshold=reader.number('mask_threshold', default.threshold, least=1 / 255, most=1.0),
        smoothing=reader.number('mask_smoothing', default.smoothing, most=100.0),
        least_area=reader.whole('mask_least_area', default.least_area, least=0),
        closing=reader.whole('mask_closing', default.closing, least=0),
    )


def _check_together(options: PairedOptions, opt: Mapping[str, Any]) -> None:
    """Raise if options that are fine one by one do not fit each other."""
    where = options.where
    for role in ('lq', 'gt'):
        if not options.roots[role]:
            raise OptionError(where, (f'dataroot_{role}',), 'is missing. Give a folder of images, an LMDB folder or a '
                              'list of them.')
    if 'wm_template' in opt and not options.roots['wm']:
        raise OptionError(where, ('wm_template',), "would have no effect, since 'dataroot_wm' is missing. Leave out "
                          "'wm_template', or give 'dataroot_wm'.")
    useless = DERIVED_MASK_KEYS if options.roots['mask'] else ('mask_inverted', 'mask_template')
    for key in useless:
        if key in opt:
            state = 'given' if options.roots['mask'] else 'missing'
            raise OptionError(where, (key,), f"would have no effect, since 'dataroot_mask' is {state}. Leave out "
                              f"'{key}', or correct 'dataroot_mask'.")
    for role in ('gt', 'mask', 'wm'):
        if options.templates[role].has_star and not options.templates['lq'].has_star:
            raise OptionError(where, (f'{role}_template',), f"is '{options.templates[role].text}', but there is no "
                              f"'*' in 'lq_template' ('{options.templates['lq'].text}') to take its text from.")
    if options.crop_scale[0] <= 0:
        raise OptionError(where, ('crop_scale',), f'expects shares above 0, got {list(options.crop_scale)}.')
    check_io_backend(opt.get('io_backend'), [root for role in ROLES for root in options.roots[role]], where)
    if options.training:
        check_enlarge_ratio(opt, where)
