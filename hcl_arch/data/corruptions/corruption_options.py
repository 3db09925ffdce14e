"""The option `corruptions` of `BlindCorruptionDataset`: kinds with weights, or with options of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from hcl_arch.data.corruptions.corruption import Span
from hcl_arch.data.corruptions.everyday.kinds import EVERYDAY_KINDS, PICTURE_KINDS
from hcl_arch.data.corruptions.graffiti import PictureGraffiti
from hcl_arch.data.corruptions.hole_contents import BRIGHTNESS
from hcl_arch.data.corruptions.watermark import Watermarks
from hcl_arch.utils.option_error import OptionError, check_keys
from hcl_arch.utils.option_reader import OptionReader, is_number

# Wider than anything that a hole's edge is softened by; blurring takes the longer, the wider.
MOST_BLUR = 100.0
# Below, no pixel can change by the gray levels that make it count as corrupted.
LEAST_OPACITY = 0.02
LEAST_SCALE = 0.05
LEAST_BRIGHTNESS = 0.01

# What the everyday kinds bring themselves, and what is left to be given for them.
BROUGHT_KEYS = ('opacity', 'blur_sigma', 'hole_share')
EVERYDAY_KEYS = ('type', 'weight')
COMMON_KEYS = EVERYDAY_KEYS + BROUGHT_KEYS


@dataclass(frozen=True)
class CorruptionKind:
    """What is special about a kind of corruption.

    Attributes:
        own_keys: options that no other kind has.
        opacity: the default range of opacity.
        blur_sigma: the default range of blur in pixels; None = that of the data set.
        keys: options that it shares with other kinds.
    """

    own_keys: tuple[str, ...] = ()
    opacity: Span = (1.0, 1.0)
    blur_sigma: Optional[Span] = None
    keys: tuple[str, ...] = COMMON_KEYS


# What is drawn over an image has smooth edges of its own, and blurring thin lines would only fade them.
KINDS: dict[str, CorruptionKind] = {
    'patch': CorruptionKind(('dataroot',)),
    'constant': CorruptionKind(('colour',)),
    'noise': CorruptionKind(),
    'graffiti': CorruptionKind(('dataroot', 'recolour'), opacity=(0.8, 1.0), blur_sigma=(0.0, 0.0)),
    'text': CorruptionKind(opacity=(0.7, 1.0), blur_sigma=(0.0, 0.0)),
    'watermark': CorruptionKind(('dataroot', 'scale', 'rotation', 'tiled'), opacity=(0.3, 0.8), blur_sigma=(0.0, 0.0)),
    'shadow': CorruptionKind(('brightness',), blur_sigma=(2.0, 8.0)),
    **{name: CorruptionKind(('dataroot',) if name in PICTURE_KINDS else (), blur_sigma=(0.0, 0.0), keys=EVERYDAY_KEYS)
       for name in EVERYDAY_KINDS},
}

# Those that bring forms of their own; the others fill holes.
DRAWN_KINDS = ('graffiti', 'text', 'watermark')


@dataclass(frozen=True)
class CorruptionOptions:
    """Checked options of one entry of `corruptions`; those that its kind lacks have their defaults.

    Attributes:
        name: the entry's name, which the samples carry.
        where: how messages call it.
        kind: a key of `KINDS`.
        weight: how often it is drawn, relative to the others.
        opacity: least and largest opacity, in [0, 1].
        blur_sigma: least and largest blur of the holes' edges in pixels; None = as the data set.
        hole_share: ranges of the share of corrupted pixels; None = as the data set.
        roots: folders or LMDB folders of photographs or RGBA pictures; may be empty.
        colour: RGB in [0, 1]; None = random.
        recolour: share of graffiti pictures that get a random colour.
        scale: long side of a watermark as a share of the image's short side, least and largest.
        rotation: of a watermark in degrees, least and largest.
        tiled: share of the samples in which the watermark is repeated over the whole image.
        brightness: least and largest share of the pixel values that a shadow leaves.
    """

    name: str
    where: str
    kind: str
    weight: float
    opacity: Span
    blur_sigma: Optional[Span]
    hole_share: Optional[tuple[Span, ...]]
    roots: tuple[str, ...]
    colour: Optional[tuple[float, float, float]]
    recolour: float
    scale: Span
    rotation: Span
    tiled: float
    brightness: Span


def read_corruptions(opt: Mapping[str, Any], where: str) -> tuple[CorruptionOptions, ...]:
    """Return the entries of the option `corruptions` of a data set whose weight is above 0.

    An entry is `name: weight` or `name: {weight: 1.0, ...}`. Its name is the kind, unless `type` tells that: so a kind
    can stand there several times with other options.

    Raises:
        ValueError: an entry or one of its options is unknown or wrong; names it.
    """
    entries = opt.get('corruptions')
    entries = {'patch': 1.0} if entries is None else entries
    if not isinstance(entries, Mapping):
        raise OptionReader(opt, where).error('corruptions', 'kinds with weights, e.g. {patch: 1.0}')
    corruptions = [_read_entry(name, entry, where) for name, entry in entries.items()]
    if not any(corruption.weight > 0 for corruption in corruptions):
        raise OptionReader(opt, where).error('corruptions', 'weights of at least 0, one of them above 0')
    return tuple(corruption for corruption in corruptions if corruption.weight > 0)


def _read_entry(name: str, entry: Any, dataset: str) -> CorruptionOptions:
    """Return the checked options of one entry."""
    where, inside = f"{dataset}, corruption '{name}'", ('corruptions', name)
    options = entry if isinstance(entry, Mapping) else {'weight': entry}
    kind = str(name if options.get('type') is None else options['type'])
    if options.get('type') is not None:
        check_keys({kind: None}, KINDS, f"{where}, 'type'", inside=(*inside, 'type'))
    check_keys({kind: None}, KINDS, f"{dataset}, 'corruptions'", inside=('corruptions',))
    _check_brought(kind, options, where, inside)
    check_keys(options, KINDS[kind].keys + KINDS[kind].own_keys, where, inside=inside)
    if 'recolour' in options and not options.get('dataroot'):
        raise OptionError(where, (*inside, 'recolour'), 'is given, but no pictures whose colours it could change. Add '
                          "'dataroot', or leave it out.")
    reader = OptionReader(options, where, inside=inside)
    own_blur = options.get('blur_sigma') is not None or KINDS[kind].blur_sigma is not None
    return CorruptionOptions(
        name=str(name),
        where=where,
        kind=kind,
        weight=reader.number('weight', 1.0),
        opacity=reader.span('opacity', KINDS[kind].opacity, least=LEAST_OPACITY),
        blur_sigma=reader.span('blur_sigma', KINDS[kind].blur_sigma or (0, 0), most=MOST_BLUR) if own_blur else None,
        hole_share=reader.spans('hole_share', (0, 1)) if options.get('hole_share') is not None else None,
        roots=reader.roots('dataroot'),
        colour=_read_colour(options, reader),
        recolour=reader.number('recolour', PictureGraffiti.recoloured_share, most=1),
        scale=reader.span('scale', Watermarks.scale, least=LEAST_SCALE),
        rotation=reader.span('rotation', Watermarks.rotation, least=-180, most=180),
        tiled=reader.number('tiled', Watermarks.tiled_share, most=1),
        brightness=reader.span('brightness', BRIGHTNESS, least=LEAST_BRIGHTNESS),
    )


def _check_brought(kind: str, options: Mapping[str, Any], where: str, inside: tuple[Any, ...]) -> None:
    """Raise if an everyday kind is given what it brings itself."""
    for key in BROUGHT_KEYS:
        if key in options and key not in KINDS[kind].keys:
            raise OptionError(where, (*inside, key), f'is given, but {kind} brings its own opacity, edges and share of '
                              'corrupted pixels. Leave it out.')


def _read_colour(options: Mapping[str, Any], reader: OptionReader) -> Optional[tuple[float, float, float]]:
    """Return `colour`, given as RGB from 0 to 255, as RGB in [0, 1]."""
    colour = options.get('colour')
    if colour is None:
        return None
    if (not isinstance(colour, (list, tuple)) or len(colour) != 3
            or not all(is_number(value) and 0 <= value <= 255 for value in colour)):
        raise reader.error('colour', 'three numbers from 0 to 255 (RGB)')
    red, green, blue = (float(value) / 255 for value in colour)
    return red, green, blue
