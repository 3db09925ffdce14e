"""The notebook is a valid one, and its cells run from the first to the last."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hcl_arch.model_files import list_models
from tests.docs.documented_commands import REPOSITORY
from tests.docs.workplace import Workplace, load_script

FILE = REPOSITORY / 'docs' / 'restore.ipynb'
LARGEST = 300 * 2**10
CELL_KEYS = {'markdown': {'cell_type', 'id', 'metadata', 'source'}}
CELL_KEYS['code'] = {*CELL_KEYS['markdown'], 'execution_count', 'outputs'}


@pytest.fixture(scope='module')
def notebook() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text('utf-8'))
    return content


@pytest.fixture
def _no_windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    matplotlib = pytest.importorskip('matplotlib')
    monkeypatch.setattr('matplotlib.pyplot.show', lambda: None)
    matplotlib.use('Agg', force=True)
    yield
    matplotlib.pyplot.close('all')


def code_of(notebook: dict[str, Any]) -> list[str]:
    return [''.join(cell['source']) for cell in notebook['cells'] if cell['cell_type'] == 'code']


def test_is_a_notebook(notebook: dict[str, Any]) -> None:
    assert set(notebook) == {'cells', 'metadata', 'nbformat', 'nbformat_minor'}
    assert (notebook['nbformat'], notebook['nbformat_minor']) == (4, 5)
    for cell in notebook['cells']:
        assert set(cell) == CELL_KEYS[cell['cell_type']]
        assert all(isinstance(line, str) for line in cell['source'])
        assert all(output['output_type'] != 'error' for output in cell.get('outputs', ()))
    assert len({cell['id'] for cell in notebook['cells']}) == len(notebook['cells'])
    assert FILE.stat().st_size < LARGEST


def test_holds_what_its_cells_print_and_draw(notebook: dict[str, Any]) -> None:
    cells = [cell for cell in notebook['cells'] if cell['cell_type'] == 'code']
    assert [cell['execution_count'] for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells[1:]:  # the first defines
        source = ''.join(cell['source'])
        kinds = [output['output_type'] for output in cell['outputs']]
        assert kinds.count('display_data') == len(re.findall(r'^ *show\(', source, re.MULTILINE)), source
        assert ('stream' in kinds) == bool(re.search(r'^(report|    export\.main)\(', source, re.MULTILINE)), source
    pictures = [output['data'] for cell in cells for output in cell['outputs'] if output['output_type'] != 'stream']
    for data in pictures:
        with Image.open(io.BytesIO(base64.b64decode(data['image/jpeg']))) as picture:
            assert np.asarray(picture).std() > 20
        assert ''.join(data['text/plain']).startswith('Pictures: ')


@pytest.mark.slow
def test_figures_are_those_of_the_packaged_model(notebook: dict[str, Any], tmp_path: Path) -> None:
    """`python docs/execute_notebook.py` renews them."""
    pytest.importorskip('matplotlib')
    executor = load_script('docs/execute_notebook.py')
    names: dict[str, Any] = {}
    for cell in [cell for cell in notebook['cells'] if cell['cell_type'] == 'code'][:-1]:
        outputs = executor.outputs_of(''.join(cell['source']), names)
        assert [output['output_type'] for output in outputs] == [output['output_type'] for output in cell['outputs']]
        assert figures_of(outputs) == pytest.approx(figures_of(cell['outputs']), abs=0.02)


def figures_of(outputs: list[dict[str, Any]]) -> list[float]:
    text = ''.join(line for output in outputs for line in output.get('text', ()))
    return [float(figure) for figure in re.findall(r'\d+\.\d+', text)]


@pytest.mark.usefixtures('_no_windows')
@pytest.mark.parametrize('exporting', [False, pytest.param(True, marks=pytest.mark.slow)])
def test_cells_run_in_order(
    exporting: bool, notebook: dict[str, Any], workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a tiny random model named `small`: the user's folder comes before the package's."""
    assert [model.source for model in list_models() if model.name == 'small'] == ['user']
    if exporting:
        pytest.importorskip('onnxruntime')
        pytest.importorskip('onnxscript')
    else:
        find = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'onnxscript' else find(name))
    names: dict[str, Any] = {}
    for code in code_of(notebook):
        exec(compile(code, str(FILE), 'exec'), names)
    spoiled, holes = names['spoiled'], names['holes']
    assert spoiled.shape == names['cat'].shape
    assert not np.array_equal(spoiled[holes], names['cat'][holes])
    assert 0.08 < holes.mean() < 0.17
    assert names['restoration'].mask.shape == holes.shape
    masks = list(names['masks'].values())
    assert np.all(masks[0] <= masks[1])
    assert np.all(masks[1] <= masks[2])
    assert np.all(masks[1] <= masks[3])
    assert Path('detector.onnx').is_file() == exporting
