"""Whatever metadata a photograph has, it is written in every format, and Pillow reads what was written."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from hcl_arch.restoration.photographs.photograph import read_photograph
from tests.faults import hostile_photographs as hp
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit

EXIF = hp.directory({
    0x010E: (2, 9, b'A bridge\0'), 0x0112: (3, 1, struct.pack('<H', 6)), 0x011A: (5, 1, struct.pack('<II', 300, 1)),
    0x8769: (4, 1, struct.pack('<I', 8)), 0x8825: (4, 1, struct.pack('<I', 8)), 40_000: (10, 3, bytes(24)),
    40_001: (12, 1, struct.pack('<d', 1)), 40_002: (7, 40, bytes(40)), 40_003: (9, 2, bytes(8)),
}, start=hp.directory({0xA002: (4, 1, struct.pack('<I', 48)), 0x927C: (7, 60, bytes(60))})[8:])  # fmt: skip
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
XMP = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><a x:b="c">text</a></x:xmpmeta><?xpacket end="w"?>'
BLOCKS = {'exif': EXIF, 'icc': ICC, 'xmp': XMP, 'big': hp.tiff(bytes(48 * 40), 48, 40, big=True)}
FORMATS = ('PNG', 'JPEG', 'WEBP', 'TIFF', 'BMP')


def jpeg_of(block: str, data: bytes) -> bytes:
    marker, mark = {'exif': (0xE1, b'Exif\0\0'), 'icc': (0xE2, b'ICC_PROFILE\0\1\1'),
                    'xmp': (0xE1, b'http://ns.adobe.com/xap/1.0/\0')}[block]  # fmt: skip
    content, data = ib.encoded('JPEG'), (mark + data)[:65_000]
    return content[:20] + struct.pack('>BBH', 0xFF, marker, len(data) + 2) + data + content[20:]


def png_of(block: str, data: bytes) -> bytes:
    chunk = {'exif': (b'eXIf', data), 'icc': (b'iCCP', b'x\0\0' + zlib.compress(data)),
             'xmp': (b'iTXt', b'XML:com.adobe.xmp\0\0\0\0\0' + data)}[block]  # fmt: skip
    return hp.png_with(chunk)


def webp_of(block: str, data: bytes) -> bytes:
    return hp.webp_with(({'exif': b'EXIF', 'icc': b'ICCP', 'xmp': b'XMP '}[block], data))


def tiff_of(block: str, data: bytes) -> bytes:
    if block == 'exif':  # the directory itself
        return data
    return hp.tiff(bytes(48 * 40), 48, 40, more={{'icc': 34675, 'xmp': 700}[block]: (7, len(data), data)})


SOURCES = {'JPEG': jpeg_of, 'PNG': png_of, 'WEBP': webp_of, 'TIFF': tiff_of}


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a file with a block of metadata in which up to eight places are changed, or that is cut."""
    source, block = draw(st.sampled_from(sorted(SOURCES))), draw(st.sampled_from(['exif', 'exif', 'icc', 'xmp']))
    data = bytearray(BLOCKS['big'] if (source, block) == ('TIFF', 'exif') else BLOCKS[block])
    for _ in range(draw(st.integers(0, 8))):
        place, value = draw(st.integers(0, len(data) - 1)), draw(st.sampled_from([0, 1, 2, 5, 12, 16, 255, 128, 60]))
        if (source, block) != ('TIFF', 'exif') or place >= 16 + 48 * 40 + 8:
            data[place] = value
    if source != 'TIFF' and draw(st.booleans()):
        data = data[: draw(st.integers(0, len(data)))]
    return f'{source} with {block}', SOURCES[source](block, bytes(data))


def check(content: bytes, *, may_fail: bool = False) -> None:
    """Read, write in each format, and read each by Pillow to its last tag, without a warning."""
    try:
        photograph = read_photograph(io.BytesIO(content))
    except OSError:
        assert may_fail
        return
    for wanted in FORMATS:
        written = replace(photograph, content=b'').encode(wanted)[0]  # a copy would keep what is damaged
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            read_by_pillow(written)
        again = read_photograph(io.BytesIO(written))
        assert again.remarks == (), wanted
        if wanted in ('PNG', 'TIFF'):
            np.testing.assert_array_equal(again.pixels, photograph.pixels)


