"""The checkpoint files of a training: which exist, whether they are intact, and which are kept."""

from __future__ import annotations

import errno
import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, Optional, cast

import torch

from hcl_arch.training.step_watch import DEFAULT_SKIPPED_STEPS
from hcl_arch.utils.atomic_file import atomic_file, remove_partial_files
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint
from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.regular_file import reason_of

_MARK_OF_FOLDERS = 0x10
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class CheckpointError(HCLError, RuntimeError):
    """A checkpoint cannot be written or read; the message names the file and says what to do."""


class _Writer:
    """A file for `torch.save` that records why writing failed, and the digest of what was written."""

    def __init__(self, file: IO[bytes], errors: list[OSError]) -> None:
        self._file = file
        self._errors = errors
        self.digest = _new_digest()

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        try:
            return self._file.write(content)
        except OSError as error:
            self._errors.append(error)
            raise

    def flush(self) -> None:
        self._file.flush()


def save_atomically(content: Mapping[str, Any], path: Path) -> str:
    """Save like `torch.save`, completely or not at all.

    Args:
        content: tensors and plain values, which can be loaded without running code.
        path: the file.

    Returns:
        The digest of the file.

    Raises:
        CheckpointError: the disk is full, or the file cannot be written for another reason. An earlier file is left
            untouched.
    """
    errors: list[OSError] = []
    try:
        with atomic_file(path) as file:
            writer = _Writer(file, errors)
            torch.save(content, cast(IO[bytes], writer))  # it has what torch asks for
        return writer.digest.hexdigest()
    # torch reports a failed write by a RuntimeError without the reason.
    except (OSError, RuntimeError) as error:
        reason = errors[0] if errors else error
        advice = 'Allow writing there'
        if getattr(reason, 'errno', None) in FULL_DISK:
            advice = 'Make room (the option `logger: keep_checkpoints` limits how many are kept)'
        raise CheckpointError(
            f'{path}: the checkpoint cannot be written: {reason}. The training stops here, older checkpoints are kept. '
            f'{advice} and resume with --auto_resume.'
        ) from error


def digest_of(path: Path) -> str:
    """Return the digest of a file, equal to that of `save_atomically`."""
    digest = _new_digest()
    with path.open('rb') as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _new_digest() -> Any:
    return hashlib.blake2b(digest_size=16)


def damage_of(path: Path) -> str:
    """Return what is wrong with a file of `torch.save`, '' if it is intact.

    The checksums in the file are compared with its content: torch itself ignores them.
    """
    if not path.is_file():
        return 'is missing'
    try:
        with path.open('rb'):
            pass
    except OSError as error:
        return f'cannot be read ({reason_of(error)})'
    try:
        if zipfile.is_zipfile(path):  # an old file has no checksums
            with zipfile.ZipFile(path) as archive:
                # torch treats a part marked as a folder as already read, and leaves its tensor uninitialised.
                folders = [part.filename for part in archive.infolist() if part.external_attr & _MARK_OF_FOLDERS]
                broken = archive.testzip() or next(iter(folders), None)
            if broken:
                return f'is damaged (its part {broken})'
        load_checkpoint(path)
    except CheckpointFileError as error:
        return f'is refused: it {error}' if error.holds_code else f'is damaged ({error})'
    except Exception as error:  # a damaged archive can raise anything, OSError too
        return f'is damaged ({type(error).__name__})'
    return ''


