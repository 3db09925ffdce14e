"""A client for a service, and a restorer behind it."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from typing import NamedTuple

import cv2
import numpy as np

from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import Finding, corruption_score
from tests.app.restorer_fake import FakeRestorer

BOUNDARY = 'cut-here'


class Gate(FakeRestorer):
    """A restorer that finds magenta, and reports tiles while its gate is shut, unless its reports are held back."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.begun, self.reports = threading.Event(), threading.Event(), threading.Event()
        self.open.set()
        self.reports.set()
        self.stopped = 0

    def find(self, image, *, threshold=None, grow=0, min_score=None, progress=None):
        """As `Restorer.find`."""
        self.begun.set()
        confidence = self.detect(image)
        mask = self.mask_of(confidence, threshold=0.5 if threshold is None else threshold, grow=grow)
        return Finding(mask, confidence, corruption_score(confidence), bool(mask.any()))

    def repair(self, image, mask, *, erase=False, feather=0, confidence=None, progress=None):
        """As `Restorer.repair`."""
        self.reports.wait(60)
        try:
            progress(0, 1)
            while not self.open.wait(0.01):
                progress(0, 1)
        except Exception:
            self.stopped += 1
            raise
        return super().repair(image, mask, erase=erase, confidence=confidence)

    def restore(self, image, *, progress, repair_pixelated, erase, **options):
        """As `Restorer.restore`."""
        self.pixelated_repaired = repair_pixelated
        finding = self.find(image, **options)
        if not finding.found:
            return Restoration(image.copy(), *finding)
        return self.repair(image, finding.mask, erase=erase, confidence=finding.confidence, progress=progress)


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self):
        """Its value as JSON."""
        return json.loads(self.content)

    @property
    def pixels(self):
        """The pixels of a PNG, RGB."""
        return decoded(self.content)


def png(pixels) -> bytes:
    """A picture (H, W, 3) RGB as a PNG."""
    return cv2.imencode('.png', pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


def decoded(content: bytes):
    """The pixels of a PNG, RGB or gray."""
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels[..., ::-1] if pixels.ndim == 3 else pixels


def form(**files: bytes) -> tuple[bytes, dict[str, str]]:
    """The body of a form, and its headers."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\n'.encode()
        + content
        + b'\r\n'
        for name, content in files.items()
    ]
    body = b''.join(parts) + f'--{BOUNDARY}--\r\n'.encode()
    return body, {'Content-Type': f'multipart/form-data; boundary={BOUNDARY}'}


def spoiled(square: int, side: int = 40):
    """A gray picture of its own shade, with a magenta square of its own size."""
    pixels = np.full((side, side + square, 3), 40 + square, np.uint8)
    pixels[4 : 4 + square, 6 : 6 + square] = (255, 0, 255)
    return pixels


class Client:
    """Asks a service."""

    def __init__(self, port: int, queue, restorer) -> None:
        self.port, self.queue, self.restorer = port, queue, restorer

    def ask(self, method: str, path: str, body=None, headers=None) -> Reply:
        """Send a request and return the answer."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        with contextlib.closing(connection):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content = response.read()
            return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def restore(self, body=b'', query: str = '', headers=None) -> Reply:
        """Send an image."""
        return self.ask('POST', f'/restore?{query}', body, headers)
