"""Saving checkpoints, telling whole from damaged ones, and which are kept."""

from __future__ import annotations

import errno
import hashlib
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import pytest
import torch
from torch import Tensor

from hcl_arch.training.checkpoints import (
    CheckpointError,
    CheckpointFolders,
    damage_of,
    digest_of,
    newest_usable,
    save_atomically,
)

WEIGHTS: dict[str, Tensor] = {'a': torch.arange(3000, dtype=torch.float32), 'b': torch.ones(2, 2)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A whole file of weights."""
    path = tmp_path / 'net_g_10.pth'
    torch.save({'params': WEIGHTS}, path)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> CheckpointFolders:
    """The empty folders of a run."""
    result = CheckpointFolders(tmp_path / 'training_states', tmp_path / 'models')
    result.states.mkdir()
    result.models.mkdir()
    return result


def save(folders: CheckpointFolders, *iterations: int, labels: str = 'gd') -> None:
    for iteration in iterations:
        torch.save({'iter': iteration}, folders.state_file(iteration))
        for label in labels:
            torch.save({'params': {'w': torch.ones(2)}}, folders.network_file(label, iteration))


def save_with_digests(folders: CheckpointFolders, iteration: int, value: float) -> None:
    digests = {}
    for label in 'gd':
        path = folders.network_file(label, iteration)
        digests[path.name] = save_atomically({'params': {'w': torch.full((2,), value)}}, path)
    save_atomically({'iter': iteration, 'networks': digests}, folders.state_file(iteration))


def files_of(folders: CheckpointFolders) -> set[str]:
    return {path.name for folder in (folders.states, folders.models) for path in folder.iterdir()}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


class TestSaving:
    def test_loads_again(self, tmp_path: Path) -> None:
        save_atomically({'params': WEIGHTS, 'iter': 3}, tmp_path / 'x')
        loaded = torch.load(tmp_path / 'x', weights_only=True)
        torch.testing.assert_close(loaded, {'params': WEIGHTS, 'iter': 3}, atol=0, rtol=0)
        assert damage_of(tmp_path / 'x') == ''

    def test_returns_the_digest_of_the_file(self, tmp_path: Path) -> None:
        digest = save_atomically({'params': WEIGHTS}, tmp_path / 'x')
        content = (tmp_path / 'x').read_bytes()
        assert digest == digest_of(tmp_path / 'x') == hashlib.blake2b(content, digest_size=16).hexdigest()
        other = {**WEIGHTS, 'b': torch.zeros(2, 2)}
        assert save_atomically({'params': other}, tmp_path / 'x') != digest
        assert save_atomically({'params': WEIGHTS}, tmp_path / 'x') == digest

    def test_digest_of_a_file_of_several_blocks(self, tmp_path: Path) -> None:
        content = os.urandom(2**20) * 2 + b'the end'
        (tmp_path / 'x').write_bytes(content)
        assert digest_of(tmp_path / 'x') == hashlib.blake2b(content, digest_size=16).hexdigest()

    @pytest.mark.parametrize(
        ('error', 'advice'),
        [
            (RuntimeError('enforce fail at inline_container.cc'), 'Allow writing there'),
            (OSError(errno.EACCES, 'Permission denied'), 'Allow writing there'),
            (OSError(errno.ENOSPC, 'No space'), 'keep_checkpoints'),
            (OSError(errno.EDQUOT, 'Disk quota exceeded'), 'keep_checkpoints'),
        ],
    )
    def test_torch_cannot_write(
        self, error: Exception, advice: str, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = file.read_bytes()

        def save(content: Any, opened: IO[bytes]) -> None:
            opened.write(b'the first part')
            raise error

        monkeypatch.setattr(torch, 'save', save)
        with pytest.raises(CheckpointError) as raised:
            save_atomically({}, file)
        for part in (f'{file}: the checkpoint cannot be written', str(error), advice, '--auto_resume'):
            assert part in str(raised.value)
        assert file.read_bytes() == before
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    @pytest.mark.parametrize('written', [0, 100, 5000])
    def test_disk_that_fills_up(self, written: int, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before, opening = file.read_bytes(), Path.open

        class FullDisk:
            """A file that takes some bytes only."""

            def __init__(self, real: IO[bytes]) -> None:
                self.real, self.left = real, written

            def __enter__(self) -> FullDisk:
                return self

            def __exit__(self, *error: object) -> None:
                self.real.close()

            def write(self, content: Any) -> int:
                self.left -= len(content)
                if self.left < 0:
                    raise OSError(errno.ENOSPC, 'No space left on device')
                return self.real.write(content)

            def __getattr__(self, name: str) -> Any:
                return getattr(self.real, name)

        monkeypatch.setattr(Path, 'open', lambda self, *args, **kwargs: FullDisk(opening(self, *args, **kwargs)))
        with pytest.raises(CheckpointError, match=rf'{file}: the checkpoint cannot be written: .*No space left'):
            save_atomically({'params': WEIGHTS}, file)
        monkeypatch.undo()
        assert file.read_bytes() == before
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    @pytest.mark.skipif(not Path('/dev/full').exists(), reason='Linux has this full disk')
    def test_full_disk(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = file.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, 'No space left on device')

        monkeypatch.setattr(os, 'fsync', full)
        with pytest.raises(CheckpointError, match=rf'{file}: the checkpoint cannot be written: .*No space left'):
            save_atomically({'params': WEIGHTS}, file)
        assert file.read_bytes() == before
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match='nowhere/x: the checkpoint cannot be written: .*No such file'):
            save_atomically({}, tmp_path / 'nowhere' / 'x')

    def test_mistakes_of_a_program_are_no_full_disk(self, tmp_path: Path) -> None:
        with pytest.raises(AttributeError):
            save_atomically({'code': lambda: None}, tmp_path / 'x')
        assert list(tmp_path.iterdir()) == []


class TestDamage:
    def test_whole(self, file: Path) -> None:
        assert damage_of(file) == ''

    def test_missing(self, file: Path) -> None:
        assert damage_of(file.with_name('other.pth')) == 'is missing'
        assert damage_of(file.parent) == 'is missing'

    def test_empty(self, file: Path) -> None:
        file.write_bytes(b'')
        assert damage_of(file).startswith('is damaged (')

    def test_cut_off_anywhere(self, file: Path) -> None:
        content = file.read_bytes()
        lengths = {*range(0, len(content), 997), *range(len(content) - 200, len(content)), 1, 2, 10, 63, 64}
        for length in sorted(lengths):
            file.write_bytes(content[:length])
            assert damage_of(file).startswith('is damaged ('), length

    def test_filled_up_with_zeros(self, file: Path) -> None:
        """As after a power cut on some file systems: the length is right, the content is not."""
        content = file.read_bytes()
        for start in (0, 700, len(content) // 2, len(content) - 4096):
            file.write_bytes(content[:start] + bytes(len(content) - start))
            assert damage_of(file).startswith('is damaged ('), start

    def test_one_byte_of_a_weight_that_torch_does_not_notice(self, file: Path) -> None:
        content = bytearray(file.read_bytes())
        place = content.index(WEIGHTS['a'].numpy().tobytes()[4000:4100]) + 50
        content[place] ^= 0x40
        file.write_bytes(content)
        loaded = torch.load(file, weights_only=True)['params']['a']
        assert (loaded != WEIGHTS['a']).sum() == 1
        assert damage_of(file) == 'is damaged (its part net_g_10/data/0)'

    def test_any_byte_of_a_part(self, file: Path) -> None:
        content = file.read_bytes()
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
        for part in parts:
            place = content.index(part.filename.encode(), part.header_offset)
            # Its content is what its own checksum is of.
            with zipfile.ZipFile(file) as archive:
                inside = archive.read(part)
            start = content.index(inside, place + len(part.filename))
            for offset in {0, len(inside) // 2, len(inside) - 1}:
                changed = bytearray(content)
                changed[start + offset] ^= 0x01
                file.write_bytes(changed)
                assert damage_of(file) == f'is damaged (its part {part.filename})'
            file.write_bytes(content)

    def test_any_byte_of_the_list_of_parts(self, file: Path) -> None:
        content = file.read_bytes()
        with zipfile.ZipFile(file) as archive:
            start = archive.start_dir
        unusable = []
        for place in range(start, len(content)):
            changed = bytearray(content)
            changed[place] ^= 0xFF
            file.write_bytes(changed)
            if not damage_of(file) and not is_same_as_saved(file):
                unusable.append(place)
        assert unusable == []

    def test_text(self, file: Path) -> None:
        file.write_text('Not found')
        assert damage_of(file).startswith('is damaged (')

    def test_foreign_zip(self, file: Path) -> None:
        with zipfile.ZipFile(file, 'w') as archive:
            archive.writestr('readme.txt', 'hello')
        assert damage_of(file) != ''

    def test_old_format(self, file: Path) -> None:
        torch.save({'params': WEIGHTS}, file, _use_new_zipfile_serialization=False)
        assert not zipfile.is_zipfile(file)
        assert damage_of(file) == ''
        content = file.read_bytes()
        for length in (0, 5, 100, len(content) // 2, len(content) - 1):
            file.write_bytes(content[:length])
            assert damage_of(file).startswith('is damaged ('), length

    def test_code_in_the_old_format_is_not_run(self, file: Path) -> None:
        torch.save({'params': RunsCode(file.with_name('ran'))}, file, _use_new_zipfile_serialization=False)
        assert damage_of(file) != ''
        assert not file.with_name('ran').exists()


def is_same_as_saved(file: Path) -> bool:
    try:
        weights = torch.load(file, weights_only=True)['params']
    except Exception:
        return False
    return all(torch.equal(weights[name], value) for name, value in WEIGHTS.items())


class RunsCode:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


class TestFolders:
    def test_iterations_newest_first(self, folders: CheckpointFolders) -> None:
        save(folders, 9, 10, 100)
        for name in ('note.state', '20.state.partial', '30.pth', 'net_g_40.pth', '-50.state', '1.5.state'):
            (folders.states / name).touch()
        assert folders.iterations() == [100, 10, 9]

    def test_no_folder(self, tmp_path: Path) -> None:
        folders = CheckpointFolders(tmp_path / 'a', tmp_path / 'b')
        assert folders.iterations() == []
        assert newest_usable(folders, ['g']) == (None, [], False)
        folders.remove_remains()

    def test_names_are_basicsrs(self, folders: CheckpointFolders) -> None:
        assert folders.state_file(10) == folders.states / '10.state'
        assert folders.network_file('g', 10) == folders.models / 'net_g_10.pth'

    def test_damage_names_the_file(self, folders: CheckpointFolders) -> None:
        save(folders, 10)
        assert folders.damage(10, 'gd') == ''
        cut(folders.network_file('d', 10))
        assert folders.damage(10, 'g') == ''
        assert folders.damage(10, 'gd').startswith(f'{folders.network_file("d", 10)} is damaged')
        folders.state_file(10).unlink()
        assert folders.damage(10, 'gd') == f'{folders.state_file(10)} is missing'

    def test_files_of_another_saving(self, folders: CheckpointFolders) -> None:
        """A run that went back was killed between two files: each is whole, but they do not belong together."""
        save_with_digests(folders, 10, 2.0)
        assert folders.damage(10, 'gd') == ''
        path = folders.network_file('d', 10)
        save_atomically({'params': {'w': torch.full((2,), 3.0)}}, path)
        assert damage_of(path) == ''
        assert folders.damage(10, 'gd') == (f'{path} is not the one that {folders.state_file(10)} was saved with')
        save_atomically({'params': {'w': torch.full((2,), 2.0)}}, path)
        assert folders.damage(10, 'gd') == ''

    def test_networks_that_are_not_asked_for_may_be_missing(self, folders: CheckpointFolders) -> None:
        save_with_digests(folders, 10, 2.0)
        folders.network_file('d', 10).unlink()
        assert folders.damage(10, 'g') == ''
        assert folders.damage(10, 'gd') == f'{folders.network_file("d", 10)} is missing'

    @pytest.mark.parametrize('more', [{}, {'networks': None}, {'networks': {}}])
    def test_states_without_digests(self, more: dict[str, Any], folders: CheckpointFolders) -> None:
        """Of BasicSR's own models, and of earlier versions."""
        save(folders, 10)
        torch.save({'iter': 10, **more}, folders.state_file(10))
        assert folders.damage(10, 'gd') == ''

    def test_a_state_that_is_none(self, folders: CheckpointFolders) -> None:
        """Whoever loads it says so."""
        save(folders, 10)
        torch.save([1, 2], folders.state_file(10))
        assert folders.damage(10, 'gd') == ''

    def test_remains_are_removed(self, folders: CheckpointFolders) -> None:
        save(folders, 10)
        before = files_of(folders)
        (folders.states / '20.state.partial').touch()
        (folders.models / 'net_g_20.pth.partial').touch()
        folders.remove_remains()
        assert files_of(folders) == before


class TestNewestUsable:
    def test_the_newest(self, folders: CheckpointFolders) -> None:
        save(folders, 9, 10)
        assert newest_usable(folders, 'gd') == (10, [], False)

    def test_none(self, folders: CheckpointFolders) -> None:
        save(folders, 10)
        folders.state_file(10).unlink()  # networks alone cannot be resumed
        assert newest_usable(folders, 'gd') == (None, [], False)

    def test_falls_back_and_says_why(self, folders: CheckpointFolders) -> None:
        save(folders, 10, 20, 30, 40)
        cut(folders.state_file(40))
        folders.network_file('d', 30).unlink()
        iteration, damages, went_back = newest_usable(folders, iter('gd'))  # an iterator does for all of them
        assert (iteration, went_back) == (20, False)
        assert len(damages) == 2
        assert damages[0].startswith(f'{folders.state_file(40)} is damaged')
        assert damages[1] == f'{folders.network_file("d", 30)} is missing'

    def test_networks_that_are_not_asked_for(self, folders: CheckpointFolders) -> None:
        save(folders, 10, labels='g')
        assert newest_usable(folders, 'g') == (10, [], False)

    def test_passes_over_one_of_two_savings(self, folders: CheckpointFolders) -> None:
        save_with_digests(folders, 10, 1.0)
        save_with_digests(folders, 20, 2.0)
        save_atomically({'params': {'w': torch.ones(2)}}, folders.network_file('g', 20))
        iteration, (damage,), _ = newest_usable(folders, 'gd')
        assert iteration == 10
        assert 'is not the one that' in damage

    def test_all_damaged(self, folders: CheckpointFolders) -> None:
        save(folders, 10, 20)
        cut(folders.state_file(20))
        cut(folders.network_file('g', 10))
        with pytest.raises(CheckpointError, match='No checkpoint of this run can be used') as raised:
            newest_usable(folders, 'gd')
        for path in (folders.state_file(20), folders.network_file('g', 10)):
            assert f'{path} is damaged' in str(raised.value)


class TestNotFinite:
    """A training that ended because too many steps in a row were left out."""

    @staticmethod
    def save(folders: CheckpointFolders, left_out: dict[int, int], *, nan_in: tuple[int, ...] = ()) -> None:
        """Save checkpoints: iteration -> steps that were left out before it."""
        save(folders, *left_out)
        for iteration, count in left_out.items():
            torch.save({'iter': iteration, 'steps_left_out': count}, folders.state_file(iteration))
        for iteration in nan_in:
            weights = torch.tensor([1.0, float('nan')])
            torch.save({'params': {'norm.running_var': weights}}, folders.network_file('g', iteration))

    def test_the_last_one_from_which_a_step_was_taken(self, folders: CheckpointFolders) -> None:
        """Step 15 was the last: until iteration 18 the parameters are those of 15, from which none could be taken."""
        self.save(folders, {5: 0, 10: 0, 15: 0, 16: 1, 17: 2, 18: 3})
        iteration, remarks, went_back = newest_usable(folders, 'gd', most_left_out=3)
        assert (iteration, went_back) == (10, True)
        assert remarks[0] == f'{folders.state_file(18)} was saved after 3 steps that were not finite'
        assert [Path(remark.split()[0]).stem for remark in remarks] == ['18', '17', '16', '15']

    def test_a_few_steps_that_were_left_out_are_normal(self, folders: CheckpointFolders) -> None:
        """Float16 finds its scale so; a higher limit lets the newest go on, too."""
        self.save(folders, {5: 0, 10: 2})
        assert newest_usable(folders, 'gd', most_left_out=3) == (10, [], False)
        assert newest_usable(folders, 'gd', most_left_out=2).iteration == 5

    def test_those_of_the_run_that_went_back(self, folders: CheckpointFolders) -> None:
        """From 10 it went on with a lower rate to 22, and was stopped there; 40 is still that of the first time."""
        self.save(folders, {10: 0, 15: 0, 20: 0, 22: 0, 40: 28})
        assert newest_usable(folders, 'gd', most_left_out=28).iteration == 22

    def test_nan(self, folders: CheckpointFolders) -> None:
        """Of BasicSR's own models, which take such steps, and of statistics that earlier versions did not set back."""
        self.save(folders, {5: 0, 10: 0, 15: 0}, nan_in=(10, 15))
        iteration, remarks, went_back = newest_usable(folders, 'gd')
        assert (iteration, went_back) == (5, True)
        assert remarks[0] == f'{folders.network_file("g", 15)} holds NaN (params: norm.running_var)'

    @pytest.mark.parametrize(('left_out', 'nan_in', 'best'), [
        ({40: 30}, (), 40), ({10: 0, 40: 30}, (), 10), ({10: 0, 15: 5, 40: 30}, (10,), 15),
        ({5: 0, 10: 0}, (5, 10), 10),
    ])  # fmt: skip
    def test_the_best_of_none(
        self, left_out: dict[int, int], nan_in: tuple[int, ...], best: int, folders: CheckpointFolders
    ) -> None:
        self.save(folders, left_out, nan_in=nan_in)
        assert newest_usable(folders, 'gd')[::2] == (best, True)


class TestKeepNewest:
    OTHERS = ('net_g_latest.pth', 'net_d_latest.pth', 'net_g_110.pth.bak', 'net_g_best.pth', 'other_10.pth', 'note.txt')

    def test_removes_states_with_their_networks_and_nothing_else(self, folders: CheckpointFolders) -> None:
        save(folders, 1, 10, 100, 110, 210, 1000)
        for name in self.OTHERS:
            (folders.models / name).touch()
        folders.keep_newest(3, last=1000)
        kept = {name for number in (110, 210, 1000) for name in self.names(number)}
        assert files_of(folders) == kept | set(self.OTHERS)

    def test_similar_numbers(self, folders: CheckpointFolders) -> None:
        save(folders, 10, 110)
        save(folders, 1010, labels='g')
        folders.keep_newest(1, last=10)  # nothing older than 10
        folders.keep_newest(2, last=1010)
        assert files_of(folders) == {*self.names(110), *self.names(1010)} - {'net_d_1010.pth'}

    def test_later_ones_are_left_alone(self, folders: CheckpointFolders) -> None:
        save(folders, 10, 20, 30, 40, 50)
        folders.keep_newest(1, last=30)
        assert folders.iterations() == [50, 40, 30]

    def test_all_networks_go(self, folders: CheckpointFolders) -> None:
        save(folders, 10, labels='gdx')
        save(folders, 20)
        folders.keep_newest(1, last=20)
        assert files_of(folders) == self.names(20)

    def test_networks_older_than_every_state_go_too(self, folders: CheckpointFolders) -> None:
        """What is left of a removal that was cut off after the state, or of a saving before it."""
        save(folders, 20, 30, 40)
        for name in ('net_g_10.pth', 'net_d_9.pth', 'net_g_35.pth', 'net_g_latest.pth', 'net_g_1.pth.bak'):
            (folders.models / name).touch()
        folders.keep_newest(2, last=40)
        others = {'net_g_35.pth', 'net_g_latest.pth', 'net_g_1.pth.bak'}
        assert files_of(folders) == self.names(30) | self.names(40) | others

    def test_networks_without_any_state_stay(self, folders: CheckpointFolders) -> None:
        (folders.models / 'net_g_10.pth').touch()
        folders.keep_newest(1, last=40)
        assert files_of(folders) == {'net_g_10.pth'}

    def test_fewer_than_are_kept(self, folders: CheckpointFolders) -> None:
        save(folders, 10, 20)
        folders.keep_newest(3, last=20)
        assert folders.iterations() == [20, 10]

    def test_the_state_goes_first(self, folders: CheckpointFolders, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that a killed process never leaves a state without its networks."""
        save(folders, 10, 20)
        removed: list[str] = []
        unlink = Path.unlink
        monkeypatch.setattr(Path, 'unlink', lambda self, **options: (removed.append(self.name), unlink(self)))
        folders.keep_newest(1, last=20)
        assert removed[0] == '10.state'
        assert set(removed[1:]) == {'net_g_10.pth', 'net_d_10.pth'}

    @staticmethod
    def names(iteration: int) -> set[str]:
        return {f'{iteration}.state', f'net_g_{iteration}.pth', f'net_d_{iteration}.pth'}
