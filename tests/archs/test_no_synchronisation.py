"""What runs on every batch must not wait for the device: no number is read back, no size depends on data."""

from __future__ import annotations

import math
from typing import Any, Callable

import pytest
import torch
import torch.nn.functional as F
from basicsr.models import build_model
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from hcl_arch.archs import HCLNet, HCLRefineNet
from hcl_arch.archs.hcl.mask_hierarchy import detect_masks
from hcl_arch.losses import HCLContrastiveLoss, HCLWGANGPLoss, gradient_ratio
from hcl_arch.models import HCLModel
from hcl_arch.models.gradient_step import GradientStep
from hcl_arch.training.step_watch import StepWatch

READS_DATA = ('_local_scalar_dense', 'item', 'nonzero', 'masked_select', 'is_nonzero', 'equal', '_unique2', 'allclose')


class DeviceOnly(TorchDispatchMode):
    """Counts operations, and fails on one that reads data back or copies between devices."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.name().split('::')[1].split('.')[0]
        assert name not in READS_DATA, f'{func} reads data back'
        if name.startswith('index'):
            indices = [index for arg in args if isinstance(arg, (list, tuple)) for index in arg]
            assert not any(isinstance(i, Tensor) and i.dtype == torch.bool for i in indices), f'{func} with a mask'
        if name == '_to_copy' and kwargs.get('device') is not None:
            assert args[0].device.type == kwargs['device'].type, f'{func} copies to {kwargs["device"]}'
        if name == 'copy_':
            assert args[0].device.type == args[1].device.type, f'{func} copies from {args[1].device}'
        self.count += 1
        return func(*args, **kwargs)


def embeddings_and_mask(batch: int, device: str) -> tuple[list[Tensor], Tensor]:
    embeddings = [
        F.normalize(torch.randn(batch, 8, 32 >> s, 32 >> s, device=device), dim=1).requires_grad_() for s in range(3)
    ]
    return embeddings, (torch.rand(batch, 1, 64, 64, device=device) > 0.5).float()


def run_hierarchy(embeddings: list[Tensor], mask: Tensor, *, with_mask: bool, per_image: bool = False) -> list[Any]:
    batch, device = mask.shape[0], mask.device
    return detect_masks(
        embeddings,
        conf_thresholds=(1.0, 0.95, 0.95),
        temperature=0.1,
        kmeans_iters=3,
        kmeans_repeats=2,
        true_mask=mask if with_mask else None,
        center_scorer=lambda centers: centers[..., 0],
        seed=torch.randint(2**31, (batch,), device=device) if per_image else 0,
    )


def hierarchy_by_mask(embeddings: list[Tensor], mask: Tensor) -> None:
    run_hierarchy(embeddings, mask, with_mask=True, per_image=True)


def hierarchy_by_scorer(embeddings: list[Tensor], mask: Tensor) -> None:
    run_hierarchy(embeddings, mask, with_mask=False)


def hierarchy_and_loss(embeddings: list[Tensor], mask: Tensor) -> None:
    stages = run_hierarchy(embeddings, mask, with_mask=True)
    loss = HCLContrastiveLoss(max_pixels=20, max_representatives=16)(embeddings, stages, mask).sum()
    if mask.device.type == 'cpu':  # autograd's engine, unlike fake tensors, asks for the GPU itself
        loss.backward()


CASES = [hierarchy_by_mask, hierarchy_by_scorer, hierarchy_and_loss]


@pytest.mark.parametrize('case', CASES)
def test_no_data_is_read_and_no_image_costs_operations(case: Callable[[list[Tensor], Tensor], None]) -> None:
    counts = []
    for batch in (2, 5):
        arguments = embeddings_and_mask(batch, 'cpu')
        with DeviceOnly() as mode:
            case(*arguments)
        counts.append(mode.count)
    assert counts[0] == counts[1]
    assert counts[0] > 50


@pytest.mark.parametrize('case', CASES)
def test_everything_stays_on_the_device(case: Callable[[list[Tensor], Tensor], None]) -> None:
    # Fake tensors have no data and need no GPU, but refuse to mix devices.
    with FakeTensorMode():
        arguments = embeddings_and_mask(2, 'cuda')
        with DeviceOnly():
            case(*arguments)


def small_model(network_options: dict[str, Any], **options: Any) -> HCLModel:
    """A training with every part and every loss; the options come on top."""
    network = {**network_options, 'refiner': {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1, 2]}}
    return build_model({
        'name': 'small', 'model_type': 'HCLModel', 'num_gpu': 0, 'dist': False, 'is_train': True, 'path': {},
        'network_g': {'type': 'HCLNet', **network},
        'network_d': {'type': 'HCLPatchDiscriminator', 'dim': 4},
        'train': {
            'phase1_iter': 1,
            'total_iter': 4,
            'ema_decay': 0.9,
            'optim_g': {'type': 'Adam', 'lr': 1e-3},
            'optim_d': {'type': 'Adam', 'lr': 1e-3},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [], 'gamma': 0.5},
            'pixel_opt': {'type': 'L1Loss'},
            'perceptual_opt': {'type': 'HCLPerceptualLoss', 'layer_weights': {'relu1_1': 1.0}, 'weights': 'random'},
            'contrastive_opt': {'type': 'HCLContrastiveLoss', 'max_pixels': 20, 'max_representatives': 16},
            'classifier_opt': {'loss_weight': 1.0, 'pixel_weight': 1.0},
            'gan_opt': {'type': 'HCLWGANGPLoss'},
        },
        'val': {},
        **options,
    })  # fmt: skip


def random_batch(device: str) -> dict[str, Tensor]:
    """Two images, which get padded, with masks."""
    gt, mask = torch.rand(2, 3, 24, 40, device=device), (torch.rand(2, 1, 24, 40, device=device) > 0.5).float()
    return {'gt': gt, 'mask': mask, 'lq': gt * mask}


def make_fake(net: nn.Module, device: str) -> None:
    """Within a `FakeTensorMode`: put fake tensors of a device in the place of all parameters and buffers."""

    def fake(tensor: Tensor) -> Tensor:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)

    for module in net.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(fake(parameter), requires_grad=parameter.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, fake(buffer))


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_a_training_step_reads_no_data(small_options: dict[str, Any], precision: str) -> None:
    model = small_model(small_options, precision=precision)
    model.feed_data(random_batch('cpu'))
    for iteration in (1, 2):  # the true mask guides, the predicted one does
        before = [parameter.detach().clone() for net in (model.net_g, model.net_d) for parameter in net.parameters()]
        with DeviceOnly() as mode:
            model.optimize_parameters(iteration)
        after = [parameter for net in (model.net_g, model.net_d) for parameter in net.parameters()]
        assert sum(not torch.equal(a, b) for a, b in zip(before, after)) > 100  # the optimizers stepped under the guard
        assert mode.count > 5000  # of the backward pass too
        assert set(model.log_dict) > {'l_d_penalty', 'l_g_gan', 'l_percep_coarse', 'l_contrastive_0', 'l_classifier'}
    with pytest.raises(AssertionError, match='reads data back'), DeviceOnly():
        model.get_current_log()


@pytest.mark.parametrize('iteration', [1, 2])
def test_a_training_step_stays_on_the_device(
    small_options: dict[str, Any], iteration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All but what autograd's engine does, which asks for the GPU itself, and the optimizers.
    trained: list[Tensor] = []
    monkeypatch.setattr(GradientStep, 'backward', lambda self, loss: trained.append(loss))
    monkeypatch.setattr(GradientStep, 'step', lambda self: torch.zeros((), dtype=torch.bool, device='cuda'))
    monkeypatch.setattr(StepWatch, 'record', lambda self, *record: None)  # it makes an event of a real GPU
    monkeypatch.setattr(gradient_ratio, 'gradient_ratio', lambda loss, reference, image: loss.detach())
    monkeypatch.setattr(HCLWGANGPLoss, 'penalty', lambda self, net_d, real, fake: net_d(real - fake).mean())
    model = small_model(small_options)
    with FakeTensorMode():
        for net in (model.net_g, model.net_d, model.net_g_ema, model.cri_perceptual):
            make_fake(net, 'cuda')
        model.device = torch.device('cuda')
        batch = random_batch('cuda')
        with DeviceOnly():
            model.feed_data(batch)
            model.optimize_parameters(iteration)
    assert len(trained) == 2
    assert all(loss.requires_grad for loss in trained)
    assert {tensor.device.type for tensor in (*trained, *model.log_dict.values())} == {'cuda'}


@pytest.mark.parametrize('guided', [False, True])
@pytest.mark.parametrize('training', [False, True])
def test_the_network_stays_on_the_device(*, small_options: dict[str, Any], training: bool, guided: bool) -> None:
    net = HCLNet(**small_options, refiner=HCLRefineNet(dim=2, dim_mults=(1, 2))).train(training)
    with FakeTensorMode():
        make_fake(net, 'cuda')
        batch = random_batch('cuda')
        guide: dict[str, Any] = {'true_mask': batch['mask'], 'guidance': 'true'} if guided else {}
        with torch.set_grad_enabled(training), DeviceOnly():
            output = net(batch['lq'], return_all=True, **guide)
    for image in (output.restored, output.coarse):
        assert image.device.type == 'cuda'
        assert image.requires_grad == training
    assert all(tensor.device.type == 'cuda' for stage in output.stages for tensor in stage)


def test_the_guard_sees_what_it_forbids() -> None:
    x = torch.rand(4)
    forbidden: list[Callable[[], Any]] = [lambda: x.sum().item(), lambda: x[x > 0.5], lambda: bool(x.any()), x.nonzero]
    for action in forbidden:
        with pytest.raises(AssertionError), DeviceOnly():
            action()
    with FakeTensorMode():
        fake = torch.empty(4, device='cuda')
        copies: list[Callable[[], Any]] = [
            fake.cpu, lambda: fake.copy_(torch.ones(4)), lambda: torch.tensor([1.0], device='cuda')
        ]  # fmt: skip
        for action in copies:
            with pytest.raises(AssertionError, match='copies'), DeviceOnly():
                action()


@pytest.mark.parametrize('value', [1.0, math.nan])
def test_nobody_waits_to_know_whether_a_step_is_taken(value: float) -> None:
    net = nn.Linear(3, 2)
    step = GradientStep(torch.optim.Adam(net.parameters(), fused=True), torch.device('cpu'))
    step.start()
    loss = net(torch.full((1, 3), value)).sum()
    before = net.weight.detach().clone()
    with DeviceOnly() as mode:
        step.backward(loss)
        skipped = step.step()
    assert mode.count > 0
    assert bool(skipped) is math.isnan(value)
    assert torch.equal(net.weight, before) is math.isnan(value)
