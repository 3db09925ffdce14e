from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from basicsr.data import build_dataset

from hcl_arch.data.published_pairs_dataset import HCLISTDDataset

Options = dict[str, Any]
LEVELS = {'A': 10, 'B': 255, 'C': 90}


@pytest.fixture
def opt(tmp_path: Path) -> Options:
    """ISTD with two training images and one for testing; A, B and C each of one gray level."""
    for split, names in (('train', ('1-1', '1-2')), ('test', ('9-1',))):
        for part, level in LEVELS.items():
            folder = tmp_path / 'ISTD' / split / f'{split}_{part}'
            folder.mkdir(parents=True)
            for name in names:
                cv2.imwrite(str(folder / f'{name}.png'), np.full((20, 24, 3), level, np.uint8))
    return {'name': 'Shadows', 'type': 'HCLISTDDataset', 'dataroot': str(tmp_path / 'ISTD'), 'gt_size': 16}


@pytest.mark.parametrize(
    ('phase', 'split', 'names'),
    [
        ('train', None, ['1-1', '1-2']),
        ('val', None, ['9-1']),
        ('test', None, ['9-1']),
        ('val', 'train', ['1-1', '1-2']),
    ],
)
def test_splits(opt: Options, phase: str, split: str | None, names: list[str]) -> None:
    dataset = build_dataset({**opt, 'phase': phase, **({'split': split} if split else {})})
    assert isinstance(dataset, HCLISTDDataset)
    samples = [dict(dataset[index]) for index in range(len(dataset))]
    assert [Path(sample['lq_path']).stem for sample in samples] == names
    for sample in samples:
        assert (sample['lq'] * 255).round().unique().tolist() == [10]
        assert (sample['gt'] * 255).round().unique().tolist() == [90]
        assert sample['mask'].unique().tolist() == [0]
        assert sample['corruption'] == 'shadow'


def test_another_folder_of_clean_photographs(opt: Options, tmp_path: Path) -> None:
    root = tmp_path / 'ISTD' / 'test'
    shutil.move(root / 'test_C', root / 'corrected')
    dataset = HCLISTDDataset({**opt, 'phase': 'val', 'folders': {'gt': '{split}/corrected'}})
    assert dataset[0]['gt_path'] == f'{root}/corrected/9-1.png'


def test_missing_folder_names_it_and_the_layout(opt: Options, tmp_path: Path) -> None:
    missing = tmp_path / 'ISTD' / 'train' / 'train_B'
    shutil.rmtree(missing)
    with pytest.raises(
        FileNotFoundError,
        match=f"data set 'Shadows': {missing}: expected a folder of the data set "
        r'ISTD, found nothing. Expected layout: train/train_A \(with shadow\)',
    ):
        HCLISTDDataset({**opt, 'phase': 'train'})
    assert len(HCLISTDDataset({**opt, 'phase': 'val'})) == 1


def test_missing_partner(opt: Options, tmp_path: Path) -> None:
    (tmp_path / 'ISTD' / 'train' / 'train_C' / '1-2.png').unlink()
    with pytest.raises(ValueError, match="data set 'Shadows': 1 of 2 images .* no partner in 'dataroot_gt'.*1-2.png"):
        HCLISTDDataset({**opt, 'phase': 'train'})


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'split': 'val'}, "'split' expects one of train, test, got 'val'"),
        ({'dataroot': None}, "'dataroot' expects a text"),
        ({'folders': {'lg': 'x'}}, "'folders' expects folders of lq, gt, mask below 'dataroot' (default: lq: "),
        ({'dataroot_lq': 'x'}, "unknown option 'dataroot_lq'"),
        ({'mask_threshold': 0.1}, "unknown option 'mask_threshold'"),
        ({'kinds': ['a']}, "unknown option 'kinds'"),
    ],
)
def test_wrong_options(opt: Options, changes: Options, message: str) -> None:
    with pytest.raises(ValueError, match=f"data set 'Shadows': {re.escape(message)}"):
        HCLISTDDataset({**opt, 'phase': 'val', **changes})


def test_real_triplet(shared_dir: Path, tmp_path: Path) -> None:
    for part, name in (('A', 'shadow.jpg'), ('B', 'mask.png'), ('C', 'gt.jpg')):
        folder = tmp_path / 'test' / f'test_{part}'
        folder.mkdir(parents=True)
        source = shared_dir / 'data' / 'shadow' / 'istd' / f'114_5_{name}'
        shutil.copy(source, folder / f'114-5{source.suffix}')
    sample = HCLISTDDataset({'phase': 'test', 'dataroot': str(tmp_path), 'gt_size': None})[0]
    shadow = sample['mask'][0] == 0
    assert 0.2 < shadow.float().mean() < 0.8
    inside, outside = (float(sample['lq'][:, part].mean() / sample['gt'][:, part].mean()) for part in (shadow, ~shadow))
    assert inside < 0.9 * outside  # the two photographs are not exposed alike
