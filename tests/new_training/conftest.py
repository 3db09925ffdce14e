"""A folder of photographs, a tiny model to go on from, and the command."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Callable

import pytest
import skimage
import torch

from hcl_arch.archs.registry import ARCHS
from hcl_arch.commands.new_training import main
from hcl_arch.model_files import save_model

NAMES = ('astronaut.png', 'brick.png', 'cell.png', 'chelsea.png', 'coffee.png', 'coins.png', 'grass.png',
         'hubble_deep_field.jpg', 'motorcycle_left.png', 'rocket.jpg')  # fmt: skip
NETWORK = {
    'type': 'DetectThenRestore',
    'detector': {
        'type': 'HCLDetector', 'encoder': 'conv', 'dim': 4, 'dim_mults': [1, 2], 'n_conv_stages': 2,
        'encoder_depths': [1, 1], 'num_heads': [1, 1], 'conf_thresholds': [1.0, 0.9], 'proj_dim': 4,
        'mask_from': 'pixels',
    },
    'restorer': {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 2]},
    'restorer_input': ['masked_image', 'mask'],
}  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """scikit-image's pictures in the folder `my photos` of the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'my photos'
    (folder / 'sub').mkdir(parents=True)
    for index, name in enumerate(NAMES):
        shutil.copy(Path(skimage.__file__).parent / 'data' / name, folder / ('sub' if index % 3 else '') / name)
    return folder


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a tiny model of the user's."""
    models = tmp_path / 'models'
    models.mkdir()
    monkeypatch.setenv('HCL_MODELS', str(models))
    torch.manual_seed(0)
    save_model(models / 'tiny.safetensors', NETWORK, ARCHS.build(NETWORK).state_dict(), {'detect_side': 64})
    return 'tiny'


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Function (*arguments) that returns the one line of the refusal."""

    def call(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        assert stop.value.code == 2
        errors = capsys.readouterr().err.splitlines()[-1]
        assert errors.startswith('hcl-new-training: error: ')
        return errors.removeprefix('hcl-new-training: error: ')

    return call
