"""The five ways in for a file: command, library, page, service and data set; what each makes of it, at what cost.

    python -m tests.faults.doors DOOR FOLDER MODEL

opens every file of a folder by one way, in one process, and prints a line of JSON for each.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import io
import json
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

import hcl_arch
from hcl_arch.commands.restore.arguments import parse_arguments
from hcl_arch.commands.restore.command import run
from hcl_arch.restoration.photographs.photograph import read_photograph
from tests.faults import image_bytes as ib
from tests.faults.time_limit import time_limit

# A file may take so long before the other files have to be gone on with.
MOST_SECONDS = 60


class Opened(NamedTuple):
    """What came of a file: its restored pixels and the mask, or the message that refuses it."""

    pixels: Optional[NDArray[Any]] = None
    mask: Optional[NDArray[np.uint8]] = None
    message: str = ''


Door = Callable[[Path], Opened]


class Cost(NamedTuple):
    """CPU seconds, and MiB at the highest above those at rest."""

    seconds: float
    mib: float


@contextlib.contextmanager
def command_door(model: Path) -> Iterator[Door]:
    """Each file through `hcl-restore`, in this process; the results are removed again."""
    restorer = hcl_arch.Restorer(str(model), device='cpu')

    def enter(path: Path) -> Opened:
        arguments = parse_arguments([str(path), '-o', 'out', '--format', 'png', '--overwrite'])
        with open('said', 'w+', encoding='utf-8') as said, contextlib.redirect_stderr(said):
            status = run(arguments, lambda options: restorer)
            said.seek(0)
            message = said.read()
        Path('said').unlink()
        assert 'Traceback' not in message, message
        found = sorted(Path('out').rglob('*.png'), key=lambda file: len(file.name)) if status == 0 else []
        pictures = [read_photograph(file).pixels for file in found]
        for file in found:
            file.unlink()
        if Path('out').is_dir():
            Path('out').rmdir()  # fails where anything is left
        return Opened(*pictures[:2]) if pictures else Opened(message=message)

    yield enter


@contextlib.contextmanager
def library_door(model: Path) -> Iterator[Door]:
    """Each file through `Restorer.restore`."""
    restorer = hcl_arch.Restorer(str(model), device='cpu')

    def enter(path: Path) -> Opened:
        try:
            done = restorer.restore(str(path))
        except (OSError, ValueError) as error:
            return Opened(message=str(error))
        return Opened(done.image, done.mask)

    yield enter


@contextlib.contextmanager
def page_door(model: Path) -> Iterator[Door]:
    """Each file through a page that is served from another thread, asked as a browser asks."""
    from hcl_arch.commands.serving.ending import private_folder

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(private_folder())
        from hcl_arch.commands.app import server
        from hcl_arch.commands.app.limits import Limits
        from hcl_arch.commands.serving.listening import make_server, open_socket, url_of

        kept = stack.enter_context(server.kept_for_visitors(Limits(), folder))
        listening = stack.enter_context(open_socket('127.0.0.1', 0))
        restorer = hcl_arch.Restorer(str(model), device='cpu')
        running = make_server(server.build_server(restorer, kept, threshold=restorer.threshold))
        stack.enter_context(_running(running, listening))
        url = url_of(listening)

        def enter(path: Path) -> Opened:
            opened = _visit(url, path)
            left = [file.name for file in kept.folder.iterdir() if file.is_file() and file.name != '.lock']
            assert left == [], left
            return opened

        yield enter


@contextlib.contextmanager
def service_door(model: Path) -> Iterator[Door]:
    """Each file through the service, served from another thread."""
    from hcl_arch.commands.serve.queue import Queue
    from hcl_arch.commands.serve.service import Limits, build_service
    from hcl_arch.commands.serving.listening import make_server, open_socket, url_of

    restorer = hcl_arch.Restorer(str(model), device='cpu')
    running = make_server(build_service(restorer, Limits(), Queue(waiting=1, timeout=MOST_SECONDS)))
    with open_socket('127.0.0.1', 0) as listening, _running(running, listening):
        url = f'{url_of(listening)}restore?answer=json'

        def enter(path: Path) -> Opened:
            try:
                said = json.loads(_ask(url, path.read_bytes(), {'Content-Type': 'image/*'}))
            except urllib.error.HTTPError as error:
                if error.code not in (413, 422):
                    raise
                return Opened(message=f'{path.name}: {json.loads(error.read())["detail"]}')
            pictures = (io.BytesIO(base64.b64decode(said[name])) for name in ('restored', 'mask'))
            return Opened(*(read_photograph(picture).pixels for picture in pictures))

        yield enter


@contextlib.contextmanager
def _running(server: Any, listening: socket.socket) -> Iterator[None]:
    """Serve from another thread."""
    thread = threading.Thread(target=server.run, kwargs={'sockets': [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield
    server.should_exit = True
    thread.join(MOST_SECONDS)


def _visit(url: str, path: Path) -> Opened:
    try:
        token = json.loads(_ask(f'{url}hcl/upload', path.read_bytes(), {'X-File-Name': path.name}))['token']
    except urllib.error.HTTPError as error:
        if error.code != 413:
            raise
        return Opened(message=f'{path.name}: {error.read().decode()}')  # the page's script puts the name before it
    sent = {'upload': token, 'filler': 'own', 'composite': True}
    task = json.loads(_ask(f'{url}hcl/open', json.dumps(sent).encode()))['task']
    state: dict[str, Any] = {'state': 'waiting'}
    while state['state'] in ('waiting', 'working'):
        state = json.loads(_ask(f'{url}hcl/task/{task}'))
        time.sleep(0.01)
    if state['state'] == 'failed':
        assert 'Something went wrong' not in state['error'], state['error']
        return Opened(message=state['error'])
    pictures = (_ask(f'{url}hcl/photo/{state["result"]["id"]}/{what}') for what in ('png', 'mask'))
    return Opened(*(read_photograph(io.BytesIO(content)).pixels for content in pictures))


def _ask(url: str, body: Optional[bytes] = None, headers: Optional[dict[str, str]] = None) -> bytes:
    request = urllib.request.Request(url, body, headers or {})
    with urllib.request.urlopen(request, timeout=MOST_SECONDS) as response:
        return response.read()  # type: ignore[no-any-return]


@contextlib.contextmanager
def data_set_door(model: Path) -> Iterator[Door]:
    """Each file as the only photograph of a data set of blind corruption; no network sees it."""
    from hcl_arch.data.blind_corruption_dataset import BlindCorruptionDataset

    Path('noise').mkdir()
    for index in range(2):
        Path(f'noise/{index}.png').write_bytes(ib.encoded('PNG'))
    Path('truth').mkdir()

    def enter(path: Path) -> Opened:
        place = Path('truth') / path.name
        place.symlink_to(path)
        options = {
            'name': 'D', 'type': 'BlindCorruptionDataset', 'phase': 'val', 'dataroot_gt': 'truth', 'gt_size': 32,
            'dataroot_noise': 'noise', 'corruptions': {'patch': 1}, 'hole_share': [0.1, 0.5],
        }  # fmt: skip
        try:
            sample = BlindCorruptionDataset(options)[0]
        except (OSError, ValueError) as error:
            return Opened(message=str(error))
        finally:
            place.unlink()
        return Opened(sample['gt'].numpy(), None)

    yield enter


DOORS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Door]]] = {
    'command': command_door,
    'library': library_door,
    'page': page_door,
    'service': service_door,
    'data set': data_set_door,
}


def main(name: str, folder: str, model: str) -> None:
    """Open every file of a folder; the current folder has to be empty and is so again, apart from a data set's."""
    with DOORS[name](Path(model)) as enter:
        Path('good.png').write_bytes(ib.encoded('PNG'))
        assert enter(Path('good.png').absolute()).pixels is not None
        Path('good.png').unlink()
        at_rest, before = resident(), set(Path().rglob('*'))
        for path in sorted(Path(folder).iterdir()):
            opened, cost = measured(enter, path, at_rest)
            left = sorted(map(str, set(Path().rglob('*')) - before))
            record = {'name': path.name, 'message': opened.message, 'done': opened.pixels is not None, 'left': left}
            print(json.dumps({**record, **cost._asdict()}), flush=True)


def measured(enter: Door, path: Path, at_rest: float) -> tuple[Opened, Cost]:
    """Open a file by a door; `at_rest` is the `resident` figure of the idle process."""
    gc.collect()
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')  # starts the highest figure anew
    start = time.process_time()
    try:
        with time_limit(MOST_SECONDS):
            opened = enter(path)
    except Exception as error:  # of any kind: it is what a user would see
        opened = Opened(message=f'Traceback: {type(error).__name__}: {error}')
    return opened, Cost(time.process_time() - start, _highest() - at_rest)


def resident() -> float:
    """MiB of memory that this process holds."""
    return _status('VmRSS')


def _highest() -> float:
    return _status('VmHWM')


def _status(key: str) -> float:
    """A figure of this process in MiB, 0 where the system does not say."""
    try:
        found = re.search(rf'^{key}:\s+(\d+) kB', Path('/proc/self/status').read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 2**10 if found else 0.0


if __name__ == '__main__':
    main(*sys.argv[1:])
