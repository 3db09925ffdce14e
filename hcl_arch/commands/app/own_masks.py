"""Masks of the visitors' own."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from hcl_arch.commands.app.page_error import PageError
from hcl_arch.restoration.mask_array import as_mask
from hcl_arch.restoration.mask_fitting import MaskSizeError, fitted
from hcl_arch.restoration.photographs.photograph import Photograph
from hcl_arch.utils.mask_options import MaskChannel, MaskPolarity
from hcl_arch.utils.mask_reading import UnclearMaskError, corrupted_pixels

# Names of the choices on the page, by those of the reader.
POLARITIES: dict[MaskPolarity, str] = {'auto': 'whatever is clear', 'white': 'what is white', 'black': 'what is black'}
CHANNELS: dict[MaskChannel, str] = {'auto': 'whatever differs', 'colour': 'colour', 'alpha': 'transparency'}
_CHOICES = {'polarity': ('It marks', POLARITIES), 'channel': ('Read from its', CHANNELS)}
_FIT = 'ticking “Fit it to the photograph”'
assert tuple(POLARITIES) == get_args(MaskPolarity)
assert tuple(CHANNELS) == get_args(MaskChannel)


class MaskPicture(NamedTuple):
    """A visitor's file, decoded: its name and pixels."""

    name: str
    pixels: NDArray[Any]


class OwnMask(NamedTuple):
    """A mask of the visitor's, and how it is meant."""

    picture: MaskPicture
    polarity: MaskPolarity
    channel: MaskChannel
    fit: bool

    def marked(self) -> NDArray[np.bool_]:
        """Return what it marks, at its own size.

        Raises:
            PageError: it can be read in several ways.
        """
        try:
            return corrupted_pixels(self.picture.pixels, polarity=self.polarity, channel=self.channel)
        except UnclearMaskError as error:
            raise PageError(f'{self.picture.name}: {_worded(error)}.') from None
        except ValueError as error:
            raise PageError(f'{self.picture.name}: {error}.') from None

    def mask_for(self, photograph: Photograph) -> NDArray[np.uint8]:
        """Return it as the mask of a photograph: (H, W), 255 = corrupted.

        Raises:
            PageError: it can be read in several ways, or does not fit.
        """
        marked, (width, height) = self.marked(), photograph.size
        try:
            missing = None if self.fit else _FIT
            return as_mask(fitted(marked, (height, width), photograph.orientation, missing=missing))
        except MaskSizeError as error:
            raise PageError(
                f'{self.picture.name} has {marked.shape[1]} x {marked.shape[0]} pixels, expected {width} x {height} '
                f'as the photograph: {error}.'
            ) from None


def _worded(error: UnclearMaskError) -> str:
    """The message in the words of the page."""
    ways = (
        f'“{_CHOICES[option][0]} {_CHOICES[option][1][value]}” ({meaning})'  # type: ignore[index]
        for option, value, meaning in error.ways
    )
    return f'{error.found}. Choose {", or ".join(ways)}' if error.ways else error.found
