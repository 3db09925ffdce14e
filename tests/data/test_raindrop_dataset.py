from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from basicsr.data import build_dataset

from hcl_arch.data.masks.difference_mask import DifferenceMask
from hcl_arch.data.published_pairs_dataset import HCLRaindropDataset

Options = dict[str, Any]


@pytest.fixture
def opt(tmp_path: Path) -> Options:
    """Raindrop with two pairs for training and one in each test split; a bright square stands for a drop."""
    for split, numbers, extension in (('train', (0, 1), 'png'), ('test_a', (101,), 'png'), ('test_b', (7,), 'jpg')):
        for number in numbers:
            clean = np.full((60, 80, 3), 60, np.uint8)
            wet = clean.copy()
            wet[20:44, 30:60] = 200
            for folder, name, image in (('data', 'rain', wet), ('gt', 'clean', clean)):
                target = tmp_path / 'raindrop' / split / folder / f'{number}_{name}.{extension}'
                target.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(target), image)
    return {'name': 'Rain', 'type': 'HCLRaindropDataset', 'dataroot': str(tmp_path / 'raindrop'), 'gt_size': None}


@pytest.mark.parametrize(
    ('phase', 'split', 'names'),
    [
        ('train', None, ['0_rain.png', '1_rain.png']),
        ('val', None, ['101_rain.png']),
        ('test', None, ['101_rain.png']),
        ('test', 'test_b', ['7_rain.jpg']),
    ],
)
def test_splits(opt: Options, phase: str, split: str | None, names: list[str]) -> None:
    dataset = build_dataset({**opt, 'phase': phase, 'gt_size': 32, **({'split': split} if split else {})})
    assert isinstance(dataset, HCLRaindropDataset)
    samples = [dataset[index] for index in range(len(dataset))]
    assert [Path(sample['lq_path']).name for sample in samples] == names
    assert all(
        sample['gt_path']
        == sample['lq_path'].replace('data', 'gt').replace('rain.', 'clean.').replace('gt/raindrop', 'data/raindrop')
        for sample in samples
    )
    assert {sample['corruption'] for sample in samples} == {'raindrop'}


def test_derived_mask_follows_the_defaults_and_the_options(opt: Options) -> None:
    root = f'{opt["dataroot"]}/test_a'
    lq, gt = cv2.imread(f'{root}/data/101_rain.png'), cv2.imread(f'{root}/gt/101_clean.png')
    assert lq is not None
    assert gt is not None
    default = DifferenceMask(threshold=0.1, smoothing=2.0, least_area=64, closing=2)
    for options, mask in (
        ({}, default),
        ({'mask_smoothing': 0.0}, dataclasses.replace(default, smoothing=0.0)),
        ({'mask_least_area': 5000}, dataclasses.replace(default, least_area=5000)),
    ):
        sample = HCLRaindropDataset({**opt, 'phase': 'val', **options})[0]
        np.testing.assert_array_equal(sample['mask'][0].numpy() == 0, mask(lq, gt))


def test_missing_folder_names_it_and_the_layout(opt: Options) -> None:
    missing = f'{opt["dataroot"]}/test_b/gt'
    shutil.rmtree(missing)
    with pytest.raises(FileNotFoundError, match=f'{missing}: expected .* Expected layout: train/data/0_rain.png and'):
        HCLRaindropDataset({**opt, 'phase': 'test', 'split': 'test_b'})


def test_real_pairs(shared_dir: Path, tmp_path: Path) -> None:
    """Something between a tenth and a half is found wet, and it differs more than the rest."""
    for folder, name in (('data', 'rain'), ('gt', 'clean')):
        (tmp_path / 'test_a' / folder).mkdir(parents=True)
        for path in (shared_dir / 'data' / 'raindrop' / 'pairs').glob(f'*_{name}.jpg'):
            shutil.copy(path, tmp_path / 'test_a' / folder)
    dataset = HCLRaindropDataset({'phase': 'val', 'dataroot': str(tmp_path), 'gt_size': None})
    assert len(dataset) == 4
    for index in range(4):
        sample = dataset[index]
        wet = sample['mask'][0] == 0
        difference = (sample['lq'] - sample['gt']).abs().amax(0)
        assert 0.1 < wet.float().mean() < 0.5
        assert difference[wet].mean() > 2.5 * difference[~wet].mean()
