"""The summary of a run as JSON: every image with its figures, totals, versions and options."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
import PIL
import torch

from hcl_arch.commands.restore.options import STANDARD_STREAM, Options, PictureKind
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.version import __version__


@dataclass
class ImageRecord:
    """The result for an image.

    Attributes:
        input: its path, '-' for standard input.
        outputs: paths of the written pictures, by kind.
        size: width and height in pixels, upright, of the first page.
        pages: pages or frames that were restored: 1 unless all are wanted.
        megapixels: pixels of all of them in millions.
        corrupted_share: share of corrupted pixels of the mask, in [0, 1].
        mask_pixels: number of corrupted pixels of the user's mask as it was read, before it grew; None without one.
        mask_share: their share, in [0, 1].
        mean_confidence: mean over all pixels, in [0, 1].
        score: score for being corrupted at all, in [0, 1]; None with a user's mask, as are the next two.
        found: whether anything was found.
        min_score: score below which nothing is marked.
        seconds: time for reading, restoring and writing.
        remarks: further remarks.
        error: why it failed, None if it did not.
    """

    input: str
    outputs: dict[PictureKind, str] = field(default_factory=dict)
    size: Optional[tuple[int, int]] = None
    pages: int = 1
    megapixels: Optional[float] = None
    corrupted_share: Optional[float] = None
    mask_pixels: Optional[int] = None
    mask_share: Optional[float] = None
    mean_confidence: Optional[float] = None
    score: Optional[float] = None
    found: Optional[bool] = None
    min_score: Optional[float] = None
    seconds: Optional[float] = None
    remarks: list[str] = field(default_factory=list)
    error: Optional[str] = None


@dataclass
class Summary:
    """The result of a run.

    Attributes:
        options: of the run.
        model: name of the model, None if none was loaded.
        images: finished and failed images, in this order.
        n_planned: number of planned images.
        seconds: time of the whole run.
        is_interrupted: whether a signal ended it.
    """

    options: Options
    model: Optional[str] = None
    images: list[ImageRecord] = field(default_factory=list)
    n_planned: int = 0
    seconds: float = 0.0
    is_interrupted: bool = False

    @property
    def n_failed(self) -> int:
        """Number of images that failed."""
        return sum(image.error is not None for image in self.images)

    @property
    def n_done(self) -> int:
        """Number of images that did not fail."""
        return len(self.images) - self.n_failed

    @property
    def n_nothing_found(self) -> int:
        """Number of finished images in which nothing was found."""
        return sum(image.error is None and image.found is False for image in self.images)

    def as_record(self) -> dict[str, Any]:
        """Return the summary as plain values."""
        done = [image for image in self.images if image.error is None]
        return {
            'images': [asdict(image) for image in self.images],
            'totals': {
                'images': self.n_planned,
                'done': self.n_done,
                'nothing_found': self.n_nothing_found,
                'failed': self.n_failed,
                'not_begun': self.n_planned - len(self.images),
                'megapixels': sum(image.megapixels or 0 for image in done),
                'seconds': self.seconds,
            },
            'interrupted': self.is_interrupted,
            'model': self.model,
            'options': self.options.as_record(),
            'versions': {
                'hcl_arch': __version__,
                'python': platform.python_version(),
                'torch': torch.__version__,
                'numpy': np.__version__,
                'pillow': PIL.__version__,
                'opencv': cv2.__version__,
            },
        }

    def write(self, place: str) -> None:
        """Write the summary to a file, completely or not at all, or to standard output ('-').

        Raises:
            OSError: It cannot be written.
        """
        # In ASCII, since file names need not be valid text.
        text = json.dumps(self.as_record(), indent=2, allow_nan=False) + '\n'
        if place == STANDARD_STREAM:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        with atomic_file(Path(place), durable=False) as file:
            file.write(text.encode('ascii'))
