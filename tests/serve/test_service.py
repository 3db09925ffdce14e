"""What other programs send to `hcl-serve`, and what they get."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import hcl_arch
from tests.serve.client import Gate, decoded, form, png, spoiled

RESULT = 127  # what the fake restorer paints


def repaired(square: int):
    pixels = spoiled(square)
    pixels[4 : 4 + square, 6 : 6 + square] = RESULT
    return pixels


def test_the_photograph_comes_back_repaired(service):
    reply = service.restore(png(spoiled(8)))
    assert (reply.status, reply.headers['content-type']) == (200, 'image/png')
    assert np.array_equal(reply.pixels, repaired(8))
    assert reply.headers['x-hcl-found'] == 'true'
    assert float(reply.headers['x-hcl-share']) == pytest.approx(64 / (40 * 48), abs=1e-6)
    assert reply.headers['x-hcl-score'] == '1.0000'


def test_the_mask_alone_is_not_repaired_for(service, monkeypatch):
    monkeypatch.setattr(service.restorer, 'repair', None)
    body, headers = form(image=png(spoiled(8)))
    reply = service.restore(body, 'answer=mask&grow=1', headers)
    expected = np.zeros((40, 48), np.uint8)
    expected[3:13, 5:15] = 255
    assert np.array_equal(reply.pixels, expected)


def test_all_of_it_as_json(service):
    found = service.restore(png(spoiled(8)), 'answer=json').json
    assert (found['found'], found['width'], found['height'], found['remarks']) == (True, 48, 40, [])
    assert found['share'] == 64 / (40 * 48)
    assert np.array_equal(decoded(base64.b64decode(found['restored'])), repaired(8))
    assert np.count_nonzero(decoded(base64.b64decode(found['mask']))) == 64


def test_nothing_found_leaves_the_photograph_as_it_is(service):
    reply = service.restore(png(spoiled(8)), 'threshold=0')
    assert reply.headers['x-hcl-found'] == 'false'
    assert np.array_equal(reply.pixels, spoiled(8))


def test_what_is_pixelated_is_repaired_on_demand(service):
    assert service.restore(png(spoiled(8)), 'answer=json').json['pixelated'] == 0
    assert not service.restorer.pixelated_repaired
    service.restore(png(spoiled(8)), 'repair_pixelated=true')
    assert service.restorer.pixelated_repaired


def test_nothing_under_the_mask_is_looked_at_on_demand(service):
    image = png(spoiled(8))
    body, headers = form(image=image, mask=png(np.full((40, 48), 255, np.uint8)))
    for query, is_erased in (('', False), ('erase=true', True)):
        for sent in ((image, query), (body, query, headers)):
            assert service.restore(*sent).status == 200
            assert service.restorer.erased is is_erased


def test_a_mask_of_ones_own_is_used(service):
    mask = np.zeros((40, 48), np.uint8)
    mask[30:35, 20:30] = 255
    expected = spoiled(8)
    expected[30:35, 20:30] = RESULT
    body, headers = form(image=png(spoiled(8)), mask=png(mask))
    reply = service.restore(body, '', headers)
    assert np.array_equal(reply.pixels, expected)
    assert reply.headers['x-hcl-score'] == '1.0000'
    assert service.restore(body, 'mask_polarity=black&answer=json', headers).json['share'] == 1 - 50 / (40 * 48)


@pytest.mark.parametrize(('body', 'query', 'status', 'words'), [
    (b'', '', 422, 'image: expected a file, found an empty one'),
    (b'no image', '', 422, 'image: no photograph'),
    (png(spoiled(8))[:100], '', 422, 'image: it'),
    (png(np.zeros((400, 300, 3), np.uint8)), '', 422, '--max-megapixels of hcl-serve'),
    (bytes(2**20 + 1), '', 413, 'at most 1 MiB'),
    (png(spoiled(8)), 'threshold=2', 422, 'less than or equal to 1'),
    (png(spoiled(8)), 'treshold=0.2', 422, 'treshold'),
    (png(spoiled(8)), 'answer=gif', 422, "'restored', 'mask' or 'json'"),
    (png(spoiled(8)), 'grow=-1', 422, 'greater than or equal to 0'),
])  # fmt: skip
def test_what_cannot_be_used_is_told(service, body, query, status, words):
    reply = service.restore(body, query)
    assert reply.status == status
    assert words in str(reply.json['detail'])


@pytest.mark.parametrize(('files', 'words'), [
    ({'mask': b'x'}, 'found mask'),
    ({'image': b'x', 'other': b'y'}, 'found image, other'),
    ({'image': png(spoiled(8)), 'mask': b'x'}, 'mask: no photograph'),
    ({'image': png(spoiled(8)), 'mask': png(np.zeros((9, 9), np.uint8))}, 'mask: expected the size of the image'),
])  # fmt: skip
def test_forms_that_cannot_be_used_are_told(service, files, words):
    body, headers = form(**files)
    reply = service.restore(body, '', headers)
    assert reply.status == 422
    assert words in reply.json['detail']


def test_bytes_are_counted_where_no_length_is_stated(service):
    pieces = iter([bytes(2**18)] * 5)
    reply = service.restore(pieces)
    assert reply.status == 413


def test_an_unforeseen_error_tells_nothing_of_the_machine(service, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError('/secret/path')

    monkeypatch.setattr(service.restorer, 'find', fail)
    reply = service.restore(png(spoiled(8)))
    assert (reply.status, reply.content) == (500, b'Internal Server Error')
    monkeypatch.undo()
    assert service.restore(png(spoiled(8))).status == 200


def test_twenty_at_once_are_not_mixed_up(service):
    squares = range(2, 22)
    with ThreadPoolExecutor(len(squares)) as pool:
        replies = list(pool.map(lambda square: service.restore(png(spoiled(square))), squares))
    for square, reply in zip(squares, replies):
        assert reply.status == 200, reply.content
        assert np.array_equal(reply.pixels, repaired(square))


def test_health_and_pages(serving):
    service = serving(Gate(), root_path='/repair')
    assert service.ask('GET', '/health').json == {'status': 'ok', 'model': 'fake', 'version': hcl_arch.__version__}
    assert b"url: '/repair/openapi.json'" in service.ask('GET', '/docs').content
    described = service.ask('GET', '/openapi.json').json
    assert described['servers'] == [{'url': '/repair'}]
    request = described['paths']['/restore']['post']
    assert set(request['requestBody']['content']) == {'multipart/form-data', 'image/*'}
    assert {'answer', 'threshold', 'grow', 'min_score'} <= {option['name'] for option in request['parameters']}
    assert set(request['responses']) >= {'200', '413', '422', '503', '504'}


def test_foreign_names_and_pages_are_refused(serving):
    service = serving(Gate(), host_names=['photos.example.org'])
    for host in ('attacker.example', '', '127.0.0.1.attacker.example', '[::1'):
        assert service.ask('GET', '/health', headers={'Host': host}).status in (400, 403)
    for host in ('localhost', '192.168.0.7:80', 'Photos.Example.org'):
        assert service.ask('GET', '/health', headers={'Host': host}).status == 200
    for headers in ({'Origin': 'http://attacker.example'}, {'Sec-Fetch-Site': 'cross-site'}):
        assert service.restore(png(spoiled(8)), '', headers).status == 403


def resident_mib() -> float:
    return int(Path('/proc/self/statm').read_text().split()[1]) * 4096 / 2**20


@pytest.mark.skipif(not Path('/proc/self/statm').exists(), reason='needs /proc')
@pytest.mark.parametrize('requests', [24, pytest.param(200, marks=pytest.mark.slow)])
def test_memory_stays_flat(serving, tiny_model, requests):
    """A picture of a megapixel takes 3 MiB, its confidence 4 MiB: one kept of each request would be far more."""
    service = serving(hcl_arch.Restorer(tiny_model, device='cpu', memory=64))
    body = png(np.random.default_rng(0).integers(0, 255, (1000, 1000, 3), np.uint8))
    for _ in range(6):
        assert service.restore(body, 'answer=mask').status == 200
    before = resident_mib()
    for _ in range(requests):
        assert service.restore(body, 'answer=mask').status == 200
    assert resident_mib() - before < 40
