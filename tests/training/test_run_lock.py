"""A run's folder belongs to one training at a time, and to nobody when that has ended, however it did."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hcl_arch.training import run_lock
from hcl_arch.training.run_lock import RunInUseError, lock_run

pytest.importorskip('fcntl')

# Locks a folder. The module is run by itself: to import it with its package takes seconds.
LOCK = 'import os, sys\nexec(open(sys.argv[1]).read())\nlock_run(Path(sys.argv[2]))\n'
# Says then that it has, and lives with a child until both are told to end.
LIVE = 'child = os.fork()\nif child:\n    print(child, flush=True)\nsys.stdin.read()\n'


@pytest.fixture(autouse=True)
def _nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    held: dict[Path, Any] = {}
    monkeypatch.setattr(run_lock, '_held', held)
    yield
    for file in held.values():
        file.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'run').mkdir()
    return tmp_path / 'run'


def command(code: str, folder: Path) -> list[str]:
    return [sys.executable, '-c', code, run_lock.__file__, str(folder)]


def start_holder(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Start another process that holds the folder; return it and its forked child."""
    holder = subprocess.Popen(command(LOCK + LIVE, folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    return holder, int(holder.stdout.readline())


@pytest.fixture
def holder(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that holds the folder, and its forked child."""
    holder, child = start_holder(folder)
    yield holder, child
    holder.kill()
    os.kill(child, signal.SIGKILL)
    holder.communicate()


def is_free(folder: Path) -> bool:
    """Say whether another process could lock the folder."""
    done = subprocess.run(command(LOCK, folder), capture_output=True, text=True)
    assert done.returncode == 0 or 'RunInUseError' in done.stderr, done.stderr
    return done.returncode == 0


class TestKeepsOut:
    @pytest.mark.usefixtures('holder')
    def test_says_which_folder_and_what_to_do(self, folder: Path) -> None:
        with pytest.raises(RunInUseError, match=f'^{folder}: another training is writing there') as raised:
            lock_run(folder)
        for part in ('Wait for its end', 'stop it', '`name`'):
            assert part in str(raised.value)

    @pytest.mark.usefixtures('holder')
    def test_by_another_path(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / 'link').symlink_to(folder)
        monkeypatch.chdir(tmp_path)
        for path in (Path('run'), Path('link')):
            with pytest.raises(RunInUseError):
                lock_run(path)

    @pytest.mark.usefixtures('holder')
    def test_other_folders_are_free(self, tmp_path: Path) -> None:
        (tmp_path / 'other').mkdir()
        lock_run(tmp_path / 'other')

    def test_this_process_keeps_it(self, folder: Path) -> None:
        lock_run(folder)
        assert not is_free(folder)

    def test_twice_by_the_same_process(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / 'link').symlink_to(folder)
        for path in (folder, folder, tmp_path / 'link'):
            lock_run(path)
            assert not is_free(folder)  # a file that is closed gives up all locks of its process

    def test_a_folder_moved_away_and_made_anew(self, folder: Path, tmp_path: Path) -> None:
        """As BasicSR does with the folder of an earlier run."""
        lock_run(folder)
        folder.rename(tmp_path / 'run_archived')
        folder.mkdir()
        assert is_free(folder)
        lock_run(folder)
        assert not is_free(folder)
        assert is_free(tmp_path / 'run_archived')


class TestIsFree:
    def test_after_the_holder_was_killed_although_its_worker_lives(
        self, holder: tuple[subprocess.Popen[str], int], folder: Path
    ) -> None:
        process, child = holder
        process.kill()
        process.wait()
        os.kill(child, 0)  # is there
        lock_run(folder)
        assert not is_free(folder)

    def test_after_the_holders_end(self, folder: Path) -> None:
        assert is_free(folder)
        assert (folder / run_lock.LOCK_FILE).exists()  # an old file is no lock
        lock_run(folder)


class TestNobodyIsKeptOut:
    def test_no_folder(self, tmp_path: Path) -> None:
        lock_run(tmp_path / 'nowhere')
        assert list(tmp_path.iterdir()) == []
        lock_run(tmp_path / 'nowhere')

    def test_a_folder_that_cannot_be_written_to(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path, *arguments: Any, **options: Any) -> Any:  # root may write everywhere
            raise PermissionError(errno.EACCES, 'Permission denied', str(path))

        monkeypatch.setattr(Path, 'open', refuse)
        lock_run(folder)
        monkeypatch.undo()
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize('number', [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
    def test_file_systems_without_locks(self, number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def lockf(file: Any, how: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(run_lock.fcntl, 'lockf', lockf)
        lock_run(folder)
        lock_run(folder)

    @pytest.mark.parametrize('number', [errno.EAGAIN, errno.EACCES])
    def test_but_both_answers_about_a_held_lock_count(
        self, number: int, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """POSIX allows for either."""

        def lockf(file: Any, how: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(run_lock.fcntl, 'lockf', lockf)
        with pytest.raises(RunInUseError):
            lock_run(folder)

    def test_windows(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_lock, 'fcntl', None)
        lock_run(folder)
        assert list(folder.iterdir()) == []
