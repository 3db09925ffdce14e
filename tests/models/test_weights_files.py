"""Weights come from every form of file that this package writes, or by name; those that do not fit say why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hcl_arch.archs import DetectThenRestore, HCLNet, HCLRefineNet
from hcl_arch.model_files import load_model, save_model
from hcl_arch.models import HCLModel
from hcl_arch.option_checks.files import check_file_arguments, check_run_files
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.training.checkpoints import CheckpointError
from hcl_arch.utils.option_file import read_option_file


@pytest.fixture
def load(small_options: dict[str, Any]) -> Any:
    """Function (name of the weights, **changed options) -> a network with them, as a training begins."""

    def begin(weights: str, **changed: Any) -> HCLNet:
        options = {**small_options, **changed}
        network, model = HCLNet(**options), HCLModel.__new__(HCLModel)
        model.opt = {'network_g': {'type': 'HCLNet', **options}}
        model.load_network(network, weights)
        return network

    return begin


@pytest.fixture
def files(tmp_path: Path, small_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv('HCL_MODELS', str(tmp_path))
    state = HCLNet(**small_options).state_dict()
    save_model(tmp_path / 'mine.safetensors', {'type': 'HCLNet', **small_options}, state, {})
    torch.save({'params': state}, tmp_path / 'mine.pth')
    return {'name': 'mine', 'safetensors': str(tmp_path / 'mine.safetensors'), 'pth': str(tmp_path / 'mine.pth')}


@pytest.mark.parametrize('kind', ['name', 'safetensors', 'pth'])
def test_forms(kind: str, files: dict[str, str], load: Any, small_options: dict[str, Any]) -> None:
    expected = load_model(files['safetensors']).network.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in load(files[kind]).state_dict().items())
    run = RunOptions({'path': {'pretrain_network_g': files[kind]}}, is_train=True)
    assert list(check_run_files(run)) == []
    net = DetectThenRestore(
        {'type': 'HCLDetector', **{key: value for key, value in small_options.items() if key in DETECTOR}},
        HCLRefineNet(dim=2, dim_mults=(1, 2)), detector_weights=files[kind], freeze_detector=True,
    )  # fmt: skip
    assert torch.equal(next(net.detector.parameters()), expected['detector.' + next(iter(net.detector.state_dict()))])
    assert list(check_file_arguments({'detector_weights': files[kind]}, ())) == []


DETECTOR = ('dim', 'dim_mults', 'encoder_depths', 'num_heads', 'window_size', 'proj_dim', 'conf_thresholds')


def test_packaged_model_by_name() -> None:
    run = RunOptions({'path': {'pretrain_network_g': 'small'}}, is_train=True)
    assert list(check_run_files(run)) == []
    (line,) = check_run_files(RunOptions({'path': {'pretrain_network_g': 'smal'}}, is_train=True))
    assert 'expected a file, found nothing: smal' in line


@pytest.mark.parametrize('kind', ['name', 'safetensors', 'pth'])
def test_width_that_does_not_fit(kind: str, files: dict[str, str], load: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        load(files[kind], dim=8)
    message = str(caught.value)
    assert '\n' not in message
    assert len(message) < 500
    assert ('the file has dim 4, the options 8' in message) == (kind != 'pth')
    assert 'tensors differ, first ' in message


def test_option_file_of_the_experiment_tells(
    files: dict[str, str], load: Any, tmp_path: Path, small_options: dict[str, Any]
) -> None:
    (tmp_path / 'run' / 'models').mkdir(parents=True)
    Path(files['pth']).rename(tmp_path / 'run' / 'models' / 'net_g_latest.pth')
    text = '\n'.join(f'  {key}: {list(v) if isinstance(v, tuple) else v}' for key, v in small_options.items())
    (tmp_path / 'run' / 'mine.yml').write_text(f'network_g:\n  type: HCLNet\n{text}\n')
    assert read_option_file(tmp_path / 'run' / 'mine.yml')
    with pytest.raises(CheckpointError, match='the file has dim 4, the options 8; .* tensors differ'):
        load(str(tmp_path / 'run' / 'models' / 'net_g_latest.pth'), dim=8)


def test_damaged_safetensors(files: dict[str, str], load: Any) -> None:
    path = Path(files['safetensors'])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match='damaged or no safetensors file'):
        load(str(path))
