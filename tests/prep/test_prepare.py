from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import lmdb
import numpy as np
import pytest
from basicsr.utils import FileClient, scandir

from hcl_arch.data.storage.image_source import ImageSource
from preparation import (
    EncodedImage,
    FileItems,
    PreparationError,
    PreparationInterruptedError,
    PrepItem,
    ResizeShortSide,
    UnreadableImageError,
    check_apart,
    list_images,
    prepare,
    workers,
)
from preparation.journal import Journal
from preparation.record import Plan, PrepRecord
from preparation.stores import LmdbStore
from preparation.workers import WorkerPool
from preparation.workshop import Workshop

WriteImage = Callable[..., Path]
TreeState = dict[str, tuple[str, int]]
SETTINGS = {'data set': 'test', 'quality': 90}
COUNT = 12


@dataclass(frozen=True)
class Copy:
    """Hands on a file's bytes; the height tells the variant."""

    width: int = 7

    def __call__(self, item: PrepItem) -> EncodedImage:
        content = Path(item.source).read_bytes()
        if content.startswith(b'bad'):
            raise UnreadableImageError(f'no image:\n{len(content)} bytes')
        if content == b'interrupt':
            raise KeyboardInterrupt
        if content == b'fault':
            raise RuntimeError('broken transform')
        if content == b'die':
            os._exit(9)
        return EncodedImage(content, '.jpg', item.variant + 1, self.width, 3)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Folder of twelve files of random bytes."""
    folder = tmp_path / 'src'
    folder.mkdir()
    for index in range(COUNT):
        (folder / f'{index:02d}.jpg').write_bytes(np.random.default_rng(index).bytes(100 + index))
    return folder


def items_of(folder: Path) -> FileItems:
    return FileItems(str(folder), list_images(str(folder)))


def run(folder: Path, output: Path, **options: Any) -> PrepRecord:
    options = {'transform': Copy(), 'settings': SETTINGS, 'workers': 0, 'commit_every': 2, **options}
    items = options.pop('items', None) or items_of(folder)
    return prepare(items, str(output), **options)


@pytest.fixture(params=['out.lmdb', 'out'])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / 'made' / str(request.param)


def test_lmdb_layout(sources: Path, tmp_path: Path) -> None:
    (sources / '05.jpg').write_bytes(b'bad!')
    output = tmp_path / 'out.lmdb'
    record = run(sources, output)
    readable = [index for index in range(COUNT) if index != 5]
    assert sorted(os.listdir(output)) == ['data.mdb', 'lock.mdb', 'meta_info.txt', 'prepare.json', 'unreadable.txt']
    assert (output / 'meta_info.txt').read_text() == ''.join(f'{index:02d}.jpg (1,7,3) 90\n' for index in readable)
    assert (output / 'unreadable.txt').read_text() == f'{sources}/05.jpg\tno image: 4 bytes\n'
    client = FileClient('lmdb', db_paths=str(output))
    for index in readable:
        assert client.get(f'{index:02d}') == (sources / f'{index:02d}.jpg').read_bytes()
    assert client.get('05') is None
    fields = json.loads((output / 'prepare.json').read_text())
    lines = ''.join(f'{index:02d}.jpg {100 + index}\n' for index in readable)
    assert fields['list_sha256'] == hashlib.sha256(lines.encode()).hexdigest() == record.list_sha256
    assert fields['total_bytes'] == sum(100 + index for index in readable) == 1161
    assert (fields['source_count'], fields['written_count'], fields['unreadable_count']) == (12, 11, 1)
    assert fields['settings'] == SETTINGS
    assert fields['transform'] == {'name': 'Copy', 'width': 7}
    assert fields['program'].startswith('hcl_arch ')
    assert not os.path.exists(f'{output}.unfinished')


def test_folder_layout_and_variants(sources: Path, tmp_path: Path) -> None:
    items = [PrepItem(str(sources / '00.jpg'), f'deep/down/v{variant}', variant) for variant in range(3)]
    record = run(sources, tmp_path / 'out', items=items)
    assert record.written_count == 3
    assert sorted(os.listdir(tmp_path / 'out')) == ['.prepare.json', 'deep']
    assert list(scandir(str(tmp_path / 'out'))) == []  # BasicSR's own data sets take all that this lists for images
    files = sorted((tmp_path / 'out' / 'deep' / 'down').iterdir())
    assert [file.name for file in files] == ['v0.jpg', 'v1.jpg', 'v2.jpg']
    assert all(file.read_bytes() == (sources / '00.jpg').read_bytes() for file in files)


def test_both_kinds_are_read_by_image_source(tmp_path: Path, write_image: WriteImage) -> None:
    for index in range(3):
        write_image(tmp_path / 'src' / f'folder.{index}' / 'x (1).png', index, height=80, width=90)
    items = FileItems(str(tmp_path / 'src'), list_images(str(tmp_path / 'src')))
    for name in ('a.lmdb', 'a'):
        prepare(items, str(tmp_path / name), transform=ResizeShortSide(40, 'png'), settings={}, workers=0)
    entries, files = ImageSource(str(tmp_path / 'a.lmdb')), ImageSource(str(tmp_path / 'a'))
    assert len(entries) == len(files) == 3
    for index in range(3):
        assert entries.path_of(index) == f'{tmp_path}/a.lmdb/folder_{index}/x (1)'
        assert files.path_of(index) == f'{tmp_path}/a/folder_{index}/x (1).png'
        assert entries.read_rgb(index).shape == (40, 45, 3)
        assert np.array_equal(entries.read_rgb(index), files.read_rgb(index))


def test_a_killed_run_is_gone_on_with(
    sources: Path,
    output: Path,
    killed_run: Callable[..., int],
    values_of: Callable[[Path], dict[str, bytes]],
    tree_state: Callable[[Path], TreeState],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed while it waits for item 7, with items 0 to 5 committed and item 6 staged."""
    (sources / '03.jpg').write_bytes(b'bad')
    before = tree_state(sources)
    lines = killed_run(lambda: run(sources, output), output, sources / '07.jpg', 6)
    assert lines == 6
    assert not output.exists()
    seen: list[str] = []
    original = Copy.__call__
    monkeypatch.setattr(Copy, '__call__', lambda self, item: (seen.append(item.key), original(self, item))[1])
    record = run(sources, output)
    monkeypatch.undo()
    assert seen == [f'{index:02d}' for index in range(6, COUNT)]
    assert (record.written_count, record.unreadable_count) == (11, 1)
    run(sources, output.with_name('whole' + output.suffix))
    assert values_of(output) == values_of(output.with_name('whole' + output.suffix))
    assert tree_state(sources) == before
    assert sorted(os.listdir(output.parent)) == sorted([output.name, 'whole' + output.suffix])


