"""Each fix of `hcl_arch.compat`: that it cures its defect, with both BasicSRs, and stays away where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Optional

import basicsr.train
import pytest
import torch
from basicsr.utils import dist_util

from hcl_arch import compat

FUNCTIONAL_TENSOR = 'torchvision.transforms.functional_tensor'
without_gpu = pytest.mark.skipif(torch.cuda.device_count() > 0, reason='about a machine without a GPU')


def stock_load_resume_state(opt: dict[str, Any]) -> Any:
    """The two defective lines of BasicSR's function."""
    folder = os.path.join('experiments', opt['name'], 'training_states')
    return torch.load(folder, map_location=torch.cuda.current_device())


def mended_load_resume_state(opt: dict[str, Any]) -> Any:
    """What a later BasicSR may have: neither a CUDA device nor a folder of its own."""
    return opt['path']['training_states']


def run_python(code: str, *, pythonpath: list[Path], cwd: Path) -> str:
    """Run code in a fresh interpreter and return what it printed; its errors fail the test."""
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, pythonpath))}
    result = subprocess.run(
        [sys.executable, '-c', code], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def make_options(root: Path, *, auto_resume: bool = True, resume_state: Optional[str] = None) -> dict[str, Any]:
    """The options that `load_resume_state` reads, for a run saved under `root`."""
    run = root / 'experiments' / 'run'
    return {
        'name': 'run',
        'auto_resume': auto_resume,
        'network_g': {},
        'path': {
            'resume_state': resume_state,
            'training_states': str(run / 'training_states'),
            'models': str(run / 'models'),
        },
    }


def save_state(opt: dict[str, Any], iteration: int) -> Path:
    """Save a state as BasicSR does, with an optimizer that has made a step and the scheduler that has most to save."""
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([parameter])
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 2])
    parameter.sum().backward()
    optimizer.step()
    scheduler.step()
    file = Path(opt['path']['training_states']) / f'{iteration}.state'
    file.parent.mkdir(parents=True, exist_ok=True)
    states = {'optimizers': [optimizer.state_dict()], 'schedulers': [scheduler.state_dict()]}
    torch.save({'epoch': 0, 'iter': iteration, **states}, file)
    return file


class TestFunctionalTensor:
    """`provide_functional_tensor`."""

    def test_missing_module_is_provided_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, FUNCTIONAL_TENSOR, raising=False)
        monkeypatch.setattr(compat.importlib.util, 'find_spec', lambda name: None)
        compat.provide_functional_tensor()
        stand_in = sys.modules[FUNCTIONAL_TENSOR]
        compat.provide_functional_tensor()
        assert sys.modules[FUNCTIONAL_TENSOR] is stand_in
        # ITU-R 601: 0.2989 R + 0.587 G + 0.114 B
        grey = stand_in.rgb_to_grayscale(torch.tensor([1.0, 0.5, 0.25]).reshape(3, 1, 1))
        torch.testing.assert_close(grey.item(), 0.2989 + 0.2935 + 0.0285)

    def test_loaded_module_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        present = types.ModuleType(FUNCTIONAL_TENSOR)
        monkeypatch.setitem(sys.modules, FUNCTIONAL_TENSOR, present)
        compat.provide_functional_tensor()
        assert sys.modules[FUNCTIONAL_TENSOR] is present

    def test_installed_module_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, FUNCTIONAL_TENSOR, raising=False)
        monkeypatch.setattr(compat.importlib.util, 'find_spec', lambda name: object())
        compat.provide_functional_tensor()
        assert FUNCTIONAL_TENSOR not in sys.modules

    def test_real_module_of_an_old_torchvision_is_used(self, tmp_path: Path, repository: Path) -> None:
        (tmp_path / 'functional_tensor.py').write_text('rgb_to_grayscale = "real"')
        code = (
            'import torchvision.transforms as transforms\n'
            f'transforms.__path__.append({str(tmp_path)!r})\n'
            'import hcl_arch.compat\n'
            'from torchvision.transforms.functional_tensor import rgb_to_grayscale\n'
            'print(rgb_to_grayscale)'
        )
        assert run_python(code, pythonpath=[repository], cwd=tmp_path).endswith('real\n')


