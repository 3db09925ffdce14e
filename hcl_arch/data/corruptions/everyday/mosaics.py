"""Censored parts: pixelated or strongly blurred boxes, ellipses and scribbles."""

from __future__ import annotations

import math
from typing import Callable

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray, changed_pixels
from hcl_arch.data.corruptions.everyday.block_means import BlockValue, block_colours
from hcl_arch.data.corruptions.everyday.draws import log_uniform, scale_channels, share_out, unit_of
from hcl_arch.data.corruptions.everyday.regions import Region, draw_region, put
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

# Share of the image that is censored.
SHARE = (0.006, 0.29)
# How often there are one, two and three of them.
COUNTS = (0.62, 0.25, 0.13)
SHAPES = {'box': 4.0, 'rounded box': 1.0, 'ellipse': 2.5, 'turned box': 0.3, 'blob': 1.5, 'stroke': 1.5}
# Nobody censors a place where less than this share of the box changes visibly, as in a plain sky: another place is
# tried, up to this many in all.
VISIBLE = 0.25
PLACES = 3
# How often the border is soft, and its softness in pixels of the reference image.
FEATHERED = 0.25
FEATHER = (0.8, 6.0)
# Side of a block in pixels, or as a share of the censored box.
BLOCK_PIXELS = (3.0, 17.0)
BLOCK_SHARE = (0.03, 0.1)
# Strength of a blur: standard deviation as a share of the box's short side, and its least value in pixels.
BLUR_SHARE = (0.05, 0.2)
LEAST_BLUR = 2.0
# How often the censored part is also brightened, darkened or coloured, and by how much at most.
TINTED = 0.08
TINT = 0.3

Censor = Callable[[FloatArray, Region, np.random.Generator], FloatArray]


