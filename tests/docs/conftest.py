"""Working directories for documented commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hcl_arch.restoration import one_call
from tests.docs.example_files import write_named_model
from tests.docs.workplace import Workplace
from tests.example_options import networks_tried_once


@pytest.fixture(scope='package', autouse=True)
def _networks_tried_once() -> Iterator[None]:
    with networks_tried_once():
        yield


@pytest.fixture(scope='session')
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the user's models, with a tiny random one named `small`.

    The user's folder comes before the package's, so it stands for the packaged model where there is one, too: the tests
    look at commands and not at results, and take less time.
    """
    folder = tmp_path_factory.mktemp('models')
    write_named_model(folder)
    return folder


@pytest.fixture
def workplace(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """An empty working directory with a home folder and the tiny model."""
    folder = tmp_path / 'work'
    (folder / 'home').mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv('HOME', str(folder / 'home'))
    monkeypatch.setenv('HCL_MODELS', str(models))
    one_call._last.clear()  # a model of that name which an earlier test has used
    yield Workplace(folder)
    one_call._last.clear()
