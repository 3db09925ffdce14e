"""A restorer without a network, and the command run with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
import pytest
from PIL import Image

from hcl_arch.commands.restore.arguments import parse_arguments
from hcl_arch.commands.restore.command import run
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import Finding, corruption_score


class StubRestorer:
    """Calls the left half corrupted, with the score 0.75, and inverts it; or changes nothing.

    Attributes:
        calls: the options of each call, with the image.
        min_score: as of `Restorer`.
    """

    name = 'stub'

    def __init__(self, *, identity: bool = False, min_score: float = 0.0) -> None:
        self.calls: list[dict[str, Any]] = []
        self.identity = identity
        self.min_score = min_score

    def find(self, image: np.ndarray, **options: Any) -> Finding:
        return Finding(*self.restore(image, **options)[1:])

    def restore(
        self, image: np.ndarray, *, mask: Optional[np.ndarray] = None, progress: Any = None, **options: Any
    ) -> Restoration:
        self.calls.append({'image': image, 'mask': mask, **options})
        if progress is not None:
            progress(1, 2)
            progress(2, 2)
        half = image.shape[1] // 2
        confidence = np.ones(image.shape[:2], np.float32)
        confidence[:, :half] = 0.25
        score = corruption_score(confidence)
        restored = image.copy()
        if mask is None and score < options.get('min_score', self.min_score):
            return Restoration(restored, np.zeros(image.shape[:2], np.uint8), confidence, score, found=False)
        if not self.identity:
            colours = restored[:, :half, :3] if image.ndim == 3 else restored[:, :half]
            colours[...] = np.iinfo(image.dtype).max - colours
        if isinstance(mask, str):
            mask = 255 - image[..., 3]
        mask = np.where(confidence < 0.5, 255, 0).astype(np.uint8) if mask is None else mask
        return Restoration(restored, mask, confidence, score, bool(mask.any()))


class Outcome(NamedTuple):
    """What a run left."""

    status: int
    out: str
    err: str
    restorer: StubRestorer

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


@pytest.fixture
def stub_type() -> type[StubRestorer]:
    """The class of the restorer without a network, to derive from."""
    return StubRestorer


@pytest.fixture
def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    folder = tmp_path / 'work'
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def command(work_folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run `hcl-restore` in the working directory."""

    def call(*arguments: object, restorer: Optional[StubRestorer] = None) -> Outcome:
        restorer = restorer or StubRestorer()
        capfd.readouterr()
        try:
            status = run(parse_arguments([str(argument) for argument in arguments]), lambda options: restorer)
        except SystemExit as error:
            status = int(error.code or 0)
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err, restorer)

    return call


@pytest.fixture
def make_photo(work_folder: Path) -> Callable[..., Path]:
    """Make a small photograph below the working directory."""

    def make(name: str, shape: tuple[int, ...] = (12, 16, 3), **options: Any) -> Path:
        path = work_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(len(name)).integers(0, 256, shape, np.uint8)).save(path, **options)
        return path

    return make


@pytest.fixture
def tree(work_folder: Path) -> Callable[[], list[str]]:
    """List the files below the working directory."""
    return lambda: sorted(str(path.relative_to(work_folder)) for path in work_folder.rglob('*') if not path.is_dir())
