"""`hcl-serve` on the command line."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request

import pytest

from hcl_arch.commands.serve import main
from tests.command_errors import error_of, hide


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--port', '70000'], '--port 70000: expected a number from 0 to 65535'),
        (['--max-mib', '0'], '--max-mib 0: expected a number above 0'),
        (['--timeout', 'nan'], '--timeout nan: expected a number above 0'),
        (['--queue', '-1'], "--queue: expected a whole number of at least 0, got '-1'"),
        (['--root-path', 'repair/'], '--root-path repair/: expected a path such as /repair'),
        (['--port', '0', '--model', 'no/such/file.pth'], '--model no/such/file.pth'),
        (['--port', '0', '--filler', 'no-such-filler'], 'filler: '),
        (['--host', '203.0.113.1'], '--host 203.0.113.1 --port 7861: cannot listen there'),
    ],
)
def test_wrong_options_are_told_in_one_line(arguments, message, capsys):
    error = error_of(main, arguments, capsys)
    assert message in error
    assert error.count('\n') == 1
    assert error.startswith('hcl-serve: error: ')


def test_a_missing_library_is_told(monkeypatch, capsys):
    hide('fastapi', monkeypatch)
    assert 'pip install "hcl-arch[serve]"' in error_of(main, [], capsys)


@pytest.mark.parametrize('ending', ['SIGINT', pytest.param('SIGTERM', marks=pytest.mark.slow)])
def test_it_serves_until_interrupted(tiny_model, ending):
    program = [sys.executable, '-m', 'hcl_arch.commands.serve', '--port', '0', '--device', 'cpu', '--threads', '1']
    with subprocess.Popen(
        [*program, '--model', str(tiny_model)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            assert 'The service is at http://127.0.0.1:' in line, process.stderr.read()
            with urllib.request.urlopen(f'{line.split()[4]}health', timeout=60) as answer:
                assert b'"ok"' in answer.read()
            process.send_signal(getattr(signal, ending))
            assert process.communicate(timeout=60)[1] == ''
            assert process.returncode == 0
        finally:
            process.kill()
