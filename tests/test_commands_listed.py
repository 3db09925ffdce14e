"""`python -m hcl_arch`: what commands there are, each of them that way, and completion of their options in bash."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from hcl_arch.__main__ import main
from hcl_arch.commands.listing import COMMANDS
from tests.docs.workplace import entry_points
from tests.test_light_commands import HEAVY, in_fresh_python


def test_all_commands_are_listed(capsys) -> None:
    assert {command.name: command.main for command in COMMANDS} == entry_points()
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f'  {command.name} ' in listed and command.purpose in listed for command in COMMANDS)


def test_listing_imports_nothing_heavy() -> None:
    ran = in_fresh_python(
        'import sys, hcl_arch.__main__\n'
        'hcl_arch.__main__.main([]), hcl_arch.__main__.main(["completion"])\n'
        f'print("HEAVY", sorted(set(sys.modules) & {HEAVY!r}))\n'
    )
    assert ran.stdout.endswith('HEAVY []\n'), ran.stdout + ran.stderr


def test_a_command_is_run_that_way(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, 'argv', list(sys.argv))
    for name in ('restore', 'hcl-restore'):
        with pytest.raises(SystemExit) as end:
            main([name, '--nonsense'])
        assert end.value.code == 2
        assert capsys.readouterr().err == 'hcl-restore: error: unrecognized arguments: --nonsense\n'


def test_unknown_command(capsys) -> None:
    assert main(['repair']) == 2
    error = capsys.readouterr().err
    assert "no command 'repair'" in error
    assert 'hcl-restore' in error


@pytest.mark.parametrize(
    ('words', 'offered'),
    [
        (['hcl-restore', '--thr'], ['--threads', '--threshold']),
        (['hcl-restore', '--format', 'p'], ['png']),
        (['hcl-restore', 'a.png', '--save', 'mask', 'over'], ['overlay']),
        (['hcl-restore', '--save', 'mask', '--format', 'webp', 'w'], []),
        (['.venv/bin/hcl-train', '--reset'], ['--reset_schedule']),
        (['hcl-test', '--reset'], []),
        (['hcl-train', '--launcher', ''], ['none', 'pytorch', 'slurm']),
    ],
)
@pytest.mark.skipif(shutil.which('bash') is None, reason='no bash')
def test_completion_in_bash(words: list[str], offered: list[str], capsys) -> None:
    main(['completion'])
    script = capsys.readouterr().out
    ask = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hcl_complete "$1"; printf "%s\\n" "${COMPREPLY[@]}"'
    ran = subprocess.run(['bash', '-c', f'{script}\n{ask}', 'bash', *words], capture_output=True, text=True, check=True)
    assert sorted(ran.stdout.split()) == offered


@pytest.mark.parametrize('name', ['hcl-train', 'hcl-test'])
def test_no_option_file(name: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, 'argv', [name])
    with pytest.raises(SystemExit) as end:
        main([name])
    assert end.value.code == 2
    assert capsys.readouterr().err == f'{name}: error: expected an option file: -opt FILE\n'


@pytest.mark.parametrize('command', COMMANDS, ids=lambda command: command.name)
def test_wrong_arguments_are_one_line(command, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """It was 13 lines of usage, and at the end what was wrong."""
    for arguments in (['--nonsense'], ['--nonsense', 'a', 'b']):
        monkeypatch.setattr(sys, 'argv', [command.name, *arguments])
        with pytest.raises(SystemExit) as end:
            command.run()
        assert end.value.code == 2
        error = capsys.readouterr().err
        assert error.count('\n') == 1
        assert error.startswith(f'{command.name}: error: ')
