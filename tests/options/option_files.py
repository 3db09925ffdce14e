"""The option files by their names, and what docs/experiments.md makes of them by `--force_yml`."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from basicsr.utils.options import parse_options

from hcl_arch.plugin.forced_options import with_forced_options
from hcl_arch.utils.option_file import read_option_file

REPOSITORY = Path(__file__).resolve().parents[2]
OPTIONS = REPOSITORY / 'options'
EXPERIMENTS = (REPOSITORY / 'docs' / 'experiments.md').read_text(encoding='utf-8')
FILES = {path.stem: path for path in sorted(OPTIONS.rglob('*.yml')) if path.stem.startswith(('train_', 'test_'))}


class Command(NamedTuple):
    """A training or test as its command line gives it: the option file, and what it overrides."""

    name: str
    forced: tuple[str, ...] = ()

    def parse(self, monkeypatch: pytest.MonkeyPatch, *, is_train: bool = False) -> dict[str, Any]:
        """What BasicSR's own parser makes of it."""
        arguments = ['command', '-opt', str(FILES[self.name]), *(('--force_yml', *self.forced) if self.forced else ())]
        monkeypatch.setattr(sys, 'argv', arguments)
        return parse_options('.', is_train=is_train)[0]

    def __str__(self) -> str:
        """Name of the run."""
        return next((text[len('name=') :] for text in self.forced if text.startswith('name=')), self.name)


def documented_commands(program: str) -> list[Command]:
    """Those of the page of experiments that override something."""
    commands = re.findall(rf'{program} -opt options/(?:\w+/)*(\w+)\.yml --force_yml ([^#\n]*)', EXPERIMENTS)
    return [Command(name, tuple(forced.split())) for name, forced in commands]


ABLATIONS = {str(command): command for command in documented_commands('hcl-train')}
TRAININGS = [*(name for name in FILES if name.startswith('train_')), *ABLATIONS]


@functools.cache
def read(name: str) -> dict[str, Any]:
    """The options of a file or of an ablation, read once: not to be changed."""
    command = ABLATIONS.get(name, Command(name))
    return with_forced_options(read_option_file(FILES[command.name]), command.forced)
