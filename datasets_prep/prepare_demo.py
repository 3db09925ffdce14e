"""Cut the demo's pictures out of the photographs that scikit-image carries (nothing is downloaded).

    python datasets_prep/prepare_demo.py datasets/demo

writes train/ (squares of nine pictures, with changed colours and turned, since nine are few), val/ (squares of two
others, as they are) and val_noise/ (squares of two more, for the test with photo patches) as PNG files, and replaces
such folders of an earlier run. The files are the same every time.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

# Loaders in skimage.data and how many squares to cut. What the test shows is not in the training pictures. Those with
# large smooth areas of vivid colour (a space suit, a cup, a sky) are for training, and give more squares than textures:
# without them a network takes all that is vivid and smooth for a pasted colour.
SPLITS: dict[str, dict[str, int]] = {
    'train': {
        'coffee': 800, 'astronaut': 800, 'rocket': 600, 'immunohistochemistry': 500, 'camera': 500,
        'brick': 200, 'grass': 200, 'gravel': 200, 'coins': 200,
    },
    'val': {'chelsea': 16, 'stereo_motorcycle': 16},
    'val_noise': {'hubble_deep_field': 16, 'retina': 16},
}  # fmt: skip
SQUARE_SIZE = 128
# Least side of a square as a share of the picture's short side. Close views teach that smooth is not yet flat.
LEAST_SHARE = {'train': 0.2, 'val': 0.4, 'val_noise': 0.4}
SEED = 0


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('output', type=lambda text: Path(text).expanduser(), help='folder to write, e.g. datasets/demo')
    output = parser.parse_args(argv).output
    for split in SPLITS:
        refuse_foreign_folder(output / split)
        refuse_foreign_folder(output / f'.{split}.unfinished')
    for split in SPLITS:
        print(f'{output / split}: {prepare(output, split)} pictures')


def refuse_foreign_folder(folder: Path) -> None:
    """End the program if a folder that would be replaced holds anything but squares of an earlier run."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        sys.exit(f'Error: {folder}: expected nothing or a folder, found a link or a file. Give another output folder.')
    loaders = '|'.join(name for pictures in SPLITS.values() for name in pictures)
    square = re.compile(rf'({loaders})_\d{{3}}\.png')
    others = (
        sorted(path.name for path in folder.iterdir() if not square.fullmatch(path.name)) if folder.is_dir() else []
    )
    if others:
        sys.exit(
            f"Error: {folder}: expected nothing or pictures of an earlier run, found '{others[0]}'. Nothing was "
            'changed; give another output folder.'
        )


def prepare(output: Path, split: str) -> int:
    """Write one split's squares and return their number."""
    folder, unfinished = output / split, output / f'.{split}.unfinished'
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    rng = np.random.default_rng([SEED, *split.encode()])
    count = 0
    for name, squares in SPLITS[split].items():
        picture = load_bgr(name)
        for index in range(squares):
            square = random_square(picture, LEAST_SHARE[split], rng)
            if split == 'train':
                square = changed_square(square, rng)
            cv2.imwrite(str(unfinished / f'{name}_{index:03d}.png'), square)
            count += 1
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return count


def load_bgr(name: str) -> NDArray[np.uint8]:
    """A picture of scikit-image as (H, W, 3) BGR uint8."""
    picture = getattr(skimage.data, name)()
    picture = picture[0] if isinstance(picture, tuple) else picture
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR if picture.ndim == 2 else cv2.COLOR_RGB2BGR)  # type: ignore[return-value]


def random_square(picture: NDArray[np.uint8], least_share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square of random place and size, from ``least_share`` to all of the short side, resized to the common size."""
    height, width = picture.shape[:2]
    side = int(min(height, width) * rng.uniform(least_share, 1.0))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    square = picture[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side > SQUARE_SIZE else cv2.INTER_CUBIC
    return cv2.resize(square, (SQUARE_SIZE, SQUARE_SIZE), interpolation=method)  # type: ignore[return-value]


def changed_square(square: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The square turned by a multiple of 90 degrees, with its channels permuted and each sent through a random curve.

    Nine pictures, most of them grey, have few colours; without the curves a network learns that vivid colours are
    corruption, and finds orange cloth corrupted.
    """
    levels, knots = np.linspace(0, 1, 256), np.linspace(0, 1, 5)
    strength = rng.random()
    changed = []
    for channel in rng.permutation(3):
        curve = (1 - strength) * levels + strength * np.interp(levels, knots, rng.random(5))
        changed.append((255 * curve).round().astype(np.uint8)[square[..., channel]])
    return np.rot90(np.stack(changed, axis=2), int(rng.integers(4))).copy()


if __name__ == '__main__':
    main()
