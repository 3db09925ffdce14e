"""The page with networks behind it, in Chromium."""

from __future__ import annotations

import numpy as np
import pytest
from browsing import download_all, photograph, png, share_of, upload, wait_until_done

from hcl_arch.commands.app.examples import make_examples
from hcl_arch.commands.app.limits import Limits
from hcl_arch.restoration.restorer import Restorer


@pytest.fixture
def with_network(tiny_model, serving):
    yield from serving(Restorer(tiny_model, device='cpu'), Limits())


def test_a_photograph_through_a_network(visit, with_network):
    page = visit(url=with_network.url)
    given = photograph(90, 120)
    upload(page, png(given))
    wait_until_done(page)
    files = download_all(page)
    mask, restored = files['holiday_mask.png'], files['holiday_restored.png'][..., ::-1]
    assert share_of(page) == pytest.approx(100 * np.count_nonzero(mask) / mask.size, abs=0.06)
    np.testing.assert_array_equal(restored[mask == 0], given[mask == 0])
    assert (restored[mask > 0] != given[mask > 0]).any() == bool(mask.any())


@pytest.fixture
def packaged(serving):
    yield from serving(Restorer('small', device='cpu'), Limits(), examples=make_examples())


def test_the_packaged_model_repairs_an_example(visit, packaged):
    page = visit(url=packaged.url)
    page.click('.examples button >> nth=1')  # writing
    wait_until_done(page)
    assert 1 < share_of(page) < 10
    mask = download_all(page)['Writing_mask.png']
    assert 1 < 100 * np.count_nonzero(mask) / mask.size < 10
