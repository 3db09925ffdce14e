from __future__ import annotations

import csv
import importlib
import multiprocessing
import time
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest

SIDE = 40
# Share of holes in per cent -> masks of it.
MASKS = {5: 5, 10: 5, 11: 10, 55: 6, 95: 1}


@pytest.fixture
def script(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(repository / 'datasets_prep'))
    return importlib.import_module('prepare_irregular_masks')


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Masks with random holes of exact shares in `MASKS`, in subfolders named by the share."""
    folder = tmp_path / 'masks'
    rng = np.random.default_rng(0)
    for percent, count in MASKS.items():
        for number in range(count):
            holes = rng.permutation(SIDE * SIDE) < SIDE * SIDE * percent // 100
            write_mask(folder / str(percent) / f'{number:02d}.png', holes.reshape(SIDE, SIDE))
    return folder


def write_mask(path: Path, holes: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.where(holes, 255, 0).astype(np.uint8))


def run(script: Any, source: Path, output: Path, *more: str) -> None:
    script.main([str(source), str(output), '--store', 'folder', '--workers', '0', *more])


def written(folder: Path) -> dict[str, np.ndarray]:
    """Masks of a split by key, True = hole."""
    return {
        str(path.relative_to(folder).with_suffix('')): cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127
        for path in sorted(folder.rglob('*.png'))
    }


def test_split_bins_variants_and_shares(
    script: Any, source: Path, tmp_path: Path, tree_state: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree_state(source)
    output = tmp_path / 'out'
    run(script, source, output, '--size', str(SIDE))
    assert tree_state(source) == before
    train, test = written(output / 'train'), written(output / 'test')
    names = [{key.rpartition('_')[0] for key in split} for split in (train, test)]
    assert not names[0] & names[1]
    # 5 and 10 per cent are the first bin, with its upper end; a fifth of each bin is for testing.
    counts = [
        {
            bin_name: sum(name.startswith(bin_name + '/') for name in split)
            for bin_name in ('00-10', '10-20', '50-60', '90-100')
        }
        for split in names
    ]
    assert counts == [
        {'00-10': 8, '10-20': 8, '50-60': 5, '90-100': 1},
        {'00-10': 2, '10-20': 2, '50-60': 1, '90-100': 0},
    ]
    for name in sorted(names[0] | names[1]):
        found = [{**train, **test}[f'{name}_{variant}'] for variant in range(8)]
        original = cv2.imread(str(source / f'{name.partition("/")[2]}.png'), cv2.IMREAD_GRAYSCALE) > 0
        dihedral = {np.rot90(side, turns).tobytes() for side in (original, original[:, ::-1]) for turns in range(4)}
        assert len(dihedral) == 8
        assert {mask.tobytes() for mask in found} == dihedral
    with open(output / 'shares.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert {(row['split'], row['key']) for row in rows} == {
        (split, key) for split, masks in (('train', train), ('test', test)) for key in masks
    }
    assert all(float(row['share']) == pytest.approx({**train, **test}[row['key']].mean(), abs=1e-6) for row in rows)
    assert 'train: 22 masks (00-10: 8, 10-20: 8, 50-60: 5, 90-100: 1)' in capsys.readouterr().out


def test_seed_decides_the_split(script: Any) -> None:
    masks = [script.MeasuredMask(f'{number}.png', number % 2, 9, 0.1) for number in range(2000)]
    first, again, other = (script.split_masks(masks, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert len(first[1]) == 400
    assert sum(mask.bin_index for mask in first[1]) == 200
    # By chance a fifth of the 400 are in both.
    assert 40 < len(set(first[1]) & set(other[1])) < 120


@pytest.mark.parametrize(
    ('holes', 'index'), [(0, 0), (1, 0), (100, 0), (101, 1), (200, 1), (599, 5), (600, 5), (601, 6), (1000, 9)]
)
def test_bins_hold_their_upper_end(script: Any, holes: int, index: int) -> None:
    assert script.bin_of(holes, 1000) == index


def test_masks_are_reduced_by_area_and_made_white_on_black(script: Any, tmp_path: Path) -> None:
    holes = np.zeros((8, 16), bool)
    holes[:, 0] = holes[0, 8:10] = holes[2, 9] = True  # half of a column of pixels, half of one, a quarter of one
    write_mask(tmp_path / 'masks' / 'a.png', ~holes)
    run(script, tmp_path / 'masks', tmp_path / 'out', '--size', '4', '--inverted')
    expected = np.zeros((4, 8), bool)
    expected[:, 0] = expected[0, 4] = True
    assert np.array_equal(written(tmp_path / 'out' / 'train')['00-10/a_0'], expected)  # 11 of 128 pixels
    assert 'train,00-10/a_3,0.156250' in (tmp_path / 'out' / 'shares.csv').read_text()  # 5 of 32
    assert not (tmp_path / 'out' / 'test').exists()


def test_published_numbers_are_compared_with_the_shares(
    script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / 'masks'
    for number, percent in ((0, 5), (2000, 15), (4000, 35), (11999, 55)):
        write_mask(folder / f'{number:05d}.png', np.arange(400).reshape(20, 20) < 4 * percent)
    with pytest.raises(SystemExit, match='Error: expected 12,000 masks in .*masks, found 4.*--allow-missing'):
        run(script, folder, tmp_path / 'out')
    run(script, folder, tmp_path / 'out', '--allow-missing')
    assert '1 of 4 masks lie in another group than their published number tells, e.g. 04000.png, in 30-40 here' in (
        capsys.readouterr().out
    )
    with pytest.raises(SystemExit, match='of 3 of 4 masks fit .* only with white as the hole. Leave out --inverted'):
        run(script, folder, tmp_path / 'other', '--inverted', '--allow-missing')
    assert not (tmp_path / 'other').exists()


def test_unreadable_masks_are_named(
    script: Any, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / '5' / '00.png').write_bytes(b'no image')
    run(script, source, tmp_path / 'out')
    assert f'Left out, unreadable: {source}/5/00.png: 8 bytes that cannot be decoded' in capsys.readouterr().out
    assert '00-10/5/00_' not in (tmp_path / 'out' / 'shares.csv').read_text()


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--format', 'jpg'], "--format: expected 'png', got 'jpg'"),
        (['--seed', '-1'], '--seed: expected a whole number of at least 0, got -1'),
    ],
)
def test_wrong_options(script: Any, source: Path, tmp_path: Path, more: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        run(script, source, tmp_path / 'out', *more)


def kill_once(script: Any, source: Path, output: Path, wait_and_kill: Callable[..., int]) -> int:
    process = multiprocessing.get_context('fork').Process(
        target=run, args=(script, source, output, '--store', 'lmdb', '--commit-every', '5')
    )
    try:
        process.start()
        return wait_and_kill(process.pid, output / 'train.lmdb', 20, is_alive=process.is_alive)
    finally:
        process.kill()
        process.join()


def test_a_killed_run_is_gone_on_with(
    script: Any,
    source: Path,
    tmp_path: Path,
    wait_and_kill: Callable[..., int],
    tree_state: Callable[..., Any],
    values_of: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, output, whole = tree_state(source), tmp_path / 'out', tmp_path / 'whole'
    with monkeypatch.context() as context:
        transform, counted = script.MaskVariant.__call__, []

        def wait_in_the_middle(self: Any, item: Any) -> Any:
            counted.append(item)
            if len(counted) == 60:
                time.sleep(3600)
            return transform(self, item)

        context.setattr(script.MaskVariant, '__call__', wait_in_the_middle)
        lines = kill_once(script, source, output, wait_and_kill)
    assert 20 <= lines < 22 * 8
    assert not (output / 'train.lmdb').exists()
    for folder in (output, whole):
        run(script, source, folder, '--store', 'lmdb', '--commit-every', '5')
    assert tree_state(source) == before
    for split in ('train.lmdb', 'test.lmdb'):
        assert values_of(output / split) == values_of(whole / split)
    assert (output / 'shares.csv').read_bytes() == (whole / 'shares.csv').read_bytes()
