"""TIFFs of floating-point numbers: they stay as they are, except where something is repaired."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import tifffile

from hcl_arch.restoration.photographs.photograph import read_photograph
from hcl_arch.utils.unreadable_image import UnreadableImageError


@pytest.mark.parametrize('dtype', ['uint32', 'int16'])
def test_tiff_of_32_bit_or_with_sign_is_refused(dtype: str) -> None:
    with pytest.raises(UnreadableImageError, match='expected whole numbers of 8 or 16 bit'):
        read_photograph(tiff_of(np.ones((8, 8), dtype)))


def tiff_of(pixels: np.ndarray, **options: object) -> io.BytesIO:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, metadata=None, **options)
    stream.seek(0)
    return stream


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
@pytest.mark.parametrize(
    ('shape', 'options'),
    [
        ((9, 8), {}),
        ((9, 8, 3), {'photometric': 'rgb'}),
        ((9, 8, 4), {'photometric': 'rgb', 'extrasamples': ['unassalpha']}),
        ((3, 9, 8), {'photometric': 'rgb', 'planarconfig': 'separate'}),
        ((9, 8, 3), {'photometric': 'rgb', 'byteorder': '>', 'compression': 'zlib'}),
    ],
)
def test_float_tiff_keeps_its_numbers(dtype: str, shape: tuple[int, ...], options: dict) -> None:
    numbers = np.random.default_rng(0).random(shape).astype(dtype)
    flat = numbers.reshape(-1)
    flat[:2] = np.nan, 3  # of a broken pixel, and of light beyond white
    before = read_photograph(tiff_of(numbers, **options))
    expected = np.moveaxis(numbers, 0, -1) if options.get('planarconfig') else numbers
    shown = np.rint(np.nan_to_num(expected.astype('float32')).clip(0, 1) * 65535)
    np.testing.assert_array_equal(before.pixels, shown)
    pixels = before.pixels.copy()
    pixels[4, 4] = 13107  # a fifth of white
    content, remarks = before.with_pixels(pixels).encode()
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        found = file.pages[0].asarray()
    wanted = expected.copy()
    wanted[4, 4] = 0.2
    np.testing.assert_array_equal(found, wanted)
    assert (found.dtype.kind, found.itemsize, remarks) == ('f', np.dtype(dtype).itemsize, [])
    np.testing.assert_array_equal(read_photograph(io.BytesIO(before.encode('PNG')[0])).pixels, before.pixels)
    assert 'whole numbers' in ' '.join(before.encode('PNG')[1])


def test_float_tiff_by_opencv() -> None:
    """LZW with the predictor of floating-point numbers, as OpenCV and GDAL write it."""
    numbers = np.random.default_rng(0).random((9, 8, 3)).astype(np.float32)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, 3]
    content = cv2.imencode('.tiff', numbers, options)[1].tobytes()
    before = read_photograph(io.BytesIO(content))
    np.testing.assert_array_equal(before.floats, numbers[..., ::-1])


@pytest.mark.parametrize(('highest', 'white'), [(1.0, 1), (7.5, 1), (255.0, 255), (4000.0, 65535)])
def test_white_of_a_float_tiff(highest: float, white: float) -> None:
    numbers = np.full((8, 8), 0.5 * white, np.float32)
    numbers[0, 0] = highest
    assert read_photograph(tiff_of(numbers)).pixels[4, 4] == 32768


@pytest.mark.parametrize('numbers', [1e9, np.nan])
def test_float_tiff_without_a_range_is_refused(numbers: float) -> None:
    with pytest.raises(UnreadableImageError, match='expected 0 to 1, 255 or 65535'):
        read_photograph(tiff_of(np.full((8, 8), numbers, np.float32)))
