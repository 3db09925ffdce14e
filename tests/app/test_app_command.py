"""`hcl-app` on the command line."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from hcl_arch.commands.app import main
from hcl_arch.commands.app.server import open_socket, url_of


def error_of(arguments, capsys) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


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
    error = error_of(arguments, capsys)
    assert message in error
    assert error.count('\n') == 1
    assert error.startswith('hcl-app: error: ')


def test_a_missing_gradio_is_told(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, 'find_spec', lambda name, *rest: None if name == 'gradio' else find(name, *rest)
    )
    assert 'pip install "hcl-arch[app]"' in error_of([], capsys)


def test_a_port_in_use_is_told(capsys):
    with open_socket('127.0.0.1', 0) as taken:
        error = error_of(['--port', str(taken.getsockname()[1]), '--no-browser'], capsys)
    assert '--port 0 takes a free port' in error


def test_addresses_for_a_browser():
    with open_socket('127.0.0.1', 0) as one, socket.socket() as every:
        assert url_of(one) == f'http://127.0.0.1:{one.getsockname()[1]}/'
        every.bind(('0.0.0.0', 0))
        assert url_of(every).startswith('http://127.0.0.1:')


@pytest.mark.slow
@pytest.mark.parametrize('ending', [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_interrupted_and_leaves_nothing(tmp_path, tiny_model, ending):
    """With a model file: the page is there, a signal ends it, the temporary folder is empty again."""
    environment = {**os.environ, 'TMPDIR': str(tmp_path)}
    command = [
        sys.executable,
        '-m',
        'hcl_arch.commands.app',
        '--no-browser',
        '--port',
        '0',
        '--model',
        str(tiny_model),
        '--device',
        'cpu',
        '--threads',
        '1',
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        line = process.stdout.readline()
        assert 'The page is at http://127.0.0.1:' in line, process.stderr.read()
        with urllib.request.urlopen(line.split()[4], timeout=60) as response:
            assert b'Repair a photograph' in response.read()
        process.send_signal(ending)
        _, errors = process.communicate(timeout=60)
    assert 'Traceback' not in errors
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith('hcl_app_')] == []
