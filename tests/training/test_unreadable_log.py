"""The list of unreadable images: its format, and that nothing is counted twice or forgotten."""

from __future__ import annotations

import errno
import multiprocessing
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from hcl_arch.training.unreadable_log import TooManyUnreadableError, UnreadableLog


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / 'unreadable_images.log'


def log_of(file: Path, *, most: int = 100) -> UnreadableLog:
    return UnreadableLog(file, most=most, share=0.25)


def test_a_line_for_each_image(file: Path) -> None:
    log = log_of(file)
    log.add('b/two.png', 'cut off')
    log.add('a/öne.png', 'no image')
    log.add('b/two.png', 'cut off, once more')
    assert file.read_text(encoding='utf-8') == 'b/two.png\tcut off\na/öne.png\tno image\n'


def test_nothing_unreadable_makes_no_file(file: Path) -> None:
    log_of(file)
    assert not file.exists()


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    """On another machine than the first process's."""
    log_of(tmp_path / 'experiments' / 'run' / 'unreadable.log').add('a.png', 'cut off')
    assert (tmp_path / 'experiments' / 'run' / 'unreadable.log').read_text() == 'a.png\tcut off\n'


def test_a_file_system_without_locks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip('fcntl')

    def flock(opened: Any, how: int) -> None:
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'flock', flock)
    log_of(file).add('a.png', 'cut off')
    assert file.read_text() == 'a.png\tcut off\n'


def test_line_breaks_and_tabs_do_not_break_the_format(file: Path) -> None:
    log = log_of(file, most=2)
    log.add('a\tb\n.png', 'first\nsecond\r\n\tthird')
    log.add('a\tb\n.png', 'again')
    log_of(file).add('a\tb\n.png', 'by another worker')
    assert file.read_text() == 'a b .png\tfirst second third\n'


def test_more_than_allowed(file: Path) -> None:
    log = log_of(file, most=2)
    log.add('a.png', 'cut off')
    log.add('b.png', 'cut off')
    with pytest.raises(TooManyUnreadableError) as raised:
        log.add('c.png', 'no image')
    message = str(raised.value)
    option = 'max_unreadable_share: 0.25'
    for part in ('c.png', 'no image', '3 images cannot be read', option, 'allows for 2', str(file)):
        assert part in message
    assert file.read_text().count('\n') == 3  # also the last one is listed


def test_none_allowed(file: Path) -> None:
    with pytest.raises(TooManyUnreadableError, match='allows for 0'):
        log_of(file, most=0).add('a.png', 'cut off')


def test_a_resumed_run_counts_on(file: Path) -> None:
    log_of(file, most=2).add('a.png', 'cut off')
    resumed = log_of(file, most=2)
    resumed.add('a.png', 'cut off')
    resumed.add('b.png', 'cut off')
    with pytest.raises(TooManyUnreadableError):
        resumed.add('c.png', 'cut off')


def test_a_known_image_can_be_too_much_after_resuming(file: Path) -> None:
    """Without that, a run that ended because of too many would go on when it is started again."""
    log_of(file).add('a.png', 'cut off')
    log_of(file).add('b.png', 'cut off')
    with pytest.raises(TooManyUnreadableError):
        log_of(file, most=1).add('a.png', 'cut off')


def test_another_writers_images_count(file: Path) -> None:
    one, other = log_of(file, most=2), log_of(file, most=2)
    one.add('a.png', 'cut off')
    other.add('b.png', 'cut off')
    with pytest.raises(TooManyUnreadableError, match='3 images'):
        one.add('c.png', 'cut off')


def test_reaches_a_spawned_worker(file: Path) -> None:
    log = pickle.loads(pickle.dumps(log_of(file, most=0)))
    with pytest.raises(TooManyUnreadableError):
        log.add('a.png', 'cut off')


def test_names_that_are_not_utf_8(file: Path) -> None:
    log_of(file).add('caf\udce9.png', 'cut off')  # as Python reads the Latin-1 name b'caf\xe9.png'
    assert file.read_bytes().endswith(b'\tcut off\n')
    log_of(file, most=1).add('caf\udce9.png', 'cut off')
    assert file.read_bytes().count(b'\n') == 1


def test_waits_for_another_writer(file: Path) -> None:
    """Between looking for an image in the list and adding it, nobody else may add it."""
    fcntl = pytest.importorskip('fcntl')
    with file.open('a') as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        thread = threading.Thread(target=log_of(file).add, args=('a.png', 'seen by the second'), daemon=True)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        other.write('a.png\tseen by the first\n')
    thread.join(10)
    assert file.read_text() == 'a.png\tseen by the first\n'


def add_images(file: Path, worker: int, start: Any) -> None:
    log = log_of(file, most=10**6)
    start.wait()
    for number in range(40):
        log.add(f'shared_{number}.png', f'seen by {worker}')
        log.add(f'own_{worker}_{number}.png', 'cut off ' * 50)


def test_several_processes(file: Path) -> None:
    context = multiprocessing.get_context('fork')
    start = context.Barrier(4)
    workers = [context.Process(target=add_images, args=(file, worker, start)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    lines = file.read_text().splitlines()
    names = [line.split('\t')[0] for line in lines]
    expected = {f'shared_{number}.png' for number in range(40)}
    expected |= {f'own_{worker}_{number}.png' for worker in range(4) for number in range(40)}
    assert sorted(names) == sorted(expected)
    assert all(line.count('\t') == 1 for line in lines)
