"""The JSON schema of option files, as an editor uses it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from hcl_arch.option_checks.schema import PAGE_FILE, SCHEMA_FILE, main, option_file_schema
from hcl_arch.utils.option_file import read_option_file

jsonschema = pytest.importorskip('jsonschema')

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = sorted(
    path for path in (REPOSITORY / 'options').rglob('*.yml') if path.stem.split('_')[0] in ('train', 'test')
)  # fmt: skip


@pytest.fixture(scope='module')
def validator() -> Any:
    schema = option_file_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def places(validator: Any, options: Any) -> list[str]:
    """Where an editor marks options, with what it says."""
    found = []
    for error in validator.iter_errors(options):
        found.append(f'{": ".join(map(str, error.absolute_path))}: {error.message}')
    return found


def test_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['--root', str(REPOSITORY), '--check']) == 0, capsys.readouterr().err


def test_stale_files_are_named_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (SCHEMA_FILE.parent, PAGE_FILE.parent):
        (tmp_path / folder).mkdir()
    assert main(['--root', str(tmp_path), '--check']) == 1
    assert str(SCHEMA_FILE) in capsys.readouterr().err
    assert main(['--root', str(tmp_path)]) == 0
    assert main(['--root', str(tmp_path), '--check']) == 0


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_option_files_are_in_order(validator: Any, path: Path) -> None:
    assert places(validator, read_option_file(path)) == []


@pytest.mark.parametrize(
    ('keys', 'value', 'said'),
    [
        (('netwrok_d',), {}, "'netwrok_d' does not match"),
        (('train', 'phase_iter'), 3, "'phase_iter' was unexpected"),
        (('train', 'total_iter'), 0, 'train: total_iter: 0 is less than the minimum of 1'),
        (('logger', 'print_freq'), '3', "logger: print_freq: '3' is not of type 'number'"),
        (('network_g', 'window_sise'), 8, "'window_sise' was unexpected"),
        (('network_g', 'refiner', 'dims'), 8, "'dims' was unexpected"),
        (('datasets', 'train', 'gt_siz'), 8, "'gt_siz' was unexpected"),
        (('datasets', 'train', 'masks'), {'line': 1}, "'line' was unexpected"),
        (('train', 'optim_g', 'lr_refine'), 1e-3, "'lr_refine' was unexpected"),
        (('train', 'scheduler', 'gamm'), 1, "'gamm' was unexpected"),
        (('train', 'contrastive_opt', 'max_pixel'), 8, "'max_pixel' was unexpected"),
        (('val', 'metrics', 'psnr', 'crop_bordr'), 1, "'crop_bordr' was unexpected"),
        (('datasets', 'trainn'), {'type': 'BlindCorruptionDataset'}, "'trainn' does not match"),
    ],
)
def test_mistakes_are_marked(validator: Any, keys: tuple[str, ...], value: Any, said: str) -> None:
    options = copy.deepcopy(read_option_file(REPOSITORY / 'options' / 'train_hcl_places.yml'))
    section = options
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = value
    lines = places(validator, options)
    assert any(said in line for line in lines), lines


def test_types_of_other_plugins_are_allowed(validator: Any) -> None:
    options = copy.deepcopy(read_option_file(REPOSITORY / 'options' / 'train_hcl_places.yml'))
    options['network_g'] = {'type': 'MyNet', 'width': 3}
    assert places(validator, options) == []
