"""Every image that cannot be used ends with an error that names it: at once, and without decoding what is too large."""

from __future__ import annotations

import os
import pickle
import socket
import struct
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from hcl_arch.data.storage.image_source import ImageSource
from hcl_arch.utils.image_decoding import DamagedImageError, decode_image
from hcl_arch.utils.unreadable_image import UnreadableImageError, UnusableImageError
from preparation import PrepItem, ResizeShortSide
from preparation import UnreadableImageError as UnreadablePrepError
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit

JPEG, PNG = ib.encoded('JPEG'), ib.encoded('PNG')
PROGRESSIVE = ib.encoded('JPEG', progressive=True)
WHOLE = ib.whole_images()
UNKNOWN, HEADER, CUT = 'BMP, JPEG, PNG, TIFF or WebP begins so', 'the header is damaged', 'cut short'
LIMIT = r'pixels, more than the limit of 268,435,456'
ROW = b'\0' + bytes(3 * 48)

# Name -> content, and what the message says of it.
BAD: dict[str, tuple[bytes, str]] = {
    # no images
    'empty.png': (b'', '0 bytes'),
    'one_byte.png': (b'\x89', UNKNOWN),
    'spaces.jpg': (b' ' * 500, UNKNOWN),
    'zeros.jpg': (bytes(10_000), UNKNOWN),
    'text.jpg': (b'404 Not Found\n', UNKNOWN),
    'page.jpg': (b'<!DOCTYPE html><html><body>Access denied</body></html>', UNKNOWN),
    'drawing.png': (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', UNKNOWN),
    'animation.png': (ib.encoded('GIF', 'P'), UNKNOWN),
    'archive.png': (b'PK\3\4' + bytes(100), UNKNOWN),
    'document.png': (b'%PDF-1.7\n', UNKNOWN),
    'program.bmp': (b'\x7fELF' + bytes(100), UNKNOWN),
    'portable.png': (b'P6\n2 2\n255\n' + bytes(12), UNKNOWN),
    'radiance.png': (ib.encoded_by_opencv('.hdr', ib.picture().astype(np.float32)), UNKNOWN),
    'jpeg_2000.jpg': (ib.encoded_by_opencv('.jp2', ib.picture()), UNKNOWN),
    'icon.bmp': (ib.encoded('ICO'), UNKNOWN),
    # too many pixels
    'bomb.png': (ib.png(65_500, 65_500), f'65,500 x 65,500 {LIMIT}'),
    'bomb_of_one_row.png': (ib.png(2**31 - 1, 1), f'2,147,483,647 x 1 {LIMIT}'),
    'bomb_just_over.png': (ib.png(16_385, 16_384), f'16,385 x 16,384 {LIMIT}'),
    'bomb.jpg': (ib.jpeg_of_size(65_500, 65_500), f'65,500 x 65,500 {LIMIT}'),
    'bomb_and_thumbnail.jpg': (
        b'\xff\xd8\xff\xe1'
        + (len(JPEG) + 8).to_bytes(2, 'big')
        + b'Exif\0\0'
        + JPEG
        + ib.jpeg_of_size(50_000, 50_000)[2:],
        f'50,000 x 50,000 {LIMIT}',
    ),
    'bomb.bmp': (ib.bmp(100_000, 100_000), f'100,000 x 100,000 {LIMIT}'),
    'bomb_from_the_top.bmp': (ib.bmp(100_000, -100_000), f'100,000 x 100,000 {LIMIT}'),
    'bomb_of_os2.bmp': (ib.bmp(65_535, 65_535, header=12), f'65,535 x 65,535 {LIMIT}'),
    'bomb.tif': (ib.tiff_of_size(65_536, 65_536), f'65,536 x 65,536 {LIMIT}'),
    'bomb_of_motorola.tif': (ib.tiff_of_size(65_536, 65_536, order='>'), f'65,536 x 65,536 {LIMIT}'),
    'bomb_of_64_bit.tif': (ib.tiff_of_size(2**20, 2**20, big=True), f'1,048,576 x 1,048,576 {LIMIT}'),
    'bomb_of_tiles.tif': (
        ib.tiff_of_size(9, 9, more={322: (4, 2**20), 323: (4, 2**20)}),
        f'1,048,576 x 1,048,576 {LIMIT}',
    ),
    'bomb.webp': (ib.webp_canvas(2**24, 2**8), f'16,777,216 x 256 {LIMIT}'),
    'scans.jpg': (ib.jpeg_with_scans(8, 1100), r'coded in 1,1\d\d scans, where some ten are usual'),
    'scans_of_a_large_image.jpg': (ib.jpeg_with_scans(2400, 800), 'scans, where some ten are usual'),
    # no pixels
    'no_width.png': (ib.png(0, 5), HEADER),
    'no_height.png': (ib.png(5, 0), HEADER),
    'nothing.png': (ib.png(0, 0), HEADER),
    'no_width.jpg': (ib.jpeg_of_size(0, 40), HEADER),
    'no_height.jpg': (ib.jpeg_of_size(48, 0), HEADER),
    'no_width.bmp': (ib.bmp(0, 5), HEADER),
    'negative_width.bmp': (ib.bmp(-5, 5), HEADER),
    'no_height.tif': (ib.tiff_of_size(5, 0), HEADER),
    'no_width.webp': (ib.webp(b'VP8 ', b'\x10\0\0\x9d\x01\x2a' + bytes(20)), HEADER),
    # PNG
    'start_only.png': (ib.PNG_START, HEADER),
    'half_a_header.png': (PNG[:20], HEADER),
    'other_first_chunk.png': (ib.PNG_START + ib.png_chunk(b'gAMA', bytes(4)) + PNG[8:], HEADER),
    'checksum_of_header.png': (ib.png(48, 40, rows=ROW * 40, crc_offset=1), 'cannot be decoded'),
    'bits.png': (ib.png(48, 40, depth=3, rows=ROW * 40), 'cannot be decoded'),
    'colours.png': (ib.png(48, 40, colour=7, rows=ROW * 40), 'cannot be decoded'),
    'palette_without_colours.png': (ib.png(48, 40, colour=3, rows=ROW * 40), 'cannot be decoded'),
    'no_pixels.png': (ib.png(48, 40, chunks=()), 'cannot be decoded'),
    'too_few_rows.png': (ib.png(48, 40, rows=ROW * 39), 'cannot be decoded'),
    'pixels_not_packed.png': (ib.png(48, 40, chunks=((b'IDAT', bytes(500)),)), 'cannot be decoded'),
    'huge_frame.png': (
        ib.png(48, 40, chunks=((b'acTL', struct.pack('>II', 2, 0)), ib.frame_chunk(2**30, 2**30), ib.PIXELS)),
        'cannot be decoded',
    ),
    'frame_outside.png': (
        ib.png(48, 40, chunks=((b'acTL', struct.pack('>II', 2, 0)), ib.frame_chunk(48, 40, 2**31 - 1), ib.PIXELS)),
        'cannot be decoded',
    ),
    'chunk_beyond_the_end.png': (PNG[:33] + b'\x7f\xff\xff\xff' + PNG[37:], CUT),
    'half.png': (PNG[: len(PNG) // 2], CUT),
    'zeros_behind_half.png': (PNG[: len(PNG) // 2] + bytes(len(PNG) // 2), CUT),
    # JPEG
    'start_only.jpg': (b'\xff\xd8\xff', HEADER),
    'markers_only.jpg': (b'\xff\xd8' + b'\xff' * 3_000_000, HEADER),
    'starts_twice.jpg': (b'\xff\xd8' + JPEG, HEADER),
    'ends_at_once.jpg': (b'\xff\xd8\xff\xd9', HEADER),
    'no_frame.jpg': (ib.jpeg_with(0xC0, b''), HEADER),
    'two_frames.jpg': (ib.jpeg_with(0xC0, ib.jpeg_frame(48, 40) + ib.jpeg_frame(20_000, 20_000)), HEADER),
    'segment_of_no_length.jpg': (ib.jpeg_with(0xDB, b'\xff\xdb\0\0'), HEADER),
    'segment_beyond_the_end.jpg': (ib.jpeg_with(0xE0, b'\xff\xe0\xff\xff'), HEADER),
    'no_tables.jpg': (ib.jpeg_with(0xDB, b''), 'cannot be decoded'),
    'precision.jpg': (ib.jpeg_with(0xC0, ib.jpeg_frame(48, 40, precision=99)), 'cannot be decoded'),
    'hierarchical.jpg': (ib.jpeg_with(0xC0, ib.jpeg_frame(48, 40, marker=0xC5)), 'cannot be decoded'),
    'no_scan.jpg': (b''.join(ib.jpeg_parts(JPEG)[:-1]) + b'\xff\xd9', HEADER),
    'half.jpg': (JPEG[: 3 * len(JPEG) // 4], CUT),
    'without_the_last_byte.jpg': (JPEG[:-1], CUT),
    'far_too_little_code.jpg': (ib.jpeg_of_size(16_000, 16_000), CUT),
    'half_progressive.jpg': (PROGRESSIVE[: 3 * len(PROGRESSIVE) // 4], CUT),
    # BMP
    'start_only.bmp': (b'BM', HEADER),
    'text.bmp': (b'BMW and other cars are listed below this line', LIMIT),
    'header_of_13_bytes.bmp': (ib.bmp(5, 5, header=13), HEADER),
    'three_bits.bmp': (ib.bmp(5, 5, bits=3), 'cannot be decoded'),
    'pixels_far_behind.bmp': (b'BM' + bytes(8) + b'\xff\xff\xff\x7f' + ib.bmp(5, 5)[14:], 'cannot be decoded'),
    'colours_beyond_the_end.bmp': (ib.bmp(5, 5, bits=8)[:46] + b'\xff\xff\xff\x7f' + bytes(60), 'cannot be decoded'),
    'header_beyond_the_end.bmp': (ib.bmp(5, 5, header=2**31 - 1), 'cannot be decoded'),
    'half.bmp': (WHOLE['plain.bmp'][:2000], 'bytes cannot hold'),
    # TIFF
    'start_only.tif': (b'II*\0', HEADER),
    'directory_beyond_the_end.tif': (ib.tiff_of_size(5, 5, offset=2**31), HEADER),
    'directory_far_beyond_the_end.tif': (ib.tiff_of_size(5, 5, big=True, offset=2**63), HEADER),
    'too_many_entries.tif': (ib.tiff_of_size(5, 5, count=60_000), HEADER),
    'far_too_many_entries.tif': (ib.tiff_of_size(5, 5, big=True, count=2**62), HEADER),
    'no_sizes.tif': (ib.tiff({258: (3, 8)}), HEADER),
    'size_of_another_type.tif': (ib.tiff({256: (2, 5), 257: (3, 5)}), HEADER),
    'strip_beyond_the_end.tif': (ib.tiff_of_size(5, 5, more={273: (4, 2**30)}), 'behind its end'),
    'samples.tif': (
        ib.tiff_of_size(900, 900, more={277: (3, 65_535)}),
        r'50,624 MiB decoded, more than the limit of 1,024 MiB',
    ),
    'strip_of_too_many_rows.tif': (ib.tiff_of_size(20_000, 5, more={278: (4, 2**32 - 1)}), 'bytes cannot hold'),
    'unknown_packing.tif': (ib.tiff_of_size(5, 5, more={259: (3, 999)}), 'compression 999, which OpenCV'),
    'half.tif': (WHOLE['plain.tif'][:3000], 'behind its end'),
    # WebP
    'start_only.webp': (b'RIFF', HEADER),
    'sound.webp': (ib.webp(b'fmt ', bytes(40), riff=b'WAVE'), HEADER),
    'unknown_chunk.webp': (ib.webp(b'JUNK', bytes(40)), HEADER),
    'canvas_only.webp': (ib.webp_canvas(20, 20), 'cannot be decoded'),
    'half.webp': (WHOLE['plain.webp'][: len(WHOLE['plain.webp']) // 2], 'cannot be decoded'),
    'half_lossless.webp': (WHOLE['lossless.webp'][:1000], 'cannot be decoded'),
}


@pytest.mark.parametrize('name', BAD)
def test_content(name: str, tmp_path: Path) -> None:
    content, words = BAD[name]
    (tmp_path / name).write_bytes(content)
    with time_limit(), pytest.raises(UnreadableImageError, match=words) as caught:
        ImageSource(str(tmp_path)).read_rgb(0)
    assert caught.value.path == str(tmp_path / name)
    assert str(caught.value) == f'{tmp_path / name}: {caught.value.reason}'
    assert caught.value.reason.startswith('expected an image, found ')
    assert caught.value.reason.endswith('Replace or remove it.')


@pytest.mark.parametrize('name', BAD)
def test_content_in_a_preparation(name: str, tmp_path: Path) -> None:
    """The items of a preparation are listed with the reason, their path stands beside it."""
    (tmp_path / name).write_bytes(BAD[name][0])
    words = 'an empty file' if name == 'empty.png' else BAD[name][1]
    with time_limit(), pytest.raises(UnreadablePrepError, match=words):
        ResizeShortSide(20)(PrepItem(str(tmp_path / name), 'key'))


@pytest.mark.parametrize('name', [name for name in BAD if 'bomb' in name or 'scans' in name])
def test_what_is_too_large_is_never_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('decoded'))
    with pytest.raises(DamagedImageError):
        decode_image(BAD[name][0])


@pytest.mark.parametrize(
    'error',
    [cv2.error('unknown exception'), MemoryError('no memory'), SystemError('no result'), ValueError('what')],
    ids=lambda error: type(error).__name__,
)
def test_whatever_the_decoder_raises(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise error

    (tmp_path / 'x.png').write_bytes(PNG)
    source = ImageSource(str(tmp_path))
    monkeypatch.setattr(cv2, 'imdecode', fail)
    with pytest.raises(UnreadableImageError, match=r'x\.png: expected an image, found \d+ bytes that cannot be dec'):
        source.read_rgb(0)


def test_image_of_another_size_than_it_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the limits could be got round where a decoder reads a header in another way than this package."""
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: np.zeros((41, 48, 3), np.uint8))
    with pytest.raises(DamagedImageError, match='state a size of 48 x 40 pixels, but decode to 48 x 41'):
        decode_image(PNG)


@pytest.mark.parametrize('name', WHOLE)
def test_every_kind_is_read_whole_and_refused_at_every_length(name: str) -> None:
    content = WHOLE[name]
    assert decode_image(content).shape == (40, 48, 3)
    # The last byte of some is a filling.
    lengths = range(len(content) - 1) if len(content) < 3000 else range(0, len(content) - 1, 37)
    with time_limit(60):
        for length in lengths:
            try:
                decoded = decode_image(content[:length])
            except DamagedImageError:
                continue
            # What lies behind the pixels (further frames, a directory) may be missing.
            assert np.array_equal(decoded, decode_image(content)), length


@pytest.mark.parametrize(('height', 'width'), [(1, 1), (1, 65_500), (65_500, 1), (3, 20_000)])
@pytest.mark.parametrize('extension', ['.png', '.jpg', '.bmp', '.tif'])
def test_odd_shapes_are_read(height: int, width: int, extension: str, tmp_path: Path) -> None:
    image = np.full((height, width, 3), 77, np.uint8)
    (tmp_path / f'x{extension}').write_bytes(ib.encoded_by_opencv(extension, image))
    assert np.array_equal(ImageSource(str(tmp_path)).read_rgb(0), image)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the whole path may be too long for a socket
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def make_huge(path: Path) -> None:
    with open(path, 'wb') as file:
        file.truncate(2**31)  # takes no room on the disk


def make_unreadable(path: Path) -> None:
    path.write_bytes(PNG)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip('this user may read everything')


NO_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    'pipe': (make_pipe, 'a pipe, a device or a socket'),
    'link_to_a_pipe': (lambda path: (os.mkfifo(f'{path}.x'), path.symlink_to(f'{path}.x')), 'a pipe, a device'),
    'socket': (make_socket, 'a pipe, a device or a socket'),
    'endless_device': (lambda path: path.symlink_to('/dev/zero'), 'a pipe, a device or a socket'),
    'link_to_nothing': (lambda path: path.symlink_to(path.parent / 'lost.png'), 'No such file'),
    'link_to_itself': (lambda path: path.symlink_to(path), 'symbolic links'),
    'folder': (lambda path: path.mkdir(), 'Is a directory'),
    'gone': (lambda path: None, 'No such file'),
    'huge': (make_huge, r'at most 2,147,483,647 bytes, found 2,147,483,648'),
    'unreadable': (make_unreadable, 'Permission denied'),
}


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='the kinds of files of POSIX')
@pytest.mark.parametrize('kind', NO_FILES)
def test_no_file(kind: str, tmp_path: Path) -> None:
    """Also what a listed file has become since: pipes are never waited for."""
    make, words = NO_FILES[kind]
    path = tmp_path / 'x.png'
    path.write_bytes(PNG)
    source = ImageSource(str(tmp_path))
    path.unlink()
    make(path)
    with time_limit(), pytest.raises(UnreadableImageError, match=words) as caught:
        source.read_rgb(0)
    assert caught.value.path == str(path)
    assert 'the file cannot be opened' in caught.value.reason
    if kind != 'gone':  # then the drive may be gone, and the preparation has to stop
        with time_limit(), pytest.raises((UnreadablePrepError, OSError)):
            ResizeShortSide(20)(PrepItem(str(path), 'key'))


ALPHA: dict[str, tuple[bytes, str]] = {
    'gray.png': (ib.encoded('PNG', 'L'), 'found 1 channel'),
    'colour.png': (PNG, 'found 3 channel'),
    'plain.jpg': (JPEG, 'found 3 channel'),
    'float.tif': (ib.encoded_by_opencv('.tif', np.zeros((5, 5, 4), np.float32)), 'found float32'),
    'double.tif': (ib.encoded_by_opencv('.tif', np.zeros((5, 5, 4), np.float64)), 'found float64'),
}


@pytest.mark.parametrize('name', ALPHA)
def test_picture_to_draw_with(name: str, tmp_path: Path) -> None:
    content, words = ALPHA[name]
    (tmp_path / name).write_bytes(content)
    with time_limit(), pytest.raises(UnusableImageError, match=words) as caught:
        ImageSource(str(tmp_path)).read_rgba(0)
    assert caught.value.path == str(tmp_path / name)
    assert isinstance(caught.value, ValueError)


class Images(Dataset[Any]):
    def __init__(self, folder: Path) -> None:
        self._source = ImageSource(str(folder))

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return self._source.read_rgb(index)


def test_error_passes_between_processes(tmp_path: Path) -> None:
    (tmp_path / 'x.png').write_bytes(PNG[:99])
    with time_limit(60), pytest.raises(UnreadableImageError, match=rf'{tmp_path}/x\.png: expected an image, found 99'):
        next(iter(DataLoader(Images(tmp_path), num_workers=1)))
    error = pickle.loads(pickle.dumps(UnusableImageError('why', 'where')))
    assert (type(error), error.path, error.reason, str(error)) == (UnusableImageError, 'where', 'why', 'where: why')
