from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from basicsr.data import build_dataset

from hcl_arch.data.published_pairs_dataset import HCLLOGO30KDataset

Options = dict[str, Any]
KINDS = {'10kgray': 1, '10khigh': 2, '10kmid': 3}
NAMES = {'train': ('cat-3', 'cat-x-1', 'dog-3'), 'val': ('fox-7',)}


def write(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((20, 20, 3), level, np.uint8))


@pytest.fixture
def opt(tmp_path: Path) -> Options:
    """LOGO30K with the same names in every kind; gray levels tell the kinds and the clean photographs apart."""
    root = tmp_path / 'LOGO30K'
    for kind, level in KINDS.items():
        for split, names in NAMES.items():
            for name in names:
                write(root / kind / f'{split}_images' / f'{name}.png', level)
                write(root / kind / f'{split}_masks' / f'{name}.png', 255 if kind == '10kmid' else 0)
    for level, name in enumerate(('cat', 'dog', 'fox', 'gnu')):
        write(root / 'natural' / f'{name}.png', 100 + level)
    return {'name': 'Logos', 'type': 'HCLLOGO30KDataset', 'dataroot': str(root), 'gt_size': 16}


def levels(opt: Options) -> list[tuple[str, int, int, int]]:
    dataset = build_dataset(opt)
    assert isinstance(dataset, HCLLOGO30KDataset)
    samples = [dataset[index] for index in range(len(dataset))]
    assert {sample['corruption'] for sample in samples} == {'watermark'}
    return [
        (
            Path(sample['lq_path']).stem,
            round(float(sample['lq'].mean() * 255)),
            round(float(sample['gt'].mean() * 255)),
            int(sample['mask'].mean()),
        )
        for sample in samples
    ]


def test_training(opt: Options) -> None:
    """Name, level of kind, level of clean photograph, mask: of each kind its own."""
    expected = [
        (name, level, 101 if name == 'dog-3' else 100, int(level != 3))
        for level in (1, 2, 3)
        for name in ('cat-3', 'cat-x-1', 'dog-3')
    ]
    assert levels({**opt, 'phase': 'train'}) == expected


@pytest.mark.parametrize('phase', ['val', 'test'])
def test_validation_and_kinds(opt: Options, phase: str) -> None:
    two_kinds = {**opt, 'phase': phase, 'kinds': ['10kmid', '10kgray']}
    assert levels(two_kinds) == [('fox-7', 3, 102, 0), ('fox-7', 1, 102, 1)]
    assert levels({**opt, 'phase': phase, 'kinds': '10khigh'}) == [('fox-7', 2, 102, 1)]


def test_clean_photographs_in_each_kind(opt: Options) -> None:
    root = Path(opt['dataroot'])
    for kind, level in KINDS.items():
        for name in ('cat', 'dog', 'fox'):
            write(root / kind / 'clean' / f'{name}.png', 200 + level)
    shutil.rmtree(root / 'natural')
    with pytest.raises(FileNotFoundError, match=f'{root}/natural: expected a folder .* layout: 10kgray, 10khigh'):
        build_dataset({**opt, 'phase': 'val'})
    found = levels({**opt, 'phase': 'val', 'folders': {'gt': '{kind}/clean'}})
    assert found == [('fox-7', 1, 201, 1), ('fox-7', 2, 202, 1), ('fox-7', 3, 203, 0)]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'kinds': []}, r"'kinds' expects a list of folder names, got \[\]"),
        ({'split': 'test'}, "'split' expects one of train, val, got 'test'"),
        ({'lq_template': '{}'}, "unknown option 'lq_template'"),
    ],
)
def test_wrong_options(opt: Options, changes: Options, message: str) -> None:
    with pytest.raises(ValueError, match=f"data set 'Logos': {message}"):
        build_dataset({**opt, 'phase': 'val', **changes})
