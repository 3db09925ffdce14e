"""The folder in which an output is built, and its publication as the output."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import IO

from hcl_arch.utils.atomic_file import PARTIAL_SUFFIX, atomic_file, refuse_special_file
from hcl_arch.utils.command_line import names_a_file
from hcl_arch.utils.json_text import load_json
from preparation.items import PreparationError
from preparation.record import Plan

UNFINISHED_SUFFIX = '.unfinished'
_KNOWN_NAMES = {'content', 'journal.txt', 'plan.json', 'plan.json.new', 'lock'}


class Workshop:
    """The folder `<output>.unfinished`, locked by this process until `close`.

    It holds the growing output in `content/`, the journal, the plan, and a lock file against a second process.

    Args:
        output: path of the output.
        plan: the plan of the output; an unfinished folder with another plan is refused.

    Raises:
        PreparationError: another process works here, the plan differs, or the folder was not made by this program.
    """

    def __init__(self, output: str, plan: Plan) -> None:
        self.folder = output + UNFINISHED_SUFFIX
        self.content = os.path.join(self.folder, 'content')
        self.journal_path = os.path.join(self.folder, 'journal.txt')
        self._output = output
        self._plan_path = os.path.join(self.folder, 'plan.json')
        self._refuse_foreign_folder()
        os.makedirs(self.folder, exist_ok=True)
        self._lock = self._take_lock()
        try:
            for partial in Path(self.folder).rglob('*' + PARTIAL_SUFFIX):  # of a killed process
                partial.unlink()
            self._check_or_write_plan(plan)
            os.makedirs(self.content, exist_ok=True)
        except BaseException:
            self.close()
            raise

    def publish(self) -> None:
        """Make the content the output, atomically, and remove the rest."""
        if os.path.isdir(self._output):
            os.rmdir(self._output)  # `prepare` has checked that it is empty
        os.rename(self.content, self._output)
        self.close()
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """Release the folder for other processes."""
        self._lock.close()

    def _refuse_foreign_folder(self) -> None:
        if os.path.lexists(self.folder) and not os.path.isdir(self.folder):
            raise PreparationError(f'{self.folder}: expected nothing or a folder, found a file. Remove it.')
        names = os.listdir(self.folder) if os.path.isdir(self.folder) else []
        others = {name for name in names if name not in _KNOWN_NAMES and not _is_partial_plan(name)}
        if others:
            raise PreparationError(
                f"{self.folder}: expected nothing or an unfinished output, found '{min(others)}' in "
                'it. Remove the folder, or give another output.'
            )
        for name in _KNOWN_NAMES - {'content'}:
            try:
                refuse_special_file(os.path.join(self.folder, name))
            except OSError as error:
                raise PreparationError(f'{error.filename}: {error.strerror}. Remove {self.folder}.') from error

    def _take_lock(self) -> IO[bytes]:
        """Return the open lock file; the system releases the lock however this process ends."""
        lock = open(os.path.join(self.folder, 'lock'), 'ab')  # noqa: SIM115  (held until `close`)
        fcntl = _import_fcntl()
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                raise PreparationError(
                    f'{self._output}: another process is writing it. Wait for it, or end it and run the command again.'
                ) from None
            except OSError:  # a file system without locks
                pass
        return lock

    def _check_or_write_plan(self, plan: Plan) -> None:
        found = self._read_plan()
        if found is not None:
            check_plan(plan, found, self.folder)
            return
        # A kill while the folder was being removed can leave a journal without a plan or content.
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.journal_path)
        if os.path.isdir(self.content):
            shutil.rmtree(self.content)
        with atomic_file(Path(self._plan_path)) as file:
            file.write(json.dumps(dataclasses.asdict(plan)).encode())

    def _read_plan(self) -> dict[str, object] | None:
        """Return the plan of the unfinished output, None if there is none or a power cut left an empty file."""
        try:
            with open(self._plan_path, encoding='utf-8') as file:
                found = load_json(file.read())
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def _is_partial_plan(name: str) -> bool:
    """Whether a process that was killed while it wrote the plan left this file."""
    return name.startswith('.plan.json.') and name.endswith(PARTIAL_SUFFIX)


def check_folder_name(output: str) -> None:
    """Raise a PreparationError if the folder to be made would get the name of a file."""
    if names_a_file(output):
        raise PreparationError(
            f'{output}: expected the name of a folder or of an LMDB. Give another name, or make this folder first.'
        )


def check_plan(plan: Plan, found: dict[str, object], folder: str) -> None:
    """Raise a PreparationError if the plan found in `folder` differs."""
    differences = plan.differences(found)
    if differences:
        raise PreparationError(
            f'{folder}: made with other settings or of other images ({"; ".join(differences)}). '
            'Remove it, give another output, or use the settings it was made with.'
        )


def remove_leftover(output: str) -> None:
    """Remove the rest of an unfinished folder whose content has become the output, if the run was then killed."""
    folder = output + UNFINISHED_SUFFIX
    if os.path.isdir(folder) and set(os.listdir(folder)) <= _KNOWN_NAMES - {'content'}:
        shutil.rmtree(folder)


def _import_fcntl() -> ModuleType | None:
    try:
        return importlib.import_module('fcntl')
    except ImportError:  # Windows
        return None
