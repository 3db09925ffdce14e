"""Nothing that the library does is seen by other threads of its process, and what they do changes no result."""

from __future__ import annotations

import contextlib
import io
import logging
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import torch
from PIL import Image

import hcl_arch
from hcl_arch.archs.registry import ARCHS
from hcl_arch.model_files import load_model, save_model
from hcl_arch.restoration import Restorer
from tests.contrast import with_contrast

WORKERS = 8


@pytest.fixture
def model(tmp_path: Path, small_options: dict[str, Any]) -> Path:
    torch.manual_seed(1)
    options = {'type': 'HCLNet', **small_options, 'refiner': {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1, 2]}}
    network = with_contrast(ARCHS.build(options))
    save_model(tmp_path / 'mine.safetensors', options, network.state_dict(), {'detect_side': 64})
    return tmp_path / 'mine.safetensors'


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'picture.png')
    return tmp_path / 'picture.png'


def whole_work(model: Path, picture: Path) -> list[np.ndarray]:
    """Load, build, detect and repair; the results."""
    restorer = Restorer(load_model(model).network, device='cpu', memory=256, detect_side=64)
    assert next(restorer._network.network.parameters()).dtype == torch.float32
    confidence = restorer.detect(picture)
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 10:40] = 255
    named = hcl_arch.restore(picture, model=model, device='cpu', mask=mask)
    return [confidence, restorer.repair(picture, mask).image, named.image]


def state_of_the_process() -> dict[str, Any]:
    return {
        'load': torch.load, 'download': torch.hub.download_url_to_file, 'stdout': sys.stdout, 'stderr': sys.stderr,
        'folder': Path.cwd(), 'threads': torch.get_num_threads(), 'type': torch.get_default_dtype(),
        'device': torch.utils._device.CURRENT_DEVICE, 'filters': list(warnings.filters),
        'warning': warnings.showwarning, 'limit': Image.MAX_IMAGE_PIXELS,
        'signals': [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        'random': (random.getstate(), torch.get_rng_state().tolist()),
        'numpy': repr(np.random.get_state()),  # noqa: NPY002
        'loggers': {
            name: (logger.level, logger.disabled, list(logger.handlers))
            for name, logger in logging.Logger.manager.loggerDict.items()
            if isinstance(logger, logging.Logger) and name in ('basicsr', 'tifffile', 'PIL', 'hcl_arch')
        },
    }  # fmt: skip


def changing(action: Callable[[], object], seen: list[str], over: threading.Event) -> None:
    """Compare the process with how it was, as often as there is time, while the action runs in another thread."""
    before = state_of_the_process()
    thread = threading.Thread(target=lambda: (action(), over.set()))
    thread.start()
    while not over.is_set():
        now = state_of_the_process()
        seen.extend(name for name, value in before.items() if now[name] != value)
    thread.join()


@pytest.mark.parametrize('step', ['load', 'network', 'detect'])
def test_process_stays_as_it_is(step: str, model: Path, picture: Path) -> None:
    whole_work(model, picture)  # so that all is imported
    network = load_model(model).network
    steps: dict[str, Callable[[], object]] = {
        'load': lambda: load_model(model),
        'network': lambda: Restorer(network, device='cpu'),
        'detect': lambda: Restorer(network, device='cpu', detect_side=64).restore(picture),
    }
    seen: list[str] = []
    changing(lambda: [steps[step]() for _ in range(5)], seen, threading.Event())
    assert set(seen) == set()


def test_default_type_of_the_caller_does_not_matter(model: Path, picture: Path) -> None:
    expected = whole_work(model, picture)
    for dtype in (torch.float64, torch.bfloat16):
        torch.set_default_dtype(dtype)
        try:
            found = whole_work(model, picture)
        finally:
            torch.set_default_dtype(torch.float32)
        for one, other in zip(found, expected):
            np.testing.assert_array_equal(one, other)


@pytest.fixture
def float32_afterwards() -> Iterator[None]:
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures('float32_afterwards')
def test_threads_side_by_side(model: Path, picture: Path, tmp_path: Path) -> None:
    torch.save({'a': torch.arange(3)}, tmp_path / 'theirs.pt')
    expected = whole_work(model, picture)
    over, one_at_a_time, printed = threading.Event(), threading.Lock(), [0] * WORKERS

    def theirs(worker: int) -> None:
        while not over.is_set():
            assert torch.equal(torch.load(tmp_path / 'theirs.pt')['a'], torch.arange(3))
            print(f'line of {worker}')
            printed[worker] += 1
            with one_at_a_time:  # what they share among themselves
                for dtype in (torch.float64, torch.float32):
                    torch.set_default_dtype(dtype)
                    assert torch.empty(1).dtype == torch.get_default_dtype() == dtype
                torch.manual_seed(worker)
                random.seed(worker)
                np.random.seed(worker)  # noqa: NPY002
                time.sleep(0.001)  # in which the others work
                drawn = torch.rand(1).item(), random.random(), np.random.rand()  # noqa: NPY002
            assert drawn == draws[worker]

    def ours(_: int) -> None:
        for one, other in zip(whole_work(model, picture), expected):
            np.testing.assert_array_equal(one, other)

    draws = []
    for worker in range(WORKERS):
        torch.manual_seed(worker)
        random.seed(worker)
        np.random.seed(worker)  # noqa: NPY002
        draws.append((torch.rand(1).item(), random.random(), np.random.rand()))  # noqa: NPY002
    with contextlib.redirect_stdout(io.StringIO()) as stdout, ThreadPoolExecutor(2 * WORKERS) as pool:
        others = [pool.submit(theirs, worker) for worker in range(WORKERS)]
        works = [pool.submit(ours, worker) for worker in range(WORKERS)]
        try:
            for work in works:
                work.result(timeout=120)
        finally:
            over.set()
        for other in others:
            other.result(timeout=60)
    lines = stdout.getvalue().splitlines()
    assert len(lines) == sum(printed) > WORKERS
