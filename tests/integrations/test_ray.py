"""`hcl_arch.integrations.ray` on a local cluster: every photograph once, whatever becomes of the workers."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
import pytest
from PIL import Image

from hcl_arch.commands.restore.arguments import parse_arguments
from hcl_arch.commands.restore.command import run
from hcl_arch.commands.restore.console import Console
from hcl_arch.commands.restore.inputs import Input
from hcl_arch.commands.restore.models import make_restorer
from hcl_arch.commands.restore.outputs import Job
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import Finding
from tests.conftest import smooth_image
from tests.tiny_model import write_tiny_model

pytest.importorskip('pyarrow', reason='needs the extra ray')
ray = pytest.importorskip('ray', reason='needs the extra ray')

from hcl_arch.integrations.ray import main  # noqa: E402  (needs Ray)
from hcl_arch.integrations.ray.workflow import RayWorkflow, RestorePhotographs, Workers  # noqa: E402


@pytest.fixture(scope='module')
def cluster() -> Iterator[None]:
    """A Ray of two processors on this machine."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers do not find this file
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def make_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Function `(n, size)` that makes photographs with a bar in the folder photos/ of the working directory."""
    monkeypatch.chdir(tmp_path)

    def make(n: int, size: int = 32) -> list[str]:
        generator = np.random.default_rng(0)
        names = [f'photos/{index % 3}/{index}.jpg' for index in range(n)]
        for name in names:
            pixels = smooth_image(size, generator)
            pixels[size // 3 : size // 2] = 255
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(name, quality=95)
        return names

    return make


def contents(folder: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob('*') if path.is_file()}


class Outcome(NamedTuple):
    """What a run on the cluster left."""

    status: int
    images: dict[str, dict[str, Any]]
    pids: set[int]


def _load_and_tell(options: Any) -> Any:
    """Load the model in a worker, which leaves its number."""
    Path(f'{os.getpid()}.pid').touch()
    return make_restorer(options)


def run_on_cluster(*arguments: str, workers: int = 2, chunk: int = 2, load: Any = _load_and_tell) -> Outcome:
    options = parse_arguments([*arguments, '--json', 'summary.json'])
    status = run(options, workflow=partial(RayWorkflow, Workers(workers, chunk, 0), load=load))
    images = json.loads(Path('summary.json').read_text())['images']
    Path('summary.json').unlink()
    assert len({image['input'] for image in images}) == len(images)
    return Outcome(
        status, {image['input']: image for image in images}, {int(path.stem) for path in Path().glob('*.pid')}
    )


def kill_a_worker(monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    """Let the first worker be killed as soon as so many photographs are done; returns the list of those killed."""
    killed: list[int] = []
    n_done = 0
    line = Console.line

    def kill_and_print(self: Console, text: str) -> None:
        nonlocal n_done
        n_done += text.startswith('[')
        if n_done >= after and not killed:
            killed.append(int(next(Path().glob('*.pid')).stem))
            os.kill(killed[0], signal.SIGKILL)
        line(self, text)

    monkeypatch.setattr(Console, 'line', kill_and_print)
    return killed


def check_with_a_killed_worker(names: list[str], model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are done once by three workers, with the bytes of the plain command."""
    Path('photos/broken.png').write_bytes(b'no picture')
    arguments = ['photos/', '--model', model]
    assert run(parse_arguments([*arguments, '-o', 'plain/'])) == 1
    killed = kill_a_worker(monkeypatch, after=3)
    done = run_on_cluster(*arguments, '-o', 'spread/')
    assert done.status == 1
    assert len(killed) == 1
    assert len(done.pids) == 3
    assert set(done.images) == {*names, 'photos/broken.png'}
    assert [name for name, image in done.images.items() if image['error']] == ['photos/broken.png']
    assert contents('spread') == contents('plain')
    assert len(contents('plain')) == 2 * len(names)


