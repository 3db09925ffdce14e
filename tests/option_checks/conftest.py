"""Options that are in order, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example_options import Options, networks_tried_once, options_for_testing, options_for_training


@pytest.fixture(scope='package', autouse=True)
def _networks_tried_once() -> Iterator[None]:
    with networks_tried_once():
        yield


@pytest.fixture(scope='session')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the training's files."""
    return tmp_path_factory.mktemp('training')


@pytest.fixture(scope='session')
def training(root: Path) -> Options:
    """Options of a training; not to be changed."""
    return options_for_training(root)


@pytest.fixture(scope='session')
def testing(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """Options of a test; not to be changed."""
    return options_for_testing(tmp_path_factory.mktemp('testing'))
