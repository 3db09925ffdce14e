"""A JPEG that is written keeps its tables and its subsampling, and the pixels of all blocks without repaired ones."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from scipy.fft import idctn
from scipy.ndimage import gaussian_filter

from hcl_arch.restoration.photographs.jpeg.frame import UnpatchableError
from hcl_arch.restoration.photographs.jpeg.huffman import shortest_code
from hcl_arch.restoration.photographs.jpeg.patching import patch
from hcl_arch.restoration.photographs.jpeg.reading import read_coefficients
from hcl_arch.restoration.photographs.jpeg.writing import write_coefficients
from hcl_arch.restoration.photographs.photograph import COPIED, read_photograph

CODINGS: dict[str, dict[str, Any]] = {
    '4:2:0': {'quality': 90},
    '4:2:2': {'quality': 75, 'subsampling': 1},
    '4:4:4': {'quality': 95, 'subsampling': 0},
    'coarse': {'quality': 20, 'optimize': True},
    'steps of 1': {'quality': 100, 'subsampling': 0},
    'restarts': {'quality': 85, 'restart_marker_blocks': 5},
    'progressive': {'quality': 90, 'progressive': True},
    'progressive, steps of 1': {'quality': 100, 'progressive': True, 'subsampling': 0},
    'progressive, restarts': {'quality': 85, 'progressive': True, 'restart_marker_rows': 1},
}
SIZES = [(150, 203), (64, 64), (9, 40), (1, 1)]


def photo(height: int = 150, width: int = 203) -> np.ndarray:
    """A picture with flat and with rough parts, and all values up to the ends of the range."""
    noise = np.random.default_rng(0).normal(0, 1, (height, width, 3))
    picture = gaussian_filter(noise, (6, 6, 0)) * 900 + gaussian_filter(noise, (1, 1, 0)) * 60 + 128
    picture[:, : width // 3] = np.round(picture[:, : width // 3] / 128) * 128
    return picture.clip(0, 255).astype(np.uint8)


def encoded(pixels: np.ndarray, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, 'JPEG', **options)
    return content.getvalue()


def decoded(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('coding', CODINGS)
@pytest.mark.parametrize('is_gray', [False, True])
def test_coefficients_come_back(coding: str, size: tuple[int, int], is_gray: bool) -> None:
    content = encoded(photo(*size)[..., 0] if is_gray else photo(*size), **CODINGS[coding])
    frame = read_coefficients(content)
    written = write_coefficients(frame, b'')
    np.testing.assert_array_equal(read_coefficients(written).coefficients, frame.coefficients)
    np.testing.assert_array_equal(decoded(written), decoded(content))


@pytest.mark.parametrize('coding', CODINGS)
def test_coefficients_are_those_of_the_pixels(coding: str) -> None:
    """By another transform: the luma of an independent decoder, without its rounding."""
    content = encoded(photo(), **CODINGS[coding])
    frame = read_coefficients(content)
    blocks = frame.blocks_of(frame.components[0])
    order = sorted(range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))
    natural = np.zeros(blocks.shape)
    natural[..., order] = blocks * frame.quantisation[0]
    luma = idctn(natural.reshape(*blocks.shape[:2], 8, 8), axes=(2, 3), norm='ortho').swapaxes(1, 2) + 128
    with Image.open(io.BytesIO(content)) as image:
        image.draft('YCbCr', image.size)
        expected = np.array(image)[..., 0]
    found = luma.reshape(blocks.shape[0] * 8, -1)[: expected.shape[0], : expected.shape[1]].clip(0, 255)
    assert np.abs(found - expected).max() < 0.75


@pytest.mark.parametrize('coding', CODINGS)
@pytest.mark.parametrize('is_gray', [False, True])
def test_untouched_blocks_keep_their_pixels(coding: str, is_gray: bool) -> None:
    content = encoded(photo()[..., 0] if is_gray else photo(), **CODINGS[coding])
    before = read_photograph(io.BytesIO(content))
    pixels = before.pixels.copy()
    pixels[35:70, 50:130] = gaussian_filter(photo(35, 80)[..., 0] if is_gray else photo(35, 80), 3)
    written, remarks = before.with_pixels(pixels).encode()
    after = decoded(written)
    assert remarks == []
    with Image.open(io.BytesIO(content)) as old, Image.open(io.BytesIO(written)) as new:
        assert new.quantization == old.quantization
        assert JpegImagePlugin.get_sampling(new) == JpegImagePlugin.get_sampling(old)
        assert ('progressive' in new.info) == ('progressive' in old.info)
        sampling = JpegImagePlugin.get_sampling(old)
    across, down = {0: (8, 8), 1: (16, 8), 2: (16, 16), -1: (8, 8)}[sampling]
    touched = np.zeros(pixels.shape[:2], bool)
    touched[35 // down * down : -(-70 // down) * down, 50 // across * across : -(-130 // across) * across] = True
    differs = after != before.pixels
    differs = differs if is_gray else differs.any(axis=2)
    # Decoders interpolate colour of a lower resolution: a line of pixels beside the touched blocks sees it.
    beside = np.zeros_like(touched)
    if across == 16:
        beside = gaussian_filter(touched.astype(float), 1, truncate=1) > 0
    assert not (differs & ~touched & ~beside).any()
    # What was repaired is as near to it as the tables allow.
    error = np.abs(after[35:70, 50:130].astype(int) - pixels[35:70, 50:130]).mean()
    assert error < {'coarse': 9, '4:2:2': 5}.get(coding, 4)
    assert len(written) < 1.1 * len(content)


@pytest.mark.parametrize('file_format', ['JPEG', 'PNG', 'TIFF', 'WEBP', 'BMP'])
def test_a_file_without_repairs_is_copied(file_format: str) -> None:
    content = io.BytesIO()
    Image.fromarray(photo()).save(content, file_format)
    photograph = read_photograph(io.BytesIO(content.getvalue()))
    same = photograph.with_repaired(photograph.shown.copy())
    assert same.encode() == (content.getvalue(), [COPIED])
    assert same.encode('PNG' if file_format != 'PNG' else 'BMP')[0] != content.getvalue()
    has_quality = file_format in ('JPEG', 'WEBP')
    assert (same.encode(quality=80)[0] == content.getvalue()) == (not has_quality)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_turned_jpeg_stays_turned(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, 'Maker'
    exif.get_ifd(0x8769).update({0xA002: 203, 0xA003: 150})
    content = encoded(photo(), exif=exif, subsampling=0, quality=98)
    before = read_photograph(io.BytesIO(content))
    pixels = before.pixels.copy()
    pixels[3, 5] = 255 - pixels[3, 5]
    written = before.with_pixels(pixels).encode()[0]
    differs = (decoded(written) != decoded(content)).any(axis=2)
    rows, columns = np.nonzero(differs)
    assert differs.any()
    assert len({*zip((rows // 8).tolist(), (columns // 8).tolist())}) == 1
    with Image.open(io.BytesIO(written)) as image:
        tags = image.getexif()
        assert (tags[0x0112], tags[0x010F], tags.get_ifd(0x8769)[0xA002]) == (orientation, 'Maker', 203)
    assert np.abs(read_photograph(io.BytesIO(written)).pixels[3, 5].astype(int) - pixels[3, 5]).max() < 40


def test_metadata_are_left_out_and_the_pixels_stay() -> None:
    exif = Image.Exif()
    exif[0x010F] = 'Maker'
    content = encoded(photo(), exif=exif, comment=b'secret')
    written = read_photograph(io.BytesIO(content)).encode(keep_metadata=False)[0]
    np.testing.assert_array_equal(decoded(written), decoded(content))
    assert b'Maker' not in written
    assert b'secret' not in written


def test_of_a_rare_kind_the_tables_are_kept() -> None:
    """Red, green and blue without a conversion, which a file has to say."""
    content = encoded(photo(), quality=70, keep_rgb=True)
    before = read_photograph(io.BytesIO(content))
    pixels = 255 - before.pixels
    with pytest.raises(UnpatchableError, match='colours'):
        patch(content, pixels, np.ones(pixels.shape[:2], bool), b'')
    written, remarks = before.with_pixels(pixels).encode()
    assert remarks == ['all its blocks are written anew, with its own tables']
    with Image.open(io.BytesIO(content)) as old, Image.open(io.BytesIO(written)) as new:
        assert list(new.quantization.values())[0] == list(old.quantization.values())[0]
    assert np.abs(decoded(written).astype(int) - pixels).mean() < 6


@pytest.mark.parametrize('coding', ['4:2:0', 'progressive', 'progressive, restarts'])
def test_damaged_ones_are_refused_or_read(coding: str) -> None:
    """Whatever stands in a file, nothing but its own error comes out, and no read takes long."""
    content = encoded(photo(40, 56), **CODINGS[coding])
    rng, refused = np.random.default_rng(0), 0
    for _ in range(60):
        damaged = bytearray(content[: int(rng.integers(100, len(content) + 1))])
        for place in rng.integers(2, len(damaged), 3):
            damaged[place] = rng.integers(256)
        try:
            read_coefficients(bytes(damaged))
        except UnpatchableError:
            refused += 1
    assert refused > 30


def test_shortest_codes_are_no_longer_than_16_bits() -> None:
    """Frequencies like Fibonacci's numbers would make codes of 40 bits."""
    frequencies = [0] * 256
    first, second = 1, 1
    for symbol in range(40):
        frequencies[symbol] = first
        first, second = second, first + second
    code = shortest_code(frequencies)
    lengths, codes = code.lengths_and_codes()
    assert (sum(code.counts), len(code.symbols), lengths.max()) == (40, 40, 16)
    assert sum(2.0**-length for length in lengths[:40].tolist()) < 1  # one code is left: no code is of ones only
    starts = {format(number, f'0{length}b') for number, length in zip(codes[:40].tolist(), lengths[:40].tolist())}
    assert not any(one != other and other.startswith(one) for one in starts for other in starts)


def test_the_command_copies_and_patches(command, work_folder: Path, stub_type: type) -> None:
    content = encoded(photo(), exif=b'Exif\0\0MM\0*\0\0\0\x08\0\0')
    (work_folder / 'a.jpg').write_bytes(content)
    clean = command('a.jpg', '-o', 'clean', '--save', 'restored', restorer=stub_type(min_score=0.8))
    assert (work_folder / 'clean/a.jpg').read_bytes() == content
    assert 'copied byte for byte' in clean.err
    command('a.jpg', '-o', 'spoiled', '--save', 'restored', '--quality', 'keep')  # the left half is inverted
    new, old = decoded((work_folder / 'spoiled/a.jpg').read_bytes()), decoded(content)
    np.testing.assert_array_equal(new[:, 113:], old[:, 113:])
    assert np.abs(new[:, :96].astype(int) - (255 - old[:, :96])).mean() < 4
    command('a.jpg', '-o', 'number', '--save', 'restored', '--quality', '9', restorer=stub_type(min_score=0.8))
    assert len((work_folder / 'number/a.jpg').read_bytes()) < 0.7 * len(content)
