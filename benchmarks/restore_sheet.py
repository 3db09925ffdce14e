"""A sheet of spoiled photographs, what the packaged model finds in them, and what it makes of them: docs/restore.jpg.

    python benchmarks/restore_sheet.py docs/restore.jpg                     # pictures of scikit-image
    python benchmarks/restore_sheet.py sheet.png --images VAL --masks MASKS --rows 6 --save-inputs spoiled/

Picture i of the folder gets corruption i of the list, again and again: nothing is picked by its result. With
--save-inputs the spoiled photographs are written too, for `hcl-restore`.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tqdm import tqdm

import hcl_arch
from hcl_arch.commands.restore.pictures import overlay_picture
from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset

Picture = NDArray[np.uint8]
KINDS = ('graffiti', 'patch', 'constant', 'watermark', 'noise', 'text')
GAP = 4


class Spoiled(NamedTuple):
    """A spoiled photograph."""

    name: str
    picture: Picture
    """(H, W, 3) RGB."""
    hole: NDArray[np.bool_]
    """(H, W), True = corrupted."""


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sheet', type=Path, help='the picture to write')
    parser.add_argument('--images', type=Path, help='folder of photographs (some of scikit-image)')
    parser.add_argument('--masks', type=Path, help='folder of mask images, white = corrupted (drawn)')
    parser.add_argument('--kinds', nargs='+', default=KINDS, help='kinds of corruption, in turns (%(default)s)')
    parser.add_argument('--rows', type=int, default=2, help='of two photographs each (2)')
    parser.add_argument('--side', type=int, default=256, help='of the photographs, in pixels (256)')
    parser.add_argument('--grow', type=float, default=3, help='pixels to repair around what is found (3)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--captions', action='store_true', help='write kind and IoU into the overlays')
    parser.add_argument('--save-inputs', type=Path, metavar='FOLDER', help='write the spoiled photographs too')
    parser.add_argument('--model', default='small')
    arguments = parser.parse_args(argv)
    with contextlib.ExitStack() as stack:
        images = arguments.images or stack.enter_context(sample_pictures())
        options = {
            'dataroot_gt': str(images),
            'dataroot_noise': str(images),
            'gt_size': arguments.side,
            'seed': arguments.seed,
            'hole_share': [0.08, 0.25],
            'blur_sigma': arguments.side * 3 / 256,
        }
        if arguments.masks:
            options['dataroot_mask'] = str(arguments.masks)
        samples = spoil(options, arguments.kinds, count=2 * arguments.rows)
    restorer = hcl_arch.Restorer(arguments.model)
    strips = []
    for sample in tqdm(samples, desc='photographs'):
        if arguments.save_inputs:
            arguments.save_inputs.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sample.picture).save(arguments.save_inputs / f'{sample.name}.png')
        strips.append(strip(restorer, sample, grow=arguments.grow, caption=arguments.captions))
    Image.fromarray(sheet(strips)).save(arguments.sheet, quality=88)


@contextlib.contextmanager
def sample_pictures() -> Iterator[Path]:
    """A folder with photographs of scikit-image."""
    from skimage import data

    with tempfile.TemporaryDirectory() as folder:
        for name in ('astronaut', 'cat', 'coffee', 'rocket'):
            Image.fromarray(getattr(data, name)()).save(Path(folder) / f'{name}.png')
        yield Path(folder)


def spoil(options: dict[str, Any], kinds: Sequence[str], *, count: int) -> list[Spoiled]:
    """Spread photographs over the folder and spoil them, each kind in turns."""
    samples = []
    for number in range(count):
        kind = kinds[number % len(kinds)]
        dataset = BlindCorruptionDataset({**options, 'name': kind, 'phase': 'val', 'corruptions': {kind: 1.0}})
        photographs = len(dataset)
        sample = dataset[number * photographs // count if photographs > count else number % photographs]
        samples.append(Spoiled(
            f'{number:02d}_{kind}',
            (sample['lq'].numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8),
            sample['mask'][0].numpy() < 0.5,
        ))  # fmt: skip
    return samples


def strip(restorer: hcl_arch.Restorer, sample: Spoiled, *, grow: float, caption: bool) -> Picture:
    """Input, what was found, and the restored picture, side by side."""
    confidence = restorer.detect(sample.picture)
    found = restorer.mask_of(confidence)
    restored = restorer.repair(sample.picture, restorer.mask_of(confidence, grow=grow)).image
    overlay = Image.fromarray(overlay_picture(sample.picture, found))
    if caption:
        iou = (sample.hole & (found > 0)).sum() / max(1, (sample.hole | (found > 0)).sum())
        text = f'{sample.name}: IoU {iou:.2f}'
        ImageDraw.Draw(overlay).text((5, 5), text, (255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
    gap = np.full((len(sample.picture), GAP, 3), 255, np.uint8)
    return np.concatenate([sample.picture, gap, np.asarray(overlay), gap, restored], axis=1)


def sheet(strips: Sequence[Picture]) -> Picture:
    """Two strips in a row."""
    gap = np.full((len(strips[0]), 3 * GAP, 3), 255, np.uint8)
    rows = [np.concatenate([left, gap, right], axis=1) for left, right in zip(strips[::2], strips[1::2])]
    between = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for row in rows for part in (row, between)][:-1])


if __name__ == '__main__':
    main()
