"""Odd inputs, each in a run beside a good photograph: one clear line names it, the good one is done, all is kept."""

from __future__ import annotations

import io
import os
import re
import socket
import struct
import zlib
from pathlib import Path
from typing import Callable, Optional

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from hcl_arch.commands.restore.console import shown


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


RGB = Image.fromarray(pixels(24, 32, 3))
FRAMES = {'save_all': True, 'append_images': [Image.new('RGB', (32, 24), 'red')]}


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack('>I', len(content)) + name + content + struct.pack('>I', zlib.crc32(name + content))


def png_of_size(width: int, height: int) -> bytes:
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (
        b'\x89PNG\r\n\x1a\n'
        + png_chunk(b'IHDR', header)
        + png_chunk(b'IDAT', zlib.compress(bytes(100)))
        + png_chunk(b'IEND', b'')
    )


def tiff(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, metadata=None, **options)
    return stream.getvalue()


def damaged_png() -> bytes:
    content = bytearray(encoded(RGB, 'PNG'))
    place = content.index(b'IDAT') + 30
    content[place : place + 40] = bytes(40)
    return bytes(content)


def deep(file_format: str, *options: int) -> bytes:
    return cv2.imencode(file_format, np.random.default_rng(1).integers(0, 65536, (64, 64, 3), np.uint16), options)[
        1
    ].tobytes()


def overwritten(content: bytes, start: float) -> bytes:
    """Replace 100 bytes by zeros, from a share of the length on."""
    place = int(start * len(content))
    return content[:place] + bytes(100) + content[place + 100 :]


