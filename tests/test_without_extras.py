"""What needs no extra works where none is installed; what needs one says which. Each test starts its own Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.docs.example_files import write_results

# What the extras install, under the names by which it is imported.
ABSENT = ('basicsr', 'huggingface_hub', 'lmdb', 'lpips', 'matplotlib', 'scipy', 'skimage', 'timm', 'torchvision')
AS_IF_ABSENT = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(lambda name, *where: None if name.partition('.')[0] in {} else find(name, *where))
"""


def run(code: str, folder: Path, *, absent: tuple[str, ...] = ABSENT) -> subprocess.CompletedProcess[str]:
    """Run Python code in a folder, in an installation without the packages."""
    environment = {**os.environ, 'PYTHONPATH': str(REPOSITORY), 'OMP_NUM_THREADS': '1', 'HCL_MODELS': str(folder)}
    command = [sys.executable, '-c', AS_IF_ABSENT.format(absent) + code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_photographs_are_repaired(tmp_path: Path) -> None:
    """By the command, by the function, and by a network that is built in Python; and nothing is imported after all."""
    pixels = np.full((64, 96, 3), 90, np.uint8)
    pixels[20:30, 30:70] = (250, 0, 250)
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    ran = run(
        'import numpy as np, torch, hcl_arch\n'
        'from hcl_arch.archs import DetectThenRestore\n'
        'from hcl_arch.commands.restore import main\n'
        'from hcl_arch.model_files import load_model\n'
        'assert main(["photo.png"]) == 0\n'
        'print(hcl_arch.restore("photo.png").image.shape)\n'
        'options = dict(load_model("small").options)\n'
        'assert options.pop("type") == "DetectThenRestore"\n'
        'network = DetectThenRestore(**options).eval()\n'
        'print(hcl_arch.Restorer(network).restore(np.zeros((64, 64, 3), np.uint8)).image.shape)\n'
        f'assert not set(sys.modules) & set({ABSENT!r})\n',
        tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith('(64, 96, 3)\n(64, 64, 3)\n')
    assert (tmp_path / 'restored' / 'photo.png').is_file()


def test_the_page_needs_no_package_of_trainings(tmp_path: Path) -> None:
    pytest.importorskip('starlette')
    ran = run(
        'from hcl_arch.commands.app import server\n'
        'from hcl_arch.commands.app.examples import make_examples\n'
        'print(len(make_examples()))\n',
        tmp_path,
        absent=(*ABSENT, 'fastapi', 'gradio', 'spandrel'),
    )
    assert (ran.returncode, ran.stdout) == (0, '4\n'), ran.stderr


def test_results_are_reported(tmp_path: Path) -> None:
    """Tables and pictures; the missing curves are said to be so, with the extra that brings them."""
    write_results(tmp_path / 'results' / 'mine', 'Places')
    ran = run(
        'sys.argv[1:] = ["results/mine"]\n'
        'from hcl_arch.commands.report import main\n'
        'main()\n'
        f'assert not set(sys.modules) & {{*{ABSENT!r}, "torch"}}\n',
        tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    assert 'Install the extra hcl_arch[report]' in ran.stderr
    assert 'Places' in (tmp_path / 'report' / 'report.md').read_text('utf-8')


@pytest.mark.parametrize(
    ('command', 'module', 'arguments'),
    [
        ('hcl-train', 'hcl_arch.train', ['-opt', 'x.yml']),
        ('hcl-test', 'hcl_arch.test', ['-opt', 'x.yml']),
        ('hcl-new-training', 'hcl_arch.commands.new_training', ['photos']),
        ('python -m hcl_arch.commands.preview', 'hcl_arch.commands.preview', ['-opt', 'x.yml', '-o', 'x.png']),
    ],
)
def test_commands_of_trainings_name_the_extra(command: str, module: str, arguments: list[str], tmp_path: Path) -> None:
    ran = run(f'sys.argv[1:] = {arguments!r}\nfrom {module} import main\nmain()', tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == (
        f'{command}: error: {command} needs basicsr, which is not installed: pip install "hcl-arch[train]"\n'
    )


def test_a_cluster_names_the_extra(tmp_path: Path) -> None:
    ran = run('from hcl_arch.integrations.ray import main\nmain(["photo.jpg"])', tmp_path, absent=('pyarrow', 'ray'))
    assert ran.returncode == 2
    assert ran.stderr.endswith('which is not installed: pip install "hcl-arch[ray]"\n')


@pytest.mark.parametrize('room', ['data', 'losses', 'metrics', 'models', 'training'])
def test_imports_for_trainings_name_the_extra(room: str, tmp_path: Path) -> None:
    ran = run(f'import hcl_arch.{room}', tmp_path)
    assert ran.stderr.endswith(
        'MissingExtraError: training with hcl_arch needs basicsr, which is not installed: '
        'pip install "hcl-arch[train]"\n'
    )


def test_backbones_other_than_the_packaged_one_name_the_extra(tmp_path: Path) -> None:
    ran = run(
        'from hcl_arch.archs.hcl.backbone_weights import build_backbone\nbuild_backbone("resnet18", None, [2, 4])',
        tmp_path,
    )
    assert 'backbone resnet18 needs timm, which is not installed: pip install "hcl-arch[train]"' in ran.stderr


def test_basicsr_without_what_only_this_package_needs_is_completed(tmp_path: Path) -> None:
    """Who has BasicSR for other purposes can import both: only LPIPS itself needs lpips."""
    ran = run(
        'import numpy, hcl_arch, basicsr\n'
        'from basicsr.utils.registry import METRIC_REGISTRY\n'
        'METRIC_REGISTRY.get("calculate_hcl_lpips")(*numpy.zeros((2, 64, 64, 3), "uint8"), weights="random")',
        tmp_path,
        absent=('huggingface_hub', 'lpips', 'matplotlib', 'timm'),
    )
    assert ran.stderr.endswith(
        'MissingExtraError: calculate_hcl_lpips needs lpips, which is not installed: pip install "hcl-arch[train]"\n'
    )
