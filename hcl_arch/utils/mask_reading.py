"""The one meaning of a mask picture: which of its pixels are corrupted; what is unclear is refused."""

from __future__ import annotations

from typing import Any, Union

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.mask_options import MaskChannel, MaskPolarity
from hcl_arch.utils.pixel_values import full_scale

# Colours that differ by less than this share of the full scale are one colour: compression changes them a little.
_SAME_COLOUR = 1 / 8
# A gray is at half of the full scale if it differs by less than this share.
_NEAR_HALF = 1 / 16
# Shades of one colour differ by less than this in their ratios of red, green and blue.
_SAME_SHADE = 1 / 4

_ALPHA = ('channel', 'alpha', 'what is painted is corrupted')
_ERASED = ('polarity', 'black', 'with it what is erased, as in a photograph')
_COLOUR = ('channel', 'colour', 'its colours tell, whatever is transparent')
_WHITE = ('polarity', 'white', 'what is bright is corrupted')
_BLACK = ('polarity', 'black', 'what is dark is')


class UnclearMaskError(HCLError, ValueError):
    """A mask picture that can be read in several ways, or in none.

    Args:
        found: what was found.
        ways: option ('polarity' or 'channel'), value and meaning of each way to read it.
    """

    def __init__(self, found: str, *ways: tuple[str, str, str]) -> None:
        super().__init__(found, *ways)
        self.found, self.ways = found, ways

    def __str__(self) -> str:
        return self.worded("mask_{}='{}'")

    def worded(self, form: str) -> str:
        """Return the message; `form` makes an option of its name and value."""
        ways = ', '.join(f'{form.format(option, value)} ({meaning})' for option, value, meaning in self.ways)
        return f'{self.found}. Give {ways}' if ways else self.found


def corrupted_pixels(
    pixels: NDArray[Any], *, polarity: MaskPolarity = 'auto', channel: MaskChannel = 'auto'
) -> NDArray[np.bool_]:
    """Return which pixels a mask picture marks as corrupted.

    By default those of at least half of the full scale are: white on black. Of a picture without any, those that are
    not 0 are, if all others have one level (0 and 1, 0 and 100), or those of a dark colour on black. Of a picture with
    transparency and one colour, the opaque ones are: strokes painted on a transparent layer.

    Args:
        pixels: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; bool, uint8, uint16, or floating-point in [0, 1].
        polarity: 'white' or 'black': these pixels are corrupted, and nothing about the colours is refused. 'auto': the
            white ones, if it is clear which they are.
        channel: 'colour' or 'alpha' decides. Of alpha, polarity 'black' means that transparent pixels are corrupted.
            'auto': alpha, if there is one colour on a transparent layer; otherwise the colour, if alpha tells nothing.

    Returns:
        (H, W) bool, True = corrupted.

    Raises:
        UnclearMaskError: The picture can be read in several ways, or lacks the channel.
        ValueError: Shape, dtype or values are not as expected.
    """
    pixels = _checked(pixels)
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    if channel == 'alpha':
        if alpha is None:
            raise UnclearMaskError('it has no transparency', _COLOUR)
        return _from_half(alpha) != (polarity == 'black')
    if channel == 'auto' and alpha is not None and _tells(alpha):
        return _painted(pixels, polarity)
    return _by_colour(np.ascontiguousarray(pixels[..., : min(pixels.shape[2], 3)]), polarity)