# Name, content, and what its line must say; None: it is restored.
FILES: dict[str, tuple[str, bytes, Optional[str]]] = {
    'one pixel': ('one.png', encoded(Image.new('RGB', (1, 1)), 'PNG'), None),
    'one column': ('column.png', encoded(Image.new('L', (1, 300)), 'PNG'), None),
    '20000x10': ('strip.png', encoded(Image.new('RGB', (20000, 10)), 'PNG'), None),
    'animated GIF': ('moving.gif', encoded(RGB, 'GIF', **FRAMES), 'only the first'),
    'animated WebP': ('moving.webp', encoded(RGB, 'WEBP', **FRAMES), 'only the first'),
    'animated PNG': ('moving.png', encoded(RGB, 'PNG', **FRAMES), 'only the first'),
    'pages': ('pages.tiff', encoded(RGB, 'TIFF', **FRAMES), 'only the first'),
    'CMYK JPEG': ('inks.jpg', encoded(RGB.convert('CMYK'), 'JPEG'), 'converted from CMYK'),
    'palette with transparency': ('palette.png', encoded(RGB.quantize(8), 'PNG', transparency=2), None),
    '1 bit': ('bits.png', encoded(RGB.convert('1'), 'PNG'), None),
    '16 bit gray TIFF': ('deep.tiff', tiff(np.ones((9, 9), np.uint16)), None),
    'lab colours': ('lab.tiff', encoded(Image.new('LAB', (8, 8)), 'TIFF'), 'converted from LAB'),
    'JPEG named .png': ('lies.png', encoded(RGB, 'JPEG'), None),
    'upper case': ('LOUD.JPG', encoded(RGB, 'JPEG'), None),
    'spaces': ('  two  words .png', encoded(RGB, 'PNG'), None),
    'non-ASCII': ('Größe 写真 🖼.png', encoded(RGB, 'PNG'), None),
    'newline': ('two\nlines.png', encoded(RGB, 'PNG'), None),
    'control characters': ('\x1b[31mred\x07.png', encoded(RGB, 'PNG'), None),
    'no text at all': (os.fsdecode(b'caf\xe9\xff.png'), encoded(RGB, 'PNG'), None),
    'leading dash': ('-rf.png', encoded(RGB, 'PNG'), None),
    'glob characters': ('a[1]*?.png', encoded(RGB, 'PNG'), None),
    'no extension': ('noextension', encoded(RGB, 'PNG'), None),
    'longest name': ('n' * 251 + '.png', encoded(RGB, 'PNG'), 'cannot be written: File name too long'),
    'broken EXIF': ('exif.jpg', encoded(RGB, 'JPEG', exif=b'Exif\0\0II*\0\xff\xff\xff\x7f'), ''),
    'text named .png': ('text.png', b'Dear diary,\n', 'Error.*no photograph: expected AVIF, BMP'),
    'web page named .jpg': ('page.jpg', b'<!DOCTYPE html><html>404</html>', 'Error.*a web page'),
    'empty': ('empty.png', b'', 'Error.*an empty file'),
    'truncated JPEG': ('cut.jpg', encoded(RGB, 'JPEG')[:-200], 'Error.*cut short'),
    'truncated PNG': ('cut.png', encoded(RGB, 'PNG')[:-300], 'Error.*cut short'),
    'truncated TIFF': ('cut.tiff', encoded(RGB, 'TIFF')[:1200], 'Error.*(damaged|cut short)'),
    'truncated WebP': ('cut.webp', encoded(RGB, 'WEBP')[:-100], 'Error.*(damaged|cut short)'),
    'truncated GIF': ('cut.gif', encoded(RGB, 'GIF')[:-300], 'Error.*(damaged|cut short)'),
    'damaged PNG': ('crc.png', damaged_png(), 'Error.*(damaged|cut short)'),
    'size beyond the limit': ('bomb.png', png_of_size(60000, 60000), 'Error.*60,000 x 60,000 pixels, more than'),
    'no width': ('nowidth.png', png_of_size(0, 5), 'Error.*header is damaged'),
    'damaged PNG of 16 bit': ('crc16.png', overwritten(deep('.png'), 0.5), 'Error.*(damaged|cut short)'),
    'truncated TIFF of 16 bit': (
        'cut16.tiff',
        deep('.tiff', cv2.IMWRITE_TIFF_COMPRESSION, 1)[:9000],
        'Error.*(damaged|cut short)',
    ),
    'damaged TIFF of 16 bit': (
        'lzw16.tiff',
        overwritten(deep('.tiff', cv2.IMWRITE_TIFF_COMPRESSION, 5), 0.3),
        'Error.*(damaged|cut short)',
    ),
    'damaged JPEG': ('bits.jpg', overwritten(encoded(RGB, 'JPEG'), 0.7), ''),
    'damaged TIFF': (
        'lzw.tiff',
        overwritten(encoded(RGB, 'TIFF', compression='tiff_lzw'), 0.3),
        'Error.*(damaged|cut short)',
    ),
    'inks in a TIFF': ('inks.tiff', encoded(RGB.convert('CMYK'), 'TIFF'), 'converted from CMYK'),
    'HEIC': (
        'phone.heic',
        b'\0\0\0\x18ftypheic\0\0\0\0mif1heic',
        'Error.*(a HEIC photograph: pip install|its header is damaged)',
    ),
    'SVG': ('drawing.svg', b'<?xml version="1.0"?>\n<svg xmlns="x"/>', 'Error.*an SVG drawing'),
    'PDF': ('scan.pdf', b'%PDF-1.7\n', 'Error.*a PDF document'),
    'raw camera file': ('raw.dng', tiff(pixels(8, 8, 3), photometric='rgb', subfiletype=1), 'Error.*raw camera'),
    'floating point': ('float.tiff', tiff(np.full((8, 8), 1e9, np.float32)), 'Error.*expected 0 to 1, 255 or 65535'),
    'video': ('film.mp4', b'\0\0\0\x18ftypisom\0\0\0\0', 'Error.*a film'),
}


def broken_link(folder: Path) -> Path:
    (folder / 'broken.png').symlink_to(folder / 'nothing.png')
    return folder / 'broken.png'


def link_to_itself(folder: Path) -> Path:
    (folder / 'self.png').symlink_to(folder / 'self.png')
    return folder / 'self.png'


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / 'pipe.png')
    return folder / 'pipe.png'


def bound_socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind('socket.png')  # by a short name: sockets have room for 100 bytes
    return folder / 'socket.png'


def folder_named_png(folder: Path) -> Path:
    (folder / 'folder.png').mkdir()
    return folder / 'folder.png'


def absent(folder: Path) -> Path:
    return folder / 'absent.png'


def glob_of_nothing(folder: Path) -> Path:
    return folder / 'absent*.png'


def name_too_long(folder: Path) -> Path:
    return folder / ('x' * 300 + '.png')


def device(folder: Path) -> Path:
    return Path('/dev/zero')


