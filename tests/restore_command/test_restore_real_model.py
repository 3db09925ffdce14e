"""The command with the real restorer: a tiny HCL with random weights, and the packaged one once it is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from basicsr.archs import build_network
from PIL import Image

from hcl_arch.commands.restore import main
from hcl_arch.model_files import save_model


@pytest.fixture
def model(tmp_path: Path, small_options: dict[str, Any]) -> Path:
    """File of a tiny HCL with random weights."""
    options = {'type': 'HCLNet', **small_options, 'refiner': {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1, 2]}}
    path = tmp_path / 'tiny.safetensors'
    save_model(path, options, build_network(options).state_dict(), {'description': 'random', 'detect_side': 32})
    return path


def test_folder_with_the_real_restorer(model: Path, make_photo, capfd) -> None:
    make_photo('set/a.png', (40, 56, 3))
    make_photo('set/gray.jpg', (33, 20))
    make_photo('set/clear.webp', (24, 24, 4), lossless=True)
    status = main(
        [
            'set',
            '--model',
            str(model),
            '-o',
            'out',
            '--save',
            'restored',
            'mask',
            'side-by-side',
            '--json',
            's.json',
            '--device',
            'cpu',
            '--threshold',
            '0.5',
        ]
    )
    errors = capfd.readouterr().err
    assert status == 0, errors
    with Image.open('set/a.png') as before, Image.open('out/a.png') as after, Image.open('out/a_mask.png') as mask:
        kept = np.array(mask) == 0
        np.testing.assert_array_equal(np.array(before)[kept], np.array(after)[kept])
    with Image.open('out/gray.jpg') as gray:
        assert (gray.mode, gray.size) == ('L', (20, 33))
    summary = json.loads(Path('s.json').read_text())
    assert summary['model'] == 'tiny'
    assert summary['totals']['done'] == 3


def test_mask_of_the_users_with_the_real_restorer(model: Path, make_photo) -> None:
    make_photo('a.png', (32, 32, 3))
    mask = np.zeros((32, 32), np.uint8)
    mask[8:16, 8:16] = 255
    Image.fromarray(mask).save('mine.png')
    assert main(['a.png', '--model', str(model), '--mask', 'mine.png', '--device', 'cpu']) == 0
    with Image.open('a.png') as before, Image.open('restored/a.png') as after:
        changed = (np.array(before) != np.array(after)).any(axis=2)
    assert changed.any()
    assert not changed[mask == 0].any()


def test_region_less_what_is_excluded_with_the_real_restorer(model: Path, make_photo) -> None:
    make_photo('a.png', (32, 32, 3))
    assert (
        main(['a.png', '--model', str(model), '--region', '8,8,8,25%', '--exclude', '8,8,4,4', '--device', 'cpu']) == 0
    )
    with (
        Image.open('a.png') as before,
        Image.open('restored/a.png') as after,
        Image.open('restored/a_mask.png') as mask,
    ):
        changed, marked = (np.array(before) != np.array(after)).any(axis=2), np.array(mask) > 0
    assert marked.sum() == 64 - 16
    assert changed.any()
    assert not changed[~marked].any()


def test_option_file_for_bare_weights(tmp_path: Path, small_options: dict[str, Any], make_photo, capfd) -> None:
    import yaml

    options = {'type': 'HCLNet', **small_options, 'refiner': {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1, 2]}}
    torch.save({'params': build_network(options).state_dict()}, tmp_path / 'net.pth')
    plain = json.loads(json.dumps({'network_g': options}))
    (tmp_path / 'net.yml').write_text(yaml.safe_dump(plain))
    make_photo('a.png', (32, 32, 3))
    status = main(
        [
            'a.png',
            '--model',
            str(tmp_path / 'net.pth'),
            '--model-options',
            str(tmp_path / 'net.yml'),
            '--device',
            'cpu',
            '--detect-side',
            '32',
        ]
    )
    assert status == 0, capfd.readouterr().err


def test_models_that_cannot_be_used_end_with_one_line(make_photo, work_folder: Path, capfd) -> None:
    make_photo('a.png')
    Path('broken.safetensors').write_bytes(b'nothing')
    for name in ('no-such-model', 'broken.safetensors', 'a.png', 'absent.pth'):
        assert main(['a.png', '--model', name]) == 2
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert name in lines[0]
    assert main(['a.png', '--device', 'quantum']) == 2


@pytest.mark.slow
def test_as_a_module(model: Path, make_photo) -> None:
    make_photo('a.png', (32, 32, 3))
    done = subprocess.run(
        [sys.executable, '-m', 'hcl_arch.restore', 'a.png', 'absent.png', '--model', str(model), '--device', 'cpu'],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        check=False,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert Path('restored/a.png').is_file()
    assert 'Error: absent.png: no such file' in done.stderr
    assert 'Traceback' not in done.stderr


def test_packaged_model_by_default(make_photo) -> None:
    make_photo('a.png', (64, 80, 3))
    assert main(['a.png', '--device', 'cpu', '--json', 's.json']) == 0
    assert json.loads(Path('s.json').read_text())['model'] == 'small'
