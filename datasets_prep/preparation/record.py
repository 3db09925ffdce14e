"""The record of a finished preparation, `prepare.json`, and the plan of an unfinished one."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hcl_arch.data.storage.image_root import is_lmdb
from hcl_arch.utils.json_text import load_json
from preparation.items import PreparationError, Transform

RECORD_NAME = 'prepare.json'
UNREADABLE_NAME = 'unreadable.txt'
# Increased when existing or unfinished outputs can no longer be resumed.
LAYOUT_VERSION = 1


@dataclass(frozen=True)
class Plan:
    """The plan of a preparation: two runs with equal plans produce the same output.

    Attributes:
        settings: the script's settings, as JSON values.
        transform: name and fields of the transform.
        source_count: number of items.
        items_sha256: digest of the item list (see `check_items`).
        layout_version: version of the output's layout.
    """

    settings: dict[str, Any]
    transform: dict[str, Any]
    source_count: int
    items_sha256: str
    layout_version: int = LAYOUT_VERSION

    @classmethod
    def of(cls, settings: Mapping[str, Any], transform: Transform, source_count: int, items_sha256: str) -> Plan:
        """Return the plan, with values as they are after a round trip through JSON."""
        plain = json.loads(json.dumps({'settings': dict(settings), 'transform': describe_transform(transform)}))
        return cls(plain['settings'], plain['transform'], source_count, items_sha256)

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Return the differences to `other`, a plan or record as a dictionary: 'size: 256 there, 512 now'."""
        mine, theirs = _flat(dataclasses.asdict(self)), _flat(other)
        names = sorted(set(mine) | {name for name in theirs if name.startswith(('settings.', 'transform.'))})
        lines = (
            'other source files'
            if name == 'items_sha256'
            else f'{name.partition(".")[2] or name}: {theirs.get(name)!r} there, {mine.get(name)!r} now'
            for name in names
            if mine.get(name) != theirs.get(name)
        )
        return list(dict.fromkeys(lines))  # a size may be in the settings and in the transform


@dataclass(frozen=True)
class PrepRecord:
    """The content of an output's `prepare.json`.

    Attributes:
        program: 'hcl_arch' and its version.
        date: when the output was finished, ISO 8601 in UTC.
        plan: the plan of the preparation.
        written_count: number of images in the output.
        unreadable_count: number of items listed in `unreadable.txt`.
        total_bytes: sum of the images' sizes.
        list_sha256: SHA-256 of a line `key.ext size` for each image, in the order of the items.
    """

    program: str
    date: str
    plan: Plan
    written_count: int
    unreadable_count: int
    total_bytes: int
    list_sha256: str

    @property
    def source_count(self) -> int:
        """Number of items."""
        return self.plan.source_count

    def to_json(self) -> str:
        """Return the record as text; the plan's fields are on the same level as the others."""
        fields = dataclasses.asdict(self)
        plan = fields.pop('plan')
        return json.dumps({**fields, **plan}, indent=2) + '\n'

    @classmethod
    def from_json(cls, text: str) -> PrepRecord:
        """Parse the record from its text.

        Raises:
            ValueError: a field is missing or unknown.
        """
        fields = load_json(text)
        names = {field.name for field in dataclasses.fields(Plan)}
        try:
            plan = Plan(**{name: fields.pop(name) for name in names if name in fields})
            return cls(plan=plan, **fields)
        except TypeError as error:
            raise ValueError(f'not a record of this program: {error}') from error


def list_name(name: str, output: str) -> str:
    """Return the name of a file about the images in an output: hidden in a folder of images.

    BasicSR's own data sets treat every visible file of a folder as an image.
    """
    return name if is_lmdb(output) else f'.{name}'


def read_record(output: str) -> PrepRecord:
    """Return the record of a finished output.

    Raises:
        PreparationError: the folder has none, or a malformed one.
    """
    path = os.path.join(output, list_name(RECORD_NAME, output))
    try:
        with open(path, encoding='utf-8') as file:
            return PrepRecord.from_json(file.read())
    except FileNotFoundError:
        raise PreparationError(
            f'{output}: expected a new path or an output of this program, found a folder without '
            f'{list_name(RECORD_NAME, output)}. Give another path, or remove the folder.'
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise PreparationError(
            f'{path}: cannot be read as a record ({error}). Remove the output, or give another path.'
        ) from error


def describe_transform(transform: Transform) -> dict[str, Any]:
    """Return the name of a transform and, if it is a dataclass, its fields."""
    instance: Any = transform  # mypy does not regard a Callable as a dataclass
    if dataclasses.is_dataclass(instance) and not isinstance(instance, type):
        return {'name': type(instance).__qualname__, **dataclasses.asdict(instance)}
    return {'name': getattr(instance, '__qualname__', type(instance).__qualname__)}


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with those of `settings` and `transform` under 'settings.x' and 'transform.x'."""
    flat = {}
    for name, value in fields.items():
        if name in ('settings', 'transform') and isinstance(value, dict):
            flat.update({f'{name}.{inner}': inner_value for inner, inner_value in value.items()})
        else:
            flat[name] = value
    return flat
