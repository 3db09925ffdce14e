from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch
import yaml

from hcl_arch.commands.preview import main
from hcl_arch.commands.preview.command import draw_samples, open_dataset, share_table

Options = dict[str, Any]


@pytest.fixture
def option_file(make_folder: Callable[..., Path], tmp_path: Path) -> Path:
    """An option file with a training and a validation set."""
    truth = str(make_folder('truth', 5))
    base = {'name': 'Tiny', 'type': 'BlindCorruptionDataset', 'dataroot_gt': truth, 'gt_size': 64}
    datasets = {
        'val': {**base, 'corruptions': {'constant': 1}, 'hole_share': [0.5, 0.5], 'blur_sigma': 0},
        'train': {**base, 'corruptions': {'noise': 1}, 'batch_size_per_gpu': 1},
    }
    path = tmp_path / 'options.yml'
    path.write_text(yaml.safe_dump({'name': 'x', 'datasets': datasets, 'path': {}}))
    return path


def test_sheet_shows_the_samples(option_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / 'new' / 'sheet.png'
    main(['-opt', str(option_file), '-o', str(sheet), '--dataset', 'val', '--count', '3', '--columns', '2'])
    picture = cv2.imread(str(sheet))
    assert picture is not None
    # 64 px are drawn at 128; four tiles with a gap on both sides; a caption of 18 px above.
    tile, row = 128 + 4, 128 + 18 + 2
    assert picture.shape == (2 * row, 2 * 4 * tile, 3)
    sample = open_dataset(option_file, 'val')[1]  # the second of 3 out of 5 samples
    truth = (sample['gt'].numpy().transpose(1, 2, 0)[..., ::-1] * 255).round().astype(np.uint8)
    left, top = 4 * tile + tile + 2, 18
    np.testing.assert_array_equal(picture[top : top + 128 : 2, left : left + 128 : 2], truth)
    mask = picture[top : top + 128 : 2, left + tile : left + tile + 128 : 2, 0]
    np.testing.assert_array_equal(mask, 255 * (1 - sample['mask'][0].numpy()))
    assert 'constant                   3  0.500  0.500  0.500' in capsys.readouterr().out


def test_training_samples_follow_the_seed_and_are_the_default(option_file: Path) -> None:
    dataset = open_dataset(option_file)
    first, again, other = (draw_samples(dataset, count=2, seed=seed) for seed in (0, 0, 1))
    assert first[0]['corruption'] == 'noise'
    assert torch.equal(first[1]['lq'], again[1]['lq'])
    assert not torch.equal(first[1]['lq'], other[1]['lq'])


def test_no_more_samples_than_there_are(option_file: Path) -> None:
    assert len(draw_samples(open_dataset(option_file), count=9, seed=0)) == 5


def test_share_table_by_hand() -> None:
    masks = [torch.tensor([1.0, 1, 1, 0]).reshape(1, 2, 2), torch.tensor([1.0, 0, 0, 0]).reshape(1, 2, 2)]
    table = share_table([{'corruption': 'patch', 'mask': mask} for mask in masks])
    assert table.splitlines()[1].split() == ['patch', '2', '0.250', '0.500', '0.750']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (['-opt', 'nowhere.yml'], 'option file nowhere.yml does not exist'),
        (['--dataset', 'tset'], 'has no data set tset; it has'),
        (['-o', 'sheet.txt'], 'expected the name of a picture'),
        (['--count', '0'], 'numbers of at least 1'),
    ],
)
def test_mistakes_end_with_one_line(
    option_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match='2'):
        main(['-opt', str(option_file), '-o', str(tmp_path / 'sheet.png'), *change])
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'sheet.png').exists()


def test_wrong_options_and_unreadable_images_are_named(
    option_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'truth' / '000.png').write_bytes(b'no image')
    with pytest.raises(SystemExit, match='2'):
        main(['-opt', str(option_file), '-o', str(tmp_path / 'sheet.png')])
    assert 'truth/000.png: expected an image' in capsys.readouterr().err
    option_file.write_text(option_file.read_text().replace('gt_size: 64', 'gt_size: 4'))
    with pytest.raises(SystemExit, match='2'):
        main(['-opt', str(option_file), '-o', str(tmp_path / 'sheet.png')])
    assert "'gt_size' expects a whole number of at least 16, got 4" in capsys.readouterr().err
    option_file.write_text(option_file.read_text().replace('type: Blind', 'type: Bland'))
    with pytest.raises(SystemExit, match='2'):
        main(['-opt', str(option_file), '-o', str(tmp_path / 'sheet.png')])
    assert "'type' expects a registered data set, got 'BlandCorruptionDataset'" in capsys.readouterr().err


@pytest.mark.parametrize('name', ['val_corruptions', 'val_everyday', 'val_masks'])
def test_photographs_in_the_place_of_all_folders(
    name: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file of all kinds of corruption, without any of its folders, on scikit-image's pictures."""
    monkeypatch.chdir(tmp_path)
    option_file = repository / 'options' / 'preview_corruptions.yml'
    main(['-opt', str(option_file), '-o', 'x.png', '--dataset', name, '--count', '6', '--photos', 'scikit-image'])
    picture = cv2.imread('x.png')
    assert picture is not None
    assert picture.std() > 30
    assert 'x.png: 6 of 28 samples' in capsys.readouterr().out


def test_photographs_of_the_user(
    option_file: Path, make_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = make_folder('mine', 3)
    sheet = str(tmp_path / 'x.png')
    main(['-opt', str(option_file), '-o', sheet, '--dataset', 'val', '--photos', str(mine)])
    assert '3 of 3 samples' in capsys.readouterr().out
    assert {Path(path).parent for path in open_dataset(option_file, 'val', str(mine)).image_paths()} == {mine}
    with pytest.raises(SystemExit):
        main(['-opt', str(option_file), '-o', sheet, '--photos', str(tmp_path / 'none')])
    assert 'expected a folder of images' in capsys.readouterr().err