def test_killed_between_journal_and_transaction(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values_of: Callable[[Path], dict[str, bytes]]
) -> None:
    """The journal names two images whose values never came; a torn line follows."""
    output = tmp_path / 'out.lmdb'
    journal = Path(f'{output}.unfinished/journal.txt')
    lines_on_disk: list[int] = []

    def failing_commit(store: LmdbStore) -> None:
        lines_on_disk.append(len(journal.read_text().splitlines()))
        if len(lines_on_disk) == 3:
            raise KeyboardInterrupt
        original(store)

    original = LmdbStore.commit
    monkeypatch.setattr(LmdbStore, 'commit', failing_commit)
    with pytest.raises(PreparationInterruptedError, match=r'out\.lmdb: interrupted\. .*same command again'):
        run(sources, output)
    monkeypatch.undo()
    assert lines_on_disk == [2, 4, 6]
    with journal.open('a') as file:
        file.write('["06",".jpg",1,7')
    run(sources, output)
    run(sources, tmp_path / 'whole.lmdb')
    assert values_of(output) == values_of(tmp_path / 'whole.lmdb')


def test_lmdb_changed_from_outside(sources: Path, tmp_path: Path) -> None:
    content = (sources / '05.jpg').read_bytes()
    (sources / '05.jpg').write_bytes(b'interrupt')
    with pytest.raises(PreparationInterruptedError):
        run(sources, tmp_path / 'out.lmdb')
    (sources / '05.jpg').write_bytes(content)
    environment = lmdb.open(str(tmp_path / 'out.lmdb.unfinished' / 'content'))
    with environment.begin(write=True) as transaction:
        transaction.put(b'stranger', b'')
    environment.close()
    with pytest.raises(PreparationError, match='expected 12 entries in the LMDB, found 13. It was changed from outs'):
        run(sources, tmp_path / 'out.lmdb')


