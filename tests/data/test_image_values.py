"""The values that data sets read: the same picture gives the same ones in every format and depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from hcl_arch.commands.app.display import to_8_bit_rgb
from hcl_arch.data.storage.image_source import ImageSource

RGBA = np.random.default_rng(0).integers(0, 256, (9, 7, 4), np.uint8)
RAMP = np.arange(65536, dtype=np.uint16).reshape(256, 256)
ROUNDED = np.rint(RAMP / 257).astype(int)


def source_of(folder: Path, name: str, write: Any) -> ImageSource:
    (folder / name.replace('.', '_')).mkdir()
    write(folder / name.replace('.', '_') / name)
    return ImageSource(str(folder / name.replace('.', '_')))


def tiff(pixels: np.ndarray, **options: Any) -> Any:
    return lambda path: tifffile.imwrite(path, pixels, photometric='rgb', **options)


@pytest.mark.parametrize('depth', [1, 257])
@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('big', [False, True])
def test_colours_of_a_tiff_are_not_multiplied_by_alpha(depth: int, order: str, big: bool, tmp_path: Path) -> None:
    """OpenCV multiplies those of 8 bits, and those of a PNG not: transparent parts were black in one of them."""
    pixels = (RGBA.astype(np.uint16) * depth).astype(np.uint8 if depth == 1 else np.uint16)
    plain = source_of(tmp_path, 'a.tif', tiff(pixels, extrasamples=['unassalpha'], byteorder=order, bigtiff=big))
    assert np.array_equal(plain.read_rgba(0), RGBA)
    assert np.array_equal(plain.read_rgb(0), RGBA[..., :3])


@pytest.mark.parametrize('depth', [1, 257])
def test_colours_that_were_multiplied_are_divided(depth: int, tmp_path: Path) -> None:
    pixels = RGBA.astype(np.uint16) * depth
    pixels[..., 3] |= 128 * depth
    multiplied = pixels.copy()
    multiplied[..., :3] = np.rint(pixels[..., :3] * (pixels[..., 3:] / (255 * depth)))
    stored = multiplied.astype(np.uint8 if depth == 1 else np.uint16)
    source = source_of(tmp_path, 'a.tif', tiff(stored, extrasamples=['assocalpha']))
    expected = np.rint(pixels / depth).astype(int)
    assert np.abs(source.read_rgba(0) - expected).max() <= 1
    assert np.abs(source.read_rgb(0) - expected[..., :3]).max() <= 1


@pytest.mark.parametrize('compression', [None, 'tiff_lzw', 'tiff_adobe_deflate'])
def test_pillow_s_tiff_is_read_like_its_png(compression: Any, tmp_path: Path) -> None:
    image = Image.fromarray(RGBA)
    png = source_of(tmp_path, 'a.png', image.save)
    tif = source_of(tmp_path, 'a.tif', lambda path: image.save(path, compression=compression))
    assert np.array_equal(tif.read_rgba(0), png.read_rgba(0))
    assert np.array_equal(tif.read_rgb(0), png.read_rgb(0))


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize('channels', [1, 3, 4])
def test_16_bits_are_rounded_to_8(suffix: str, channels: int, tmp_path: Path) -> None:
    """They were cut to the higher byte when read for training and shown on the page, and rounded elsewhere."""
    pixels = RAMP if channels == 1 else np.dstack([RAMP] * channels)
    source = source_of(tmp_path, f'a{suffix}', lambda path: cv2.imwrite(str(path), pixels))
    assert np.array_equal(source.read_rgb(0)[..., 1], ROUNDED)
    assert np.array_equal(source.read_mask(0), RAMP >= 32768)
    if channels == 4:
        assert np.array_equal(source.read_rgba(0)[..., 3], ROUNDED)
    assert np.array_equal(to_8_bit_rgb(RAMP)[..., 0], ROUNDED)
