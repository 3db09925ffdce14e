"""`hcl-app` on the command line."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest

from hcl_arch.commands.app import main
from hcl_arch.commands.serving.ending import ended_by_signals, private_folder
from hcl_arch.commands.serving.listening import open_socket, url_of
from tests.command_errors import error_of, hide


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--port', '70000'], '--port 70000: expected a number from 0 to 65535'),
        (['--port', '-1'], '--port -1'),
        (['--threads', '0'], '--threads 0: expected a number of at least 1'),
        (['--max-megapixels', '0'], '--max-megapixels 0: expected a number above 0'),
        (['--max-megapixels', 'nan'], '--max-megapixels nan'),
        (['--port', '0', '--model', 'no/such/file.pth', '--no-browser'], '--model no/such/file.pth'),
        (['--host', '203.0.113.1', '--no-browser'], '--host 203.0.113.1 --port 7860: cannot listen there'),
    ],
)
def test_wrong_options_are_told_in_one_line(arguments, message, capsys):
    error = error_of(main, arguments, capsys)
    assert message in error
    assert error.count('\n') == 1
    assert error.startswith('hcl-app: error: ')


def test_a_missing_package_is_told(monkeypatch, capsys):
    hide('starlette', monkeypatch)
    assert 'pip install "hcl-arch[app]"' in error_of(main, [], capsys)


def test_a_port_in_use_is_told(capsys):
    with open_socket('127.0.0.1', 0) as taken:
        error = error_of(main, ['--port', str(taken.getsockname()[1]), '--no-browser'], capsys)
    assert '--port 0 takes a free port' in error


def test_addresses_for_a_browser():
    with open_socket('127.0.0.1', 0) as one, socket.socket() as every:
        assert url_of(one) == f'http://127.0.0.1:{one.getsockname()[1]}/'
        every.bind(('0.0.0.0', 0))
        assert url_of(every).startswith('http://127.0.0.1:')


def command_of(model) -> list[str]:
    program = [sys.executable, '-m', 'hcl_arch.commands.app', '--no-browser', '--port', '0', '--device', 'cpu']
    return [*program, '--threads', '1', '--model', str(model)]


def folders_in(path) -> list[str]:
    return [folder.name for folder in path.iterdir() if folder.name.startswith('hcl_app_')]


@contextlib.contextmanager
def started(path, model):
    """The page as a command with a model file, its temporary folder in `path`."""
    environment = {**os.environ, 'TMPDIR': str(path)}
    with subprocess.Popen(
        command_of(model), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            line = process.stdout.readline()
            assert 'The page is at http://127.0.0.1:' in line, process.stderr.read()
            process.url = line.split()[4]
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize('ending', ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGINT SIGINT', 'SIGTERM SIGHUP SIGINT'])
def test_it_serves_until_interrupted_and_leaves_nothing(tmp_path, tiny_model, ending):
    """The page is there, a signal ends it, the temporary folder is empty again."""
    with started(tmp_path, tiny_model) as process:
        with urllib.request.urlopen(process.url, timeout=60) as response:
            assert b'Repair a photograph' in response.read()
        assert len(folders_in(tmp_path)) == 1
        for name in ending.split():
            process.send_signal(getattr(signal, name))
            time.sleep(0.05)  # or the system takes two of a kind for one
        _, errors = process.communicate(timeout=60)
    assert errors == ''
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_closed_terminal_ends_it(tmp_path, tiny_model, monkeypatch):
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, command_of(tiny_model))
    said = b''
    while b'The page is at' not in said:
        said += os.read(terminal, 1000)
    assert len(folders_in(tmp_path)) == 1
    os.close(terminal)  # as when its window is closed: the system sends SIGHUP
    os.waitpid(process, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_a_killed_page_leaves_goes_with_the_next(tmp_path, tiny_model):
    (tmp_path / 'hcl_app_of_another_program').mkdir()
    with started(tmp_path, tiny_model) as first, started(tmp_path, tiny_model) as second:
        assert len(folders_in(tmp_path)) == 3
        first.kill()
        first.wait()
        with started(tmp_path, tiny_model):
            assert len(folders_in(tmp_path)) == 3  # the second's, this one's and the other program's
        second.send_signal(signal.SIGTERM)
        second.wait()
        with private_folder_in(tmp_path) as folder:
            assert folder.stat().st_mode & 0o077 == 0
            assert sorted(folders_in(tmp_path)) == sorted([folder.name, 'hcl_app_of_another_program'])
    assert folders_in(tmp_path) == ['hcl_app_of_another_program']


@contextlib.contextmanager
def private_folder_in(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, 'tempdir', str(path))
        with private_folder() as folder:
            yield folder


def test_signals_are_as_before_where_the_page_cannot_start(capsys):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    error_of(main, ['--port', '0', '--model', 'no/such/file.pth', '--no-browser'], capsys)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_what_is_interrupted_is_tidied_up_whole(tmp_path):
    """A second Ctrl-C comes while the folder is removed; an ignored signal stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    real = shutil.rmtree

    def slow(folder, **options):
        signal.raise_signal(signal.SIGINT)
        real(folder, **options)

    try:
        with pytest.MonkeyPatch.context() as patch, ended_by_signals(), private_folder_in(tmp_path) as folder:
            patch.setattr(shutil, 'rmtree', slow)
            (folder / 'upload').write_bytes(b'x')
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGTERM)
            pytest.fail('went on')
        assert folders_in(tmp_path) == []
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.signal(signal.SIGINT, signal.default_int_handler)
