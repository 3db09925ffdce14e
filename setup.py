"""Packaging of hcl_arch; the tools' settings stand in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent

# `tensorboard` and `opencv-python-headless` are left out on purpose. BasicSR requires `tb-nightly`, which owns the same
# folder as `tensorboard`, and `opencv-python`, which owns the same folder as the headless one; where both of a pair are
# installed, removing one breaks the other. So we use what BasicSR requires. Only `make setup` takes the released
# `tensorboard` in place of `tb-nightly`, for which it installs BasicSR without its requirements.
INSTALL_REQUIRES = [
    'basicsr>=1.4.2',
    'lmdb',
    'lpips>=0.1.4',
    'numpy>=1.22',
    'opencv-python>=4.5',
    'pillow>=9',
    'pydantic>=2.5',
    'pyyaml>=5.1',  # the first in which an option file can name a plugin (!!python/name) with the loader BasicSR uses
    'safetensors>=0.4',
    'scikit-image>=0.19',
    'scipy>=1.8',
    'timm>=1.0',  # pretrained backbones of the detector
    'tifffile',  # 16-bit photographs; scikit-image brings it
    # From 2.6 on torch.load takes nothing but tensors and plain values unless asked otherwise, and BasicSR's loading of
    # networks and of VGG weights does not ask: with an older one, a downloaded checkpoint could run code.
    'torch>=2.6',
    'torchvision>=0.21',
    'tqdm',
]

APP_REQUIRES = ['gradio>=6.31,<7']  # for the page of hcl-app; needs Python 3.10
EXPORT_REQUIRES = ['onnx>=1.17', 'onnxruntime>=1.20', 'onnxscript>=0.3']  # for hcl-export to ONNX
# Inpainting networks of other projects, such as LaMa; the second also knows MAT.
FILLERS_REQUIRES = ["spandrel>=0.4; python_version >= '3.10'", "spandrel_extra_arches; python_version >= '3.10'"]
SERVE_REQUIRES = ['fastapi>=0.115', 'python-multipart>=0.0.18', 'uvicorn>=0.30']  # for hcl-serve
REPORT_REQUIRES = ['matplotlib>=3.6']  # for the curves of hcl-report
TEST_REQUIRES = ['hypothesis', 'jsonschema', 'pytest>=7', 'pytest-xdist']
DEV_REQUIRES = [
    *TEST_REQUIRES,
    *APP_REQUIRES,
    *EXPORT_REQUIRES,
    *FILLERS_REQUIRES,
    *REPORT_REQUIRES,
    *SERVE_REQUIRES,
    'mypy',
    'playwright',
    'ruff',
    'types-PyYAML',
]


def read_version() -> str:
    """Return `hcl_arch.__version__` without importing the package, which needs torch."""
    match = re.search(r"^__version__ = '(.+)'$", (ROOT / 'hcl_arch' / 'version.py').read_text('utf-8'), re.MULTILINE)
    if match is None:
        raise RuntimeError("hcl_arch/version.py must hold a line `__version__ = '...'`")
    return match.group(1)


def read_long_description() -> str:
    """Return the README, which a source distribution may lack."""
    readme = ROOT / 'README.md'
    return readme.read_text('utf-8') if readme.is_file() else ''


setup(
    name='hcl-arch',
    version=read_version(),
    description='Blind image inpainting by hierarchical contrastive learning (ICCV 2023), a plugin for BasicSR',
    long_description=read_long_description(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    packages=find_packages(include=['hcl_arch', 'hcl_arch.*']),
    package_data={
        'hcl_arch': ['py.typed', 'commands/app/*.css', 'commands/app/*.js', 'commands/report/*.yml', 'weights/*']
    },
    python_requires='>=3.9',
    install_requires=INSTALL_REQUIRES,
    extras_require={
        'app': APP_REQUIRES,
        'export': EXPORT_REQUIRES,
        'fillers': FILLERS_REQUIRES,
        'report': REPORT_REQUIRES,
        'serve': SERVE_REQUIRES,
        'test': TEST_REQUIRES,
        'dev': DEV_REQUIRES,
    },
    entry_points={
        'console_scripts': [
            'hcl-app = hcl_arch.commands.app:main',
            'hcl-convert = hcl_arch.commands.convert:main',
            'hcl-export = hcl_arch.commands.export:main',
            'hcl-report = hcl_arch.commands.report:main',
            'hcl-restore = hcl_arch.commands.restore:main',
            'hcl-serve = hcl_arch.commands.serve:main',
            'hcl-test = hcl_arch.test:main',
            'hcl-train = hcl_arch.train:main',
        ],
    },
)