def test_all_are_done_though_a_worker_is_killed(cluster, make_photos, monkeypatch: pytest.MonkeyPatch) -> None:
    names = make_photos(14)
    model = str(write_tiny_model(Path('tiny.safetensors')))
    check_with_a_killed_worker(names, model, monkeypatch)
    before = contents('spread')
    Path('spread/1/4_mask.png').unlink()
    again = run_on_cluster('photos/', '--model', model, '-o', 'spread/', '--skip-existing', workers=1)
    assert set(again.images) == {'photos/1/4.jpg', 'photos/broken.png'}
    assert again.images['photos/1/4.jpg']['outputs'] == {'mask': 'spread/1/4_mask.png'}
    assert contents('spread') == before


@pytest.mark.slow
def test_by_the_packaged_model(cluster, make_photos, monkeypatch: pytest.MonkeyPatch) -> None:
    check_with_a_killed_worker(make_photos(60, 96), 'small', monkeypatch)


class Fragile:
    """Ends its process on a black photograph."""

    name, min_score = 'fragile', 0.0

    def find(self, image: np.ndarray, **_: Any) -> Finding:
        return Finding(*self.restore(image)[1:])

    def restore(self, image: np.ndarray, **_: Any) -> Restoration:
        if not image.any():
            os._exit(1)
        nothing = np.zeros(image.shape[:2], np.uint8)
        return Restoration(image, nothing, np.ones(image.shape[:2], np.float32), 0.0, found=False)


@pytest.mark.slow
def test_a_photograph_that_ends_its_workers_is_the_only_one_that_fails(cluster, make_photos) -> None:
    names = make_photos(9)
    Image.new('RGB', (32, 32)).save('photos/black.png')
    done = run_on_cluster('photos/', '-o', 'out/', chunk=5, load=lambda options: Fragile())
    assert done.status == 1
    assert {name for name, image in done.images.items() if image['error'] is None} == set(names)
    assert 'its workers ended before they were done with it' in done.images['photos/black.png']['error']


def test_a_chunk_that_comes_again_is_not_written_again(make_photos) -> None:
    """Pictures that are there stay, also where the mask alone is missing; all are in the records."""
    first, second = make_photos(2)
    options = parse_arguments(['photos/', '-o', 'out/', '--save', 'restored', 'mask'])
    operator = RestorePhotographs(options, os.getcwd(), lambda options: Fragile())
    outputs = {'restored': 'out/a.jpg', 'mask': 'out/a_mask.png'}
    others = {'restored': 'out/b.jpg', 'mask': 'out/b_mask.png'}
    jobs = [(7, job_of(first, outputs)), (8, job_of(second, others))]
    Path('out').mkdir()
    for path in (*outputs.values(), 'out/b.jpg'):
        Path(path).write_bytes(b'before')
    found = dict(map(pickle.loads, operator({'row': np.array([pickle.dumps(job) for job in jobs], object)})['row']))
    assert [found[number].outputs for number in (7, 8)] == [outputs, others]
    assert [found[number].error for number in (7, 8)] == [None, None]
    assert found[7].remarks == ['written by a worker that ended before it told more']
    assert [path for path, content in contents('out').items() if content != b'before'] == ['b_mask.png']


def job_of(name: str, outputs: dict[Any, str]) -> Job:
    return Job(Input(name, Path(name).name), outputs, 'JPEG')


@pytest.mark.parametrize('arguments', [['-', '-o', 'out/'], ['photo.jpg', '-o', '-']])
def test_standard_streams_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert 'name files and folders' in capsys.readouterr().err


def test_workers_that_cannot_begin_end_the_run(cluster, make_photos, capfd: pytest.CaptureFixture[str]) -> None:
    def load(options: Any) -> Any:
        raise ValueError('no such device')

    make_photos(1)
    options = parse_arguments(['photos/'])
    restorer: Any = Fragile()
    workflow = partial(RayWorkflow, Workers(1, 1, 0), load=load)
    assert run(options, lambda options: restorer, workflow) == 2
    assert 'Error: the workers cannot begin: ValueError: no such device' in capfd.readouterr().err
