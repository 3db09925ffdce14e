"""The demo's parts: its pictures are made the same every time, and its table says what the scores are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from examples.demo import summary_picture, summary_table


@pytest.fixture
def prepare_demo(repository: Path) -> ModuleType:
    """The preparation script as a module."""
    spec = importlib.util.spec_from_file_location('prepare_demo', repository / 'datasets_prep' / 'prepare_demo.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_preparation(prepare_demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, pictures in prepare_demo.SPLITS.items():
        prepare_demo.SPLITS[split] = dict.fromkeys(pictures, 2)
    prepare_demo.main([str(tmp_path)])
    first = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob('*.png')}
    assert len(first) == 2 * sum(len(pictures) for pictures in prepare_demo.SPLITS.values())
    (tmp_path / 'train' / 'coins_999.png').write_bytes(b'')
    prepare_demo.main([str(tmp_path)])
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob('*.png')} == first
    assert 'train: 18 pictures' in capsys.readouterr().out


def test_no_test_picture_is_a_training_picture(prepare_demo: ModuleType) -> None:
    names = [name for pictures in prepare_demo.SPLITS.values() for name in pictures]
    assert len(names) == len(set(names))


def test_summary(tmp_path: Path) -> None:
    (tmp_path / 'noise.csv').write_text(
        'image,corruption,hole_share,mask_accuracy,corrupted_iou,psnr_input,psnr\n'
        'a,noise,0.2,0.9,0.5,10,20\n'
        'b,noise,0.4,0.7,0.7,12,18\n'
    )
    (tmp_path / 'noise_bins.csv').write_text('bin,images,hole_share\nall,2,0.3\n')  # as the test leaves it there
    table = summary_table(tmp_path)
    assert table.splitlines()[2:] == ['| noise | 2 | 0.30 | 0.700 | 0.800 | 0 | 0.600 | 11.00 | 19.00 |']
    folder = tmp_path / 'visualization' / 'noise'
    folder.mkdir(parents=True)
    for name, level in (('a', 10), ('b', 20)):
        cv2.imwrite(str(folder / f'{name}_run_panel.png'), np.full((4, 6, 3), level, np.uint8))
    picture = summary_picture(tmp_path)
    assert picture.shape == (8, 6, 3)
    # In the order of accuracy: b, a. Of two, the median is the worse one by rounding, the upper quartile the better.
    assert (picture[0, 0, 0], picture[-1, 0, 0]) == (20, 10)