def test_killed_between_publishing_and_tidying(
    sources: Path, output: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr('preparation.workshop.shutil.rmtree', lambda folder: None)
    run(sources, output)
    monkeypatch.undo()
    assert os.path.exists(f'{output}.unfinished')
    run(sources, output)
    assert 'already done, 12 of 12 images' in capsys.readouterr().out
    assert not os.path.exists(f'{output}.unfinished')


@pytest.mark.parametrize('left', [['journal.txt', 'lock'], ['journal.txt'], ['plan.json', 'lock'], ['lock']])
def test_killed_while_tidying(
    sources: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    left: list[str],
    values_of: Callable[[Path], dict[str, bytes]],
) -> None:
    """The order in which the unfinished folder's files are removed is the system's."""
    unfinished = Path(f'{output}.unfinished')

    def remove_some(folder: str) -> None:
        for name in set(os.listdir(folder)) - set(left):
            os.remove(os.path.join(folder, name))

    (sources / '05.jpg').write_bytes(b'bad')
    monkeypatch.setattr('preparation.workshop.shutil.rmtree', remove_some)
    run(sources, output)
    monkeypatch.undo()
    run(sources, output)
    assert not unfinished.exists()
    if 'plan.json' in left:
        return
    # The same, with the output removed and another plan: its entry of 05 must not be taken over.
    unfinished.mkdir()
    entries = ''.join(f'["{index:02d}","stale"]\n' for index in range(COUNT - 1))
    for name in left:
        (unfinished / name).write_text(entries if name == 'journal.txt' else '')
    shutil.rmtree(output)
    record = run(sources, output, settings={'quality': 80})
    assert (record.written_count, record.unreadable_count) == (COUNT - 1, 1)


@pytest.mark.parametrize('text', ['', '{"settings"', '[]'])
def test_empty_plan_counts_as_none(
    sources: Path, output: Path, text: str, values_of: Callable[[Path], dict[str, bytes]]
) -> None:
    """A power cut can leave a file without its content."""
    content = (sources / '05.jpg').read_bytes()
    (sources / '05.jpg').write_bytes(b'interrupt')
    with pytest.raises(PreparationInterruptedError):
        run(sources, output)
    (sources / '05.jpg').write_bytes(content)
    Path(f'{output}.unfinished/plan.json').write_text(text)
    # What the lost plan has had written is no part of another one.
    whole = output.with_name('whole' + output.suffix)
    for path in (output, whole):
        run(sources, path, items=items_of(sources)[3:], settings={'quality': 80})
    assert values_of(output) == values_of(whole)


@pytest.mark.parametrize('name', ['data.mdb', 'meta_info.txt'])
def test_incomplete_output_is_not_called_done(sources: Path, tmp_path: Path, name: str) -> None:
    run(sources, tmp_path / 'out.lmdb')
    (tmp_path / 'out.lmdb' / name).unlink()
    with pytest.raises(PreparationError, match=f'out.lmdb: expected the file {name} in a complete LMDB, found none'):
        run(sources, tmp_path / 'out.lmdb')


@pytest.mark.parametrize('exists', [True, False])
def test_output_behind_a_link(sources: Path, output: Path, exists: bool) -> None:
    target = output.with_name('large disk' + output.suffix)
    output.parent.mkdir()
    if exists:
        target.mkdir()
    output.symlink_to(target)
    for _ in range(2):
        assert run(sources, output).written_count == COUNT
    assert output.is_symlink()
    assert sorted(os.listdir(output.parent)) == sorted([output.name, target.name])


def test_outputs_that_cannot_appear(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'out.lmdb').symlink_to(tmp_path / 'disk')
    with pytest.raises(PreparationError, match=r'expected a link to a path of the same ending, found one to .*disk\.'):
        run(sources, tmp_path / 'out.lmdb')
    monkeypatch.setattr(os.path, 'ismount', lambda path: path == str(tmp_path / 'mount'))
    with pytest.raises(PreparationError, match='mount: expected a path .*, found a mount point. Give a folder below'):
        run(sources, tmp_path / 'mount')


@pytest.mark.parametrize(
    ('number', 'hint'),
    [
        (errno.ENOSPC, 'make room or mend the disk, and run the same'),
        (errno.EIO, 'make room or mend'),
        (errno.EACCES, 'run the same command again to go on'),
    ],
)
def test_hint_fits_the_error(
    sources: Path, output: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def fail(journal: Journal) -> None:
        raise OSError(number, 'no')

    monkeypatch.setattr(Journal, 'flush', fail)
    with pytest.raises(PreparationError, match=rf'cannot be written .*What is done is kept in .*unfinished; {hint}'):
        run(sources, output)


def test_no_kept_work_is_claimed_where_there_is_none(sources: Path, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(PreparationError, match=r'cannot be written \(.*\)\. Nothing was written; give another path'):
        run(sources, tmp_path / 'file' / 'out')


def test_names_too_long_for_files(sources: Path, tmp_path: Path) -> None:
    for length in (240, 241):
        items = [PrepItem(str(sources / '00.jpg'), f'a/{"b" * length}')]
        assert run(sources, tmp_path / f'{length}.lmdb', items=items).written_count == 1
        if length == 240:
            assert run(sources, tmp_path / 'out', items=items).written_count == 1
        else:
            with pytest.raises(PreparationError, match='at most 240 characters .* found 241. Rename .* or write an'):
                run(sources, tmp_path / 'more', items=items)


def test_ctrl_c_is_gone_on_with(sources: Path, output: Path) -> None:
    content = (sources / '05.jpg').read_bytes()
    (sources / '05.jpg').write_bytes(b'interrupt')
    with pytest.raises(PreparationInterruptedError, match=r'interrupted\. What is done is kept in .*\.unfinished'):
        run(sources, output)
    (sources / '05.jpg').write_bytes(content)
    assert run(sources, output).written_count == COUNT


def test_finished_output_is_left(sources: Path, output: Path, tree_state: Callable[[Path], TreeState]) -> None:
    record = run(sources, output)
    before = tree_state(output)
    assert run(sources, output) == record
    assert tree_state(output) == before


def test_other_settings_are_refused(sources: Path, output: Path, tree_state: Callable[[Path], TreeState]) -> None:
    run(sources, output)
    before = tree_state(output)
    with pytest.raises(PreparationError, match=r'other settings.*\(quality: 90 there, 80 now\)\. Remove it, give'):
        run(sources, output, settings={**SETTINGS, 'quality': 80})
    with pytest.raises(PreparationError, match=r'\(width: 7 there, 8 now\)'):
        run(sources, output, transform=Copy(8))
    with pytest.raises(PreparationError, match=r'\(other source files; source_count: 12 there, 11 now\)'):
        run(sources, output, items=items_of(sources)[1:])
    assert tree_state(output) == before


def test_other_settings_are_refused_by_an_unfinished_output(sources: Path, output: Path) -> None:
    content = (sources / '05.jpg').read_bytes()
    (sources / '05.jpg').write_bytes(b'interrupt')
    with pytest.raises(PreparationInterruptedError):
        run(sources, output)
    with pytest.raises(PreparationError, match=r'\.unfinished: made with other settings.*quality: 90 there, 80 now'):
        run(sources, output, settings={**SETTINGS, 'quality': 80})
    (sources / '05.jpg').write_bytes(content)
    assert run(sources, output).written_count == COUNT


def test_what_is_not_ours_is_refused(sources: Path, output: Path) -> None:
    output.mkdir(parents=True)
    run(sources, output)  # an empty folder is taken
    other = output.with_name('other' + output.suffix)
    other.mkdir()
    (other / 'thesis.txt').write_text('')
    with pytest.raises(PreparationError, match=r'found a folder without \.?prepare\.json'):
        run(sources, other)
    (other / ('prepare.json' if output.suffix else '.prepare.json')).write_text('{}')
    with pytest.raises(PreparationError, match=r'prepare\.json: cannot be read as a record'):
        run(sources, other)
    third = output.with_name('third' + output.suffix)
    Path(f'{third}.unfinished').mkdir()
    Path(f'{third}.unfinished/thesis.txt').write_text('')
    with pytest.raises(PreparationError, match=r"expected nothing or an unfinished output, found 'thesis\.txt'"):
        run(sources, third)
    third.write_text('')
    with pytest.raises(PreparationError, match='found a file'):
        run(sources, third)


def test_two_processes_do_not_write_one_output(sources: Path, output: Path) -> None:
    output.parent.mkdir()
    holder = multiprocessing.get_context('fork').Process(target=_hold_workshop, args=(str(output),))
    plan = Plan.of(SETTINGS, Copy(), COUNT, '')
    workshop = Workshop(str(output), plan)
    holder.start()
    holder.join(60)
    assert holder.exitcode == 7
    workshop.close()
    Workshop(str(output), plan).close()


def _hold_workshop(output: str) -> None:
    try:
        Workshop(output, Plan.of(SETTINGS, Copy(), COUNT, ''))
    except PreparationError as error:
        os._exit(7 if 'another process is writing it' in str(error) else 1)
    os._exit(0)


def test_collision_names_both_files(sources: Path, output: Path) -> None:
    for name in ('a.b.png', 'a_b.jpg'):
        (sources / name).write_bytes(b'')
    with pytest.raises(PreparationError, match=r"same key 'a_b': .*src/a\.b\.png and .*src/a_b\.jpg\. Rename"):
        run(sources, output)
    assert not output.parent.exists()


@pytest.mark.parametrize(
    ('key', 'fault'),
    [
        ('a.b', r"expected .* without '\.'"),
        ('ü', 'expected letters'),
        ('', 'expected letters'),
        ('/a', 'expected letters'),
        ('a//b', 'expected letters'),
        ('a/', 'expected letters'),
        (' a', 'expected letters'),
        ('a ', 'expected letters'),
        ('a' * 512, 'expected at most 511 characters.*found 512'),
    ],
)
def test_unusable_keys(tmp_path: Path, key: str, fault: str) -> None:
    with pytest.raises(PreparationError, match=f'some.jpg: the key .* cannot be used: {fault}'):
        run(tmp_path, tmp_path / 'out', items=[PrepItem('some.jpg', key)])


def test_no_items(tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match='expected images to write, got none'):
        prepare([], str(tmp_path / 'out'), transform=Copy(), settings={}, workers=0)


def test_output_and_sources_lie_apart(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match='the source lies inside the output'):
        run(sources, tmp_path)
    for output, source in (('a/b', 'a'), ('a', 'a/b'), ('a', 'a'), ('a/../a/c', 'a/')):
        with pytest.raises(PreparationError, match='one inside the other'):
            check_apart(str(tmp_path / output), str(tmp_path / source))
    (tmp_path / 'link').symlink_to(sources)
    with pytest.raises(PreparationError, match='one inside the other'):
        check_apart(str(tmp_path / 'link' / 'out'), str(sources))
    check_apart(str(tmp_path / 'ab'), str(tmp_path / 'a'))


def test_none_readable_is_an_error_and_tried_again(sources: Path, output: Path) -> None:
    good = {file: file.read_bytes() for file in sources.iterdir()}
    for file in good:
        file.write_bytes(b'bad')
    with pytest.raises(PreparationError, match=r'none of the 12 images could be read.*00\.jpg: no image: 3 bytes'):
        run(sources, output)
    assert not output.exists()
    for file, content in good.items():
        file.write_bytes(content)
    assert run(sources, output).written_count == COUNT


@pytest.fixture
def file_size_limit() -> Iterator[Callable[[int], None]]:
    """Function `(size)` after which no file can grow over `size` bytes: a write error like that of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_write_error_names_the_output_and_is_gone_on_with(
    sources: Path, output: Path, file_size_limit: Callable[[int], None], values_of: Callable[[Path], dict[str, bytes]]
) -> None:
    for index in range(COUNT):
        size = 300_000 if index > 6 else 30_000
        (sources / f'{index:02d}.jpg').write_bytes(np.random.default_rng(index).bytes(size))
    file_size_limit(280_000)
    with pytest.raises(PreparationError, match=r'out.*: cannot be written \(.*\)\. What is done is kept in .*same c'):
        run(sources, output)
    file_size_limit(resource.RLIM_INFINITY)
    journal = Path(f'{output}.unfinished/journal.txt')
    assert len(journal.read_bytes().splitlines()) >= 6
    run(sources, output)
    run(sources, output.with_name('whole' + output.suffix))
    assert values_of(output) == values_of(output.with_name('whole' + output.suffix))


def test_faulty_transform_names_the_source(sources: Path, output: Path) -> None:
    (sources / '05.jpg').write_bytes(b'fault')
    with pytest.raises(PreparationError, match=r'src/05\.jpg: RuntimeError: broken transform'):
        run(sources, output)


@pytest.mark.slow
def test_worker_processes_do_the_same(
    sources: Path, tmp_path: Path, values_of: Callable[[Path], dict[str, bytes]]
) -> None:
    (sources / '05.jpg').write_bytes(b'bad')
    for count in (0, 1, 3):
        run(sources, tmp_path / f'{count}.lmdb', workers=count)
    assert values_of(tmp_path / '0.lmdb') == values_of(tmp_path / '1.lmdb') == values_of(tmp_path / '3.lmdb')
    (sources / '05.jpg').write_bytes(b'fault')
    with pytest.raises(PreparationError, match=r'src/05\.jpg: RuntimeError: broken transform'):
        run(sources, tmp_path / 'fault.lmdb', workers=2)
    (sources / '05.jpg').write_bytes(b'die')
    with pytest.raises(PreparationError, match=r'a worker process was ended from outside.*fewer --workers'):
        run(sources, tmp_path / 'die.lmdb', workers=2)


class CountingPool:
    """Stands in for the process pool and counts the images that wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self.most = 0

    def submit(self, function: Callable[..., Any], transform: Any, chunk: Sequence[PrepItem]) -> Future[Any]:
        self.waiting += len(chunk)
        self.most = max(self.most, self.waiting)
        future: Future[Any] = Future()
        future.set_result(function(transform, chunk))
        return future


def test_backlog_is_bounded(sources: Path) -> None:
    pool, counter = WorkerPool(Copy(), 0), CountingPool()
    pool._pool, pool._workers = counter, 2  # type: ignore[assignment]
    items = [PrepItem(str(sources / '00.jpg'), f'{index}') for index in range(1000)]
    count = 0
    for _ in pool.outcomes(items, 3):
        count += 1
        counter.waiting -= 1
    assert count == 997
    assert counter.most <= 2 * workers.CHUNKS_PER_WORKER * workers.CHUNK_SIZE


def test_what_killed_writers_left_is_gone(
    output: Path, sources: Path, monkeypatch: pytest.MonkeyPatch, values_of: Callable[[Path], dict[str, bytes]]
) -> None:
    """Partial files of the plan and of the lists; the program goes on, and its output is as if there had been none."""

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr('preparation.preparation.PrepRecord', interrupt)
    with pytest.raises(PreparationInterruptedError):
        run(sources, output)
    monkeypatch.undo()
    unfinished = Path(f'{output}.unfinished')
    for name in ('.plan.json.0123456789abcdef.partial', 'content/.meta_info.txt.0123456789abcdef.partial'):
        (unfinished / name).write_text('half of')
    run(sources, output)
    whole = output.with_name('whole' + output.suffix)
    run(sources, whole)
    assert values_of(output) == values_of(whole)
    assert not list(output.parent.rglob('*.partial'))


SCRIPT = """
import sys
import hcl_arch
from test_prepare import Path, run
if __name__ == '__main__':
    run(Path(sys.argv[1]), Path(sys.argv[2]), workers=2)
"""


@pytest.mark.slow
def test_killed_program_leaves_no_workers(
    sources: Path, tmp_path: Path, wait_and_kill: Callable[..., int], values_of: Callable[[Path], dict[str, bytes]]
) -> None:
    """A whole program with two workers, one of them caught on a source that never answers."""
    (tmp_path / 'script.py').write_text(SCRIPT)
    output, blocking = tmp_path / 'out.lmdb', sources / '09.jpg'
    content = blocking.read_bytes()
    blocking.unlink()
    os.mkfifo(blocking)
    tests = Path(__file__).resolve().parent
    folders = os.pathsep.join(map(str, (tests, tests.parents[1] / 'datasets_prep')))
    environment = {**os.environ, 'PYTHONPATH': folders}
    command = [sys.executable, str(tmp_path / 'script.py'), str(sources), str(output)]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        wait_and_kill(process.pid, output, 8, is_alive=lambda: process.poll() is None)
        process.wait(60)
        blocking.unlink()
        blocking.write_bytes(content)
        # All are of one session; the last one of them is gone when the session is.
        _wait_for_end_of_group(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
    subprocess.run(command, env=environment, check=True, timeout=120)
    run(sources, tmp_path / 'whole.lmdb')
    assert values_of(output) == values_of(tmp_path / 'whole.lmdb')


def _wait_for_end_of_group(group: int) -> None:
    end = 200
    while end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        end -= 1
        signal.sigtimedwait([], 0.05)
    raise AssertionError('a worker outlived the killed program')


@pytest.mark.slow
def test_kills_at_random_moments(tmp_path: Path, values_of: Callable[[Path], dict[str, bytes]]) -> None:
    """Thirty kills, wherever they fall, until the output is there."""
    folder = tmp_path / 'src'
    folder.mkdir()
    for index in range(1500):
        (folder / f'{index:04d}.jpg').write_bytes(np.random.default_rng(index).bytes(3000))
    rng = np.random.default_rng(0)
    for name in ('out.lmdb', 'out'):
        kills, output = 0, tmp_path / name
        while kills < 30 and not output.exists():
            process = multiprocessing.get_context('fork').Process(target=lambda out=output: run(folder, out))
            process.start()
            process.join(rng.uniform(0.01, 0.1))
            if process.is_alive():
                process.kill()
                kills += 1
            process.join(60)
        assert kills > 3
        run(folder, output)
        whole = output.with_name('whole' + output.suffix)
        run(folder, whole)
        assert values_of(output) == values_of(whole)


def test_lists_need_no_memory_for_each_item() -> None:
    """A lazy list hands out equal items, whole or cut."""
    items = FileItems('src/', ['a.png', 'b c/d.e.jpg', 'f.png'])
    assert list(items) == [
        PrepItem('src/a.png', 'a'),
        PrepItem('src/b c/d.e.jpg', 'b c/d_e'),
        PrepItem('src/f.png', 'f'),
    ]
    assert list(items[1:]) == list(items)[1:]
    assert FileItems('/', ['a.png'])[0].source == '/a.png'


def test_lmdb_is_not_larger_than_its_values_need(sources: Path, tmp_path: Path) -> None:
    run(sources, tmp_path / 'out.lmdb')
    environment = lmdb.open(str(tmp_path / 'out.lmdb'), readonly=True, lock=False)
    assert environment.stat()['entries'] == COUNT
    environment.close()
    assert (tmp_path / 'out.lmdb' / 'data.mdb').stat().st_size < 2**17
