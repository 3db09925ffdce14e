"""Ctrl-C and SIGTERM in a process of its own: status 130, no half file, and the summary."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hcl_arch.commands.restore.arguments import parse_arguments
from hcl_arch.commands.restore.command import run

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs processes that fork')


@pytest.fixture
def slow_type(stub_type: type) -> type:
    """A restorer that never comes to an end with the third image, and says when it has come there."""

    class Slow(stub_type):
        def restore(self, image: np.ndarray, **options: Any) -> Any:
            if len(self.calls) == 2:
                Path('busy').touch()
                while True:
                    time.sleep(0.01)
            return super().restore(image, **options)

    return Slow


def forked(arguments: list[str], restorer: Any) -> int:
    """Run the command in a child process, which need not import everything anew; return its number."""
    child = os.fork()
    if child:
        return child
    status = 99
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stderr = open('errors', 'w')  # noqa: SIM115
        status = run(parse_arguments(arguments), lambda options: restorer)
    finally:
        sys.stderr.close()
        os._exit(status)


@pytest.mark.filterwarnings('ignore:.*fork.*:DeprecationWarning')
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_command_in_order(number: signal.Signals, make_photo, slow_type: type) -> None:
    names = [f'{index}.png' for index in range(6)]
    for name in names:
        make_photo(name, (200, 200, 3))
    child = forked([*names, '-o', 'out', '--json', 'summary.json'], slow_type())
    try:
        deadline = time.monotonic() + 30
        while not Path('busy').exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.kill(child, number)
        _, status = os.waitpid(child, 0)
    errors = Path('errors').read_text()
    assert os.WEXITSTATUS(status) == 130, errors
    assert 'Traceback' not in errors
    assert errors.splitlines()[-1].startswith('6 images: 2 restored, interrupted, 4 not begun, ')
    # What was restored before is written, and written whole.
    assert sorted(path.name for path in Path('out').iterdir()) == ['0.png', '0_mask.png', '1.png', '1_mask.png']
    for path in Path('out').iterdir():
        with Image.open(path) as image:
            image.load()
    summary = json.loads(Path('summary.json').read_text())
    assert summary['interrupted'] is True
    assert (summary['totals']['done'], summary['totals']['not_begun']) == (2, 4)


def test_signal_while_the_model_is_loaded(work_folder: Path, make_photo, capfd) -> None:
    make_photo('a.png')
    before = signal.getsignal(signal.SIGTERM)

    def load(options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        pytest.fail('went on')

    assert run(parse_arguments(['a.png', '--json', 's.json']), load) == 130
    assert json.loads(Path('s.json').read_text())['totals']['not_begun'] == 1
    assert signal.getsignal(signal.SIGTERM) == before
