"""Fixtures of the fault suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from tests.faults.tiny_run import MakeRun, Run, tiny_options


@pytest.fixture
def make_run(tmp_path: Path, image_folder: Callable[..., Path]) -> MakeRun:
    """Function `(name='tiny', **attributes of Run)` that makes a run; all runs of a test are on the same images."""
    images = image_folder(10, 40)

    def make(name: str = 'tiny', **attributes: Any) -> Run:
        return Run(tmp_path, tiny_options(images, name), **attributes)

    return make
