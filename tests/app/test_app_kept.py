"""What is kept for visitors, for how long, and what is taken in."""

from __future__ import annotations

import asyncio

import cv2
import numpy as np
import pytest

from hcl_arch.commands.app.limits import Limits
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.commands.app.shelf import Shelf
from hcl_arch.commands.app.uploads import Uploads, safe_name

PNG = cv2.imencode('.png', np.full((40, 50, 3), 9, np.uint8))[1].tobytes()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_least_recently_used_go_first():
    dropped: list[str] = []
    shelf = Shelf[str](capacity=10, lifetime=100, drop=dropped.append)
    first, second = shelf.add('a', weight=4), shelf.add('b', weight=4)
    assert shelf.get(first) == 'a'
    shelf.add('c', weight=4)
    assert dropped == ['b']
    with pytest.raises(PageError, match='choose it again'):
        shelf.get(second)
    large = shelf.add('d', weight=50)  # alone
    assert dropped == ['b', 'a', 'c']
    assert shelf.get(large) == 'd'
    shelf.clear()
    assert (len(shelf), dropped[-1]) == (0, 'd')


def test_what_is_not_used_for_long_goes():
    clock, dropped = Clock(), []
    shelf = Shelf[str](capacity=10, lifetime=100, drop=dropped.append, clock=clock)
    token = shelf.add('a')
    clock.now = 90
    shelf.get(token)
    clock.now = 189
    assert shelf.get(token) == 'a'
    clock.now = 290
    with pytest.raises(PageError):
        shelf.get(token)
    assert dropped == ['a']


def test_tokens_cannot_be_guessed_and_anything_may_be_asked_for():
    shelf = Shelf[str](capacity=1000, lifetime=100)
    tokens = {shelf.add('a') for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {22}
    for token in (None, 3, [], {}, '', 'x' * 10**6, '../../etc/passwd'):
        with pytest.raises(PageError):
            shelf.get(token)


def receive(uploads: Uploads, content: bytes, name: str = 'a.png') -> str:
    async def chunks():
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    return asyncio.run(uploads.receive(name, chunks()))


def test_an_upload_is_read_once_and_then_gone(tmp_path):
    uploads = Uploads(tmp_path, Limits())
    token = receive(uploads, PNG, 'my%20photo.png')
    name, photograph = uploads.open(token)
    assert (name, photograph.pixels.shape) == ('my photo.png', (40, 50, 3))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PageError, match='choose it again'):
        uploads.open(token)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'hello', 'a.png: no photograph: expected AVIF'),
        (PNG[:60], 'a.png: it states 50 x 40 pixels and is cut short'),
        (b'GIF89a' + b'\xff\xff\xff\xff' + bytes(20), 'a.png: it states 65,535 x 65,535 pixels'),
        (b'GIF89a' + b'\x00\x20\x00\x20' + bytes(20), 'a.png: it states 8,192 x 8,192 pixels, more than the limit of'),
        (PNG[:16] + b'\x00\x00\xff\xff\x00\x00\xff\xff' + PNG[24:], 'a.png: it (has|states)'),
        (PNG[:45] + b'\xff' * 8 + PNG[53:], 'a.png: it is'),
    ],
)
def test_a_bad_file_is_told_without_a_path_and_goes(tmp_path, content, message):
    uploads = Uploads(tmp_path, Limits())
    token = receive(uploads, content)
    with pytest.raises(PageError, match=message) as caught:
        uploads.open(token)
    assert str(tmp_path) not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_too_large_or_empty_files_leave_nothing(tmp_path):
    uploads = Uploads(tmp_path, Limits(file_bytes=2**20))
    with pytest.raises(PageError, match='at most 1 MiB'):
        receive(uploads, bytes(2**20 + 1))
    with pytest.raises(PageError, match='empty'):
        receive(uploads, b'')
    assert list(tmp_path.iterdir()) == []


def test_waiting_uploads_are_bounded(tmp_path):
    uploads = Uploads(tmp_path, Limits(uploads_bytes=len(PNG) * 2))
    tokens = [receive(uploads, PNG) for _ in range(3)]
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(PageError):
        uploads.open(tokens[0])
    uploads.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('sent', 'name'),
    [
        ('a%20b.png', 'a b.png'),
        ('..%2F..%2Fetc%2Fpasswd', 'passwd'),
        ('C%3A%5Ctemp%5Cx.jpg', 'x.jpg'),
        ('', 'photograph'),
        ('..', 'photograph'),
        ('%E5%86%99%E7%9C%9F.jpg', '写真.jpg'),
        ('a%00b%0A.png', 'a_b_.png'),
        ('%ff.png', '\ufffd.png'),
        ('%3Cb%3E.png', 'b_.png'),
        ('x' * 500 + '.jpeg', 'x' * 95 + '.jpeg'),
    ],
)
def test_names_are_made_safe(sent, name):
    assert safe_name(sent) == name
