"""Names that stand in a file lead nowhere else, and a preparation's journal is not believed blindly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hcl_arch.utils.safe_names import name_fault, on_one_line
from preparation import FileItems, PreparationError, PrepItem, ResizeShortSide, key_of, prepare
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit

OUTSIDE = ['/etc/passwd', '//server/x', '../x', 'a/../../x', 'a/..', '..', 'C:/x', 'c:x', '\\x', 'a\\..\\..\\x',
           '\\\\s\\x', 'a\0b', 'a\nb', 'a\rb', '\x1b[2J', '\x7f', '\x85', '\udcff', '']  # fmt: skip


KEYS = ['/x', '../x', 'a/../x', 'a//x', 'a\\x', 'a.b', 'a\nb', 'a\0', ' a', 'a ', '', 'ü', 'a/', 'C:x', 'x' * 600]
RECORDS = {'empty': b'', 'deep': b'[' * 100_000, 'number': b'7', 'list': b'[]', 'null': b'null', 'mapping': b'{}',
           'binary': bytes(range(256)), 'other_settings': b'{"settings": 3}'}  # fmt: skip


@pytest.mark.parametrize('name', OUTSIDE, ids=ascii)
def test_names_that_are_refused(name: str) -> None:
    assert name_fault(name)


@pytest.mark.parametrize('name', ['x', 'a/b/c', '...', '..a', 'a..', 'a/.b', 'a b', 'Zürich', '東京', '-', 'ab:c'])
def test_names_that_are_taken(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize('name', [name for name in OUTSIDE if name], ids=ascii)
def test_no_key_leads_out(name: str) -> None:
    """Keys are made of the names of files; whatever a name is, its key stays below the output."""
    key = key_of(f'{name}.png')
    assert name_fault(key) in (None, 'it is empty')
    assert '\\' not in key


@pytest.mark.parametrize('key', KEYS, ids=lambda key: ascii(key)[:20])
@pytest.mark.parametrize('output', ['out.lmdb', 'out'])
def test_items_with_other_keys_are_refused(key: str, output: str, tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(ib.encoded('PNG'))
    with time_limit(), pytest.raises(PreparationError, match='a.png: the key .* cannot be used'):
        run([PrepItem(str(tmp_path / 'a.png'), key)], tmp_path / output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.png']


def run(items: Any, output: Path) -> None:
    prepare(items, str(output), transform=ResizeShortSide(20), settings={}, workers=0, commit_every=1)


ENTRY = ['0', '.png', 40, 48, 3, 100]
BAD_LINES: dict[str, bytes] = {
    'other_key': json.dumps(['../../0', *ENTRY[1:]]).encode(),
    'extension_that_leads_out': json.dumps(['0', '/../../../evil.png', *ENTRY[2:]]).encode(),
    'extension_of_two_lines': json.dumps(['0', '.png (1,1,1) 1\n../x.png', *ENTRY[2:]]).encode(),
    'unknown_extension': json.dumps(['0', '.exe', *ENTRY[2:]]).encode(),
    'negative_size': json.dumps([*ENTRY[:5], -1]).encode(),
    'text_for_a_number': json.dumps([*ENTRY[:2], '40', *ENTRY[3:]]).encode(),
    'truth_for_a_number': json.dumps([*ENTRY[:2], True, *ENTRY[3:]]).encode(),
    'fraction': json.dumps([*ENTRY[:2], 40.5, *ENTRY[3:]]).encode(),
    'list_for_a_key': json.dumps([['0'], *ENTRY[1:]]).encode(),
    'too_few_fields': json.dumps(ENTRY[:3]).encode(),
    'too_many_fields': json.dumps([*ENTRY, 1]).encode(),
    'mapping': b'{"0": 1, "1": 2}',
    'number': b'7',
    'text_of_two_letters': b'"ab"',
    'nothing': b'null',
    'not_a_number': b'["0", ".png", NaN, 48, 3, 100]',
    'deeply_nested': b'[' * 100_000,
    'binary': bytes(range(128, 255)),
    'empty': b'',
}


@pytest.mark.parametrize('output', ['out.lmdb', 'out'])
@pytest.mark.parametrize('kind', BAD_LINES)
def test_journal(kind: str, output: str, tmp_path: Path) -> None:
    """From the first line on that no run has written, the work is done again; nothing is written elsewhere."""
    sources = tmp_path / 'sources'
    sources.mkdir()
    items = FileItems(str(sources), [f'{index}.png' for index in range(3)])
    for item in items[:2]:
        Path(item.source).write_bytes(ib.encoded('PNG'))
    with pytest.raises(PreparationError, match='No such file'):
        run(items, tmp_path / output)
    Path(items[2].source).write_bytes(ib.encoded('PNG'))
    journal = tmp_path / f'{output}.unfinished' / 'journal.txt'
    assert len(journal.read_bytes().splitlines()) == 2
    journal.write_bytes(BAD_LINES[kind] + b'\n' + journal.read_bytes().splitlines(keepends=True)[1])
    before = sorted(path.name for path in tmp_path.iterdir())
    with time_limit():
        run(items, tmp_path / output)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        name.replace('.unfinished', '') for name in before
    )
    if output == 'out.lmdb':
        lines = (tmp_path / output / 'meta_info.txt').read_text().splitlines()
        assert [line.split()[0] for line in lines] == [f'{index}.jpg' for index in range(3)]
    else:
        assert sorted(path.stem for path in (tmp_path / output).glob('[0-9].*')) == ['0', '1', '2']


@pytest.mark.parametrize('name', ['plan.json', 'prepare.json'])
@pytest.mark.parametrize('kind', RECORDS)
def test_records(name: str, kind: str, tmp_path: Path) -> None:
    """A plan that cannot be read is that of no run; a finished output without its record is refused."""
    (tmp_path / 'a.png').write_bytes(ib.encoded('PNG'))
    items, output, content = [PrepItem(str(tmp_path / 'a.png'), 'a')], tmp_path / 'out.lmdb', RECORDS[kind]
    if name == 'plan.json':
        (tmp_path / 'out.lmdb.unfinished').mkdir()
        (tmp_path / 'out.lmdb.unfinished' / name).write_bytes(content)
        is_other = kind in ('mapping', 'other_settings')
        expected: Any = pytest.raises(PreparationError, match='made with other settings') if is_other else time_limit()
        with expected:
            run(items, output)
    else:
        run(items, output)
        (output / name).write_bytes(content)
        with time_limit(), pytest.raises(PreparationError, match=r'out\.lmdb'):
            run(items, output)


def test_list_of_unreadable_sources_has_a_line_for_each(tmp_path: Path) -> None:
    """Whatever the source is called: a name of two lines would add an entry to the list."""
    evil = tmp_path / 'a\nb\t\x1b.png'
    evil.write_bytes(b'no image')
    (tmp_path / 'c.png').write_bytes(ib.encoded('PNG'))
    run(FileItems(str(tmp_path), [evil.name, 'c.png']), tmp_path / 'out.lmdb')
    lines = (tmp_path / 'out.lmdb' / 'unreadable.txt').read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f'{tmp_path}/a\\nb\\t\\x1b.png\t')
    assert on_one_line('Zürich/b\n') == 'Zürich/b\\n'
