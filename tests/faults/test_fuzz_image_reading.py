"""Files that were images once: whatever is changed in them, reading gives an image within the limits, or the error."""

from __future__ import annotations

import gc
import io
import math
import mmap
import struct
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcl_arch.data.storage.image_source import ImageSource
from hcl_arch.restoration.photographs.photograph import read_photograph
from hcl_arch.utils.image_decoding import DamagedImageError, decode_image
from hcl_arch.utils.image_limits import MAX_PIXELS
from hcl_arch.utils.unreadable_image import UnreadableImageError
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit

WHOLE = ib.whole_images()
NAMES = sorted(WHOLE)
# A colour image at the limit takes 0.8 GB, and a decoder as much again; of a file of some kB nothing comes near.
MOST_GROWTH = 2**29
# Where a format keeps its sizes, in bytes from the start, and how it writes a number.
SIZES = {'.png': ([16, 20], '>I'), '.webp': ([24, 26, 27, 28], '<H'), '.bmp': ([18, 22], '<i'),
         '.tif': ([18, 30], '<I')}  # fmt: skip
ENDS = [b'', b'\xff\xd9', b'IEND\xaeB`\x82', bytes(99)]
STARTS = [b'', b'\xff\xd8\xff', ib.PNG_START, b'BM', b'II*\0', b'MM\0*', b'II+\0', b'RIFF\0\0\0\0WEBP']
ODD_NUMBERS = [0, 1, 2, 255, 256, 16_383, 16_384, 32_767, 65_500, 65_535, 2**24 - 1, 2**31 - 1]
FLAGS = [cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE, cv2.IMREAD_UNCHANGED]


def resident_bytes() -> int:
    """Return the memory that this process holds, 0 where the system does not say."""
    try:
        return int(Path('/proc/self/statm').read_text().split()[1]) * 4096
    except OSError:
        return 0


@st.composite
def broken_images(draw: st.DrawFn) -> bytes:
    """Draw an image and one to four changes of its bytes."""
    name = draw(st.sampled_from(NAMES))
    content = bytearray(WHOLE[name])
    for _ in range(draw(st.integers(1, 4))):
        change = draw(st.sampled_from([cut, flip, splice, repeat, set_size, set_frame]))
        content = bytearray(change(draw, content, Path(name).suffix))
    return bytes(content)


def place(draw: st.DrawFn, content: bytearray, *, head: bool = False) -> int:
    """Draw a place in the content; more often in its head, where little is said by many bytes."""
    end = min(len(content), 300) if head or draw(st.booleans()) else len(content)
    return draw(st.integers(0, max(end - 1, 0)))


def cut(draw: st.DrawFn, content: bytearray, suffix: str) -> bytes:
    return bytes(content[: place(draw, content)]) + draw(st.sampled_from(ENDS))


def flip(draw: st.DrawFn, content: bytearray, suffix: str) -> bytes:
    for _ in range(draw(st.integers(1, 8))):
        if content:
            content[place(draw, content)] = draw(st.integers(0, 255))
    return bytes(content)


def splice(draw: st.DrawFn, content: bytearray, suffix: str) -> bytes:
    """Go over into another image."""
    other = WHOLE[draw(st.sampled_from(NAMES))]
    return bytes(content[: place(draw, content)]) + other[place(draw, bytearray(other)) :]


def repeat(draw: st.DrawFn, content: bytearray, suffix: str) -> bytes:
    start, length = place(draw, content), draw(st.integers(1, 200))
    copies = bytes(content[start : start + length]) * draw(st.integers(1, 50))
    return bytes(content[:start]) + copies + bytes(content[start:])


def set_size(draw: st.DrawFn, content: bytearray, suffix: str) -> bytes:
    """Write an odd number where the format keeps a size."""
    places, form = SIZES.get(suffix, ([4], '<I'))
    at, number = draw(st.sampled_from(places)), draw(st.sampled_from(ODD_NUMBERS))
    if len(content) >= at + 4:
        struct.pack_into(form, content, at, min(number, 65_535) if form[1] == 'H' else number)
    if suffix == '.png' and content[12:16] == b'IHDR':  # with the checksum that belongs to it
        content[8:33] = ib.png_chunk(b'IHDR', bytes(content[16:29]))
    return bytes(content)


