"""The same good files through command, library and page: the same pixels and the same mask."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from hcl_arch.restoration.photographs.photograph import read_photograph
from tests.docs.example_files import write_named_model
from tests.faults import image_bytes as ib
from tests.faults.doors import DOORS, Door

ROTATED = Image.Exif()
ROTATED[0x0112] = 6
MIRRORED = Image.Exif()
MIRRORED[0x0112] = 2
ALPHA = np.dstack([ib.picture(), np.tile(np.linspace(0, 255, 48, dtype=np.uint8), (40, 1))])
DEEP = ib.picture().astype(np.uint16) * 257 + 99


def tiff16(pixels: NDArray[Any]) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, pixels, photometric='rgb' if pixels.ndim == 3 else 'minisblack', compression='zlib')
    return content.getvalue()


def transparent_gif() -> bytes:
    content = io.BytesIO()
    Image.fromarray(ib.picture()).convert('P').save(content, 'GIF', transparency=3)
    return content.getvalue()


GOOD: dict[str, bytes] = {
    'rgb.png': ib.encoded('PNG'),
    'gray.png': ib.encoded('PNG', 'L'),
    'alpha.png': ib.encoded('PNG', 'RGBA', ALPHA),
    'gray_alpha.png': ib.encoded('PNG', 'LA', ALPHA),
    'palette.png': ib.encoded('PNG', 'P'),
    'palette_transparent.png': ib.encoded('PNG', 'P', transparency=5),
    'one_bit.png': ib.encoded('PNG', '1'),
    'rgb16.png': ib.encoded_by_opencv('.png', DEEP),
    'gray16.png': ib.encoded_by_opencv('.png', DEEP[..., 0]),
    'alpha16.png': ib.encoded_by_opencv('.png', np.dstack([DEEP, ALPHA[..., 3].astype(np.uint16) * 257])),
    'rgb.jpg': ib.encoded('JPEG', quality=90),
    'gray.jpg': ib.encoded('JPEG', 'L'),
    'cmyk.jpg': ib.encoded('JPEG', 'CMYK'),
    'rotated.jpg': ib.encoded('JPEG', progressive=True, exif=ROTATED.tobytes()),
    'mirrored.png': ib.encoded('PNG', exif=MIRRORED.tobytes()),
    'lossless.webp': ib.encoded('WEBP', lossless=True),
    'alpha.webp': ib.encoded('WEBP', 'RGBA', ALPHA, quality=80),
    'rgb.tif': ib.encoded('TIFF', compression='tiff_lzw'),
    'rotated.tif': ib.encoded('TIFF', exif=ROTATED),
    'rgb16.tif': tiff16(DEEP),
    'gray16.tif': tiff16(DEEP[..., 0]),
    'rgb.bmp': ib.encoded('BMP'),
    'palette.bmp': ib.encoded('BMP', 'P'),
    'transparent.gif': transparent_gif(),
    'odd.png': ib.encoded('PNG', image=ib.picture(37, 61)),
    'tiny.png': ib.encoded('PNG', image=ib.picture(3, 5)),
    'long.jpg': ib.encoded('JPEG', image=ib.picture(17, 260)),
}


@pytest.fixture(scope='module')
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """Command, library, page and service with the same network, which tells regions apart."""
    pytest.importorskip('fastapi')
    folder = tmp_path_factory.mktemp('models')
    write_named_model(folder)
    model = folder / 'small.safetensors'
    names = ('command', 'library', 'page', 'service')
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(DOORS[name](model)) for name in names}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Function (name) that writes one of the files; the working directory is empty."""
    (tmp_path / 'work').mkdir()
    monkeypatch.chdir(tmp_path / 'work')

    def write_file(name: str) -> Path:
        (tmp_path / name).write_bytes(GOOD[name])
        return tmp_path / name

    return write_file


@pytest.mark.parametrize('name', GOOD)
def test_all_give_the_same(name: str, doors: dict[str, Door], write: Callable[[str], Path]) -> None:
    path = write(name)
    opened = {door: enter(path) for door, enter in doors.items()}
    for door, one in opened.items():
        assert one.pixels is not None, (door, one.message)
        np.testing.assert_array_equal(one.mask, opened['library'].mask, door)
        np.testing.assert_array_equal(one.pixels, opened['library'].pixels, door)
    given = read_photograph(path)
    for one in opened.values():
        assert one.pixels is not None
        assert (one.pixels.shape, one.pixels.dtype) == (given.pixels.shape, given.pixels.dtype)
        np.testing.assert_array_equal(one.pixels[one.mask == 0], given.pixels[one.mask == 0])


def test_the_files_are_of_all_kinds_and_the_network_repaints_most(
    doors: dict[str, Door], write: Callable[[str], Path]
) -> None:
    """Otherwise the same pixels would say little."""
    assert len(GOOD) > 20
    shares = []
    for name in GOOD:
        done = doors['library'](write(name))
        shares.append(float(np.mean(done.mask > 0)))  # type: ignore[operator]
    assert sum(0.05 < share < 0.95 for share in shares) > 20


def test_the_library_takes_arrays_and_images_alike(doors: dict[str, Door], write: Callable[[str], Path]) -> None:
    """The bytes of OpenCV as an array, the file as an image of Pillow."""
    import hcl_arch
    from tests.docs.example_files import INFO, network

    restorer = hcl_arch.Restorer(network(), detect_side=INFO['detect_side'], device='cpu')
    for name in ('rgb.png', 'gray.png', 'alpha.png', 'odd.png', 'rgb.tif', 'rgb.bmp'):
        path = write(name)
        expected = doors['library'](path)
        array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if array.ndim == 3:
            array = cv2.cvtColor(array, cv2.COLOR_BGRA2RGBA if array.shape[2] == 4 else cv2.COLOR_BGR2RGB)
        with Image.open(path) as image:
            for given in (array, image):
                done = restorer.restore(given)
                np.testing.assert_array_equal(done.image, expected.pixels, name)
                np.testing.assert_array_equal(done.mask, expected.mask, name)
