"""Build the corruptions that the options of a data set ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray, Span
from hcl_arch.data.corruptions.corruption_options import CorruptionOptions
from hcl_arch.data.corruptions.everyday.kinds import CLEAN, EVERYDAY_KINDS, EverydayCorruption
from hcl_arch.data.corruptions.everyday.spoiled import Materials
from hcl_arch.data.corruptions.graffiti import PictureGraffiti, draw_spray
from hcl_arch.data.corruptions.hole_contents import ConstantFill, PhotoFill, Truth, fill_noise, fill_shadow
from hcl_arch.data.corruptions.hole_corruption import Corrupt, DrawnOver, FilledHoles
from hcl_arch.data.corruptions.overlay_growth import DrawLayer
from hcl_arch.data.corruptions.picture_cache import PictureCache
from hcl_arch.data.corruptions.placement import OverlayPictures
from hcl_arch.data.corruptions.text_overlay import draw_text
from hcl_arch.data.corruptions.watermark import Watermarks
from hcl_arch.data.masks.mask_sampler import MaskSampler
from hcl_arch.data.storage.image_source import ImageSource


@dataclass(frozen=True)
class Resources:
    """What the corruptions of a data set share.

    Attributes:
        masks: draws the holes of the kinds that fill holes.
        photos: the data set's photographs for 'patch' and the everyday kinds; None if it has none.
        gt_size: side of a sample in pixels.
        crop_scale: least and largest side of the truth's crops, as a share of the short side.
        reduced: whether JPEGs may be decoded at a fraction of their size.
        fonts: TrueType and OpenType files for the everyday kinds that draw text.
    """

    masks: MaskSampler
    photos: ImageSource | None
    gt_size: int
    crop_scale: Span
    reduced: bool
    fonts: tuple[Path, ...] = ()


def build_corruptions(
    entries: Sequence[CorruptionOptions], resources: Resources, *, second_kind: float = 0.0
) -> dict[str, Corrupt]:
    """Return the corruptions of the option `corruptions`, by the names of the entries.

    Args:
        entries: the entries.
        resources: what they share.
        second_kind: share of the images with an everyday kind that get another, different kind on top, taken from the
            entries, and of these again, up to four kinds; 'clean' neither gets one nor is one. Above 0, at least two
            kinds are required.

    Raises:
        FileNotFoundError: a root of an entry does not exist; names the entry.
        ValueError: a root holds no image, or too few; names the entry.
    """
    corruptions = {entry.name: build_corruption(entry, resources) for entry in entries}
    if second_kind == 0:
        return corruptions
    everyday = {
        name: corrupt
        for name, corrupt in corruptions.items()
        if isinstance(corrupt, EverydayCorruption) and corrupt.kind != CLEAN
    }
    weights = {entry.name: entry.weight for entry in entries}
    for name, corrupt in everyday.items():
        seconds = {other: second for other, second in everyday.items() if second.kind != corrupt.kind}
        corruptions[name] = replace(
            corrupt, second_share=second_kind, seconds=seconds, weights={other: weights[other] for other in seconds}
        )
    return corruptions


def build_corruption(options: CorruptionOptions, resources: Resources) -> Corrupt:
    """Return the corruption of one entry of the option `corruptions`.

    Raises:
        FileNotFoundError: a root of the entry does not exist; names the entry.
        ValueError: a root holds no image, or too few; names the entry.
    """
    return _BUILDERS[options.kind](options, resources)


def open_images(roots: tuple[str, ...], where: str) -> ImageSource:
    """Return the images of some roots; errors start with `where`."""
    try:
        return ImageSource(roots)
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f'{where}: {error}') from error


def _build_patch(options: CorruptionOptions, resources: Resources) -> Corrupt:
    where = f"{options.where}, '{'dataroot' if options.roots else 'dataroot_noise'}'"
    photos = open_images(options.roots, where) if options.roots else resources.photos
    assert photos is not None  # the options are refused otherwise
    return FilledHoles(_fill_with(photos, resources, where), resources.masks)


def _fill_with(photos: ImageSource, resources: Resources, where: str) -> PhotoFill:
    """Return a fill that crops photographs in the same way as the truth; errors start with `where`."""
    try:
        return PhotoFill(photos, crop_scale=resources.crop_scale, reduced=resources.reduced)
    except ValueError as error:
        raise ValueError(f'{where} {error}') from error


def _build_constant(options: CorruptionOptions, resources: Resources) -> Corrupt:
    return FilledHoles(ConstantFill(options.colour), resources.masks)


def _build_noise(options: CorruptionOptions, resources: Resources) -> Corrupt:
    return FilledHoles(fill_noise, resources.masks)


def _build_graffiti(options: CorruptionOptions, resources: Resources) -> Corrupt:
    pictures = _open_pictures(options, resources)
    if pictures is None:
        return DrawnOver(_Always(draw_spray))
    return DrawnOver(_Always(PictureGraffiti(pictures, recoloured_share=options.recolour).draw))


def _build_text(options: CorruptionOptions, resources: Resources) -> Corrupt:
    return DrawnOver(_Always(draw_text))


def _build_watermark(options: CorruptionOptions, resources: Resources) -> Corrupt:
    return DrawnOver(
        _StartWatermarks(
            Watermarks(
                _open_pictures(options, resources),
                scale=options.scale,
                rotation=options.rotation,
                tiled_share=options.tiled,
            )
        )
    )


def _build_shadow(options: CorruptionOptions, resources: Resources) -> Corrupt:
    return FilledHoles(_ShadowFill(options.brightness), resources.masks, opaque=False)


def _build_everyday(options: CorruptionOptions, resources: Resources) -> Corrupt:
    photos = resources.photos
    where = f"{options.where}, 'dataroot_noise'"
    return EverydayCorruption(
        options.kind,
        Materials(
            photo=None if photos is None else _fill_with(photos, resources, where),
            fonts=resources.fonts,
            pictures=_open_pictures(options, resources),
        ),
    )


_BUILDERS: dict[str, Callable[[CorruptionOptions, Resources], Corrupt]] = {
    'patch': _build_patch,
    'constant': _build_constant,
    'noise': _build_noise,
    'graffiti': _build_graffiti,
    'text': _build_text,
    'watermark': _build_watermark,
    'shadow': _build_shadow,
    **dict.fromkeys(EVERYDAY_KINDS, _build_everyday),
}


def _open_pictures(options: CorruptionOptions, resources: Resources) -> OverlayPictures | None:
    """Return the entry's RGBA pictures, None if it has none."""
    if not options.roots:
        return None
    source = open_images(options.roots, f"{options.where}, 'dataroot'")
    longest = math.ceil(max(*PictureGraffiti.size, *options.scale) * resources.gt_size)  # none is drawn larger
    return OverlayPictures(PictureCache(source, longest_side=longest), len(source), source.path_of)


# Small classes instead of lambdas, which cannot be pickled for spawned workers.
@dataclass(frozen=True)
class _Always:
    draw_layer: DrawLayer

    def __call__(self, rng: np.random.Generator, hole_share: Span) -> DrawLayer:
        return self.draw_layer


@dataclass(frozen=True)
class _StartWatermarks:
    watermarks: Watermarks

    def __call__(self, rng: np.random.Generator, hole_share: Span) -> DrawLayer:
        return self.watermarks.start(rng, hole_share=hole_share)


@dataclass(frozen=True)
class _ShadowFill:
    brightness: Span

    def __call__(self, truth: Truth, rng: np.random.Generator) -> FloatArray:
        return fill_shadow(truth.image, rng, brightness=self.brightness)
