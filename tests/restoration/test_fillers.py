"""Fillers in the place of a model's restorer: what they fill, tiles, names, and what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import pytest
import torch

from hcl_arch.archs import HCLDetector
from hcl_arch.archs.spandrel_network_arch import SUFFIXES
from hcl_arch.commands.restore import main
from hcl_arch.commands.restore.models import model_lines
from hcl_arch.restoration import Restorer, fillers, patch_match, restore
from hcl_arch.restoration.fillers import OPENCV, PATCHMATCH, filler_files, filler_names, make_filler
from tests.spandrel_files import LAMA_FILLS_WITH, lama_state, write

CPU = torch.device('cpu')
DETECTOR = {'dim': 4, 'encoder_depths': (1, 1, 1), 'num_heads': (1, 1, 1), 'window_size': 4}
HOLE = np.zeros((120, 144), np.uint8)
HOLE[40:54, 30:120] = 255


@pytest.fixture(scope='module')
def lama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(lama_state(), tmp_path_factory.mktemp('lama') / 'mine.pth')


@pytest.fixture
def detector() -> HCLDetector:
    """Without any restorer of its own."""
    return HCLDetector(**DETECTOR)


@pytest.mark.parametrize('name', OPENCV)
def test_opencv_fills_as_opencv_does(name: str, detector: HCLDetector, photograph: np.ndarray) -> None:
    found = Restorer(detector, filler=name).repair(photograph, HOLE)
    expected = cv2.inpaint(photograph, HOLE, 3, OPENCV[name])
    assert np.array_equal(found.image[HOLE == 0], photograph[HOLE == 0])
    difference = found.image.astype(int) - expected
    assert np.abs(difference).mean() < 1  # theirs is rounded in 8 bit at every step
    assert np.abs(found.image.astype(int) - photograph)[HOLE > 0].mean() < 30


@pytest.mark.parametrize('name', OPENCV)
def test_opencv_in_16_bit(name: str, detector: HCLDetector, photograph: np.ndarray) -> None:
    restorer = Restorer(detector, filler=name)
    low, high = (restorer.repair(image, HOLE).image for image in (photograph, photograph.astype(np.uint16) * 257))
    assert np.abs(low.astype(int) - high / 257).max() <= 0.51
    assert len(np.unique(high[HOLE > 0] % 257)) > 9  # values between those of 8 bit


class TestPatchMatch:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip('patchmatch', reason='the extra `fillers` on Python 3.11 or newer')

    def test_a_texture_goes_on(self, detector: HCLDetector) -> None:
        """Stripes of 7 pixels, which no smooth fill would make."""
        stripes = np.where(np.arange(144) // 7 % 2, 220, 40).astype(np.uint8)
        image = np.repeat(np.repeat(stripes[None, :, None], 120, axis=0), 3, axis=2)
        spoiled = image.copy()
        spoiled[HOLE > 0] = 128
        restorer = Restorer(detector, filler=PATCHMATCH)
        found = restorer.repair(spoiled, HOLE).image
        assert np.abs(found.astype(int) - image)[HOLE > 0].mean() < 5  # a smooth fill: 90
        assert np.array_equal(found, restorer.repair(spoiled, HOLE).image)

    def test_what_is_known_stays_in_16_bit(self, detector: HCLDetector, photograph: np.ndarray) -> None:
        image = photograph.astype(np.uint16) * 257 + 3
        found = Restorer(detector, filler=PATCHMATCH).repair(image, HOLE).image
        assert np.array_equal(found[HOLE == 0], image[HOLE == 0])
        assert not np.array_equal(found, image)

    def test_each_hole_is_filled_from_what_is_around_it(
        self, detector: HCLDetector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One in red, one in blue: neither is filled from the other's surroundings; nothing known changes."""
        monkeypatch.setattr(patch_match, '_AROUND', 12)
        image = np.zeros((90, 300, 3), np.uint8)
        image[:, :150, 0], image[:, 150:, 2] = 200, 200
        hole = np.zeros((90, 300), np.uint8)
        hole[40:50, 40:50] = hole[40:50, 250:260] = 255
        spoiled = np.where(hole[..., None] > 0, np.uint8(99), image)
        assert np.array_equal(Restorer(detector, filler=PATCHMATCH).repair(spoiled, hole).image, image)

    def test_too_much_at_once_is_refused(
        self, detector: HCLDetector, photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(patch_match, '_MOST_PIXELS', 1000)
        with pytest.raises(ValueError, match='filler: patchmatch would search .* megapixels at once'):
            Restorer(detector, filler=PATCHMATCH).repair(photograph, HOLE)

    def test_it_has_a_name(self) -> None:
        assert f'{PATCHMATCH}  --filler  of pypatchmatch' in model_lines()


def test_patchmatch_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_match, 'is_installed', lambda: False)
    with pytest.raises(fillers.FillerError, match='^filler: patchmatch needs the package pypatchmatch.*pip install'):
        make_filler(PATCHMATCH, CPU)
    assert PATCHMATCH not in filler_names()


@pytest.mark.parametrize('name', filler_names())
def test_without_any_known_pixel_it_is_gray(name: str, detector: HCLDetector, photograph: np.ndarray) -> None:
    found = Restorer(detector, filler=name).repair(photograph, np.full_like(HOLE, 255))
    assert np.unique(found.image).tolist() in ([127], [128])


