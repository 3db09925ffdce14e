"""Memory, time and safety of writing a large LMDB: kill the writer in the middle, go on, compare every value.

    python benchmarks/lmdb_scale.py scratch/lmdb_scale --count 200000

writes an LMDB of small synthetic images through `preparation.prepare` in a program of its own, kills that program
with SIGKILL at half of the count, runs it again, and checks that every entry is there once with the right bytes.
Prints a table of the writing process's memory and a JSON line. Linux only (memory is read from /proc).

RSS contains the pages of the LMDB that the system keeps in memory as long as nobody else needs them; `anonymous` is
what the process itself holds, and most of that is the import of torch. Workers are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import cv2
import lmdb
import numpy as np

# The preparation library is beside its scripts.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'datasets_prep'))
from preparation import EncodedImage, PrepItem, prepare, whole_number  # noqa: E402
from preparation.preparation import COMMIT_EVERY  # noqa: E402
from preparation.workers import default_workers  # noqa: E402

MARKS = (0.01, 0.1, 0.25, 0.5, 0.75, 1.0)
KILL_SHARE = 0.5
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class SyntheticImage:
    """Makes the image of an item's number: blocks of colour under noise, so that sizes differ."""

    side: int = 40

    def __call__(self, item: PrepItem) -> EncodedImage:
        rng = np.random.default_rng(item.variant)
        blocks = np.kron(rng.integers(0, 200, (5, 5, 3)), np.ones((self.side // 5, self.side // 5, 1)))
        noise = rng.integers(0, 1 + item.variant % 50, (self.side, self.side, 3))
        content = cv2.imencode('.png', (blocks + noise).astype(np.uint8))[1].tobytes()
        return EncodedImage(content, '.png', self.side, self.side, 3)


class SyntheticItems(Sequence[PrepItem]):
    """Items that exist only while they are looked at."""

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> PrepItem: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PrepItem]: ...

    def __getitem__(self, index: int | slice) -> PrepItem | Sequence[PrepItem]:
        if isinstance(index, slice):
            return SyntheticItems(self._numbers[index])
        number = self._numbers[index]
        return PrepItem('synthetic', f'{number // 1000:05d}/{number:08d}', number)


@dataclass
class Memory:
    """What was seen of the writing process, in MB.

    Attributes:
        at: RSS, its anonymous part, and the size of data.mdb by the share of entries done.
        peak_rss, peak_anonymous: the largest of all samples.
    """

    at: dict[float, tuple[float, float, float]] = field(default_factory=dict)
    peak_rss: float = 0.0
    peak_anonymous: float = 0.0


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, help='folder to work in; scale.lmdb in it is replaced')
    parser.add_argument(
        '--count', type=whole_number(1), default=200_000, help='number of entries (default: %(default)s)'
    )
    parser.add_argument('--write', action='store_true', help='only write; the benchmark calls itself with this')
    parser.add_argument(
        '--workers',
        type=whole_number(0),
        default=default_workers(),
        metavar='N',
        help='worker processes, 0 for none (default: one a core, here %(default)s)',
    )
    parser.add_argument(
        '--commit-every',
        type=whole_number(1),
        default=COMMIT_EVERY,
        metavar='N',
        help='images after which the work is made safe (default: %(default)s)',
    )
    arguments = parser.parse_args(argv)
    output = arguments.folder / 'scale.lmdb'
    if arguments.write:
        prepare(
            SyntheticItems(range(arguments.count)),
            str(output),
            transform=SyntheticImage(),
            settings={},
            workers=arguments.workers,
            commit_every=arguments.commit_every,
            title='Writing',
        )
        return
    for path in (output, Path(f'{output}.unfinished')):
        shutil.rmtree(path, ignore_errors=True)
    command = [
        sys.executable,
        __file__,
        str(arguments.folder),
        '--write',
        '--count',
        str(arguments.count),
        '--workers',
        str(arguments.workers),
        '--commit-every',
        str(arguments.commit_every),
    ]
    report = measure(command, output, arguments.count)
    report.update(verify(output, arguments.count))
    print(json.dumps(report))


def measure(command: Sequence[str], output: Path, count: int) -> dict[str, float]:
    """Run the writer twice, the first time up to the kill; print the table and return the figures."""
    memory = Memory()
    begin = time.monotonic()
    killed_at = watch(command, output, count, memory, kill_share=KILL_SHARE)
    middle = time.monotonic()
    watch(command, output, count, memory, kill_share=None)
    end = time.monotonic()
    print('  done   RSS [MB]   anonymous [MB]   data.mdb [MB]')
    for share, (rss, anonymous, size) in sorted(memory.at.items()):
        print(f'{share:6.0%} {rss:10.0f} {anonymous:16.0f} {size:15.0f}')
    return {
        'count': count,
        'killed_at': killed_at,
        'seconds_to_kill': round(middle - begin, 1),
        'seconds_after_kill': round(end - middle, 1),
        'peak_rss_mb': round(memory.peak_rss),
        'peak_anonymous_mb': round(memory.peak_anonymous),
        **{f'rss_mb_at_{share:.0%}': round(rss) for share, (rss, _, _) in memory.at.items()},
    }


def watch(command: Sequence[str], output: Path, count: int, memory: Memory, *, kill_share: float | None) -> int:
    """Run the writer and sample its memory; kill it at `kill_share`. Return the number of entries it had done."""
    unfinished = Path(f'{output}.unfinished')
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    done, position = 0, 0
    while process.poll() is None:
        lines, position = new_lines(unfinished / 'journal.txt', position)
        done += lines
        sample(process.pid, done / count, unfinished / 'content' / 'data.mdb', memory)
        if kill_share is not None and done >= kill_share * count:
            process.kill()
            process.wait()
            return done
        time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise SystemExit(f'the writer ended with status {process.returncode}')
    return done


def new_lines(path: Path, position: int) -> tuple[int, int]:
    """Return the number of lines that follow byte `position`, and the file's end."""
    if not path.exists():
        return 0, position
    with path.open('rb') as file:
        file.seek(position)
        content = file.read()
    return content.count(b'\n'), position + len(content)


def sample(pid: int, share: float, data: Path, memory: Memory) -> None:
    """Add the memory of a process to what was seen; the last sample of each mark remains."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
        size = data.stat().st_size / 1e6
    except OSError:  # it is about to start or to end
        return
    fields = dict(line.split(':', 1) for line in status.splitlines())
    if 'VmRSS' not in fields:
        return
    rss, anonymous = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ('VmRSS', 'RssAnon'))
    memory.peak_rss, memory.peak_anonymous = max(memory.peak_rss, rss), max(memory.peak_anonymous, anonymous)
    mark = next((mark for mark in MARKS if share <= mark), None)
    if mark is not None:
        memory.at[mark] = (rss, anonymous, size)


def verify(output: Path, count: int) -> dict[str, int]:
    """Compare every value with the image made anew, and the lines of meta_info.txt with the items."""
    lost = wrong = 0
    transform, items = SyntheticImage(), SyntheticItems(range(count))
    environment = lmdb.open(str(output), readonly=True, lock=False)
    with environment.begin() as transaction, (output / 'meta_info.txt').open() as meta:
        for item in items:
            value = transaction.get(item.key.encode())
            line = meta.readline()
            lost += value is None
            wrong += value is not None and (
                value != transform(item).content or line != f'{item.key}.png ({transform.side},{transform.side},3) 1\n'
            )
        extra = environment.stat()['entries'] - count + lost + len(meta.readlines())
    environment.close()
    return {
        'entries_lost': lost,
        'entries_wrong': wrong,
        'entries_too_many': extra,
        'data_mb': round(os.path.getsize(output / 'data.mdb') / 1e6),
    }


if __name__ == '__main__':
    main()
