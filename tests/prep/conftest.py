from __future__ import annotations

import hashlib
import importlib.util
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import cv2
import lmdb
import numpy as np
import pytest

from preparation import decoding, pairs

TreeState = dict[str, tuple[str, int]]


@pytest.fixture
def write_image() -> Callable[..., Path]:
    """Function `(path, seed=0, height=48, width=64)` that writes a smooth colourful image, and its folders."""

    def write(path: Path, seed: int = 0, height: int = 48, width: int = 64) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (width, height)))
        return path

    return write


@pytest.fixture
def load_main(repository: Path) -> Callable[[str], Callable[[Sequence[str]], None]]:
    """Function `(name)` that loads datasets_prep/<name>.py and returns its `main`."""

    def load(name: str) -> Callable[[Sequence[str]], None]:
        return load_script(repository, name).main  # type: ignore[no-any-return]

    return load


def load_script(repository: Path, name: str) -> Any:
    specification = importlib.util.spec_from_file_location(name, repository / 'datasets_prep' / f'{name}.py')
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where `dataclass` looks for the names of a module's annotations
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def tree_state() -> Callable[[Path], TreeState]:
    """Function `(folder)` that returns digest and time of change of every file below it, by relative path."""

    def state(folder: Path) -> TreeState:
        return {
            str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in sorted(folder.rglob('*'))
            if path.is_file()
        }

    return state


@pytest.fixture
def values_of() -> Callable[[Path], dict[str, bytes]]:
    """Function `(output)` that returns all that an output holds, but for the date: LMDB values and files by name."""

    def values(output: Path) -> dict[str, bytes]:
        files = {str(path.relative_to(output)): path.read_bytes() for path in output.rglob('*') if path.is_file()}
        record = 'prepare.json' if output.suffix == '.lmdb' else '.prepare.json'
        files[record] = b'\n'.join(line for line in files[record].split(b'\n') if b'"date"' not in line)
        if output.suffix == '.lmdb':
            del files['data.mdb'], files['lock.mdb']
            environment = lmdb.open(str(output), readonly=True, lock=False)
            with environment.begin() as transaction:
                files.update({f'value of {key.decode()}': value for key, value in transaction.cursor()})
            environment.close()
        return files

    return values


@pytest.fixture
def killed_run() -> Callable[..., int]:
    """Function `(run, output, blocking, lines)` that kills `run` in the middle and returns the journal's length.

    run: called in a process of its own, with the output as its effect.
    output: the output that is under way when the process is killed.
    blocking: a source file on which the run is caught. A named pipe takes its place meanwhile, so that reading it waits
        for ever, and no timing decides where the kill falls.
    lines: the least number of journal entries that there have to be then.
    """

    def run_and_kill(run: Callable[[], object], output: Path, blocking: Path, lines: int) -> int:
        aside = blocking.with_name(f'.{blocking.name}.aside')
        blocking.rename(aside)
        os.mkfifo(blocking)
        process = multiprocessing.get_context('fork').Process(target=run_reading_pipes, args=(run,))
        try:
            process.start()
            kill_reader(blocking, process)
            done = count_lines(Path(f'{output}.unfinished') / 'journal.txt')
            assert done >= lines
            return done
        finally:
            if process.is_alive():
                process.kill()
            process.join()
            aside.replace(blocking)

    return run_and_kill


def run_reading_pipes(run: Callable[[], object]) -> None:
    """Call `run` where named pipes are waited for; the preparation itself refuses them."""
    decoding.read_regular_file = pairs.read_regular_file = lambda path: Path(path).read_bytes()  # type: ignore
    run()


def kill_reader(pipe: Path, process: multiprocessing.process.BaseProcess) -> None:
    """Kill `process` when it waits for the content of a named pipe."""
    end = time.monotonic() + 60
    while True:
        try:
            # Succeeds only if somebody reads.
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            assert time.monotonic() < end, f'{pipe}: nobody reads it'
            assert process.is_alive(), 'the process ended before it could be killed'
            time.sleep(0.002)
    process.kill()
    process.join()
    os.close(writer)  # not before: the end of the content would reach the reader


@pytest.fixture
def wait_and_kill() -> Callable[..., int]:
    """Function `(pid, output, lines, *, is_alive)` that kills a process once the journal of `output` has `lines` lines.

    Returns how many lines it had then.
    """

    def wait_for_lines(pid: int, output: Path, lines: int, *, is_alive: Callable[[], bool]) -> int:
        journal = Path(f'{output}.unfinished') / 'journal.txt'
        end = time.monotonic() + 60
        while count_lines(journal) < lines:
            assert time.monotonic() < end, f'{journal}: {count_lines(journal)} lines, waited for {lines}'
            assert is_alive(), 'the process ended before it could be killed'
            time.sleep(0.002)
        os.kill(pid, signal.SIGKILL)
        return count_lines(journal)

    return wait_for_lines


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b'\n') if path.exists() else 0
