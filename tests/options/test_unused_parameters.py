"""`find_unused_parameters` stands in an option file where several processes need it, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest
from basicsr.data import build_dataset
from basicsr.models import build_model
from torch.utils.data import DataLoader

from tests.options.option_files import TRAININGS, read
from tests.options.test_option_files import LOSSES_OF_BASELINES, SIZE, TRAINED_HERE, shrunk

# They take long, and reach what the pixel loss reaches.
LOSSES_WITH_A_VGG = ('HCLPerceptualLoss', 'HCLIDMRFLoss')


# One of each kind by default.
KINDS = {*TRAINED_HERE, *LOSSES_OF_BASELINES}
NAMES = [pytest.param(name, marks=() if name in KINDS else pytest.mark.slow) for name in TRAININGS]


@pytest.mark.parametrize('name', NAMES)
def test_the_option_is_there_where_a_phase_leaves_parameters_out(
    name: str, image_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """Torch's `DistributedDataParallel` ends with an error if a parameter has no gradient in a step."""
    options = shrunk(read(name), image_folder(4, SIZE), tmp_path, is_train=True)
    train = options['train']
    for loss in ('perceptual_opt', 'perceptual_coarse_opt', 'texture_opt'):
        if train.get(loss, {}).get('type') in LOSSES_WITH_A_VGG:
            del train[loss]
    batch = next(iter(DataLoader(build_dataset(options['datasets']['train']), batch_size=2)))
    model = build_model(options)
    ends_of_phases = {train.get('detector_iter', 0), train['phase1_iter'], train['total_iter']} - {0}
    unused = {iteration: without_gradient(model, batch, iteration) for iteration in ends_of_phases}
    assert any(unused.values()) == bool(read(name).get('find_unused_parameters')), unused


def without_gradient(model: Any, batch: Any, iteration: int) -> list[str]:
    """The generator's parameters that shall learn, and that an iteration gives no gradient."""
    model.feed_data(batch)
    model.optimize_parameters(iteration)
    parameters = model.net_g.named_parameters()
    return [name for name, parameter in parameters if parameter.requires_grad and parameter.grad is None]