SPECIAL: dict[Callable[[Path], Path], str] = {
    broken_link: 'Error.*link that leads nowhere',
    link_to_itself: 'Error.*link that leads to itself',
    pipe: 'Error.*found a pipe, a device or a socket',
    bound_socket: 'Error.*found a pipe, a device or a socket',
    folder_named_png: 'Error.*no photographs in this folder',
    absent: 'Error.*no such file',
    glob_of_nothing: 'Error.*no such file, and as a glob it matches none',
    name_too_long: 'Error.*File name too long',
    device: 'Error.*found a pipe, a device or a socket',
}


def check_beside_good(command, make_photo, odd: Path, says: Optional[str], *, separated: bool = False) -> None:
    make_photo('good.png')
    arguments = ['-o', 'out', '--', 'good.png', odd.name] if separated else ['good.png', odd, '-o', 'out']
    outcome = command(*arguments)
    fails = says is not None and ('Error' in says or 'cannot' in says)
    assert outcome.status == (1 if fails else 0), outcome.err
    assert (Path('out') / 'good.png').is_file()
    assert (Path('out') / 'good_mask.png').is_file()
    naming = [line for line in outcome.lines if shown(odd.name) in line]
    assert len(naming) == 1, outcome.err
    assert naming[0].startswith('Error: ') == fails
    assert re.search(says or '', naming[0]), naming[0]
    assert len(outcome.lines) == 3  # one each, and the totals


@pytest.mark.parametrize('kind', FILES)
def test_odd_file_beside_a_good_one(kind: str, command, make_photo, work_folder: Path) -> None:
    name, content, says = FILES[kind]
    odd = work_folder / name
    odd.write_bytes(content)
    check_beside_good(command, make_photo, odd, says, separated=kind == 'leading dash')
    assert odd.read_bytes() == content
    if kind != 'longest name' and not (says or '').startswith('Error'):
        stem = os.path.splitext(name)[0]
        masks = [path.name for path in Path('out').iterdir() if path.name == f'{stem}_mask.png']
        assert len(masks) == 1


@pytest.mark.parametrize('make', SPECIAL, ids=lambda make: make.__name__)
def test_odd_place_beside_a_good_one(make: Callable[[Path], Path], command, make_photo, work_folder: Path) -> None:
    check_beside_good(command, make_photo, make(work_folder), SPECIAL[make])


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and folders named `secret` may not be read, whoever asks (tests may run as root)."""
    real_open, real_scandir = os.open, os.scandir

    def guarded(real: Callable) -> Callable:
        def call(path: str, *arguments: object, **options: object) -> object:
            if 'secret' in os.path.basename(os.fspath(path)):
                raise PermissionError(13, 'Permission denied', os.fspath(path))
            return real(path, *arguments, **options)

        return call

    monkeypatch.setattr(os, 'open', guarded(real_open))
    monkeypatch.setattr(os, 'scandir', guarded(real_scandir))


@pytest.mark.usefixtures('unreadable')
def test_no_permission_to_read_a_file(command, make_photo) -> None:
    check_beside_good(command, make_photo, make_photo('secret.png'), 'Error.*allow reading')


@pytest.mark.usefixtures('unreadable')
def test_no_permission_to_list_a_folder(command, make_photo, work_folder: Path) -> None:
    make_photo('set/secret/a.png')
    make_photo('set/open/b.png')
    outcome = command('set', '-o', 'out')
    assert outcome.status == 1
    assert Path('out/open/b.png').is_file()
    assert [line for line in outcome.lines if 'secret' in line] == [
        'Error: set/secret: cannot be searched (Permission denied). Allow reading it'
    ]


def test_loops_of_links_between_folders_end(command, make_photo, tree) -> None:
    make_photo('set/a.png')
    make_photo('set/deep/b.png')
    os.symlink('..', 'set/deep/up')
    os.symlink('.', 'set/here')
    outcome = command('set', '-o', 'out', '--save', 'restored')
    assert (outcome.status, len(outcome.restorer.calls)) == (0, 2)
    assert [name for name in tree() if name.startswith('out')] == ['out/a.png', 'out/deep/b.png']


def test_photographs_of_other_kinds_in_a_folder_are_noted(command, make_photo) -> None:
    make_photo('set/a.png')
    for name in ('b.psd', 'c.NEF', 'notes.txt', '.hidden.png'):
        Path('set', name).write_bytes(b'x')
    outcome = command('set', '-o', 'out')
    assert outcome.status == 0
    assert outcome.lines[0] == (
        'Note: 2 files are of kinds that are not read here, and passed over: set/b.psd, set/c.NEF'
    )
    assert len(outcome.restorer.calls) == 1
