"""What `hcl-restore` says and writes where nothing, or unusually much, is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

REMARK = '50 % of the picture marked, unusually much: check the mask'
SHARES = '0.1: 0.0 %, 0.3: 50.0 %, 0.5: 50.0 %, 0.7: 50.0 %, 0.9: 50.0 %'
ADVICE = f'--threshold would mark: {SHARES}'


def opened(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def images_of(path: str) -> list[dict[str, Any]]:
    return json.loads(Path(path).read_text('ascii'))['images']


def test_nothing_found_leaves_the_picture_and_says_so(command, make_photo, tree, stub_type: type) -> None:
    make_photo('photo.png')
    outcome = command('photo.png', '--json', 's.json', restorer=stub_type(min_score=0.8))
    assert outcome.status == 0
    assert outcome.lines == [
        '[1/1] photo.png: nothing found (score 0.75, below 0.8); left as it is -> restored/photo.png '
        f'(--min-score 0 {ADVICE}; copied byte for byte)'
    ]
    assert tree() == ['photo.png', 'restored/photo.png', 'restored/photo_mask.png', 's.json']
    assert Path('restored/photo.png').read_bytes() == Path('photo.png').read_bytes()
    assert not opened('restored/photo_mask.png').any()
    (image,) = images_of('s.json')
    assert (image['score'], image['found'], image['min_score']) == (0.75, False, 0.8)
    assert (image['corrupted_share'], image['remarks']) == (0, [f'--min-score 0 {ADVICE}', 'copied byte for byte'])


def test_the_option_counts_before_the_model(command, make_photo, stub_type: type) -> None:
    make_photo('a.png')
    outcome = command('a.png', '--min-score', '0', '--json', 's.json', restorer=stub_type(min_score=0.8))
    assert outcome.restorer.calls[0]['min_score'] == 0
    assert '50.0 % corrupted' in outcome.lines[0]
    assert opened('restored/a_mask.png').any()
    summary = json.loads(Path('s.json').read_text())
    assert (summary['images'][0]['found'], summary['images'][0]['min_score']) == (True, 0)
    assert summary['options']['min_score'] == 0
    assert summary['totals']['nothing_found'] == 0
    higher = command('a.png', '--min-score', '0.9', '--overwrite', restorer=stub_type(min_score=0.8))
    assert 'a.png: nothing found (score 0.75, below 0.9); left as it is' in higher.err
    assert 'min_score' not in command('a.png', '--overwrite').restorer.calls[0]


def test_unusually_much_is_remarked(command, make_photo) -> None:
    make_photo('a.png')
    outcome = command('a.png', '--json', 's.json')
    assert outcome.lines[0].endswith(f' -> restored/a.png ({REMARK}; {ADVICE})')
    assert images_of('s.json')[0]['remarks'] == [REMARK, ADVICE]


def test_what_is_pixelated_is_left_with_a_remark(command, make_photo, stub_type: type) -> None:
    make_photo('a.png')

    class Leaves(stub_type):
        def restore(self, image, **options):
            result = super().restore(image, **options)
            result.pixelated = 0.0 if options['repair_pixelated'] else 0.125
            return result

    remark = '12.5 % of the picture is pixelated, marked but left as it is; --repair-pixelated repairs it'
    assert remark in command('a.png', restorer=Leaves()).lines[0]
    assert 'pixelated' not in command('a.png', '--repair-pixelated', '--overwrite', restorer=Leaves()).lines[0]


def test_those_with_nothing_found_are_counted(command, make_photo, stub_type: type) -> None:
    for name in ('a.png', 'b.png', 'c.png'):
        make_photo(name)

    class SecondIsClean(stub_type):
        def restore(self, image, **options):
            return super().restore(image, **options, min_score=1 if len(self.calls) == 1 else 0)

    outcome = command('a.png', 'b.png', 'c.png', 'absent.png', '--json', 's.json', restorer=SecondIsClean())
    assert outcome.lines[-1].startswith('4 images: 2 restored, 1 with nothing found, 1 failed, ')
    totals = json.loads(Path('s.json').read_text())['totals']
    assert (totals['done'], totals['nothing_found'], totals['failed']) == (3, 1, 1)
    assert [image['found'] for image in images_of('s.json')].count(None) == 1  # the one that failed
    other = command('a.png', 'b.png', '--overwrite', restorer=stub_type())
    assert other.lines[-1].startswith('2 images: 2 restored, ')


@pytest.mark.parametrize('value', [0, 255])
def test_a_mask_of_the_user_s_is_not_judged(value: int, command, make_photo, stub_type: type) -> None:
    make_photo('a.png')
    Image.fromarray(np.full((12, 16), value, np.uint8)).save('mine.png')
    outcome = command('a.png', '--mask', 'mine.png', '--min-score', '1', '--json', 's.json')
    assert f'{100 * value / 255:.1f} % corrupted' in outcome.lines[0]
    remark = '100 % of the picture marked, unusually much: check the mask' if value else 'the mask marks nothing'
    assert outcome.lines[0].endswith(f' -> restored/a.png ({remark})')
    (image,) = images_of('s.json')
    assert (image['score'], image['found'], image['min_score'], image['remarks']) == (None, None, None, [remark])


@pytest.mark.parametrize('bad', ['-0.1', '1.01', 'nan', 'much'])
def test_bad_scores(bad: str, command, make_photo, tree) -> None:
    make_photo('a.png')
    outcome = command('a.png', f'--min-score={bad}')
    assert outcome.status == 2
    assert f"argument --min-score: expected a number from 0 to 1, got '{bad}'" in outcome.err
    assert tree() == ['a.png']
