"""What the everyday benchmark counts, and its command."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from everyday import command
from everyday.degradations import DEGRADATIONS, degraded
from everyday.evaluation import evaluate, found_mask
from everyday.kinds import CLEAN, KINDS, generator
from everyday.photographs import Case, cases, listed, pair_cases, spoiled, taken
from everyday.scores import Tally, markdown, mean_iou
from numpy.typing import NDArray
from PIL import Image

import hcl_arch


class Knowing:
    """Finds what it was told."""

    def __init__(self) -> None:
        self.truths: dict[bytes, NDArray[np.bool_]] = {}

    def find(self, image: NDArray[np.uint8]) -> SimpleNamespace:
        return SimpleNamespace(mask=self.truths[image.tobytes()].astype(np.uint8) * 255)


class Blind:
    """Finds nothing, by the way without a verdict."""

    name = 'blind'
    threshold = 0.5
    detect_side = 64

    def __init__(self, *_: object, **options: Any) -> None:
        self.detect_side = options.get('detect_side') or self.detect_side

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.ones(image.shape[:2], np.float32)

    def mask_of(self, confidence: NDArray[np.float32]) -> NDArray[np.uint8]:
        return (confidence < self.threshold).astype(np.uint8) * 255


@pytest.fixture
def folder(tmp_path: Path, picture: NDArray[np.uint8], donor: NDArray[np.uint8]) -> Path:
    """Three photographs."""
    photographs = tmp_path / 'photographs'
    photographs.mkdir()
    for number, image in enumerate([picture[:64, :96], donor[:70, :65], picture[100:164, 100:196]]):
        Image.fromarray(image).save(photographs / f'{number}.png')
    return photographs


def test_pooled_by_hand() -> None:
    tally = Tally()
    found, truth = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    found[0, :2] = truth[0, 1:3] = True  # 1 of 3
    tally.add(found, truth, 0.5)
    truth[:] = False
    truth[:, :2] = True
    tally.add(truth, truth, 0.25)  # 4 of 4
    assert tally.iou == pytest.approx(5 / 7)  # the mean of both would be 2/3
    tally.add(np.zeros((2, 4), bool), np.zeros((2, 4), bool))
    assert tally.iou == pytest.approx(5 / 7)
    assert tally.marked == pytest.approx(6 / 24)
    assert (tally.pictures, tally.untouched, tally.seconds) == (3, 1, 0.75)
    with pytest.raises(ValueError, match='differ|true one'):
        tally.add(found, truth[:1])


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    assert Tally().iou == 1
    assert Tally().marked == 0


def test_table_by_hand() -> None:
    tallies = {
        'mosaic': {'none': Tally(pictures=2, pixels=100, corrupted=50, found=50, both=50, seconds=1.0)},
        'bars': {'none': Tally(pictures=2, pixels=100, corrupted=30, found=20, both=10, seconds=1.0)},
        'pairs': {'none': Tally(pictures=1, pixels=50, corrupted=10, seconds=0.5)},
        'clean': {'none': Tally(pictures=4, untouched=3, pixels=200, found=5, seconds=2.0)},
    }
    assert mean_iou(tallies, 'none') == pytest.approx((1 + 0.25) / 2)
    assert markdown(tallies, ['none'], 'model x').splitlines() == [
        'model x',
        '',
        '| corrupted-region IoU | pictures | none |',
        '|---|---:|---:|',
        '| bars | 2 | 0.250 |',
        '| mosaic | 2 | 1.000 |',
        '| pairs | 1 | 0.000 |',
        '| **mean of 2** | 4 | **0.625** |',
        '',
        '| clean pictures | pictures | none |',
        '|---|---:|---:|',
        '| share of pixels marked | 4 | 2.50 % |',
        '| pictures untouched | 4 | 3 of 4 |',
        '',
        'Seconds per picture: none 0.500.',
    ]


def test_images_are_spread_and_others_for_each_kind() -> None:
    assert np.diff(taken('bars', 240, 24)).tolist() == [10] * 23
    chosen = {kind: taken(kind, 1300, 10) for kind in KINDS}
    assert len(set(sum(chosen.values(), []))) == 120
    assert all(0 <= number < 1300 for number in sum(chosen.values(), []))
    assert len(set(taken(CLEAN, 1300, 10))) == 60
    assert len(set(taken(CLEAN, 1300, 100))) == 100
    assert taken('mosaic', 5, 0) == taken('mosaic', 5, 5) == taken('mosaic', 5, 9) == [0, 1, 2, 3, 4]
    assert len(set(taken('soft_paste', 25, 24))) == 24


def test_truth_is_perfect_and_nothing_is_worth_nothing(folder: Path) -> None:
    paths = listed(folder)
    everything = cases(paths, (*KINDS, CLEAN), 0)
    assert len(everything) == 13 * 3
    knowing = Knowing()
    for case in everything:
        for name in DEGRADATIONS:
            sample = degraded(name, spoiled(case, paths, 0), generator(0, f'{name} of {case.kind}', case.number))
            knowing.truths[sample.picture.tobytes()] = sample.mask
    for restorer, iou in ((knowing, 1.0), (Blind(), 0.0)):
        tallies = evaluate(restorer, everything, lambda case: spoiled(case, paths, 0), DEGRADATIONS)
        for name in DEGRADATIONS:
            assert [tallies[kind][name].iou for kind in KINDS] == [iou] * 12
            assert mean_iou(tallies, name) == iou
            assert tallies[CLEAN][name].untouched == 3
            assert tallies[CLEAN][name].marked == 0


def test_found_mask_is_that_of_the_restorer(picture: NDArray[np.uint8]) -> None:
    restorer = hcl_arch.Restorer()
    image = picture.copy()
    image[60:120, 80:200] = (255, 0, 0)
    found = found_mask(restorer, image)
    assert found.dtype == bool
    assert found.any()
    assert np.array_equal(found, restorer.restore(image).mask > 0)


def test_command(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(hcl_arch, 'Restorer', Blind)
    options = ['--kinds', 'bars', 'hard_paste', 'clean', '--degradations', 'half', 'none', '--per-kind', '2']
    outputs = {name: str(tmp_path / f'out.{name}') for name in ('json', 'markdown', 'sheet')}
    outputs['sheet'] += '.png'
    named = [part for name, path in outputs.items() for part in (f'--{name}', path)]
    pairs = ['--pairs', str(folder), str(folder)]
    command.main(['--images', str(folder), *pairs, *options, *named, '--threshold', '0.25', '--detect-side', '32'])
    printed = capsys.readouterr().out
    assert Path(outputs['markdown']).read_text() == printed
    assert '| hard_paste | 2 | 0.000 | 0.000 |' in printed
    assert '| pictures untouched | 3 | 3 of 3 | 3 of 3 |' in printed
    result = json.loads(Path(outputs['json']).read_text())
    assert (result['settings']['threshold'], result['settings']['detect_side']) == (0.25, 32)
    assert list(result['kinds']) == ['bars', 'hard_paste', 'clean', 'pairs']
    assert result['kinds']['bars']['none']['pictures'] == 2
    assert Image.open(outputs['sheet']).width == 2 * (3 * 288 + 2 * 4) + 12


def test_pairs(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[:50] = 255
    for name, image in (('lq', picture), ('masks', mask)):
        (tmp_path / name).mkdir()
        Image.fromarray(image).save(tmp_path / name / 'a.png')
    (case,) = pair_cases(tmp_path / 'lq', tmp_path / 'masks')
    sample = spoiled(case, [], 0)
    assert np.array_equal(sample.picture, picture)
    assert np.array_equal(sample.mask, mask > 0)
    Image.fromarray(picture[:30]).save(tmp_path / 'lq' / 'a.png')
    with pytest.raises(ValueError, match='its mask'):
        spoiled(case, [], 0)
    Image.fromarray(picture).save(tmp_path / 'lq' / 'b.png')
    with pytest.raises(ValueError, match='1 of 2 pictures have none: b.png'):
        pair_cases(tmp_path / 'lq', tmp_path / 'masks')


def test_errors(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ValueError, match='expected a folder with pictures'):
        listed(tmp_path / 'nowhere')
    with pytest.raises(ValueError, match='needs at least two'):
        spoiled(Case('soft_paste', folder / '0.png', 0), [folder / '0.png'], 0)
    for arguments in ([], ['--images', 'x', '--threshold', '2'], ['--images', 'x', '--per-kind', '-1']):
        with pytest.raises(SystemExit):
            command.main(arguments)
