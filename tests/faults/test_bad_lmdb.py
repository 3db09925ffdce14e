"""LMDB folders that cannot be read end with an error that names them, never with the end of the process.

What touches a damaged `data.mdb` runs in a forked process, so that a test fails where one is killed.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import shutil
import struct
from pathlib import Path
from typing import Any, Callable

import lmdb
import numpy as np
import pytest

from hcl_arch.data.storage.image_source import ImageSource
from hcl_arch.data.storage.lmdb_reader import close_lmdb_environments
from hcl_arch.utils.unreadable_image import UnreadableImageError
from preparation import PreparationError, PrepItem, ResizeShortSide, prepare
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit

PNG = ib.encoded('PNG')
PAGE = os.sysconf('SC_PAGE_SIZE') if hasattr(os, 'sysconf') else 4096
# Where a meta page has its fields, in bytes from the page's start.
FLAGS, MAGIC, VERSION, PAGE_SIZE, MAIN_DEPTH, MAIN_ROOT = 10, 16, 20, 40, 94, 128
FIELDS_END = 152

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='forked processes')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An LMDB of 40 noisy images, which take several pages each."""
    folder = tmp_path / 'photos.lmdb'
    rng = np.random.default_rng(0)
    with lmdb.open(str(folder), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        for index in range(40):
            image = rng.integers(0, 256, (50, 60, 3)).astype(np.uint8)
            transaction.put(f'{index:02d}'.encode(), ib.encoded('PNG', image=image))
    (folder / 'meta_info.txt').write_text(''.join(f'{index:02d}.png (50,60,3) 1\n' for index in range(40)))
    return folder


def read_all(folder: Path) -> str:
    """Return '' if all images are read, else the error of the first that cannot be."""
    close_lmdb_environments()
    try:
        source = ImageSource(str(folder))
        for index in range(len(source)):
            assert source.read_rgb(index).ndim == 3
    except (OSError, ValueError) as error:
        return f'{type(error).__name__}: {error}'
    finally:
        close_lmdb_environments()
    return ''


def in_a_fork(function: Callable[..., Any], *arguments: Any) -> tuple[int | None, Any]:
    """Return the exit code of a process that calls the function, and what it returned."""
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(function(*arguments)))
    process.start()
    sender.close()
    try:
        answer = receiver.recv() if receiver.poll(30) else None
    except EOFError:
        answer = None
    process.join(30)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode, answer


def put(place: int, form: str, value: int, *, pages: tuple[int, ...] = (0, 1)) -> Callable[[Path], None]:
    """Return a function that writes a number into the meta pages of a data file."""

    def write(path: Path) -> None:
        content = bytearray(path.read_bytes())
        for page in pages:
            struct.pack_into(form, content, page * PAGE + place, value)
        path.write_bytes(content)

    return write


def cut(length: Callable[[int], int]) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, length(path.stat().st_size))


def swap_words(path: Path) -> None:
    """Write the head as a machine of the other byte order would."""
    content = bytearray(path.read_bytes())
    for page in (0, 1):
        start = page * PAGE + MAGIC
        content[start : start + 4] = content[start : start + 4][::-1]
    path.write_bytes(content)


def replaced(content: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(content), None)[1]


