"""Draw hole maps from mask images."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.image_source import ImageSource

# On disk white is corrupted, as inpainting tools and mask data sets have it.
WHITE_FROM = 128
MAX_TRIES = 50


class MaskImages:
    """Random hole maps out of mask images, in 8 rotations and flips.

    Args:
        source: the mask images; gray values from 128 on are holes.
        inverted: take gray values below 128 for the holes instead.
    """

    def __init__(self, source: ImageSource, *, inverted: bool = False) -> None:
        self._source = source
        self._inverted = inverted
        # Shares seen so far by (image, size): an image known not to fit is passed over without decoding it. The
        # random draws are the same either way.
        self._shares: dict[tuple[int, tuple[int, int]], float] = {}

    def draw(self, size: tuple[int, int], *, hole_share: tuple[float, float],
             rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return a random mask image, resized by nearest neighbour, turned and flipped at random.

        Up to 50 images are tried for the wanted share of holes. If none fits, the closest one is taken: its share lies
        outside the range then.

        Args:
            size: height and width; must be equal, since the quarter turns swap them.
            hole_share: least and largest share of holes in [0, 1].
            rng: source of all randomness.

        Returns:
            (H, W) bool, True = hole.

        Raises:
            OSError: a mask image cannot be read.
        """
        closest, closest_distance = -1, np.inf
        for _ in range(MAX_TRIES):
            index = int(rng.integers(len(self._source)))
            share = self._share_of(index, size)
            distance = max(hole_share[0] - share, share - hole_share[1], 0.0)
            if distance < closest_distance:
                closest, closest_distance = index, distance
            if distance == 0:
                break
        holes = np.rot90(self._read(closest, size), int(rng.integers(4)))
        return np.ascontiguousarray(holes[:, ::-1] if rng.random() < 0.5 else holes)

    def _share_of(self, index: int, size: tuple[int, int]) -> float:
        if (index, size) not in self._shares:
            self._shares[index, size] = float(self._read(index, size).mean())
        return self._shares[index, size]

    def _read(self, index: int, size: tuple[int, int]) -> NDArray[np.bool_]:
        gray = cv2.resize(self._source.read_gray(index), size[::-1], interpolation=cv2.INTER_NEAREST)
        white: NDArray[np.bool_] = gray >= WHITE_FROM
        return ~white if self._inverted else white
