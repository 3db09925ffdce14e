"""The data set for blind image inpainting: images with holes filled by other content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
import torch
from basicsr.utils.registry import DATASET_REGISTRY
from numpy.typing import NDArray
from torch.utils import data

from hcl_arch.data.corruptions.corruption import FloatArray, blend, round_to_8_bit
from hcl_arch.data.corruptions.corruption_kinds import Resources, build_corruptions, open_images
from hcl_arch.data.corruptions.corruption_options import CorruptionOptions
from hcl_arch.data.corruptions.degradation import degrade
from hcl_arch.data.corruptions.font_files import find_fonts
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.hole_corruption import Corrupt
from hcl_arch.data.dataset_options import LEAST_SIZE, DatasetOptions, epoch_length, read_options
from hcl_arch.data.masks.mask_images import MaskImages
from hcl_arch.data.masks.mask_sampler import MaskSampler
from hcl_arch.data.square_crop import (
    centre_square,
    enlarge_square,
    least_side_for,
    random_square,
    resize_square,
    to_float,
    to_tensor,
)
from hcl_arch.data.storage.image_source import ImageSource
from hcl_arch.data.truth_variety import varied
from hcl_arch.data.weighted_choice import choose_by_weight


class Sample(TypedDict):
    """What the data set returns; for shapes and ranges see `BlindCorruptionDataset.__getitem__`."""

    lq: torch.Tensor
    gt: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor
    lq_path: str
    gt_path: str
    corruption: str


@DATASET_REGISTRY.register()
class BlindCorruptionDataset(data.Dataset[Sample]):
    """Corrupts images on the fly: input = s * truth + (1 - s) * noise, s = the mask with soft edges (`blend`).

    With `degradation` the whole input is then blurred, resized, compressed and so on; the other outputs are not.

    In training each sample is drawn anew from torch's default generator, because numpy's is reset to the same state in
    every epoch. In validation, sample i is the same in every run, in every process and with every number of workers.

    The length in training is rounded up to a whole number of batches of all processes, and the index is taken modulo
    the number of images: BasicSR drops an incomplete last batch but still counts it, and would stop early or not train
    at all.

    Args:
        opt: options of BasicSR's data sets, and these:
            dataroot_gt (str or list): folder of images or LMDB folder (`*.lmdb`), or several.
            dataroot_noise (str or list): the same for the photographs of 'patch', 'hard_paste' and 'soft_paste', which
                need it, and of 'stickers'; at least two images.
            dataroot_mask (str or list): the same for mask images; without it, masks are drawn. White is corrupted.
            dataroot_fonts (str or list): folder, or several, with fonts (.ttf, .otf, .ttc) for the everyday kinds that
                draw text. Default: OpenCV's own fonts.
            mask_inverted (bool): in the mask images black is corrupted. Default: false.
            mask_cache (float): MiB of mask images to keep decoded in each worker. Default: 0.
            masks (dict): weights of the kinds of holes: the names in `MASK_GENERATORS`, and with `dataroot_mask`
                'folder'. Default: 'folder' alone with `dataroot_mask`, otherwise 1 each for 'free_form' and
                'random_walk'.
            hole_share (list): least and largest share of corrupted pixels, or a list of such ranges: in training each
                sample takes a random one, in validation sample i takes number i modulo their count. Where too little of
                the image can change, drawings and shadows come as close as it allows. The masks 'half' and 'lines' take
                the share in the range that is closest to one half. Default: [0.1, 0.5].
            corruptions (dict): kinds with weights, or with options of their own; see `read_corruptions` and
                `CorruptionOptions`. Default: {patch: 1.0}.
            second_kind (float): share of the samples with an everyday kind (`EVERYDAY_KINDS`) other than 'clean' that
                get another such kind on top, taken from the other entries; the same share of these gets a third one,
                and of these a fourth. Default: 0.
            blur_sigma (float or list): sigma of the soft edges in pixels of the sample, or its range; 0 = hard. Kinds
                that are drawn with soft edges have their own. Default: 3.0.
            degradation (dict): how the corrupted input is degraded, see `Degradation`. Default: not at all.
            gt_size (int): side of the square sample in pixels, at least 16. Required.
            crop_scale (list): training crops a square whose side is a random share, within this range, of the short
                side. Default: [1.0, 1.0]. Validation takes the largest square in the middle.
            native_prob (float): share of the training samples that are corrupted and degraded before they are enlarged,
                like the input of `hcl_arch.Restorer`; the others are corrupted at `gt_size`. Default: 0.
            native_size (list): least and largest side of those samples before they are enlarged; drawn uniformly, and
                never larger than the crop's side. Default: [16, gt_size].
            use_hflip (bool): mirror half of the training images. Default: true.
            sharpen_prob (float): share of the training images that are sharpened before they are corrupted. Default: 0.
            tone_prob (float): share of those that become gray, sepia or faded before. Default: 0.
            max_samples (int): take the first images only. Default: all.
            seed (int): another seed gives another set of validation samples. Default: 0.

    Raises:
        ValueError: an option is unknown, missing or wrong; a folder is empty; fewer than two noise images.
        FileNotFoundError: a folder does not exist, or an LMDB is not complete.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        self.opt = opt  # BasicSR reads the name from here
        self._options = options = read_options(opt)
        self._truths = open_images(options.gt_roots, f"{options.where}, 'dataroot_gt'")
        resources = Resources(
            masks=_build_masks(options),
            photos=_open_photos(options),
            gt_size=options.gt_size,
            crop_scale=options.crop_scale if options.training else (1.0, 1.0),
            reduced=options.training,
            fonts=_find_fonts(options),
        )
        corruptions = build_corruptions(options.corruptions, resources, second_kind=options.second_kind)
        self._corruptions: dict[str, tuple[CorruptionOptions, Corrupt]] = {
            entry.name: (entry, corruptions[entry.name]) for entry in options.corruptions
        }
        self._weights = {entry.name: entry.weight for entry in options.corruptions}
        self._image_count = min(len(self._truths), options.max_samples or len(self._truths))
        self._length = self._image_count
        if options.training:  # counted here, because a spawned worker does not know the other processes
            self._length = epoch_length(self._image_count, batch_size=options.batch_size)

    def __len__(self) -> int:
        return self._length

    def image_paths(self) -> list[str]:
        """`lq_path` of every validation sample, without reading the images."""
        return [self._truths.path_of(index) for index in range(self._image_count)]

    def __getitem__(self, index: int) -> Sample:
        """Return one sample.

        Returns:
            `lq` (corrupted and degraded, in steps of 1/255), `gt` (the target; for 'old_print' the toned truth),
            `noise` (the content of the holes, at its opacity): (3, H, W) float32, RGB in [0, 1];
            `mask`: (1, H, W) float32, 1 = uncorrupted, 0 = corrupted, as `changed_pixels` defines it;
            `gt_path`, `lq_path`: the path of the true image, or 'path/key' in an LMDB;
            `corruption`: the name of the corruption; with `second_kind`, that of the first of them.

        Raises:
            IndexError: `index` is out of range.
            OSError: an image cannot be read.
        """
        if not 0 <= index < len(self):
            raise IndexError(f'{self._options.where}: sample {index} of {len(self)}')
        if data.get_worker_info() is not None:
            cv2.setNumThreads(0)  # the workers are the parallelism; OpenCV would start a thread per core in each
        rng = self._generator_for(index)
        image_index = index % self._image_count
        truth = Truth(self._read_truth(image_index, rng), self._truths.identity_of(image_index))
        name = choose_by_weight(self._weights, rng)
        entry, corrupt = self._corruptions[name]
        hole_share = self._hole_share_for(index, entry, rng)
        noise, holes, corrupted, toned = corrupt(truth, _draw_from(entry.opacity, rng), hole_share, rng)
        restored = truth.image if toned is None else toned
        sigma = _draw_from(entry.blur_sigma or self._options.blur_sigma, rng)
        damaged = round_to_8_bit(blend(restored, noise, 1 - holes.astype(np.float32), sigma=sigma))
        if self._options.degradation is not None:
            damaged = degrade(damaged, self._options.degradation, rng)
        side = self._options.gt_size
        shown = enlarge_square(corrupted.astype(np.float32), side)
        path = self._truths.path_of(image_index)
        return {
            'lq': to_tensor(enlarge_square(damaged, side)),
            'gt': to_tensor(enlarge_square(restored, side)),
            'noise': to_tensor(enlarge_square(noise, side)),
            'mask': torch.from_numpy(np.asarray(shown < 0.5, np.float32)[None]),
            'lq_path': path,
            'gt_path': path,
            'corruption': name,
        }

    def _generator_for(self, index: int) -> np.random.Generator:
        """Return the source of all randomness of one sample."""
        if self._options.training:
            return np.random.default_rng(int(torch.randint(2**63 - 1, ())))
        return np.random.default_rng([self._options.seed, index])

    def _read_truth(self, index: int, rng: np.random.Generator) -> FloatArray:
        """Return true image `index`, cropped and, in training, mirrored at random, at the size of its corruption."""
        options = self._options
        side = options.gt_size
        if not self._options.training:
            # Decoded at full size, so that every pixel counts.
            return to_float(resize_square(centre_square(self._truths.read_rgb(index)), side))
        image = self._truths.read_rgb(index, least_side=least_side_for(side, self._options.crop_scale))
        crop = random_square(image, scale=options.crop_scale, rng=rng)
        if options.native_prob > 0 and rng.random() < options.native_prob:
            side = max(LEAST_SIZE, min(crop.shape[0], round(_draw_from(options.native_size, rng))))
        square: NDArray[np.uint8] = resize_square(crop, side)
        mirrored = options.use_hflip and rng.random() < 0.5
        truth = to_float(cv2.flip(square, 1) if mirrored else square)  # type: ignore[arg-type]
        return varied(truth, rng, sharpen_prob=options.sharpen_prob, tone_prob=options.tone_prob)

    def _hole_share_for(self, index: int, entry: CorruptionOptions, rng: np.random.Generator) -> tuple[float, float]:
        """Return the range of the share of corrupted pixels for one sample."""
        ranges = entry.hole_share or self._options.hole_shares
        if len(ranges) == 1:
            return ranges[0]
        return ranges[int(rng.integers(len(ranges))) if self._options.training else index % len(ranges)]


def _build_masks(options: DatasetOptions) -> MaskSampler:
    """Return what draws the holes."""
    images = None
    if options.mask_roots:
        source = open_images(options.mask_roots, f"{options.where}, 'dataroot_mask'")
        images = MaskImages(source, inverted=options.mask_inverted, cache_mib=options.mask_cache)
    return MaskSampler(options.masks, images=images)


def _open_photos(options: DatasetOptions) -> ImageSource | None:
    """Return the photographs that the data set's corruptions share, None if no entry needs them."""
    if not options.uses_photos:
        return None
    return open_images(options.noise_roots, f"{options.where}, 'dataroot_noise'")


def _find_fonts(options: DatasetOptions) -> tuple[Path, ...]:
    """Return the fonts of the data set; errors name the option."""
    try:
        return find_fonts(options.font_roots)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"{options.where}, 'dataroot_fonts': {error}") from error


def _draw_from(span: tuple[float, float], rng: np.random.Generator) -> float:
    """Return a number drawn uniformly from a range."""
    return span[0] if span[0] == span[1] else float(rng.uniform(*span))
