"""Curves of a metric against hole share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from hcl_arch.commands.report.results import DatasetScores, ImageRow, mean_of

N_BINS = 20
"""Bins of hole share, each of 5 %."""

# Okabe and Ito's colour-blind safe colours, without yellow, which is too light on white.
_COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9', '#E69F00', '#000000')
_MARKERS = 'os^Dv<>P'
_LINES = ('-', '--', ':')

# One point of a curve: hole share in percent (middle of its bin) and mean of the metric.
Point = tuple[float, float]


def curve(images: Sequence[ImageRow], metric: str) -> list[Point]:
    """Means of a metric over the images in bins of 5 % hole share; bins without finite values are left out.

    An image at the boundary of two bins counts in the upper one; an image that is all hole counts in the last.
    """
    binned: dict[int, list[ImageRow]] = {}
    for image in images:
        if image.hole_share is not None:
            # Rounded, because 0.15 * 20 is slightly less than 3.
            binned.setdefault(min(int(round(image.hole_share * N_BINS, 9)), N_BINS - 1), []).append(image)
    points = []
    for number in sorted(binned):
        measured = mean_of(binned[number], metric)
        if measured is not None and math.isfinite(measured.mean):
            points.append(((number + 0.5) * 100 / N_BINS, measured.mean))
    return points


def curves_of(scores: Mapping[str, DatasetScores], metric: str) -> dict[str, list[Point]]:
    """The curve of each method that has one."""
    curves = {method: curve(of_method.images, metric) for method, of_method in scores.items()}
    return {method: points for method, points in curves.items() if points}


def can_draw() -> bool:
    """Whether matplotlib is installed; only the curves need it."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


def draw_curves(file: Path, curves: Mapping[str, Sequence[Point]], label: str, *, numbers: Mapping[str, int]) -> None:
    """Draw curves as an SVG file, reproducibly.

    Args:
        file: Path of the file.
        curves: By method.
        label: Label of the vertical axis.
        numbers: Number of each method, which determines its colour.
    """
    import matplotlib
    from matplotlib.figure import Figure

    # Without a salt, identifiers in an SVG file are random. A dollar sign in a name does not start a formula.
    with matplotlib.rc_context({'svg.hashsalt': 'hcl-report', 'font.size': 10, 'text.parse_math': False}):
        figure = Figure(figsize=(6, 3.6))
        axes = figure.subplots()
        for method, points in curves.items():
            number = numbers[method]
            axes.plot(
                *zip(*points),
                label=_legend_text(method),
                color=_COLOURS[number % len(_COLOURS)],
                markersize=4,
                marker=_MARKERS[number % len(_MARKERS)],
                linestyle=_LINES[number // len(_COLOURS) % len(_LINES)],
            )
        axes.set(xlabel='hole share (%), in steps of 5 %', ylabel=label)
        axes.grid(color='#dddddd', linewidth=0.6)
        axes.spines[['top', 'right']].set_visible(False)
        axes.legend(frameon=False, fontsize=9, ncols=2, loc='upper center', bbox_to_anchor=(0.5, -0.18))
        figure.savefig(file, format='svg', bbox_inches='tight', metadata={'Date': None})


def _legend_text(method: str) -> str:
    """Text for the legend, which would omit names that begin with an underscore."""
    return f' {method}' if method.startswith('_') else method
