"""A model file's description of its network, in the metadata of safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.utils.json_text import load_json
from hcl_arch.utils.option_fields import Is, is_number, is_whole

FORMAT = 'hcl_arch_format'
VERSION = '1'
# The description of a network takes 1 to 4 KB and has two or three levels.
_MOST_CHARACTERS, _MOST_VALUES, _MOST_LEVELS = 2**18, 10_000, 16
_SHARE = Is('a number in [0, 1]', lambda value: is_number(value) and 0 <= value <= 1, {})
_SIDE = Is('a whole number from 1 to 16384', lambda value: is_whole(value, 1) and value <= 16384, {})
_PIXELS = Is('a number of pixels from 0 to 1000', lambda value: is_number(value) and 0 <= value <= 1000, {})
_LINE = Is('a text', lambda value: isinstance(value, str), {})
# Remarks that a program reads; others are for people.
_REMARKS = {
    'threshold': _SHARE, 'min_score': _SHARE, 'detect_side': _SIDE, 'feather': _PIXELS,
    'description': _LINE, 'licence': _LINE,
}  # fmt: skip


class Description(NamedTuple):
    """A network's options and remarks."""

    network: dict[str, Any]
    """Its options with the registered ``type``, those of networks within it nested."""
    info: dict[str, Any]
    """``description``, ``licence``, ``detect_side``, ``threshold``, ``min_score``, ``feather``, ...; may be empty."""


def to_metadata(description: Description) -> dict[str, str]:
    """Return texts for the metadata of a file.

    Raises:
        ValueError: If a value is not made of numbers, texts, lists and mappings with text keys, or a remark that sets
            something is out of its range.
    """
    _check_remarks(description.info)
    texts = {FORMAT: VERSION}
    for name, value in description._asdict().items():
        try:
            texts[name] = json.dumps(value, allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f'{name}: expects numbers, texts, lists and mappings, got {error}.') from error
    return texts


def _check_remarks(info: Mapping[str, Any]) -> None:
    for name, allowed in _REMARKS.items():
        if name in info and allowed.fault(info[name]):
            raise ValueError(f'{name}: {allowed.fault(info[name])}')


def from_metadata(path: Path, metadata: Mapping[str, str]) -> Description:
    """Read the metadata of a file; another check decides whether the options make a network.

    Raises:
        ModelFileError: If there is no description, it has another version or kind, is larger or deeper than that of any
            network, or a remark that sets something is out of its range.
    """
    version = metadata.get(FORMAT)
    if version is None:
        raise ModelFileError(
            f'{path}: holds no configuration of a network; expected a file of hcl-convert, hcl-export or save_model.'
        )
    if version != VERSION:
        raise ModelFileError(
            f'{path}: has the format {version[:20]!r}, expected {VERSION!r}: update hcl-arch, or get another file.'
        )
    network, info = _mapping(path, 'network', metadata), _mapping(path, 'info', metadata)
    try:
        _check_remarks(info)
    except ValueError as error:
        raise ModelFileError(f'{path}: its info: {error}') from error
    return Description(network, info)


def _mapping(path: Path, key: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    text = metadata.get(key, 'null')
    if len(text) > _MOST_CHARACTERS:
        raise ModelFileError(
            f'{path}: its {key} is {len(text):,} characters long, expected at most {_MOST_CHARACTERS:,}.'
        )
    try:
        value = load_json(text, max_values=_MOST_VALUES, max_depth=_MOST_LEVELS)
    except ValueError as error:
        raise ModelFileError(f'{path}: its {key} is no JSON ({" ".join(str(error).split())}).') from error
    if not isinstance(value, dict):
        found = 'nothing' if value is None else type(value).__name__
        raise ModelFileError(f'{path}: its {key} must be a mapping in JSON, got {found}.')
    return value
