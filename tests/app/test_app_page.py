"""The page's HTML: what it offers, and formats from the dialogue to the download."""

from __future__ import annotations

import importlib.util
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from test_app_guard import SENT, ask, ended

from hcl_arch.commands.app import page as module
from hcl_arch.commands.app.filler_choice import FillerChoice
from hcl_arch.commands.app.limits import Limits
from hcl_arch.commands.app.page import build_page, readable_endings
from hcl_arch.restoration.photographs.photograph_kinds import SUFFIXES

HEIC = {'.heic', '.heif', '.hif'}


@pytest.fixture
def with_heic(request, monkeypatch):
    """Whether pillow-heif seems to be installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        module.importlib.util, 'find_spec', lambda name: request.param if name == 'pillow_heif' else find(name)
    )
    return request.param


@pytest.mark.parametrize('with_heic', [None, True], indirect=True)
def test_the_dialogue_offers_every_format_that_is_read(with_heic, fake_restorer):
    expected = SUFFIXES if with_heic else SUFFIXES - HEIC
    assert set(readable_endings()) == expected
    assert {'.jpg', '.png', '.tif', '.avif', '.jp2', '.webp'} <= expected
    made = build_page(Limits(), [], FillerChoice(fake_restorer))
    accepted = re.findall(r'accept="([^"]*)"', made)
    assert len(accepted) == 4
    assert {frozenset(each.split(',')) for each in accepted} == {expected}
    assert ('HEIC, JPEG, PNG' in made) == bool(with_heic)


def test_what_the_command_line_says_is_there(fake_restorer):
    choice = FillerChoice(fake_restorer, 'opencv-ns')
    choice.labels['<x>"'] = '<b>'
    made = build_page(Limits(megapixels=7, files=3), [], choice, threshold=0.37)
    assert made.count('value="opencv-ns" selected') == 2
    assert 'up to 7 megapixels each, at most 3 files' in made
    assert made.count('value="0.37"') == 2
    assert '<b></option>' not in made
    assert '&lt;b&gt;</option>' in made
    assert '$' not in made


@pytest.mark.parametrize('kind', ['AVIF', 'JPEG2000', 'WEBP', 'TIFF', 'BMP', 'JPEG', 'PNG'])
def test_a_photograph_comes_back_in_its_format(kind, served):
    content = io.BytesIO()
    pixels = np.full((48, 64, 3), 120, np.uint8)
    pixels[8:24, 8:24] = (255, 0, 255)
    Image.fromarray(pixels).save(content, kind)
    token = json.loads(ask(served, 'POST', '/hcl/upload', content.getvalue(), X_File_Name='a')[1])['token']
    started = ask(served, 'POST', '/hcl/open', json.dumps({**SENT, 'upload': token, 'composite': True}))
    shown = ended(served, json.loads(started[1])['task'])['result']
    assert shown['found']
    status, _, headers = ask(served, 'GET', f'/hcl/photo/{shown["id"]}/restored')
    assert (status, headers['content-type']) == (200, {'JPEG2000': 'image/jp2'}.get(kind, f'image/{kind.lower()}'))
