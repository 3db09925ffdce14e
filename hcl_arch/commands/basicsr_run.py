"""Run a pipeline of BasicSR; errors that the user can fix end it with a message."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional

from basicsr.utils.options import parse_options

from hcl_arch.commands.basicsr_arguments import read_arguments
from hcl_arch.option_checks.problems import find_structure_problems
from hcl_arch.plugin.forced_options import with_forced_options
from hcl_arch.plugin.pipeline import OptionsError, check_options, problems_text
from hcl_arch.training.checkpoints import FULL_DISK, CheckpointError
from hcl_arch.training.guarded_dataset import SampleError
from hcl_arch.training.interruption import interruption
from hcl_arch.training.process_group import note_error
from hcl_arch.training.run_lock import RunInUseError
from hcl_arch.training.step_watch import NonFiniteError
from hcl_arch.training.unreadable_log import TooManyUnreadableError
from hcl_arch.utils.host_memory import keep_freed_memory
from hcl_arch.utils.option_file import OptionFileError, read_option_file
from hcl_arch.utils.unreadable_image import UnreadableImageError

# Errors whose message says what to do; a traceback would only hide it.
_MESSAGES = (
    OptionFileError,
    OptionsError,
    FileExistsError,
    FileNotFoundError,
    NotADirectoryError,
    PermissionError,
    UnreadableImageError,
    CheckpointError,
    NonFiniteError,
    RunInUseError,
    SampleError,
    TooManyUnreadableError,
)


def run_pipeline(pipeline: Callable[[str], None], *, command: str, arguments: list[str]) -> None:
    """Run a pipeline of BasicSR in the working directory; errors that the user can fix end it with a message.

    These are unusable options, missing files or folders, checkpoints that cannot be read or written, too many
    unreadable images, too many non-finite steps, a run in use by another training, a full disk. All other errors keep
    their traceback, as do these with `--debug`. With `--check` the options are checked and nothing is run.

    Args:
        pipeline: BasicSR's `train_pipeline` or `test_pipeline`, which reads `sys.argv` itself.
        command: Name of the command, for the message.
        arguments: The command's arguments.

    Raises:
        SystemExit: With code 2, after such a message.
    """
    is_train = command == 'hcl-train'
    named, passed_on = read_arguments(arguments, is_train=is_train)
    try:
        check_option_file(arguments, is_train=is_train)
        with _arguments_of_program(passed_on):
            if named.check:
                opt, _ = parse_options(os.getcwd(), is_train=is_train)
                check_options(opt)
                print(f'{command}: no problem found in {named.opt}')
                return
            keep_freed_memory()
            pipeline(os.getcwd())
    except Exception as error:
        if named.debug or not explains_itself(error):
            raise
        note_error()
        print(f'{command}: error: {last_words(error)}', file=sys.stderr)
        raise SystemExit(2) from None
    finally:
        interruption.remove()


def explains_itself(error: Exception) -> bool:
    """Whether an error's message is all that a user needs."""
    return isinstance(error, _MESSAGES) or (isinstance(error, OSError) and error.errno in FULL_DISK)


@contextlib.contextmanager
def _arguments_of_program(arguments: list[str]) -> Iterator[None]:
    """Set the program's arguments, which BasicSR reads from `sys.argv`."""
    previous = sys.argv
    sys.argv = [previous[0], *arguments]
    try:
        yield
    finally:
        sys.argv = previous


def last_words(error: BaseException) -> str:
    """The message of an error, without the worker's traceback if a data loader's worker raised it."""
    message = str(error)
    if 'DataLoader worker process' not in message:
        return message
    kind = type(error).__qualname__
    module = type(error).__module__
    name = kind if module == 'builtins' else f'{module}.{kind}'
    return message.rpartition(f'\n{name}')[2].removeprefix(': ').strip()


def check_option_file(arguments: list[str], *, is_train: Optional[bool] = None) -> None:
    """Check, before BasicSR reads the file, what would cause a confusing error or run code.

    Args:
        arguments: The command's arguments. Without an option file nothing is checked.
        is_train: Whether the file is for training; None = if it looks like it.

    Raises:
        OptionFileError: If the option file does not exist, is not a YAML mapping, asks for Python objects (allowed by
            `--trust_option_file`), lacks a section that BasicSR relies on, or cannot be changed by `--force_yml`.
    """
    named, _ = read_arguments(arguments, is_train=is_train is not False)
    if named.opt is None:
        return
    options = read_option_file(Path(named.opt), trusted=named.trust_option_file)
    options = with_forced_options(options, named.force_yml or ())
    problems = find_structure_problems(options, is_train=is_train)
    if problems:
        raise OptionFileError(problems_text(problems))
