"""The page below a path of another server, in Chromium."""

from __future__ import annotations

import pytest
from browsing import download_all, photograph, png, upload, wait_until_done

from hcl_arch.commands.app.limits import Limits


@pytest.fixture
def below_a_path(serving, fake_restorer):
    yield from serving(fake_restorer, Limits(), root_path='/repair')


def test_a_photograph_is_repaired_below_a_path(visit, below_a_path):
    page = visit(url=f'{below_a_path.url}repair/')
    upload(page, png(photograph()))
    wait_until_done(page)
    assert set(download_all(page)) >= {'holiday_mask.png', 'holiday_restored.png'}
