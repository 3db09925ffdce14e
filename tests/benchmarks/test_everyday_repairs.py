"""What the benchmark of repairs measures, and its command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from everyday import repair_command
from everyday.canvas import Mask, Picture, Spoiled
from everyday.photographs import Case
from everyday.repairs import BEFORE, BLIND, Record, markdown, psnr, repaired
from numpy.typing import NDArray
from PIL import Image

from tests.docs.example_files import write_named_model


def test_psnr_by_hand() -> None:
    black = np.zeros((4, 5, 3), np.uint8)
    assert psnr(black, black) == float('inf')
    other = black.copy()
    other[0, 0] = 51  # of 20 pixels one, a fifth of 255
    assert psnr(other, black) == pytest.approx(10 * np.log10(20 * 25))


def test_every_way_is_measured_in_the_hole_and_in_the_whole(picture: NDArray[np.uint8]) -> None:
    mask = np.zeros(picture.shape[:2], bool)
    mask[10:30, 10:50] = True
    spoilt = picture.copy()
    spoilt[mask] = 0

    def load(case: Case, kind: str) -> Spoiled:
        return Spoiled(picture, np.zeros_like(mask)) if kind == 'clean' else Spoiled(spoilt, mask)

    def truly(given: Picture, hole: Mask) -> Picture:
        return np.where(hole[..., None], picture, given)

    shown = []
    cases = [Case('bars', Path('a'), 0), Case('clean', Path('a'), 0)]
    records = repaired(cases, load, lambda given: given, {'truly': truly}, seen=lambda *all_: shown.append(all_))
    by_way = {(record.kind, record.way): record for record in records}
    assert set(by_way) == {('bars', BEFORE), ('bars', BLIND), ('bars', 'truly'), ('clean', BEFORE), ('clean', BLIND)}
    before, after = by_way['bars', BEFORE], by_way['bars', 'truly']
    assert after.psnr == after.hole_psnr == float('inf')
    assert after.ssim == pytest.approx(1)
    assert after.changed == pytest.approx(mask.mean(), rel=0.01)
    assert by_way['bars', BLIND]._replace(way=BEFORE) == before
    assert before.hole_psnr == pytest.approx(before.psnr + 10 * np.log10(mask.mean()), abs=1e-6)
    assert by_way['clean', BLIND].changed == 0
    assert [case.kind for case, *_ in shown] == ['bars', 'clean']


def test_table_by_hand() -> None:
    def record(kind: str, way: str, decibels: float, changed: float = 0.1) -> Record:
        return Record(kind, 0, way, decibels, decibels - 10, 0.5, changed)

    records = [
        record('mosaic', BEFORE, 30), record('mosaic', BLIND, 29), record('mosaic', 'model', 28),
        record('bars', BEFORE, 20), record('bars', BEFORE, 22), record('bars', BLIND, 25), record('bars', BLIND, 21),
        record('bars', 'model', 26), record('clean', BLIND, 40), record('clean', BLIND, float('inf'), 0),
    ]  # fmt: skip
    assert markdown(records, 'model x').splitlines() == [
        'model x',
        '',
        '| in the true mask: PSNR / SSIM of the picture | spoiled | model |',
        '|---|---:|---:|',
        '| bars | 11.00 / 0.5000 | 16.00 / 0.5000 |',
        '| mosaic | 20.00 / 0.5000 | 18.00 / 0.5000 |',
        '| **mean of opaque kinds** | 11.00 / 0.5000 | 16.00 / 0.5000 |',
        '| **mean of all** | 15.50 / 0.5000 | 17.00 / 0.5000 |',
        '',
        '| blind: PSNR of the picture | spoiled | repaired | gain | pictures that lose |',
        '|---|---:|---:|---:|---:|',
        '| bars | 21.00 | 23.00 | +2.00 | 1 of 2 |',
        '| mosaic | 30.00 | 29.00 | -1.00 | 1 of 1 |',
        '| **mean of opaque kinds** | 21.00 | 23.00 | +2.00 | 1 of 2 |',
        '| **mean of all** | 25.50 | 26.00 | +0.50 | 2 of 3 |',
        '',
        'Clean pictures that were changed: 1 of 2.',
    ]


def test_command(tmp_path: Path, picture: NDArray[np.uint8], donor: NDArray[np.uint8]) -> None:
    photographs = tmp_path / 'photographs'
    photographs.mkdir()
    for number, image in enumerate([picture[:64, :96], donor[:70, :65]]):
        Image.fromarray(image).save(photographs / f'{number}.png')
    write_named_model(tmp_path)
    model = str(tmp_path / 'small.safetensors')
    repair_command.main([
        '--images', str(photographs), '--model', model, '--kinds', 'bars', 'hard_paste', 'clean', '--per-kind', '1',
        '--json', str(tmp_path / 'all.json'), '--markdown', str(tmp_path / 'table.md'),
        '--sheet', str(tmp_path / 'sheet.png'), '--feather', '3',
    ])  # fmt: skip
    content = json.loads((tmp_path / 'all.json').read_text())
    assert content['settings']['feather'] == 3
    ways = {record['way'] for record in content['records'] if record['kind'] == 'bars'}
    assert ways == {BEFORE, BLIND, 'opencv-telea', 'opencv-ns', 'model'}
    assert '| opencv-telea |' in (tmp_path / 'table.md').read_text()
    assert Image.open(tmp_path / 'sheet.png').size[0] > 800
