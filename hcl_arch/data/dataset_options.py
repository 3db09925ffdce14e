"""Options of the data sets: those that BasicSR reads for all of them, and those of `BlindCorruptionDataset`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from basicsr.utils.dist_util import get_dist_info

from hcl_arch.data.corruptions.corruption_options import DRAWN_KINDS, MOST_BLUR, CorruptionOptions, read_corruptions
from hcl_arch.data.corruptions.degradation import Degradation
from hcl_arch.data.corruptions.degradation_options import read_degradation
from hcl_arch.data.corruptions.everyday.kinds import CLEAN, EVERYDAY_KINDS, PASTED_KINDS, PHOTO_KINDS
from hcl_arch.data.masks.mask_sampler import FOLDER, MASK_GENERATORS
from hcl_arch.data.storage.image_root import LMDB_SUFFIX, is_lmdb
from hcl_arch.utils.option_error import OptionError, check_keys
from hcl_arch.utils.option_reader import OptionReader, is_number


def check_io_backend(io_backend: Any, roots: Sequence[str], where: str) -> None:
    """Raise an `OptionError` if `io_backend` contradicts the kinds of the roots, which their names tell.

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
            raise OptionError(where, ('io_backend',), f"is of type lmdb, so every root has to end with "
                              f"'{LMDB_SUFFIX}', but {root} does not. Leave 'io_backend' out to mix folders and LMDB.")


def check_enlarge_ratio(opt: Mapping[str, Any], where: str) -> None:
    """Raise an `OptionError` if `dataset_enlarge_ratio` makes BasicSR count the iterations of an epoch wrongly."""
    ratio = opt.get('dataset_enlarge_ratio', 1)
    if not (is_number(ratio) and ratio >= 1 and ratio == int(ratio)):
        raise OptionError(where, ('dataset_enlarge_ratio',), f'expects a whole number from 1 on, got {ratio}: with '
                          "another one BasicSR's count of iterations per epoch comes out wrong.")


BASICSR_KEYS = ('name', 'type', 'phase', 'scale', 'io_backend', 'batch_size_per_gpu', 'num_worker_per_gpu',
                'dataset_enlarge_ratio', 'prefetch_mode', 'num_prefetch_queue', 'pin_memory', 'persistent_workers',
                'use_shuffle', 'max_unreadable_share')
OUR_KEYS = ('dataroot_gt', 'dataroot_noise', 'dataroot_mask', 'dataroot_fonts', 'mask_inverted', 'mask_cache', 'masks',
            'hole_share', 'corruptions', 'second_kind', 'blur_sigma', 'degradation', 'gt_size', 'crop_scale',
            'native_prob', 'native_size', 'use_hflip', 'sharpen_prob', 'tone_prob', 'max_samples', 'seed')
LEAST_SIZE = 16
# A line one pixel wide keeps two thirds of its content.
MOST_BLUR_OF_LINES = 0.5
DEFAULT_MASKS = ('free_form', 'random_walk')


@dataclass(frozen=True)
class DatasetOptions:
    """Checked options.

    Attributes:
        where: how messages call the data set.
        training: whether the phase is 'train'.
        gt_roots: folders or LMDB folders of the true images.
        noise_roots: the same for photographs that fill the holes; may be empty.
        mask_roots: the same for mask images; may be empty.
        font_roots: folders of fonts; may be empty.
        mask_inverted: whether black, not white, means corrupted in mask images.
        mask_weights: kind of mask -> weight.
        mask_cache: MiB of mask images to keep decoded in each process.
        hole_shares: ranges of the share of corrupted pixels.
        corruptions: the kinds of corruption.
        second_kind: share of the samples with an everyday kind that get a second one on top.
        blur_sigma: least and largest softness of the edges in pixels.
        degradation: what happens to the input after it was corrupted; None = nothing.
        gt_size: side of a sample in pixels.
        crop_scale: least and largest side of the training crop, as a share of the short side.
        native_prob: share of the training samples that are corrupted before they are enlarged to `gt_size`.
        native_size: least and largest side of those when they are corrupted.
        use_hflip: whether training images are mirrored at random.
        sharpen_prob: share of the training images that are sharpened.
        tone_prob: share of those that become gray, sepia or faded.
        max_samples: take the first images only; None = all.
        seed: for validation.
        batch_size: images per process and iteration.
    """

    where: str
    training: bool
    gt_roots: tuple[str, ...]
    noise_roots: tuple[str, ...]
    mask_roots: tuple[str, ...]
    font_roots: tuple[str, ...]
    mask_inverted: bool
    mask_weights: Mapping[str, float]
    mask_cache: float
    hole_shares: tuple[tuple[float, float], ...]
    corruptions: tuple[CorruptionOptions, ...]
    second_kind: float
    blur_sigma: tuple[float, float]
    degradation: Degradation | None
    gt_size: int
    crop_scale: tuple[float, float]
    native_prob: float
    native_size: tuple[float, float]
    use_hflip: bool
    sharpen_prob: float
    tone_prob: float
    max_samples: int | None
    seed: int
    batch_size: int

    @property
    def uses_photos(self) -> bool:
        """Whether photographs of `noise_roots` are put into images."""
        kinds = {entry.kind for entry in self.corruptions if not (entry.kind == 'patch' and entry.roots)}
        return bool(self.noise_roots) and not kinds.isdisjoint(('patch', *PHOTO_KINDS))


