"""The scripts for data sets of pairs: what they write is what the data sets read, killed in between or not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import PIL.Image
import pytest
import yaml

from hcl_arch.data.masks.difference_mask import DifferenceMask
from hcl_arch.data.paired_corruption_dataset import HCLPairedDataset
from hcl_arch.data.published_pairs_dataset import HCLISTDDataset

LoadMain = Callable[[str], Callable[[Sequence[str]], None]]
WriteImage = Callable[..., Path]
COUNT = 5


@pytest.fixture
def istd(tmp_path: Path, write_image: WriteImage) -> Path:
    """Folder of ISTD with 5 triplets for training and 2 for testing, 48 x 64."""
    root = tmp_path / 'ISTD'
    for split, count in (('train', COUNT), ('test', 2)):
        for number in range(count):
            for part, seed in (('A', number), ('C', 100 + number)):
                write_image(root / split / f'{split}_{part}' / f'{number}-1.png', seed)
            write_mask(root / split / f'{split}_B' / f'{number}-1.png', number)
    return root


@pytest.fixture
def raindrop(tmp_path: Path, write_image: WriteImage) -> Path:
    """Folder of Raindrop with 5 pairs in train and 2 in test_b, 48 x 64, a patch of 20 x 20 being wet."""
    root = tmp_path / 'rain'
    for split, count, extension in (('train', COUNT, 'png'), ('test_b', 2, 'jpg')):
        for number in range(count):
            clean = cv2.imread(str(write_image(root / split / 'gt' / f'{number}_clean.{extension}', number)))
            assert clean is not None
            wet = clean - clean // 16
            wet[10:30, 20:40] = 255 - wet[10:30, 20:40]
            (root / split / 'data').mkdir(exist_ok=True)
            cv2.imwrite(str(root / split / 'data' / f'{number}_rain.{extension}'), wet)
    return root


@pytest.fixture
def logo30k(tmp_path: Path, write_image: WriteImage) -> Path:
    """Folder of LOGO30K with two kinds of the same names."""
    root = tmp_path / 'LOGO30K'
    for seed, kind in enumerate(('10kgray', '10kmid')):
        for split, names in (('train', ('cat-1', 'cat-2.5', 'dog-1', 'dog-4')), ('val', ('fox-1',))):
            for number, name in enumerate(names):
                write_image(root / kind / f'{split}_images' / f'{name}.png', 10 * seed + number)
                write_mask(root / kind / f'{split}_masks' / f'{name}.png', number)
    for seed, name in enumerate(('cat', 'dog', 'fox')):
        write_image(root / 'natural' / f'{name}.jpg', 50 + seed)
    return root


def write_mask(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    mask = np.zeros((48, 64), np.uint8)
    top, left = rng.integers(0, 24, 2)
    mask[top : top + 20, left : left + 24] = 255
    cv2.imwrite(str(path), mask)


def prepared(output: Path, split: str, *, suffix: str = '.lmdb', **options: Any) -> Any:
    roots = {f'dataroot_{role}': str(output / f'{split}_{role}{suffix}') for role in ('lq', 'gt', 'mask')}
    return HCLPairedDataset({'phase': 'val', 'gt_size': None, **roots, **options})


@pytest.mark.parametrize('store', ['lmdb', 'folder'])
def test_istd_at_full_size_reads_as_the_original(
    load_main: LoadMain, istd: Path, tmp_path: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / 'out'
    load_main('prepare_istd')(
        [str(istd), str(output), '--size', '0', '--store', store, '--workers', '0', '--allow-missing']
    )
    for split, count in (('train', COUNT), ('test', 2)):
        original = HCLISTDDataset({'phase': 'val', 'split': split, 'dataroot': str(istd), 'gt_size': None})
        copy = prepared(output, split, suffix='.lmdb' if store == 'lmdb' else '')
        assert len(original) == len(copy) == count
        for index in range(count):
            for key in ('lq', 'gt', 'mask'):
                np.testing.assert_array_equal(copy[index][key].numpy(), {**original[index]}[key].numpy())
    printed = capsys.readouterr().out
    assert 'ISTD, train: 5 pairs' in printed
    options = yaml.safe_load(printed[printed.index('Options of train:') :])
    training = HCLPairedDataset({'phase': 'train', 'gt_size': 16, **options['Options of train']})
    assert training[0]['corruption'] == 'shadow'
    assert len(training) == COUNT


def test_all_of_a_pair_are_resized_alike(load_main: LoadMain, istd: Path, tmp_path: Path) -> None:
    load_main('prepare_istd')(
        [str(istd), str(tmp_path / 'out'), '--size', '24', '--splits', 'test', '--workers', '0', '--allow-missing']
    )
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'test_gt.lmdb',
        'test_lq.lmdb',
        'test_mask.lmdb',
    ]
    sample = prepared(tmp_path / 'out', 'test')[1]
    for key, folder in (('lq', 'test_A'), ('gt', 'test_C'), ('mask', 'test_B')):
        image = cv2.imread(str(istd / 'test' / folder / '1-1.png'))
        assert image is not None
        reduced = image[..., ::-1].reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
        found = sample[key].numpy().transpose(1, 2, 0)
        if key == 'mask':
            np.testing.assert_array_equal(found[..., 0] == 0, reduced[..., 0] >= 127.5)
        else:
            np.testing.assert_allclose(found * 255, reduced, atol=0.51)


def test_raindrop_masks_are_derived_at_full_size(load_main: LoadMain, raindrop: Path, tmp_path: Path) -> None:
    load_main('prepare_raindrop')(
        [
            str(raindrop),
            str(tmp_path / 'out'),
            '--size',
            '24',
            '--splits',
            'train',
            'test_b',
            '--workers',
            '0',
            '--allow-missing',
        ]
    )
    for split, extension in (('train', 'png'), ('test_b', 'jpg')):
        sample = prepared(tmp_path / 'out', split)[1]
        assert sample['lq_path'].endswith(f'{split}_lq.lmdb/1')
        pair = [
            cv2.imread(str(raindrop / split / folder / f'1_{name}.{extension}'))
            for folder, name in (('data', 'rain'), ('gt', 'clean'))
        ]
        holes = DifferenceMask(threshold=0.1, smoothing=2.0, least_area=64, closing=2)(*pair)
        assert 0.05 < holes.mean() < 0.95
        votes = holes.reshape(24, 2, 32, 2).mean(axis=(1, 3))
        np.testing.assert_array_equal(sample['mask'][0].numpy() == 0, votes >= 0.5)


def test_logo30k_gives_every_image_its_clean_one(load_main: LoadMain, logo30k: Path, tmp_path: Path) -> None:
    load_main('prepare_logo30k')(
        [str(logo30k), str(tmp_path / 'out'), '--size', '0', '--workers', '0', '--kinds', '10kgray', '10kmid']
    )
    dataset = prepared(tmp_path / 'out', 'train')
    keys = [f'{kind}/{name}' for kind in ('10kgray', '10kmid') for name in ('cat-1', 'cat-2_5', 'dog-1', 'dog-4')]
    assert [dataset[index]['lq_path'].partition('.lmdb/')[2] for index in range(8)] == keys
    for index, key in enumerate(keys):
        clean = cv2.imread(str(logo30k / 'natural' / f'{"cat" if "cat" in key else "dog"}.jpg'))
        assert clean is not None
        sample = dataset[index]
        np.testing.assert_array_equal((sample['gt'].numpy() * 255).round().transpose(1, 2, 0)[..., ::-1], clean)
        marked = cv2.imread(str(logo30k / key.replace('/', '/train_images/').replace('2_5', '2.5')) + '.png')
        assert marked is not None
        np.testing.assert_array_equal((sample['lq'].numpy() * 255).round().transpose(1, 2, 0)[..., ::-1], marked)
    assert len(prepared(tmp_path / 'out', 'val')) == 2


def test_logo30k_with_its_watermarks(
    load_main: LoadMain, logo30k: Path, tmp_path: Path, write_image: WriteImage, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate(('cat-1', 'cat-2.5', 'dog-1', 'dog-4')):
        write_image(logo30k / '10kgray' / 'train_wms' / f'{name}.png', 80 + seed)
    arguments = ['--size', '0', '--workers', '0', '--kinds', '10kgray', '--splits', 'train', '--watermarks']
    load_main('prepare_logo30k')([str(logo30k), str(tmp_path / 'out'), *arguments])
    root = str(tmp_path / 'out' / 'train_wm.lmdb')
    assert f'dataroot_wm: {root}' in capsys.readouterr().out
    dataset = HCLPairedDataset({
        'name': 'logos', 'phase': 'val', 'gt_size': None, 'io_backend': {'type': 'lmdb'},
        **{f'dataroot_{role}': str(tmp_path / 'out' / f'train_{role}.lmdb') for role in ('lq', 'gt', 'mask', 'wm')},
    })  # fmt: skip
    for sample, name in zip([dataset[index] for index in range(4)], ('cat-1', 'cat-2.5', 'dog-1', 'dog-4')):
        picture = cv2.imread(str(logo30k / '10kgray' / 'train_wms' / f'{name}.png'))
        assert picture is not None
        np.testing.assert_array_equal((sample['wm'].numpy() * 255).round().transpose(1, 2, 0)[..., ::-1], picture)


CASES = {
    # script: folder of the source, options, outputs, the one that is cut, the source file that blocks
    'prepare_istd': ('istd', ['--splits', 'train', '--allow-missing'], 'train_mask.lmdb', 'train/train_B/3-1.png'),
    # The clean images are opened as partners of the wet ones first.
    'prepare_raindrop': (
        'raindrop',
        ['--splits', 'train', 'test_b', '--allow-missing'],
        'train_lq',
        'train/gt/3_clean.png',
    ),
    'prepare_logo30k': ('logo30k', ['--kinds', '10kgray'], 'train_lq.lmdb', '10kgray/train_images/dog-1.png'),
}


@pytest.mark.skipif(sys.platform == 'win32', reason='named pipes')
@pytest.mark.parametrize('script', CASES)
def test_killed_and_gone_on_with(
    request: pytest.FixtureRequest,
    load_main: LoadMain,
    tmp_path: Path,
    script: str,
    killed_run: Callable[..., int],
    tree_state: Callable[[Path], Any],
    values_of: Callable[[Path], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fixture, options, cut, blocking = CASES[script]
    source = request.getfixturevalue(fixture)
    main = load_main(script)
    options = [
        *options,
        '--size',
        '24',
        '--workers',
        '0',
        '--commit-every',
        '1',
        '--store',
        'lmdb' if cut.endswith('.lmdb') else 'folder',
    ]
    before = tree_state(source)
    main([str(source), str(tmp_path / 'whole'), *options])
    broken = tmp_path / 'broken'
    with monkeypatch.context() as context:
        # This look at all files, before anything is written, would be where the run is caught.
        context.setattr('preparation.pairs._check_sizes', lambda items: None)
        done = killed_run(lambda: main([str(source), str(broken), *options]), broken / cut, source / blocking, 2)
    assert 2 <= done < COUNT
    assert not (broken / cut).exists()
    main([str(source), str(broken), *options])
    outputs = sorted((tmp_path / 'whole').iterdir())
    assert sorted(path.name for path in broken.iterdir()) == [output.name for output in outputs]
    for output in outputs:
        assert values_of(broken / output.name) == values_of(output)
    assert tree_state(source) == before


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (
            lambda root: (root / 'train/train_C/2-1.png').unlink(),
            "1 of 5 images .* no partner in 'dataroot_gt'.*2-1.png",
        ),
        (lambda root: (root / 'train/train_C/2-1.png').write_bytes(b'no image'), 'train_C/2-1.png: .*Replace the file'),
        (lambda root: (root / 'train/train_B/2-1.png').write_bytes(b'no image'), 'train_B/2-1.png: .*Replace the file'),
        (
            lambda root: cv2.imwrite(str(root / 'train/train_C/2-1.png'), np.zeros((40, 64, 3), np.uint8)),
            'expected an image of the size of .*train_C/2-1.png, 64 x 40 pixels, found 64 x 48',
        ),
        (
            lambda root: (root / 'train/train_B').rename(root / 'masks'),
            'train_B: expected a folder of the data set ISTD',
        ),
    ],
)
def test_damaged_source(
    load_main: LoadMain, istd: Path, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(istd)
    with pytest.raises(SystemExit, match=f'(?s)Error: .*{message}'):
        load_main('prepare_istd')(
            [str(istd), str(tmp_path / 'out'), '--splits', 'train', '--workers', '0', '--allow-missing']
        )
    assert not (tmp_path / 'out').exists()


def test_published_counts_are_checked(load_main: LoadMain, istd: Path, raindrop: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    for script, source, splits, message in (
        ('prepare_istd', istd, ['train', 'test'], 'expected 1,330 pairs of ISTD, train, in .*ISTD, found 5'),
        ('prepare_istd', istd, ['test'], 'expected 540 pairs of ISTD, test, in .*ISTD, found 2'),
        ('prepare_raindrop', raindrop, ['train'], 'expected 861 pairs of Raindrop, train, in .*rain, found 5'),
        ('prepare_raindrop', raindrop, ['test_b'], 'expected 249 pairs of Raindrop, test_b, in .*rain, found 2'),
    ):
        with pytest.raises(SystemExit, match=f'Error: {message}.*--allow-missing'):
            load_main(script)([str(source), str(out), '--workers', '0', '--splits', *splits])
    assert not out.exists()


def test_names_that_do_not_fit_are_told(
    load_main: LoadMain, raindrop: Path, write_image: WriteImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6, 10):
        write_image(raindrop / 'train' / 'data' / f'{number}_Rain.png')
    load_main('prepare_raindrop')(
        [str(raindrop), str(tmp_path / 'out'), '--splits', 'train', '--workers', '0', '--allow-missing', '--size', '24']
    )
    data = raindrop / 'train' / 'data'
    assert (
        f"Warning: 4 of 9 images passed over, their names do not fit '{{}}_rain': {data}/6_Rain.png, "
        f'{data}/7_Rain.png, {data}/8_Rain.png, ...\n'
    ) in capsys.readouterr().out


def save_turned(path: Path, orientation: int, height: int, width: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    PIL.Image.new('RGB', (width, height), (9, 90, 200)).save(path, exif=exif)


def test_sizes_are_compared_upright(load_main: LoadMain, raindrop: Path, tmp_path: Path) -> None:
    """A photograph that is stored lying fits a clean one that stands, and none that lies."""
    command = [
        str(raindrop),
        str(tmp_path / 'out'),
        '--splits',
        'test_b',
        '--workers',
        '0',
        '--allow-missing',
        '--size',
        '0',
        '--store',
        'folder',
    ]
    save_turned(raindrop / 'test_b' / 'data' / '0_rain.jpg', 6, 48, 64)
    with pytest.raises(SystemExit, match=r'of the size of .*0_clean\.jpg, 64 x 48 pixels, found 48 x 64 \(both uprig'):
        load_main('prepare_raindrop')(command)
    save_turned(raindrop / 'test_b' / 'gt' / '0_clean.jpg', 1, 64, 48)
    load_main('prepare_raindrop')(command)
    for role in ('lq', 'gt', 'mask'):
        image = cv2.imread(str(tmp_path / 'out' / f'test_b_{role}' / '0.png'))
        assert image is not None
        assert image.shape[:2] == (64, 48)


def test_two_corrupted_images_of_one_name_are_refused(
    load_main: LoadMain, istd: Path, write_image: WriteImage, tmp_path: Path
) -> None:
    write_image(istd / 'train' / 'train_A' / '0-1.jpg')
    with pytest.raises(SystemExit, match=r"'dataroot_lq': two images are called '0-1': .*0-1\.jpg and .*0-1\.png"):
        load_main('prepare_istd')([str(istd), str(tmp_path / 'out'), '--workers', '0', '--allow-missing'])
