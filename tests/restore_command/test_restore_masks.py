"""The user's masks: which file, which meaning, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

HOLE = np.zeros((12, 16), bool)
HOLE[2:5, 3:9] = True


def layer(inside: tuple[int, ...], outside: tuple[int, ...]) -> Image.Image:
    return Image.fromarray(np.where(HOLE[..., None], inside, outside).astype(np.uint8))


MASKS = {
    'zero_one': Image.fromarray(HOLE.astype(np.uint8)),
    'sixteen_bit': Image.fromarray(HOLE.astype(np.uint16) * 65535),
    'red_on_black': layer((220, 0, 0), (0, 0, 0)),
    'white_on_transparent': layer((255, 255, 255, 255), (255, 255, 255, 0)),
    'black_on_transparent': layer((0, 0, 0, 255), (0, 0, 0, 0)),
}
ERASED = Image.fromarray(np.dstack([np.indices((12, 16)).transpose(1, 2, 0) * 9, HOLE, 255 * ~HOLE]).astype(np.uint8))


def first_image(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text())['images'][0]


@pytest.mark.parametrize('name', MASKS)
def test_one_meaning_and_the_share_is_said(name: str, command, make_photo) -> None:
    """A mask was nothing, everything or right, depending on how it was painted, without a word."""
    make_photo('a.png')
    MASKS[name].save(f'{name}.png')
    outcome = command('a.png', '--mask', f'{name}.png', '--json', 's.json', '--grow', 1)
    assert outcome.status == 0
    assert np.array_equal(outcome.restorer.calls[0]['mask'] > 0, HOLE)
    assert 'a.png: 16 x 12, mask of 18 pixels (9.4 %), ' in outcome.lines[0]
    image = first_image('s.json')
    assert (image['mask_pixels'], image['mask_share']) == (18, 18 / 192)


@pytest.mark.parametrize(('mask', 'words', 'options'), [
    (layer((220, 0, 0), (255, 255, 255)), '--mask-polarity white (what is bright is corrupted), '
     '--mask-polarity black (what is dark is)', ['--mask-polarity', 'black']),
    (ERASED, '--mask-channel alpha', ['--mask-channel', 'alpha', '--mask-polarity', 'black']),
])  # fmt: skip
def test_what_is_unclear_names_the_option(mask: Image.Image, words: str, options: Any, command, make_photo) -> None:
    make_photo('a.png')
    mask.save('mine.png')
    outcome = command('a.png', '--mask', 'mine.png')
    assert outcome.status == 1
    assert outcome.lines[0].startswith('Error: a.png: its mask mine.png: ')
    assert words in outcome.lines[0]
    right = command('a.png', '--mask', 'mine.png', *options)
    assert np.array_equal(right.restorer.calls[0]['mask'] > 0, HOLE)


class TestErased:
    def test_own_transparency(self, command, work_folder: Path) -> None:
        layer((9, 99, 0, 0), (80, 7, 240, 255)).save('a.png')
        outcome = command('a.png', '--mask', 'alpha', '--json', 's.json')
        assert outcome.restorer.calls[0]['mask'] == 'alpha'
        assert first_image('s.json')['mask_pixels'] == 18

    def test_without_transparency(self, command, make_photo) -> None:
        make_photo('a.png')
        outcome = command('a.png', '--mask', 'alpha')
        assert outcome.status == 1
        assert (
            outcome.lines[0] == "Error: a.png: --mask: 'alpha' is the photograph's own transparency, and it has none."
        )

    def test_a_folder_of_that_name(self, command, make_photo) -> None:
        make_photo('a.png')
        Path('alpha').mkdir()
        MASKS['zero_one'].save('alpha/a.png')
        outcome = command('a.png', '--mask', 'alpha')
        assert outcome.status == 2
        assert 'Give ./alpha for that one' in outcome.err
        assert np.array_equal(command('a.png', '--mask', './alpha').restorer.calls[0]['mask'] > 0, HOLE)


@pytest.mark.parametrize('more', [[], ['--mask', 'alpha']])
@pytest.mark.parametrize('option', [['--mask-polarity', 'black'], ['--mask-channel', 'colour']])
def test_options_need_a_mask_file(option: list[str], more: list[str], command, make_photo) -> None:
    make_photo('a.png')
    outcome = command('a.png', *more, *option)
    assert outcome.status == 2
    assert 'give its file or folder to --mask' in outcome.err
