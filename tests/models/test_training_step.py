"""The training step's own options: parts of a batch, precision, compilation, optimizer, averaging, what is logged."""

from __future__ import annotations

import copy
import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from basicsr.losses import build_loss
from basicsr.models import build_model
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hcl_arch.archs import HCLDetector
from hcl_arch.models import HCLModel, blind_restoration_model
from hcl_arch.training.step_watch import NonFiniteError

PERCEPTUAL: dict[str, Any] = {'type': 'HCLPerceptualLoss', 'layer_weights': {'relu1_1': 1.0}, 'weights': 'random'}
TEXTURE: dict[str, Any] = {'type': 'HCLIDMRFLoss', 'layer_weights': {'relu2_1': 1.0}, 'weights': 'random'}
PARTS = 'train.accumulation_steps'


@pytest.fixture
def plain(options: dict[str, Any]) -> dict[str, Any]:
    """The tiny training without what draws random numbers (contrastive loss, penalty) and without discriminator."""
    options['network_d'] = None
    options['train'].update(contrastive_opt=None, gan_opt=None)
    return options


@pytest.fixture
def four(batch: dict[str, Any]) -> dict[str, Any]:
    """Four images, all different in their holes."""
    gt, mask = torch.rand(4, 3, 32, 32), torch.ones(4, 1, 32, 32)
    for index, width in enumerate((6, 11, 16, 21)):
        mask[index, ..., :width] = 0
    return {**batch, 'gt': gt, 'mask': mask, 'lq': gt * mask}


def parameters_of(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def largest_move(before: dict[str, Tensor], after: dict[str, Tensor]) -> float:
    return max((after[name] - before[name]).abs().max().item() for name in before)


def one_step(options: dict[str, Any], batch: dict[str, Any]) -> HCLModel:
    """The model after a step; of equal options it starts with equal parameters."""
    torch.manual_seed(3)
    model = build_model(copy.deepcopy(options))
    if model.net_d is not None:
        model.net_d.eval()  # spectral normalization goes on with its power iteration in every pass of training
    model.feed_data(batch)
    model.optimize_parameters(1)
    return model


def skip_unless_computed_on_cpu(precision: str) -> None:
    """Float16 on CPUs is newer than the oldest PyTorch that the package runs with."""
    dtype = {'bf16': torch.bfloat16, 'fp16': torch.float16}[precision]
    try:
        with warnings.catch_warnings(), torch.autocast('cpu', dtype=dtype):
            warnings.simplefilter('ignore')
            computed = F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3)).dtype
    except RuntimeError:
        computed = None
    if computed != dtype:
        pytest.skip(f'no {precision} on this CPU')