class TestLoadResumeState:
    """`load_resume_state` and where it is put."""

    def test_replaces_in_basicsr_and_in_a_running_script(self, monkeypatch: pytest.MonkeyPatch) -> None:
        script = types.ModuleType('__main__')
        vars(script)['load_resume_state'] = stock_load_resume_state
        monkeypatch.setitem(sys.modules, '__main__', script)
        monkeypatch.setattr(basicsr.train, 'load_resume_state', stock_load_resume_state)
        for _ in range(2):
            compat.replace_load_resume_state()
            assert vars(script)['load_resume_state'] is compat.load_resume_state
            assert basicsr.train.load_resume_state is compat.load_resume_state

    def test_leaves_a_mended_one_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(basicsr.train, 'load_resume_state', mended_load_resume_state)
        compat.replace_load_resume_state()
        assert basicsr.train.load_resume_state is mended_load_resume_state

    def test_adds_nothing_to_another_script(self, monkeypatch: pytest.MonkeyPatch) -> None:
        script = types.ModuleType('__main__')
        monkeypatch.setitem(sys.modules, '__main__', script)
        compat.replace_load_resume_state()
        assert 'load_resume_state' not in vars(script)

    def test_recognises_the_stock_function_of_master(self, master_checkout: Path, repository: Path) -> None:
        # BasicSR is imported first here, as by its own scripts.
        code = (
            'import basicsr.train\n'
            'stock = basicsr.train.load_resume_state\n'
            'from hcl_arch import compat\n'
            'print(basicsr.__file__)\n'
            'print(compat.has_resume_defect(stock), basicsr.train.load_resume_state is compat.load_resume_state)'
        )
        output = run_python(code, pythonpath=[master_checkout, repository], cwd=repository)
        where, verdict = output.splitlines()[-2:]
        assert Path(where) == master_checkout / 'basicsr' / '__init__.py'
        assert verdict == 'True True'

    def test_auto_resume_takes_the_latest_state_from_any_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opt = make_options(tmp_path)
        save_state(opt, 9)
        latest = save_state(opt, 10)  # sorts before 9 as text
        (latest.parent / 'note.state').touch()
        (tmp_path / 'elsewhere').mkdir()
        monkeypatch.chdir(tmp_path / 'elsewhere')
        state = compat.load_resume_state(opt)
        assert state is not None
        assert state['iter'] == 10
        assert opt['path']['resume_state'] == str(latest)
        assert opt['path']['pretrain_network_g'] == str(tmp_path / 'experiments' / 'run' / 'models' / 'net_g_10.pth')

    def test_auto_resume_without_a_state_starts_anew(self, tmp_path: Path) -> None:
        opt = make_options(tmp_path)
        assert compat.load_resume_state(opt) is None
        Path(opt['path']['training_states']).mkdir(parents=True)
        assert compat.load_resume_state(opt) is None

    def test_named_state_is_loaded_to_the_cpu(self, tmp_path: Path) -> None:
        named = save_state(make_options(tmp_path), 3)
        save_state(make_options(tmp_path), 4)
        opt = make_options(tmp_path, auto_resume=False, resume_state=str(named))
        state = compat.load_resume_state(opt)
        assert state is not None
        assert state['iter'] == 3
        assert state['optimizers'][0]['state'][0]['exp_avg'].device.type == 'cpu'

    def test_nothing_named_starts_anew(self, tmp_path: Path) -> None:
        opt = make_options(tmp_path, auto_resume=False)
        save_state(opt, 3)
        assert compat.load_resume_state(opt) is None

    def test_state_that_would_run_code_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / 'bad.state'
        torch.save({'iter': 1, 'payload': Path('x')}, file)
        opt = make_options(tmp_path, auto_resume=False, resume_state=str(file))
        with pytest.raises(Exception, match='[Ww]eights.only'):
            compat.load_resume_state(opt)


class TestInitDist:
    """`replace_init_dist` and `init_gloo`."""

    @pytest.mark.parametrize(('gpus', 'replaced'), [(0, True), (1, False)])
    def test_replaces_only_without_a_gpu(self, monkeypatch: pytest.MonkeyPatch, gpus: int, replaced: bool) -> None:
        stock = object()
        monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)
        monkeypatch.setattr(dist_util, '_init_dist_pytorch', stock)
        for _ in range(2):
            compat.replace_init_dist()
            assert dist_util._init_dist_pytorch is (compat.init_gloo if replaced else stock)

    @without_gpu
    @pytest.mark.parametrize('which', ['installed', 'master'])
    def test_process_group_runs_on_gloo(
        self, which: str, tmp_path: Path, repository: Path, request: pytest.FixtureRequest
    ) -> None:
        code = (
            'import hcl_arch.compat, torch\n'
            'from basicsr.utils.dist_util import get_dist_info, init_dist\n'
            f'init_dist("pytorch", init_method="file://{tmp_path}/store", rank=0, world_size=1)\n'
            'print(torch.distributed.get_backend(), *get_dist_info())'
        )
        pythonpath = [repository]
        if which == 'master':
            pythonpath.insert(0, request.getfixturevalue('master_checkout'))
        assert run_python(code, pythonpath=pythonpath, cwd=tmp_path).splitlines()[-1] == 'gloo 0 1'


def test_both_steps_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (sys.modules.get(FUNCTIONAL_TENSOR), basicsr.train.load_resume_state, dist_util._init_dist_pytorch)
    compat.apply_before_import()
    compat.apply_after_import()
    after = (sys.modules.get(FUNCTIONAL_TENSOR), basicsr.train.load_resume_state, dist_util._init_dist_pytorch)
    assert after == before
