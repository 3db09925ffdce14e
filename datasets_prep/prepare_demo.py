"""Cut the demo's pictures out of the photographs that scikit-image carries (nothing is downloaded).

    python datasets_prep/prepare_demo.py datasets/demo

writes train/ (squares of nine pictures), val/ (squares of three others) and val_noise/ (squares of a fourth, for the
test with photo patches) as PNG files, and replaces such folders of an earlier run. The same files every time.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

# Name of the loader in skimage.data. Test pictures and training pictures show different things.
SPLITS = {
    'train': (
        'astronaut', 'hubble_deep_field', 'retina', 'immunohistochemistry', 'camera', 'brick', 'grass', 'gravel',
        'coins',
    ),
    'val': ('chelsea', 'coffee', 'rocket'),
    'val_noise': ('stereo_motorcycle',),
}  # fmt: skip
PATCH_SIZE = 192
PATCHES_PER_PICTURE = {'train': 24, 'val': 8, 'val_noise': 24}
SEED = 0


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('output', type=Path, help='folder to write, e.g. datasets/demo')
    output = parser.parse_args(argv).output
    for split in SPLITS:
        print(f'{output / split}: {prepare(output, split)} pictures')


def prepare(output: Path, split: str) -> int:
    """Write one split's patches and return their number."""
    folder, unfinished = output / split, output / f'.{split}.unfinished'
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    rng = np.random.default_rng([SEED, *split.encode()])
    count = 0
    for name in SPLITS[split]:
        for index in range(PATCHES_PER_PICTURE[split]):
            cv2.imwrite(str(unfinished / f'{name}_{index:02d}.png'), random_patch(load_bgr(name), rng))
            count += 1
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return count


def load_bgr(name: str) -> NDArray[np.uint8]:
    """A picture of scikit-image as (H, W, 3) BGR uint8."""
    picture = getattr(skimage.data, name)()
    picture = picture[0] if isinstance(picture, tuple) else picture
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR if picture.ndim == 2 else cv2.COLOR_RGB2BGR)  # type: ignore[return-value]


def random_patch(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square of random place and size, 40 to 100 % of the short side, shrunk to the patch size."""
    height, width = picture.shape[:2]
    side = int(min(height, width) * rng.uniform(0.4, 1.0))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    square = picture[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side > PATCH_SIZE else cv2.INTER_CUBIC
    return cv2.resize(square, (PATCH_SIZE, PATCH_SIZE), interpolation=method)  # type: ignore[return-value]


if __name__ == '__main__':
    main()
