"""A folder in which documented commands are run as a shell would run them, but inside this process.

Bash reads the command: loops, globs, quotes and redirections are its own. In the place of our programs it finds scripts
that only note how they were called. The calls are then made here, since starting Python and torch takes seconds.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple

from tests.docs.documented_commands import REPOSITORY

PROGRAMS = (
    'hcl-app', 'hcl-convert', 'hcl-export', 'hcl-new-training', 'hcl-options', 'hcl-report', 'hcl-restore', 'hcl-serve',
    'hcl-test', 'hcl-train', 'curl', 'iopaint', 'python', 'torchrun',
)  # fmt: skip
_NOTES = 'calls'
_NOTER = f"""#!/bin/bash
program=$(basename "$0") stdin=$(readlink /proc/$$/fd/0) stdout=$(readlink /proc/$$/fd/1)
{{
    printf '%s\\0' "$program" "$stdin" "$stdout" "$@"
    printf '\\036\\0'
}} >> "$NOTES_FOLDER/{_NOTES}"
"""


class Call(NamedTuple):
    """How a program was called."""

    program: str
    stdin: str
    stdout: str
    """What its streams lead to."""
    arguments: list[str]


class Done(NamedTuple):
    """What came of a call."""

    call: Call
    status: int
    out: str
    err: str


class Workplace:
    """The working directory of a command.

    Args:
        folder: an empty folder, which is the working directory already.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._given: set[object] = set()
        self._tools = folder.parent / 'tools'
        self._tools.mkdir()
        noter = self._tools / 'noter'
        noter.write_text(_NOTER)
        noter.chmod(0o755)
        for folder_of_programs in (self._tools, folder / '.venv' / 'bin'):
            folder_of_programs.mkdir(parents=True, exist_ok=True)
            for program in PROGRAMS:
                (folder_of_programs / program).symlink_to(noter)

    def give(self, make: Callable[[], object]) -> None:
        """Let a function make files, once in a folder: commands find what those before them have left."""
        if (make, os.getcwd()) not in self._given:
            self._given.add((make, os.getcwd()))
            make()

    def calls(self, text: str) -> list[Call]:
        """Let bash run a command and return how it called our programs; what else it does is done."""
        environment = {**os.environ, 'PATH': f'{self._tools}:/usr/bin:/bin', 'NOTES_FOLDER': str(self._tools)}
        ran = subprocess.run(
            ['bash', '-euc', text], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        notes = self._tools / _NOTES
        records = notes.read_text().split('\x1e\0')[:-1] if notes.exists() else []
        notes.unlink(missing_ok=True)
        return [Call(*fields[:3], fields[3:-1]) for fields in (record.split('\0') for record in records)]

    def run(self, text: str, *more: str) -> list[Done]:
        """Run a command, with further arguments for each of our programs; every one has to succeed."""
        done = [self.make(call._replace(arguments=[*call.arguments, *more])) for call in self.calls(text)]
        for one in done:
            assert one.status == 0, (one.call, one.out, one.err)
        return done

    def make(self, call: Call) -> Done:
        """Make a call inside this process."""
        main, name, arguments = main_of(call)
        out, err = io.TextIOWrapper(io.BytesIO(), 'utf-8'), io.TextIOWrapper(io.BytesIO(), 'utf-8')
        with contextlib.ExitStack() as changed:
            changed.enter_context(_argv([name, *arguments]))
            changed.enter_context(_stdin(call.stdin))
            changed.enter_context(contextlib.redirect_stdout(out))
            changed.enter_context(contextlib.redirect_stderr(err))
            status = _status_of(main)
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue())  # type: ignore[attr-defined]
        if Path(call.stdout).is_file():
            Path(call.stdout).write_bytes(texts[0])
        return Done(call, status, *(content.decode('utf-8', 'replace') for content in texts))


def main_of(call: Call) -> tuple[Callable[[], Any], str, list[str]]:
    """Return the function that a call ends in, the name of the program for it, and its arguments."""
    if call.program.startswith('hcl-'):
        module, name = entry_points()[call.program].split(':')
        return getattr(importlib.import_module(module), name), call.program, call.arguments
    assert call.program == 'python', call.program
    if call.arguments[0] == '-m':
        module = call.arguments[1]
        loaded = importlib.import_module(module)
        main = getattr(loaded, 'main', None) or importlib.import_module(f'{module}.__main__').main
        return main, module, call.arguments[2:]
    return load_script(call.arguments[0]).main, call.arguments[0], call.arguments[1:]


def entry_points() -> dict[str, str]:
    """The programs as setup.py gives them: {'hcl-train': 'hcl_arch.train:main', ...}."""
    return dict(re.findall(r"'(hcl-[\w-]+) = ([\w.]+:\w+)'", (REPOSITORY / 'setup.py').read_text('utf-8')))


def load_script(name: str) -> Any:
    """Load a script of this repository by its path."""
    path = REPOSITORY / name
    assert path.is_file(), f'{name}: there is no such script'
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module  # where dataclasses look their types up
    with _beside(path):
        specification.loader.exec_module(module)
    return module


def _status_of(main: Callable[[], Any]) -> int:
    try:
        return main() or 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0


@contextlib.contextmanager
def _argv(arguments: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, arguments
    try:
        yield
    finally:
        sys.argv = before


@contextlib.contextmanager
def _stdin(source: str) -> Iterator[None]:
    before = sys.stdin
    with open(source if Path(source).is_file() else os.devnull, encoding='utf-8') as sys.stdin:
        try:
            yield
        finally:
            sys.stdin = before


@contextlib.contextmanager
def _beside(script: Path) -> Iterator[None]:
    """Scripts import what lies beside them."""
    sys.path.insert(0, str(script.parent))
    try:
        yield
    finally:
        sys.path.remove(str(script.parent))
