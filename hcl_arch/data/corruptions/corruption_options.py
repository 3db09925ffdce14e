"""The option `corruptions` of `BlindCorruptionDataset`: kinds with weights, or with options of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Optional

from pydantic import Field

from hcl_arch.data.corruptions.corruption import Span
from hcl_arch.data.corruptions.everyday.kinds import EVERYDAY_KINDS, PICTURE_KINDS
from hcl_arch.data.corruptions.graffiti import PictureGraffiti
from hcl_arch.data.corruptions.hole_contents import BRIGHTNESS
from hcl_arch.data.corruptions.watermark import Watermarks
from hcl_arch.utils.option_error import OptionError, check_keys
from hcl_arch.utils.option_fields import ROOTS, SPANS, TEXT, Is, OptionSection, number, span
from hcl_arch.utils.option_lines import got

# Wider than any useful softening of a hole's edge; the wider the blur, the longer it takes.
MOST_BLUR = 100.0
# Below this, no pixel can change by enough gray levels to count as corrupted.
LEAST_OPACITY = 0.02
LEAST_SCALE = 0.05
LEAST_BRIGHTNESS = 0.01

# What the everyday kinds set themselves, and the options that remain for them.
BROUGHT_KEYS = ('opacity', 'blur_sigma', 'hole_share')
EVERYDAY_KEYS = ('type', 'weight')
COMMON_KEYS = EVERYDAY_KEYS + BROUGHT_KEYS


@dataclass(frozen=True)
class CorruptionKind:
    """The properties of a kind of corruption.

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


# Drawings have smooth edges of their own, and blurring thin lines would only fade them.
KINDS: dict[str, CorruptionKind] = {
    'patch': CorruptionKind(('dataroot',)),
    'constant': CorruptionKind(('colour',)),
    'noise': CorruptionKind(),
    'graffiti': CorruptionKind(('dataroot', 'recolour'), opacity=(0.8, 1.0), blur_sigma=(0.0, 0.0)),
    'text': CorruptionKind(opacity=(0.7, 1.0), blur_sigma=(0.0, 0.0)),
    'watermark': CorruptionKind(('dataroot', 'scale', 'rotation', 'tiled'), opacity=(0.3, 0.8), blur_sigma=(0.0, 0.0)),
    'shadow': CorruptionKind(('brightness',), blur_sigma=(2.0, 8.0)),
    **{
        name: CorruptionKind(('dataroot',) if name in PICTURE_KINDS else (), blur_sigma=(0.0, 0.0), keys=EVERYDAY_KEYS)
        for name in EVERYDAY_KINDS
    },
}

# Kinds with shapes of their own; the others fill holes.
DRAWN_KINDS = ('graffiti', 'text', 'watermark')


