from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import cv2
import lmdb
import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

import hcl_arch  # noqa: F401  (before BasicSR)

MakeFolder = Callable[..., Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Return a function that writes `count` PNG images, smooth with some noise, into tmp_path/name."""

    def make(name: str, count: int, *, height: int = 40, width: int = 48, seed: int = 0) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        rng = np.random.default_rng(seed)
        for index in range(count):
            coarse = rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)
            cv2.imwrite(str(folder / f'{index:03d}.png'), cv2.resize(coarse, (width, height)))
        return folder

    return make


@pytest.fixture
def to_lmdb() -> Callable[[Path], Path]:
    """Return a function that copies a folder of PNG files into an LMDB in BasicSR's layout beside it."""

    def convert(folder: Path) -> Path:
        target = folder.with_suffix('.lmdb')
        files = sorted(folder.glob('*.png'))
        environment = lmdb.open(str(target), map_size=2**24)
        with environment.begin(write=True) as transaction:
            for file in files:
                transaction.put(file.stem.encode(), file.read_bytes())
        environment.close()
        (target / 'meta_info.txt').write_text(''.join(f'{file.stem}.png (40,48,3) 1\n' for file in files))
        return target

    return convert


def stem_from_spawned_worker(dataset: Dataset[Any], index: int) -> str:
    """Name of the true image of a sample made by a worker that was spawned, and so knows no group of processes."""
    (sample,) = DataLoader(dataset, sampler=[index], num_workers=1, multiprocessing_context='spawn')
    return Path(sample['gt_path'][0]).stem
