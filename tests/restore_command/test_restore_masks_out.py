"""Masks for other programs: their names, cut-outs, and as a channel of the photograph."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from hcl_arch.restoration.photographs.photograph import read_photograph
from hcl_arch.restoration.user_mask import user_mask
from hcl_arch.restoration.verdict import Finding


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        ([], ['out/a.png', 'out/a_mask.png', 'out/deep/b.jpg', 'out/deep/b_mask.png']),
        (['--save', 'mask', '--mask-name', 'same'], ['out/a.png', 'out/deep/b.png']),
        (['--mask-name', 'same'], ['out/a.png', 'out/deep/b.jpg', 'out/masks/a.png', 'out/masks/deep/b.png']),
        (['--save', 'mask', '--mask-name', 'lama'], ['out/a_mask001.png', 'out/deep/b_mask001.png']),
        (['--save', 'mask', '--mask-name', 'm-NAME'], ['out/deep/m-b.png', 'out/m-a.png']),
        (['--save', 'cutout', 'alpha'], [
            'out/a_alpha.tif', 'out/a_cutout.png', 'out/deep/b_alpha.tif', 'out/deep/b_cutout.png',
        ]),
    ],
)  # fmt: skip
def test_names(options: list[str], expected: list[str], command, make_photo, tree) -> None:
    for name in ('set/a.png', 'set/deep/b.jpg'):
        make_photo(name)
    assert command('set', '-o', 'out', *options).status == 0
    assert [name for name in tree() if name.startswith('out/')] == expected


def test_names_beside_a_named_output(command, make_photo, tree) -> None:
    make_photo('a.png')
    assert command('a.png', '-o', 'out/b.jpg', '--mask-name', 'same').status == 0
    assert command('a.png', '-o', 'out/c.tif', '--save', 'alpha').status == 0
    assert [name for name in tree() if name.startswith('out/')] == ['out/b.jpg', 'out/c.tif', 'out/masks/b.png']


def test_find_correct_repair(command, make_photo) -> None:
    """The masks of the first run, one of them painted over, are those of the second."""
    for name in ('set/a.png', 'set/deep/b.jpg'):
        make_photo(name)
    assert command('set', '-o', 'masks', '--save', 'mask', '--mask-name', 'same').status == 0
    with Image.open('masks/deep/b.png') as found:
        corrected = np.array(found)
    corrected[0] = 0
    Image.fromarray(corrected).save('masks/deep/b.png')
    outcome = command('set', '-o', 'out', '--mask', 'masks')
    assert outcome.status == 0
    assert [np.count_nonzero(call['mask']) for call in outcome.restorer.calls] == [12 * 8, 11 * 8]


@pytest.mark.parametrize(
    ('name', 'shape'), [('a.png', (12, 16, 3)), ('a.jpg', (12, 16)), ('a.webp', (12, 16, 4)), ('deep.png', None)]
)
def test_cutout_is_the_photograph_with_the_marked_erased(name: str, shape, command, make_photo) -> None:
    if shape is None:
        cv2.imwrite(name, np.random.default_rng(0).integers(0, 65536, (12, 16, 3), np.uint16))
    else:
        make_photo(name, shape, **({'lossless': True} if name.endswith('webp') else {}))
    assert command(name, '--save', 'cutout', 'mask').status == 0
    stem = Path(name).stem
    before, after = read_photograph(name), read_photograph(f'restored/{stem}_cutout.png')
    with Image.open(f'restored/{stem}_mask.png') as saved:
        mask = np.array(saved)
    assert after.pixels.dtype == before.pixels.dtype
    assert after.is_gray == before.is_gray
    full = np.iinfo(before.pixels.dtype).max
    given = before.pixels[..., 3] if before.pixels.shape[2:] == (4,) else full
    assert np.array_equal(after.pixels[..., 3], np.where(mask > 0, 0, given))
    colours = before.pixels[..., None] if before.pixels.ndim == 2 else before.pixels[..., :3]
    kept = after.pixels[..., 3] > 0
    assert np.array_equal(after.pixels[..., :3][kept], np.broadcast_to(colours, (*mask.shape, 3))[kept])


def test_cutout_comes_back_as_the_mask(command, make_photo) -> None:
    make_photo('a.png')
    command('a.png', '--save', 'cutout', '-o', 'cut.png')
    outcome = command('cut.png', '--mask', 'alpha', '--save', 'mask')
    assert outcome.status == 0
    with Image.open('restored/cut_mask.png') as mask:
        assert np.array_equal(np.array(mask)[:, :8], np.full((12, 8), 255))
        assert not np.array(mask)[:, 8:].any()


@pytest.mark.parametrize('bits', [8, 16])
def test_mask_as_a_further_channel(bits: int, command) -> None:
    pixels = np.random.default_rng(0).integers(0, 2**bits, (12, 16, 3), np.uint16 if bits == 16 else np.uint8)
    tifffile.imwrite('a.tif', pixels, photometric='rgb')
    assert command('a.tif', '--save', 'alpha').status == 0
    with tifffile.TiffFile('restored/a_alpha.tif') as file:
        samples, tags = file.asarray(), file.pages[0].tags
        assert tuple(tags['ExtraSamples'].value) == (0,)  # neither kind of transparency: a channel
    assert np.array_equal(samples[..., :3], pixels)
    assert np.array_equal(samples[..., 3] == 2**bits - 1, np.broadcast_to(np.arange(16) < 8, (12, 16)))
    channel = samples[..., 3]
    assert np.array_equal(user_mask(channel, 12, 16)[0] > 0, np.arange(16) < 8)


class TestSecondRun:
    def test_with_other_options(self, command, make_photo) -> None:
        make_photo('a.png')
        assert command('a.png').status == 0
        failed = command('a.png', '--grow', '2')
        assert failed.status == 1
        assert 'name another folder with -o, or give --overwrite' in failed.err
        assert command('a.png', '--grow', '2', '--overwrite').status == 0

    def test_after_an_interrupted_one(self, command, make_photo, tree) -> None:
        for name in ('set/a.png', 'set/b.png', 'set/c.png'):
            make_photo(name)
        assert command('set/b.png').status == 0
        outcome = command('set', '--skip-existing')
        assert outcome.status == 0
        assert outcome.lines[0] == 'Note: 1 of 3 photographs are done already, and left out'
        assert len(outcome.restorer.calls) == 2
        again = command('set', '--skip-existing')
        assert (again.status, again.restorer.calls) == (0, [])

    def test_a_photograph_of_which_a_picture_is_missing(self, command, make_photo, tmp_path: Path) -> None:
        """What is missing is made, as a whole run makes it, and what is there stays, whatever it is."""
        make_photo('a.png')
        assert command('a.png', '-o', 'whole/').status == command('a.png', '-o', 'some/').status == 0
        Path('some/a_mask.png').unlink()
        Path('some/a.png').write_bytes(b'corrected by hand')
        outcome = command('a.png', '-o', 'some/', '--skip-existing', '--json', 'summary.json')
        assert outcome.status == 0, outcome.err
        assert Path('some/a_mask.png').read_bytes() == Path('whole/a_mask.png').read_bytes()
        assert Path('some/a.png').read_bytes() == b'corrected by hand'
        (image,) = json.loads(Path('summary.json').read_text())['images']
        assert image['outputs'] == {'mask': 'some/a_mask.png'}

    def test_a_missing_mask_alone_needs_no_repair(self, command, make_photo, stub_type) -> None:
        class Finder(stub_type):
            def find(self, image, **options):
                return Finding(*super().restore(image, **options)[1:])

            def restore(self, image, **options):
                raise AssertionError('repairs')

        make_photo('a.png')
        Path('restored').mkdir()
        Path('restored/a.png').touch()
        assert command('a.png', '--skip-existing', restorer=Finder()).status == 0
        assert Path('restored/a_mask.png').is_file()

    def test_a_file_named_as_standard_output_says_nothing(self, command, make_photo) -> None:
        make_photo('a.png')
        Path('-').touch()
        assert command('a.png', '-o', '-', '--skip-existing').out

    def test_not_both(self, command, make_photo) -> None:
        make_photo('a.png')
        assert command('a.png', '--skip-existing', '--overwrite').status == 2