def _is_colour(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and all(map(number(0, 255).fits, value))


_COLOUR = Is(
    'three numbers from 0 to 255 (RGB)', _is_colour,
    {'type': 'array', 'items': {'type': 'number', 'minimum': 0, 'maximum': 255}, 'minItems': 3, 'maxItems': 3},
    lambda value: tuple(float(each) / 255 for each in value),
)  # fmt: skip


class CorruptionSection(OptionSection):
    """An entry of `corruptions`; `KINDS` lists the options that each kind takes."""

    type: Annotated[Optional[str], TEXT] = Field(None, description='the kind, where the name of the entry is another')
    weight: Annotated[float, number(0)] = Field(1.0, description='how often it is drawn, relative to the others')
    opacity: Annotated[Optional[Span], span(LEAST_OPACITY, 1)] = Field(None, description='range of the opacity')
    blur_sigma: Annotated[Optional[Span], span(0, MOST_BLUR)] = Field(
        None, description="range of the blur of the holes' edges in pixels"
    )
    hole_share: Annotated[Optional[tuple[Span, ...]], SPANS] = Field(
        None, description='ranges of the share of corrupted pixels; by default those of the data set'
    )
    roots: Annotated[tuple[str, ...], ROOTS] = Field(
        (), alias='dataroot', description='folders or LMDB folders of photographs or RGBA pictures'
    )
    colour: Annotated[Optional[tuple[float, float, float]], _COLOUR] = Field(
        None, description='RGB from 0 to 255; by default random'
    )
    recolour: Annotated[float, number(0, 1)] = Field(
        PictureGraffiti.recoloured_share, description='share of graffiti pictures that get a random colour'
    )
    scale: Annotated[Span, span(LEAST_SCALE, 1)] = Field(
        Watermarks.scale, description="long side of a watermark as a share of the image's short side"
    )
    rotation: Annotated[Span, span(-180, 180)] = Field(
        Watermarks.rotation, description='angle of a watermark in degrees'
    )
    tiled: Annotated[float, number(0, 1)] = Field(
        Watermarks.tiled_share, description='share of the samples in which the watermark covers the whole image'
    )
    brightness: Annotated[Span, span(LEAST_BRIGHTNESS, 1)] = Field(
        BRIGHTNESS, description='share of the pixel values that a shadow leaves'
    )


class CorruptionOptions(CorruptionSection):
    """A checked entry, with the defaults of its kind."""

    name: str
    """Which the samples carry."""
    where: str
    """How messages call it."""
    kind: str
    """A key of `KINDS`."""
    opacity: Span


def read_corruptions(opt: Mapping[str, Any], where: str) -> tuple[CorruptionOptions, ...]:
    """Return the entries of the option `corruptions` of a data set whose weight is above 0.

    An entry is `name: weight` or `name: {weight: 1.0, ...}`. Its name is the kind, unless `type` gives the kind: this
    allows several entries of one kind with different options.

    Args:
        opt: Options of the data set.
        where: How messages call the data set.

    Raises:
        OptionError: An entry or one of its options is unknown or wrong.
    """
    entries = opt.get('corruptions')
    entries = {'patch': 1.0} if entries is None else entries
    if not isinstance(entries, Mapping):
        raise OptionError(where, ('corruptions',), f'expects kinds with weights, e.g. {{patch: 1.0}}, {got(entries)}')
    corruptions = [_read_entry(name, entry, where) for name, entry in entries.items()]
    if not any(corruption.weight > 0 for corruption in corruptions):
        raise OptionError(
            where, ('corruptions',), f'expects weights of at least 0, one of them above 0, {got(entries)}'
        )
    return tuple(corruption for corruption in corruptions if corruption.weight > 0)


def _read_entry(name: str, entry: Any, dataset: str) -> CorruptionOptions:
    """Return the checked options of one entry."""
    where, inside = f"{dataset}, corruption '{name}'", ('corruptions', name)
    options = entry if isinstance(entry, Mapping) else {'weight': entry}
    kind = str(name if options.get('type') is None else options['type'])
    if options.get('type') is not None:
        check_keys({kind: None}, KINDS, f"{where}, 'type'", inside=(*inside, 'type'))
    check_keys({kind: None}, KINDS, f"{dataset}, 'corruptions'", inside=('corruptions',))
    for key in BROUGHT_KEYS:
        if key in options and key not in KINDS[kind].keys:
            raise OptionError(
                where,
                (*inside, key),
                f'is given, but {kind} brings its own opacity, edges and share of corrupted pixels. Leave it out.',
            )
    section = CorruptionSection.read(options, where, inside=inside, known=KINDS[kind].keys + KINDS[kind].own_keys)
    if 'recolour' in options and not options.get('dataroot'):
        raise OptionError(
            where,
            (*inside, 'recolour'),
            "is given, but no pictures whose colours it could change. Add 'dataroot', or leave it out.",
        )
    values = dict(section)
    values['opacity'] = section.opacity or KINDS[kind].opacity
    values['blur_sigma'] = section.blur_sigma or KINDS[kind].blur_sigma
    return CorruptionOptions.model_construct(**values, name=str(name), where=where, kind=kind)
