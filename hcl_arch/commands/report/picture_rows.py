"""Pictures of single images: input, truth and true mask beside the mask and the restoration of every method."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from hcl_arch.commands.report.document import Cell, Column, Table
from hcl_arch.commands.report.metric_kinds import MetricKind, kind_of
from hcl_arch.commands.report.results import DatasetScores

_RANKED_BY = ('corrupted_iou', 'mask_iou', 'psnr')

# A row of pictures: its label, and the name endings of the files of the input, the truth and the methods.
_ROWS = (
    ('image', '_input', '_truth', ''),
    ('mask', None, '_true_mask', '_mask'),
    ('reversed', None, None, '_reversed'),
)


class SavedPictures:
    """The pictures that a test saved for a data set: `<image>_<tag><end>.png`, with the run's tag.

    Args:
        folder: results/<run>/visualization/<data set>; may be missing.
        names: Names of the images.
        run_name: Name of the run, its most likely tag.
    """

    def __init__(self, folder: Path, names: Sequence[str], run_name: str) -> None:
        self._files = {path.stem: path for path in folder.glob('*.png')}
        # One image's name may be another's plus a number, so the tag is the one shared by most images.
        tags = _tags(self._files, set(names))
        self._tag = max(tags, key=lambda tag: (tags[tag], tag == run_name, tag)) if tags else run_name

    def __contains__(self, image: str) -> bool:
        return self.file(image, '_mask') is not None

    def file(self, image: str, end: str) -> Optional[Path]:
        """One picture of an image; None if it is missing."""
        return self._files.get(f'{image}_{self._tag}{end}')


def _tags(stems: Mapping[str, Path], names: set[str]) -> Counter[str]:
    """The tags after the images' names in picture file names, taken from the mask, which is always saved."""
    tags: Counter[str] = Counter()
    for stem in stems:
        if stem.endswith('_mask') and not stem.endswith('_true_mask'):
            words = stem[: -len('_mask')].split('_')
            tags.update('_'.join(words[i:]) for i in range(1, len(words)) if '_'.join(words[:i]) in names)
    return tags


@dataclass(frozen=True)
class ChosenImage:
    """An image to show, with its rank in words."""

    name: str
    rank: str


@dataclass(frozen=True)
class Choice:
    """The images to show, and the rule by which they were chosen."""

    images: Sequence[ChosenImage]
    rule: str


def choose_images(
    candidates: Sequence[str], scores: Mapping[str, DatasetScores], kinds: Sequence[MetricKind], count: int
) -> Choice:
    """Choose images at evenly spaced ranks from the worst to the best; a single one is the median.

    Args:
        candidates: Names of the images with pictures.
        scores: By method; an image ranks by the mean over the methods that measured it.
        kinds: Kinds of the metrics, for their direction.
        count: How many; fewer if there are not enough.
    """
    metric, values = _rank_values(candidates, scores)
    kind = kind_of(metric, kinds) if metric else None
    sign = -1 if kind is not None and kind.better == 'lower' else 1
    ranked = sorted(candidates, key=lambda name: (sign * values[name], name)) if metric else list(candidates)
    count = min(count, len(ranked))
    images = []
    for i in range(count):
        share = i / (count - 1) if count > 1 else 0.5
        name = ranked[round(share * (len(ranked) - 1))]
        images.append(ChosenImage(name, f'{_rank_name(share)}: {metric} {values[name]:.3f}' if metric else ''))
    order = f'ranked by {metric}, mean over the methods' if metric else 'in the order of the files'
    return Choice(images, f'{count} of the {len(ranked)} images of which pictures were saved, {order}, at even ranks.')


def _rank_values(
    candidates: Sequence[str], scores: Mapping[str, DatasetScores]
) -> tuple[Optional[str], dict[str, float]]:
    """The first metric with values for all candidates, with its mean over the methods."""
    for metric in _RANKED_BY:
        found: dict[str, list[float]] = {name: [] for name in candidates}
        for of_method in scores.values():
            for image in of_method.images:
                if image.name in found and metric in image.values:
                    found[image.name].append(image.values[metric])
        if all(found.values()):
            return metric, {name: sum(values) / len(values) for name, values in found.items()}
    return None, dict.fromkeys(candidates, math.nan)


def _rank_name(share: float) -> str:
    named = {0: 'worst', 0.25: 'lower quartile', 0.5: 'median', 0.75: 'upper quartile', 1: 'best'}
    return named.get(share, f'rank {100 * share:.0f} %')


def picture_table(
    chosen: Sequence[ChosenImage], methods: Mapping[str, SavedPictures], caption: str, keep: Callable[[Path, str], str]
) -> Table:
    """A table with a row of images and a row of masks for each chosen image; a missing picture is `-`.

    Args:
        chosen: The images.
        methods: Saved pictures of each method; shared pictures are taken from the first method that has them.
        caption: Caption of the table.
        keep: Receives a file and a name for it, and returns the path under which the page shows it.
    """
    rows = []
    for number, image in enumerate(chosen, start=1):
        heading = f'{image.name} ({image.rank})' if image.rank else image.name
        for label, input_end, truth_end, own_end in _ROWS:
            files = [_first(image.name, methods, end) for end in (input_end, truth_end)]
            files += [saved.file(image.name, own_end) for saved in methods.values()]
            if not any(files):
                continue
            cells = [
                Cell('-')
                if file is None
                else Cell(f'{image.name}: {label}, {source}', picture=keep(file, f'{number:02d}_{label}_{place:02d}'))
                for place, (source, file) in enumerate(zip(['input', 'truth', *methods], files))
            ]
            if input_end is None:
                cells[0] = Cell('')
            rows.append([Cell(heading), Cell(label), *cells])
    columns = [Column('image'), Column(''), Column('input'), Column('truth'), *map(Column, methods)]
    return Table(caption, columns, rows, n_labels=2)


def _first(image: str, methods: Mapping[str, SavedPictures], end: Optional[str]) -> Optional[Path]:
    files = (saved.file(image, end) for saved in methods.values() if end is not None)
    return next((file for file in files if file is not None), None)
