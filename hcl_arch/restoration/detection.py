"""Detection on the whole picture at once, reduced, or in several looks; its confidence comes back at full size."""

from __future__ import annotations

import math

import numpy as np

from hcl_arch.archs.image_form import MIN_IMAGE_SIZE
from hcl_arch.restoration.edge_aware import enlarge_along_edges
from hcl_arch.restoration.looks import detect_in_looks
from hcl_arch.restoration.network_calls import NetworkCalls
from hcl_arch.restoration.pixel_source import ImageSource
from hcl_arch.restoration.resampling import enlarge_rows

# Pictures of up to so many pixels are looked at as they are, whatever the memory.
_ALWAYS_FITS = 512 * 512


def detect(image: ImageSource, network: NetworkCalls, *, detect_side: int, memory_bytes: float) -> np.ndarray:
    """Find the confidence that pixels are uncorrupted.

    Clusters, and which of them is the uncorrupted one, are found once for the whole picture, so that all its parts are
    judged alike. Fully transparent pixels are uncorrupted: nothing of them is to be seen.

    Args:
        image: To be examined.
        network: That detects.
        detect_side: Length, in pixels, that the short side is reduced to; smaller pictures keep their size.
        memory_bytes: What detection may take; more pixels than fit are not looked at.

    Returns:
        (H, W) float32 in [0, 1].
    """
    if network.takes_looks:
        # Every second pixel was decided at least: to follow edges further would lose what is thinner than they are.
        found = detect_in_looks(image, network, detect_side=detect_side)
        confidence = enlarge_rows(found, slice(0, image.height), image.height, image.width)
    else:
        reduced, _ = image.reduced(*_size(image, network, detect_side, memory_bytes))
        confidence = enlarge_along_edges(network.detect(reduced), image.luma, image.height, image.width)
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
    """Height and width of the picture that is looked at.

    The short side becomes ``detect_side``, or keeps its length if it is shorter. Where that is too many pixels, both
    sides are reduced alike until the short one is as small as networks allow, then the long one alone.

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
