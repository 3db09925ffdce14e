"""The code in the pages that is no command: Python runs, and parts of option files can be built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import yaml
from basicsr.archs import build_network

from hcl_arch.data.corruptions.degradation_options import read_degradation
from tests.docs import example_files
from tests.docs.documented_commands import PAGES, PYTHON, YAML, Block, blocks_of
from tests.docs.workplace import Workplace

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
PYTHON_BLOCKS = [block for block in BLOCKS if block.language == PYTHON]
YAML_BLOCKS = [block for block in BLOCKS if block.language == YAML]


@pytest.mark.parametrize('block', PYTHON_BLOCKS, ids=lambda block: block.place)
def test_python(block: Block, workplace: Workplace) -> None:
    """`image` is there as a tensor, `photo.jpg` as a file; what the block names as usual is what it should be."""
    example_files.photographs()
    names: dict[str, Any] = {'image': torch.rand(1, 3, 32, 40)}
    with torch.no_grad():
        exec(compile(block.text, block.place, 'exec'), names)
    if 'restored' in names:
        assert names['restored'].shape == (1, 3, 32, 40)
    if 'restoration' in names:
        assert names['restoration'].image.shape == (48, 64, 3)
        assert np.array_equal(names['restoration'].mask, names['mask'])
    assert {'restored', 'restoration'} & set(names)


@pytest.mark.parametrize('block', YAML_BLOCKS, ids=lambda block: block.place)
def test_parts_of_option_files(block: Block) -> None:
    """Networks are built as they are given, but for weights, which are nobody's yet; `degradation` is read."""
    part = yaml.safe_load(block.text)
    networks = {key: value for key, value in part.items() if key.startswith('network_')}
    assert bool(networks) != bool(read_degradation(part.get('degradation'), block.place))
    for options in networks.values():
        with torch.device('meta'):
            build_network({key: value for key, value in options.items() if not key.endswith('_weights')})
