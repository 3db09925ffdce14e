"""Speed and memory of a training iteration of options/train_hcl_places.yml, in all and by parts.

    python benchmarks/bench_training.py                                     # batch 1 at 256 x 256 in bfloat16
    python benchmarks/bench_training.py --precision fp32 --use-checkpoint
    python benchmarks/bench_training.py --batch 12 --compile default --profile trace.json   # on a GPU, if there is one

Images and masks are random, VGG's weights too: neither changes the cost. All losses and both networks take part. The
yardstick is taken in the same process afterwards. --profile also counts the operations that make the host wait for the
device inside a step.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional
from unittest import mock

import torch
from measuring import TRAINING_GFLOP, PartTimes, all_seconds, bytes_in_use, figures
from torch.profiler import profile

from hcl_arch.models import HCLModel
from hcl_arch.training.weight_gradients import CHOICES
from hcl_arch.utils.host_memory import keep_freed_memory
from hcl_arch.utils.option_file import read_option_file
from hcl_arch.utils.precision import COMPILE_MODES

OPTION_FILE = Path(__file__).resolve().parents[1] / 'options' / 'train_hcl_places.yml'
# Of the operators and of CUDA's runtime: what makes the host wait.
WAITS = ('aten::item', 'aten::_local_scalar_dense', 'aten::nonzero', 'cudaStreamSynchronize', 'cudaDeviceSynchronize',
         'cudaEventSynchronize')  # fmt: skip
PARTS = {
    '_restore_part': 'forward pass',
    '_discriminator_backward': 'discriminator, with backward pass',
    '_detection_losses': 'losses of detection',
    '_restoration_losses': 'losses of restoration',
}


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', type=int, default=256, help='side of the images (256)')
    parser.add_argument('--batch', type=int, default=1, help='images an iteration (1)')
    parser.add_argument('--accumulation', type=int, default=1, help='parts that a batch is trained in (1)')
    parser.add_argument('--precision', default='bf16', choices=('fp32', 'bf16', 'fp16'))
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--compile', default=False, choices=COMPILE_MODES, help='mode of torch.compile (off)')
    parser.add_argument('--weight-gradients', default='auto', choices=CHOICES, help='memory layout (auto)')
    parser.add_argument('--use-checkpoint', action='store_true', help='compute again instead of keeping')
    parser.add_argument('--repeats', type=int, default=5, help='timed iterations, whose median counts (5)')
    parser.add_argument('--least-memory', action='store_true', help="leave the C library's allocator as it is")
    parser.add_argument('--profile', type=Path, help="Chrome trace of one iteration, and the host's waits")
    parser.add_argument('--json', type=Path, help='file for the figures')
    arguments = parser.parse_args(argv)
    result = measure(arguments)
    print(report(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2), encoding='utf-8')


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure in this process."""
    device = arguments.device
    if not arguments.least_memory:
        keep_freed_memory()
    model = HCLModel(training_options(arguments))
    batch = random_batch(arguments.batch, arguments.size)

    def iteration() -> None:
        model.feed_data(batch)
        model.optimize_parameters(1)

    before = bytes_in_use(device)
    seconds = all_seconds(iteration, device, arguments.repeats, warm_up=3 if arguments.compile else 2)
    gflop = TRAINING_GFLOP * arguments.size**2 / 256**2 * arguments.batch
    names = ('precision', 'batch', 'size', 'accumulation', 'compile', 'use_checkpoint', 'weight_gradients')
    result = {
        **{name: getattr(arguments, name) for name in names},
        **figures(seconds, images=arguments.batch, gflop=gflop, device=device, before=before),
    }
    parts = PartTimes(device)
    if not arguments.compile:
        with timed_parts(model, parts):
            iteration()
    waits = profiled(iteration, arguments.profile) if arguments.profile else None
    return {**result, 'part_seconds': dict(parts.seconds), 'waits': waits}


def training_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the paper's training, as BasicSR's parser would hand them over."""
    options = read_option_file(OPTION_FILE)
    options.update(is_train=True, dist=False, rank=0, world_size=1, num_gpu=int(arguments.device == 'cuda'))
    options.update(precision=arguments.precision, compile=arguments.compile)
    options['weight_gradients'] = arguments.weight_gradients
    train = options['train']
    train.update(accumulation_steps=arguments.accumulation, phase1_iter=0)  # the masks that are found guide
    for name in ('perceptual_opt', 'perceptual_coarse_opt'):
        train[name] = {**train[name], 'weights': 'random', 'use_checkpoint': arguments.use_checkpoint}
    for network in (options['network_g'], options['network_g']['refiner']):
        network['use_checkpoint'] = arguments.use_checkpoint
    return options


def random_batch(count: int, size: int) -> dict[str, Any]:
    """Random images with a corrupted square in each."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(count, 3, size, size, generator=generator)
    mask = torch.ones(count, 1, size, size)
    mask[..., size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = 0
    noise = torch.rand(count, 3, size, size, generator=generator)
    return {'gt': truth, 'lq': truth * mask + noise * (1 - mask), 'mask': mask, 'lq_path': [''] * count}


@contextlib.contextmanager
def timed_parts(model: Any, parts: PartTimes) -> Iterator[None]:
    """Time the parts of a training step."""
    steps = {'generator': model._step_g, 'discriminator': model._step_d}
    with contextlib.ExitStack() as stack:
        for method, name in PARTS.items():
            wrapped = parts.wrapped(getattr(model, method), name)
            stack.enter_context(mock.patch.object(model, method, wrapped))
        backward = parts.wrapped(model._step_g.backward, 'backward pass')
        stack.enter_context(mock.patch.object(model._step_g, 'backward', backward))
        for name, step in steps.items():
            stack.enter_context(mock.patch.object(step, 'step', parts.wrapped(step.step, f'optimizer of the {name}')))
        stack.enter_context(parts.of_network(model.get_bare_model(model.net_g)))
        yield


def profiled(iteration: Any, trace: Path) -> dict[str, int]:
    """Write a trace of one iteration; how often each operation ran that makes the host wait."""
    with profile() as profiler:
        iteration()
    profiler.export_chrome_trace(str(trace))
    counts = Counter({event.key: event.count for event in profiler.key_averages() if event.key in WAITS})
    return {name: counts[name] for name in WAITS}


def report(result: dict[str, Any]) -> str:
    """The figures as lines of text."""
    times = result['times_yardstick']
    lines = [
        f'{result["precision"]}, batch {result["batch"]} in {result["accumulation"]} part(s), {result["size"]} pixels, '
        f'checkpointing {"on" if result["use_checkpoint"] else "off"}, compile {result["compile"]}, '
        f'weight gradients {result["weight_gradients"]}:',
        f'  {result["median_seconds"]:.3f} s an iteration (all: {", ".join(f"{s:.2f}" for s in result["seconds"])}), '
        f'{result["images_per_second"]:.2f} images/s, {result["gflops"]:.0f} GFLOP/s',
        f'  {times["float32"]:.2f} x the float32 yardstick, {times["bfloat16"]:.2f} x the bfloat16 yardstick '
        f'({result["yardstick_gflops"]["float32"]:.0f} and {result["yardstick_gflops"]["bfloat16"]:.0f} GFLOP/s)',
        f'  peak memory {result["peak_gib"]:.2f} GiB, {result["peak_above_start_gib"]:.2f} GiB above the start',
    ]
    lines += [f'  {name}: {seconds:.3f} s' for name, seconds in result['part_seconds'].items()]
    if result['waits'] is not None:
        lines.append(f'  host waiting for the device: {result["waits"]}')
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
