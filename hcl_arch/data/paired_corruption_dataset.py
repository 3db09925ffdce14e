"""The data set of images whose corruption is real or ready-made: pairs of a corrupted and a clean image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional, TypedDict

import cv2
import numpy as np
import torch
from basicsr.utils.registry import DATASET_REGISTRY
from numpy.typing import NDArray
from torch.utils import data

from hcl_arch.data.dataset_options import epoch_length
from hcl_arch.data.image_match import ImageMatch, NamedImages, match_images
from hcl_arch.data.masks.hole_maps import resize_holes
from hcl_arch.data.paired_options import PairedOptions, read_paired_options
from hcl_arch.data.square_crop import centre_square, random_square, resize_square, to_float, to_tensor
from hcl_arch.utils.unreadable_image import UnusableImageError

# Corrupted image, clean image, hole map, and the watermark's picture if there is one.
_Images = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_], Optional[NDArray[np.uint8]]]


class WatermarkPicture(TypedDict, total=False):
    """Fields that a sample has only with the option `dataroot_wm`."""

    wm: torch.Tensor


class PairedSample(WatermarkPicture):
    """What the data set returns; for shapes and ranges see `HCLPairedDataset.__getitem__`."""

    lq: torch.Tensor
    gt: torch.Tensor
    mask: torch.Tensor
    lq_path: str
    gt_path: str
    corruption: str


@DATASET_REGISTRY.register()
class HCLPairedDataset(data.Dataset[PairedSample]):
    """Pairs of a corrupted and a clean image, with the mask of each or a mask derived from their difference.

    Images with the same name belong together; the name is the path below their folder without extension, or the key in
    their LMDB. If names differ, templates state what they have in common: with `lq_template: '{}_rain'` and
    `gt_template: '{}_clean'`, 'a/7_rain.png' belongs to 'a/7_clean.jpg'. A '*' stands for other text: `lq_template:
    '{}-*'` lets 'cat-logo1' and 'cat-logo2' share the clean 'cat', and `mask_template: '{}-*'` gives each its own mask.
    Images whose names do not match their template are skipped, so all may lie in one folder.

    In training each sample is a random square, the same for all its images, drawn anew from torch's default generator;
    validation draws nothing, so there is no seed. The length in training is rounded up to a whole number of batches of
    all processes (`epoch_length`), and the index is taken modulo the number of pairs.

    Args:
        opt: options of BasicSR's data sets, and these:
            dataroot_lq (str or list): folder of corrupted images or LMDB folder (`*.lmdb`), or several.
            dataroot_gt (str or list): the same for the clean images: one, or as many in the same order.
            dataroot_mask (str or list): the same for mask images. White is corrupted. Without it, masks are derived.
            dataroot_wm (str or list): the same for pictures of what was laid over the clean images, such as watermarks,
                for losses that compare them. Default: none.
            lq_template, gt_template, mask_template, wm_template (str): patterns of the names. Default: '{}'.
            allow_unused (bool): clean images and masks without a corrupted image are ignored instead of refused.
                Default: false.
            mask_inverted (bool): in the mask images black is corrupted. Default: false.
            mask_threshold, mask_smoothing, mask_least_area, mask_closing: how masks are derived, in pixels of the
                whole image at its own size: t, s, a and r of `DifferenceMask`. Default: 0.08, 0.5, 16, 1.
            corruption (str): name of the samples' corruption in tables. Default: 'paired'.
            gt_size (int): side of the square sample in pixels, at least 16. Required; in validation null (`~`) gives
                whole images at their own size, for batches of one.
            crop_scale (list): training crops a square whose side is a random share, within this range, of the short
                side. Default: [1.0, 1.0]. Validation takes the largest square in the middle.
            use_hflip (bool): mirror half of the training samples. Default: true.
            max_samples (int): take the first pairs only. Default: all.

    Raises:
        ValueError: an option is unknown, missing or wrong; a folder is empty; an image has no partner.
        FileNotFoundError: a folder does not exist, or an LMDB is not complete.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        self.opt = opt  # BasicSR reads the name from here
        self._options = options = read_paired_options(opt)
        self._lq = _open_images(options, 'lq')
        self._gt = _open_images(options, 'gt')
        self._masks = _open_images(options, 'mask') if options.roots['mask'] else None
        self._watermarks = _open_images(options, 'wm') if options.roots['wm'] else None
        self._match = self._match_images()
        self._watermark_indices = self._match_watermarks()
        pair_count = len(self._match.lq)
        self._pair_count = min(pair_count, options.max_samples or pair_count)
        self._length = self._pair_count
        if options.training:  # counted here, because a spawned worker does not know the other processes
            self._length = epoch_length(self._pair_count, batch_size=options.batch_size)

    def __len__(self) -> int:
        return self._length

    def image_paths(self) -> list[str]:
        """`lq_path` of every validation sample, without reading the images."""
        return [self._lq.path_of(int(self._match.lq[pair])) for pair in range(self._pair_count)]

    def __getitem__(self, index: int) -> PairedSample:
        """Return one sample.

        Returns:
            `lq` (corrupted), `gt`: (3, H, W) float32, RGB in [0, 1];
            `mask`: (1, H, W) float32, 1 = uncorrupted, 0 = corrupted;
            `lq_path`, `gt_path`: the path of the image, or 'path/key' in an LMDB;
            `corruption`: the option of this name;
            `wm`, with `dataroot_wm` only: (3, H, W) float32, RGB in [0, 1].

        Raises:
            IndexError: `index` is out of range.
            UnreadableImageError: an image cannot be read; an OSError that says which image it is.
            UnusableImageError: the images of the pair differ in size, or the mask is no mask; also a ValueError.
        """
        if not 0 <= index < len(self):
            raise IndexError(f'{self._options.where}: sample {index} of {len(self)}')
        if data.get_worker_info() is not None:
            cv2.setNumThreads(0)  # the workers are the parallelism; OpenCV would start a thread per core in each
        pair = index % self._pair_count
        lq, gt, holes, watermark = self._cut(*self._read(pair))
        sample: PairedSample = {
            'lq': to_tensor(to_float(lq)),
            'gt': to_tensor(to_float(gt)),
            'mask': torch.from_numpy(1 - holes.astype(np.float32)[None]),
            'lq_path': self._lq.path_of(int(self._match.lq[pair])),
            'gt_path': self._gt.path_of(int(self._match.gt[pair])),
            'corruption': self._options.corruption,
        }
        if watermark is not None:
            sample['wm'] = to_tensor(to_float(watermark))
        return sample

    def _match_images(self) -> ImageMatch:
        try:
            return match_images(self._lq, self._gt, self._masks, allow_unused=self._options.allow_unused)
        except ValueError as error:
            raise ValueError(f'{self._options.where}: {error}') from error

    def _match_watermarks(self) -> NDArray[np.int64] | None:
        """Return the index of each pair's watermark."""
        if self._watermarks is None:
            return None
        try:
            return match_images(self._lq, self._watermarks, None, allow_unused=self._options.allow_unused).gt
        except ValueError as error:
            raise ValueError(f'{self._options.where}: {error}') from error

    def _read(self, pair: int) -> _Images:
        """Return the whole corrupted image, clean image, hole map and watermark of a pair."""
        lq, gt, holes = self._read_pair(pair)
        if self._watermarks is None or self._watermark_indices is None:
            return lq, gt, holes, None
        index = int(self._watermark_indices[pair])
        watermark = self._watermarks.read_rgb(index)
        self._check_same_size(
            lq, self._lq.path_of(int(self._match.lq[pair])), watermark, self._watermarks.path_of(index)
        )
        return lq, gt, holes, watermark

    def _read_pair(self, pair: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the whole corrupted image, clean image and hole map of a pair."""
        lq_index, gt_index = int(self._match.lq[pair]), int(self._match.gt[pair])
        lq, gt = self._lq.read_rgb(lq_index), self._gt.read_rgb(gt_index)
        lq_path = self._lq.path_of(lq_index)
        self._check_same_size(lq, lq_path, gt, self._gt.path_of(gt_index))
        if self._masks is None or self._match.mask is None:
            return lq, gt, self._options.difference_mask(lq, gt)
        mask_index = int(self._match.mask[pair])
        holes = self._masks.read_mask(mask_index, inverted=self._options.mask_inverted)
        self._check_same_size(lq, lq_path, holes, self._masks.path_of(mask_index))
        return lq, gt, holes

    def _check_same_size(self, lq: NDArray[np.uint8], lq_path: str, other: NDArray[Any], other_path: str) -> None:
        if lq.shape[:2] != other.shape[:2]:
            # Resizing one of them silently would hide that they are not a pair.
            raise UnusableImageError(
                f'{self._options.where}: expected images of one size, found {lq.shape[1]} x {lq.shape[0]} pixels in '
                f'{lq_path} and {other.shape[1]} x {other.shape[0]} in {other_path}. Prepare them at one size, or '
                'remove the pair.',
                lq_path,
            )

    def _cut(
        self,
        lq: NDArray[np.uint8],
        gt: NDArray[np.uint8],
        holes: NDArray[np.bool_],
        watermark: NDArray[np.uint8] | None,
    ) -> _Images:
        """Return each image's square of the sample, in training at a random place and randomly mirrored."""
        side = self._options.gt_size
        if side is None:
            return lq, gt, holes, watermark
        upon = [] if watermark is None else [watermark]
        layers = np.dstack([lq, gt, holes.view(np.uint8), *upon])  # one crop for all of them
        if self._options.training:
            rng = np.random.default_rng(int(torch.randint(2**63 - 1, ())))
            square = random_square(layers, scale=self._options.crop_scale, rng=rng)
            if self._options.use_hflip and rng.random() < 0.5:
                square = square[:, ::-1]
        else:
            square = centre_square(layers)

        def resized(first: int) -> NDArray[np.uint8]:
            return resize_square(np.ascontiguousarray(square[..., first : first + 3]), side)

        holes = resize_holes(square[..., 6] > 0, (side, side))
        return resized(0), resized(3), holes, resized(7) if upon else None


def _open_images(options: PairedOptions, role: str) -> NamedImages:
    """Return the images of a role; errors name its option."""
    try:
        return NamedImages(options.roots[role], options.templates[role], role)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"{options.where}, 'dataroot_{role}': {error}") from error
