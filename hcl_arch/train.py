"""Command `hcl-train -opt FILE`: BasicSR's training pipeline, with this package loaded.

Takes the arguments of BasicSR's `basicsr/train.py`; the package is loaded because this module is in it. The folders
experiments/ and tb_logger/ are made in the working directory (BasicSR's own script makes them beside its package).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Callable, Optional

import yaml
from basicsr.train import train_pipeline
from basicsr.utils.options import ordered_yaml

from hcl_arch.host_memory import keep_freed_memory

# Parts of names under `path:` that BasicSR does not make into folders (basicsr.utils.make_exp_dirs).
_NOT_FOLDERS = ('strict_load', 'pretrain_network', 'resume', 'param_key', 'experiments_root', 'results_root')


class OptionFileError(ValueError):
    """The option file cannot be used as it is; the message says what to change."""


def main() -> None:
    """Run the command."""
    run_pipeline(train_pipeline, command='hcl-train', arguments=sys.argv[1:])


def run_pipeline(pipeline: Callable[[str], None], *, command: str, arguments: list[str]) -> None:
    """Run a pipeline of BasicSR in the working directory; a mistake of the user ends it with one line.

    Such a mistake is an unusable option file, or a file or folder that is not there. All else keeps its traceback, and
    with `--debug` these do too.

    Args:
        pipeline: BasicSR's `train_pipeline` or `test_pipeline`, which reads `sys.argv` itself.
        command: Name of the command, for the message.
        arguments: The command's arguments.

    Raises:
        SystemExit: With code 2, after such a mistake.
    """
    try:
        check_option_file(arguments)
        keep_freed_memory()
        pipeline(os.getcwd())
    except (OptionFileError, FileNotFoundError, NotADirectoryError) as error:
        if '--debug' in arguments:
            raise
        print(f'{command}: error: {error}', file=sys.stderr)
        raise SystemExit(2) from None


def check_option_file(arguments: list[str]) -> None:
    """Check what BasicSR would answer with a puzzling error, before anything is written.

    Args:
        arguments: The command's arguments. If they name no option file, the pipeline says so itself.

    Raises:
        OptionFileError: If the option file does not exist, is no YAML mapping or asks for a folder without a name.
    """
    option_file = named_option_file(arguments)
    if option_file is None:
        return
    if not option_file.is_file():
        raise OptionFileError(f'option file {option_file} does not exist (working directory: {Path.cwd()})')
    options = read_option_file(option_file)
    if '--force_yml' not in arguments:  # which may give the folder its name
        check_folders(options)


def named_option_file(arguments: list[str]) -> Optional[Path]:
    """Return the value of `-opt`, or None."""
    for argument, following in zip(arguments, arguments[1:]):
        if argument == '-opt':
            return Path(following)
    return None


def read_option_file(option_file: Path) -> dict[str, Any]:
    """Read an option file as BasicSR does.

    Raises:
        OptionFileError: If it is no YAML, or no mapping.
    """
    try:
        options = yaml.load(option_file.read_text(encoding='utf-8'), Loader=ordered_yaml()[0])
    except yaml.YAMLError as error:
        raise OptionFileError(f'option file {option_file} cannot be read: {error}') from error
    if not isinstance(options, dict):
        raise OptionFileError(f'option file {option_file} must hold `key: value` lines, got {type(options).__name__}')
    return options


def check_folders(options: dict[str, Any]) -> None:
    """Check that `path:` is a mapping without nameless folders: BasicSR makes a folder of every key it does not know.

    Raises:
        OptionFileError: If not.
    """
    folders = options.get('path')
    if not isinstance(folders, dict):
        raise OptionFileError('the option file needs a section `path:`, such as `path: {resume_state: ~}`')
    for name, folder in folders.items():
        if folder is None and not any(part in name for part in _NOT_FOLDERS):
            raise OptionFileError(f'`path: {name}` is empty. BasicSR makes a folder of it: give a name or remove it')


if __name__ == '__main__':
    main()
