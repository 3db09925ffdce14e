"""Commands answer --help and --version without importing what only their work needs."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from hcl_arch.commands.convert.arguments import BASELINES
from hcl_arch.commands.convert.arguments import LEGACY_VERSIONS as OFFERED_VERSIONS
from hcl_arch.model_files.authors_config import LEGACY_VERSIONS
from hcl_arch.model_files.official_checkpoint import Baseline
from hcl_arch.plugin.retired_modules import RETIRED
from hcl_arch.utils.version import __version__
from tests.docs.workplace import entry_points

HEAVY = {'torch', 'basicsr', 'numpy', 'cv2', 'PIL', 'scipy', 'starlette', 'yaml'}
COMMANDS = {**entry_points(), 'hcl-preview': 'hcl_arch.commands.preview:main'}


def in_fresh_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-c', code, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize('argument', ['--help', '--version'])
@pytest.mark.parametrize('command', COMMANDS)
def test_help_imports_nothing_heavy(command: str, argument: str) -> None:
    module, name = COMMANDS[command].split(':')
    ran = in_fresh_python(
        'import sys, atexit\n'
        f'atexit.register(lambda: print("HEAVY", sorted(set(sys.modules) & {HEAVY!r})))\n'
        f'from {module} import {name}\n'
        f'{name}()\n',
        argument,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith('HEAVY []\n'), ran.stdout
    assert __version__ in ran.stdout if argument == '--version' else 'usage' in ran.stdout


def test_import_is_light_and_completes_basicsr() -> None:
    ran = in_fresh_python(
        'import sys, hcl_arch\n'
        'assert not {"torch", "basicsr"} & set(sys.modules)\n'
        'from basicsr.utils.registry import ARCH_REGISTRY, DATASET_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY, '
        'MODEL_REGISTRY\n'
        'assert "HCLNet" in ARCH_REGISTRY and "BlindCorruptionDataset" in DATASET_REGISTRY\n'
        'assert "HCLContrastiveLoss" in LOSS_REGISTRY and "calculate_mask_iou" in METRIC_REGISTRY\n'
        'assert "HCLModel" in MODEL_REGISTRY\n'
        'import basicsr, inspect\n'
        'assert "import" in inspect.getsource(basicsr)\n'
    )
    assert ran.returncode == 0, ran.stderr


# BasicSR's models first, BasicSR's data first, and no BasicSR at all; the other modules are slow tests.
MODULES = ['models.hcl_model', 'training.data_order', 'restoration.restorer']
MORE_MODULES = [
    'archs.hcl_net_arch',
    'commands.basicsr_run',
    'data.blind_corruption_dataset',
    'losses.hcl_contrastive_loss',
    'metrics.fid_metric',
    'model_files.loading',
    'option_checks.problems',
    'plugin.compat',
    'utils.option_file',
]


@pytest.mark.parametrize('module', [*MODULES, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_MODULES)])
def test_every_room_can_be_imported_first(module: str) -> None:
    ran = in_fresh_python(
        f'import hcl_arch.{module}\n'
        'from basicsr.utils.registry import ARCH_REGISTRY, MODEL_REGISTRY\n'
        'assert "HCLNet" in ARCH_REGISTRY and "HCLModel" in MODEL_REGISTRY\n'
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize('module', RETIRED)
def test_retired_module_names_still_run(module: str) -> None:
    ran = subprocess.run([sys.executable, '-m', module, '--help'], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert 'usage' in ran.stdout
    assert ran.stderr == f'python -m {module} is called {RETIRED[module][0]} now; the old name goes with the next ' \
                         'release.\n'  # fmt: skip


def test_choices_of_light_command_lines_are_those_of_the_work() -> None:
    assert sorted(BASELINES) == sorted(get_args(Baseline))
    assert set(OFFERED_VERSIONS) == set(LEGACY_VERSIONS)
