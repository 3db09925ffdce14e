"""Masks that the user gives for many photographs: one file, rectangles, a template in a corner; and of other sizes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_mask(name: str, shape: tuple[int, int] = (12, 16)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[2:5, 3:9] = 255
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(name)
    return mask


def masks_of(outcome) -> list[np.ndarray]:
    return [call['mask'] for call in outcome.restorer.calls]


def test_one_mask_for_a_folder(command, make_photo) -> None:
    for name in ('set/a.png', 'set/deep/b.jpg', 'set/c.png'):
        make_photo(name)
    mask = write_mask('mine.png')
    outcome = command('set', '--mask', 'mine.png')
    assert outcome.status == 0
    assert len(outcome.restorer.calls) == 3
    assert all(np.array_equal(each, mask) for each in masks_of(outcome))


def test_masks_as_lama_names_them(command, make_photo) -> None:
    for name in ('a.png', 'b.png'):
        make_photo(name)
    mask = write_mask('masks/a_mask000.png')
    write_mask('masks/b_mask001.png')
    write_mask('masks/b_mask002.png')
    outcome = command('a.png', 'b.png', '--mask', 'masks')
    assert np.array_equal(masks_of(outcome)[0], mask)
    assert 'b.png: more than one mask: masks/b_mask001.png and masks/b_mask002.png' in outcome.err


def test_regions_add_to_a_mask_and_exclusions_are_passed_on(command, make_photo) -> None:
    make_photo('a.png')
    mask = write_mask('mine.png')
    write_mask('kept.png')
    outcome = command(
        'a.png', '--mask', 'mine.png', '--region', '0,0,50%,10%', '--region', '14,10,9,9', '--exclude', '0,0,1,1',
        '--exclude', 'kept.png', '--json', 's.json',
    )  # fmt: skip
    assert outcome.status == 0
    expected, kept = mask.copy(), mask.copy()
    expected[:2, :8] = expected[10:, 14:] = 255
    kept[0, 0] = 255
    (call,) = outcome.restorer.calls
    assert np.array_equal(call['mask'], expected)
    assert np.array_equal(call['exclude'], kept)
    summary = json.loads(Path('s.json').read_text())
    assert summary['options']['region'] == ['0,0,50%,10%', '14,10,9,9']
    assert summary['images'][0]['mask_pixels'] == np.count_nonzero(expected)


def test_exclusions_alone_leave_the_finding_to_the_model(command, make_photo) -> None:
    make_photo('a.png')
    (call,) = command('a.png', '--exclude', '0,0,8,12').restorer.calls
    assert call['mask'] is None
    assert np.count_nonzero(call['exclude']) == 96
    assert 'exclude' not in command('a.png', '--overwrite').restorer.calls[0]


def test_a_template_in_one_corner_of_several_sizes(command, make_photo) -> None:
    make_photo('a.png')
    make_photo('b.png', (24, 40, 3))
    make_photo('c.png', (2, 2, 3))
    Image.fromarray(np.full((2, 3), 255, np.uint8)).save('logo.png')
    outcome = command('a.png', 'b.png', 'c.png', '--template', 'logo.png', '--anchor', 'top-right', '--offset', '2,10%')
    assert [np.argwhere(mask)[[0, -1]].tolist() for mask in masks_of(outcome)[:2]] == [
        [[1, 11], [2, 13]], [[2, 35], [3, 37]]
    ]  # fmt: skip
    assert outcome.status == 1
    assert 'c.png: --template: ' in outcome.err
    wide = command('b.png', '--template', 'logo.png', '--template-width', '50%', '--overwrite')
    assert np.count_nonzero(masks_of(wide)[0]) == 20 * 13


def test_masks_are_made_without_finding_and_repairing(command, make_photo) -> None:
    """`--save mask` of a region draws it, grown, less what is excluded."""
    make_photo('a.png')
    outcome = command('a.png', '--region', '4,4,2,2', '--grow', '1', '--exclude', '0,0,16,4', '--save', 'mask')
    assert (outcome.status, outcome.restorer.calls) == (0, [])
    with Image.open('restored/a_mask.png') as mask:
        assert np.argwhere(np.array(mask))[[0, -1]].tolist() == [[4, 3], [6, 5]]


class TestOtherSizes:
    def test_the_same_shape(self, command, make_photo) -> None:
        make_photo('a.png', (24, 32, 3))
        mask = write_mask('mine.png')
        outcome = command('a.png', '--mask', 'mine.png')
        assert outcome.status == 1
        assert outcome.lines[0] == (
            'Error: a.png: its mask mine.png has 16 x 12 pixels, expected 32 x 24 as the upright photograph: it has '
            'its shape; --fit-mask resizes it'
        )
        assert np.array_equal(masks_of(command('a.png', '--mask', 'mine.png', '--fit-mask'))[0][::2, ::2], mask)

    def test_a_turned_photograph_as_it_is_stored(self, command, make_photo) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        make_photo('a.jpg', (12, 16, 3), exif=exif.tobytes())
        mask = write_mask('mine.png')
        outcome = command('a.jpg', '--mask', 'mine.png')
        assert (
            'has 16 x 12 pixels, expected 12 x 16 as the upright photograph: it is of the photograph as stored'
            in (outcome.lines[0])
        )
        assert '--fit-mask turns it' in outcome.lines[0]
        assert np.array_equal(masks_of(command('a.jpg', '--mask', 'mine.png', '--fit-mask'))[0], np.rot90(mask, -1))

    def test_another_shape(self, command, make_photo) -> None:
        make_photo('a.png', (12, 12, 3))
        write_mask('mine.png')
        outcome = command('a.png', '--mask', 'mine.png', '--fit-mask')
        assert outcome.status == 1
        assert 'it has another shape' in outcome.lines[0]


@pytest.mark.parametrize('option', ['mask', 'exclude', 'template'])
def test_mask_files_are_never_written_over(option: str, command, make_photo) -> None:
    make_photo('set/a.png')
    mask = write_mask('out/a.png')
    outcome = command('set/a.png', '-o', 'out', f'--{option}', 'out/a.png', '--overwrite')
    assert outcome.status == 2
    assert 'which is never done' in outcome.err
    with Image.open('out/a.png') as kept:
        assert np.array_equal(np.array(kept), mask)
