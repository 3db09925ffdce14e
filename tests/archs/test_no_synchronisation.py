"""What runs on every batch must not wait for the device: no number is read back, no size depends on data."""

from __future__ import annotations

from typing import Any, Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from hcl_arch.archs.mask_hierarchy import detect_masks
from hcl_arch.losses import HCLContrastiveLoss

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


def test_the_guard_sees_what_it_forbids() -> None:
    x = torch.rand(4)
    forbidden: list[Callable[[], Any]] = [lambda: x.sum().item(), lambda: x[x > 0.5], lambda: bool(x.any()), x.nonzero]
    for action in forbidden:
        with pytest.raises(AssertionError), DeviceOnly():
            action()
    with FakeTensorMode():
        fake = torch.empty(4, device='cuda')
        with pytest.raises(AssertionError), DeviceOnly():
            fake.cpu()
