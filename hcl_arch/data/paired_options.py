"""The options of `HCLPairedDataset`: read from BasicSR's dictionary, checked, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Optional

from pydantic import Field

from hcl_arch.data.dataset_options import LEAST_SIZE, LoaderSection, check_enlarge_ratio, check_io_backend
from hcl_arch.data.image_match import NameTemplate, is_template
from hcl_arch.data.masks.difference_mask import DifferenceMask
from hcl_arch.utils.option_error import OptionError
from hcl_arch.utils.option_fields import FLAG, ROOTS, TEXT, Is, number, span, whole

ROLES = ('lq', 'gt', 'mask', 'wm')
DERIVED_MASK_KEYS = ('mask_threshold', 'mask_smoothing', 'mask_least_area', 'mask_closing')
SAMPLE_KEYS = ('corruption', 'gt_size', 'crop_scale', 'use_hflip', 'max_samples')


_TEMPLATE = Is(
    "a template of names with one '{}', at most one '*' and no '/', such as '{}_clean'", is_template,
    {'type': 'string'}, NameTemplate,
)  # fmt: skip
_ANY_NAME = NameTemplate('{}')
_DEFAULT_MASK = DifferenceMask()


class PairedSection(LoaderSection):
    """The options of `HCLPairedDataset`."""

    lq_roots: Annotated[tuple[str, ...], ROOTS] = Field(
        (), alias='dataroot_lq', description='folders or LMDB folders of the corrupted images'
    )
    gt_roots: Annotated[tuple[str, ...], ROOTS] = Field(
        (), alias='dataroot_gt', description='the same for the clean images'
    )
    mask_roots: Annotated[tuple[str, ...], ROOTS] = Field(
        (), alias='dataroot_mask', description='the same for the masks; without them masks are derived'
    )
    wm_roots: Annotated[tuple[str, ...], ROOTS] = Field(
        (), alias='dataroot_wm', description='the same for pictures of the watermarks'
    )
    lq_template: Annotated[NameTemplate, _TEMPLATE] = Field(_ANY_NAME, description="form of the images' names")
    gt_template: Annotated[NameTemplate, _TEMPLATE] = Field(_ANY_NAME, description='the same of the clean ones')
    mask_template: Annotated[NameTemplate, _TEMPLATE] = Field(_ANY_NAME, description='the same of the masks')
    wm_template: Annotated[NameTemplate, _TEMPLATE] = Field(_ANY_NAME, description='the same of the watermarks')
    allow_unused: Annotated[bool, FLAG] = Field(
        False, description='whether clean images and masks without a corrupted one are left out instead of refused'
    )
    mask_inverted: Annotated[bool, FLAG] = Field(
        False, description='whether black, not white, means corrupted in mask images'
    )
    # 1/255: at 0 every pixel would be corrupted.
    mask_threshold: Annotated[float, number(1 / 255, 1)] = Field(
        _DEFAULT_MASK.threshold, description='of derived masks: the difference that counts as corrupted'
    )
    mask_smoothing: Annotated[float, number(0, 100)] = Field(
        _DEFAULT_MASK.smoothing, description='of derived masks: sigma in pixels of the smoothing before'
    )
    mask_least_area: Annotated[int, whole(0)] = Field(
        _DEFAULT_MASK.least_area, description='of derived masks: specks of fewer pixels are dropped'
    )
    mask_closing: Annotated[int, whole(0)] = Field(
        _DEFAULT_MASK.closing, description='of derived masks: radius in pixels of the closing'
    )
    corruption: Annotated[str, TEXT] = Field('paired', description="what the samples' corruption is called")
    gt_size: Annotated[Optional[int], replace(whole(LEAST_SIZE), nullable=True)] = Field(
        description='side of a sample in pixels; null = whole images, in validation only'
    )
    crop_scale: Annotated[tuple[float, float], span()] = Field(
        (1.0, 1.0), description='range of the side of the training crop, as a share of the short side'
    )
    use_hflip: Annotated[bool, FLAG] = Field(True, description='whether training samples are mirrored at random')
    max_samples: Annotated[Optional[int], whole(1)] = Field(None, description='take the first pairs only; null = all')


class PairedOptions(PairedSection):
    """Checked options of a `HCLPairedDataset`."""

    where: str
    """How messages call the data set."""

    @property
    def training(self) -> bool:
        """Whether the phase is 'train'."""
        return self.phase == 'train'

    @property
    def roots(self) -> dict[str, tuple[str, ...]]:
        """Folders of each role."""
        return {role: getattr(self, f'{role}_roots') for role in ROLES}

    @property
    def templates(self) -> dict[str, NameTemplate]:
        """Pattern of the names of each role."""
        return {role: getattr(self, f'{role}_template') for role in ROLES}

    @property
    def difference_mask(self) -> DifferenceMask:
        """How masks are derived if there are no mask images."""
        return DifferenceMask(
            threshold=self.mask_threshold, smoothing=self.mask_smoothing, least_area=self.mask_least_area,
            closing=self.mask_closing,
        )  # fmt: skip


def read_paired_options(opt: Mapping[str, Any]) -> PairedOptions:
    """Return the checked options of a data set; `opt` is not changed.

    Raises:
        OptionError: An option is unknown, missing, of a wrong type or out of its range.
    """
    where = f"data set '{opt.get('name', 'HCLPairedDataset')}'"
    section = PairedSection.read(opt, where)
    options = PairedOptions.model_construct(**dict(section), where=where)
    if options.training and options.gt_size is None:
        raise OptionError(where, ('gt_size',), str(whole(LEAST_SIZE).fault(None)))
    _check_together(options, opt)
    return options


def _check_together(options: PairedOptions, opt: Mapping[str, Any]) -> None:
    """Raise if options that are valid one by one contradict each other."""
    where = options.where
    for role in ('lq', 'gt'):
        if not options.roots[role]:
            raise OptionError(
                where, (f'dataroot_{role}',), 'is missing. Give a folder of images, an LMDB folder or a list of them.'
            )
    if 'wm_template' in opt and not options.roots['wm']:
        raise OptionError(
            where,
            ('wm_template',),
            "would have no effect, since 'dataroot_wm' is missing. Leave out 'wm_template', or give 'dataroot_wm'.",
            others=('dataroot_wm',),
        )
    useless = DERIVED_MASK_KEYS if options.roots['mask'] else ('mask_inverted', 'mask_template')
    for key in useless:
        if key in opt:
            state = 'given' if options.roots['mask'] else 'missing'
            raise OptionError(
                where,
                (key,),
                f"would have no effect, since 'dataroot_mask' is {state}. Leave out "
                f"'{key}', or correct 'dataroot_mask'.",
                others=('dataroot_mask',),
            )
    for role in ('gt', 'mask', 'wm'):
        if options.templates[role].has_star and not options.templates['lq'].has_star:
            raise OptionError(
                where,
                (f'{role}_template',),
                f"is '{options.templates[role].text}', but there is no "
                f"'*' in 'lq_template' ('{options.templates['lq'].text}') to take its text from.",
                others=('lq_template',),
            )
    if options.crop_scale[0] <= 0:
        raise OptionError(where, ('crop_scale',), f'expects shares above 0, got {list(options.crop_scale)}.')
    check_io_backend(opt.get('io_backend'), [root for role in ROLES for root in options.roots[role]], where)
    if options.training:
        check_enlarge_ratio(opt, where)
