"""Speed and memory of blind restoration at the Places setting, in all and by parts.

    python benchmarks/bench_inference.py                                   # batch 1 at 256 x 256, float32 and bfloat16
    python benchmarks/bench_inference.py --batch 16 --precision bf16 --compile default     # on a GPU, if there is one

The yardstick, a plain convolution, is taken in the same process before and after; its median counts. Memory is the peak
of the process so far: for that of one precision name it alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import torch
from measuring import INFERENCE_GFLOP, PartTimes, all_seconds, bytes_in_use, figures

from hcl_arch.archs import HCLNet, HCLRefineNet
from hcl_arch.utils.host_memory import keep_freed_memory
from hcl_arch.utils.precision import COMPILE_MODES, autocast, compile_network, lower_weights


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', type=int, nargs='+', default=[256], help='side, or height and width (256)')
    parser.add_argument('--batch', type=int, default=1, help='images at once (1)')
    parser.add_argument('--precision', nargs='+', default=['fp32', 'bf16'], choices=('fp32', 'bf16', 'fp16'))
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--compile', default=False, choices=COMPILE_MODES, help='mode of torch.compile (off)')
    parser.add_argument('--repeats', type=int, default=7, help='timed runs, whose median counts (7)')
    parser.add_argument('--warm-up', type=int, help='runs before these (1; 3 if compiled)')
    parser.add_argument('--no-parts', action='store_true', help='do not time the parts')
    parser.add_argument('--least-memory', action='store_true', help="leave the C library's allocator as it is")
    parser.add_argument('--json', type=Path, help='file for the figures')
    arguments = parser.parse_args(argv)
    results = [measure(arguments, precision) for precision in arguments.precision]
    print(table(results))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), encoding='utf-8')


def measure(arguments: argparse.Namespace, precision: str) -> dict[str, Any]:
    """Measure one precision in this process."""
    device, (height, width) = arguments.device, (arguments.size * 2)[:2]
    if not arguments.least_memory:
        keep_freed_memory()
    torch.manual_seed(0)
    net = HCLNet(refiner=HCLRefineNet()).eval().to(device)  # the network of options/train_hcl_places.yml
    lower_weights(net, precision)
    images = torch.rand(arguments.batch, 3, height, width, device=device)
    if device != 'cpu':
        torch.cuda.reset_peak_memory_stats()
    warm_up = arguments.warm_up if arguments.warm_up is not None else (3 if arguments.compile else 1)
    before = bytes_in_use(device)
    compile_network(net, arguments.compile)
    with torch.inference_mode(), autocast(precision, device):
        seconds = all_seconds(lambda: net(images), device, arguments.repeats, warm_up)
    gflop = INFERENCE_GFLOP * height * width / 256**2 * arguments.batch
    result = {
        **{name: getattr(arguments, name) for name in ('batch', 'compile')},
        'precision': precision,
        'size': [height, width],
        **figures(seconds, images=arguments.batch, gflop=gflop, device=device, before=before),
    }
    parts = PartTimes(device)
    if not arguments.compile and not arguments.no_parts:
        with torch.inference_mode(), autocast(precision, device), parts.of_network(net):
            net(images)
    return {**result, 'part_seconds': dict(parts.seconds)}


def table(results: list[dict[str, Any]]) -> str:
    """The figures as Markdown: in all, then by parts."""
    lines = [
        '| precision | batch | size | s an image | images/s | GFLOP/s | x yardstick float32 | x bfloat16 | peak GiB |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for result in results:
        times = result['times_yardstick']
        lines.append(
            f'| {result["precision"]} | {result["batch"]} | {result["size"][0]} x {result["size"][1]} '
            f'| {result["median_seconds_per_image"]:.3f} | {result["images_per_second"]:.2f} | {result["gflops"]:.0f} '
            f'| {times["float32"]:.2f} | {times["bfloat16"]:.2f} | {result["peak_gib"]:.2f} |'
        )
    for result in results:
        if result['part_seconds']:
            total = sum(result['part_seconds'].values())
            parts = ', '.join(f'{name} {s:.3f} s ({s / total:.1%})' for name, s in result['part_seconds'].items())
            lines.append(f'\n{result["precision"]}: {parts}')
    yardsticks = {
        name: statistics.median(result['yardstick_gflops'][name] for result in results)
        for name in results[0]['yardstick_gflops']
    }
    lines.append('\nyardstick: ' + ', '.join(f'{name} {speed:.0f} GFLOP/s' for name, speed in yardsticks.items()))
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
