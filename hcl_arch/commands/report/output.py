"""Putting a report in place: built in a temporary folder, then moved, so no partial report is left."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hcl_arch.commands.report.errors import ReportError
from hcl_arch.utils.atomic_file import refuse_special_file
from hcl_arch.utils.command_line import names_a_file

GENERATOR = 'hcl-report'
"""Stands in both pages, by which an earlier report is recognised."""

MARKDOWN, HTML = 'report.md', 'report.html'


def check_output(folder: Path, parts: tuple[str, ...], *, overwrite: bool) -> None:
    """Refuse an output folder that holds anything but an earlier report.

    Args:
        folder: The report's folder.
        parts: Names of the files and folders that a report consists of.
        overwrite: Whether to accept a folder with other files; they are kept, except those with names of ours.

    Raises:
        ReportError: If it cannot be used.
        OSError: If a link, a pipe or a device is where a part belongs.
    """
    is_file = folder.exists() and not folder.is_dir()
    if is_file or names_a_file(folder):
        found = 'a file' if is_file else 'the name of a file'
        raise ReportError(f"The output '{folder}' is {found}: name a folder with --output.")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if names and not overwrite and not (names <= set(parts) and _is_report(folder / MARKDOWN)):
        raise ReportError(
            f"The output folder '{folder}' is not empty and no earlier report: name another one with --output, or "
            f'give --overwrite, which replaces {", ".join(parts)} in it and keeps the rest.'
        )
    for part in parts:
        if (folder / part).is_symlink() or not (folder / part).is_dir():
            refuse_special_file(folder / part)


@contextlib.contextmanager
def replaced_together(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """Provide a temporary folder; its content moves into `folder` when the block ends without an error.

    Args:
        folder: The report's folder; created if missing.
        parts: Names of the files and folders to move; all must exist.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the output, because a rename works within a file system only.
    with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', suffix='.partial', dir=folder.parent) as temporary:
        made, old = Path(temporary, 'new'), Path(temporary, 'old')
        made.mkdir()
        old.mkdir()
        yield made
        folder.mkdir(exist_ok=True)
        try:
            for part in parts:
                if (folder / part).exists():
                    shutil.move(folder / part, old / part)
                shutil.move(made / part, folder / part)
        except BaseException:
            for part in parts:
                if not (made / part).exists():
                    shutil.move(folder / part, made / part)
                if (old / part).exists():
                    shutil.move(old / part, folder / part)
            raise


def _is_report(page: Path) -> bool:
    try:
        with page.open(encoding='utf-8') as file:
            return file.readline().strip() == f'<!-- {GENERATOR} -->'
    except (OSError, UnicodeDecodeError):
        return False
