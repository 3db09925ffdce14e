"""A training of one part alone is refused by who repairs: what it holds, what is missing, how to join it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from hcl_arch.archs.registry import ARCHS
from hcl_arch.commands.export import main as export
from hcl_arch.model_files import ModelFileError
from hcl_arch.model_files.trained_parts import check_trained_parts
from hcl_arch.restoration import Restorer
from tests.new_training.conftest import NETWORK

ALONE = {'type': 'DetectThenRestore', 'freeze_detector': True}


def experiment(folder: Path, name: str = 'net_g_latest', **options: Any) -> Path:
    (folder / 'models').mkdir(parents=True, exist_ok=True)
    (folder / 'mine.yml').write_text(yaml.safe_dump(options))
    return folder / 'models' / f'{name}.pth'


@pytest.mark.parametrize(
    ('name', 'holds'), [('net_g_latest', 'detector'), ('net_g_90', 'detector'), ('net_g_91', None)]
)
def test_detector(tmp_path: Path, name: str, holds: str | None) -> None:
    last = 90 if name == 'net_g_latest' else 100
    path = experiment(tmp_path, name, network_g={'type': 'HCLNet'}, train={'total_iter': last, 'detector_iter': 90})
    if holds is None:
        check_trained_parts(path)
        return
    with pytest.raises(ModelFileError) as caught:
        Restorer(path)
    message = str(caught.value)
    assert message.startswith(f'{path}: holds a detector alone: what repairs was never trained.')
    assert f'detector_weights: {path}, restorer: ..., restorer_weights: THE RESTORER' in message


@pytest.mark.parametrize(('network', 'words'), [
    (ALONE, 'holds a restorer alone: its detector was never trained and finds nothing.'),
    ({**ALONE, 'detector_weights': 'a.pth'}, None),
    ({'type': 'DetectThenRestore', 'freeze_restorer': True}, 'holds a detector alone'),
    ({'type': 'DetectThenRestore', 'freeze_restorer': True, 'restorer_weights': 'a.pth'}, None),
    ({'type': 'DetectThenRestore'}, None),
])  # fmt: skip
def test_restorer(tmp_path: Path, network: dict[str, Any], words: str | None) -> None:
    path = experiment(tmp_path, network_g=network, train={'total_iter': 90})
    if words is None:
        check_trained_parts(path)
    else:
        with pytest.raises(ModelFileError, match=words):
            check_trained_parts(path, tmp_path / 'mine.yml')


def test_parts_of_the_training_before(tmp_path: Path) -> None:
    whole = experiment(tmp_path / 'whole', network_g={'type': 'HCLNet'}, train={'total_iter': 9})
    alone = experiment(tmp_path / 'alone', network_g=ALONE)
    for before in (whole, alone, tmp_path / 'later' / 'models' / 'net_g_latest.pth'):
        later = experiment(
            tmp_path / 'later', train={'total_iter': 9, 'detector_iter': 9}, path={'pretrain_network_g': str(before)}
        )
        if before is alone:
            with pytest.raises(ModelFileError, match='holds a restorer alone'):
                check_trained_parts(later)
        else:
            check_trained_parts(later)


def test_named_models_pass() -> None:
    check_trained_parts('small')


@pytest.mark.parametrize(('part', 'other'), [('detector', 'restorer'), ('restorer', 'detector')])
def test_a_file_without_a_part(tmp_path: Path, part: str, other: str) -> None:
    """Neither the weights of BasicSR nor an option file that names those of the other part stand for a whole model."""
    state = ARCHS.build(NETWORK).state_dict()
    path = experiment(tmp_path / 'a', network_g=NETWORK, train={'total_iter': 9})
    torch.save({'params': {name: value for name, value in state.items() if not name.startswith(part)}}, path)
    with pytest.raises(ModelFileError, match=f'The file holds no {part}: take one of a training of the whole network'):
        Restorer(path, device='cpu')
    torch.save({'params': state}, path)
    option_file = tmp_path / 'joined.yml'
    option_file.write_text(yaml.safe_dump({'network_g': {**NETWORK, f'{other}_weights': str(path)}}))
    with pytest.raises(ModelFileError, match=f'its {part} has no weights and would be a random one; .*{part}_weights'):
        Restorer(option_file, device='cpu')
    both = {**NETWORK, 'detector_weights': str(path), 'restorer_weights': str(path)}
    option_file.write_text(yaml.safe_dump({'network_g': both}))
    Restorer(option_file, device='cpu')


def test_a_part_alone_is_exported_as_no_whole_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = experiment(tmp_path / 'a', network_g=NETWORK, train={'total_iter': 9, 'detector_iter': 9})
    torch.save({'params': ARCHS.build(NETWORK).state_dict()}, path)
    with pytest.raises(SystemExit):
        export([str(path), str(tmp_path / 'out.safetensors')])
    assert 'holds a detector alone' in capsys.readouterr().err
    assert not (tmp_path / 'out.safetensors').exists()
