"""A model file's description of its network, in the metadata of safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hcl_arch.model_files.errors import ModelFileError

FORMAT = 'hcl_arch_format'
VERSION = '1'
# Remarks that recommend settings for a network, each a number in [0, 1].
_SHARES = ('threshold', 'min_score')


class Description(NamedTuple):
    """A network's options and remarks."""

    network: dict[str, Any]
    """Its options with the registered ``type``, those of networks within it nested."""
    info: dict[str, Any]
    """``description``, ``licence``, ``detect_side``, ``threshold``, ``min_score``, ``training``, ...; may be empty."""


def to_metadata(description: Description) -> dict[str, str]:
    """Return texts for the metadata of a file.

    Raises:
        ValueError: If a value is not made of numbers, texts, lists and mappings with text keys, or a remark that must
            be a number in [0, 1] is not.
    """
    for name in _SHARES:
        _check_share(name, description.info.get(name, 0))
    texts = {FORMAT: VERSION}
    for name, value in description._asdict().items():
        try:
            texts[name] = json.dumps(value, allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f'{name}: expects numbers, texts, lists and mappings, got {error}.') from error
    return texts


def _check_share(name: str, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError(f'{name}: expected a number in [0, 1], got {value!r}.')


def from_metadata(path: Path, metadata: Mapping[str, str]) -> Description:
    """Read the metadata of a file; another check decides whether the options make a network.

    Raises:
        ModelFileError: If there is no description, or it has another version or kind.
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
    return Description(_mapping(path, 'network', metadata), _mapping(path, 'info', metadata))


def _mapping(path: Path, key: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        value = json.loads(metadata.get(key, 'null'))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f'{path}: its {key} is no JSON ({" ".join(str(error).split())}).') from error
    if not isinstance(value, dict):
        found = 'nothing' if value is None else type(value).__name__
        raise ModelFileError(f'{path}: its {key} must be a mapping in JSON, got {found}.')
    return value