def test_pictures_of_any_memory_are_whole_to_opencv(detector: HCLDetector) -> None:
    image = np.random.default_rng(0).integers(0, 256, (500, 700, 3)).astype(np.uint8)
    hole = np.zeros((500, 700), np.uint8)
    hole[10:490, 100:600] = 255
    calls = []
    for memory in (64, 4096):
        restorer = Restorer(detector, filler='opencv-telea', memory=memory)
        calls.append(restorer.repair(image, hole).image)
    assert np.array_equal(*calls)


def test_a_network_of_another_project(lama: Path, detector: HCLDetector, photograph: np.ndarray) -> None:
    found = Restorer(detector, filler=lama).repair(photograph, HOLE)
    assert np.array_equal(found.image[HOLE == 0], photograph[HOLE == 0])
    assert np.abs(found.image[HOLE > 0] / 255 - LAMA_FILLS_WITH).max() < 0.003


def test_tiles_without_seams(lama: Path, detector: HCLDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, hole = np.zeros((200, 330, 3), np.uint8), np.zeros((200, 330), np.uint8)
    hole[20:60, 20:310] = 255
    restorer = Restorer(detector, filler=str(lama), memory=64)
    monkeypatch.setattr(restorer._painter, 'repair_bytes', lambda: 1000.0)
    tiles: list[int] = []
    found = restorer.repair(pixels, hole, progress=lambda done, total: tiles.append(total))
    assert tiles[-1] > 1
    assert np.abs(found.image[hole > 0] / 255 - LAMA_FILLS_WITH).max() < 0.003


def test_another_filler_for_the_same_network(fake_restorer: Restorer, photograph: np.ndarray) -> None:
    other = fake_restorer.with_filler('opencv-telea')
    assert other._network is fake_restorer._network
    own, filled = (each.repair(photograph, HOLE).image for each in (fake_restorer, other))
    assert not np.array_equal(own, filled)
    assert np.array_equal(
        filled, Restorer(HCLDetector(**DETECTOR), filler='opencv-telea').repair(photograph, HOLE).image
    )
    assert np.array_equal(other.with_filler(None).repair(photograph, HOLE).image, own)
    with pytest.raises(ValueError, match='filler: there is none of the name'):
        fake_restorer.with_filler('no-such')


def test_the_function_takes_a_filler(photograph: np.ndarray) -> None:
    one, other = (restore(photograph, mask=HOLE, filler=filler) for filler in ('opencv-ns', None))
    assert not np.array_equal(one.image, other.image)


class TestNames:
    @pytest.fixture(autouse=True)
    def no_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv('HOME', str(tmp_path))
        monkeypatch.delenv('TORCH_HOME', raising=False)
        monkeypatch.delenv(fillers.FOLDER_VARIABLE, raising=False)

    def test_usual_places(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert filler_files() == []
        monkeypatch.setenv(fillers.FOLDER_VARIABLE, str(tmp_path / 'own'))
        for name in ('own/mine.pth', 'own/notes.txt', '.cache/torch/hub/checkpoints/big-lama.pt',
                     '.cache/torch/hub/checkpoints/resnet18.pth', 'ComfyUI/models/inpaint/big-lama.pt',
                     'ComfyUI/models/inpaint/mat.safetensors'):  # fmt: skip
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        found = {file.name: str(file.path.relative_to(tmp_path)) for file in filler_files()}
        assert found == {'mine': 'own/mine.pth', 'big-lama': 'ComfyUI/models/inpaint/big-lama.pt',
                         'mat': 'ComfyUI/models/inpaint/mat.safetensors'}  # fmt: skip
        lines = '\n'.join(model_lines())
        assert all(name in lines for name in ('opencv-telea', 'opencv-ns', 'big-lama.pt', 'mine.pth'))

    def test_by_name(self, lama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(fillers.FOLDER_VARIABLE, str(lama.parent))
        assert make_filler('mine', CPU).name == 'mine'

    def test_no_such_name(self) -> None:
        with pytest.raises(ValueError, match="filler: there is none of the name 'lama'; known: opencv-telea, opencv-n"):
            make_filler('lama', CPU)


class TestCommand:
    def test_fills(self, lama: Path, photograph: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        cv2.imwrite('photo.png', photograph)
        cv2.imwrite('mine.png', HOLE)
        assert main(['photo.png', '--mask', 'mine.png', '--filler', str(lama)]) == 0
        filled = cv2.imread('restored/photo.png')[HOLE > 0][:, ::-1]
        assert np.abs(filled / 255 - LAMA_FILLS_WITH).max() < 0.003

    @pytest.mark.parametrize(('content', 'match'), [
        (lambda: b'some text', 'x.pth: not a'),
        (lambda: {'a.b': torch.ones(2)}, 'x.pth: spandrel knows no network'),
    ], ids=['a text', 'foreign'])  # fmt: skip
    def test_refused_by_name(
        self,
        content: Callable[[], object],
        match: str,
        photograph: np.ndarray,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        cv2.imwrite('photo.png', photograph)
        made = content()
        if isinstance(made, bytes):
            Path('x.pth').write_bytes(made)
        else:
            torch.save(made, 'x.pth')
        assert main(['photo.png', '--filler', 'x.pth']) == 2
        said = capsys.readouterr().err
        assert f'--filler: {match}' in said
        assert 'Traceback' not in said
        assert not Path('restored').exists()


def test_files_that_are_listed_are_those_that_can_be_read() -> None:
    """The list is made without PyTorch, which the reader needs."""
    assert fillers._SUFFIXES == SUFFIXES
