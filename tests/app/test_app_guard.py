"""What is asked of the page by hand: no file of the machine, no fetched address, nothing under a foreign name."""

from __future__ import annotations

import http.client
import json
import sys

import pytest

from hcl_arch.commands.app.guard import names_file

REFUSED = (
    '/gradio_api/file=/etc/passwd',
    '/gradio_api/file=../../etc/passwd',
    '/gradio_api/file/etc/passwd',
    '/file=/etc/passwd',
    '/gradio_api/file=https://example.com/x.png',
    '/gradio_api/proxy=https://example.com/',
    '/gradio_api/stream/a/1/2/playlist.m3u8',
    '/static/../../../etc/passwd',
    '/static/%2e%2e/%2e%2e/etc/passwd',
    '/assets/..%2f..%2f..%2fetc/passwd',
    '/assets/%5c..%5cetc',
    '//etc/passwd',
    '/custom_component/1/client/component/x.js',
    '/gradio_api/info',
    '/gradio_api/openapi.json',
    '/openapi.json',
    '/docs',
    '/redoc',
    '/monitoring',
    '/gradio_api/monitoring',
    '/gradio_api/vibe-code/',
    '/gradio_api/upload_progress?upload_id=1',
    '/gradio_api/runs',
    '/gradio_api/app_id',
    '/gradio_api/dev/reload',
    '/gradio_api/deep_link',
    '/hcl/photo/../../etc/passwd',
    '/hcl/several/..%2f..%2fetc%2fpasswd',
    '/hcl/photo/%2fetc%2fpasswd/before',
)
UNKNOWN = ('/hcl/photo/aaaaaaaaaaaaaaaaaaaaaa/restored', '/hcl/several/aaaaaaaaaaaaaaaaaaaaaa')


def ask(served, method: str, path: str, body: bytes | str | None = None, **headers: str) -> tuple[int, str, dict]:
    connection = http.client.HTTPConnection(served.host, served.port, timeout=30)
    connection.request(method, path, body, {name.replace('_', '-'): value for name, value in headers.items()})
    response = connection.getresponse()
    content = response.read().decode('utf-8', 'replace')
    connection.close()
    return response.status, content, {name.lower(): value for name, value in response.getheaders()}


@pytest.mark.parametrize('path', REFUSED)
def test_gradio_serves_nothing_but_the_page(served, path):
    status, content, _ = ask(served, 'GET', path)
    assert status == 404
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
        f'/gradio_api/file={path}',
        f'/hcl/photo/{token}/before',
        f'/hcl/photo/{path.name}/before',
        f'/hcl/several/{token}',
    ):
        status, content, _ = ask(served, 'GET', asked)
        assert status == 404
        assert 'secret' not in content


@pytest.mark.parametrize(
    'value',
    [
        {'path': '/etc/passwd', 'meta': {'_type': 'gradio.FileData'}},
        {'url': 'http://127.0.0.1:1/', 'path': ''},
        [{'deep': [{'path': '/etc/hostname'}]}],
    ],
)
def test_file_data_are_refused_however_deep(served, value):
    body = json.dumps({'data': [value, False], 'event_data': None, 'fn_index': 0, 'session_hash': 'abc'})
    status, content, _ = ask(served, 'POST', '/gradio_api/queue/join', body, Content_Type='application/json')
    assert (status, content) == (400, 'Files are not taken this way.')
    body = json.dumps({'data': [True, False], 'event_data': value, 'fn_index': 0, 'session_hash': 'abc'})
    assert ask(served, 'POST', '/gradio_api/queue/join', body, Content_Type='application/json')[0] == 400


def test_other_ways_in_are_shut(served):
    body = json.dumps({'data': [True, False]})
    for path in (
        '/gradio_api/run/predict',
        '/gradio_api/api/predict',
        '/gradio_api/call/open_upload',
        '/gradio_api/upload',
        '/gradio_api/component_server',
        '/login',
        '/gradio_api/process_recording',
    ):
        assert ask(served, 'POST', path, body, Content_Type='application/json')[0] == 404
    assert ask(served, 'PUT', '/hcl/upload', b'x')[0] == 404
    assert ask(served, 'DELETE', '/')[0] == 404


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        ([True, False], 'please choose it again'),
        ([{'a': 1}, []], 'please choose it again'),
    ],
)
def test_hand_made_events_get_a_plain_answer(served, data, message):
    """A token that is a path, as event data of `open_upload`: it is only ever looked up."""
    for token in ('/etc/passwd', '../../etc/passwd', 'file:///etc/passwd', 'http://127.0.0.1/x.png', None, 5, ['a']):
        said = _said(
            served,
            {
                'data': data,
                'event_data': {'files': [{'token': token}]},
                'fn_index': 0,
                'trigger_id': None,
                'session_hash': 'handmade',
            },
        )
        assert message in said.lower()
        assert 'Traceback' not in said
        assert 'root:' not in said


def _said(served, event: dict) -> str:
    """Send an event and return all that is answered."""
    body = json.dumps(event)
    status, content, _ = ask(served, 'POST', '/gradio_api/queue/join', body, Content_Type='application/json')
    assert status == 200, content
    return ask(served, 'GET', f'/gradio_api/queue/data?session_hash={event["session_hash"]}')[1]


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
    assert ask(served, 'POST', '/gradio_api/queue/join', b' ' * (5 * 2**20))[0] == 413
    assert ask(served, 'POST', '/gradio_api/queue/join', b'[' * 100_000)[0] == 400


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
    assert "default-src 'self'" in headers['content-security-policy']
    assert "frame-ancestors 'none'" in headers['content-security-policy']
    assert headers['x-content-type-options'] == 'nosniff'
    assert not [name for name in headers if name.startswith('access-control')]


def test_the_page_names_no_place_of_the_machine(served):
    for path in ('/', '/config'):
        _, content, _ = ask(served, 'GET', path)
        assert str(served.kept.folder) not in content
        assert sys.prefix not in content
        assert 'site-packages' not in content


def test_what_counts_as_a_file():
    assert names_file({'a': [1, {'url': ''}]})
    assert not names_file({'data': ['/etc/passwd', 1, None], 'event_data': {'files': [{'name': 'a', 'token': 'b'}]}})
