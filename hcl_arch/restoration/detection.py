"""Detection on the whole picture, reduced or in several looks, with the confidence returned at full size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Optional, cast

import numpy as np

from hcl_arch.restoration.calls import Calls
from hcl_arch.restoration.edge_aware import enlarge_along_edges
from hcl_arch.restoration.looks import detect_in_looks
from hcl_arch.restoration.pixel_source import ImageSource
from hcl_arch.restoration.resampling import enlarge_rows
from hcl_arch.restoration.stages import Progress, Report
from hcl_arch.utils.image_limits import MIN_IMAGE_SIZE

if TYPE_CHECKING:
    from hcl_arch.restoration.network_calls import NetworkCalls

# Pictures with up to this many pixels are not reduced, whatever the memory.
_ALWAYS_FITS = 512 * 512


def detect(
    image: ImageSource,
    network: Calls,
    *,
    detect_side: int,
    memory_bytes: float,
    progress: Optional[Progress] = None,
) -> np.ndarray:
    """Return the confidence that pixels are uncorrupted.

    The clusters, and which of them is the uncorrupted one, are determined once for the whole picture, so all parts are
    judged alike. Fully transparent pixels count as uncorrupted, because they are invisible.

    Args:
        image: The image to examine.
        network: The detecting network.
        detect_side: Length in pixels to which the short side is reduced; smaller pictures keep their size.
        memory_bytes: Memory for detection; it limits the number of pixels.
        progress: Called with the number of finished steps and of all steps.

    Returns:
        (H, W) float32 in [0, 1].
    """
    if network.takes_looks:
        # At least every second pixel was decided: following edges further would lose thin structures.
        found = detect_in_looks(image, network, detect_side=detect_side, progress=progress)
        confidence = enlarge_rows(found, slice(0, image.height), image.height, image.width)
    else:
        report = Report(progress, 1)
        calls = cast('NetworkCalls', network)  # by PyTorch alone
        reduced, _ = image.reduced(*_size(image, calls, detect_side, memory_bytes))
        confidence = enlarge_along_edges(calls.detect(reduced), image.luma, image.height, image.width)
        report.advance()
    if image.transparent is not None:
        confidence[image.transparent] = 1
    return confidence


def _size(image: ImageSource, network: NetworkCalls, detect_side: int, memory_bytes: float) -> tuple[int, int]:
    height, width = detection_size(image.height, image.width, detect_side)
    if height * width <= _ALWAYS_FITS:
        return height, width
    most_pixels = max(_ALWAYS_FITS, int(memory_bytes / network.detection_bytes()))
    return detection_size(image.height, image.width, detect_side, most_pixels)


def detection_size(height: int, width: int, detect_side: int, most_pixels: float = math.inf) -> tuple[int, int]:
    """Height and width of the picture given to the network.

    The short side becomes ``detect_side``, or keeps its length if it is shorter. If that has too many pixels, both
    sides are reduced alike until the short one is as small as networks allow, then only the long one.

    Args:
        height: Of the image.
        width: Of the image.
        detect_side: See above.
        most_pixels: See above.
    """
    short, long = min(height, width), max(height, width)
    scale = min(1.0, detect_side / short, math.sqrt(most_pixels / (height * width)))
    small_short = min(short, max(round(short * scale), MIN_IMAGE_SIZE))
    small_long = int(min(max(1, round(long * scale)), most_pixels // max(small_short, MIN_IMAGE_SIZE)))
    small_long = max(small_long, small_short)
    return (small_short, small_long) if height <= width else (small_long, small_short)
