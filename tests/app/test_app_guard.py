"""What is asked of the page by hand: no file of the machine, no fetched address, nothing under a foreign name."""

from __future__ import annotations

import http.client
import json
import sys

import pytest

from hcl_arch.commands.app.routes import MAX_JSON_BYTES

REFUSED = (
    '/file=/etc/passwd',
    '/static/../../../etc/passwd',
    '/static/%2e%2e/%2e%2e/etc/passwd',
    '/static/..%2f..%2f..%2fetc/passwd',
    '/static/%5c..%5cetc',
    '/static/page.html',
    '/static/../routes.py',
    '//etc/passwd',
    '/openapi.json',
    '/docs',
    '/redoc',
    '/config',
    '/hcl/upload',
    '/hcl/open',
    '/hcl/task/..%2f..%2fetc',
    '/hcl/photo/../../etc/passwd',
    '/hcl/several/..%2f..%2fetc%2fpasswd',
    '/hcl/photo/%2fetc%2fpasswd/before',
    '/gradio_api/file=/etc/passwd',
)
UNKNOWN = (
    '/hcl/photo/aaaaaaaaaaaaaaaaaaaaaa/restored',
    '/hcl/several/aaaaaaaaaaaaaaaaaaaaaa',
    '/hcl/task/aaaaaaaaaaaaaaaaaaaaaa',
)


def ask(served, method: str, path: str, body: bytes | str | None = None, **headers: str) -> tuple[int, str, dict]:
    connection = http.client.HTTPConnection(served.host, served.port, timeout=30)
    connection.request(method, path, body, {name.replace('_', '-'): value for name, value in headers.items()})
    response = connection.getresponse()
    content = response.read().decode('utf-8', 'replace')
    connection.close()
    return response.status, content, {name.lower(): value for name, value in response.getheaders()}


@pytest.mark.parametrize('path', REFUSED)
def test_nothing_is_served_but_the_page(served, path):
    status, content, _ = ask(served, 'GET', path)
    assert status in (404, 405)
    assert 'root:' not in content
    assert len(content) < 200


@pytest.mark.parametrize('path', UNKNOWN)
def test_an_unknown_token_gets_nothing(served, path):
    status, content, _ = ask(served, 'GET', path)
    assert status == 404
    assert 'choose it again' in content


def test_a_waiting_upload_is_kept_in_private_and_not_served(served):
    status, content, _ = ask(served, 'POST', '/hcl/upload', b'secret words', X_File_Name='a.png')
    assert status == 200
    token = json.loads(content)['token']
    (path,) = [path for path in served.kept.folder.iterdir() if path.read_bytes() == b'secret words']
    assert path.stat().st_mode & 0o077 == 0
    assert served.kept.folder.stat().st_mode & 0o077 == 0
    for asked in (
        f'/static/{path.name}',
        f'/hcl/task/{token}',
        f'/hcl/photo/{token}/before',
        f'/hcl/photo/{path.name}/before',
        f'/hcl/several/{token}',
    ):
        status, content, _ = ask(served, 'GET', asked)
        assert status == 404
        assert 'secret' not in content


def test_other_ways_in_are_shut(served):
    for path in ('/hcl/photo/a/before', '/hcl/task/a/b', '/login', '/', '/static/main.js'):
        assert ask(served, 'POST', path, '{}')[0] in (404, 405)
    for method in ('PUT', 'DELETE', 'PATCH', 'OPTIONS'):
        assert ask(served, method, '/hcl/upload', b'x')[0] == 404


NO_TOKENS = (
    '/etc/passwd',
    '../../etc/passwd',
    'file:///etc/passwd',
    'http://127.0.0.1/x.png',
    None,
    5,
    ['a'],
    {'a': 1},
)
SENT = {'filler': 'own', 'threshold': 0.5, 'grow': 0, 'strokes': []}


@pytest.mark.parametrize('token', NO_TOKENS)
def test_hand_made_requests_get_a_plain_answer(served, token):
    """A token that is a path: it is only ever looked up."""
    started = ask(served, 'POST', '/hcl/open', json.dumps({**SENT, 'upload': token}))
    said = [ended(served, json.loads(started[1])['task'])['error']]
    for path, sent in (
        ('/hcl/marks', {'id': token}),
        ('/hcl/repair', {'id': token}),
        ('/hcl/mask', {'upload': token}),
        ('/hcl/mask', {'token': token}),
    ):
        status, content, _ = ask(served, 'POST', path, json.dumps({**SENT, **sent}))
        assert status == 200
        said.append(json.loads(content)['error'])
    assert all('choose it again' in text for text in said), said


