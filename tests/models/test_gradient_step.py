"""The gradient step: that of the optimizer, unless something is not finite."""

from __future__ import annotations

import copy
import math
from typing import Any, Optional

import pytest
import torch
from torch import Tensor, nn

from hcl_arch.models.gradient_step import GradientStep

CPU = torch.device('cpu')
# Adam with its update in one kernel, without, and an optimizer that has no such kernel.
OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    'fused': (torch.optim.Adam, {'fused': True}),
    'single': (torch.optim.Adam, {'fused': False, 'foreach': False}),
    'foreach': (torch.optim.Adam, {'foreach': True}),
    'adamw': (torch.optim.AdamW, {'fused': True}),
    'rmsprop': (torch.optim.RMSprop, {}),
}


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def optimizer_of(net: nn.Module, kind: str, **options: Any) -> torch.optim.Optimizer:
    made, own = OPTIMIZERS[kind]
    return made(net.parameters(), **{'lr': 0.1, **own, **options})


def state_of(net: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
    """Parameters and all that the optimizer remembers of them."""
    return copy.deepcopy((net.state_dict(), optimizer.state_dict()['state']))


def assert_same(first: Any, second: Any) -> None:
    torch.testing.assert_close(first, second, atol=0, rtol=0)


def losses_of(net: nn.Module, *, count: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [net(torch.randn(5, 3, generator=generator)).square().mean() for _ in range(count)]


def take(step: GradientStep, *losses: Tensor) -> bool:
    step.start()
    for loss in losses:
        step.backward(loss)
    return bool(step.step())


@pytest.mark.parametrize('kind', OPTIMIZERS)
class TestGoodSteps:
    def test_bitwise_those_of_the_optimizer(self, kind: str) -> None:
        ours, plain = network(), network()
        optimizer, expected = optimizer_of(ours, kind), optimizer_of(plain, kind)
        step = GradientStep(optimizer, CPU)
        for number in range(3):
            assert not take(step, *losses_of(ours, count=1, seed=number))
            expected.zero_grad()
            losses_of(plain, count=1, seed=number)[0].backward()
            expected.step()
            assert_same(state_of(ours, optimizer), state_of(plain, expected))

    def test_also_after_one_that_was_left_out(self, kind: str) -> None:
        ours, plain = network(), network()
        optimizer, expected = optimizer_of(ours, kind), optimizer_of(plain, kind)
        step = GradientStep(optimizer, CPU)
        for number, factor in enumerate([1, math.nan, math.nan, 1]):
            assert take(step, losses_of(ours, count=1, seed=number)[0] * factor) == math.isnan(factor)
            if factor == 1:
                expected.zero_grad()
                losses_of(plain, count=1, seed=number)[0].backward()
                expected.step()
        assert_same(state_of(ours, optimizer), state_of(plain, expected))

    def test_parts_add_up(self, kind: str) -> None:
        ours, plain = network(), network()
        optimizer, expected = optimizer_of(ours, kind), optimizer_of(plain, kind)
        take(GradientStep(optimizer, CPU), *losses_of(ours, count=3))
        for loss in losses_of(plain, count=3):
            loss.backward()
        expected.step()
        assert_same(state_of(ours, optimizer), state_of(plain, expected))

    def test_forgets_the_last_gradients(self, kind: str) -> None:
        net = network()
        step = GradientStep(optimizer_of(net, kind), CPU)
        take(step, *losses_of(net, count=1))
        step.start()
        assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize('kind', OPTIMIZERS)
@pytest.mark.parametrize('after', [0, 2], ids=['first step', 'third step'])
class TestStepsThatAreLeftOut:
    """Neither parameters nor what the optimizer remembers of them change, its count of steps included."""

    @staticmethod
    def started(kind: str, after: int) -> tuple[nn.Module, torch.optim.Optimizer, GradientStep]:
        net = network()
        optimizer = optimizer_of(net, kind)
        step = GradientStep(optimizer, CPU)
        for number in range(after):
            take(step, *losses_of(net, count=1, seed=number))
        return net, optimizer, step

    @staticmethod
    def assert_left_out(net: nn.Module, optimizer: torch.optim.Optimizer, before: Any) -> None:
        parameters, memory = state_of(net, optimizer)
        assert_same(parameters, before[0])
        if before[1]:
            assert_same(memory, before[1])
        for state in memory.values():  # made by a first step
            assert before[1] or all(not torch.as_tensor(value).any() for value in state.values())

    @pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
    def test_loss(self, value: float, kind: str, after: int) -> None:
        net, optimizer, step = self.started(kind, after)
        before = state_of(net, optimizer)
        assert take(step, losses_of(net, count=1)[0] * value)
        self.assert_left_out(net, optimizer, before)

    def test_infinite_loss_with_finite_gradients(self, kind: str, after: int) -> None:
        net, optimizer, step = self.started(kind, after)
        before = state_of(net, optimizer)
        assert take(step, losses_of(net, count=1)[0] + math.inf)
        self.assert_left_out(net, optimizer, before)

    def test_one_part_is_enough(self, kind: str, after: int) -> None:
        net, optimizer, step = self.started(kind, after)
        before = state_of(net, optimizer)
        first, second, third = losses_of(net, count=3)
        assert take(step, first, second * math.nan, third)
        self.assert_left_out(net, optimizer, before)

    @pytest.mark.parametrize('value', [math.nan, math.inf])
    def test_gradient_of_one_weight(self, value: float, kind: str, after: int) -> None:
        net, optimizer, step = self.started(kind, after)
        before = state_of(net, optimizer)
        step.start()
        step.backward(losses_of(net, count=1)[0])
        gradient = net[0].weight.grad
        assert gradient is not None
        gradient[1, 2] = value
        assert step.step()
        self.assert_left_out(net, optimizer, before)


class TestGroups:
    def test_gradient_of_another_group(self) -> None:
        """The network's step is one, whatever the learning rates of its parts."""
        net = network()
        groups = [{'params': list(net[0].parameters())}, {'params': list(net[2].parameters()), 'lr': 0.5}]
        optimizer = torch.optim.Adam(groups, lr=0.1, fused=True)
        step = GradientStep(optimizer, CPU)
        before = copy.deepcopy(net.state_dict())
        step.start()
        step.backward(losses_of(net, count=1)[0])
        net[2].bias.grad.fill_(math.nan)
        assert step.step()
        assert_same(net.state_dict(), before)

    def test_parameters_without_gradients(self) -> None:
        net = network()
        optimizer = optimizer_of(net, 'fused')
        before = copy.deepcopy(net.state_dict())
        assert not take(GradientStep(optimizer, CPU), net[2](torch.ones(1, 4)).sum())
        assert_same(net[0].state_dict(), {name[2:]: value for name, value in before.items() if name.startswith('0.')})
        assert not torch.equal(net[2].weight, before['2.weight'])

    def test_no_gradient_at_all(self) -> None:
        step = GradientStep(optimizer_of(network(), 'fused'), CPU)
        step.start()
        assert not step.step()


class TestResumedOptimizer:
    """A loaded state decides whether the update is one kernel, whatever the optimizer was made with."""

    @staticmethod
    def resumed(saved: str, made: str) -> tuple[nn.Module, GradientStep]:
        net = network()
        optimizer = optimizer_of(net, saved)
        take(GradientStep(optimizer, CPU), *losses_of(net, count=1))
        resumed = optimizer_of(net, made)
        resumed.load_state_dict(optimizer.state_dict())
        return net, GradientStep(resumed, CPU)

    @pytest.mark.parametrize(
        ('saved', 'made'),
        [
            ('fused', 'fused'),
            ('single', 'single'),
            ('fused', 'single'),
            ('single', 'fused'),
            ('foreach', 'fused'),
        ],
    )
    def test_goes_on(self, saved: str, made: str) -> None:
        net, step = self.resumed(saved, made)
        before = copy.deepcopy(net.state_dict())
        assert not take(step, *losses_of(net, count=1))
        assert not torch.equal(net[0].weight, before['0.weight'])
        before = copy.deepcopy(net.state_dict())
        assert take(step, losses_of(net, count=1)[0] * math.nan)
        assert_same(net.state_dict(), before)


class TestScaler:
    @staticmethod
    def step_of(net: nn.Module, kind: str = 'fused', *, scale: Optional[float] = None) -> GradientStep:
        step = GradientStep(optimizer_of(net, kind), CPU, 'fp16')
        assert step.scaler is not None
        if scale is not None:
            step.scaler.load_state_dict({**step.scaler.state_dict(), 'scale': scale})
        return step

    @pytest.mark.parametrize('kind', ['fused', 'single'])
    def test_a_power_of_two_changes_nothing(self, kind: str) -> None:
        net, plain = network(), network()
        step, expected = self.step_of(net, kind, scale=1024.0), GradientStep(optimizer_of(plain, kind), CPU)
        for number in range(2):
            assert not take(step, *losses_of(net, count=1, seed=number))
            take(expected, *losses_of(plain, count=1, seed=number))
        assert_same(net.state_dict(), plain.state_dict())

    @pytest.mark.parametrize('kind', ['fused', 'single'])
    def test_overflow_lowers_the_scale(self, kind: str) -> None:
        net = network()
        step = self.step_of(net, kind, scale=2.0**126)
        before = copy.deepcopy(net.state_dict())
        assert take(step, losses_of(net, count=1)[0] * 1e6)
        assert_same(net.state_dict(), before)
        assert step.scaler is not None
        assert step.scaler.get_scale() == 2.0**125

    def test_it_grows_again_after_good_steps(self) -> None:
        net = network()
        step = self.step_of(net, scale=8.0)
        assert step.scaler is not None
        step.scaler.set_growth_interval(2)
        for number in range(2):
            take(step, *losses_of(net, count=1, seed=number))
        assert step.scaler.get_scale() == 16.0

    def test_state_round_trip(self) -> None:
        net = network()
        step = self.step_of(net, scale=64.0)
        take(step, *losses_of(net, count=1))
        take(step, losses_of(net, count=1)[0] * math.nan)
        take(step, *losses_of(net, count=1))
        state = step.state_dict()
        assert state['scale'] == 32.0
        assert state['_growth_tracker'] == 1
        resumed = self.step_of(network())
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state

    def test_states_of_other_precisions(self) -> None:
        plain, scaled = GradientStep(optimizer_of(network(), 'fused'), CPU), self.step_of(network())
        assert plain.state_dict() == {}
        assert plain.scaler is None
        start = scaled.state_dict()
        plain.load_state_dict(start)
        assert plain.state_dict() == {}
        scaled.load_state_dict({})
        assert scaled.state_dict() == start

    def test_finite_gradients_whose_norm_is_not(self) -> None:
        assert_large_gradients_do_nothing(self.step_of(network(), scale=1.0))


def test_finite_gradients_whose_norm_is_not() -> None:
    assert_large_gradients_do_nothing(GradientStep(optimizer_of(network(), 'fused'), CPU))


def assert_large_gradients_do_nothing(step: GradientStep) -> None:
    """Their squares, which Adam remembers for long, would be infinite."""
    optimizer = step._optimizer
    if step.scaler is not None:
        step.scaler.scale(torch.ones(()))  # a scaler that has scaled nothing refuses to unscale
    for group in optimizer.param_groups:
        for parameter in group['params']:
            parameter.grad = torch.full_like(parameter, 1e25)
    assert step.step()
    assert all(not state['exp_avg_sq'].any() for state in optimizer.state.values())
