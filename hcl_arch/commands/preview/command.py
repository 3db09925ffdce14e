"""The preview from its arguments to its picture."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
import torch
from basicsr.data import build_dataset
from basicsr.utils.registry import DATASET_REGISTRY
from numpy.typing import NDArray
from tqdm import tqdm

from hcl_arch.commands.preview.photographs import folder_of, on_photographs
from hcl_arch.utils.atomic_file import refuse_special_file
from hcl_arch.utils.option_file import OptionFileError, read_option_file
from hcl_arch.utils.pictures import captioned_row, mask_picture, stack_rows, write_picture


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    try:
        refuse_special_file(arguments.output)
        with folder_of(arguments.photos) if arguments.photos else contextlib.nullcontext() as photos:
            dataset = open_dataset(arguments.opt, arguments.dataset, photos)
            samples = draw_samples(dataset, count=arguments.count, seed=arguments.seed)
        write_picture(contact_sheet(samples, columns=arguments.columns), arguments.output)
    except (OSError, ValueError) as error:  # a mistake in the options or the data, named by the message
        print(f'python -m hcl_arch.commands.preview: error: {error}', file=sys.stderr)
        raise SystemExit(2) from None
    print(f'{share_table(samples)}\n{arguments.output}: {len(samples)} of {len(dataset)} samples')


def open_dataset(option_file: Path, name: Optional[str] = None, photos: Optional[str] = None) -> Any:
    """Return a data set of an option file, built as BasicSR does.

    Args:
        option_file: the file.
        name: the data set's key under `datasets:`; None = 'train', or else the first one.
        photos: a folder of photographs in the place of its own; None = its own.

    Raises:
        OptionFileError: the file does not exist or has no such data set.
        OSError: a folder of the data set does not exist.
        ValueError: an option of the data set is wrong.
    """
    if not option_file.is_file():
        raise OptionFileError(f'option file {option_file} does not exist (working directory: {Path.cwd()})')
    datasets = read_option_file(option_file).get('datasets')
    if not isinstance(datasets, Mapping) or not datasets:
        raise OptionFileError(f'option file {option_file} has no data sets under `datasets:`')
    key = name or ('train' if 'train' in datasets else next(iter(datasets)))
    if key not in datasets:
        raise OptionFileError(f'option file {option_file} has no data set {key}; it has {", ".join(datasets)}')
    where = f"option file {option_file}, data set '{key}'"
    options = datasets[key] if photos is None else on_photographs(datasets[key], photos, where)
    # BasicSR's own parser also sets the phase, but looks for GPUs as well.
    kind = datasets[key].get('type')
    if kind not in DATASET_REGISTRY:
        raise OptionFileError(
            f"{where}: 'type' expects a registered data set, got "
            f'{kind!r}. Known: {", ".join(sorted(DATASET_REGISTRY.keys()))}.'
        )
    return build_dataset({'name': key, **options, 'phase': key.split('_')[0]})


def draw_samples(dataset: Any, *, count: int, seed: int) -> list[Mapping[str, Any]]:
    """Return up to `count` samples, evenly spread over the data set; the same samples for the same seed."""
    torch.manual_seed(seed)
    count = min(count, len(dataset))
    return [dataset[index * len(dataset) // count] for index in tqdm(range(count), desc='samples', leave=False)]


def contact_sheet(samples: Sequence[Mapping[str, Any]], *, columns: int) -> NDArray[np.uint8]:
    """Return the samples as one picture, (H, W, 3) uint8 BGR."""
    strips = [captioned_row(_tiles(sample)) for sample in samples]
    rows = [
        np.concatenate(_same_height(strips[start : start + columns]), axis=1)
        for start in range(0, len(strips), columns)
    ]
    return stack_rows(rows)


def share_table(samples: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of the share of corrupted pixels by kind of corruption."""
    shares = defaultdict(list)
    for sample in samples:
        shares[str(sample.get('corruption', '-'))].append(_share(sample))
    lines = [f'{"corruption":<20} {"samples":>7} {"least":>6} {"mean":>6} {"most":>6}   share of corrupted pixels']
    lines += [
        f'{name:<20} {len(seen):>7} {min(seen):>6.3f} {np.mean(seen):>6.3f} {max(seen):>6.3f}'
        for name, seen in sorted(shares.items())
    ]
    return '\n'.join(lines)


def _tiles(sample: Mapping[str, Any]) -> list[tuple[str, NDArray[np.uint8]]]:
    """Return the captioned pictures of one sample."""
    tiles = [
        (str(sample.get('corruption', 'input')), _to_picture(sample['lq'])),
        ('truth', _to_picture(sample['gt'])),
        (f'mask {_share(sample):.3f}', mask_picture(sample['mask'][0].numpy())),
    ]
    return [*tiles, ('noise', _to_picture(sample['noise']))] if 'noise' in sample else tiles


def _share(sample: Mapping[str, Any]) -> float:
    return 1 - float(sample['mask'].mean())


def _to_picture(image: torch.Tensor) -> NDArray[np.uint8]:
    """Map (3, H, W) RGB in [0, 1] to (H, W, 3) uint8 BGR."""
    return (image.numpy().transpose(1, 2, 0)[..., ::-1] * 255).round().clip(0, 255).astype(np.uint8)


def _same_height(strips: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return the strips padded at the bottom to the greatest height."""
    height = max(strip.shape[0] for strip in strips)
    return [
        cv2.copyMakeBorder(strip, 0, height - strip.shape[0], 0, 0, cv2.BORDER_CONSTANT)  # type: ignore[misc]
        for strip in strips
    ]
