"""The command `hcl-train`: checking alone, and the words that it ends with."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml
from torch.utils.data import DataLoader, Dataset

from hcl_arch import train
from hcl_arch.commands import basicsr_run
from hcl_arch.commands.basicsr_run import explains_itself, last_words, run_pipeline
from hcl_arch.option_checks import problems as option_checks
from hcl_arch.plugin.pipeline import OptionsError
from hcl_arch.training import process_group
from hcl_arch.training.checkpoints import CheckpointError
from hcl_arch.training.guarded_dataset import SampleError
from hcl_arch.training.interruption import interruption
from hcl_arch.training.run_lock import RunInUseError
from hcl_arch.training.step_watch import NonFiniteError
from hcl_arch.training.unreadable_log import TooManyUnreadableError

FindProblems = Callable[[list[str]], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _no_error_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_group, '_ended_by_error', False)


@pytest.fixture
def option_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Options that BasicSR's parser can read, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    for module in (basicsr_run, option_checks):
        monkeypatch.setattr(module, 'find_structure_problems', lambda options, **more: [])
    path = tmp_path / 'options.yml'
    path.write_text(yaml.safe_dump({
        'name': 'tiny', 'model_type': 'HCLModel', 'num_gpu': 0, 'manual_seed': 3,
        'datasets': {'train': {'name': 'T', 'type': 'BlindCorruptionDataset', 'dataroot_gt': '~/images'}},
        'path': {'resume_state': None}, 'logger': {},
    }))  # fmt: skip
    return path


@pytest.fixture
def find_problems(monkeypatch: pytest.MonkeyPatch) -> FindProblems:
    """Function (problems) that lets the checks find these; returns the list of options that they are given."""

    def stub(problems: list[str]) -> list[dict[str, Any]]:
        given: list[dict[str, Any]] = []
        monkeypatch.setattr(option_checks, 'find_problems', lambda opt, **options: (given.append(opt), problems)[1])
        return given

    return stub


def no_pipeline(root: str) -> None:
    pytest.fail('the pipeline was started')


def check(*arguments: Any, command: str = 'hcl-train') -> None:
    run_pipeline(no_pipeline, command=command, arguments=['--check', *map(str, arguments)])


class TestCheck:
    def test_nothing_wrong(
        self, option_file: Path, find_problems: FindProblems, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        given = find_problems([])
        check('-opt', option_file)
        assert capsys.readouterr().out.endswith(f'hcl-train: no problem found in {option_file}\n')
        assert [path.name for path in tmp_path.iterdir()] == ['options.yml']
        (opt,) = given
        assert opt['is_train'] is True
        assert opt['datasets']['train']['phase'] == 'train'
        assert opt['path']['models'] == str(tmp_path / 'experiments' / 'tiny' / 'models')

    def test_problems(
        self, option_file: Path, find_problems: FindProblems, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        find_problems(['train: no', 'val: no'])
        with pytest.raises(SystemExit) as raised:
            check('-opt', option_file)
        assert raised.value.code == 2
        output = capsys.readouterr()
        assert output.err == 'hcl-train: error: 2 problems in the options:\n  train: no\n  val: no\n'
        assert 'no problem found' not in output.out
        assert [path.name for path in tmp_path.iterdir()] == ['options.yml']

    def test_options_of_the_command_line_count(self, option_file: Path, find_problems: FindProblems) -> None:
        given = find_problems([])
        check('-opt', option_file, '--auto_resume', '--force_yml', 'name=other')
        assert given[0]['name'] == 'other'
        assert given[0]['auto_resume'] is True

    @pytest.mark.parametrize('place', [0, 2])
    def test_no_process_group_is_joined(self, place: int, option_file: Path, find_problems: FindProblems) -> None:
        given = find_problems([])
        arguments: list[Any] = ['-opt', option_file]
        arguments[place:place] = ['--launcher', 'pytorch']
        check(*arguments)
        assert given[0]['dist'] is False

    def test_other_way_to_write_the_launcher(self, option_file: Path, find_problems: FindProblems) -> None:
        given = find_problems([])
        check(f'-opt={option_file}', '--launcher=pytorch')
        assert given[0]['dist'] is False

    def test_the_command_line_stays(
        self, option_file: Path, find_problems: FindProblems, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, 'argv', ['hcl-train', '--check', '-opt', str(option_file)])
        find_problems(['train: no'])
        with pytest.raises(SystemExit):
            check('-opt', option_file)
        assert sys.argv == ['hcl-train', '--check', '-opt', str(option_file)]

    def test_of_a_test(self, option_file: Path, find_problems: FindProblems) -> None:
        given = find_problems([])
        check('-opt', option_file, command='hcl-test')
        assert given[0]['is_train'] is False

    def test_a_missing_option_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            check('-opt', 'nowhere.yml')
        assert 'option file nowhere.yml does not exist' in capsys.readouterr().err

    def test_without_it_the_pipeline_runs(self, option_file: Path) -> None:
        roots: list[str] = []
        run_pipeline(roots.append, command='hcl-train', arguments=['-opt', str(option_file)])
        assert roots == [str(Path.cwd())]


class Failing(Dataset):
    """Its samples raise an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> None:
        try:
            raise ValueError('the cause')
        except ValueError:
            raise self.error from None