def _checked(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels as (H, W, C) of native uint8, uint16 or float32."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise ValueError(f'expected (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA, got shape {pixels.shape}')
    kind = pixels.dtype.newbyteorder('=')
    if kind == np.bool_:
        return pixels.view(np.uint8)
    if kind in (np.uint8, np.uint16):
        return pixels.astype(kind, copy=False)
    if not np.issubdtype(kind, np.floating):
        raise ValueError(f'expected bool, uint8, uint16 or float in [0, 1], got {kind}')
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite(low + high):
        raise ValueError('holds values that are not finite (NaN or infinite)')
    if low < 0 or high > 1:
        raise ValueError(f'float values must be in [0, 1], found {low:g} to {high:g}')
    return pixels.astype(np.float32, copy=False)


def _tells(alpha: NDArray[Any]) -> bool:
    """Whether a layer's transparency tells anything: some of it is nearer to transparent than the rest."""
    return not _from_half(alpha).all()


def _half(values: NDArray[Any]) -> Union[int, float]:
    """Return the least value of the brighter half of the full scale."""
    most = full_scale(values)
    return 0.5 if most == 1 else most // 2 + 1


def _from_half(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which values are at least half of the full scale; if none is, of the highest one."""
    half, peak = _half(values), values.max()
    return values >= half if peak >= half else values >= max(peak / 2, np.finfo(np.float32).tiny)


def _painted(pixels: NDArray[Any], polarity: MaskPolarity) -> NDArray[np.bool_]:
    """Return the opaque pixels of a layer, if they have one colour, and not that of the other polarity."""
    opaque = _from_half(pixels[..., 3])
    colours = pixels[..., :3][opaque if opaque.any() else np.ones_like(opaque)]
    low, high, half = colours.min(axis=0), colours.max(axis=0), _half(pixels)
    if ((high - low) > _SAME_COLOUR * full_scale(pixels)).any():
        raise UnclearMaskError('both its colours and its transparency differ', _ALPHA, _ERASED, _COLOUR)
    contradicts = (polarity == 'black' and low.min() >= half) or (polarity == 'white' and high.max() < half)
    if opaque.any() and contradicts:
        raise UnclearMaskError(f'all that is painted on its transparency is not {polarity}', _ALPHA, _ERASED, _COLOUR)
    return opaque


def _by_colour(colours: NDArray[Any], polarity: MaskPolarity) -> NDArray[np.bool_]:
    is_gray = colours.shape[2] == 1
    luma = colours[..., 0] if is_gray else cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    bright = luma >= _half(luma)
    if is_gray and colours.dtype == np.float32:
        return bright != (polarity == 'black')
    if not bright.any():
        return _on_black(colours, polarity) != (polarity == 'black')
    if bright.all():
        return _on_white(colours, polarity)
    if polarity == 'auto':
        _check_levels(luma, bright)
        if not is_gray:
            _check_one_colour(colours, bright)
    return bright != (polarity == 'black')


def _on_black(colours: NDArray[Any], polarity: MaskPolarity) -> NDArray[np.bool_]:
    """Return the marked pixels of a picture that is dark to the eye: 0 and 1, or a colour on black."""
    strongest = _strongest(colours)
    peak = strongest.max()
    if peak == 0 or (peak == 1 and full_scale(colours) > 1):
        return strongest > 0
    marked = strongest >= peak / 2
    has_two_levels = ((strongest == 0) | (strongest == peak)).all()
    if polarity == 'auto' and (marked.all() or (peak < _half(strongest) and not has_two_levels)):
        found = f'expected black and white, found no bright pixels (values up to {peak})'
        raise UnclearMaskError(found, _WHITE, _BLACK)
    return marked


def _on_white(colours: NDArray[Any], polarity: MaskPolarity) -> NDArray[np.bool_]:
    """Return the marked pixels of a picture that is bright to the eye: all, or what is darker than white."""
    low, high = colours.min(axis=(0, 1)), colours.max(axis=(0, 1))
    is_plain = not ((high - low) > _SAME_COLOUR * full_scale(colours)).any()
    if polarity == 'black' and not is_plain:
        return _on_black(full_scale(colours) - colours, 'white')
    if polarity == 'auto' and not is_plain:
        raise UnclearMaskError('expected black and white, found no dark pixels, but several colours', _WHITE, _BLACK)
    return np.full(colours.shape[:2], polarity != 'black')


def _strongest(colours: NDArray[Any]) -> NDArray[Any]:
    """Return the strongest channel of each pixel."""
    return np.maximum.reduce(np.moveaxis(colours, 2, 0))  # many times faster than `colours.max(axis=2)`


def _check_levels(luma: NDArray[Any], bright: NDArray[np.bool_]) -> None:
    """Refuse a gray that lies at half of the full scale, so noise decides on which side."""
    half, near = _half(luma), full_scale(luma) * _NEAR_HALF
    at_half = (luma > half - near) & (luma < half + near)
    if (at_half & ~bright).any() and np.count_nonzero(at_half & bright) > np.count_nonzero(bright) / 2:
        raise UnclearMaskError('expected black and white, found a gray of about half of the range', _WHITE, _BLACK)


def _check_one_colour(colours: NDArray[Any], bright: NDArray[np.bool_]) -> None:
    """Refuse a strong colour that is dark to the eye, such as red or blue, beside a bright one of another hue."""
    strongest = _strongest(colours)
    second = (strongest >= _half(strongest)) & ~bright
    if not second.any():
        return
    first = colours[bright].mean(axis=0)
    ratios = colours[second] / strongest[second][:, None]
    off = np.abs(ratios - first / first.max()).max(axis=1)
    if off.max() > _SAME_SHADE:
        other = tuple(colours[second][off.argmax()].tolist())
        found = f'expected one colour on black, found {tuple(np.rint(first).astype(int).tolist())} and {other}'
        raise UnclearMaskError(found, _WHITE, _BLACK)
