"""Every command in the documentation and in the heads of option files does what it says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from hcl_arch.commands.restore.arguments import _EPILOG
from tests.docs import example_files
from tests.docs.command_rules import RULES, rule_of
from tests.docs.documented_commands import (
    OPTION_FILES,
    PAGES,
    PYTHON,
    REPOSITORY,
    SHELL,
    YAML,
    Command,
    all_commands,
    blocks_of,
    commands_of_shell,
    typed_on,
    usage_lines,
)
from tests.docs.workplace import PROGRAMS, Workplace, entry_points

COMMANDS = all_commands()


TYPED = {page: typed_on(page) for page in PAGES if typed_on(page)}


def is_slow(command: Command) -> bool:
    rule = rule_of(command.text)
    return rule is not None and rule.slow


def run(command: Command, workplace: Workplace) -> None:
    rule = rule_of(command.text)
    assert rule is not None, (
        f'{", ".join(command.places)}: {command.text}\nNo test runs this command: give it a rule in '
        'tests/docs/command_rules.py, or make it one of those that have a rule.'
    )
    print(f'{command.places[0]}: {command.text}')  # shown where it fails
    rule.run(workplace, command.text)


@pytest.mark.parametrize('command', [
    command for command in COMMANDS if not any(command.text == typed.text for page in TYPED.values() for typed in page)
], ids=str)  # fmt: skip
def test_command_in_a_sentence(command: Command, workplace: Workplace) -> None:
    run(command, workplace)


@pytest.mark.parametrize('page', TYPED, ids=lambda page: page.stem)
def test_commands_of_a_page_in_order(page: Path, workplace: Workplace) -> None:
    """In one folder, where each finds what those before it have left; the slow ones are left out."""
    for command in TYPED[page]:
        if not is_slow(command):
            run(command, workplace)


@pytest.mark.slow
@pytest.mark.parametrize('page', [page for page in TYPED if any(map(is_slow, TYPED[page]))], ids=lambda page: page.stem)
def test_all_commands_of_a_page_in_order(page: Path, workplace: Workplace) -> None:
    for command in TYPED[page]:
        run(command, workplace)


def test_examples_of_the_help_in_order(workplace: Workplace) -> None:
    """They are typed one after the other too: none meets the output of another."""
    example_files.photographs()
    example_files.write_lama()
    _, _, examples = _EPILOG.partition('examples:\n')
    for name in ('blend.png', '-odd-name.png'):
        example_files.write_image(name)
    shutil.copytree('holiday', 'photos')
    commands = [re.split(r'  +', line.strip())[0] for line in examples.splitlines()]
    assert len(commands) > 10
    for command in commands:
        workplace.run(command)


def test_no_rule_is_left_over() -> None:
    used = {rule_of(command.text) for command in COMMANDS}
    assert [rule.form for rule in RULES if rule not in used] == []


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            assert block.language in (*SHELL, PYTHON, YAML), block.place


@pytest.mark.parametrize('option_file', OPTION_FILES, ids=lambda path: path.stem)
def test_every_option_file_says_how_it_is_used(option_file) -> None:
    texts = [text for _, text in usage_lines(option_file)]
    path = str(option_file.relative_to(REPOSITORY))
    assert any(path in text for text in texts) or texts == ['make demo']


def test_programs_are_those_of_setup() -> None:
    assert {program for program in PROGRAMS if program.startswith('hcl-')} == set(entry_points())


def test_commands_are_told_from_their_comments() -> None:
    text = 'a -b  # c\n# d\nfor x in y; do\n    z $x\ndone\n\ne \\\n    -f\n'
    assert list(commands_of_shell(text)) == [(0, 'a -b'), (2, 'for x in y; do\n    z $x\ndone'), (6, 'e -f')]


def test_a_new_command_has_no_rule() -> None:
    """What slips in is found by name."""
    new = ('hcl-restore photo.jpg --new', 'hcl-train --new', 'hcl-new photo.jpg', 'python datasets_prep/prepare_new.py')
    assert [rule_of(text) for text in new] == [None] * len(new)
    assert all(re.fullmatch(rule.form, '') is None for rule in RULES)
