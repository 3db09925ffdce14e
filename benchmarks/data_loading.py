"""Samples per second and core of BlindCorruptionDataset, from folders and LMDBs, for each corruption and kind of mask.

    python benchmarks/data_loading.py --photos PHOTOS --masks MASKS [--graffiti RGBA] [--watermarks RGBA]

Photographs and masks are first written to LMDBs at the size of the samples, as `datasets_prep/` does. Then one process
with one thread draws training samples; nothing is collated or copied to a GPU. Each figure is the median of several
rounds. 'large JPEG' reads photographs enlarged to four times the size, from a folder: decoding at reduced size counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
import torch

import hcl_arch
from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset
from hcl_arch.data.corruptions.corruption_options import DRAWN_KINDS, KINDS
from hcl_arch.data.masks.mask_sampler import MASK_GENERATORS

# The preparation library is beside its scripts.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'datasets_prep'))
from preparation import FileItems, ResizeShortSide, list_images, prepare  # noqa: E402

Options = dict[str, Any]
LARGE_IMAGES = 40


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--photos', type=Path, required=True, help='folder of photographs: truth and noise')
    parser.add_argument('--masks', type=Path, required=True, help='folder of mask images, white = corrupted')
    parser.add_argument('--graffiti', help='folder of RGBA graffiti; without it they are rendered')
    parser.add_argument('--watermarks', help='folder of RGBA watermarks; without it they are rendered')
    parser.add_argument('--size', type=int, default=256, help='side of the samples (default: %(default)s)')
    parser.add_argument('--samples', type=int, default=200, help='samples a round (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=5, help='the median of them counts (default: %(default)s)')
    parser.add_argument('--json', type=Path, help='file for the figures')
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        cases = list_cases(arguments, Path(folder))
        # Round by round and not case by case, so that a slow minute of the machine meets all of them.
        rates: dict[str, list[float]] = {name: [] for name in cases}
        for number in range(arguments.rounds):
            for name, options in cases.items():
                rates[name].append(measure(options, samples=arguments.samples, seed=number))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(table(medians, rates))
    if arguments.json:
        arguments.json.write_text(
            json.dumps(
                {
                    'program': f'hcl_arch {hcl_arch.__version__}',
                    'machine': platform.processor() or platform.machine(),
                    'cores': os.cpu_count(),
                    'size': arguments.size,
                    'samples': arguments.samples,
                    'rounds': arguments.rounds,
                    'samples_per_second': medians,
                },
                indent=2,
            )
            + '\n'
        )


def list_cases(arguments: argparse.Namespace, folder: Path) -> dict[str, Options]:
    """Write the LMDBs into `folder` and return the options of each data set to measure, by its name in the table."""
    photos, masks = folder / 'photos.lmdb', folder / 'masks.lmdb'
    for source, target, image_format in ((arguments.photos, photos, 'jpg'), (arguments.masks, masks, 'png')):
        prepare(
            FileItems(str(source), list_images(str(source))),
            str(target),
            settings={},
            transform=ResizeShortSide(arguments.size, image_format),
            title=source.name,
        )
    files = {
        'dataroot_gt': str(arguments.photos),
        'dataroot_noise': str(arguments.photos),
        'dataroot_mask': str(arguments.masks),
    }
    entries = {'dataroot_gt': str(photos), 'dataroot_noise': str(photos), 'dataroot_mask': str(masks)}
    large = str(enlarge(arguments.photos, folder / 'large', side=4 * arguments.size))
    pictures = {'graffiti': arguments.graffiti, 'watermark': arguments.watermarks}
    cases = {
        'patch, folder, folder masks': files,
        'patch, LMDB, folder masks': entries,
        'patch, LMDB, folder masks, cached': {**entries, 'mask_cache': 64},
        'patch, large JPEG, folder masks': {**files, 'dataroot_gt': large, 'dataroot_noise': large},
    }
    without_masks = {key: value for key, value in entries.items() if key != 'dataroot_mask'}
    for kind in KINDS:
        if kind in DRAWN_KINDS:
            cases[f'{kind}, LMDB'] = {**without_masks, 'corruptions': {kind: 1.0}}
        elif kind != 'patch':
            cases[f'{kind}, LMDB, folder masks'] = {**entries, 'corruptions': {kind: 1.0}}
        if pictures.get(kind):
            cases[f'{kind} (pictures), LMDB'] = {**without_masks, 'corruptions': {kind: {'dataroot': pictures[kind]}}}
    for kind in MASK_GENERATORS:
        blur = {'blur_sigma': 0} if kind == 'lines' else {}  # blurred, they would vanish
        cases[f'patch, LMDB, {kind} masks'] = {**without_masks, 'masks': {kind: 1.0}, **blur}
    return {
        name: {'name': name, 'phase': 'train', 'gt_size': arguments.size, 'batch_size_per_gpu': 1, **options}
        for name, options in cases.items()
    }


def enlarge(photos: Path, folder: Path, *, side: int) -> Path:
    """Write the first photographs with `side` pixels as their short side and return `folder`."""
    folder.mkdir()
    for name in list_images(str(photos))[:LARGE_IMAGES]:
        image = cv2.imread(str(photos / name))
        assert image is not None
        factor = side / min(image.shape[:2])
        cv2.imwrite(str(folder / f'{Path(name).stem}.jpg'), cv2.resize(image, None, fx=factor, fy=factor))
    return folder


def measure(options: Options, *, samples: int, seed: int) -> float:
    """Return the samples per second of one round; a tenth more go before as warm-up."""
    dataset: Any = BlindCorruptionDataset(options)
    torch.manual_seed(seed)
    order = np.random.default_rng(seed).integers(len(dataset), size=samples + samples // 10).tolist()
    for index in order[samples:]:
        dataset[index]
    start = time.perf_counter()
    for index in order[:samples]:
        dataset[index]
    return samples / (time.perf_counter() - start)


def table(medians: dict[str, float], rates: dict[str, list[float]]) -> str:
    """Return the figures as a Markdown table."""
    lines = ['| corruption, source, masks | samples/s and core | slowest to fastest round |', '|---|---|---|']
    lines += [
        f'| {name} | {rate:.0f} | {min(rates[name]):.0f} to {max(rates[name]):.0f} |' for name, rate in medians.items()
    ]
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
