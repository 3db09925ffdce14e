"""`hcl-export MODEL NAME.onnx.zip`: graphs without weights, for `hcl-restore --runtime onnx`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hcl_arch.archs import DetectThenRestore
from hcl_arch.commands.export import main
from hcl_arch.model_files import list_models, save_model
from hcl_arch.model_files.graphs import GRAPHS_SUFFIX
from hcl_arch.restoration import Restorer
from hcl_arch.utils.model_folders import PACKAGE_FOLDER

for _name in ('onnx', 'onnxscript', 'onnxruntime'):
    pytest.importorskip(_name)

DETECTOR = {
    'type': 'HCLDetector', 'encoder': 'timm', 'looks': 2, 'dim': 4, 'dim_mults': [1, 2], 'n_conv_stages': 1,
    'context_widths': [8, 8, 8], 'encoder_depths': [1, 1], 'num_heads': [1, 1], 'proj_dim': 4,
    'conf_thresholds': [1.0, 0.95], 'mask_from': 'pixels',
}  # fmt: skip
OPTIONS: dict[str, Any] = {
    'type': 'DetectThenRestore', 'detector': DETECTOR, 'restorer_input': ['image', 'mask'], 'detect_mirrored': True,
    'restorer': {'type': 'HCLRepairNet', 'dim': 4, 'dim_mults': [1, 2], 'n_context': 1, 'num_heads': 2},
}  # fmt: skip


CAREFUL = {
    **OPTIONS,
    'restorer_input': ['image', 'mask', 'confidence'],
    'restorer': {**OPTIONS['restorer'], 'takes_confidence': True},
}


@pytest.fixture(params=[OPTIONS, CAREFUL], ids=['mask', 'confidence'])
def own(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of another shape than the packaged one, in the user's folder."""
    torch.manual_seed(0)
    network = DetectThenRestore(**{key: value for key, value in request.param.items() if key != 'type'})
    save_model(tmp_path / 'own.safetensors', request.param, network.state_dict(), {'detect_side': 32})
    monkeypatch.setenv('HCL_MODELS', str(tmp_path))
    return tmp_path / 'own.safetensors'


def runtimes_of(name: str) -> tuple[str, ...]:
    return next(entry for entry in list_models() if entry.name == name).runtimes


def test_graphs_beside_a_model_let_it_run(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its masks, mirrored looks and a restorer that tiles, as by PyTorch."""
    assert runtimes_of('own') == ('torch',)
    assert main(['own', str(own.with_suffix('.onnx.zip'))]) == 0
    assert '100.00 % equal' in capsys.readouterr().out
    assert runtimes_of('own') == ('torch', 'onnx')
    image = np.random.default_rng(0).random((90, 70, 3), np.float32)
    results = [
        Restorer('own', runtime=kind, device='cpu').restore(image, threshold=1, min_score=0)
        for kind in ('torch', 'onnx')
    ]
    assert results[0].found
    assert results[0].confidence.std() > 0
    np.testing.assert_allclose(results[1].confidence, results[0].confidence, atol=1e-4)
    np.testing.assert_allclose(results[1].image, results[0].image, atol=1e-3)


def test_they_hold_no_weights(own: Path) -> None:
    with zipfile.ZipFile(PACKAGE_FOLDER / f'small{GRAPHS_SUFFIX}') as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    assert set(sizes) == {'graphs.json', 'look.onnx', 'repair.onnx'}
    assert max(sizes.values()) < 2**19


def test_other_networks_have_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {**OPTIONS, 'detector': {**DETECTOR, 'looks': 1}}
    network = DetectThenRestore(**{key: value for key, value in options.items() if key != 'type'})
    save_model(tmp_path / 'one.safetensors', options, network.state_dict(), {})
    with pytest.raises(SystemExit):
        main([str(tmp_path / 'one.safetensors'), str(tmp_path / 'one.onnx.zip')])
    assert 'graphs are for networks whose detector takes several looks' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path / 'one.safetensors'), str(tmp_path / 'one.zip')])
    assert 'expected a name that ends in .onnx, .pt2, .safetensors, .onnx.zip' in capsys.readouterr().err
