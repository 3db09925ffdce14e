"""`hcl-new-training`: what it writes, what it refuses."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Callable

import basicsr.train
import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hcl_arch.commands.basicsr_run import run_pipeline
from hcl_arch.commands.new_training import main
from hcl_arch.commands.new_training.photographs import Photograph, fitting_size, split
from hcl_arch.commands.preview import main as preview
from hcl_arch.commands.restore import main as restore
from hcl_arch.utils.model_folders import PACKAGE_FOLDER
from hcl_arch.utils.option_file import read_option_file


def train(arguments: list[str]) -> None:
    run_pipeline(basicsr.train.train_pipeline, command='hcl-train', arguments=arguments)


def next_commands(text: str) -> list[list[str]]:
    """The arguments of the commands that were printed."""
    return [shlex.split(line) for line in text.splitlines() if line.startswith('  ')]


def test_four_commands_from_photographs_to_a_repair(
    photos: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that the first one prints, as they stand there."""
    before = {path: path.read_bytes() for path in photos.rglob('*.*')}
    main([str(photos), '--model', tiny, '--iterations', '2', '--batch', '2', '--size', '64'])
    look, learn, repair = next_commands(capsys.readouterr().out)
    assert look[:3] == ['python', '-m', 'hcl_arch.commands.preview']
    assert learn[0] == 'hcl-train'
    assert repair[0] == 'hcl-restore'
    preview([*look[3:], '--count', '2'])
    assert Path('my_photos.png').stat().st_size
    train(learn[1:])
    shutil.copy(photos / 'sub' / 'coffee.png', 'photo.jpg')
    assert restore([*repair[1:], '--device', 'cpu', '--min-score', '0']) == 0
    assert Path('restored/photo.jpg').is_file()
    assert Path('restored/photo_mask.png').is_file()
    assert {path: path.read_bytes() for path in photos.rglob('*.*')} == before


@pytest.mark.slow
def test_the_packaged_model_is_what_it_goes_on_from(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(photos), '--iterations', '1', '--batch', '2', '--size', '128'])
    _, learn, repair = next_commands(capsys.readouterr().out)
    assert repair[-4:] == ['--detect-side', '160', '--min-score', '0.75']
    train(learn[1:])
    trained = torch.load('experiments/my_photos/models/net_g_latest.pth', weights_only=True)['params']
    for name, tensor in load_file(PACKAGE_FOLDER / 'small.safetensors').items():
        if name.endswith(('weight', 'bias')):
            assert (trained[name] - tensor.float()).abs().max() < 2e-3, name
    assert restore([str(photos / 'astronaut.png'), *repair[2:], '--device', 'cpu']) == 0


