"""Made-up results of test runs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest

# Function `(path, rows)` that writes a CSV file with the keys of the first row as its header.
CsvWriter = Callable[[Path, Sequence[Mapping[str, Any]]], Path]
# Function `(folder, dataset, image, tag)` that saves all pictures of an image as a test does.
PictureWriter = Callable[..., None]


@pytest.fixture
def write_csv() -> CsvWriter:
    def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open('w', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


@pytest.fixture
def save_pictures() -> PictureWriter:
    def save(folder: Path, dataset: str, image: str, tag: str, *, level: int = 100, size: int = 16) -> None:
        where = folder / 'visualization' / dataset
        where.mkdir(parents=True, exist_ok=True)
        for number, end in enumerate(('', '_mask', '_panel', '_input', '_truth', '_true_mask')):
            picture = np.full((size, size, 3), level + number, np.uint8)
            assert cv2.imwrite(str(where / f'{image}_{tag}{end}.png'), picture)

    return save


@pytest.fixture
def small_run(tmp_path: Path, write_csv: CsvWriter) -> Callable[..., Path]:
    """Function `(name, psnr)` that makes a run on a data set `Places`: four images, three bins; FID in bins only."""

    def make(name: str, psnr: Sequence[float] = (30.0, 32.0, 20.0, 26.0), *, offset: float = 0.0) -> Path:
        folder = tmp_path / 'results' / name
        shares = (0.1, 0.2, 0.3, 0.5)
        write_csv(
            folder / 'Places.csv',
            [
                {
                    'image': f'im{i}',
                    'corruption': 'patch' if i % 2 else 'noise',
                    'hole_share': shares[i],
                    'mask_bce': 0.1 * (i + 1) + offset,
                    'mask_iou_s1': 0.5 + 0.1 * i,
                    'psnr': psnr[i],
                }
                for i in range(4)
            ],
        )
        rows = []
        for label, chosen in (('all', range(4)), ('0-30', range(2)), ('30-60', range(2, 4)), ('60-90', range(0))):
            row: dict[str, Any] = {'bin': label, 'images': len(chosen)}
            row['hole_share'] = float(np.mean([shares[i] for i in chosen])) if len(chosen) else ''
            row['mask_bce'] = float(np.mean([0.1 * (i + 1) + offset for i in chosen])) if len(chosen) else ''
            row['mask_iou_s1'] = float(np.mean([0.5 + 0.1 * i for i in chosen])) if len(chosen) else ''
            row['psnr'] = float(np.mean([psnr[i] for i in chosen])) if len(chosen) else ''
            row['fid'] = 12.345 + offset if len(chosen) else ''
            rows.append(row)
        write_csv(folder / 'Places_bins.csv', rows)
        return folder

    return make
