"""The journal of a preparation: a line for each finished item, used to resume an interrupted run."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable, Union

from hcl_arch.utils.json_text import load_json
from preparation.items import EncodedImage, PrepItem
from preparation.keys import key_fault

# Extensions of an EncodedImage.
_EXTENSIONS = ('.jpg', '.png')


@dataclass(frozen=True)
class Written:
    """A written image: its key, extension, shape and size in bytes."""

    key: str
    extension: str
    height: int
    width: int
    channels: int
    size: int

    @classmethod
    def of(cls, item: PrepItem, image: EncodedImage) -> Written:
        """Return the entry of an image."""
        return cls(item.key, image.extension, image.height, image.width, image.channels, len(image.content))


@dataclass(frozen=True)
class Unreadable:
    """A skipped item, and why."""

    key: str
    reason: str


Entry = Union[Written, Unreadable]


class Journal:
    """Appends entries in the order of the items, so its length says where to resume.

    `flush` is called before the values of its entries are committed. After an interruption the last entries may
    therefore lack their values, or the last line may be incomplete: `recover` cuts them off. The remaining entries have
    their values.

    Args:
        path: the file; created if missing.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open(path, 'ab')  # noqa: SIM115  (kept open between batches)

    def add(self, entry: Entry) -> None:
        """Append an entry; it may stay in memory until `flush`."""
        fields = list(vars(entry).values())
        self._file.write(json.dumps(fields, separators=(',', ':')).encode('ascii') + b'\n')

    def flush(self) -> None:
        """Flush all entries to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def recover(self, items: Sequence[PrepItem], holds: Callable[[Written, int], bool]) -> int:
        """Cut the journal after its last valid entry and return the number of valid ones.

        Args:
            items: the items of the preparation; entry i must be that of item i.
            holds: returns whether the output holds an entry's value, given how many were written before it.
        """
        count, written, end = 0, 0, 0
        with open(self._path, 'rb') as file:
            for item, line in zip(items, file):
                entry = _parse(line)
                if entry is None or entry.key != item.key:
                    break
                if isinstance(entry, Written):
                    if not holds(entry, written):
                        break
                    written += 1
                count, end = count + 1, end + len(line)
        self.cut(end)
        return count

    def cut(self, end: int = 0) -> None:
        """Remove everything after byte `end`."""
        self._file.truncate(end)
        self.flush()

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, one by one."""
        with open(self._path, 'rb') as file:
            for line in file:
                entry = _parse(line)
                assert entry is not None  # `recover` has removed incomplete lines
                yield entry

    def close(self) -> None:
        """Close the file. Unflushed entries may be lost, and an error in writing them is ignored."""
        with contextlib.suppress(OSError):  # the disk is full, already reported by the failed flush
            self._file.close()


def _parse(line: bytes) -> Entry | None:
    """Return the entry of a line, None if the line is incomplete or not of the form that `Journal.add` writes."""
    if not line.endswith(b'\n'):
        return None
    try:
        fields = load_json(line)
        if not isinstance(fields, list):
            return None
        entry: Entry = Unreadable(*fields) if len(fields) == 2 else Written(*fields)
    except (ValueError, TypeError):
        return None
    return entry if _is_sound(entry) else None


def _is_sound(entry: Entry) -> bool:
    """Whether all fields have valid types and values: extension and key become the path of a file."""
    if isinstance(entry, Unreadable):
        return isinstance(entry.key, str) and isinstance(entry.reason, str)
    numbers = (entry.height, entry.width, entry.channels, entry.size)
    return (
        isinstance(entry.key, str)
        and key_fault(entry.key) is None
        and entry.extension in _EXTENSIONS
        and all(type(number) is int and number > 0 for number in numbers)
    )
