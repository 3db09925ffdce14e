"""Make the spoiled photographs that are shipped: those of the page, and the sample to try `hcl-restore` on.

    python examples/spoil_photographs.py

They are photographs that scikit-image carries, spoiled by our own corruptions; examples/README.md names their sources.
The files are the same every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray, blend
from hcl_arch.data.corruptions.everyday.captions import spoil_captions
from hcl_arch.data.corruptions.everyday.date_stamps import spoil_date_stamps
from hcl_arch.data.corruptions.everyday.scribbles import spoil_scribbles
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.masks.free_form_mask import free_form_mask

Spoil = Callable[[Truth, Materials, np.random.Generator], Spoiled]
REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = Path('hcl_arch/commands/app/example_pictures')
SAMPLE = Path('examples/sample.jpg')
_SIDE = 512
_HOLE_SHARE = (0.08, 0.16)
# Full colour resolution: coloured edges stay where they were drawn.
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


def main() -> None:
    """Write all of them."""
    for file, pixels in pictures():
        cv2.imwrite(str(REPOSITORY / file), pixels[..., ::-1], _JPEG)
        print(f'{file}: {(REPOSITORY / file).stat().st_size / 1000:.0f} kB')


def pictures() -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Yield the name of each file, from the repository's root on, and its pixels, (H, W, 3) RGB."""
    astronaut, cat = _photo(skimage.data.astronaut()), _photo(skimage.data.chelsea())
    coffee, rocket = _photo(skimage.data.coffee()), _photo(skimage.data.rocket())
    yield PAGE / 'date.jpg', _spoiled(coffee, spoil_date_stamps, 4)
    yield PAGE / 'writing.jpg', _spoiled(rocket, spoil_captions, 3)
    yield PAGE / 'scribble.jpg', _spoiled(cat, spoil_scribbles, 2)
    yield PAGE / 'patches.jpg', _to_8_bit(_with_patches(astronaut, coffee, np.random.default_rng(7)))
    yield SAMPLE, _spoiled(coffee, spoil_captions, 3)


def _spoiled(photo: FloatArray, spoil: Spoil, seed: int) -> NDArray[np.uint8]:
    return _to_8_bit(spoil(Truth(photo, 'photo'), Materials(), np.random.default_rng(seed)).image)


def _with_patches(truth: FloatArray, other: FloatArray, rng: np.random.Generator) -> FloatArray:
    height, width = truth.shape[:2]
    holes = free_form_mask((height, width), hole_share=_HOLE_SHARE, rng=rng)
    scale = max(height / other.shape[0], width / other.shape[1])
    noise = cv2.resize(other, None, fx=scale, fy=scale)[:height, :width]
    return blend(truth, noise, 1 - holes.astype(np.float32), sigma=1.0)  # type: ignore[arg-type]


def _photo(image: NDArray[np.uint8]) -> FloatArray:
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    reduced = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return reduced.astype(np.float32) / np.float32(255)


def _to_8_bit(image: FloatArray) -> NDArray[np.uint8]:
    return np.rint(image * 255).astype(np.uint8)


if __name__ == '__main__':
    main()
