"""Scores of a validation: gathered from all processes, averaged in bins of hole share, written as CSV files."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch.distributed as dist
from basicsr.utils.dist_util import get_dist_info
from basicsr.utils.registry import METRIC_REGISTRY
from numpy.typing import NDArray

from hcl_arch.metrics.set_metric import SetMetric, is_set_metric
from hcl_arch.models.validation_sample import ValidationSample, metric_arguments
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.hole_share_bins import INFINITE, Bin, bin_name, in_bin


@dataclass(frozen=True)
class ImageScores:
    """Scores and features of one validated image."""

    index: int
    """Its place in the data set."""
    name: str
    corruption: str
    hole_share: Optional[float]
    values: Mapping[str, float]
    """Metrics of the single image, by their names in the option file."""
    features: Mapping[str, NDArray] = field(default_factory=dict)
    """What the image contributes to the metrics of whole sets, such as FID."""
    panel: Optional[NDArray] = None
    """A picture of it, (H, W, 3) uint8 BGR."""

    @property
    def row(self) -> dict[str, Any]:
        """The image's line in the CSV file."""
        about = {'image': self.name, 'corruption': self.corruption, 'hole_share': self.hole_share}
        return {**about, **self.values}


class Scorer:
    """Computes the metrics of the option ``val.metrics``.

    Args:
        metrics: Name -> options, with the ``type`` of a metric in BasicSR's METRIC_REGISTRY: a function of one image,
            or a :class:`SetMetric` of a whole set.
    """

    def __init__(self, metrics: Mapping[str, Mapping[str, Any]]) -> None:
        self._image_metrics: dict[str, Mapping[str, Any]] = {}
        self._set_metrics: dict[str, tuple[SetMetric, Mapping[str, Any]]] = {}
        self.names = list(metrics)
        for name, options in metrics.items():
            metric = METRIC_REGISTRY.get(options['type'])
            if is_set_metric(options['type']):
                self._set_metrics[name] = (metric(**metric_arguments(options)), options)
            else:
                self._image_metrics[name] = options

    def score(self, sample: ValidationSample, index: int, panel: Optional[NDArray] = None) -> ImageScores:
        """Measure one image."""
        return ImageScores(
            index=index,
            name=sample.name,
            corruption=sample.corruption,
            hole_share=sample.hole_share,
            values={name: sample.score(options) for name, options in self._image_metrics.items()},
            features={
                name: metric.features(*sample.image_pair(options))
                for name, (metric, options) in self._set_metrics.items()
            },
            panel=panel,
        )

    def means(self, scores: Sequence[ImageScores]) -> dict[str, float]:
        """Every metric over a set of images; NaN where the set is too small for it.

        Infinite values, such as the PSNR of an image that equals its truth, are left out of a mean unless all are, and
        counted by :meth:`infinite`.
        """
        means = {}
        for name in self.names:
            if name in self._set_metrics:
                metric, _ = self._set_metrics[name]
                features = [image.features[name] for image in scores]
                means[name] = metric.score(np.stack(features)) if len(features) > 1 else math.nan
            else:
                values = [image.values[name] for image in scores]
                finite = [value for value in values if not math.isinf(value)]
                means[name] = float(np.mean(finite or values)) if values else math.nan
        return means

    def infinite(self, scores: Sequence[ImageScores]) -> dict[str, int]:
        """How many images have an infinite value, for each metric of single images."""
        return {name: sum(math.isinf(image.values[name]) for image in scores) for name in self._image_metrics}


def gather_scores(own: list[ImageScores]) -> list[ImageScores]:
    """The images of all processes, in the order of the data set; without a process group, the own ones."""
    shares = [own]
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        gathered: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(gathered, own)
        shares = gathered
    return sorted((image for share in shares for image in share), key=lambda image: image.index)


class SampleNames:
    """Names of a data set's samples: file names without suffix, with a number where two names are equal.

    If a data set cannot list its paths in advance (method ``image_paths``), names are given in the order of reading. If
    several processes share such a data set, a name contains the sample's index.

    Args:
        dataset: The whole data set.
    """

    def __init__(self, dataset: Any) -> None:
        self._used: Counter[str] = Counter()
        self._given: set[str] = set()
        self._names: list[str] = []
        if hasattr(dataset, 'image_paths'):
            self._names = [self._unique(path) for path in dataset.image_paths()]

    def of(self, index: int, path: str) -> str:
        """The name of the sample at a place of the data set."""
        if self._names:
            return self._names[index]
        return self._unique(path) if get_dist_info()[1] == 1 else f'{Path(path).stem}_{index:06d}'

    def _unique(self, path: str) -> str:
        stem = Path(path).stem
        while True:
            number = self._used[stem]
            self._used[stem] += 1
            name = f'{stem}_{number}' if number else stem
            # Another file may be called what a number makes of this one.
            if name not in self._given:
                self._given.add(name)
                return name


def bin_rows(scores: Sequence[ImageScores], bins: Sequence[Bin], scorer: Scorer) -> list[dict[str, Any]]:
    """The lines of the CSV file of bins: all images first, then each bin."""
    groups = {'all': list(scores)}
    for span in bins:
        groups[bin_name(span)] = [image for image in scores if in_bin(image.hole_share, span, bins)]
    # Columns that count them, only where there are any.
    counted = [name for name, count in scorer.infinite(scores).items() if count]
    rows = []
    for name, images in groups.items():
        shares = [image.hole_share for image in images if image.hole_share is not None]
        row: dict[str, Any] = {'bin': name, 'images': len(images)}
        row['hole_share'] = float(np.mean(shares)) if shares else ''
        row.update({key: '' if math.isnan(value) else value for key, value in scorer.means(images).items()})
        row.update({f'{name}{INFINITE}': scorer.infinite(images)[name] for name in counted})
        rows.append(row)
    return rows


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table, whole or not at all."""
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    with atomic_file(path, durable=False) as file:
        file.write(text.getvalue().encode())
