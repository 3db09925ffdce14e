"""Packaging of hcl_arch; the tools' settings stand in pyproject.toml."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# Where the repository is published: whoever uploads the package says so, `HCL_REPOSITORY=https://... python -m build`.
REPOSITORY = os.environ.get('HCL_REPOSITORY', '').rstrip('/')
BESIDE_THE_PACKAGE = (
    'options/*.yml', 'options/t*/**/*.yml', 'options/schema.json', 'datasets_prep/prepare_*.py',
    'datasets_prep/preparation/*.py',
)  # fmt: skip

# What a repair takes. Not `opencv-python-headless`: BasicSR requires `opencv-python`, which owns the same folder; where
# both are installed, removing one breaks the other.
INSTALL_REQUIRES = [
    'numpy>=1.22',
    'opencv-python>=4.5',
    'pillow>=9',  # from 11.3 on it reads AVIF
    'pydantic>=2.5',
    'pyyaml>=5.1',  # the first in which an option file can name a plugin (!!python/name) with the loader BasicSR uses
    'safetensors>=0.4',
    'tifffile',  # 16-bit photographs
    # From 2.6 on torch.load takes nothing but tensors and plain values unless asked otherwise, and BasicSR's loading of
    # networks and of VGG weights does not ask: with an older one, a downloaded checkpoint could run code.
    'torch>=2.6',
    'tqdm',
]
# Not `tensorboard`: BasicSR requires `tb-nightly`, which owns the same folder. Only `make setup` takes the released
# one, for which it installs BasicSR without its requirements.
TRAIN_REQUIRES = [
    'basicsr>=1.4.2',
    'lmdb',
    'lpips>=0.1.4',
    'scikit-image>=0.19',
    'scipy>=1.8',
    'timm>=1.0',  # pretrained backbones of the detector
    'torchvision>=0.21',
]
APP_REQUIRES = ['starlette>=0.40', 'uvicorn>=0.30']  # for the page of hcl-app
EXPORT_REQUIRES = ['onnx>=1.17', 'onnxruntime>=1.20', 'onnxscript>=0.3']  # for hcl-export to ONNX
# Inpainting networks of other projects, such as LaMa; the second also knows MAT; the third is PatchMatch.
FILLERS_REQUIRES = [
    "spandrel>=0.4; python_version >= '3.10'",
    "spandrel_extra_arches; python_version >= '3.10'",
    "pypatchmatch>=2.2; python_version >= '3.11'",
]
HEIC_REQUIRES = ['pillow-heif>=0.16']  # photographs of phones
HUB_REQUIRES = ['huggingface_hub>=0.23']  # for Restorer.from_pretrained with a name
ONNX_REQUIRES = ['onnxruntime>=1.20']  # for hcl-restore --runtime onnx
RAY_REQUIRES = ['ray[data]>=2.60,<2.64']  # for many machines; 2.64 lets a bad photograph be tried for ever
SERVE_REQUIRES = ['fastapi>=0.115', 'python-multipart>=0.0.18', 'uvicorn>=0.30']  # for hcl-serve
REPORT_REQUIRES = ['matplotlib>=3.6']  # for the curves of hcl-report
TEST_REQUIRES = ['hypothesis', 'jsonschema', 'pytest>=7', 'pytest-xdist']
DEV_REQUIRES = [
    *TEST_REQUIRES,
    *TRAIN_REQUIRES,
    *APP_REQUIRES,
    *EXPORT_REQUIRES,
    *FILLERS_REQUIRES,
    *HUB_REQUIRES,
    *RAY_REQUIRES,
    *REPORT_REQUIRES,
    *SERVE_REQUIRES,
    'mypy',
    'playwright',
    'ruff',
    'types-PyYAML',
]


def read_version() -> str:
    """Return `hcl_arch.__version__` without importing the package, which needs torch."""
    text = (ROOT / 'hcl_arch' / 'utils' / 'version.py').read_text('utf-8')
    match = re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE)
    if match is None:
        raise RuntimeError("hcl_arch/utils/version.py must hold a line `__version__ = '...'`")
    return match.group(1)


def read_long_description() -> str:
    """Return the README as the package index shows it; a source distribution may lack it."""
    readme = ROOT / 'README.md'
    return _for_the_index(readme.read_text('utf-8')) if readme.is_file() else ''


def _for_the_index(page: str) -> str:
    """Let links lead into the repository; where that is not published, files are named and pictures left out."""
    if REPOSITORY:
        page = re.sub(r'!\[([^]]*)\]\((?!\w+:)([^)]+)\)', rf'![\1]({REPOSITORY}/raw/HEAD/\2)', page)
        return re.sub(r'(?<!!)\[([^]]*)\]\((?!\w+:|#)([^)]+)\)', rf'[\1]({REPOSITORY}/blob/HEAD/\2)', page)
    page = re.sub(r'!\[[^]]*\]\((?!\w+:)[^)]+\)\n(\n\*[^*\n]+\*\n)?\n?', '', page)
    return re.sub(r'\[([^]]*)\]\((?!\w+:|#)([^)]+)\)', _named, page)


def _named(link: re.Match[str]) -> str:
    text, file = link[1], link[2].partition('#')[0]
    return f'`{file}`' if text == file else f'{text} (`{file}`)'


class BuildWithOptions(build_py):
    """Also puts what is beside the package into a wheel, for `hcl-options`."""

    def run(self) -> None:
        """Build the package, then copy the files."""
        super().run()
        clone = Path(self.build_lib) / 'hcl_arch' / 'clone'
        if self.editable_mode:
            return
        shutil.rmtree(clone, ignore_errors=True)
        for pattern in BESIDE_THE_PACKAGE:
            for file in ROOT.glob(pattern):
                target = clone / file.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target)


setup(
    name='hcl-arch',
    version=read_version(),
    description='Finds and repairs what is corrupted in photographs (blind inpainting); a plugin for BasicSR',
    long_description=read_long_description(),
    long_description_content_type='text/markdown',
    author='The hcl_arch maintainers',
    keywords='image inpainting, blind inpainting, image restoration, corruption detection, BasicSR',
    # The code, and the packaged weights, whose terms are those of their training data.
    license_expression='Apache-2.0 AND LicenseRef-hcl-arch-weights',
    license_files=['LICENSE', 'hcl_arch/weights/LICENSE'],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: End Users/Desktop',
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in range(9, 13)),
        'Topic :: Multimedia :: Graphics',
        'Topic :: Scientific/Engineering :: Image Processing',
        'Typing :: Typed',
    ],
    project_urls={
        **({'Source': REPOSITORY, 'Changelog': f'{REPOSITORY}/blob/HEAD/CHANGELOG.md'} if REPOSITORY else {}),
        "Authors' program": 'https://github.com/xyfJASON/HCL',
        'BasicSR': 'https://github.com/XPixelGroup/BasicSR',
    },
    packages=find_packages(include=['hcl_arch', 'hcl_arch.*']),
    package_data={
        'hcl_arch': [
            'py.typed', 'commands/app/static/*', 'commands/app/example_pictures/*',
            'commands/report/*.yml', 'weights/*',
        ]
    },
    cmdclass={'build_py': BuildWithOptions},
    python_requires='>=3.9,<3.13',  # BasicSR does not build on 3.13
    install_requires=INSTALL_REQUIRES,
    extras_require={
        'app': APP_REQUIRES,
        'export': EXPORT_REQUIRES,
        'fillers': FILLERS_REQUIRES,
        'heic': HEIC_REQUIRES,
        'hub': HUB_REQUIRES,
        'onnx': ONNX_REQUIRES,
        'ray': RAY_REQUIRES,
        'report': REPORT_REQUIRES,
        'serve': SERVE_REQUIRES,
        'test': TEST_REQUIRES,
        'train': TRAIN_REQUIRES,
        'dev': DEV_REQUIRES,
    },
    entry_points={
        'console_scripts': [
            'hcl-app = hcl_arch.commands.app:main',
            'hcl-convert = hcl_arch.commands.convert:main',
            'hcl-export = hcl_arch.commands.export:main',
            'hcl-new-training = hcl_arch.commands.new_training:main',
            'hcl-options = hcl_arch.commands.options:main',
            'hcl-report = hcl_arch.commands.report:main',
            'hcl-restore = hcl_arch.commands.restore:main',
            'hcl-serve = hcl_arch.commands.serve:main',
            'hcl-test = hcl_arch.test:main',
            'hcl-train = hcl_arch.train:main',
        ],
    },
)  # fmt: skip
