"""`--pages all`: every page of a TIFF and every frame of an animation, in one file again."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, features

from hcl_arch.restoration.photographs.pages import encode_pages, read_pages
from hcl_arch.restoration.photographs.photograph import COPIED
from hcl_arch.utils.image_limits import Limits
from hcl_arch.utils.unreadable_image import UnreadableImageError
from tests.faults import image_bytes as ib

DURATIONS = [70, 120, 300]


def frames() -> list[np.ndarray]:
    """Three pictures of few colours, of which a GIF keeps each."""
    picture = ib.picture(24, 32) // 64 * 64
    return [picture, picture[::-1], 192 - picture]


def animation(file_format: str, **options: Any) -> bytes:
    content = io.BytesIO()
    first, *others = (Image.fromarray(frame) for frame in frames())
    first.save(content, file_format, save_all=True, append_images=others, duration=DURATIONS, **options)
    return content.getvalue()


def tiff(pages: list[np.ndarray], **options: Any) -> bytes:
    content = io.BytesIO()
    with tifffile.TiffWriter(content, **options) as writer:
        for number, page in enumerate(pages):
            colours = 'rgb' if page.ndim == 3 else 'minisblack'
            writer.write(page, photometric=colours, metadata=None, description=f'page {number}')
    return content.getvalue()


def seen(content: bytes) -> list[np.ndarray]:
    """The frames or pages as Pillow shows them."""
    with Image.open(io.BytesIO(content)) as image:
        found = []
        for number in range(getattr(image, 'n_frames', 1)):
            image.seek(number)
            found.append(np.array(image.convert('RGB')))
        return found


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('a.gif', {'loop': 3}),
        ('a.png', {'loop': 3}),
        ('a.png', {'default_image': True}),
        ('a.webp', {'lossless': True, 'loop': 3}),
        ('a.avif', {'quality': 95, 'subsampling': '4:4:4'}),
    ],
)
def test_all_frames_are_repaired(name: str, options: dict, command, work_folder: Path, stub_type: type) -> None:
    if name == 'a.avif' and not features.check('avif'):
        pytest.skip('Pillow without AVIF')
    file_format = {'.gif': 'GIF', '.png': 'PNG', '.webp': 'WEBP', '.avif': 'AVIF'}[Path(name).suffix]
    if options.get('default_image'):
        content = io.BytesIO()
        first, *others = (Image.fromarray(frame) for frame in frames())
        first.save(content, 'PNG', save_all=True, append_images=others, duration=DURATIONS[1:], default_image=True)
        (work_folder / name).write_bytes(content.getvalue())
    else:
        (work_folder / name).write_bytes(animation(file_format, **options))
    before = seen((work_folder / name).read_bytes())
    outcome = command(name, '--pages', 'all', '--json', 's.json')
    assert (outcome.status, len(outcome.restorer.calls)) == (0, 3)
    assert '32 x 24 (3 pages)' in outcome.err
    written = work_folder / 'restored' / ('a.png' if name == 'a.gif' else name)
    after = seen(written.read_bytes())
    most = 8 if file_format == 'AVIF' else 0
    for old, new in zip(before, after):
        assert np.abs(new[:, 16:].astype(int) - old[:, 16:]).max() <= most
        assert np.abs(new[:, :15].astype(int) - (255 - old[:, :15])).max() <= most
    assert (len(before), len(after)) == (3, 3)
    with Image.open(written) as image:
        times = []
        for number in range(3):
            image.seek(number)
            image.load()
            times.append(image.info.get('duration'))
        assert times[1:] == DURATIONS[1:]
        assert image.info.get('loop') == options.get('loop', image.info.get('loop'))
    masks = seen((work_folder / 'restored/a_mask.png').read_bytes())
    assert [int((mask[..., 0] == 255).sum()) for mask in masks] == [24 * 16] * 3
    assert json.loads(Path('s.json').read_text())['images'][0]['pages'] == 3
    clean = command(name, '--pages', 'all', '-o', 'clean', restorer=stub_type(min_score=0.8))
    assert 'nothing found' in clean.err
    if file_format != 'GIF':
        assert (work_folder / 'clean' / name).read_bytes() == (work_folder / name).read_bytes()


@pytest.mark.parametrize('options', [{}, {'bigtiff': True}, {'byteorder': '>'}])
def test_all_pages_of_a_tiff(options: dict, command, work_folder: Path) -> None:
    rng = np.random.default_rng(0)
    pages = [
        rng.integers(0, 256, (10, 16, 3), np.uint8),
        rng.integers(0, 65536, (20, 24), np.uint16),
        rng.random((8, 12, 3)).astype(np.float32),
    ]
    (work_folder / 'a.tif').write_bytes(tiff(pages, **options))
    outcome = command('a.tif', '--pages', 'all')
    assert (outcome.status, len(outcome.restorer.calls)) == (0, 3)
    with tifffile.TiffFile('restored/a.tif') as file:
        found = [page.asarray() for page in file.pages]
        assert [page.description for page in file.pages] == ['page 0', 'page 1', 'page 2']
    for old, new in zip(pages, found):
        half = old.shape[1] // 2
        assert new.dtype == old.dtype
        np.testing.assert_array_equal(new[:, half:], old[:, half:])
        assert (new[:, :half] != old[:, :half]).any()
    assert len(found) == 3
    assert [mask.shape for mask in seen(Path('restored/a_mask.png').read_bytes())] == [(20, 24, 3)] * 3
    for wanted, words in (('jpg', 'JPEG holds one page'), ('png', 'several sizes, and PNG holds one')):
        refused = command('a.tif', '--pages', 'all', '--format', wanted, '-o', wanted)
        assert refused.status == 1
        assert words in refused.err


def test_one_page_by_default(command, work_folder: Path) -> None:
    (work_folder / 'a.gif').write_bytes(animation('GIF'))
    outcome = command('a.gif', '--save', 'restored')
    assert len(outcome.restorer.calls) == 1
    assert 'only the first of its frames or pages is restored' in outcome.err
    assert len(seen(Path('restored/a.png').read_bytes())) == 1


def test_only_repaired_pages_change_and_none_means_a_copy() -> None:
    content = tiff([frame.copy() for frame in frames()])
    pages = read_pages(io.BytesIO(content))
    assert encode_pages(pages) == (content, [COPIED])
    pixels = pages[1].pixels.copy()
    pixels[3, 3] = 7
    written = encode_pages([pages[0], pages[1].with_pixels(pixels), pages[2]])[0]
    after = seen(written)
    np.testing.assert_array_equal(after[0], frames()[0])
    np.testing.assert_array_equal(after[1], pixels)
    np.testing.assert_array_equal(after[2], frames()[2])


def test_reduced_copies_are_left_out() -> None:
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as writer:
        for number, page in enumerate(frames()):
            writer.write(page, photometric='rgb', metadata=None, subfiletype=1 if number == 1 else 0)
    pages = read_pages(io.BytesIO(content.getvalue()))
    assert len(pages) == 2
    assert pages[0].remarks == ('1 reduced copies of its pages are left out',)


@pytest.mark.parametrize('name', ['two_thousand_million_frames.png', 'loop.tif', 'many.gif'])
def test_pages_may_not_take_too_much(name: str) -> None:
    content = {
        'two_thousand_million_frames.png': ib.whole_images().get('two_thousand_million_frames.png', b''),
        'loop.tif': tiff([frames()[0]] * 5),
        'many.gif': animation('GIF'),
    }[name]
    with pytest.raises(UnreadableImageError, match='together take more than'):
        read_pages(io.BytesIO(content), limits=Limits(decoded_bytes=9_000))


def test_a_chain_of_directories_that_is_a_ring_ends() -> None:
    content = bytearray(tiff([frames()[0], frames()[1]]))
    with tifffile.TiffFile(io.BytesIO(bytes(content))) as file:
        first, second = (page.offset for page in file.pages)
        count = int.from_bytes(content[second : second + 2], 'little')
    place = second + 2 + 12 * count
    content[place : place + 4] = first.to_bytes(4, 'little')
    assert len(read_pages(io.BytesIO(bytes(content)))) == 2
