"""The arguments of `hcl-restore` for masks of the user's: files, rectangles, a template in a corner."""

from __future__ import annotations

import argparse
import contextlib
from typing import Callable, get_args

from hcl_arch.utils.mask_options import MaskChannel, MaskPolarity
from hcl_arch.utils.regions import Anchor, Length, Region


def add_masks(group: argparse._ArgumentGroup) -> None:
    """Add the arguments."""
    group.add_argument(
        '--mask',
        metavar='FILE|FOLDER|alpha',
        help='repair what a mask of yours says, white = corrupted: one for all photographs, or of a folder the mask '
        'NAME.*, NAME_mask.* or NAME_mask001.* of each; alpha: what is erased in the photograph itself',
    )
    group.add_argument(
        '--mask-polarity',
        choices=get_args(MaskPolarity),
        default='auto',
        help='what is corrupted in a mask: the white or the black (default: auto: the white, or what is painted on '
        'black or on transparency; an unclear mask is refused)',
    )
    group.add_argument(
        '--mask-channel',
        choices=get_args(MaskChannel),
        default='auto',
        help='what of a mask decides: its colour, or its alpha, opaque = corrupted, or transparent with '
        '--mask-polarity black (default: auto: what tells its pixels apart)',
    )
    group.add_argument(
        '--fit-mask',
        action='store_true',
        help='resize a mask of another size but the same shape, and turn one of a photograph as it is stored',
    )
    group.add_argument(
        '--region',
        type=_read_by(Region.parse),
        action='append',
        metavar='X,Y,W,H',
        help='repair this rectangle of each photograph, in pixels or %%, such as 0,90%%,100%%,10%%; may be repeated, '
        'and goes with --mask and --template',
    )
    group.add_argument(
        '--exclude',
        action='append',
        metavar='X,Y,W,H|FILE',
        help='leave this rectangle, or what is white in a mask file, as it is; may be repeated',
    )
    _add_template(group)


def _add_template(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--template',
        metavar='FILE',
        help='repair what the mask of a logo says, in the same corner of photographs of any size: see --anchor',
    )
    group.add_argument(
        '--anchor',
        choices=get_args(Anchor),
        default='bottom-right',
        help='where the template lies (default: %(default)s)',
    )
    group.add_argument(
        '--offset',
        type=_read_by(read_offset),
        metavar='X,Y',
        default='0,0',
        help="the template's distance from there, in pixels or %% (default: %(default)s)",
    )
    group.add_argument(
        '--template-width',
        type=_read_by(read_width),
        metavar='W',
        help="resize the template to this width, in pixels or %% of the photograph's (default: as it is)",
    )


def read_offset(text: str) -> tuple[Length, Length]:
    """Read 'x,y'.

    Raises:
        ValueError: It is no such pair.
    """
    with contextlib.suppress(ValueError):
        across, down = map(Length.parse, text.split(','))
        return across, down
    raise ValueError(f"expected x,y in pixels or %, as 20,5%, got '{text}'")


def read_width(text: str) -> Length:
    """Read a length above 0.

    Raises:
        ValueError: It is none.
    """
    length = Length.parse(text)
    if length.value <= 0:
        raise ValueError(f"expected a width above 0, got '{text}'")
    return length


def _read_by(read: Callable[[str], object]) -> Callable[[str], str]:
    """Return an argparse type that keeps the text, which the summary repeats, if a function can read it."""

    def checked(text: str) -> str:
        try:
            read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text

    return checked
