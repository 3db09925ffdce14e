"""The length that a training set has to report for BasicSR to count its iterations right."""

from __future__ import annotations

import math

from basicsr.utils.dist_util import get_dist_info


def epoch_length(image_count: int, *, batch_size: int) -> int:
    """Return `image_count` rounded up to a whole number of batches of all processes.

    BasicSR drops the last batch but counts it, and would stop early, or train not at all on fewer images than a batch.
    The data set takes its index modulo the number of images.

    Args:
        image_count: number of images, at least 1.
        batch_size: images per process and iteration.
    """
    images_per_iteration = batch_size * get_dist_info()[1]
    return math.ceil(image_count / images_per_iteration) * images_per_iteration
