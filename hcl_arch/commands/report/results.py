"""Reading the results of test runs: the CSV files that `BlindRestorationModel` writes."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from hcl_arch.commands.report.errors import ReportError
from hcl_arch.utils.hole_share_bins import INFINITE, in_bin

ALL = 'all'
"""Name of the bin that holds all images."""

_ABOUT_IMAGE = ('image', 'corruption', 'hole_share')
_ABOUT_BIN = ('bin', 'images', 'hole_share')


@dataclass(frozen=True)
class Measured:
    """A mean and its standard error over images, None if unknown; images with an infinite value only counted."""

    mean: float
    error: Optional[float] = None
    infinite: int = 0


@dataclass(frozen=True)
class ImageRow:
    """A measured image, without values that are empty in the file."""

    name: str
    corruption: str
    hole_share: Optional[float]
    values: Mapping[str, float]


@dataclass(frozen=True)
class BinRow:
    """Means over the images of a bin of hole share."""

    n_images: int
    hole_share: Optional[float]
    values: Mapping[str, float]


@dataclass(frozen=True)
class DatasetScores:
    """A run's scores on a data set."""

    images: Sequence[ImageRow]
    bins: Mapping[str, BinRow]
    """By name as `30-60`, in the order of the file; `all` is always there."""
    metrics: Sequence[str]
    """Names of the metrics, in the order of the files."""

    def in_bin(self, metric: str, bin_name: str) -> Optional[Measured]:
        """Mean of a metric over a bin as the run wrote it, with its standard error if the images are known.

        Where infinite values have spoilt what the run wrote, the mean is that of the others.
        """
        row = self.bins.get(bin_name)
        if row is None or metric not in row.values:
            return None
        images = self._images_of(bin_name)
        measured = mean_of(images, metric) if len(images) == row.n_images else None
        written = row.values[metric]
        if measured is None:
            return Measured(written)
        return replace(measured, mean=written) if math.isfinite(written) else measured

    def of_corruption(self, metric: str, corruption: str) -> Optional[Measured]:
        """Mean of a metric over the images of a kind of corruption."""
        return mean_of([image for image in self.images if image.corruption == corruption], metric)

    def _images_of(self, bin_name: str) -> list[ImageRow]:
        spans = {name: span for name in self.bins if (span := bin_span(name)) is not None}
        if bin_name not in spans:
            return list(self.images) if bin_name == ALL else []
        return [image for image in self.images if in_bin(image.hole_share, spans[bin_name], list(spans.values()))]


@dataclass(frozen=True)
class RunResults:
    """The content of a run's results folder."""

    folder: Path
    datasets: Mapping[str, DatasetScores]
    warnings: Sequence[str] = ()


def mean_of(images: Sequence[ImageRow], metric: str) -> Optional[Measured]:
    """Mean over the images that have a finite value, with s / sqrt(n) as its error if n > 1.

    Infinite values, such as the PSNR of an image that equals its truth, are counted; if all are, they are the mean.
    """
    given = [image.values[metric] for image in images if metric in image.values]
    if not given:
        return None
    values = [value for value in given if math.isfinite(value)]
    if not values:
        return Measured(sum(given) / len(given), infinite=len(given))
    mean, infinite = math.fsum(values) / len(values), len(given) - len(values)
    if len(values) < 2:
        return Measured(mean, infinite=infinite)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return Measured(mean, math.sqrt(variance / len(values)), infinite)


def bin_span(name: str) -> Optional[tuple[float, float]]:
    """The shares denoted by a bin's name: `30-60` -> (0.3, 0.6); None for `all` and other words."""
    low, dash, high = name.partition('-')
    try:
        return (float(low) / 100, float(high) / 100) if dash else None
    except ValueError:
        return None


