"""Read option files and other YAML files without running any code that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.regular_file import read_regular_file, reason_of
from hcl_arch.utils.yaml_loader import load_yaml

MAX_BYTES = 2**20


class OptionFileError(HCLError, ValueError):
    """The option file cannot be used as it is; the message says what to change."""


class YamlFileError(HCLError, ValueError):
    """A file's YAML is not accepted; the message says why and in which line, without the file's name."""


def read_option_file(path: Path, *, trusted: bool = False) -> dict[str, Any]:
    """Read an option file to the same values as BasicSR.

    Args:
        path: the file.
        trusted: whether `!!python/name:` lines other than this package's may import what they name, as in BasicSR.

    Raises:
        OptionFileError: the file does not exist or cannot be read, is not YAML or not a mapping, asks for Python
            objects, gives a key twice, or is larger than any option file; names file, line and what to do.
    """
    try:
        options = read_yaml_file(path, trusted=trusted)
    except FileNotFoundError as error:
        raise OptionFileError(f'option file {path} does not exist (working directory: {Path.cwd()})') from error
    except OSError as error:
        raise OptionFileError(f'option file {path} cannot be read: {reason_of(error)}') from error
    except YamlFileError as error:
        raise OptionFileError(f'option file {path} cannot be read: {error}') from error
    if not isinstance(options, dict):
        raise OptionFileError(f'option file {path} must hold `key: value` lines, got {type(options).__name__}')
    return options


def read_yaml_file(path: Path, *, trusted: bool = False) -> Any:
    """Read a YAML file to plain values.

    Args:
        path: the file.
        trusted: see `read_option_file`.

    Raises:
        OSError: it does not exist, cannot be read, is larger than `MAX_BYTES`, or is not a regular file.
        YamlFileError: it is not YAML in UTF-8, or asks for more than plain values.
    """
    content = read_regular_file(path, max_bytes=MAX_BYTES)
    try:
        return load_yaml(content.decode('utf-8'), trusted=trusted)
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        raise YamlFileError(f'line {line}: expected text in UTF-8, found other bytes. Save it as UTF-8') from error
    except yaml.YAMLError as error:
        raise YamlFileError(_on_one_line(error)) from error


def _on_one_line(error: yaml.YAMLError) -> str:
    """Return the text of a YAML error, with the line first."""
    mark = getattr(error, 'problem_mark', None)
    if mark is None:
        return ' '.join(str(error).split())
    context, problem = getattr(error, 'context', None), getattr(error, 'problem', None)
    words = ', '.join(text for text in (context, problem) if text)
    return f'line {mark.line + 1}, column {mark.column + 1}: {words}'
