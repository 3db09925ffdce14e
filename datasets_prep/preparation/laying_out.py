"""Layout of a folder of files from many places: linked, copied or generated; resumable, with a record."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Optional

from tqdm import tqdm

from hcl_arch.utils.atomic_file import atomic_file, atomic_text
from hcl_arch.utils.version import __version__
from preparation.items import PreparationError, PreparationInterruptedError
from preparation.record import RECORD_NAME, Plan, PrepRecord, list_name, read_record
from preparation.workshop import UNFINISHED_SUFFIX, Workshop, check_folder_name, check_plan, remove_leftover


@dataclass(frozen=True)
class Entry:
    """A file to lay out.

    Attributes:
        name: its path in the output, with '/' as separator.
        source: the source file, or a description of what it is generated from.
        copied: whether to copy the source instead of linking to it.
        make: returns the content; None: the source is used as it is.
    """

    name: str
    source: str
    copied: bool = False
    make: Optional[Callable[[], bytes]] = None


def lay_out(entries: Sequence[Entry], output: str, *, settings: Mapping[str, Any]) -> PrepRecord:
    """Write a folder of links, copies and generated files, like `prepare` for images.

    It grows in `<output>.unfinished` and appears under its name when it is complete. The same call resumes an
    interrupted run; a complete output of the same call is left unchanged. `.prepare.json` in it is the record.

    Args:
        entries: the files.
        output: path of the folder.
        settings: what defines the output besides the entries, as JSON values; part of the record.

    Raises:
        PreparationError: two entries have the same name, or the output belongs to another run or cannot be replaced.
        PreparationInterruptedError: Ctrl-C; finished work is kept.
        OSError: a source cannot be read, or the output cannot be written.
    """
    output = os.path.realpath(output)
    plan = _plan_of(entries, settings)
    if _is_complete(output, plan):
        record = read_record(output)
        print(f'{output}: already done, {record.written_count} files')
        return record
    if os.path.dirname(output):
        os.makedirs(os.path.dirname(output), exist_ok=True)
    try:
        with contextlib.closing(Workshop(output, plan)) as workshop:
            record = _write(entries, workshop.content, plan, output)
            if hasattr(os, 'sync'):  # so a power cut after the renaming leaves no empty file
                os.sync()
            workshop.publish()
    except KeyboardInterrupt:
        raise PreparationInterruptedError(
            f'{output}: interrupted. What is done is kept in {output}{UNFINISHED_SUFFIX};'
            ' run the same command again to go on.'
        ) from None
    print(f'{output}: {record.written_count} files, {record.total_bytes / 1e6:.1f} MB')
    return record


def _plan_of(entries: Iterable[Entry], settings: Mapping[str, Any]) -> Plan:
    """Return the plan; refuses two entries with the same name."""
    sources: dict[str, str] = {}
    digest = hashlib.sha256()
    for entry in entries:
        if entry.name in sources:
            raise PreparationError(
                f"two files would get the name '{entry.name}': {sources[entry.name]} and "
                f'{entry.source}. Rename one of them in a copy of the folder, or leave one out.'
            )
        sources[entry.name] = entry.source
        digest.update(f'{entry.name}\t{entry.source}\t{entry.copied}\n'.encode('utf-8', 'surrogateescape'))
    if not sources:
        raise PreparationError('expected files to lay out, got none.')
    return Plan(dict(settings), {'name': 'lay_out'}, len(sources), digest.hexdigest())


def _is_complete(output: str, plan: Plan) -> bool:
    """Whether the output exists and has the same plan; one of another plan or program is refused."""
    if os.path.ismount(output):
        raise PreparationError(
            f'{output}: expected a path that a folder can be renamed to, found a mount point. Give a folder below it.'
        )
    if os.path.lexists(output) and not os.path.isdir(output):
        raise PreparationError(f'{output}: expected a new path or a folder, found a file. Give another path.')
    check_folder_name(output)
    if not os.path.isdir(output) or not os.listdir(output):
        return False
    check_plan(plan, dataclasses.asdict(read_record(output).plan), output)
    remove_leftover(output)
    return True


def _write(entries: Sequence[Entry], folder: str, plan: Plan, output: str) -> PrepRecord:
    """Write the missing files to the folder that becomes the output, and the record."""
    digest, total = hashlib.sha256(), 0
    for entry in tqdm(entries, desc=os.path.basename(output), unit='file'):
        path = os.path.join(folder, *entry.name.split('/'))
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _put(entry, path)
        size = os.path.getsize(path)
        digest.update(f'{entry.name} {size}\n'.encode('utf-8', 'surrogateescape'))
        total += size
    record = PrepRecord(
        program=f'hcl_arch {__version__}',
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        plan=plan,
        written_count=len(entries),
        unreadable_count=0,
        total_bytes=total,
        list_sha256=digest.hexdigest(),
    )
    with atomic_text(Path(folder, list_name(RECORD_NAME, output))) as file:
        file.write(record.to_json())
    return record


def _put(entry: Entry, path: str) -> None:
    """Create one file, atomically."""
    if entry.make is None and not entry.copied:
        os.stat(entry.source)  # a dangling link would only be noticed in the middle of a training
        os.symlink(os.path.abspath(entry.source), path)
        return
    with atomic_file(Path(path), durable=False) as file:
        file.write(Path(entry.source).read_bytes() if entry.make is None else entry.make())