def test_option_file(photos: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    marks = photos.parent / 'my: marks'
    marks.mkdir()
    picture = np.full((20, 30, 4), 255, np.uint8)
    cv2.imwrite(str(marks / 'a.png'), picture)
    main([str(photos), '--name', 'mine', '--model', tiny, '--marks', str(marks)])
    options = read_option_file(Path('mine.yml'))
    assert options['path']['pretrain_network_g'] == 'tiny'
    assert options['datasets']['train']['corruptions']['stickers']['dataroot'] == str(marks)
    assert options['datasets']['train']['gt_size'] == 288  # nine of ten pictures have more than 300 pixels
    kept = {
        part: {path.name for path in Path(f'datasets/mine/{part}').rglob('*') if path.is_file()}
        for part in ('train', 'val')
    }
    assert len(kept['val']) == 2
    assert len(kept['train'] | kept['val']) == 10
    assert not kept['train'] & kept['val']
    assert 'few photographs' in capsys.readouterr().out
    train(['--check', '-opt', 'mine.yml'])
    assert 'no problem found in mine.yml' in capsys.readouterr().out


def test_the_corruption_is_that_of_the_packaged_model(photos: Path, tiny: str, repository: Path) -> None:
    main([str(photos), '--model', tiny])
    ours = read_option_file(Path('my_photos.yml'))['datasets']['train']
    packaged = read_option_file(repository / 'options' / 'train_hcl_small.yml')['datasets']['train']
    for kind in packaged['corruptions'].values():
        if isinstance(kind, dict):
            kind.pop('dataroot', None)
    for name in ('corruptions', 'second_kind', 'hole_share', 'degradation', 'native_prob', 'crop_scale'):
        assert ours[name] == packaged[name], name


def test_only_its_own_pictures_are_replaced(photos: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = Path('datasets/my_photos/train/theirs.png')
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b'theirs')
    with pytest.raises(SystemExit):
        main([str(photos), '--model', tiny, '--overwrite'])
    assert 'give another --name' in capsys.readouterr().err
    assert theirs.read_bytes() == b'theirs'
    main([str(photos), '--model', tiny, '--name', 'mine'])
    left = Path('datasets/mine/train/left.png')
    left.write_bytes(b'')
    main([str(photos), '--model', tiny, '--name', 'mine', '--overwrite'])
    assert not left.exists()


def test_from_scratch_has_random_weights(photos: Path, tiny: str) -> None:
    main([str(photos), '--model', tiny, '--from-scratch'])
    options = read_option_file(Path('my_photos.yml'))
    assert options['path']['pretrain_network_g'] is None
    assert options['train']['total_iter'] == 50_000


def photographs(count: int) -> list[Photograph]:
    digests = np.random.default_rng(0).permutation(count)
    return [
        Photograph(f'{index}.jpg', f'{(2 * digest + 1) * 16**8 // (2 * count):08x}', 100)
        for index, digest in enumerate(digests)
    ]


def test_split_hangs_on_the_content_alone() -> None:
    album = photographs(200)
    validation, training = split(album, percent=10)
    assert (len(validation), len(training)) == (20, 180)
    renamed = [photograph._replace(name=f'x{photograph.name}') for photograph in album]
    again, _ = split(renamed[::-1][:150], percent=10)
    assert {photograph.digest for photograph in again} <= {photograph.digest for photograph in validation}


def test_split_of_few() -> None:
    validation, training = split(photographs(8), percent=50)
    assert (len(validation), len(training)) == (2, 6)
    assert [len(part) for part in split(photographs(9), percent=1)] == [2, 7]


@pytest.mark.parametrize(('sides', 'size'), [([1000] * 20, 320), ([250] * 20, 224), ([1000] * 19 + [64], 320),
                                             ([90] * 20, 64), ([64] * 20, 64)])  # fmt: skip
def test_size_fits_the_photographs(sides: list[int], size: int) -> None:
    assert fitting_size([Photograph('a', '0', side) for side in sides], 320) == size


def test_what_cannot_be_trained_on_is_left_out(photos: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / 'damaged.jpg').write_bytes(b'no photograph')
    (photos / 'notes.txt').write_text('of another kind')
    shutil.copy(photos / 'astronaut.png', photos / 'again.png')
    cv2.imwrite(str(photos / 'icon.png'), np.zeros((32, 32, 3), np.uint8))
    main([str(photos), '--model', tiny])
    said = capsys.readouterr().out
    assert 'Left out: 1 cannot be read (damaged.jpg).' in said
    assert 'Left out: 1 smaller than 64 pixels (icon.png).' in said
    assert 'Left out: 1 there twice (' in said
    assert 'Left out: 1 of other kinds (notes.txt).' in said
    assert len([path for path in Path('datasets/my_photos').glob('*/**/*') if path.is_file()]) == 10


def test_copies(photos: Path, tiny: str) -> None:
    main([str(photos), '--model', tiny, '--copy'])
    files = [path for path in Path('datasets/my_photos').glob('*/**/*') if path.is_file()]
    assert len(files) == 10
    assert not any(path.is_symlink() for path in files)


def test_nothing_is_replaced_unasked(photos: Path, tiny: str, refused: Callable[..., str]) -> None:
    main([str(photos), '--model', tiny])
    first = sorted(os.listdir('datasets/my_photos/train'))
    assert refused(photos, '--model', tiny) == 'my_photos.yml: exists already: give another --name, or --overwrite.'
    main([str(photos), '--model', tiny, '--overwrite'])
    assert sorted(os.listdir('datasets/my_photos/train')) == first


def test_refusals(photos: Path, tiny: str, refused: Callable[..., str]) -> None:
    empty = photos.parent / 'empty'
    empty.mkdir()
    assert refused(empty).startswith(f'{empty}: expected photographs (.bmp, ')
    (empty / 'a.heic').write_bytes(b'x')
    assert 'found none (left out: 1 of other kinds (a.heic)).' in refused(empty)
    shutil.copy(photos / 'astronaut.png', empty)
    assert 'at least 8 photographs with a short side of 64 pixels or more, found 1' in refused(empty)
    assert 'expected a folder of images' in refused(photos.parent / 'none')
    assert refused(photos, '--name', '../x').startswith("--name '../x': expected letters")
    assert refused(photos, '--marks', 'no').startswith('--marks no: expected a folder, found none')
    assert "there is no model named 'no'" in refused(photos, '--model', 'no')
    inside = photos.parent / 'datasets' / 'a' / 'train'
    inside.mkdir(parents=True)
    assert 'lies in the folder that is written' in refused(inside, '--name', 'a')
    assert not list(photos.parent.glob('*.yml'))


def test_a_model_that_finds_by_clusters_is_refused(
    photos: Path, tiny: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    from hcl_arch.archs.registry import ARCHS
    from hcl_arch.model_files import save_model
    from tests.export.test_export import TINY

    save_model(tmp_path / 'hcl.safetensors', TINY, ARCHS.build(TINY).state_dict(), {})
    assert 'expected a network DetectThenRestore' in refused(photos, '--model', tmp_path / 'hcl.safetensors')
