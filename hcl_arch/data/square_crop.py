"""Square crops of photographs, and their conversion to tensors."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray


def centre_square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest square in the middle of an (H, W, C) image, as a view."""
    height, width = image.shape[:2]
    side = min(height, width)
    return _square_at(image, (height - side) // 2, (width - side) // 2, side)


def least_side_for(side: int, scale: tuple[float, float]) -> int:
    """Return the least short side at which no crop by `random_square` has to be enlarged to `side` pixels."""
    return math.ceil(side / scale[0])


def random_square(
    image: NDArray[np.uint8], *, scale: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return a square at a random place of an (H, W, C) image, as a view.

    Args:
        image: (H, W, C).
        scale: least and largest side as a share of the image's short side, in (0, 1]; the side is drawn uniformly.
        rng: source of all randomness.
    """
    height, width = image.shape[:2]
    short = min(height, width)
    side = min(short, max(1, round(short * rng.uniform(*scale))))
    return _square_at(image, int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1)), side)


def resize_square(square: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a square image resized to `side`: by area when it shrinks, bicubically when it grows."""
    if square.shape[0] == side:
        return square
    method = cv2.INTER_AREA if square.shape[0] > side else cv2.INTER_CUBIC
    return cv2.resize(square, (side, side), interpolation=method)  # type: ignore[return-value]


def enlarge_square(square: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return a square, (H, W) or (H, W, 3) in [0, 1], enlarged to `side` as `hcl_arch.Restorer` enlarges its input."""
    if square.shape[0] == side:
        return square
    return cv2.resize(square, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def to_float(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Map an image from uint8 in [0, 255] to float32 in [0, 1]."""
    return np.divide(image, np.float32(255), dtype=np.float32)


def to_tensor(image: NDArray[np.float32]) -> torch.Tensor:
    """Map an image (H, W, 3) to a tensor (3, H, W)."""
    planes = cv2.split(image)  # a copy of the transposed array takes three times as long
    return torch.from_numpy(np.stack(planes))


def _square_at(image: NDArray[np.uint8], top: int, left: int, side: int) -> NDArray[np.uint8]:
    return image[top : top + side, left : left + side]
