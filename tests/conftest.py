"""Fixtures that the tests share."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch

import hcl_arch  # noqa: F401  (mends what BasicSR needs, before any test imports BasicSR)

REPOSITORY = Path(__file__).resolve().parents[1]

# A cluster of one test: its token would lie in a home folder that the next test does not have.
os.environ.setdefault('RAY_AUTH_MODE', 'disabled')

# A shell lets programs that it starts in the background ignore Ctrl-C, and so do these let theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests compute on small tensors, and threads that wait for each other by spinning slow a busy machine down tenfold.
torch.set_num_threads(1)

ImageFolder = Callable[..., Path]


@pytest.fixture(autouse=True)
def _same_seeds() -> None:
    """Let every test draw the same numbers, alone and after others."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  (BasicSR draws from this generator)
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def repository() -> Path:
    """Root of this repository."""
    return REPOSITORY


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """Folder `shared` beside the repository, with the parity data."""
    folder = REPOSITORY.parent / 'shared'
    if not folder.is_dir():
        pytest.skip('the folder ../shared with the parity data is not here')
    return folder


@pytest.fixture(scope='session')
def master_checkout() -> Path:
    """A checkout of BasicSR's master: the folder named by BASICSR_MASTER, else what `make setup` unpacked."""
    named = os.environ.get('BASICSR_MASTER')
    candidates = [Path(named)] if named else sorted((REPOSITORY / '.venv' / 'src').glob('*/'))
    for folder in candidates:
        if (folder / 'basicsr' / 'train.py').is_file():
            return folder
    pytest.skip('no checkout of BasicSR master: run `make setup`, or set BASICSR_MASTER to one')


def parity_case(name: str) -> Path:
    """Folder of a case of the authors' program: `g` is in this repository, others are in the folder `shared`."""
    for folder in (REPOSITORY.parent / 'shared' / 'parity', REPOSITORY / 'tests' / 'fixtures' / 'parity'):
        if (folder / name).is_dir():
            return folder / name
    pytest.skip(f'the parity data parity/{name} is not in the shared folder')


@pytest.fixture
def image_folder(tmp_path: Path) -> ImageFolder:
    """Function `(n=4, size=64, *, name='images', seed=0)` that makes a folder of `n` smooth, colourful PNG images."""

    def make(n: int = 4, size: int = 64, *, name: str = 'images', seed: int = 0) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        generator = np.random.default_rng(seed)
        for index in range(n):
            cv2.imwrite(str(folder / f'{index:03d}.png'), smooth_image(size, generator))
        return folder

    return make


def smooth_image(size: int, generator: np.random.Generator) -> np.ndarray:
    """Draw 4 x 4 random colours and enlarge them smoothly to a uint8 image of `size` x `size`."""
    colours = generator.uniform(0, 255, (4, 4, 3)).astype(np.float32)
    enlarged = cv2.resize(colours, (size, size), interpolation=cv2.INTER_CUBIC)
    return enlarged.clip(0, 255).round().astype(np.uint8)


@pytest.fixture
def small_options() -> dict[str, Any]:
    """Options of the smallest network with all parts: displaced windows, three stages, images padded to 16 pixels."""
    return {
        'dim': 4,
        'encoder_depths': (2, 1, 1),
        'decoder_depths': (2, 1, 1),
        'window_size': 4,
        'bottleneck_depth': 1,
        'bottleneck_window_size': 4,
        'proj_dim': 8,
    }
