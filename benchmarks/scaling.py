"""How the cost of inference and of training grows with the pixels, the batch, the threads and the processes.

    python benchmarks/scaling.py figures.json --chart scaling.png         # hours on a CPU: beside nothing else
    python benchmarks/scaling.py figures.json --chart scaling.png --only inference --sides 128 256

One thing is varied at a time, from one image of 256 x 256 by all threads of one process: the side of the image, images
at once, threads, and processes with one thread each. Every point is a run of bench_inference.py or bench_training.py in
a process of its own; what figures.json has already is not measured again. Printed is a table with, for each series, the
exponent e of cost = c * pixels ** e, fitted by least squares to the logarithms.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
from tqdm import tqdm

FOLDER = Path(__file__).resolve().parent
WORK = {'inference': ['bench_inference.py', '--no-parts'], 'training': ['bench_training.py']}
SIDE = 256


class Point(NamedTuple):
    """What is measured at once."""

    work: str
    precision: str
    side: int
    batch: int
    threads: int
    processes: int

    @property
    def name(self) -> str:
        """Unique, and the key in the file of figures."""
        return (
            f'{self.work} {self.precision} side {self.side} batch {self.batch} '
            f'threads {self.threads} processes {self.processes}'
        )

    @property
    def pixels(self) -> int:
        """Of all images of a run of one process."""
        return self.side**2 * self.batch


class Cost(NamedTuple):
    """Of a point."""

    seconds: float
    """An image, all processes together."""
    gib: float
    """Peak of a process, libraries included."""


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('figures', type=Path, help='JSON file of what was measured, new or begun')
    parser.add_argument('--chart', type=Path, help='picture to draw')
    parser.add_argument('--only', choices=tuple(WORK), nargs='+', default=list(WORK), help='(both)')
    parser.add_argument('--precision', choices=('fp32', 'bf16'), default='fp32', help='(fp32)')
    parser.add_argument('--sides', type=int, nargs='+', default=[128, 256, 512, 1024], help='pixels (128 256 512 1024)')
    parser.add_argument('--batches', type=int, nargs='+', default=[1, 2, 4, 8], help='images (1 2 4 8)')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)), help='(all)')
    parser.add_argument('--repeats', type=int, default=3, help='timed runs, whose median counts (3)')
    arguments = parser.parse_args(argv)
    results = json.loads(arguments.figures.read_text('utf-8')) if arguments.figures.is_file() else {}
    for point in tqdm(points(arguments), unit='point'):
        if point.name not in results:
            results[point.name] = measured(point, arguments.repeats)
            arguments.figures.write_text(json.dumps(results, indent=2) + '\n', 'utf-8')
    costs = {point: cost_of(results[point.name]) for point in points(arguments)}
    print(table(costs))
    if arguments.chart:
        draw(costs, arguments.chart)


def points(arguments: argparse.Namespace) -> list[Point]:
    """All points, each once."""
    threads = sorted({1, arguments.threads})
    found = []
    for work in arguments.only:
        base = Point(work, arguments.precision, SIDE, 1, arguments.threads, 1)
        found += [base._replace(side=side, threads=count) for side in arguments.sides for count in threads]
        found += [base._replace(batch=batch) for batch in arguments.batches]
        found += [base._replace(threads=1, processes=count) for count in threads]
    return list(dict.fromkeys(found))


def measured(point: Point, repeats: int) -> list[dict[str, Any]]:
    """What each process says, all running at once."""
    script, *flags = WORK[point.work]
    command = [sys.executable, str(FOLDER / script), '--size', str(point.side), '--batch', str(point.batch), *flags]
    command += ['--precision', point.precision, '--repeats', str(repeats), '--json']
    environment = {**os.environ, 'OMP_NUM_THREADS': str(point.threads)}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f'{number}.json' for number in range(point.processes)]
        running = [subprocess.Popen([*command, str(f)], env=environment, stdout=subprocess.DEVNULL) for f in files]
        failed = [process for process in running if process.wait()]
        if failed:
            raise SystemExit(f'{point.name}: {" ".join(map(str, failed[0].args))} failed')
        loaded = [json.loads(file.read_text('utf-8')) for file in files]
    return [each[0] if isinstance(each, list) else each for each in loaded]


def cost_of(processes: list[dict[str, Any]]) -> Cost:
    """The cost that the figures of a point's processes say."""
    images_per_second = sum(each['images_per_second'] for each in processes)
    return Cost(1 / images_per_second, max(each['peak_gib'] for each in processes))


def exponent(pixels: Sequence[float], costs: Sequence[float]) -> float:
    """The e of cost = c * pixels ** e, by least squares of the logarithms."""
    return float(np.polyfit(np.log(pixels), np.log(costs), 1)[0])


def series(costs: dict[Point, Cost]) -> dict[str, dict[Point, Cost]]:
    """The points by size, for each kind of work and number of threads."""
    found: dict[str, dict[Point, Cost]] = {}
    for point, cost in sorted(costs.items(), key=lambda item: item[0].side):
        if point.batch == 1 and point.processes == 1:
            name = f'{point.work}, {point.threads} thread{"s" * (point.threads > 1)}'
            found.setdefault(name, {})[point] = cost
    return {name: points for name, points in found.items() if len(points) > 1}


def table(costs: dict[Point, Cost]) -> str:
    """All points, then the exponents, as Markdown."""
    lines = ['| | side | images | threads | processes | s an image | peak GiB |', '|---|---|---|---|---|---|---|']
    for point, cost in costs.items():
        work, _, *numbers = point
        lines.append(f'| {work} | {" | ".join(map(str, numbers))} | {cost.seconds:.3g} | {cost.gib:.2f} |')
    lines += ['', f'Exponents against the pixels, {next(iter(costs)).precision}:', '']
    for name, found in series(costs).items():
        pixels = [point.pixels for point in found]
        seconds, memory = ([cost[index] for cost in found.values()] for index in (0, 1))
        lines.append(f'- {name}: seconds {exponent(pixels, seconds):.2f}, peak memory {exponent(pixels, memory):.2f}')
    return '\n'.join(lines)


def draw(costs: dict[Point, Cost], file: Path) -> None:
    """Draw seconds and memory against the pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout='constrained')
    axes = figure.subplots(1, 2)
    for name, found in series(costs).items():
        pixels = [point.pixels for point in found]
        for index, each in enumerate(axes):
            values = [cost[index] for cost in found.values()]
            each.loglog(pixels, values, marker='o', label=f'{name} (exponent {exponent(pixels, values):.2f})')
    for each, title in zip(axes, ('seconds an image', 'peak memory, GiB')):
        each.set(xlabel='pixels', title=title)
        each.grid(True, which='both', alpha=0.3)
        each.legend(fontsize='small')
    figure.savefig(file, dpi=110)


if __name__ == '__main__':
    main()
