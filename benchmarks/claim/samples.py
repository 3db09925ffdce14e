"""The pictures: which ones are learned from, which ones a threshold is chosen on, which ones are the test."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from basicsr.data import build_dataset
from numpy.typing import NDArray
from tqdm import tqdm

from hcl_arch.utils.atomic_file import atomic_file

from .design import KINDS, corruption

# Every so many-th training picture is set apart for the choice of the threshold.
_SET_APART = {'photos': 12, 'faces': 6, 'masks': 6}
# Photographs are kept as small as crops of 64 pixels allow, for they are decoded a hundred thousand times.
_SHORT_SIDE = 128
_QUALITY = 95
_HOLE_SHARES = [[0.05, 0.2], [0.2, 0.4], [0.4, 0.6]]
_TUNING_IMAGES = 100


class Samples(NamedTuple):
    """Corrupted pictures of one kind and where they are corrupted."""

    images: NDArray[np.uint8]
    """(N, 3, H, W) RGB."""
    masks: NDArray[np.uint8]
    """(N, H, W), 1 = uncorrupted."""


def lay_out(data: Path, folder: Path) -> None:
    """Divide the data into `data/{photos,faces,masks}/{learn,tune,test}` of the run folder, once.

    `learn` and `tune` come from the data's train/, `test` from its val/.

    Args:
        data: holds photos/, faces/ and masks/, each with train/ and val/; left as it is.
        folder: the run folder.

    Raises:
        FileNotFoundError: A folder of the data is missing, or has no picture.
    """
    if (folder / 'data').is_dir():
        return
    unfinished = folder / 'data.unfinished'
    shutil.rmtree(unfinished, ignore_errors=True)
    for part, every in _SET_APART.items():
        train, test = _pictures(data / part / 'train'), _pictures(data / part / 'val')
        parts = {'learn': [path for number, path in enumerate(train) if number % every], 'tune': train[::every]}
        for name, paths in {**parts, 'test': test}.items():
            target = unfinished / part / name
            target.mkdir(parents=True)
            for path in tqdm(paths, desc=f'{part}/{name}', leave=False, disable=None):
                if part == 'masks':
                    shutil.copy(path, target / path.name)
                else:
                    _copy_reduced(path, target / f'{path.stem}.jpg')
    unfinished.rename(folder / 'data')


def samples_of(folder: Path, part: str, images: int) -> dict[str, Samples]:
    """Return the samples of all kinds, made once and kept in the run folder.

    Sample i of every kind is on photograph i, and the same in all runs.

    Args:
        folder: the run folder.
        part: 'tune' or 'test'.
        images: number of photographs, at most those that there are.
    """
    file = folder / f'{part}.npz'
    if not file.is_file():
        kinds = tqdm(KINDS, desc=f'{part} samples', disable=None)
        made = {kind: _made(folder / 'data', part, kind, images) for kind in kinds}
        arrays = {f'{kind}/{name}': array for kind in KINDS for name, array in made[kind]._asdict().items()}
        with atomic_file(file) as output:
            np.savez_compressed(output, **arrays)
    with np.load(file) as kept:
        return {kind: Samples(kept[f'{kind}/images'], kept[f'{kind}/masks']) for kind in KINDS}


def tuning_samples(folder: Path) -> dict[str, Samples]:
    """The samples that a threshold is chosen on."""
    return samples_of(folder, 'tune', _TUNING_IMAGES)


def final_samples(folder: Path, images: int) -> dict[str, Samples]:
    """The samples that are measured."""
    return samples_of(folder, 'test', images)


def _made(data: Path, part: str, kind: str, images: int) -> Samples:
    photos, masks, faces = (str(data / name / part) for name in ('photos', 'masks', 'faces'))
    dataset = build_dataset({
        'name': f'{part}-{kind}', 'type': 'BlindCorruptionDataset', 'phase': 'val', 'dataroot_gt': photos,
        'dataroot_noise': photos, 'dataroot_mask': masks, 'io_backend': {'type': 'disk'}, 'gt_size': 64,
        'corruptions': {kind: corruption(kind, faces)}, 'hole_share': _HOLE_SHARES, 'blur_sigma': 0.75,
        'max_samples': images, 'seed': 0,
    })  # fmt: skip
    samples = [dataset[index] for index in range(len(dataset))]
    return Samples(
        np.stack([(sample['lq'].numpy() * 255).round().astype(np.uint8) for sample in samples]),
        np.stack([sample['mask'][0].numpy().astype(np.uint8) for sample in samples]),
    )


def _pictures(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.glob('*') if path.suffix.lower() in ('.jpg', '.jpeg', '.png'))
    if len(found) < 2:
        raise FileNotFoundError(f'{folder}: expected a folder with at least two pictures (.jpg, .png).')
    return found


def _copy_reduced(source: Path, target: Path) -> None:
    image = cv2.imread(str(source), cv2.IMREAD_COLOR)
    if image is None:
        raise OSError(f'{source}: no picture that can be read.')
    scale = _SHORT_SIDE / min(image.shape[:2])
    if scale < 1:
        size = (max(_SHORT_SIDE, round(image.shape[1] * scale)), max(_SHORT_SIDE, round(image.shape[0] * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(target), image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
