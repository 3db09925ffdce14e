"""What the speed benchmarks share: yardstick, peak memory, time of parts."""

from __future__ import annotations

import contextlib
import platform
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import nn

import hcl_arch

# Operations of the network and the refiner at 256 x 256, and of a training iteration with backward passes and losses,
# two to a multiply-add, as plain convolutions, products and attention would need them: what is saved by
# computing them otherwise counts as speed.
INFERENCE_GFLOP = 527.0
TRAINING_GFLOP = 1650.0
_YARDSTICK_GFLOP = 2 * 9 * 64 * 64 * 256 * 256 / 1e9
GIB = 2**30


def yardstick(dtype: torch.dtype, device: str, repeats: int = 15) -> float:
    """Speed of this machine at this moment: GFLOP/s of a 3 x 3 convolution from 64 to 64 channels at 256 x 256."""
    x = torch.randn(1, 64, 256, 256, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    weight = torch.randn(64, 64, 3, 3, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        return _YARDSTICK_GFLOP / median_seconds(lambda: F.conv2d(x, weight, padding=1), device, repeats)


def median_seconds(action: Callable[[], Any], device: str, repeats: int, warm_up: int = 1) -> float:
    """Median time of an action, the device's work included."""
    return statistics.median(all_seconds(action, device, repeats, warm_up))


def all_seconds(action: Callable[[], Any], device: str, repeats: int, warm_up: int = 1) -> list[float]:
    """Times of an action after warming up, the device's work included."""
    for _ in range(warm_up):
        action()
    seconds = []
    for _ in range(repeats):
        synchronise(device)
        start = time.perf_counter()
        action()
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    return seconds


def synchronise(device: str) -> None:
    """Wait for the device; nothing to wait for on a CPU."""
    if device != 'cpu':
        torch.cuda.synchronize()


def peak_bytes(device: str) -> int:
    """Most memory so far: of the process in RAM, interpreter and libraries included, or of tensors on a GPU."""
    if device != 'cpu':
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def figures(seconds: list[float], *, images: int, gflop: float, device: str, before: int) -> dict[str, Any]:
    """What timed runs say; takes the yardstick, so memory is read first.

    Args:
        seconds: Of each run.
        images: In each run.
        gflop: Operations of each run.
        device: Where it ran.
        before: Bytes in use at the start.
    """
    peak, median = peak_bytes(device), statistics.median(seconds)
    speeds = {str(dtype)[6:]: yardstick(dtype, device) for dtype in (torch.float32, torch.bfloat16)}
    return {
        'machine': about_machine(device),
        'seconds': seconds,
        'median_seconds': median,
        'median_seconds_per_image': median / images,
        'images_per_second': images / median,
        'gflops': gflop / median,
        'yardstick_gflops': speeds,
        'times_yardstick': {name: gflop / median / speed for name, speed in speeds.items()},
        'peak_gib': peak / GIB,
        'peak_above_start_gib': (peak - before) / GIB,
    }


def bytes_in_use(device: str) -> int:
    """Memory of the process in RAM at this moment (Linux), or of tensors on a GPU."""
    if device != 'cpu':
        return torch.cuda.memory_allocated()
    with open('/proc/self/statm', encoding='ascii') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class PartTimes:
    """Adds up the seconds that parts of a computation take; parts may contain others."""

    def __init__(self, device: str) -> None:
        self._device = device
        self.seconds: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        synchronise(self._device)
        start = time.perf_counter()
        yield
        synchronise(self._device)
        self.seconds[name] += time.perf_counter() - start

    def wrapped(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return timed

    @contextlib.contextmanager
    def of_network(self, net: nn.Module) -> Iterator[None]:
        """Time the parts of an HCLNet."""
        modules = {
            'encoder': net.detector.encoder,
            'projection heads': net.detector.projection_heads,
            'bottleneck': net.bottleneck,
            'decoder': net.decoder,
            'refiner': net.refiner,
        }
        hierarchy = 'hcl_arch.archs.hcl_detector_arch.detect_masks'
        with contextlib.ExitStack() as stack:
            for name, module in modules.items():
                stack.enter_context(mock.patch.object(module, 'forward', self.wrapped(module.forward, name)))
            original = hcl_arch.archs.hcl.mask_hierarchy.detect_masks
            stack.enter_context(mock.patch(hierarchy, self.wrapped(original, 'mask hierarchy')))
            yield


def about_machine(device: str) -> dict[str, Any]:
    """What a figure depends on."""
    about = {
        'hcl_arch': hcl_arch.__version__,
        'torch': torch.__version__,
        'device': torch.cuda.get_device_name() if device != 'cpu' else platform.processor() or platform.machine(),
        'threads': torch.get_num_threads(),
    }
    if device == 'cpu':
        capability = torch.backends.cpu.get_cpu_capability()
        about['cpu'] = {'capability': capability, 'amx': torch.cpu._is_amx_tile_supported()}
    return about
