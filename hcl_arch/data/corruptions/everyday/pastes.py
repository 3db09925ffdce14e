"""Parts of other photographs, pasted in with hard or soft edges, as they are or with the colours of the truth."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray, Span
from hcl_arch.data.corruptions.everyday.colour_match import match_colours
from hcl_arch.data.corruptions.everyday.draws import log_uniform, scale_channels, share_out, unit_of
from hcl_arch.data.corruptions.everyday.regions import Region, draw_region, put
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth

SHARE = (0.01, 0.32)
TWO_PARTS = 0.25
SHAPES = {'box': 1.5, 'turned box': 0.7, 'rounded box': 0.5, 'ellipse': 1.5, 'polygon': 1.5, 'blob': 2.5, 'stroke': 1.2}
# Standard deviation of a soft edge in pixels of the reference image.
SOFTNESS = (1.0, 5.0)
MATCHED = 0.4
# A region's surroundings extend beyond its box by this share of the box's side.
REACH = 0.3
# Enlargement of what is pasted.
ZOOM = (0.6, 1.8)


def spoil_hard_paste(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Paste one or two parts of another photograph, anti-aliased at most; see `_spoil`."""
    return _spoil(truth, materials, rng, softness=None)


def spoil_soft_paste(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Paste one or two parts of another photograph with soft edges; see `_spoil`."""
    return _spoil(truth, materials, rng, softness=SOFTNESS)


def _spoil(truth: Truth, materials: Materials, rng: np.random.Generator, *, softness: Span | None) -> Spoiled:
    """Paste parts of another photograph.

    A pixel is corrupted where the weight of the pasted part is at least one half.

    Raises:
        ValueError: there are no other photographs among the materials.
    """
    if materials.photo is None:
        raise ValueError(
            'expects materials with a `photo`, found None: pasting needs photographs that are not the '
            'truth. Give a folder of photographs, or leave out the pasted kinds.'
        )
    photo = materials.photo(truth, rng)
    image = truth.image.copy()
    size = image.shape[0], image.shape[1]
    corrupted = np.zeros(size, bool)
    for share in share_out(log_uniform(SHARE, rng), 1 + int(rng.random() < TWO_PARTS), rng):
        sigma = 0.0 if softness is None else max(0.5, unit_of(size) * rng.uniform(*softness))
        smooth = softness is not None or bool(rng.random() < 0.6)
        region = draw_region(size, share, rng, kinds=SHAPES, smooth=smooth, sigma=sigma)
        part = _cut(photo, region.weight.shape, rng)
        part = _match(part, truth.image, region, rng) if rng.random() < MATCHED else _vary_tones(part, rng)
        put(image, _vary_sharpness(part, rng), region)
        corrupted |= region.inside(size)
    return Spoiled(image, corrupted)


def _cut(photo: FloatArray, size: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return a random part of a photograph of this height and width; sometimes scaled or mirrored."""
    zoom = log_uniform(ZOOM, rng) if rng.random() < 0.3 else 1.0
    height, width = (min(whole, max(1, round(side / zoom))) for whole, side in zip(photo.shape, size))
    top, left = (int(rng.integers(whole - side + 1)) for whole, side in zip(photo.shape, (height, width)))
    part = photo[top : top + height, left : left + width]
    if (height, width) != size:
        how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
        part = np.clip(cv2.resize(part, (size[1], size[0]), interpolation=how), 0, 1)
    if rng.random() < 0.4:
        part = part[:, ::-1]
    if rng.random() < 0.08:
        part = part[::-1]
    return np.ascontiguousarray(part)


def _match(part: FloatArray, truth: FloatArray, region: Region, rng: np.random.Generator) -> FloatArray:
    """Return the part with colours moved fully or partly to those of the truth around the region."""
    counted = region.weight >= 0.5
    if not counted.any():
        return part
    reach = [max(2, int(REACH * side)) for side in counted.shape]
    top, left = max(0, region.rows.start - reach[0]), max(0, region.columns.start - reach[1])
    around = truth[top : region.rows.stop + reach[0], left : region.columns.stop + reach[1]]
    outside = np.ones(around.shape[:2], bool)
    down, right = region.rows.start - top, region.columns.start - left
    outside[down : down + counted.shape[0], right : right + counted.shape[1]] = region.weight < 0.1
    # A region that fills the image has no surroundings; the covered content is used instead.
    pixels = around[outside] if outside.any() else around.reshape(-1, 3)
    strength = 1.0 if rng.random() < 0.5 else rng.uniform(0.4, 1.0)
    return match_colours(part, counted, pixels, strength=strength, luma_only=bool(rng.random() < 0.3))


def _vary_tones(part: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the part slightly brighter or darker, with more or less contrast; unchanged in half of the cases."""
    if rng.random() < 0.5:
        return part
    gain, shift = rng.uniform(0.75, 1.25), rng.uniform(-0.1, 0.1)
    gains = gain * (rng.uniform(0.93, 1.07, 3) if rng.random() < 0.5 else np.ones(3))
    middle = np.array(cv2.mean(part)[:3])
    return np.clip(scale_channels(part, gains, middle * (1 - gains) + shift), 0, 1)


def _vary_sharpness(part: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the part slightly blurred, sharpened or noisy; mostly unchanged."""
    choice = rng.random()
    if choice < 0.12:
        return cv2.GaussianBlur(part, (0, 0), rng.uniform(0.4, 1.5))  # type: ignore[return-value]
    if choice < 0.24:
        amount = rng.uniform(0.3, 1.2)
        blurred = cv2.GaussianBlur(part, (0, 0), rng.uniform(0.7, 1.5))
        return np.clip(cv2.addWeighted(part, 1 + amount, blurred, -amount, 0), 0, 1)
    if choice < 0.34:
        noise = rng.standard_normal(part.shape, np.float32) * np.float32(log_uniform((0.008, 0.05), rng))
        return np.clip(part + noise, 0, 1)
    return part
