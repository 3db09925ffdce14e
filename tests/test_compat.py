"""Each fix of `hcl_arch.plugin.compat` cures its defect, with both BasicSRs, and stays away where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any, Optional

import pytest
import torch
from basicsr.data import prefetch_dataloader
from basicsr.data.prefetch_dataloader import CPUPrefetcher, PrefetchDataLoader
from basicsr.utils import dist_util
from torch.utils.data import Dataset

from hcl_arch.plugin import compat
from hcl_arch.training.process_group import init_gloo

FUNCTIONAL_TENSOR = 'torchvision.transforms.functional_tensor'
without_gpu = pytest.mark.skipif(torch.cuda.device_count() > 0, reason='about a machine without a GPU')


def run_python(code: str, *, pythonpath: list[Path], cwd: Path) -> str:
    """Run code in a fresh interpreter and return what it printed; its errors fail the test."""
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, pythonpath))}
    result = subprocess.run(
        [sys.executable, '-c', code], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


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
            'import hcl_arch.plugin.compat\n'
            'from torchvision.transforms.functional_tensor import rgb_to_grayscale\n'
            'print(rgb_to_grayscale)'
        )
        assert run_python(code, pythonpath=[repository], cwd=tmp_path).endswith('real\n')


class TestInitDist:
    """`replace_init_dist` and `init_gloo`."""

    @pytest.mark.parametrize('gpus', [0, 1])
    def test_joins_by_gloo_only_without_a_gpu(self, monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
        def stock(backend: str, **kwargs: Any) -> None:
            pass

        monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)
        monkeypatch.setattr(dist_util, '_init_dist_pytorch', stock)
        compat.replace_init_dist()
        replacement = dist_util._init_dist_pytorch
        assert replacement is not stock  # which would never leave the group
        assert replacement.__wrapped__ is (stock if gpus else init_gloo)
        compat.replace_init_dist()
        assert dist_util._init_dist_pytorch is replacement

    @without_gpu
    @pytest.mark.parametrize('which', ['installed', 'master'])
    def test_process_group_runs_on_gloo(
        self, which: str, tmp_path: Path, repository: Path, request: pytest.FixtureRequest
    ) -> None:
        code = (
            'import hcl_arch.plugin.compat, torch\n'
            'from basicsr.utils.dist_util import get_dist_info, init_dist\n'
            f'init_dist("pytorch", init_method="file://{tmp_path}/store", rank=0, world_size=1)\n'
            'print(torch.distributed.get_backend(), *get_dist_info())'
        )
        pythonpath = [repository]
        if which == 'master':
            pythonpath.insert(0, request.getfixturevalue('master_checkout'))
        assert run_python(code, pythonpath=pythonpath, cwd=tmp_path).splitlines()[-1] == 'gloo 0 1'


class TestPrefetchGenerator:
    """`replace_prefetch_generator`."""

    @staticmethod
    def read(dataset: Dataset) -> list[Any]:
        """Batches that BasicSR's prefetcher reads, then the error that it ends with; fails if it does not end."""
        result: list[Any] = []
        loader = PrefetchDataLoader(2, dataset=dataset, batch_size=1)

        def read_all() -> None:
            prefetcher = CPUPrefetcher(loader)
            prefetcher.reset()  # as at the beginning of an epoch
            try:
                while (batch := prefetcher.next()) is not None:
                    result.extend(batch.tolist())
            except BaseException as error:
                result.append(error)

        reader = threading.Thread(target=read_all, daemon=True)
        reader.start()
        reader.join(timeout=20)
        assert not reader.is_alive(), 'the reader waits for ever'
        return result

    def test_all_is_well(self) -> None:
        assert self.read(Numbers()) == list(range(6))

    def test_an_error_reaches_the_reader(self) -> None:
        *numbers, error = self.read(Numbers(FileNotFoundError('a.png')))
        assert numbers == [0, 1, 2]
        assert isinstance(error, FileNotFoundError)
        assert 'a.png' in str(error)

    def test_a_mended_one_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        replacement = prefetch_dataloader.PrefetchGenerator
        compat.replace_prefetch_generator()
        assert prefetch_dataloader.PrefetchGenerator is replacement

    def test_replaces_the_stock_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stock = prefetch_dataloader.PrefetchGenerator.__base__
        monkeypatch.setattr(prefetch_dataloader, 'PrefetchGenerator', stock)
        compat.replace_prefetch_generator()
        assert issubclass(prefetch_dataloader.PrefetchGenerator, stock)
        assert prefetch_dataloader.PrefetchGenerator is not stock


class Numbers(Dataset):
    """0 to 5; the fourth is an error if one is given."""

    def __init__(self, error: Optional[Exception] = None) -> None:
        self.error = error

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> int:
        if index == 3 and self.error is not None:
            raise self.error
        return index


def test_both_steps_can_be_repeated() -> None:
    def replaced() -> tuple[Any, ...]:
        return (
            sys.modules.get(FUNCTIONAL_TENSOR),
            dist_util._init_dist_pytorch,
            prefetch_dataloader.PrefetchGenerator,
        )

    before = replaced()
    compat.apply_before_import()
    compat.apply_after_import()
    assert replaced() == before
