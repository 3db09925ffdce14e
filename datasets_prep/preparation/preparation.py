"""Writing of many images to an LMDB or a folder: parallel, resumable, with a record."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import lmdb
from tqdm import tqdm

from hcl_arch.data.storage.image_root import is_lmdb
from hcl_arch.utils.atomic_file import atomic_text
from hcl_arch.utils.safe_names import on_one_line
from hcl_arch.utils.version import __version__
from preparation.item_check import check_items
from preparation.items import (
    EncodedImage,
    PreparationError,
    PreparationInterruptedError,
    PrepItem,
    Transform,
)
from preparation.journal import Journal, Unreadable, Written
from preparation.record import RECORD_NAME, UNREADABLE_NAME, Plan, PrepRecord, list_name, read_record
from preparation.stores import FolderStore, LmdbStore, Store
from preparation.workers import WorkerPool, default_workers
from preparation.workshop import UNFINISHED_SUFFIX, Workshop, check_folder_name, check_plan, remove_leftover

COMMIT_EVERY = 1000
# A batch also ends at this size, whatever its number of images: limits memory, and the work lost by a kill.
BATCH_BYTES = 2**26
BATCH_SECONDS = 10.0
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def prepare(
    items: Sequence[PrepItem],
    output: str,
    *,
    transform: Transform,
    settings: Mapping[str, Any],
    workers: int | None = None,
    title: str = 'Preparing',
    commit_every: int = COMMIT_EVERY,
) -> PrepRecord:
    """Apply `transform` to each item and write the results, to an LMDB in BasicSR's layout or to a folder of files.

    The output grows in `<output>.unfinished` and appears under its name when it is complete. The same call resumes a
    run that was ended in any way; a complete output of the same call is left unchanged. Besides the images the output
    contains `prepare.json` (the PrepRecord) and `unreadable.txt` (path and reason, only if there are any), in a folder
    of files with a leading dot (see `list_name`). An LMDB also has `meta_info.txt` with a line `key.ext (h,w,c) q` for
    each image in the order of the items, where q is `settings['quality']` for '.jpg' and 1 otherwise.

    Args:
        items: the images. A lazy sequence (`FileItems`) saves memory if there are millions.
        output: path of the output; an LMDB if it ends with '.lmdb'.
        transform: called in worker processes with one item each; raises UnreadableImageError for a source to list and
            skip.
        settings: what defines the output besides items and transform, as JSON values; part of the record.
        workers: number of worker processes, 0 to work in this process; by default one per core.
        title: title of the progress bar.
        commit_every: number of images between commits; an interruption loses at most these.

    Raises:
        PreparationError: the items cannot be written (see `check_items`), the output belongs to another run or cannot
            be written, no image was readable, or a transform failed.
        PreparationInterruptedError: Ctrl-C; finished work is kept.
    """
    output = _place_of(output)
    plan = Plan.of(settings, transform, len(items), check_items(items, output))
    record = _finished_record(output, plan)
    if record is not None:
        print(f'{output}: already done, {_counts(record, output)}')
        return record
    pool = WorkerPool(transform, default_workers() if workers is None else workers)
    try:
        record = _prepare_unfinished(items, output, plan, pool, title, commit_every)
    except KeyboardInterrupt:
        raise PreparationInterruptedError(f'{output}: interrupted. {_way_on(output)}') from None
    except (OSError, lmdb.Error) as error:
        raise PreparationError(f'{output}: cannot be written ({error}). {_way_on(output, error)}') from error
    finally:
        pool.close()
    print(f'{output}: {_counts(record, output)}')
    return record


def _place_of(output: str) -> str:
    """Return the real path of an output; a link cannot be replaced by a finished folder."""
    path = os.path.normpath(os.path.expanduser(output))
    if os.path.islink(path):
        target = os.path.realpath(path)
        if is_lmdb(target) != is_lmdb(path):
            raise PreparationError(
                f'{output}: expected a link to a path of the same ending, found one to {target}. '
                f'Give {target} or another output.'
            )
        path = target
    if os.path.ismount(path):
        raise PreparationError(
            f'{output}: expected a path that a folder can be renamed to, found a mount point. Give a folder below it.'
        )
    check_folder_name(path)
    return path


def _way_on(output: str, error: Exception | None = None) -> str:
    """Return advice for a run that has ended early."""
    is_of_disk = isinstance(error, lmdb.DiskError) or getattr(error, 'errno', None) in _DISK_ERRORS
    hint = 'make room or mend the disk, and run the same command again' if is_of_disk else 'run the same command again'
    unfinished = output + UNFINISHED_SUFFIX
    if os.path.isdir(unfinished):
        return f'What is done is kept in {unfinished}; {hint} to go on.'
    return f'Nothing was written; {hint}.' if error is None or is_of_disk else 'Nothing was written; give another path.'


def _finished_record(output: str, plan: Plan) -> PrepRecord | None:
    """Return the record of a complete output with the same plan, None if there is none yet."""
    if not os.path.lexists(output):
        return None
    if not os.path.isdir(output):
        raise PreparationError(f'{output}: expected a new path or a folder, found a file. Give another path.')
    if not os.listdir(output):
        return None
    record = read_record(output)
    check_plan(plan, dataclasses.asdict(record.plan), output)
    for name in ('data.mdb', 'meta_info.txt') if is_lmdb(output) else ():
        if not os.path.isfile(os.path.join(output, name)):
            raise PreparationError(
                f'{output}: expected the file {name} in a complete LMDB, found none. Remove the '
                'output and run the command again.'
            )
    remove_leftover(output)
    return record


def _counts(record: PrepRecord, output: str) -> str:
    listed = list_name(UNREADABLE_NAME, output)
    unreadable = f', {record.unreadable_count} unreadable (see {listed})' if record.unreadable_count else ''
    return f'{record.written_count} of {record.source_count} images{unreadable}, {record.total_bytes / 1e6:.1f} MB'


def _prepare_unfinished(
    items: Sequence[PrepItem], output: str, plan: Plan, pool: WorkerPool, title: str, commit_every: int
) -> PrepRecord:
    """Complete the unfinished folder and make it the output."""
    parent = os.path.dirname(output)
    if parent:
        os.makedirs(parent, exist_ok=True)
    with (
        contextlib.closing(Workshop(output, plan)) as workshop,
        contextlib.closing(Journal(workshop.journal_path)) as journal,
    ):
        with contextlib.closing(_open_store(output, workshop.content)) as store:
            start = journal.recover(items, store.holds)
            with (
                contextlib.closing(pool.outcomes(items, start)) as outcomes,
                tqdm(total=len(items), initial=start, desc=title, unit='image') as bar,
            ):
                rest = (items[index] for index in range(start, len(items)))
                _write(rest, outcomes, store=store, journal=journal, bar=bar, commit_every=commit_every)
            record = _write_lists(items, journal, workshop.content, plan, output)
            _check_count(store, record, workshop.folder)
        if not record.written_count:
            # Once the sources are repaired, all of them are tried again.
            journal.cut()
            raise PreparationError(
                f'{output}: none of the {len(items)} images could be read, the first one: '
                f'{_first_reason(workshop.content, output)}. Correct the source folder.'
            )
        _bring_files_to_disk()
        workshop.publish()
    return record


def _open_store(output: str, folder: str) -> Store:
    return LmdbStore(folder) if is_lmdb(output) else FolderStore(folder)


def _write(
    items: Iterable[PrepItem],
    outcomes: Iterable[EncodedImage | str],
    *,
    store: Store,
    journal: Journal,
    bar: tqdm,
    commit_every: int,
) -> None:
    """Write outcomes in batches: first flush the journal's entries to the disk, then write the values."""
    count, size, since, unreadable = 0, 0, time.monotonic(), 0
    for item, outcome in zip(items, outcomes):
        if isinstance(outcome, str):
            unreadable += 1
            bar.set_postfix(unreadable=unreadable, refresh=False)
            journal.add(Unreadable(item.key, outcome))
        else:
            entry = Written.of(item, outcome)
            store.stage(entry, outcome.content)
            journal.add(entry)
            size += entry.size
        count += 1
        bar.update()
        if count >= commit_every or size >= BATCH_BYTES or time.monotonic() - since >= BATCH_SECONDS:
            journal.flush()
            store.commit()
            count, size, since = 0, 0, time.monotonic()
    journal.flush()
    store.commit()