def spoil_mosaic(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Pixelate or blur one to three parts of an image beyond recognition.

    Everything in these parts counts as corrupted, even where nothing changed; with a soft border, where the weight is
    at least one half.
    """
    image = truth.image.copy()
    size = image.shape[0], image.shape[1]
    corrupted = np.zeros(size, bool)
    count = 1 + int(np.searchsorted(np.cumsum(COUNTS[:2]), rng.random()))
    # The parts of one picture mostly look alike.
    censor = _draw_censor(rng)
    for share in share_out(log_uniform(SHARE, rng), count, rng):
        feathered = rng.random() < FEATHERED
        sigma = max(0.5, unit_of(size) * log_uniform(FEATHER, rng)) if feathered else 0.0
        smooth = bool(rng.random() < 0.5)
        for _ in range(PLACES):
            region = draw_region(size, share, rng, kinds=SHAPES, smooth=smooth, sigma=sigma)
            content = _tint(censor(truth.image, region, rng), rng)
            if changed_pixels(truth.image[region.box], content).mean() >= VISIBLE:
                break
        put(image, content, region)
        corrupted |= region.inside(size)
    return Spoiled(image, corrupted)


def _draw_censor(rng: np.random.Generator) -> Censor:
    return CENSORS[choose_by_weight(WEIGHTS, rng)]


def pixelate(image: FloatArray, region: Region, rng: np.random.Generator) -> FloatArray:
    """Return the region's box in blocks of one colour, (h, w, 3); the grid starts at the box or at the image."""
    block = _draw_block(region.weight.shape, rng)
    # The box of a soft region is wider than the region: its grid may start anywhere.
    offset = (0, 0) if rng.random() < 0.5 else tuple(-start % step for start, step in zip(_corner(region), block))
    value: BlockValue = 'mean' if rng.random() < 0.75 else 'middle'
    part = block_colours(image[region.box], block, offset=(offset[0], offset[1]), value=value)
    if rng.random() < 0.1:
        levels = float(rng.integers(6, 25))
        part = np.rint(part * np.float32(levels)) / np.float32(levels)
    return part


def smooth_mosaic(image: FloatArray, region: Region, rng: np.random.Generator) -> FloatArray:
    """Return the region's box shrunk to few pixels and enlarged again with interpolation, (h, w, 3)."""
    height, width = region.weight.shape
    rows, columns = _draw_block((height, width), rng)
    small = cv2.resize(
        image[region.box], (max(1, width // columns), max(1, height // rows)), interpolation=cv2.INTER_AREA
    )
    how = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(small, (width, height), interpolation=how), 0, 1)


def _draw_block(size: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int]:
    """Return height and width of a block: mostly square."""
    shortest = min(size)
    if rng.random() < 0.5:
        side = log_uniform(BLOCK_PIXELS, rng)
    else:
        side = max(2.0, rng.uniform(*BLOCK_SHARE) * math.sqrt(size[0] * size[1]))
    # At least two blocks, if the box has room for them.
    side = max(2.0, min(side, shortest / 2))
    stretch = log_uniform((0.5, 2.0), rng) if rng.random() < 0.1 else 1.0
    return max(2, int(side)), max(2, int(side * stretch))


def _corner(region: Region) -> tuple[int, int]:
    return int(region.rows.start), int(region.columns.start)


def blur_gaussian(image: FloatArray, region: Region, rng: np.random.Generator) -> FloatArray:
    """Return the region's box under a Gaussian, (h, w, 3); the surroundings may bleed in."""
    sigma = _draw_blur(region.weight.shape, rng)
    return _with_surroundings(image, region, int(2 * sigma), rng, lambda part: _wide_gaussian(part, sigma))


def _wide_gaussian(part: FloatArray, sigma: float) -> FloatArray:
    """Return a Gaussian blur; a wide one is computed on a smaller image, since no fine detail remains anyway."""
    reduction = max(1, int(sigma / 2.5))
    height, width = part.shape[:2]
    small = cv2.resize(part, (-(-width // reduction), -(-height // reduction)), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / reduction)
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def blur_box(image: FloatArray, region: Region, rng: np.random.Generator) -> FloatArray:
    """Return the region's box under one to three box filters, (h, w, 3)."""
    side = 2 * round(1.7 * _draw_blur(region.weight.shape, rng)) + 1
    passes = int(rng.integers(1, 4))

    def filtered(part: FloatArray) -> FloatArray:
        for _ in range(passes):
            part = cv2.blur(part, (side, side))  # type: ignore[assignment]
        return part

    return _with_surroundings(image, region, side, rng, filtered)


def blur_motion(image: FloatArray, region: Region, rng: np.random.Generator) -> FloatArray:
    """Return the region's box smeared along a line, (h, w, 3)."""
    reach = int(min(30.0, 2.2 * _draw_blur(region.weight.shape, rng))) + 2
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    angle = rng.uniform(0, math.pi)
    tip = np.rint(reach * np.array([math.cos(angle), math.sin(angle)])).astype(int)
    cv2.line(kernel, (reach - int(tip[0]), reach - int(tip[1])), (reach + int(tip[0]), reach + int(tip[1])), 1.0, 1)
    kernel /= kernel.sum()
    return _with_surroundings(image, region, reach, rng, lambda part: np.clip(cv2.filter2D(part, -1, kernel), 0, 1))


def frost(image: FloatArray, region: Region, rng: np.random.Generator) -> FloatArray:
    """Return the region's box as through frosted glass: pixels from nearby, then slightly smoothed, (h, w, 3)."""
    part = image[region.box]
    height, width = part.shape[:2]
    reach = max(2.0, 1.5 * _draw_blur(part.shape, rng))
    shifts = rng.uniform(-reach, reach, (2, height, width)).astype(np.float32)
    columns = shifts[0] + np.arange(width, dtype=np.float32)
    rows = shifts[1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(part, columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    return cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.3, 1.5))  # type: ignore[return-value]


def _draw_blur(size: tuple[int, ...], rng: np.random.Generator) -> float:
    """Return a standard deviation in pixels for a box of this size."""
    return max(LEAST_BLUR, log_uniform(BLUR_SHARE, rng) * min(size[:2]))


def _with_surroundings(
    image: FloatArray, region: Region, margin: int, rng: np.random.Generator, change: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """Apply a filter to the region's box alone, or to more of the image so that its surroundings bleed in."""
    margin = margin if rng.random() < 0.5 else 0
    top, left = (max(0, start - margin) for start in _corner(region))
    changed = change(image[top : region.rows.stop + margin, left : region.columns.stop + margin])
    height, width = region.weight.shape
    down, right = region.rows.start - top, region.columns.start - left
    return changed[down : down + height, right : right + width]


def _tint(part: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Occasionally mix a colour into the censored part."""
    if rng.random() >= TINTED:
        return part
    strength = rng.uniform(0.05, TINT)
    colour = np.full(3, rng.random(), np.float32) if rng.random() < 0.6 else rng.random(3, np.float32)
    return scale_channels(part, 1 - strength, strength * colour)


WEIGHTS = {'pixels': 5.0, 'smooth': 0.8, 'gaussian': 2.5, 'box': 1.0, 'motion': 0.6, 'frost': 0.6}
CENSORS: dict[str, Censor] = {
    'pixels': pixelate,
    'smooth': smooth_mosaic,
    'gaussian': blur_gaussian,
    'box': blur_box,
    'motion': blur_motion,
    'frost': frost,
}