@pytest.mark.parametrize(
    ('path', 'sent', 'message'),
    [
        ('/hcl/marks', {'threshold': 'x'}, 'choose it again'),
        ('/hcl/several', {'files': 3}, 'No files have come'),
        ('/hcl/several', {'files': [{}] * 6}, 'At most 5 files'),
        ('/hcl/several', {'files': [{}], 'own': 3}, 'The mask could not be read'),
        ('/hcl/several', {'files': [{}], 'threshold': 2}, 'from 0 to 1'),
        ('/hcl/several', {'files': [{}], 'grow': 1000}, '0 to 64 pixels'),
        ('/hcl/mask', {'token': 'a', 'polarity': ['x']}, 'How the mask is meant'),
    ],
)
def test_hand_made_values_get_a_plain_answer(served, path, sent, message):
    status, content, _ = ask(served, 'POST', path, json.dumps({**SENT, **sent}))
    assert status == 200
    assert message in json.loads(content)['error']


@pytest.mark.parametrize(
    ('sent', 'message'),
    [
        ({'example': 7}, 'no such example'),
        ({'example': 0, 'filler': '../x.pt'}, 'no such way to fill'),
        ({'example': 0, 'filler': ['x']}, 'no such way to fill'),
    ],
)
def test_hand_made_work_ends_with_a_plain_answer(served, sent, message):
    _, content, _ = ask(served, 'POST', '/hcl/open', json.dumps({**SENT, **sent}))
    assert message in ended(served, json.loads(content)['task'])['error']


def ended(served, task: str) -> dict:
    """How work has ended."""
    state: dict = {'state': 'waiting'}
    while state['state'] in ('waiting', 'working'):
        state = json.loads(ask(served, 'GET', f'/hcl/task/{task}?after=x')[1])
    return state


def test_a_foreign_name_is_refused(served):
    """A web site whose name was made to lead here, and a page of another site that sends something."""
    for host in ('attacker.example', 'attacker.example:7860', '', '127.0.0.1.attacker.example', '[::1'):
        assert ask(served, 'GET', '/', Host=host)[0] in (400, 403)
    for host in ('localhost', f'localhost:{served.port}', '[::1]:80', '192.168.0.7'):
        assert ask(served, 'GET', '/', Host=host)[0] == 200
    for headers in (
        {'Origin': 'http://attacker.example'},
        {'Origin': 'null'},
        {'Origin': 'http://127.0.0.1:1'},
        {'Sec_Fetch_Site': 'cross-site'},
        {'Sec_Fetch_Site': 'same-site'},
    ):
        assert ask(served, 'POST', '/hcl/upload', b'x', **headers)[0] == 403
    assert ask(served, 'POST', '/hcl/upload', b'x', Origin=f'http://{served.host}:{served.port}')[0] == 200


def test_too_much_is_refused_before_it_is_read(served):
    status, content, _ = ask(served, 'POST', '/hcl/upload', b'x', Content_Length=str(10**12))
    assert (status, content) == (413, 'This file is too large: at most 2 MiB can be taken.')
    assert ask(served, 'POST', '/hcl/open', b' ' * (MAX_JSON_BYTES + 1))[0] == 413
    for content in (b'[' * 100_000, b'[]', b'', b'\xff', b'{"a": NaN}'):
        assert ask(served, 'POST', '/hcl/open', content)[0] == 400


def test_an_upload_without_a_stated_length_is_bounded_too(served):
    connection = http.client.HTTPConnection(served.host, served.port, timeout=30)
    connection.request(
        'POST', '/hcl/upload', iter([bytes(2**20)] * 3), encode_chunked=True, headers={'Transfer-Encoding': 'chunked'}
    )
    response = connection.getresponse()
    assert response.status == 413
    assert 'at most 2 MiB' in response.read().decode()
    assert not [path for path in served.kept.folder.iterdir() if path.stat().st_size > 2**20]


def test_headers_shut_out_frames_and_other_hosts(served):
    _, _, headers = ask(served, 'GET', '/', Origin='http://localhost:9999')
    assert "default-src 'none'" in headers['content-security-policy']
    assert "frame-ancestors 'none'" in headers['content-security-policy']
    assert headers['x-content-type-options'] == 'nosniff'
    assert not [name for name in headers if name.startswith('access-control')]


def test_the_page_names_no_place_of_the_machine(served):
    for path in ('/', '/static/main.js'):
        status, content, _ = ask(served, 'GET', path)
        assert status == 200
        assert str(served.kept.folder) not in content
        assert sys.prefix not in content
        assert 'site-packages' not in content
