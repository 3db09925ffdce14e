"""A drawing over a photograph, as colour and alpha, and how it is laid on and stacked."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import CHANGE_THRESHOLD, BoolArray, FloatArray


@dataclass(frozen=True)
class Overlay:
    """A drawing on a transparent sheet of the size of the photograph.

    Attributes:
        colour: (H, W, 3) float32, RGB in [0, 1], not multiplied by alpha; always finite, without meaning where alpha
            is 0.
        alpha: (H, W) float32 in [0, 1], 1 = opaque.
    """

    colour: FloatArray
    alpha: FloatArray


def transparent(size: tuple[int, int]) -> Overlay:
    """Return an overlay of `size` (height and width) with nothing drawn on it."""
    return Overlay(np.zeros((*size, 3), np.float32), np.zeros(size, np.float32))


def lay_over(below: FloatArray, overlay: Overlay, opacity: float = 1.0) -> FloatArray:
    """Return the photograph with the drawing over it: w * colour + (1 - w) * below, w = opacity * alpha.

    Args:
        below: (H, W, 3) float32, RGB in [0, 1].
        overlay: the drawing, of the same height and width.
        opacity: in [0, 1]; 1 lays it on as it was drawn.

    Returns:
        (H, W, 3) float32 in [0, 1]; exactly `below` where alpha is 0.
    """
    weight = _three(overlay.alpha * np.float32(opacity))
    laid: FloatArray = cv2.multiply(weight, overlay.colour) + cv2.multiply(1 - weight, below)
    # w + (1 - w) can exceed 1 by one rounding.
    return np.clip(laid, 0, 1, out=laid)


def stack(first: Overlay, second: Overlay) -> Overlay:
    """Return `second` on top of `first`, as one overlay.

    alpha = a2 + a1 (1 - a2), colour = (a2 c2 + a1 (1 - a2) c1) / alpha, so that laying the result over an image equals
    laying `first` over it and then `second`. Source: Porter and Duff (1984), Compositing Digital Images, the operator
    "over".

    Args:
        first: the lower drawing; it is not changed.
        second: the upper one, of the same size.
    """
    # Outside the bounding box of `second` the result is `first`; drawings are often small.
    box = drawn_box(second)
    upper = second.alpha[box]
    if upper.size == 0:
        return first
    if cv2.countNonZero(first.alpha) == 0:
        return second
    alpha, colour = first.alpha.copy(), first.colour.copy()
    lower = first.alpha[box] * (1 - upper)
    both = upper + lower
    weight = _three(np.divide(upper, np.maximum(both, 1e-30), dtype=np.float32))
    mixed = cv2.multiply(weight, second.colour[box]) + cv2.multiply(1 - weight, first.colour[box])
    alpha[box] = np.minimum(both, 1)
    colour[box] = np.clip(mixed, 0, 1)
    return Overlay(colour, alpha)


def overlay_changes(
    truth: FloatArray, overlay: Overlay, opacity: float = 1.0, *, threshold: float = CHANGE_THRESHOLD
) -> BoolArray:
    """Return where the drawing changes a photograph: `changed_pixels(truth, lay_over(truth, overlay, opacity))`.

    It is computed as opacity * alpha * max |colour - truth| within the drawing's bounding box, which is faster and
    equal up to rounding.

    Args:
        truth: (H, W, 3) float32, RGB in [0, 1].
        overlay: the drawing.
        opacity: as for `lay_over`.
        threshold: the smallest change that counts, in (0, 1].

    Returns:
        (H, W) bool.
    """
    changed = np.zeros(overlay.alpha.shape, bool)
    box = drawn_box(overlay)
    if changed[box].size:
        red, green, blue = cv2.split(cv2.absdiff(overlay.colour[box], truth[box]))
        difference = cv2.max(cv2.max(red, green), blue)
        changed[box] = difference * overlay.alpha[box] >= (threshold - 1e-6) / max(opacity, 1e-6)
    return changed


def drawn_box(overlay: Overlay) -> tuple[slice, slice]:
    """Return the rows and columns of the smallest box that holds all pixels with alpha > 0; empty slices if none."""
    left, top, width, height = cv2.boundingRect((overlay.alpha > 0).view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _three(plane: FloatArray) -> FloatArray:
    """Return a (H, W) plane three times over, (H, W, 3): faster than broadcasting in numpy."""
    return cv2.merge([plane, plane, plane])  # type: ignore[return-value]
