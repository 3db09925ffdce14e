"""What `hcl-restore` reads and writes: names, formats, layout, and what it must never write over."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcl_arch.restoration.photographs.photograph import read_photograph


def opened(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_default_is_a_folder_here_with_restored_and_mask(command, make_photo, tree) -> None:
    photo = make_photo('deep/a.png')
    before = photo.read_bytes()
    outcome = command('deep/a.png')
    assert outcome.status == 0
    assert tree() == ['deep/a.png', 'restored/a.png', 'restored/a_mask.png']
    assert photo.read_bytes() == before
    pixels = opened(photo)
    np.testing.assert_array_equal(opened('restored/a.png')[:, :8], 255 - pixels[:, :8])
    np.testing.assert_array_equal(opened('restored/a.png')[:, 8:], pixels[:, 8:])
    mask = opened('restored/a_mask.png')
    assert mask.dtype == np.uint8
    assert (mask[:, :8] == 255).all()
    assert (mask[:, 8:] == 0).all()
    assert outcome.lines == [outcome.lines[0]]
    assert outcome.lines[0].startswith('[1/1] deep/a.png: 16 x 12, 50.0 % corrupted, ')
    assert ' -> restored/a.png (' in outcome.lines[0]  # and a remark on so large a share


def test_all_pictures(command, make_photo, tree) -> None:
    make_photo('a.jpg')
    assert command('a.jpg', '--save', 'restored', 'mask', 'confidence', 'overlay', 'side-by-side').status == 0
    assert tree() == [
        'a.jpg',
        'restored/a.jpg',
        'restored/a_confidence.png',
        'restored/a_mask.png',
        'restored/a_overlay.png',
        'restored/a_side_by_side.png',
    ]
    confidence = opened('restored/a_confidence.png')
    assert set(np.unique(confidence)) == {64, 255}  # of 0.25 and 1


def test_layout_of_a_folder_is_kept_and_the_output_is_not_read_again(command, make_photo, tree) -> None:
    make_photo('set/z.png')
    make_photo('set/deep/er/a.png')
    assert command('set', '-o', 'set/restored', '--save', 'restored').status == 0
    again = command('set', '-o', 'set/restored', '--save', 'restored', '--overwrite')
    assert (again.status, len(again.restorer.calls)) == (0, 2)
    assert tree() == ['set/deep/er/a.png', 'set/restored/deep/er/a.png', 'set/restored/z.png', 'set/z.png']


def test_of_several_folders_each_has_its_own(command, make_photo, tree) -> None:
    make_photo('one/a.png')
    make_photo('two/a.png')
    assert command('one', 'two', '-o', 'out', '--save', 'restored').status == 0
    assert tree() == ['one/a.png', 'out/one/a.png', 'out/two/a.png', 'two/a.png']


@pytest.mark.parametrize(
    ('pattern', 'expected'),
    [
        ('set/*.png', ['out/a.png', 'out/b.png']),
        ('set/**/*.png', ['out/a.png', 'out/b.png', 'out/deep/c.png']),
        ('set/[b]?png', ['out/b.png']),
        ('s*/deep', ['out/c.png']),
    ],
)
def test_globs(pattern: str, expected: list[str], command, make_photo, tree) -> None:
    for name in ('set/a.png', 'set/b.png', 'set/deep/c.png'):
        make_photo(name)
    assert command(pattern, '-o', 'out', '--save', 'restored').status == 0
    assert [name for name in tree() if name.startswith('out/')] == expected


def test_options_may_stand_between_inputs_and_repeats_count_once(command, make_photo) -> None:
    make_photo('a.png')
    make_photo('b.png')
    outcome = command('a.png', '--grow', '3', './a.png', '--threshold', '0.7', 'b.png', '--reverse', '--erase')
    assert outcome.status == 0
    assert len(outcome.restorer.calls) == 2
    call = outcome.restorer.calls[0]
    assert (call['grow'], call['threshold'], call['reverse'], call['erase']) == (3, 0.7, True, True)
    call = command('a.png', '--no-composite', '--overwrite').restorer.calls[0]
    assert (call['reverse'], call['erase'], call['composite']) == (False, False, False)


def test_threshold_is_the_restorers_own_unless_given(command, make_photo) -> None:
    make_photo('a.png')
    assert 'threshold' not in command('a.png').restorer.calls[0]


def test_one_output_file_and_its_format(command, make_photo, tree) -> None:
    make_photo('a.png')
    assert command('a.png', '-o', 'made/b.jpg', '--quality', '90').status == 0
    assert tree() == ['a.png', 'made/b.jpg', 'made/b_mask.png']
    assert read_photograph('made/b.jpg').format == 'JPEG'
    outcome = command('a.png', '-o', 'mask.png', '--save', 'mask')
    assert outcome.status == 0
    assert 'composite' not in outcome.restorer.calls[0]  # it is only asked what it finds
    assert set(np.unique(opened('mask.png'))) == {0, 255}


@pytest.mark.parametrize(
    ('wanted', 'suffix', 'file_format'),
    [
        ('keep', '.tif', 'TIFF'),
        ('png', '.png', 'PNG'),
        ('jpg', '.jpg', 'JPEG'),
        ('webp', '.webp', 'WEBP'),
        ('tiff', '.tiff', 'TIFF'),
    ],
)
def test_formats(wanted: str, suffix: str, file_format: str, command, make_photo) -> None:
    make_photo('a.tif')
    assert command('a.tif', '--format', wanted).status == 0
    assert read_photograph('restored/a' + suffix).format == file_format


def test_gif_becomes_png(command, make_photo) -> None:
    make_photo('a.gif')
    assert command('a.gif').status == 0
    assert read_photograph('restored/a.png').format == 'PNG'


def test_extension_joins_the_name_where_nothing_else_differs(command, make_photo, tree) -> None:
    for name in ('set/a.png', 'set/a.jpg', 'set/b.png'):
        make_photo(name)
    assert command('set', '-o', 'out').status == 0
    assert [name for name in tree() if name.startswith('out')] == [
        'out/a_jpg.jpg',
        'out/a_jpg_mask.png',
        'out/a_png.png',
        'out/a_png_mask.png',
        'out/b.png',
        'out/b_mask.png',
    ]


@pytest.mark.parametrize(
    'names',
    [
        ('one/a.png', 'two/a.png'),
        ('a.png', 'deep/A.png'),
        ('a.png', 'a_mask.png'),
        ('é.png', 'x/e\u0301.png'),
    ],
)
def test_two_inputs_for_one_output_are_refused_before_anything_is_done(names, command, make_photo, tree) -> None:
    for name in names:
        make_photo(name)
    outcome = command(*names, '-o', 'out')
    assert outcome.status == 2
    assert tree() == sorted(names)
    assert len(outcome.lines) == 1
    assert 'would both be written to' in outcome.err
    assert all(name in outcome.err for name in names)


@pytest.mark.parametrize('kind', ['itself', 'folder', 'symlink', 'hard link', 'folder link', 'dots', 'json', 'mask'])
def test_inputs_are_never_written_over(kind: str, command, make_photo, work_folder: Path) -> None:
    photo = make_photo('set/a.png')
    mask = make_photo('masks/a.png', (12, 16))
    Path('out').mkdir()
    if kind == 'symlink':
        os.symlink(photo, 'out/a.png')
    if kind == 'hard link':
        os.link(photo, 'out/a.png')
    if kind == 'folder link':
        os.symlink('../set', 'out/link')
    arguments = {
        'itself': ['set/a.png', '-o', 'set/a.png'],
        'folder': ['set/a.png', '-o', 'set'],
        'symlink': ['set/a.png', '-o', 'out'],
        'hard link': ['set', '-o', 'out'],
        'folder link': ['set/a.png', '-o', 'out/link'],
        'dots': ['set/a.png', '-o', 'out/../set/'],
        'json': ['set/a.png', '--json', 'set/a.png'],
        'mask': ['set/a.png', '--mask', 'masks', '-o', 'masks'],
    }[kind]
    before = photo.read_bytes(), mask.read_bytes()
    outcome = command(*arguments, '--overwrite')
    assert outcome.status == 2
    assert 'which is never done' in outcome.err
    assert len(outcome.lines) == 1
    assert (photo.read_bytes(), mask.read_bytes()) == before
    assert not outcome.restorer.calls


def test_existing_files_stay_without_overwrite(command, make_photo) -> None:
    make_photo('a.png')
    make_photo('b.png')
    Path('restored').mkdir()
    Path('restored/a_mask.png').write_bytes(b'mine')
    outcome = command('a.png', 'b.png')
    assert outcome.status == 1
    assert [line for line in outcome.lines if 'a.png' in line] == [
        'Error: a.png: restored/a_mask.png exists already: name another folder with -o, or give --overwrite'
    ]
    assert Path('restored/a_mask.png').read_bytes() == b'mine'
    assert not Path('restored/a.png').exists()
    assert Path('restored/b.png').is_file()
    assert command('a.png', '--overwrite').status == 0
    assert set(np.unique(opened('restored/a_mask.png'))) == {0, 255}


def test_file_that_came_meanwhile_stays(command, make_photo, stub_type: type) -> None:
    make_photo('a.png')

    class Slow(stub_type):
        def restore(self, image, **options):
            Path('restored/a.png').write_bytes(b'of somebody else')
            return super().restore(image, **options)

    outcome = command('a.png', restorer=Slow())
    assert outcome.status == 1
    assert 'exists already' in outcome.err
    assert Path('restored/a.png').read_bytes() == b'of somebody else'


def test_dead_output_disk(command, make_photo, monkeypatch: pytest.MonkeyPatch, tree) -> None:
    make_photo('a.png')
    make_photo('b.png')
    written = []
    real_replace = os.replace

    def replace(source: str, target: str) -> None:
        if not written and str(target).endswith('a.png'):
            raise OSError(28, 'No space left on device')
        written.append(target)
        real_replace(source, target)

    monkeypatch.setattr(os, 'replace', replace)
    outcome = command('a.png', 'b.png')
    assert outcome.status == 1
    assert outcome.lines[0] == 'Error: a.png: restored/a.png cannot be written: No space left on device'
    assert tree() == ['a.png', 'b.png', 'restored/b.png', 'restored/b_mask.png']


def test_a_folder_in_the_place_of_an_output(command, make_photo) -> None:
    make_photo('a.png')
    Path('restored/a.png').mkdir(parents=True)
    outcome = command('a.png', '--overwrite')
    assert outcome.status == 1
    assert 'is a folder' in outcome.err


def test_pixels_of_16_bit_pass_exactly(command, stub_type: type) -> None:
    import cv2

    deep = np.random.default_rng(0).integers(0, 65536, (9, 8, 3), np.uint16)
    cv2.imwrite('deep.png', deep)
    assert command('deep.png', restorer=stub_type(identity=True)).status == 0
    np.testing.assert_array_equal(cv2.imread('restored/deep.png', cv2.IMREAD_UNCHANGED), deep)


def test_metadata_are_kept_or_stripped(command, make_photo) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, 'Maker'
    exif.get_ifd(0x8769)[0x9003] = '2020:02:02 02:02:02'
    for name in ('a.jpg', 'b.tiff', 'c.png', 'd.webp'):
        make_photo(name, exif=exif.tobytes())
        assert command(name).status == 0
        with Image.open(f'restored/{name}') as image:
            image.load()
            tags = image.getexif()
            # A JPEG stays as it is stored, so that its other blocks keep their pixels; the others are turned upright.
            assert image.size == ((16, 12) if name == 'a.jpg' else (12, 16))
            assert (tags.get(0x0112, 1), tags[0x010F]) == (6 if name == 'a.jpg' else 1, 'Maker'), name
            assert tags.get_ifd(0x8769)[0x9003] == '2020:02:02 02:02:02', name
        assert command(name, '-o', 'bare', '--strip-metadata').status == 0
        with Image.open(f'bare/{name}') as image:
            assert image.size == (12, 16)
            assert 0x010F not in image.getexif(), name


def test_user_masks(command, make_photo, work_folder: Path) -> None:
    for name in ('set/a.png', 'set/deep/b.png', 'set/c.png', 'set/d.png'):
        make_photo(name)
    mask = np.zeros((12, 16), np.uint8)
    mask[2:5, 3:9] = 255
    Path('masks/deep').mkdir(parents=True)
    Image.fromarray(mask).save('masks/a.png')
    Image.fromarray(mask).convert('RGB').save('masks/deep/b_mask.jpg', quality=95)
    Image.fromarray(mask[:5]).save('masks/c.png')
    outcome = command('set', '--mask', 'masks', '-o', 'out')
    assert outcome.status == 1
    np.testing.assert_array_equal(outcome.restorer.calls[0]['mask'], mask)
    assert (outcome.restorer.calls[1]['mask'] > 0).mean() == pytest.approx((mask > 0).mean(), abs=0.03)
    errors = [line for line in outcome.lines if line.startswith('Error')]
    assert sorted(errors) == [
        'Error: set/c.png: its mask masks/c.png has 16 x 5 pixels, expected 16 x 12 as the upright photograph: it has '
        'another shape, as of a crop or of another picture; make one for this photograph',
        'Error: set/d.png: no mask in masks: expected d_mask.png or d.png',
    ]
    assert command('set/a.png', '--mask', 'nowhere').status == 2
    one = command('set/a.png', '--mask', 'masks/a.png', '--save', 'mask')
    np.testing.assert_array_equal(opened('restored/a_mask.png'), mask)
    assert one.restorer.calls == []  # nothing to find and nothing to repair