def read_by_pillow(content: bytes) -> None:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        tags = image.getexif()
        for directory in (dict(tags), *(tags.get_ifd(tag) for tag in (0x8769, 0x8825) if tag in tags)):
            list(map(repr, directory.values()))
        if image.info.get('icc_profile'):
            ImageCms.ImageCmsProfile(io.BytesIO(image.info['icc_profile']))
        if image.info.get('xmp'):
            ElementTree.fromstring(image.info['xmp'])


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=mutated())
def test_mutated_metadata(case: tuple[str, bytes]) -> None:
    with time_limit(30):
        check(case[1], may_fail=case[0] == 'TIFF with exif')


@pytest.mark.slow
@settings(max_examples=1500, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=mutated())
def test_much_mutated_metadata(case: tuple[str, bytes]) -> None:
    with time_limit(30):
        check(case[1], may_fail=case[0] == 'TIFF with exif')


@pytest.mark.parametrize('block', ['exif', 'icc', 'xmp'])
@pytest.mark.parametrize('source', ['JPEG', 'PNG', 'WEBP'])
def test_whole_metadata_are_carried(source: str, block: str) -> None:
    photograph = read_photograph(io.BytesIO(SOURCES[source](block, BLOCKS[block])))
    assert photograph.remarks == ()
    for wanted in FORMATS[:4]:
        kept = read_photograph(io.BytesIO(photograph.encode(wanted)[0])).metadata
        if block == 'exif':
            tags = kept.tags()
            assert tags.entries[0x010E].data == b'A bridge\0'
            assert tags.numbers(0x0112) == (1,)
            assert tags.children[0x8769].entries[0x927C].data == bytes(60)
            assert set(tags.entries) >= {40_000, 40_001, 40_002, 40_003}
        elif block == 'icc':
            assert kept.icc_profile == ICC
        else:
            assert kept.xmp == XMP


@pytest.mark.parametrize(('block', 'data', 'words'), [
    ('exif', b'II*\0\xff\xff\0\0' + bytes(20), 'EXIF data are damaged and left out'),
    ('exif', EXIF[:-30], 'EXIF data are damaged and left out'),
    ('icc', b'no profile' * 20, 'colour profile is damaged and left out'),
    ('xmp', XMP.replace(b'</a>', b''), 'XMP is damaged and left out'),
    ('xmp', XMP.replace(b'text', b'\xff\xfe'), 'XMP is damaged and left out'),
    ('xmp', b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'XMP is damaged and left out'),
])  # fmt: skip
@pytest.mark.parametrize('source', ['JPEG', 'PNG', 'WEBP'])
def test_what_is_damaged_is_said(source: str, block: str, data: bytes, words: str) -> None:
    photograph = read_photograph(io.BytesIO(SOURCES[source](block, data)))
    assert any(words in remark for remark in photograph.remarks)
    check(SOURCES[source](block, data))


def test_bigtiff_becomes_classic_exif() -> None:
    """Its block in 64 bits ended the command, and no reader of the other formats understood it."""
    more = {0x010E: (2, 9, b'A bridge\0'), 40_000: (16, 2, struct.pack('<2Q', 7, 2**31)),
            40_001: (16, 1, struct.pack('<Q', 2**40))}  # fmt: skip
    photograph = read_photograph(io.BytesIO(hp.tiff(bytes(48 * 40), 48, 40, more=more, big=True)))
    for wanted in FORMATS[:4]:
        with Image.open(io.BytesIO(replace(photograph, content=b'').encode(wanted)[0])) as image:
            tags = image.getexif()
            assert tags[0x010E] == 'A bridge'
            assert tags[40_000] == (7, 2**31)
            assert 40_001 not in tags  # 64 bits have no place there


def test_bad_profile_in_a_data_set_is_not_warned_about(capfd: pytest.CaptureFixture[str]) -> None:
    """libpng wrote 77 warnings in ten iterations of a training."""
    from hcl_arch.utils.image_decoding import decode_image

    content = hp.png_with((b'iCCP', b'x\0\0' + zlib.compress(ICC[:200])), (b'gAMA', bytes(4)), (b'sBIT', b'\x63'))
    assert decode_image(content).shape == (40, 48, 3)
    assert read_photograph(io.BytesIO(content)).size == (48, 40)
    assert capfd.readouterr().err == ''