def read_run(folder: Path) -> RunResults:
    """Read all CSV files of a results folder: <data set>.csv and, if present, <data set>_bins.csv.

    Raises:
        ReportError: If it is not a folder, contains no scores, or a file cannot be read.
    """
    if not folder.is_dir():
        raise ReportError(f"'{folder}' is no folder: name the results folder of a test run, as results/<run name>.")
    files = {path.stem: _read_csv(path) for path in sorted(folder.glob('*.csv'))}
    of_images = {name: lines for name, lines in files.items() if lines and 'image' in lines[0]}
    of_bins = {
        name: lines
        for name, lines in files.items()
        if lines and 'bin' in lines[0] and name.endswith('_bins') and name[: -len('_bins')] in of_images
    }
    if not of_images:
        found = ', '.join(f'{name}.csv' for name in files) or 'no CSV file'
        raise ReportError(
            f"'{folder}' holds no scores: expected <data set>.csv with a column `image` and a line for "
            f'each image, as hcl-test writes it, got {found}.'
        )
    warnings = [
        f"'{folder / name}.csv' is left out: it has no column `image`, and is no table of bins (column `bin`, "
        'name <data set>_bins.csv) of a data set here.'
        for name in files
        if name not in of_images and name not in of_bins
    ]
    datasets = {}
    for name, lines in of_images.items():
        datasets[name], more = _dataset(lines, of_bins.get(f'{name}_bins', []))
        warnings += [f"'{folder}', data set '{name}': {text}" for text in more]
    return RunResults(folder, datasets, tuple(warnings))


def _read_csv(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline='', encoding='utf-8') as file:
            rows = list(csv.DictReader(file, restval=''))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReportError(f"'{path}' cannot be read as a CSV file in UTF-8: {error}") from error
    if any(None in row for row in rows):
        raise ReportError(f"'{path}' has lines with more values than its first line names: test the run again.")
    return rows


def _dataset(
    image_lines: Sequence[Mapping[str, str]], bin_lines: Sequence[Mapping[str, str]]
) -> tuple[DatasetScores, list[str]]:
    names = dict.fromkeys(key for lines in (bin_lines, image_lines) for key in (lines or [{}])[0])
    about = (*_ABOUT_IMAGE, *_ABOUT_BIN, *(f'{name}{INFINITE}' for name in names))
    candidates = [key for key in names if key not in about]
    texts = [key for key in candidates if _holds_text(key, [*image_lines, *bin_lines])]
    metrics = [key for key in candidates if key not in texts]
    images = [
        ImageRow(line['image'], line.get('corruption', ''), _number(line.get('hole_share', '')), _values(line, metrics))
        for line in image_lines
    ]
    bins = {
        line['bin']: BinRow(
            int(_number(line.get('images', '')) or 0), _number(line.get('hole_share', '')), _values(line, metrics)
        )
        for line in bin_lines
    }
    warnings = [f'column `{key}` holds words, not numbers: it is left out.' for key in texts]
    if ALL not in bins:
        bins = {ALL: _bin_of_all(images, metrics), **bins}
    elif bins[ALL].n_images != len(images):
        warnings.append(
            f'the table of bins is of {bins[ALL].n_images} images, that of images has {len(images)}: one of the two '
            'files is of another test.'
        )
    return DatasetScores(images, bins, metrics), warnings


def _bin_of_all(images: Sequence[ImageRow], metrics: Sequence[str]) -> BinRow:
    """The first line that a missing file of bins would have."""
    means = {metric: mean_of(images, metric) for metric in metrics}
    shares = [image.hole_share for image in images if image.hole_share is not None]
    return BinRow(
        n_images=len(images),
        hole_share=math.fsum(shares) / len(shares) if shares else None,
        values={metric: measured.mean for metric, measured in means.items() if measured is not None},
    )


def _values(line: Mapping[str, str], metrics: Sequence[str]) -> dict[str, float]:
    numbers = {metric: _number(line.get(metric, '')) for metric in metrics}
    return {metric: number for metric, number in numbers.items() if number is not None}


def _number(text: str) -> Optional[float]:
    """The number in a field; None for empty fields, NaN and words."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _holds_text(key: str, lines: Sequence[Mapping[str, str]]) -> bool:
    texts = [line[key] for line in lines if line.get(key, '').strip()]
    return any(_number(text) is None and text.strip().lower() != 'nan' for text in texts)