def _write_lists(items: Sequence[PrepItem], journal: Journal, folder: str, plan: Plan, output: str) -> PrepRecord:
    """Write the lists of `output` into `folder`, from the journal and line by line."""
    digest, written, total = hashlib.sha256(), 0, 0
    unreadable_path = os.path.join(folder, list_name(UNREADABLE_NAME, output))
    with contextlib.ExitStack() as stack:
        meta = stack.enter_context(atomic_text(Path(folder, 'meta_info.txt'))) if is_lmdb(output) else None
        unreadable = stack.enter_context(atomic_text(Path(unreadable_path), errors='surrogateescape'))
        for item, entry in zip(items, journal.entries()):
            if isinstance(entry, Unreadable):
                unreadable.write(f'{on_one_line(item.source)}\t{entry.reason}\n')
                continue
            name = entry.key + entry.extension
            quality = plan.settings.get('quality', 1) if entry.extension == '.jpg' else 1
            if meta is not None:
                meta.write(f'{name} ({entry.height},{entry.width},{entry.channels}) {quality}\n')
            digest.update(f'{name} {entry.size}\n'.encode('ascii'))
            written, total = written + 1, total + entry.size
    if written == len(items):
        os.remove(unreadable_path)
    record = PrepRecord(
        program=f'hcl_arch {__version__}',
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        plan=plan,
        written_count=written,
        unreadable_count=len(items) - written,
        total_bytes=total,
        list_sha256=digest.hexdigest(),
    )
    with atomic_text(Path(folder, list_name(RECORD_NAME, output))) as file:
        file.write(record.to_json())
    return record


def _check_count(store: Store, record: PrepRecord, folder: str) -> None:
    """Refuse an output that another process has changed while it was being written."""
    if store.count() not in (None, record.written_count):
        raise PreparationError(
            f'{folder}: expected {record.written_count} entries in the LMDB, found {store.count()}. '
            'It was changed from outside: remove the folder and run the command again.'
        )


def _first_reason(folder: str, output: str) -> str:
    path = os.path.join(folder, list_name(UNREADABLE_NAME, output))
    with open(path, encoding='utf-8', errors='surrogateescape') as file:
        return file.readline().strip().replace('\t', ': ')


def _bring_files_to_disk() -> None:
    """Ask the system to flush all files, so a power cut after the renaming leaves no empty file."""
    if hasattr(os, 'sync'):
        os.sync()
