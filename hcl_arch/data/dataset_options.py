"""Options of the data sets: those that BasicSR reads for all of them, and those of `BlindCorruptionDataset`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Optional

from basicsr.utils.dist_util import get_dist_info
from pydantic import Field

from hcl_arch.data.corruptions.corruption_options import DRAWN_KINDS, MOST_BLUR, CorruptionOptions, read_corruptions
from hcl_arch.data.corruptions.degradation import Degradation
from hcl_arch.data.corruptions.degradation_options import read_degradation
from hcl_arch.data.corruptions.everyday.kinds import CLEAN, EVERYDAY_KINDS, PASTED_KINDS, PHOTO_KINDS
from hcl_arch.data.masks.mask_sampler import FOLDER, MASK_GENERATORS
from hcl_arch.data.storage.image_root import LMDB_SUFFIX, is_lmdb
from hcl_arch.utils.option_error import OptionError, check_keys
from hcl_arch.utils.option_fields import FLAG, ROOTS, SPANS, Is, OptionSection, is_number, number, span, weights, whole


def check_io_backend(io_backend: Any, roots: Sequence[str], where: str) -> None:
    """Raise an `OptionError` if `io_backend` contradicts the kinds of the roots, as given by their names.

    Args:
        io_backend: the option, None if it is missing.
        roots: every root of the data set.
        where: how messages call the data set.
    """
    if io_backend is None:
        return
    kind = io_backend.get('type') if isinstance(io_backend, Mapping) else io_backend
    if kind not in ('disk', 'lmdb'):
        raise OptionError(where, ('io_backend',), f'expects {{type: disk}} or {{type: lmdb}}, got {io_backend}.')
    for root in roots:
        if kind == 'lmdb' and not is_lmdb(root):
            raise OptionError(
                where,
                ('io_backend',),
                f'is of type lmdb, so every root has to end with '
                f"'{LMDB_SUFFIX}', but {root} does not. Leave 'io_backend' out to mix folders and LMDB.",
            )


def check_enlarge_ratio(opt: Mapping[str, Any], where: str) -> None:
    """Raise an `OptionError` if `dataset_enlarge_ratio` makes BasicSR count the iterations of an epoch wrongly."""
    ratio = opt.get('dataset_enlarge_ratio', 1)
    if not (is_number(ratio) and ratio >= 1 and ratio == int(ratio)):
        raise OptionError(
            where,
            ('dataset_enlarge_ratio',),
            f'expects a whole number from 1 on, got {ratio}: with '
            "another one BasicSR's count of iterations per epoch comes out wrong.",
        )


LEAST_SIZE = 16
# A line one pixel wide keeps two thirds of its content.
MOST_BLUR_OF_LINES = 0.5
DEFAULT_MASKS = ('free_form', 'random_walk')
PHASE = Is(
    "'train', 'val' or 'test' (BasicSR sets it)", lambda value: value in ('train', 'val', 'test'),
    {'enum': ['train', 'val', 'test']},
)  # fmt: skip
ANY = Is('any value', lambda value: True, {})


class LoaderSection(OptionSection):
    """Options that BasicSR reads for every data set."""

    name: Annotated[Optional[str], ANY] = Field(None, description='how the data set is called in logs and results')
    type: Annotated[Optional[str], ANY] = Field(None, description='the registered name of the data set')
    phase: Annotated[str, PHASE] = Field(description='train, val or test; BasicSR sets it')
    scale: Annotated[Any, ANY] = Field(1, description='1; other scales are for super-resolution')
    io_backend: Annotated[Any, ANY] = Field(None, description='{type: disk} or {type: lmdb}')
    batch_size: Annotated[int, whole(1)] = Field(
        1, alias='batch_size_per_gpu', description='images of a batch, for each process'
    )
    num_worker_per_gpu: Annotated[Any, ANY] = Field(0, description='processes that read images; 0 = the main one')
    dataset_enlarge_ratio: Annotated[Any, ANY] = Field(1, description='how often an epoch shows each image')
    prefetch_mode: Annotated[Any, ANY] = Field(None, description='cpu, cuda or null')
    num_prefetch_queue: Annotated[Any, ANY] = Field(1, description='batches that prefetch_mode: cpu keeps ready')
    pin_memory: Annotated[Any, ANY] = Field(False, description='whether batches lie in pinned memory')
    persistent_workers: Annotated[Any, ANY] = Field(False, description='whether workers outlive an epoch')
    use_shuffle: Annotated[Any, ANY] = Field(True, description='whether training images come in random order')
    max_unreadable_share: Annotated[Any, ANY] = Field(
        None, description='share of unreadable images that a training puts up with'
    )


BASICSR_KEYS = LoaderSection.option_names()


class BlindCorruptionSection(LoaderSection):
    """The options of `BlindCorruptionDataset`."""

    gt_roots: Annotated[tuple[str, ...], ROOTS] = Field(
        (), alias='dataroot_gt', description='folders or LMDB folders of the true images'
    )
    noise_roots: Annotated[tuple[str, ...], ROOTS] = Field(
        (), alias='dataroot_noise', description='the same for photographs that fill the holes'
    )
    mask_roots: Annotated[tuple[str, ...], ROOTS] = Field(
        (), alias='dataroot_mask', description='the same for mask images'
    )
    font_roots: Annotated[tuple[str, ...], ROOTS] = Field((), alias='dataroot_fonts', description='folders of fonts')
    mask_inverted: Annotated[bool, FLAG] = Field(
        False, description='whether black, not white, means corrupted in mask images'
    )
    mask_cache: Annotated[float, number(0)] = Field(
        0.0, description='MiB of mask images to keep decoded in each process'
    )
    masks: Annotated[Optional[dict[str, float]], weights((*MASK_GENERATORS, FOLDER))] = Field(
        None, description='kind of mask -> weight; by default the folder, or else free_form and random_walk'
    )
    hole_shares: Annotated[tuple[tuple[float, float], ...], SPANS] = Field(
        ((0.1, 0.5),), alias='hole_share', description='ranges of the share of corrupted pixels'
    )
    corruptions: Annotated[Any, ANY] = Field(None, description='kind -> weight, or its options; by default patch')
    second_kind: Annotated[float, number(0, 1)] = Field(
        0.0,
        description='share of the samples with an everyday kind that get another on top, and of these again, up to 4',
    )
    blur_sigma: Annotated[tuple[float, float], span(0, MOST_BLUR)] = Field(
        (3.0, 3.0), description='range of the softness of the edges in pixels'
    )
    degradation: Annotated[Any, ANY] = Field(
        None, description='what happens to the input after it was corrupted; null = nothing'
    )
    gt_size: Annotated[int, whole(LEAST_SIZE)] = Field(description='side of a sample in pixels')
    crop_scale: Annotated[tuple[float, float], span()] = Field(
        (1.0, 1.0), description='range of the side of the training crop, as a share of the short side'
    )
    native_prob: Annotated[float, number(0, 1)] = Field(
        0.0, description='share of the training samples that are corrupted before they are enlarged to gt_size'
    )
    native_size: Annotated[Optional[tuple[float, float]], span(LEAST_SIZE, math.inf)] = Field(
        None, description='range of the side of those when they are corrupted; by default 16 to gt_size'
    )
    use_hflip: Annotated[bool, FLAG] = Field(True, description='whether training images are mirrored at random')
    sharpen_prob: Annotated[float, number(0, 1)] = Field(
        0.0, description='share of the training images that are sharpened'
    )
    tone_prob: Annotated[float, number(0, 1)] = Field(
        0.0, description='share of those that become gray, sepia or faded'
    )
    max_samples: Annotated[Optional[int], whole(1)] = Field(None, description='take the first images only; null = all')
    seed: Annotated[int, whole(0)] = Field(0, description='of validation')


class DatasetOptions(BlindCorruptionSection):
    """Checked options of a `BlindCorruptionDataset`."""

    where: str
    """How messages call the data set."""
    masks: dict[str, float]
    corruptions: tuple[CorruptionOptions, ...]
    degradation: Optional[Degradation]
    native_size: tuple[float, float]

    @property
    def training(self) -> bool:
        """Whether the phase is 'train'."""
        return self.phase == 'train'

    @property
    def uses_photos(self) -> bool:
        """Whether photographs from `noise_roots` are put into images."""
        kinds = {entry.kind for entry in self.corruptions if not (entry.kind == 'patch' and entry.roots)}
        return bool(self.noise_roots) and not kinds.isdisjoint(('patch', *PHOTO_KINDS))


def read_options(opt: Mapping[str, Any]) -> DatasetOptions:
    """Return the checked options of a data set; `opt` is not changed.

    Raises:
        OptionError: An option is unknown, missing, of a wrong type or out of its range.
    """
    where = f"data set '{opt.get('name', 'BlindCorruptionDataset')}'"
    if isinstance(opt.get('masks'), Mapping):
        check_keys(opt['masks'], (*MASK_GENERATORS, FOLDER), f"{where}, 'masks'", inside=('masks',))
    section = BlindCorruptionSection.read(opt, where)
    native = span(LEAST_SIZE, section.gt_size)
    if section.native_size and native.fault(opt['native_size']):
        raise OptionError(where, ('native_size',), str(native.fault(opt['native_size'])))
    values = dict(section)
    values['masks'] = section.masks or dict.fromkeys((FOLDER,) if section.mask_roots else DEFAULT_MASKS, 1.0)
    values['native_size'] = section.native_size or (LEAST_SIZE, section.gt_size)
    values['corruptions'] = read_corruptions(opt, where)
    values['degradation'] = read_degradation(section.degradation, where)
    options = DatasetOptions.model_construct(**values, where=where)
    _check_together(options, opt)
    return options


def _check_together(options: DatasetOptions, opt: Mapping[str, Any]) -> None:
    """Raise if options that are valid one by one contradict each other."""
    where = options.where
    if not options.gt_roots:
        raise OptionError(
            where, ('dataroot_gt',), 'is missing. Give a folder of images, an LMDB folder or a list of them.'
        )
    without_photos = [
        entry for entry in options.corruptions if entry.kind in ('patch', *PASTED_KINDS) and not entry.roots
    ]
    if without_photos and not options.noise_roots:
        raise OptionError(
            where,
            ('dataroot_noise',),
            f"is missing, but the corruption '{without_photos[0].name}' "
            'takes its content from other photographs. Give a folder or LMDB folder of them.',
        )
    everyday = {entry.kind for entry in options.corruptions if entry.kind in EVERYDAY_KINDS and entry.kind != CLEAN}
    if options.second_kind > 0 and len(everyday) < 2:
        raise OptionError(
            where,
            ('second_kind',),
            "asks for a second everyday kind on top, but 'corruptions' has "
            f"{len(everyday)} of them other than '{CLEAN}'. Add others, or leave it out.",
            others=('corruptions',),
        )
    if options.crop_scale[0] <= 0:
        raise OptionError(where, ('crop_scale',), f'expects shares above 0, got {list(options.crop_scale)}.')
    _check_masks(options, opt)
    check_io_backend(opt.get('io_backend'), options.gt_roots + options.noise_roots + options.mask_roots, where)
    if options.training:
        check_enlarge_ratio(opt, where)


def _check_masks(options: DatasetOptions, opt: Mapping[str, Any]) -> None:
    """Raise if options about masks contradict each other, or would never be used."""
    where = options.where
    wants_images = options.masks.get(FOLDER, 0) > 0
    if wants_images and not options.mask_roots:
        raise OptionError(
            where,
            ('masks',),
            f"gives a weight to '{FOLDER}', but 'dataroot_mask' is missing. Give a "
            'folder or LMDB folder of mask images.',
            others=('dataroot_mask',),
        )
    if options.mask_roots and not wants_images:
        raise OptionError(
            where,
            ('dataroot_mask',),
            f"is given, but 'masks' gives no weight to '{FOLDER}', so the "
            f"mask images would never be used. Add '{FOLDER}' to 'masks', or leave out one of the two "
            'options.',
            others=('masks',),
        )
    without = [key for key in ('mask_inverted', 'mask_cache') if opt.get(key) and not options.mask_roots]
    if without:
        problem = "is given, but no mask images. Add 'dataroot_mask', or leave it out."
        raise OptionError(where, (without[0],), problem, others=('dataroot_mask',))
    fillers = [entry for entry in options.corruptions if entry.kind not in DRAWN_KINDS]
    blurs = [(entry.blur_sigma or options.blur_sigma)[1] for entry in fillers]
    if options.masks.get('lines', 0) > 0 and max(blurs, default=0) > MOST_BLUR_OF_LINES:
        problem = (
            "the masks 'lines' are one pixel wide and vanish when their edges are blurred with a sigma of "
            f'{max(blurs):g} pixels. Give blur_sigma: 0, in a data set of their own.'
        )
        raise OptionError(where, ('masks',), problem, message=f'{where}: {problem}')


def epoch_length(image_count: int, *, batch_size: int) -> int:
    """Return `image_count` rounded up to a whole number of batches of all processes.

    BasicSR drops an incomplete last batch but still counts it, and would stop early, or not train at all on fewer
    images than a batch. The data set takes its index modulo the number of images.

    Args:
        image_count: number of images, at least 1.
        batch_size: images per process and iteration.
    """
    images_per_iteration = batch_size * get_dist_info()[1]
    return math.ceil(image_count / images_per_iteration) * images_per_iteration
