from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch

from hcl_arch.restoration.detection import detection_size
from hcl_arch.restoration.memory_use import peak_bytes

CPU = torch.device('cpu')


def test_counts_what_lives_at_a_time() -> None:
    def run() -> torch.Tensor:
        x = torch.zeros(1000, 1000)  # 4 MB
        for _ in range(5):
            x = x + 1  # the old one and the new one
        return x

    assert np.isclose(peak_bytes(run, CPU) / 1.3, 8e6, rtol=0.01)


def test_views_and_changes_in_place_cost_nothing() -> None:
    def run() -> torch.Tensor:
        x = torch.zeros(1000, 1000)
        x.add_(1).mul_(2)
        return x.view(-1)[::2].t()

    assert np.isclose(peak_bytes(run, CPU) / 1.3, 4e6, rtol=0.01)


def test_the_compiler_is_not_imported() -> None:
    """It took a second of every repair."""
    code = (
        'import sys, torch\n'
        'from hcl_arch.restoration.memory_use import peak_bytes\n'
        'assert peak_bytes(lambda: torch.zeros(100) + 1, torch.device("cpu")) > 0\n'
        'print("torch._dynamo" in sys.modules)\n'
    )
    ran = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert ran.stdout == 'False\n'


def test_detection_size() -> None:
    assert detection_size(3000, 4000, 256) == (256, 341)
    assert detection_size(4000, 3000, 256) == (341, 256)
    assert detection_size(100, 90, 256) == (100, 90)
    assert detection_size(1, 1, 256) == (1, 1)
    assert detection_size(20000, 10, 256) == (20000, 10)
    assert detection_size(10_000_000, 10, 256, 2**20) == (65536, 10)
    height, width = detection_size(256, 100_000, 256, 2**20)
    assert height * width <= 2**20 * 1.02
    assert height > 40