def read_options(opt: Mapping[str, Any]) -> DatasetOptions:
    """Return the checked options of a data set; `opt` is left as it is.

    Raises:
        ValueError: an option is unknown, missing, of a wrong type or out of its range; names the option.
    """
    where = f"data set '{opt.get('name', 'BlindCorruptionDataset')}'"
    check_keys(opt, BASICSR_KEYS + OUR_KEYS, where)
    reader = OptionReader(opt, where)
    mask_roots = reader.roots('dataroot_mask')
    max_samples = None if opt.get('max_samples') is None else reader.whole('max_samples', None, least=1)
    gt_size = reader.whole('gt_size', None, least=LEAST_SIZE)
    options = DatasetOptions(
        where=where,
        training=reader.phase() == 'train',
        gt_roots=reader.roots('dataroot_gt'),
        noise_roots=reader.roots('dataroot_noise'),
        mask_roots=mask_roots,
        font_roots=reader.roots('dataroot_fonts'),
        mask_inverted=reader.flag('mask_inverted', False),
        mask_weights=reader.weights('masks', (FOLDER,) if mask_roots else DEFAULT_MASKS, (*MASK_GENERATORS, FOLDER)),
        mask_cache=reader.number('mask_cache', 0.0),
        hole_shares=reader.spans('hole_share', (0.1, 0.5)),
        corruptions=read_corruptions(opt, where),
        second_kind=reader.number('second_kind', 0.0, most=1),
        blur_sigma=reader.span('blur_sigma', (3.0, 3.0), most=MOST_BLUR),
        degradation=read_degradation(opt, where),
        gt_size=gt_size,
        crop_scale=reader.span('crop_scale', (1.0, 1.0)),
        native_prob=reader.number('native_prob', 0.0, most=1),
        native_size=reader.span('native_size', (LEAST_SIZE, gt_size), least=LEAST_SIZE, most=gt_size),
        use_hflip=reader.flag('use_hflip', True),
        sharpen_prob=reader.number('sharpen_prob', 0.0, most=1),
        tone_prob=reader.number('tone_prob', 0.0, most=1),
        max_samples=max_samples,
        seed=reader.whole('seed', 0, least=0),
        batch_size=reader.whole('batch_size_per_gpu', 1, least=1),
    )
    _check_together(options, opt)
    return options


def _check_together(options: DatasetOptions, opt: Mapping[str, Any]) -> None:
    """Raise if options that are fine one by one do not fit each other."""
    where = options.where
    if not options.gt_roots:
        raise OptionError(where, ('dataroot_gt',), 'is missing. Give a folder of images, an LMDB folder or a list of '
                          'them.')
    without_photos = [entry for entry in options.corruptions
                      if entry.kind in ('patch', *PASTED_KINDS) and not entry.roots]
    if without_photos and not options.noise_roots:
        raise OptionError(where, ('dataroot_noise',), f"is missing, but the corruption '{without_photos[0].name}' "
                          'takes its content from other photographs. Give a folder or LMDB folder of them.')
    everyday = {entry.kind for entry in options.corruptions if entry.kind in EVERYDAY_KINDS and entry.kind != CLEAN}
    if options.second_kind > 0 and len(everyday) < 2:
        raise OptionError(where, ('second_kind',), "asks for a second everyday kind on top, but 'corruptions' has "
                          f"{len(everyday)} of them other than '{CLEAN}'. Add others, or leave it out.")
    if options.crop_scale[0] <= 0:
        raise OptionError(where, ('crop_scale',), f'expects shares above 0, got {list(options.crop_scale)}.')
    _check_masks(options, opt)
    check_io_backend(opt.get('io_backend'), options.gt_roots + options.noise_roots + options.mask_roots, where)
    if options.training:
        check_enlarge_ratio(opt, where)


def _check_masks(options: DatasetOptions, opt: Mapping[str, Any]) -> None:
    """Raise if options about masks contradict each other, or would never be used."""
    where = options.where
    wants_images = options.mask_weights.get(FOLDER, 0) > 0
    if wants_images and not options.mask_roots:
        raise OptionError(where, ('masks',), f"gives a weight to '{FOLDER}', but 'dataroot_mask' is missing. Give a "
                          'folder or LMDB folder of mask images.')
    if options.mask_roots and not wants_images:
        raise OptionError(where, ('dataroot_mask',), f"is given, but 'masks' gives no weight to '{FOLDER}', so the "
                          f"mask images would never be used. Add '{FOLDER}' to 'masks', or leave out one of the two "
                          'options.')
    without = [key for key in ('mask_inverted', 'mask_cache') if opt.get(key) and not options.mask_roots]
    if without:
        raise OptionError(where, (without[0],), "is given, but no mask images. Add 'dataroot_mask', or leave it out.")
    fillers = [entry for entry in options.corruptions if entry.kind not in DRAWN_KINDS]
    blurs = [(entry.blur_sigma or options.blur_sigma)[1] for entry in fillers]
    if options.mask_weights.get('lines', 0) > 0 and max(blurs, default=0) > MOST_BLUR_OF_LINES:
        problem = ("the masks 'lines' are one pixel wide and vanish when their edges are blurred with a sigma of "
                   f'{max(blurs):g} pixels. Give blur_sigma: 0, in a data set of their own.')
        raise OptionError(where, ('masks',), problem, message=f'{where}: {problem}')


def epoch_length(image_count: int, *, batch_size: int) -> int:
    """Return `image_count` rounded up to a whole number of batches of all processes.

    BasicSR drops the last batch but counts it, and would stop early, or train not at all on fewer images than a batch.
    The data set takes its index modulo the number of images.

    Args:
        image_count: number of images, at least 1.
        batch_size: images per process and iteration.
    """
    images_per_iteration = batch_size * get_dist_info()[1]
    return math.ceil(image_count / images_per_iteration) * images_per_iteration