def error_of_worker(error: Exception) -> Exception:
    batches: Any = iter(DataLoader(Failing(error), num_workers=1, multiprocessing_context='fork'))
    with pytest.raises(type(error)) as raised:
        next(batches)
    batches._shutdown_workers()  # which takes seconds where the garbage collector does it
    return raised.value


class TestLastWords:
    @pytest.mark.parametrize('error', [CheckpointError('a: b'), NonFiniteError(''), OptionsError('2:\n  a\n  b')])
    def test_of_an_error(self, error: Exception) -> None:
        assert last_words(error) == str(error)

    @pytest.mark.parametrize(
        'error',
        [
            SampleError("data set 'T': sample 5 cannot be made: KeyError: 'gt'"),
            TooManyUnreadableError('a.png: cut off. 3 images cannot be read: many'),
            FileNotFoundError('no such folder: x'),
        ],
    )
    def test_of_a_worker(self, error: Exception) -> None:
        assert last_words(error_of_worker(error)) == str(error)

    def test_of_a_worker_in_several_lines(self) -> None:
        message = "data set 'T': sample 5 cannot be made: RuntimeError: shapes:\n  3: 4\n  do not fit"
        assert last_words(error_of_worker(SampleError(message))) == message

    def test_of_an_error_without_words(self) -> None:
        assert last_words(error_of_worker(SampleError(''))) in ('', 'hcl_arch.training.guarded_dataset.SampleError')


class TestMessages:
    @pytest.fixture
    def failing(self, request: pytest.FixtureRequest) -> Callable[[str], None]:
        def pipeline(root: str) -> None:
            if request.param is not None:
                raise request.param

        return pipeline

    @pytest.mark.parametrize(
        'failing',
        [OptionsError('x'), CheckpointError('x'), NonFiniteError('x'), SampleError('x'), TooManyUnreadableError('x'),
         FileNotFoundError('x'), NotADirectoryError('x'), RunInUseError('x')],
        indirect=True,
    )  # fmt: skip
    def test_end_with_one_line(
        self, failing: Callable[[str], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(SystemExit) as raised:
            run_pipeline(failing, command='hcl-train', arguments=[])
        assert raised.value.code == 2
        assert capsys.readouterr().err == 'hcl-train: error: x\n'
        assert process_group.ended_by_error()  # nobody waits for the other processes

    @pytest.mark.parametrize(('number', 'explains'), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
    def test_full_disk(self, number: int, explains: bool, capsys: pytest.CaptureFixture[str]) -> None:
        """As when BasicSR writes its log or an image."""
        error = OSError(number, os.strerror(number), 'train.log')
        assert explains_itself(error) == explains

        def pipeline(root: str) -> None:
            raise error

        with pytest.raises(SystemExit if explains else OSError):
            run_pipeline(pipeline, command='hcl-train', arguments=[])
        assert capsys.readouterr().err == (f'hcl-train: error: {error}\n' if explains else '')

    @pytest.mark.parametrize('failing', [None, ValueError('x'), CheckpointError('x'), SystemExit(143),
                                         KeyboardInterrupt()], indirect=True)  # fmt: skip
    def test_signals_work_again_however_it_ends(self, failing: Callable[[str], None]) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

        def pipeline(root: str) -> None:
            interruption.install()
            assert signal.getsignal(signal.SIGTERM) is not before[0]
            failing(root)

        with contextlib.suppress(BaseException):
            run_pipeline(pipeline, command='hcl-train', arguments=[])
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before

    @pytest.mark.parametrize('failing', [RuntimeError('x'), OSError('x'), ValueError('x')], indirect=True)
    def test_all_else_keeps_its_traceback(self, failing: Callable[[str], None]) -> None:
        with pytest.raises((RuntimeError, OSError, ValueError), match='x'):
            run_pipeline(failing, command='hcl-train', arguments=[])

    @pytest.mark.parametrize('failing', [NonFiniteError('x')], indirect=True)
    def test_debugging_keeps_it_too(self, failing: Callable[[str], None]) -> None:
        with pytest.raises(NonFiniteError):
            run_pipeline(failing, command='hcl-train', arguments=['--debug'])

    @pytest.mark.parametrize('failing', [SystemExit(143)], indirect=True)
    def test_stopping_keeps_its_code(self, failing: Callable[[str], None]) -> None:
        with pytest.raises(SystemExit) as raised:
            run_pipeline(failing, command='hcl-train', arguments=[])
        assert raised.value.code == 143
        assert not process_group.ended_by_error()


def test_help_knows_our_arguments_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'argv', ['hcl-train', '--help'])
    with pytest.raises(SystemExit) as raised:
        train.main()
    assert raised.value.code == 0
    shown = capsys.readouterr().out
    for argument in ('--check', '--trust_option_file', '--auto_resume'):
        assert argument in shown
