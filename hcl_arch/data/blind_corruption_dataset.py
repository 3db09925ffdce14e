"""The data set of blind image inpainting: images with holes that other content fills."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypedDict

import cv2
import numpy as np
import torch
from basicsr.utils.dist_util import get_dist_info
from basicsr.utils.registry import DATASET_REGISTRY
from numpy.typing import NDArray
from torch.utils import data

from hcl_arch.data.corruption import FILLS, FloatArray, blend
from hcl_arch.data.dataset_options import DatasetOptions, read_options
from hcl_arch.data.image_source import ImageSource
from hcl_arch.data.mask_images import MaskImages
from hcl_arch.data.mask_sampler import MaskSampler
from hcl_arch.data.square_crop import centre_square, random_square, resize_square
from hcl_arch.data.weighted_choice import choose_by_weight

# Side of the crop from a noise photograph, as a share of its short side. The crop is never enlarged unless the whole
# photograph is too small: blur would give the noise away.
NOISE_CROP_SCALE = (0.5, 1.0)


class Sample(TypedDict):
    """What the data set returns; forms and ranges stand at `BlindCorruptionDataset.__getitem__`."""

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

    In training each sample is drawn anew, from torch's default generator: numpy's is reset to the same state in every
    epoch. In validation, sample i is the same in every run, in every process and with every number of workers.

    The length in training is rounded up to a whole number of batches of all processes, and the index is taken modulo
    the number of images: BasicSR drops the last batch but counts it, and would stop early, or train not at all.

    Args:
        opt: options of BasicSR's data sets, and these:
            dataroot_gt (str or list): folder of images or LMDB folder (`*.lmdb`), or several.
            dataroot_noise (str or list): the same for the photographs of the 'patch' corruption; at least two images.
            dataroot_mask (str or list): the same for mask images; without it, masks are drawn. White is corrupted.
            mask_inverted (bool): in the mask images black is corrupted. Default: false.
            masks (dict): weights of the kinds 'free_form', 'random_walk' and, with `dataroot_mask`, 'folder'.
                Default: 'folder' alone with `dataroot_mask`, otherwise 1 each for the two others.
            hole_share (list): least and largest share of corrupted pixels. Default: [0.1, 0.5].
            corruptions (dict): weights of the kinds 'patch', 'constant', 'noise'. Default: {patch: 1.0}.
            blur_sigma (float): sigma of the soft edges in pixels of the sample; 0 = hard. Default: 3.0.
            gt_size (int): side of the square sample in pixels, at least 16. Required.
            crop_scale (list): training crops a square whose side is a random share, within this range, of the short
                side. Default: [1.0, 1.0]. Validation takes the largest square in the middle.
            use_hflip (bool): mirror half of the training images. Default: true.
            max_samples (int): take the first images only. Default: all.
            seed (int): another seed gives another set of validation samples. Default: 0.

    Raises:
        ValueError: an option is unknown, missing or wrong; a folder is empty; fewer than two noise images.
        FileNotFoundError: a folder does not exist, or an LMDB is not complete.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        self.opt = opt  # BasicSR reads the name from here
        self._options = read_options(opt)
        self._truths = _open_source(self._options, 'dataroot_gt')
        self._noises = _open_source(self._options, 'dataroot_noise') if self._options.noise_roots else None
        if self._noises is not None:
            _check_noises(self._noises, self._options.where)
        images = None
        if self._options.mask_roots:
            images = MaskImages(_open_source(self._options, 'dataroot_mask'), inverted=self._options.mask_inverted)
        self._masks = MaskSampler(self._options.mask_weights, hole_share=self._options.hole_share, images=images)
        self._image_count = min(len(self._truths), self._options.max_samples or len(self._truths))

    def __len__(self) -> int:
        if not self._options.training:
            return self._image_count
        images_per_iteration = self._options.batch_size * get_dist_info()[1]
        return math.ceil(self._image_count / images_per_iteration) * images_per_iteration

    def __getitem__(self, index: int) -> Sample:
        """Return one sample.

        Returns:
            `lq` (corrupted), `gt`, `noise`: (3, H, W) float32, RGB in [0, 1];
            `mask`: (1, H, W) float32, 1 = uncorrupted, 0 = corrupted;
            `gt_path`, `lq_path`: the path of the true image, or 'LMDB path:key';
            `corruption`: the kind of corruption.

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
        truth = self._read_truth(image_index, rng)
        kind = choose_by_weight(self._options.corruption_weights, rng)
        noise = FILLS[kind].draw(truth, lambda generator: self._draw_photo(image_index, generator), rng)
        mask = 1 - self._masks.draw(self._options.gt_size, rng).astype(np.float32)
        lq = blend(truth, noise, mask, sigma=self._options.blur_sigma)
        path = self._truths.path_of(image_index)
        return {
            'lq': _to_tensor(lq),
            'gt': _to_tensor(truth),
            'noise': _to_tensor(noise),
            'mask': torch.from_numpy(mask[None]),
            'lq_path': path,
            'gt_path': path,
            'corruption': kind,
        }

    def _generator_for(self, index: int) -> np.random.Generator:
        """Return the source of all randomness of one sample."""
        if self._options.training:
            return np.random.default_rng(int(torch.randint(2**63 - 1, ())))
        return np.random.default_rng([self._options.seed, index])

    def _read_truth(self, index: int, rng: np.random.Generator) -> FloatArray:
        """Return true image `index`, cropped and, in training, mirrored at random."""
        image = self._truths.read_rgb(index)
        if not self._options.training:
            return _to_float(resize_square(centre_square(image), self._options.gt_size))
        square = random_square(image, scale=self._options.crop_scale, rng=rng)
        truth = _to_float(resize_square(square, self._options.gt_size))
        mirrored = self._options.use_hflip and rng.random() < 0.5
        return np.ascontiguousarray(truth[:, ::-1]) if mirrored else truth

    def _draw_photo(self, truth_index: int, rng: np.random.Generator) -> FloatArray:
        """Return a random crop of a noise photograph that is not the true image itself."""
        assert self._noises is not None  # the options are refused otherwise
        truth_identity = self._truths.identity_of(truth_index)
        index = int(rng.integers(len(self._noises)))
        while self._noises.identity_of(index) == truth_identity:
            index = int(rng.integers(len(self._noises)))
        square = random_square(
            self._noises.read_rgb(index), scale=NOISE_CROP_SCALE, rng=rng, least_side=self._options.gt_size)
        return _to_float(resize_square(square, self._options.gt_size))


def _open_source(options: DatasetOptions, key: str) -> ImageSource:
    """Return the images of one of the three `dataroot` options; errors name the option."""
    roots = {
        'dataroot_gt': options.gt_roots,
        'dataroot_noise': options.noise_roots,
        'dataroot_mask': options.mask_roots
    }[key]
    try:
        return ImageSource(roots)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"{options.where}, '{key}': {error}") from error


def _check_noises(noises: ImageSource, where: str) -> None:
    """Raise if there are no two different noise images: a truth among them could not be avoided."""
    first: str | None = None
    for index in range(len(noises)):
        identity = noises.identity_of(index)
        first = first or identity
        if identity != first:
            return
    raise ValueError(f"{where}: 'dataroot_noise' expects at least 2 different images, found 1 in "
                     f'{", ".join(noises.paths)}. Add photographs to it.')


def _to_float(image: NDArray[np.uint8]) -> FloatArray:
    """Map (H, W, 3) uint8 in [0, 255] to float32 in [0, 1]."""
    return image.astype(np.float32) / np.float32(255)


def _to_tensor(image: FloatArray) -> torch.Tensor:
    """Map (H, W, 3) to a (3, H, W) tensor."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