def _tensors(content: object, name: str = '') -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors in a file of weights with their names."""
    if isinstance(content, torch.Tensor):
        yield name, content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _tensors(value, f'{name}: {key}' if name else str(key))


class CheckpointFolders:
    """The folders of a run, in BasicSR's layout.

    A checkpoint is `<iteration>.state` and, for each network, `net_<label>_<iteration>.pth`.

    Args:
        states: folder of the training states.
        models: folder of the networks.
    """

    def __init__(self, states: Path, models: Path) -> None:
        self.states = states
        self.models = models

    def iterations(self) -> list[int]:
        """Return the iterations that have a state, newest first."""
        names = (file.stem for file in self.states.glob('*.state') if file.is_file())
        return sorted((int(name) for name in names if name.isascii() and name.isdigit()), reverse=True)

    def state_file(self, iteration: int) -> Path:
        """Return the path of an iteration's state."""
        return self.states / f'{iteration}.state'

    def network_file(self, label: str, iteration: int) -> Path:
        """Return the path of an iteration's network ('g', 'd')."""
        return self.models / f'net_{label}_{iteration}.pth'

    def damage(self, iteration: int, labels: Iterable[str]) -> str:
        """Return what is wrong with a checkpoint, including the file's name; '' if it is usable.

        Args:
            iteration: the checkpoint's.
            labels: labels of the networks that it must have.
        """
        for path in (self.state_file(iteration), *(self.network_file(label, iteration) for label in labels)):
            damage = damage_of(path)
            if damage:
                return f'{path} {damage}'
        # A run that went back saves the same iterations again. If it was killed between two files, intact files of two
        # runs remain.
        state = load_checkpoint(self.state_file(iteration))
        for name, digest in (state.get('networks') or {}).items() if isinstance(state, dict) else ():
            path = self.models / name
            if path.is_file() and digest_of(path) != digest:
                return f'{path} is not the one that {self.state_file(iteration)} was saved with'
        return ''

    def steps_left_out(self, iteration: int) -> int:
        """Return after how many steps in a row that were not finite, and so not taken, a state was saved."""
        state = load_checkpoint(self.state_file(iteration))
        count = state.get('steps_left_out', 0) if isinstance(state, dict) else 0
        return count if isinstance(count, int) else 0

    def find_nan(self, iteration: int, labels: Iterable[str]) -> str:
        """Return which network's file holds NaN, and where; '' if none does."""
        for path in (self.network_file(label, iteration) for label in labels):
            for name, tensor in _tensors(load_checkpoint(path)):
                if tensor.is_floating_point() and tensor.isnan().any():
                    return f'{path} holds NaN ({name})'
        return ''

    def keep_newest(self, count: int, *, last: int) -> None:
        """Remove old checkpoints, deleting each state before its networks.

        Args:
            count: number of checkpoints to keep.
            last: the newest of these; later ones, left by a run that went back, are not touched.
        """
        for iteration in [iteration for iteration in self.iterations() if iteration <= last][count:]:
            self.state_file(iteration).unlink(missing_ok=True)
            for path in self._networks_of(iteration):
                path.unlink(missing_ok=True)
        self._remove_orphans()

    def remove_remains(self) -> None:
        """Remove partial files of killed processes; no process may be writing now."""
        for folder in (self.states, self.models):
            remove_partial_files(folder)

    def _remove_orphans(self) -> None:
        """Remove networks older than every state: remnants of an interrupted removal or save."""
        oldest = min(self.iterations(), default=0)
        for path in self.models.glob('net_*_*.pth'):
            match = re.fullmatch(r'net_[^_]+_(\d+)\.pth', path.name)
            if match and int(match[1]) < oldest:
                path.unlink(missing_ok=True)

    def _networks_of(self, iteration: int) -> list[Path]:
        pattern = re.compile(rf'net_[^_]+_{iteration}\.pth')
        return [path for path in self.models.glob(f'net_*_{iteration}.pth') if pattern.fullmatch(path.name)]


class Usable(NamedTuple):
    """The checkpoint to resume from.

    Attributes:
        iteration: its iteration; None if there is no checkpoint at all.
        remarks: what is wrong with each newer one.
        went_back: whether a newer one was passed over because its numbers, or its steps, were not finite.
    """

    iteration: Optional[int]
    remarks: list[str]
    went_back: bool = False


class _Unsound(NamedTuple):
    """A checkpoint that would end as the training ended. The best of several, to be taken if all are, is the least."""

    has_nan: bool
    steps_left_out: int
    before_the_newest: int
    iteration: int


def newest_usable(
    folders: CheckpointFolders, labels: Iterable[str], *, most_left_out: int = DEFAULT_SKIPPED_STEPS
) -> Usable:
    """Find the checkpoint to resume from: the newest that is intact and from which a training can go on.

    A training that stops because too many steps in a row were not finite saves the parameters of the last step that it
    took, from which no further step could be taken. They, and all that were saved meanwhile, are passed over.

    Args:
        folders: of the run.
        labels: labels of the networks that a checkpoint must have.
        most_left_out: after this many steps in a row that were left out, a training ends.

    Raises:
        CheckpointError: there are checkpoints, but none is intact.
    """
    remarks: list[str] = []
    unsound: list[_Unsound] = []
    # Last steps that were taken before a training stopped.
    last_steps: set[int] = set()
    labels, newest_first = list(labels), folders.iterations()
    for iteration in newest_first:
        damage = folders.damage(iteration, labels)
        if damage:
            remarks.append(damage)
            continue
        left_out, nan = folders.steps_left_out(iteration), folders.find_nan(iteration, labels)
        if left_out >= most_left_out:
            last_steps.add(iteration - left_out)
            remarks.append(f'{folders.state_file(iteration)} was saved after {left_out} steps that were not finite')
        elif nan:
            remarks.append(nan)
        elif iteration - left_out in last_steps:
            remarks.append(f'{folders.state_file(iteration)} has the parameters with which these steps were not finite')
        else:
            return Usable(iteration, remarks, bool(unsound))
        unsound.append(_Unsound(bool(nan), left_out, newest_first[0] - iteration, iteration))
    if unsound:
        return Usable(min(unsound).iteration, remarks, went_back=True)
    if remarks:
        raise CheckpointError(
            f'No checkpoint of this run can be used: {"; ".join(remarks)}. Restore one of them, or start anew without '
            '--auto_resume.'
        )
    return Usable(None, [])
