"""The option files of the paper's trainings begin and see their data as the authors' program does."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.options.option_files import FILES, TRAININGS, read

# With data and aims of their own.
OURS = ('train_hcl_demo', 'train_hcl_small', 'train_hcl_small_first')
KINDS = ('train_hcl_*', 'train_vcnet_*', 'train_restorer_places512', 'train_segmenter_places512')
NAMES = [name for name in TRAININGS if any(fnmatch(name, kind) for kind in KINDS) and name not in OURS]


def networks_of(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every network that is described in the options."""
    for value in options.values():
        if isinstance(value, dict):
            if value.get('type') in ('HCLNet', 'HCLRefineNet', 'HCLPatchDiscriminator'):
                yield value
            yield from networks_of(value)


@pytest.mark.parametrize('name', NAMES)
def test_weights_begin_normal(name: str) -> None:
    assert {network['weight_init'] for network in networks_of(read(name))} <= {'normal'}


@pytest.mark.parametrize('name', NAMES)
def test_nothing_is_mirrored(name: str) -> None:
    mirrors = read(name)['datasets']['train']['use_hflip']
    assert mirrors is (name == 'train_dhan_watermark')  # whose own authors do


@pytest.mark.parametrize('name', NAMES)
def test_penalty_is_on_the_summed_scores(name: str) -> None:
    gan = read(name)['train'].get('gan_opt') or {}
    assert gan.get('penalty_of', 'sum') == 'sum'


def test_what_differs_is_said() -> None:
    header = FILES['train_hcl_places'].read_text('utf-8').partition('\nname:')[0]
    assert "the paper's full setting" not in header
    assert 'The paper itself says' in header
    assert "Differs from the authors' training" in header