FOREIGN, CUT, HEAD = 'that begin otherwise', 'the file is cut short', 'one whose head is damaged'
BAD_DATA: dict[str, tuple[Callable[[Path], None], str]] = {
    'empty': (replaced(b''), FOREIGN),
    'text': (replaced(b'see the other disk\n'), FOREIGN),
    'zeros': (replaced(bytes(100_000)), FOREIGN),
    'database_of_another_kind': (replaced(b'SQLite format 3\0' + bytes(9000)), FOREIGN),
    'image': (replaced(PNG), FOREIGN),
    'half_a_head': (cut(lambda size: 100), FOREIGN),
    'first_page_only': (cut(lambda size: PAGE), FOREIGN),
    'half_of_the_second_head': (cut(lambda size: PAGE + 100), FOREIGN),
    'heads_only': (cut(lambda size: 2 * PAGE), CUT),
    'third_page': (cut(lambda size: 3 * PAGE), CUT),
    'half': (cut(lambda size: size // 2), CUT),
    'last_page_gone': (cut(lambda size: size - PAGE), CUT),
    'last_byte_gone': (cut(lambda size: size - 1), CUT),
    'other_magic': (put(MAGIC, '<I', 0xDEADBEEF), FOREIGN),
    'other_magic_in_second': (put(MAGIC, '<I', 0xDEADBEEF, pages=(1,)), FOREIGN),
    'other_version': (put(VERSION, '<I', 999), FOREIGN),
    'other_byte_order': (swap_words, FOREIGN),
    'no_meta_page': (put(FLAGS, '<H', 0x04), FOREIGN),
    'pages_of_0_bytes': (put(PAGE_SIZE, '<I', 0), FOREIGN),
    'pages_of_7_bytes': (put(PAGE_SIZE, '<I', 7), FOREIGN),
    'pages_of_4_gb': (put(PAGE_SIZE, '<I', 2**32 - 1), FOREIGN),
    'pages_of_64_kb': (put(PAGE_SIZE, '<I', 2**16), FOREIGN),
    'two_page_sizes': (put(PAGE_SIZE, '<I', PAGE // 2, pages=(1,)), FOREIGN),
    'deep_tree': (put(MAIN_DEPTH, '<H', 999), HEAD),
    'root_in_the_head': (put(MAIN_ROOT, '<Q', 1), HEAD),
    'root_beyond_the_end': (put(MAIN_ROOT, '<Q', 2**40), HEAD),
    'last_page_far_beyond_the_end': (put(136, '<Q', 2**40), 'the LMDB cannot be read ('),
}


@pytest.mark.parametrize('damage', BAD_DATA)
def test_data_file(damage: str, folder: Path) -> None:
    change, words = BAD_DATA[damage]
    change(folder / 'data.mdb')
    code, answer = in_a_fork(read_all, folder)
    assert code == 0
    assert answer.startswith(f'UnreadableImageError: {folder}/00: {folder}')
    assert words in answer


def raw_read(folder: Path) -> int:
    faulthandler.disable()  # which pytest switches on, and which would print the stack
    environment = lmdb.open(str(folder), readonly=True, lock=False)
    with environment.begin() as transaction:
        return sum(len(value) for _, value in transaction.cursor())


def test_the_library_alone_would_end_the_process(folder: Path) -> None:
    """Shows that the check is needed; where this fails, lmdb has become safe."""
    cut(lambda size: size // 2)(folder / 'data.mdb')
    assert in_a_fork(raw_read, folder)[0] != 0


def write_and_delete(folder: Path, rng: np.random.Generator) -> tuple[list[str], int]:
    """Make an LMDB in which entries are written and deleted, and return its keys and the size that its head states."""
    with lmdb.open(str(folder), map_size=2**26) as environment:
        for _ in range(int(rng.integers(1, 5))):
            with environment.begin(write=True) as transaction:
                for _ in range(int(rng.integers(1, 120))):
                    key = f'{rng.integers(60):02d}'.encode()
                    if rng.random() < 0.4:
                        transaction.delete(key)
                    else:
                        transaction.put(key, PNG + bytes(int(rng.choice([10, 500, 3000, 9000, 60_000]))))
        with environment.begin() as transaction:
            keys = [key.decode() for key, _ in transaction.cursor()]
        return keys, (environment.info()['last_pgno'] + 1) * environment.stat()['psize']


def test_short_but_whole_file_is_read(folder: Path) -> None:
    """The last pages of a transaction that took and freed them are never written."""
    keys, need = list[str](), 0
    for seed in range(300):  # about one in forty is such a file
        shutil.rmtree(folder)
        keys, need = write_and_delete(folder, np.random.default_rng(seed))
        if (folder / 'data.mdb').stat().st_size < need:
            break
    assert (folder / 'data.mdb').stat().st_size < need
    (folder / 'meta_info.txt').write_text(''.join(f'{key}.png (40,48,3) 1\n' for key in keys))
    assert in_a_fork(read_all, folder) == (0, '')
    # The same file, but really cut.
    cut(lambda size: size // 2)(folder / 'data.mdb')
    code, answer = in_a_fork(read_all, folder)
    assert code == 0
    assert CUT in answer


def flip_heads(folder: Path) -> list[str]:
    """Return the answers, other than a whole reading or a named error, to each byte of the heads being another."""
    path = folder / 'data.mdb'
    whole = path.read_bytes()
    puzzling = []
    for place in [*range(FIELDS_END), *range(PAGE, PAGE + FIELDS_END)]:
        for value in {0, 0xFF, whole[place] ^ 1, whole[place] ^ 0x80} - {whole[place]}:
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            answer = read_all(folder)
            if answer and str(folder) not in answer:
                puzzling.append(f'byte {place} = {value}: {answer}')
    return puzzling


def test_every_byte_of_the_heads(folder: Path) -> None:
    (folder / 'meta_info.txt').write_text('00.png (50,60,3) 1\n39.png (50,60,3) 1\n')
    with time_limit(60):
        assert in_a_fork(flip_heads, folder) == (0, [])


NO_DATA: dict[str, Callable[[Path], Any]] = {
    'missing': lambda path: None,
    'folder': lambda path: path.mkdir(),
    'pipe': os.mkfifo if hasattr(os, 'mkfifo') else lambda path: None,
    'link_to_nothing': lambda path: path.symlink_to('lost.mdb'),
    'device': lambda path: path.symlink_to('/dev/zero'),
}


@pytest.mark.parametrize('name', ['data.mdb', 'meta_info.txt'])
@pytest.mark.parametrize('kind', NO_DATA)
def test_no_file(kind: str, name: str, folder: Path) -> None:
    (folder / name).unlink()
    NO_DATA[kind](folder / name)
    with time_limit(), pytest.raises(FileNotFoundError, match=rf'{folder}: expected the file {name}'):
        ImageSource(str(folder))


@pytest.mark.parametrize('name', ['data.mdb', 'meta_info.txt'])
@pytest.mark.parametrize('kind', NO_DATA)
def test_file_that_has_changed_since(kind: str, name: str, folder: Path) -> None:
    """The list is held in memory by then; the data are opened at the first read."""
    source = ImageSource(str(folder))
    (folder / name).unlink()
    NO_DATA[kind](folder / name)
    if name == 'meta_info.txt':
        assert source.read_rgb(0).shape == (50, 60, 3)
    else:
        with time_limit(), pytest.raises(UnreadableImageError, match=rf'{folder}/00: {folder}/data\.mdb: ') as caught:
            source.read_rgb(0)
        assert caught.value.path == f'{folder}/00'
    close_lmdb_environments()


LINE = "expected the form 'name.png (h,w,c) 1', found "
BAD_META: dict[str, tuple[bytes, str]] = {
    'empty': (b'', 'expected a line for each image, found none'),
    'blank_lines': (b'\n\n  \n', 'expected a line for each image, found none'),
    'binary': (bytes(range(256)) * 9, f"line 1: {LINE}'\\x00\\x01"),
    'zeros': (bytes(500), f"line 1: {LINE}'\\\\x00"),
    'utf_16': ('00.png (40,48,3) 1\n'.encode('utf-16'), 'line 1: expected text in UTF-8'),
    'latin_1': ('Zürich.png (40,48,3) 1\n'.encode('latin-1'), 'line 1: expected text in UTF-8'),
    'one_huge_line': (b'00.png (40,48,3) 1' + b'0' * 5_000_000, 'line 1: expected at most 1024 bytes'),
    'huge_second_line': (b'00.png (40,48,3) 1\n' + b'0' * 2000 + b'\n', 'line 2: expected at most 1024 bytes'),
    'names_only': (b'00.png\n01.png\n', f"line 1: {LINE}'00.png'"),
    'table': (b'name;height;width\n00.png;40;48\n', f'line 1: {LINE}'),
    'json': (b'{"00.png": [40, 48, 3]}', f'line 1: {LINE}'),
    'no_extension': (b'00 (40,48,3) 1\n', f'line 1: {LINE}'),
    'no_name': (b'.png (40,48,3) 1\n', f'line 1: {LINE}'),
    'third_line': (b'00.png (40,48,3) 1\n01.png (40,48,3) 1\nwhat\n', f"line 3: {LINE}'what'"),
    'absolute': (b'/etc/passwd.png (40,48,3) 1\n', 'it is an absolute path'),
    'above': (b'../secret.png (40,48,3) 1\n', "'..' leads out of the folder"),
    'above_within': (b'a/../../secret.png (40,48,3) 1\n', "'..' leads out of the folder"),
    'above_in_the_middle': (b'a/../b.png (40,48,3) 1\n', "'..' leads out of the folder"),
    'above_on_windows': (b'a\\..\\..\\secret.png (40,48,3) 1\n', "'..' leads out of the folder"),
    'drive': (b'C:\\secret.png (40,48,3) 1\n', 'it is an absolute path'),
    'share': (b'\\\\server\\secret.png (40,48,3) 1\n', 'it is an absolute path'),
    'null': (b'a\0b.png (40,48,3) 1\n', 'it holds a control character'),
    'escape': (b'\x1b[2J.png (40,48,3) 1\n', 'it holds a control character'),
    'tabulator': (b'a\tb.png (40,48,3) 1\n', 'it holds a control character'),
    'carriage_return': (b'a\rb.png (40,48,3) 1\n', 'it holds a control character'),
}


@pytest.mark.parametrize('kind', BAD_META)
def test_list_of_keys(kind: str, folder: Path) -> None:
    content, words = BAD_META[kind]
    (folder / 'meta_info.txt').write_bytes(content)
    with time_limit(), pytest.raises(ValueError) as caught:  # noqa: PT011  (the text is looked at below)
        ImageSource(str(folder))
    message = str(caught.value)
    assert message.startswith(f'{folder}/meta_info.txt')
    assert words.replace('\\\\', '\\') in message
    assert len(message) < 500 + len(str(folder))
    assert message.isprintable()


BAD_VALUES: dict[str, tuple[bytes | None, str]] = {
    'missing': (None, 'meta_info.txt names this key, but the LMDB lacks it'),
    'empty': (b'', 'expected an image, found 0 bytes'),
    'text': (b'see 01', 'expected an image, found 6 bytes'),
    'path': (b'/etc/passwd', 'expected an image, found 11 bytes'),
    'pickle': (b'\x80\x04\x95\x1c\0\0\0', 'expected an image, found 7 bytes'),
    'raw_pixels': (bytes(40 * 48 * 3), 'expected an image, found 5760 bytes'),
    'cut': (PNG[:100], 'cut short'),
    'bomb': (ib.png(2**30, 2**30), 'the limit of 268,435,456'),
}


@pytest.mark.parametrize('kind', BAD_VALUES)
def test_value(kind: str, folder: Path) -> None:
    value, words = BAD_VALUES[kind]
    with lmdb.open(str(folder), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        transaction.delete(b'07')
        if value is not None:
            transaction.put(b'07', value)
    source = ImageSource(str(folder))
    with time_limit(), pytest.raises(UnreadableImageError, match=words) as caught:
        source.read_rgb(7)
    assert caught.value.path == f'{folder}/07'
    assert source.read_rgb(8).shape == (50, 60, 3)


@pytest.mark.parametrize('key', ['x' * 512, 'Zürich', '東京' * 80], ids=['too_long', 'accent', 'letters_of_480_bytes'])
def test_key_that_no_lmdb_of_this_kind_holds(key: str, folder: Path) -> None:
    (folder / 'meta_info.txt').write_text(f'{key}.png (40,48,3) 1\n', encoding='utf-8')
    with time_limit(), pytest.raises(UnreadableImageError) as caught:
        ImageSource(str(folder)).read_rgb(0)
    assert caught.value.path == f'{folder}/{key}'


def test_folder_that_must_not_be_written_to(folder: Path) -> None:
    """BasicSR's readers take no lock; so a lock file that cannot be opened is no concern."""
    (folder / 'lock.mdb').unlink(missing_ok=True)
    (folder / 'lock.mdb').mkdir(mode=0o500)
    folder.chmod(0o500)
    try:
        assert in_a_fork(read_all, folder) == (0, '')
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize('damage', ['text', 'half_a_head', 'heads_only', 'half', 'pages_of_0_bytes'])
def test_preparation_does_not_go_on_with_a_damaged_file(damage: str, tmp_path: Path) -> None:
    """A power cut can leave such a file; LMDB would end the process, or take it for an empty one."""
    rng = np.random.default_rng(0)
    items = [PrepItem(str(tmp_path / f'{index}.png'), str(index)) for index in range(4)]
    for item in items:
        Path(item.source).write_bytes(ib.encoded('PNG', image=rng.integers(0, 256, (50, 60, 3)).astype(np.uint8)))
    Path(items[3].source).unlink()  # the end of the first run

    def run() -> str:
        try:
            prepare(
                items, str(tmp_path / 'out.lmdb'), transform=ResizeShortSide(40), settings={}, workers=0, commit_every=1
            )
        except PreparationError as error:
            return str(error)
        return ''

    assert 'No such file' in run()
    data = tmp_path / 'out.lmdb.unfinished' / 'content' / 'data.mdb'
    BAD_DATA[damage][0](data)
    code, answer = in_a_fork(run)
    assert code == 0
    assert answer.startswith(f'{data}: expected ')
    assert 'remove its folder, and run the command again' in answer
    assert not (tmp_path / 'out.lmdb').exists()