def set_frame(draw: st.DrawFn, content: bytearray, suffix: str) -> bytes:
    """Write another size, or another coding, into a JPEG's frame."""
    at = next((content.find(bytes([0xFF, code])) for code in (0xC0, 0xC2) if bytes([0xFF, code]) in content), -1)
    if at >= 0 and len(content) > at + 9:
        content[at + 1] = draw(st.sampled_from([0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA]))
        width, height = (min(draw(st.sampled_from(ODD_NUMBERS)), 65_535) for _ in range(2))
        struct.pack_into('>HH', content, at + 5, height, width)
    return bytes(content)


def check(content: bytes, flag: int, least_side: int | None) -> None:
    """Assert the property that this file is about."""
    before = resident_bytes()
    try:
        with time_limit(30):
            image = decode_image(content, flag, least_side=least_side)
    except DamagedImageError:
        return
    assert isinstance(image, np.ndarray)
    assert 0 < image.shape[0] * image.shape[1] <= MAX_PIXELS
    if flag != cv2.IMREAD_UNCHANGED:
        assert image.dtype == np.uint8
        assert image.shape[2:] == ((3,) if flag == cv2.IMREAD_COLOR else ())
    held = image.nbytes
    del image
    assert resident_bytes() - before < MOST_GROWTH + held


@settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=broken_images(), flag=st.sampled_from(FLAGS), least_side=st.sampled_from([None, 1, 16]))
def test_broken_images(content: bytes, flag: int, least_side: int | None) -> None:
    check(content, flag, least_side)


@pytest.mark.slow
@settings(max_examples=20_000, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=broken_images(), flag=st.sampled_from(FLAGS), least_side=st.sampled_from([None, 1, 16]))
def test_many_broken_images(content: bytes, flag: int, least_side: int | None) -> None:
    check(content, flag, least_side)


@settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=400))
def test_any_bytes_behind_any_start(start: bytes, rest: bytes) -> None:
    check(start + rest, cv2.IMREAD_COLOR, None)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=broken_images())
def test_files_are_named(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp('broken')
    (folder / 'x.png').write_bytes(content)
    source = ImageSource(str(folder))
    for read in (source.read_rgb, source.read_mask, source.read_rgba):
        found: Any = None
        try:
            assert read(0).dtype in (np.uint8, np.bool_)  # type: ignore[operator]
        except UnreadableImageError as error:
            found = error
        if found is not None:
            assert found.path == str(folder / 'x.png')
            assert str(found).startswith(f'{folder}/x.png: expected a')


@pytest.mark.skipif(sys.platform != 'linux', reason='the memory is read from /proc')
def test_memory_is_measured() -> None:
    """So that the limit above cannot hold because nothing is measured."""
    gc.collect()  # so that nothing is given back meanwhile
    before = resident_bytes()
    with mmap.mmap(-1, 2**26) as block:  # not from the heap, which may hold as much that is free
        block.write(b'1' * 2**26)
        assert resident_bytes() - before > 2**25


def check_photograph(content: bytes) -> None:
    """Assert that a photograph is read and written within the limits, or refused with a reason."""
    before = resident_bytes()
    try:
        with time_limit(30):  # one of 256 megapixels takes 20 s, and each of its files as long: it is only read
            photograph = read_photograph(io.BytesIO(content))
            for wanted in ('PNG', 'TIFF', 'JPEG', 'WEBP'):
                if max(photograph.size) <= 16_383 and math.prod(photograph.size) < 2**24:
                    photograph.with_repaired(photograph.shown).encode(wanted)
    except UnreadableImageError:
        return
    assert resident_bytes() - before < MOST_GROWTH + photograph.pixels.nbytes


@settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=broken_images())
def test_broken_photographs(content: bytes) -> None:
    check_photograph(content)


@pytest.mark.slow
@settings(max_examples=5_000, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=broken_images())
def test_many_broken_photographs(content: bytes) -> None:
    check_photograph(content)
