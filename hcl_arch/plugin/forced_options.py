"""The changes of `--force_yml`, applied as in BasicSR, but with errors that name what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from basicsr.utils.options import _postprocess_yml_value

from hcl_arch.utils.option_file import OptionFileError


def with_forced_options(options: Mapping[str, Any], entries: Sequence[str]) -> dict[str, Any]:
    """Return a copy of an option file's options with some of them changed.

    Args:
        options: as in the file.
        entries: such as 'train:ema_decay=0.999'.

    Raises:
        OptionFileError: an entry is malformed, its value cannot be read, or its sections do not exist.
    """
    forced = copy.deepcopy(dict(options))
    for entry in entries:
        keys, separator, text = entry.partition('=')
        # BasicSR turns the keys into Python code.
        if not separator or '=' in text or any(letter in keys for letter in '"\\\n\r'):
            raise OptionFileError(f'--force_yml {entry}: expected an entry such as train:ema_decay=0.999')
        _set(forced, [key.strip() for key in keys.split(':')], _read_value(text.strip(), entry), entry)
    return forced


def _read_value(text: str, entry: str) -> Any:
    try:
        return _postprocess_yml_value(text)
    except Exception as error:  # it evaluates lists
        raise OptionFileError(f'--force_yml {entry}: the value cannot be read ({error}).') from error


def _set(options: dict[str, Any], keys: list[str], value: Any, entry: str) -> None:
    section: Any = options
    for number, key in enumerate(keys[:-1]):
        section = section.get(key)
        if not isinstance(section, dict):
            where = ': '.join(keys[: number + 1])
            raise OptionFileError(f'--force_yml {entry}: the option file has no section `{where}`, and none is made.')
    section[keys[-1]] = value
