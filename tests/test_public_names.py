"""What `hcl_arch` offers to other programs: errors of one base, files as bytes, results that can be saved."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import hcl_arch
from hcl_arch.restoration.result import Restoration
from tests.tiny_model import write_tiny_model

REPOSITORY = Path(__file__).resolve().parents[1]
REFERENCE = (REPOSITORY / 'docs' / 'api.md').read_text('utf-8')
RESTORATION = sorted((REPOSITORY / 'hcl_arch' / 'restoration').rglob('*.py'))
# What ends a program or a thread; no caller should handle it as an error.
NO_ERRORS = {'Cancelled', 'Interrupted', 'Stopped'}


def error_classes() -> list[type[BaseException]]:
    names = [module.name for module in pkgutil.walk_packages(hcl_arch.__path__, 'hcl_arch.')]
    modules = [importlib.import_module(name) for name in names if not name.endswith('__main__')]
    found = {value for module in modules for value in vars(module).values() if inspect.isclass(value)}
    return [one for one in found if issubclass(one, BaseException) and one.__module__.startswith('hcl_arch.')]


def test_errors_have_one_base() -> None:
    classes = error_classes()
    assert len(classes) > 30
    strangers = {one.__name__ for one in classes if not issubclass(one, hcl_arch.HCLError)}
    assert strangers == NO_ERRORS


@pytest.mark.parametrize(
    'file', sorted((REPOSITORY / 'hcl_arch' / 'restoration').rglob('*.py')), ids=lambda file: file.stem
)
def test_restoration_raises_no_error_of_python_s_own(file: Path) -> None:
    """But an OSError, whose number tells what the system said, and which `read_photograph` translates."""
    raised = [node.exc for node in ast.walk(ast.parse(file.read_text('utf-8'))) if isinstance(node, ast.Raise)]
    names = [one.func.id for one in raised if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]
    assert not {'ValueError', 'TypeError', 'RuntimeError', 'KeyError'} & set(names)


@pytest.fixture(scope='module')
def restorer(tmp_path_factory: pytest.TempPathFactory) -> hcl_arch.Restorer:
    return hcl_arch.Restorer(write_tiny_model(tmp_path_factory.mktemp('model') / 'tiny.safetensors'), device='cpu')


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """With a profile and a remark."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    exif = Image.Exif()
    exif[0x010E] = 'a holiday'
    Image.fromarray(pixels).save(tmp_path / 'photo.png', icc_profile=profile, exif=exif)
    return tmp_path / 'photo.png'


@pytest.mark.parametrize('kind', [bytes, bytearray, memoryview])
def test_bytes_are_read_as_the_file(kind: type, restorer: hcl_arch.Restorer, photograph: Path) -> None:
    mask = photograph.with_name('mask.png')
    Image.fromarray(np.uint8(np.arange(56)[None].repeat(40, 0) < 9) * 255).save(mask)
    expected = restorer.restore(photograph, mask=mask)
    found = restorer.restore(kind(photograph.read_bytes()), mask=kind(mask.read_bytes()))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected))
    assert found.mask.any()


@pytest.mark.parametrize('wrong', [b'no image', 'no/such/file.png', np.zeros((2, 2, 7)), 5])
def test_what_cannot_be_used_has_the_public_base(wrong: object, restorer: hcl_arch.Restorer) -> None:
    with pytest.raises(hcl_arch.HCLError):
        restorer.restore(wrong)  # type: ignore[arg-type]
    with pytest.raises(hcl_arch.HCLError):
        restorer.restore(np.zeros((8, 8), np.uint8), threshold=2)
    with pytest.raises(hcl_arch.HCLError):
        hcl_arch.restore(np.zeros((8, 8), np.uint8), model='no such model')


def test_a_saved_photograph_keeps_what_its_file_had(restorer: hcl_arch.Restorer, photograph: Path) -> None:
    restoration = restorer.restore(photograph.read_bytes())
    out, mask = photograph.with_name('out.tif'), photograph.with_name('out_mask.png')
    assert restoration.save(out, mask=mask) == []
    saved, given = Image.open(out), Image.open(photograph)
    assert np.array_equal(np.asarray(saved), restoration.image)
    assert np.array_equal(np.asarray(Image.open(mask)), restoration.mask)
    assert saved.info['icc_profile'] == given.info['icc_profile']
    assert saved.getexif()[0x010E] == 'a holiday'


@pytest.mark.parametrize('image', [
    np.random.default_rng(0).integers(0, 256, (9, 7), np.uint8),
    np.random.default_rng(0).integers(0, 256, (9, 7, 4), np.uint8),
    np.random.default_rng(0).integers(0, 65536, (9, 7, 3), np.uint16),
    np.random.default_rng(0).random((9, 7, 1), np.float32),
], ids=['gray', 'alpha', '16 bit', 'float'])  # fmt: skip
def test_saved_arrays_come_back(image: np.ndarray, tmp_path: Path) -> None:
    from hcl_arch.restoration.photographs.photograph import read_photograph

    restoration = Restoration(
        image, np.zeros(image.shape[:2], np.uint8), np.ones(image.shape[:2], np.float32), 0.0, False
    )
    restoration.save(tmp_path / 'out.png')
    saved = read_photograph(tmp_path / 'out.png').pixels
    expected = np.rint(image[..., 0] * 65535) if image.dtype == np.float32 else image
    assert np.array_equal(saved, expected)


def test_a_path_without_a_known_ending_is_refused(tmp_path: Path) -> None:
    restoration = Restoration(np.zeros((9, 7), np.uint8), np.zeros((9, 7), np.uint8), np.ones((9, 7)), 0.0, False)
    with pytest.raises(hcl_arch.HCLError, match=r"path: expected an ending out of \.png, .*, got 'out\.gif'"):
        restoration.save('out.gif')
    with pytest.raises(hcl_arch.HCLError, match=r'mask: expected a path that ends in \.png'):
        restoration.save(tmp_path / 'out.png', mask='mask.jpg')
    assert list(tmp_path.iterdir()) == []


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, (classmethod, staticmethod))


def test_the_reference_has_every_public_name() -> None:
    lines = '\n'.join(re.findall(r'^#+ .*', REFERENCE, re.MULTILINE))
    headings = re.findall(r'`(?:hcl_arch\.)?([\w.]+)', lines)
    assert set(hcl_arch.__all__) <= set(headings)
    for owner in (hcl_arch.Restorer, hcl_arch.Restoration):
        public = {name for name, value in vars(owner).items() if _is_method(value) and name[0] != '_'}
        assert {f'{owner.__name__}.{name}' for name in public} <= set(headings)


@pytest.mark.parametrize('name', [
    'restore', 'Restorer', 'Restorer.restore', 'Restorer.repair', 'Restorer.find', 'Restorer.with_filler',
    'Restorer.from_pretrained', 'Restorer.save_pretrained', 'Restoration.save',
])  # fmt: skip
def test_the_reference_has_every_argument(name: str) -> None:
    value: object = hcl_arch
    for part in name.split('.'):
        value = getattr(value, part)
    title = re.escape(name if '.' in name else f'hcl_arch.{name}')
    section = re.search(rf'^#+ .*?`{title}\(.*?(?=^#|\Z)', REFERENCE, re.MULTILINE | re.DOTALL)
    assert section is not None
    arguments = set(inspect.signature(value).parameters) - {'self', 'settings'}  # type: ignore[arg-type]
    assert {one for one in arguments if not re.search(rf'\b{one}\b', section[0])} == set()