class TestAccumulation:
    @pytest.mark.parametrize('steps', [2, 4])
    def test_parts_give_the_step_of_the_batch(
        self, steps: int, plain: dict[str, Any], four: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # With it Adam's first step is nearly proportional to the gradient, as its sign alone would magnify rounding.
        plain['train']['optim_g'] = {'type': 'Adam', 'lr': 1.0, 'eps': 1.0}
        plain['train']['perceptual_opt'] = PERCEPTUAL
        monkeypatch.setattr(HCLDetector, '_kmeans_seed', lambda self, image, generator: 0)
        whole = one_step(plain, four)
        plain['train']['accumulation_steps'] = steps
        parts = one_step(plain, four)
        torch.manual_seed(3)
        before = parameters_of(build_model(plain).net_g)
        assert largest_move(before, parameters_of(whole.net_g)) > 1e-2
        torch.testing.assert_close(parameters_of(parts.net_g), parameters_of(whole.net_g), atol=1e-5, rtol=0)
        logged, expected = parts.get_current_log(), whole.get_current_log()
        assert list(logged) == list(expected)
        assert {'l_pix_refined', 'l_percep_coarse', 'l_classifier'} <= set(logged)
        assert logged == pytest.approx(expected, abs=1e-5)

    def test_a_step_is_not_that_of_one_part(self, plain: dict[str, Any], four: dict[str, Any]) -> None:
        plain['train']['optim_g'] = {'type': 'Adam', 'lr': 1.0, 'eps': 1.0}
        plain['train'].update(accumulation_steps=2, classifier_opt=None)
        both = one_step(plain, four)
        plain['train']['accumulation_steps'] = 1
        halves = [
            one_step(plain, {key: four[key][part] for key in ('lq', 'gt', 'mask')})
            for part in (slice(0, 2), slice(2, 4))
        ]
        grads = [model.net_g.decoder.last_conv.weight.grad for model in (both, *halves)]
        torch.testing.assert_close(grads[0], (grads[1] + grads[2]) / 2)
        assert not torch.allclose(grads[1], grads[2])

    def test_the_discriminator_steps_once_on_all_parts(self, options: dict[str, Any], four: dict[str, Any]) -> None:
        options['train'].update(
            contrastive_opt=None,
            gan_opt={'type': 'GANLoss', 'gan_type': 'vanilla', 'loss_weight': 0.1},
            optim_d={'type': 'Adam', 'lr': 1.0, 'eps': 1.0},
        )
        whole = one_step(options, four)
        options['train']['accumulation_steps'] = 2
        parts = one_step(options, four)
        for optimizer in parts.optimizers:
            assert {int(state['step']) for state in optimizer.state.values()} == {1}
        torch.testing.assert_close(parameters_of(parts.net_d), parameters_of(whole.net_d), atol=1e-5, rtol=0)
        for name in ('l_d_real', 'l_d_fake'):
            assert parts.get_current_log()[name] == pytest.approx(whole.get_current_log()[name], abs=1e-5)

    def test_a_batch_that_cannot_be_divided(self, plain: dict[str, Any], four: dict[str, Any]) -> None:
        plain['train']['accumulation_steps'] = 3
        with pytest.raises(ValueError, match=rf'{PARTS}: a batch of 4 images cannot be divided into 3 equal parts'):
            one_step(plain, four)

    @pytest.mark.parametrize('steps', [0, -2, 1.5, '2', None])
    def test_wrong_numbers_of_parts(self, steps: Any, plain: dict[str, Any]) -> None:
        plain['train']['accumulation_steps'] = steps
        with pytest.raises(ValueError, match=rf'{PARTS} must be a whole number of at least 1, got {steps!r}'):
            build_model(plain)


class TestStepsThatAreNotFinite:
    """A batch with a bad number must not cost the training more than its own step."""

    @pytest.fixture
    def logged(self, options: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
        options['path']['log'] = str(tmp_path)
        return options

    @staticmethod
    def spoilt(batch: dict[str, Any], name: str, value: float) -> dict[str, Any]:
        images = batch[name].clone()
        images[1, 0, 20, 25] = value
        return {**batch, name: images}

    @staticmethod
    def state_of(model: HCLModel) -> dict[str, Any]:
        optimizers = {f'optimizer {index}': optimizer.state_dict() for index, optimizer in enumerate(model.optimizers)}
        return copy.deepcopy({
            'net_g': parameters_of(model.net_g), 'net_d': parameters_of(model.net_d), **optimizers
        })  # fmt: skip

    @pytest.mark.parametrize(
        ('name', 'value'), [('lq', math.nan), ('gt', math.nan), ('lq', math.inf), ('gt', -math.inf)]
    )
    def test_networks_and_optimizers_stay(
        self, name: str, value: float, logged: dict[str, Any], batch: dict[str, Any], tmp_path: Path
    ) -> None:
        model = one_step(logged, batch)
        before = self.state_of(model)
        model.feed_data(self.spoilt(batch, name, value))
        model.optimize_parameters(2)
        torch.testing.assert_close(self.state_of(model), before, atol=0, rtol=0)
        line = (tmp_path / 'skipped_steps.log').read_text()
        assert line.startswith('iteration 2: no step of net_d, no step of net_g; not finite: ')
        assert line.endswith('; images: a.png, b.png\n')

    def test_the_next_good_batch_trains(self, logged: dict[str, Any], batch: dict[str, Any]) -> None:
        """As if the bad one had not been there."""
        logged.update(manual_seed=3)
        model, other = one_step(logged, batch), one_step(logged, batch)
        model.feed_data(self.spoilt(batch, 'lq', math.nan))
        model.optimize_parameters(2)
        for trained in (model, other):
            trained.feed_data(batch)
            trained.optimize_parameters(3)
        assert all(math.isfinite(value) for value in model.get_current_log().values())
        for net in ('net_g', 'net_d'):
            moved = parameters_of(getattr(model, net))
            # But for the power iteration of the spectral normalization, which one pass has brought further.
            torch.testing.assert_close(moved, parameters_of(getattr(other, net)), atol=2e-3, rtol=0)
            assert all(value.isfinite().all() for value in moved.values())

    def test_all_state_stays_finite(self, logged: dict[str, Any], batch: dict[str, Any]) -> None:
        logged['train']['ema_decay'] = 0.9
        model = build_model(logged)
        for iteration in (1, 2, 3):
            model.feed_data(self.spoilt(batch, 'lq', math.nan) if iteration < 3 else batch)
            model.optimize_parameters(iteration)
        for net in (model.net_g, model.net_d, model.net_g_ema):
            assert all(value.isfinite().all() for value in net.state_dict().values())

    def test_statistics_of_batches_stay(self, logged: dict[str, Any], batch: dict[str, Any]) -> None:
        """The pass through the network, and through the discriminator, has changed them, to NaN."""
        logged['train'].update(ema_decay=0.9, gan_opt={'type': 'GANLoss', 'gan_type': 'vanilla'})
        model = build_model(logged)
        model.net_g.refiner.first_conv = nn.Sequential(nn.BatchNorm2d(4), model.net_g.refiner.first_conv)
        model.net_g_ema.refiner.first_conv = nn.Sequential(nn.BatchNorm2d(4), model.net_g_ema.refiner.first_conv)
        model.net_d = nn.Sequential(nn.BatchNorm2d(3), model.net_d)
        model.setup_optimizers()
        model.feed_data(batch)
        model.optimize_parameters(1)
        nets = (model.net_g, model.net_d)
        before = copy.deepcopy([dict(net.named_buffers()) for net in nets])
        model.feed_data(self.spoilt(batch, 'lq', math.nan))
        model.optimize_parameters(2)
        for net, buffers in zip(nets, before):
            kept = {name: value for name, value in net.named_buffers() if '.running_' in f'.{name}' or 'num_' in name}
            assert len(kept) == 3
            torch.testing.assert_close(kept, {name: buffers[name] for name in kept}, atol=0, rtol=0)
        assert all(value.isfinite().all() for value in model.net_g_ema.state_dict().values())
        model.feed_data(batch)
        model.optimize_parameters(3)
        assert int(dict(model.net_g.named_buffers())['refiner.first_conv.0.num_batches_tracked']) == 2

    def test_averaging_goes_on(self, logged: dict[str, Any], batch: dict[str, Any]) -> None:
        logged['train']['ema_decay'] = 0.75
        model = one_step(logged, batch)
        before, trained = parameters_of(model.net_g_ema), parameters_of(model.net_g)
        model.feed_data(self.spoilt(batch, 'lq', math.nan))
        model.optimize_parameters(2)
        expected = {name: 0.75 * before[name] + 0.25 * trained[name] for name in trained}
        torch.testing.assert_close(parameters_of(model.net_g_ema), expected, atol=1e-7, rtol=1e-5)

    def test_one_part_of_a_batch(self, logged: dict[str, Any], batch: dict[str, Any]) -> None:
        logged['train']['accumulation_steps'] = 2
        model = one_step(logged, batch)
        before = self.state_of(model)
        model.feed_data(self.spoilt(batch, 'gt', math.nan))  # the second image: the last part
        model.optimize_parameters(2)
        torch.testing.assert_close(self.state_of(model), before, atol=0, rtol=0)
        model.feed_data({name: values[::-1] if isinstance(values, list) else values.flip(0)
                         for name, values in self.spoilt(batch, 'gt', math.nan).items()})  # fmt: skip
        model.optimize_parameters(3)
        torch.testing.assert_close(self.state_of(model), before, atol=0, rtol=0)

    def test_discriminator_alone(self, logged: dict[str, Any], batch: dict[str, Any], tmp_path: Path) -> None:
        model = one_step(logged, batch)
        before = self.state_of(model)
        model.cri_gan.penalty = lambda *_: sum(p.sum() for p in model.net_d.parameters()) * math.inf
        model.feed_data(batch)
        model.optimize_parameters(2)
        torch.testing.assert_close(parameters_of(model.net_d), before['net_d'], atol=0, rtol=0)
        assert largest_move(before['net_g'], parameters_of(model.net_g)) > 0
        line = (tmp_path / 'skipped_steps.log').read_text()
        assert line == 'iteration 2: no step of net_d; not finite: l_d_penalty; images: a.png, b.png\n'

    def test_too_many_in_a_row(self, logged: dict[str, Any], batch: dict[str, Any], tmp_path: Path) -> None:
        logged['train']['max_skipped_steps'] = 3
        model = one_step(logged, batch)
        before = self.state_of(model)
        model.feed_data(self.spoilt(batch, 'lq', math.nan))
        for iteration in (2, 3):
            model.optimize_parameters(iteration)
        with pytest.raises(NonFiniteError, match=r'3 steps in a row .*iteration 4'):
            model.optimize_parameters(4)
        torch.testing.assert_close(self.state_of(model), before, atol=0, rtol=0)
        # Outside of a pipeline nothing is saved.
        assert sorted(path.name for path in tmp_path.iterdir()) == ['skipped_steps.log']

    @pytest.mark.parametrize('steps', [0, -2, 1.5, '2', None, True])
    def test_wrong_limits(self, steps: Any, logged: dict[str, Any]) -> None:
        logged['train']['max_skipped_steps'] = steps
        with pytest.raises(ValueError, match=rf'max_skipped_steps must be a whole number of at least 1, got {steps!r}'):
            build_model(logged)


class TestSeeds:
    def test_an_iteration_follows_from_the_seed_and_its_number(
        self, options: dict[str, Any], batch: dict[str, Any]
    ) -> None:
        options['manual_seed'] = 5
        models = [one_step(options, batch) for _ in range(2)]
        for index, model in enumerate(models):
            torch.rand(index)  # as data sets and validation draw
            model.feed_data(batch)
            model.optimize_parameters(2)
        assert models[0].get_current_log() == models[1].get_current_log()
        torch.testing.assert_close(parameters_of(models[0].net_g), parameters_of(models[1].net_g), atol=0, rtol=0)

    def test_iterations_draw_different_numbers(self, options: dict[str, Any], batch: dict[str, Any]) -> None:
        options['manual_seed'] = 5
        model, drawn = one_step(options, batch), []
        for iteration in (1, 1, 2):
            model.optimize_parameters(iteration)
            torch.manual_seed(torch.initial_seed())
            drawn.append(torch.rand(()).item())
        assert drawn[0] == drawn[1] != drawn[2]


class TestLog:
    def test_tensors_until_numbers_are_asked_for(self, options: dict[str, Any], batch: dict[str, Any]) -> None:
        model = one_step(options, batch)
        assert all(isinstance(value, Tensor) and not value.requires_grad for value in model.log_dict.values())
        log = model.get_current_log()
        assert all(type(value) is float for value in log.values())
        assert log == {name: value.item() for name, value in model.log_dict.items()}
        # `output` is of the forward pass that the losses were computed of.
        assert log['l_pix_refined'] == pytest.approx((model.output - batch['gt']).abs().mean().item())

    def test_the_sum_is_what_is_trained(
        self, options: dict[str, Any], batch: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trained: list[float] = []
        backward = Tensor.backward
        monkeypatch.setattr(
            Tensor, 'backward', lambda self, *args, **kwargs: (trained.append(self.item()), backward(self, *args))
        )
        log = one_step(options, batch).get_current_log()
        of_discriminator = sum(value for name, value in log.items() if name.startswith('l_d_'))
        assert 'r_gan_pix' in log
        of_generator = sum(value for name, value in log.items() if name.startswith('l_')) - of_discriminator
        assert trained == pytest.approx([of_discriminator, of_generator], rel=1e-5)

    def test_ratio_of_the_adversarial_gradient_to_the_pixels(
        self, options: dict[str, Any], batch: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options['train'].update(perceptual_opt=None, contrastive_opt=None)
        first = one_step(options, batch).get_current_log()['r_gan_pix']
        # The pixels' loss is a mean of distances: its gradient is 1/n at each of n numbers, whatever the image.
        gradients: list[Tensor] = []
        generator_backward = HCLModel._generator_backward

        def watched(model: HCLModel, output: Any, part: Any, **options: Any) -> Any:
            output.restored.retain_grad()
            model.cri_pix.loss_weight = 0.0
            losses = generator_backward(model, output, part, **options)
            gradients.append(output.restored.grad)
            return losses

        monkeypatch.setattr(HCLModel, '_generator_backward', watched)
        monkeypatch.setattr(blind_restoration_model, 'adversarial_ratio', lambda losses, restored: {})
        one_step(options, batch)
        pixels = batch['gt'].numel()
        assert first == pytest.approx(gradients[0].norm().item() * pixels**0.5, rel=1e-4)
        monkeypatch.undo()
        options['train']['gan_opt']['loss_weight'] *= 10
        assert one_step(options, batch).get_current_log()['r_gan_pix'] == pytest.approx(10 * first, rel=1e-4)

    def test_no_ratio_without_both_losses_or_a_restored_image(
        self, options: dict[str, Any], plain: dict[str, Any], batch: dict[str, Any]
    ) -> None:
        assert 'r_gan_pix' not in one_step(plain, batch).log_dict
        options['train']['detector_iter'] = 1
        assert 'r_gan_pix' not in one_step(options, batch).log_dict


class TestPerceptualLosses:
    @staticmethod
    def watched_step(options: dict[str, Any], batch: dict[str, Any]) -> tuple[HCLModel, list[bool]]:
        """A step, and for each pass through a VGG whether it made a graph."""
        model, passes = build_model(options), []
        criteria = {model.cri_perceptual, model.cri_perceptual_coarse} - {None}
        for criterion in criteria:
            criterion.loss.vgg.register_forward_hook(lambda *_: passes.append(torch.is_grad_enabled()))
        model.feed_data(batch)
        model.optimize_parameters(1)
        return model, passes

    @pytest.mark.parametrize('given', [('perceptual_opt',), ('perceptual_opt', 'perceptual_coarse_opt')])
    def test_equal_options_share_the_vgg_and_the_truth(
        self, given: tuple[str, ...], plain: dict[str, Any], batch: dict[str, Any]
    ) -> None:
        plain['train'].update({name: copy.deepcopy(PERCEPTUAL) for name in given})
        model, passes = self.watched_step(plain, batch)
        assert model.cri_perceptual_coarse is model.cri_perceptual
        assert sorted(passes) == [False, True, True]
        assert {'l_percep_coarse', 'l_percep_refined'} <= set(model.log_dict)

    def test_different_options(self, plain: dict[str, Any], batch: dict[str, Any]) -> None:
        plain['train'].update(perceptual_opt=PERCEPTUAL, perceptual_coarse_opt={**PERCEPTUAL, 'loss_weight': 0.5})
        model, passes = self.watched_step(plain, batch)
        assert model.cri_perceptual_coarse is not model.cri_perceptual
        assert model.cri_perceptual.loss.perceptual_weight == 1
        assert model.cri_perceptual_coarse.loss.perceptual_weight == 0.5
        assert sorted(passes) == [False, False, True, True]

    def test_of_the_coarse_image_alone(self, plain: dict[str, Any], batch: dict[str, Any]) -> None:
        plain['train']['perceptual_coarse_opt'] = PERCEPTUAL
        model, passes = self.watched_step(plain, batch)
        assert 'l_percep_coarse' in model.log_dict
        assert 'l_percep_refined' not in model.log_dict
        assert sorted(passes) == [False, True]

    def test_basicsrs_own(self, plain: dict[str, Any], batch: dict[str, Any]) -> None:
        plain['train']['perceptual_opt'] = PERCEPTUAL
        model = build_model(plain)
        ours = build_loss({**PERCEPTUAL, 'loss_weight': 2.0})
        model.cri_perceptual = model.cri_perceptual_coarse = ours.loss
        model.feed_data(batch)
        model.optimize_parameters(1)
        expected, _ = ours(model.output, batch['gt'])
        assert model.get_current_log()['l_percep_refined'] == pytest.approx(expected.item(), rel=1e-5)


class TestTextures:
    @pytest.mark.parametrize('steps', [1, 2])
    def test_of_the_restored_image(self, steps: int, plain: dict[str, Any], batch: dict[str, Any]) -> None:
        plain['train'].update(texture_opt=TEXTURE, accumulation_steps=steps)
        model = build_model(plain)
        restored: list[Tensor] = []
        model.net_g.register_forward_hook(lambda net, args, output: restored.append(output.restored.detach()))
        model.feed_data(batch)
        model.optimize_parameters(1)
        with torch.no_grad():
            expected, _ = model.cri_texture(torch.cat(restored), batch['gt'])
        assert model.get_current_log()['l_texture'] == pytest.approx(expected.item(), rel=1e-4)

    def test_alone_it_trains_the_restoration(self, plain: dict[str, Any], batch: dict[str, Any]) -> None:
        """Beside a pixel loss of weight 0, which BasicSR wants to be there."""
        plain['train'].update(texture_opt=TEXTURE, classifier_opt=None)
        plain['train']['pixel_opt']['loss_weight'] = 0.0
        torch.manual_seed(3)
        before = parameters_of(build_model(copy.deepcopy(plain)).net_g.refiner)
        after = parameters_of(one_step(plain, batch).net_g.refiner)
        assert all(value.isfinite().all() for value in after.values())
        assert largest_move(before, after) > 1e-5


class TestPrecision:
    @pytest.mark.parametrize('precision', ['bf16', 'fp16'])
    def test_a_step(self, precision: str, options: dict[str, Any], batch: dict[str, Any]) -> None:
        skip_unless_computed_on_cpu(precision)
        options['train']['perceptual_opt'] = PERCEPTUAL
        model = build_model({**options, 'precision': precision})
        seen: dict[str, set[torch.dtype]] = {}
        for name in ('net_d', 'cri_pix', 'cri_gan', 'net_g.decoder.last_conv', 'cri_perceptual.loss.vgg'):
            model_part = model
            for attribute in name.split('.'):
                model_part = getattr(model_part, attribute)
            model_part.register_forward_hook(
                lambda _, inputs, output, name=name: seen.setdefault(name, set()).update(
                    tensor.dtype
                    for tensor in (*inputs, *(output.values() if isinstance(output, dict) else [output]))
                    if isinstance(tensor, Tensor)
                )
            )
        model.feed_data(batch)
        before = {net: parameters_of(getattr(model, net)) for net in ('net_g', 'net_d')}
        for iteration in range(1, 13):
            scale = model._step_g.scaler.get_scale() if precision == 'fp16' else None
            model.optimize_parameters(iteration)
            if scale is None or model._step_g.scaler.get_scale() == scale:
                break
            # A step whose gradients overflow is left out.
            assert largest_move(before['net_g'], parameters_of(model.net_g)) == 0
        for net, parameters in before.items():
            after = parameters_of(getattr(model, net))
            assert all(value.dtype == torch.float32 and value.isfinite().all() for value in after.values())
            assert largest_move(parameters, after) > 1e-5
        assert all(value.dtype == torch.float32 and value.isfinite() for value in model.log_dict.values())
        low = {'bf16': torch.bfloat16, 'fp16': torch.float16}[precision]
        assert seen['net_d'] == seen['cri_pix'] == seen['cri_gan'] == {torch.float32}
        assert low in seen['net_g.decoder.last_conv']
        assert low in seen['cri_perceptual.loss.vgg']

    def test_only_the_generator_in_fp16_scales_its_losses(self, options: dict[str, Any]) -> None:
        for precision in ('fp32', 'bf16', 'fp16'):
            model = build_model(copy.deepcopy({**options, 'precision': precision}))
            assert isinstance(model._step_g.scaler, torch.amp.GradScaler) == (precision == 'fp16')
            assert model._step_d.scaler is None

    @pytest.mark.parametrize('is_train', [True, False])
    @pytest.mark.parametrize('precision', ['half', 16, None])
    def test_wrong_precision(self, precision: Any, is_train: bool, options: dict[str, Any]) -> None:
        options.update(precision=precision, is_train=is_train)
        with pytest.raises(ValueError, match=rf"precision must be one of .*'bf16'.* got {precision!r}"):
            build_model(options)

    def test_testing_has_weights_in_bf16(self, options: dict[str, Any], dataset: Any) -> None:
        skip_unless_computed_on_cpu('bf16')
        options.update(precision='bf16', is_train=False)
        model = build_model(options)
        convolutions = [module for module in model.net_g.modules() if type(module) is nn.Conv2d]
        model.validation(DataLoader(dataset, batch_size=2), 'run', None, False)
        assert {module.weight.dtype for module in convolutions} == {torch.bfloat16}
        assert model.output.dtype == torch.float32
        assert model.metric_results['psnr'] > 0
        assert 0 <= model.metric_results['accuracy'] <= 1

    def test_validation_while_training_leaves_the_weights(self, options: dict[str, Any], dataset: Any) -> None:
        skip_unless_computed_on_cpu('bf16')
        model = build_model({**options, 'precision': 'bf16'})
        model.validation(DataLoader(dataset, batch_size=2), 1, None, False)
        assert {parameter.dtype for parameter in model.net_g.parameters()} == {torch.float32}


class TestCompile:
    @pytest.fixture
    def compiled(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
        """What is compiled, and how; instead of compiling it."""
        calls: list[tuple[str, dict[str, Any]]] = []
        monkeypatch.setattr(nn.Module, 'compile', lambda self, **kwargs: calls.append((type(self).__name__, kwargs)))
        return calls

    @pytest.mark.parametrize(
        ('option', 'mode'), [(True, 'default'), ('default', 'default'), ('reduce-overhead', 'reduce-overhead')]
    )
    @pytest.mark.parametrize('is_train', [True, False])
    def test_of_the_generator_alone(
        self, option: Any, mode: str, is_train: bool, options: dict[str, Any], compiled: list[Any]
    ) -> None:
        options.update(compile=option, is_train=is_train)
        build_model(options)
        assert compiled == [('HCLNet', {'mode': mode})]

    @pytest.mark.parametrize('option', [False, 'left out'])
    def test_only_where_asked_for(self, option: Any, options: dict[str, Any], compiled: list[Any]) -> None:
        if option != 'left out':
            options['compile'] = option
        build_model(options)
        assert compiled == []

    @pytest.mark.parametrize('option', ['fastest', 1, None, ''])
    def test_wrong_mode(self, option: Any, options: dict[str, Any], compiled: list[Any]) -> None:
        options['compile'] = option
        with pytest.raises(ValueError, match=rf"compile must be true, false or one of .*'default'.* got {option!r}"):
            build_model(options)
        assert compiled == []

    @pytest.mark.filterwarnings('ignore:.torch.jit.script_method. is deprecated:DeprecationWarning')  # torch's own
    def test_names_of_the_parameters_stay(self, options: dict[str, Any]) -> None:
        keys = []
        for option in (False, True):
            net = build_model(copy.deepcopy({**options, 'compile': option})).net_g  # compiled at its first call
            keys.append(list(net.state_dict()))
        assert net._compiled_call_impl is not None
        assert keys[0] == keys[1]


class TestOptimizer:
    @pytest.mark.parametrize(
        ('given', 'fused', 'foreach'),
        [({}, True, None), ({'fused': False}, False, None), ({'foreach': True}, None, True)],
    )
    def test_fused_unless_the_options_say_otherwise(
        self, given: dict[str, bool], fused: Any, foreach: Any, options: dict[str, Any]
    ) -> None:
        for name in ('optim_g', 'optim_d'):
            options['train'][name].update(given)
        model = build_model(options)
        for optimizer in (model.optimizer_g, model.optimizer_d):
            assert {(group['fused'], group['foreach']) for group in optimizer.param_groups} == {(fused, foreach)}


class TestAveraging:
    def test_formula(self, options: dict[str, Any], batch: dict[str, Any]) -> None:
        options['train']['ema_decay'] = 0.75
        model = build_model(options)
        start = parameters_of(model.net_g)
        torch.testing.assert_close(parameters_of(model.net_g_ema), start, atol=0, rtol=0)
        model.feed_data(batch)
        expected = start
        for iteration in (1, 2):
            model.optimize_parameters(iteration)
            trained = parameters_of(model.net_g)
            expected = {name: 0.75 * expected[name] + 0.25 * trained[name] for name in trained}
        assert largest_move(start, trained) > 1e-3
        torch.testing.assert_close(parameters_of(model.net_g_ema), expected, atol=1e-7, rtol=1e-5)
        assert not any(parameter.grad is not None for parameter in model.net_g_ema.parameters())

    def test_statistics_are_averaged_and_counters_copied(self, options: dict[str, Any]) -> None:
        options['train']['ema_decay'] = 0.75
        model = build_model(options)
        for net, value in ((model.net_g, 8), (model.net_g_ema, 4)):
            net.register_buffer('count', torch.tensor(value))
            net.register_buffer('running_mean', torch.tensor(float(value)))
        model.model_ema(0.75)
        assert model.net_g_ema.count == 8
        assert model.net_g_ema.running_mean == 5

    @pytest.mark.parametrize(('decay', 'expected'), [(0.0, 2.0), (1.0, 1.0), (0.9, 1.1)])
    def test_of_numbers(self, decay: float, expected: float, options: dict[str, Any]) -> None:
        options['train']['ema_decay'] = 0.5
        model = build_model(options)
        trained, averaged = (net.decoder.last_conv.bias.data for net in (model.net_g, model.net_g_ema))
        trained.fill_(2)
        averaged.fill_(1)
        model.model_ema(decay)
        torch.testing.assert_close(averaged, torch.full((3,), expected))
        assert trained.eq(2).all()
