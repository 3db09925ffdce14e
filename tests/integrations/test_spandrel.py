"""Our models through spandrel's loader, as other programs load them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hcl_arch.model_files import load_model
from hcl_arch.utils.model_folders import PACKAGE_FOLDER
from tests.spandrel_files import lama_state, write
from tests.tiny_model import write_tiny_model

spandrel = pytest.importorskip('spandrel')

from hcl_arch.integrations.spandrel import register  # noqa: E402  (needs spandrel)

PACKAGED = PACKAGE_FOLDER / 'small.safetensors'


@pytest.fixture
def loader() -> spandrel.ModelLoader:
    """As in a program that calls `register()`, without changing the registry for other tests."""
    registry = spandrel.ArchRegistry()
    # Another test may have registered ours with all of spandrel's.
    registry.add(*(each for each in spandrel.MAIN_REGISTRY if each.architecture.id != 'hcl_arch'))
    with pytest.raises(spandrel.UnsupportedModelError):
        spandrel.ModelLoader(registry=registry).load_from_file(PACKAGED)
    register(registry)
    register(registry)
    return spandrel.ModelLoader(registry=registry)


def picture(height: int = 70, width: int = 90) -> Tensor:
    """A smooth gradient, (1, 3, H, W)."""
    rows, columns = torch.linspace(0.2, 0.8, height), torch.linspace(0.3, 0.6, width)
    return torch.stack([rows[:, None].expand(-1, width), columns.expand(height, -1), (rows[:, None] + columns) / 2])[
        None
    ]


def test_what_the_mask_calls_1_is_repainted(loader: spandrel.ModelLoader) -> None:
    model = loader.load_from_file(PACKAGED)
    assert isinstance(model, spandrel.MaskedImageModelDescriptor)
    assert (model.purpose, model.scale, model.input_channels, model.architecture.id) == ('Inpainting', 1, 3, 'hcl_arch')
    truth, mask = picture(), torch.zeros(1, 1, 70, 90)
    mask[..., 30:40, 20:60] = 1
    spoiled = torch.where(mask > 0, 0.0, truth)
    repaired = model(spoiled, mask)
    hole = mask.expand_as(truth) > 0
    assert torch.equal(repaired[~hole], truth[~hole])
    assert (repaired - truth)[hole].abs().mean() < 0.05 < (spoiled - truth)[hole].abs().mean()
    own = load_model(PACKAGED).network.repair(spoiled, 1 - mask)
    torch.testing.assert_close(repaired, own, rtol=0, atol=1e-6)


@pytest.mark.parametrize('size', [(9, 40), (33, 47)])
def test_sizes(loader: spandrel.ModelLoader, size: tuple[int, int]) -> None:
    image = picture(*size)
    repaired = loader.load_from_file(PACKAGED)(image, (image[:, :1] > 0.5).float())
    assert repaired.shape == image.shape


def test_a_model_in_the_users_folder(
    loader: spandrel.ModelLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one with the packaged model's name, which both are recognised then."""
    monkeypatch.setenv('HCL_MODELS', os.fspath(tmp_path))
    model = loader.load_from_file(write_tiny_model(tmp_path / 'small.safetensors'))
    assert type(model.model).__name__ == 'HCLNet'
    assert type(loader.load_from_file(PACKAGED).model).__name__ == 'DetectThenRestore'


def test_files_of_others_are_left_to_others(loader: spandrel.ModelLoader, tmp_path: Path) -> None:
    assert loader.load_from_file(write(lama_state(), tmp_path / 'big-lama.pth')).architecture.id == 'LaMa'
    with pytest.raises(spandrel.UnsupportedModelError):
        loader.load_from_state_dict({'detector.weight': torch.zeros(1)})
