"""HCLModel: what a training step does, what validation measures and writes, and which options it refuses."""

from __future__ import annotations

import copy
import csv
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch
from basicsr.models import build_model
from torch.utils.data import DataLoader

from hcl_arch.archs import HCLOutput
from hcl_arch.metrics import calculate_mask_accuracy
from hcl_arch.models import BlindRestorationModel, HCLModel
from hcl_arch.models.validation_sample import samples_of_batch


def parameters_of(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def test_a_step_logs_every_loss_and_moves_every_part(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['train']['perceptual_opt'] = {
        'type': 'HCLPerceptualLoss', 'layer_weights': {'relu1_1': 1.0}, 'weights': 'random',
    }  # fmt: skip
    model = build_model(options)
    before = {**parameters_of(model.net_g), **{f'd.{k}': v for k, v in parameters_of(model.net_d).items()}}
    model.feed_data(batch)
    model.optimize_parameters(1)
    after = {**parameters_of(model.net_g), **{f'd.{k}': v for k, v in parameters_of(model.net_d).items()}}

    expected = {'l_d_real', 'l_d_fake', 'l_d_penalty', 'l_g_gan', 'r_gan_pix', 'l_classifier'}
    expected |= {f'l_contrastive_{stage}' for stage in range(3)}
    expected |= {f'{loss}_{image}' for loss in ('l_pix', 'l_percep') for image in ('coarse', 'refined')}
    assert set(model.log_dict) == expected
    assert all(np.isfinite(value) for value in model.get_current_log().values())
    # A head of the finest stage may lack gradients only if nothing is contrasted there; here all parts have work.
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_contrastive_labels_are_those_of_the_finest_grid_for_a_coarser_stage_alone(
    options: dict[str, Any], batch: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    options['network_g'].update(n_conv_stages=1, single_stage=1, window_size=4, bottleneck_window_size=4)
    model = build_model(options)
    seen: dict[str, Any] = {}
    forward = model.cri_contrastive.forward

    def watched(embeddings: Any, stages: Any, mask: torch.Tensor, **options: Any) -> torch.Tensor:
        seen.update(cell=mask.shape[-1] // embeddings[0].shape[-1], **options)
        return forward(embeddings, stages, mask, **options)

    monkeypatch.setattr(model.cri_contrastive, 'forward', watched)
    model.feed_data(batch)
    model.optimize_parameters(1)
    assert seen == {'cell': 4, 'finest_cell': 2}
    assert 'l_contrastive_0' in model.log_dict


def test_one_generator_forward_an_iteration_guided_by_phase(options: dict[str, Any], batch: dict[str, Any]) -> None:
    model = build_model(options)
    calls: list[str] = []
    model.net_g.register_forward_hook(
        lambda module, args, kwargs, output: calls.append(kwargs['guidance']), with_kwargs=True
    )
    model.feed_data(batch)
    for iteration in (1, 2, 3):
        model.optimize_parameters(iteration)
    assert calls == ['true', 'predicted', 'predicted']


def test_a_share_of_the_later_iterations_keeps_the_true_mask(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['train']['true_mask_share'] = 0.4
    model = build_model(options)
    torch.manual_seed(0)
    drawn = [model._draws_true_mask() for _ in range(1000)]
    assert 350 < sum(drawn) < 450
    calls: list[str] = []
    model.net_g.register_forward_hook(
        lambda module, args, kwargs, output: calls.append(kwargs['guidance']), with_kwargs=True
    )
    model.feed_data(batch)
    model.true_mask_share = 1
    model.optimize_parameters(3)
    assert calls == ['true']


def test_the_detector_alone_comes_first_where_asked_for(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['train'].update(detector_iter=1, classifier_opt={'loss_weight': 1.0, 'pixel_weight': 1.0})
    model = build_model(options)
    before = parameters_of(model.net_g)
    model.feed_data(batch)
    model.optimize_parameters(1)
    moved = {name.split('.')[0] for name, value in parameters_of(model.net_g).items() if not value.equal(before[name])}
    assert moved == {'detector'}
    assert {'l_classifier', 'l_classifier_pixel'} <= set(model.log_dict)
    assert not any(name.startswith(('l_pix', 'l_d_', 'l_g_')) for name in model.log_dict)
    model.optimize_parameters(2)
    assert 'l_pix_refined' in model.log_dict


def test_the_discriminators_gradients_are_of_its_own_step_only(options: dict[str, Any], batch: dict[str, Any]) -> None:
    model = build_model(options)
    model.feed_data(batch)
    seen: list[torch.Tensor] = []
    original_step = model.optimizer_d.step
    model.optimizer_d.step = lambda: (seen.extend(p.grad.clone() for p in model.net_d.parameters()), original_step())
    model.optimize_parameters(1)
    assert seen
    assert all(torch.equal(kept, p.grad) for kept, p in zip(seen, model.net_d.parameters()))


def test_learning_rates_of_the_parts(options: dict[str, Any]) -> None:
    model = build_model(options)
    groups = model.optimizer_g.param_groups
    names = {id(parameter): name for name, parameter in model.net_g.named_parameters()}
    rate_of = {names[id(parameter)]: group['lr'] for group in groups for parameter in group['params']}
    assert set(rate_of) == set(names.values())
    assert {rate for name, rate in rate_of.items() if name.startswith('refiner.')} == {1e-4}
    assert {rate for name, rate in rate_of.items() if name.startswith('detector.classifier.')} == {1e-5}
    assert rate_of['detector.encoder.first_conv.weight'] == rate_of['decoder.last_conv.bias'] == 1e-3


def test_the_options_are_left_as_they_are(options: dict[str, Any]) -> None:
    before = copy.deepcopy(options)
    HCLModel(options)
    before['train']['scheduler'].pop('type')  # BasicSR's own setup_schedulers takes it out
    assert options == before


def test_state_survives_saving_and_loading(options: dict[str, Any], batch: dict[str, Any], tmp_path: Path) -> None:
    for folder in ('models', 'states'):
        (tmp_path / folder).mkdir()
    options['train']['ema_decay'] = 0.5
    resumed_options = copy.deepcopy(options)
    model = build_model(options)
    model.feed_data(batch)
    model.optimize_parameters(1)
    model.save(0, 1)

    resumed_options['path'].update({
        f'pretrain_network_{label}': str(tmp_path / 'models' / f'net_{label}_1.pth') for label in 'gd'
    })  # fmt: skip
    resumed = build_model(resumed_options)
    resumed.resume_training(torch.load(tmp_path / 'states' / '1.state', weights_only=True))
    for label in ('net_g', 'net_d', 'net_g_ema'):
        one, other = getattr(model, label), getattr(resumed, label)
        for (name, value), (_, loaded) in zip(one.state_dict().items(), other.state_dict().items()):
            assert torch.equal(value, loaded), name
    for one, other in zip(model.optimizers, resumed.optimizers):
        assert one.state_dict()['state'].keys() == other.state_dict()['state'].keys()


@pytest.mark.parametrize('layout', ['contiguous', 'channels_last'])
def test_the_same_step_from_either_layout_and_a_resumed_run_keeps_it(
    options: dict[str, Any], batch: dict[str, Any], tmp_path: Path, layout: str
) -> None:
    for folder in ('models', 'states'):
        (tmp_path / folder).mkdir()
    found = []
    for chosen in (layout, 'channels_last'):
        torch.manual_seed(0)
        model = build_model({**copy.deepcopy(options), 'weight_gradients': chosen})
        model.feed_data(batch)
        model.optimize_parameters(1)
        found.append([p.grad for net in (model.net_g, model.net_d) for p in net.parameters() if p.grad is not None])
        if chosen == layout:
            model.save(0, 2)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5 * max(1.0, float(other.abs().max())))
    state = torch.load(tmp_path / 'states' / '2.state', weights_only=True)
    opposite = {'contiguous': 'channels_last', 'channels_last': 'contiguous'}[layout]
    resumed = build_model({**copy.deepcopy(options), 'weight_gradients': opposite})
    assert resumed.weight_gradients.layout == opposite
    resumed.resume_training(state)
    assert resumed.weight_gradients.layout == layout


def test_any_discriminator_of_basicsr(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['network_d'] = {'type': 'UNetDiscriminatorSN', 'num_in_ch': 3, 'num_feat': 4}
    model = build_model(options)
    model.feed_data(batch)
    for iteration in (1, 2):
        model.optimize_parameters(iteration)
    assert np.isfinite(model.get_current_log()['l_d_penalty'])


def test_basicsrs_gan_loss_takes_the_place_of_ours(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['train']['gan_opt'] = {'type': 'GANLoss', 'gan_type': 'vanilla', 'loss_weight': 0.1}
    model = build_model(options)
    model.feed_data(batch)
    model.optimize_parameters(1)
    assert 'l_d_penalty' not in model.log_dict


def test_basicsrs_srmodel_trains_hclnet(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['model_type'] = 'SRModel'
    options['train'] = {
        'optim_g': {'type': 'Adam', 'lr': 1e-3},
        'scheduler': {'type': 'MultiStepLR', 'milestones': [100], 'gamma': 0.5},
        'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0},
    }
    model = build_model(options)
    model.feed_data(batch)
    losses = []
    for iteration in range(1, 6):
        model.optimize_parameters(iteration)
        losses.append(model.log_dict['l_pix'])
    assert losses[-1] < losses[0]


def test_without_refiner_and_discriminator(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['network_g'].pop('refiner')
    options.pop('network_d')
    for name in ('gan_opt', 'optim_d'):
        options['train'].pop(name)
    model = build_model(options)
    model.feed_data(batch)
    model.optimize_parameters(2)
    assert 'l_pix_coarse' in model.log_dict
    assert 'l_pix_refined' not in model.log_dict


def test_validation_is_the_same_for_every_batch_size(options: dict[str, Any], dataset: Any) -> None:
    class Brightness(torch.nn.Module):
        """Calls bright pixels uncorrupted: unlike an untrained HCLNet, with nothing that rounding could tip over."""

        size_multiple = 1

        def forward(self, lq: torch.Tensor, *, return_all: bool) -> HCLOutput:
            confidence = lq.mean(dim=1, keepdim=True)
            return HCLOutput(lq, lq, confidence.round(), confidence, [], [], torch.zeros(len(lq), 2), confidence, [])

    model = build_model(options)
    model.net_g = Brightness()
    results = []
    for batch_size in (1, 2, 5):
        model.validation(DataLoader(dataset, batch_size=batch_size), 1, None, False)
        results.append(model.metric_results)
    assert results[0] == pytest.approx(results[1], abs=1e-6)
    assert results[0] == pytest.approx(results[2], abs=1e-6)
    assert results[0]['psnr'] == pytest.approx(results[0]['psnr_input'])


def test_validation_does_not_see_the_true_mask(options: dict[str, Any], batch: dict[str, Any]) -> None:
    model = build_model(options)
    model.feed_data(batch)
    model.test()
    restored, mask = model.full_output.restored, model.full_output.mask
    model.feed_data({**batch, 'mask': 1 - batch['mask']})
    model.test()
    assert torch.equal(model.full_output.restored, restored)
    assert torch.equal(model.full_output.mask, mask)


def test_the_true_mask_guides_validation_where_asked_for(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['val'].update(guidance=True, reverse=True)  # what YAML makes of `true`
    model = build_model(options)
    net = model.net_g.eval()
    with torch.no_grad():
        blind = net(batch['lq'], return_all=True)
    for mask in (batch['mask'], 1 - batch['mask']):
        model.feed_data({**batch, 'mask': mask})
        model.test()
        with torch.no_grad():
            guided = net(batch['lq'], return_all=True, true_mask=mask, guidance='true')
            reverse = net(batch['lq'], true_mask=mask, guidance='true', reverse=True)
        assert torch.equal(model.output, guided.restored)
        assert torch.equal(model.full_output.coarse, guided.coarse)
        assert torch.equal(model.reversed_images, reverse)
        assert not torch.equal(model.output, blind.restored)
        # With both polarities of the true mask: it told the detector nothing.
        assert torch.equal(model.full_output.soft_mask, blind.soft_mask)
        assert torch.equal(model.full_output.mask, blind.mask)


def test_a_batch_without_a_mask_is_not_given_the_last_ones(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['val']['guidance'] = 'true'
    model = build_model(options)
    model.feed_data(batch)
    model.feed_data({key: value for key, value in batch.items() if key != 'mask'})
    with pytest.raises(ValueError, match="val.guidance: true needs 'mask', which the data set does not have"):
        model.test()
    with pytest.raises(ValueError, match="Training needs 'mask'"):
        model.optimize_parameters(1)


def test_training_that_no_loss_reaches_is_named(options: dict[str, Any], batch: dict[str, Any]) -> None:
    options['network_d'] = None
    options['train'].update(detector_iter=1, contrastive_opt=None, classifier_opt=None, gan_opt=None)
    model = build_model(options)
    model.feed_data(batch)
    with pytest.raises(ValueError, match='No loss trains the network up to train.detector_iter'):
        model.optimize_parameters(1)
    model.optimize_parameters(2)


def test_validation_measures_the_averaged_network_and_goes_on_training(
    options: dict[str, Any], batch: dict[str, Any]
) -> None:
    options['train']['ema_decay'] = 0.9
    model = build_model(options)
    with torch.no_grad():
        model.net_g.decoder.last_conv.bias.fill_(10)
    model.feed_data(batch)
    model.test()
    assert model.full_output.coarse.mean() < 0.9  # the trained network paints all white by now
    assert model.net_g.training


def test_what_testing_writes(options: dict[str, Any], dataset: Any, tmp_path: Path) -> None:
    options['is_train'] = False
    model = build_model(options)
    model.validation(DataLoader(dataset, batch_size=2), 'run', None, True)

    with (tmp_path / 'five.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows] == [f'{index:03d}' for index in range(5)]
    assert np.mean([float(row['accuracy']) for row in rows]) == pytest.approx(model.metric_results['accuracy'])
    saved = tmp_path / 'visualization' / 'five'
    assert len(list(saved.iterdir())) == 5 * 6  # restored, mask, panel; input, truth and true mask for reports
    for index, row in enumerate(rows):
        true_mask = dataset[index]['mask'][0].numpy()
        assert float(row['hole_share']) == pytest.approx(1 - true_mask.mean(), abs=1e-6)
        mask_file = cv2.imread(str(saved / f'{index:03d}_tiny_mask.png'), cv2.IMREAD_GRAYSCALE)
        # White is corrupted in files: the saved mask must score as the one that was measured.
        assert calculate_mask_accuracy(1 - mask_file / 255.0, true_mask) == pytest.approx(float(row['accuracy']))
        assert cv2.imread(str(saved / f'{index:03d}_tiny.png')).shape == (32, 32, 3)


def test_images_of_one_name_do_not_overwrite_each_other(options: dict[str, Any], batch: dict[str, Any]) -> None:
    class Twins(torch.utils.data.Dataset):
        opt = {'name': 'twins'}

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {**{key: batch[key][index] for key in ('lq', 'gt', 'mask')}, 'lq_path': f'{index}/same.png'}

    model = build_model(options)
    model.validation(DataLoader(Twins(), batch_size=1), 7, None, True)
    saved = Path(options['path']['visualization']) / 'twins'
    assert {file.name for file in saved.glob('*_7.png')} == {'same_7.png', 'same_1_7.png'}


def test_images_without_truth_are_restored(options: dict[str, Any], batch: dict[str, Any]) -> None:
    class Photographs(torch.utils.data.Dataset):
        opt = {'name': 'photographs'}

        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {'lq': batch['lq'][index], 'lq_path': 'spoiled.png'}

    options['val'] = {}
    options['is_train'] = False
    model = build_model(options)
    model.validation(DataLoader(Photographs()), 'run', None, True)
    assert (Path(options['path']['visualization']) / 'photographs' / 'spoiled_tiny.png').is_file()


def test_tensorboard_gets_scores_and_a_sheet(options: dict[str, Any], dataset: Any) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.scalars: dict[str, float] = {}
            self.images: dict[str, np.ndarray] = {}

        def add_scalar(self, name: str, value: float, step: int) -> None:
            self.scalars[name] = value

        def add_image(self, name: str, image: np.ndarray, step: int, dataformats: str) -> None:
            self.images[name] = image

    options['val']['panel_images'] = 3
    recorder = Recorder()
    build_model(options).validation(DataLoader(dataset), 1, recorder, False)
    assert set(recorder.scalars) == {f'metrics/five/{name}' for name in options['val']['metrics']}
    sheet = recorder.images['panel/five']
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] % 3 == 0  # three rows


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda opt: opt['train'].update(phase1_iters=3), 'phase1_iters.*phase1_iter'),
        (lambda opt: opt['train'].pop('phase1_iter'), 'train.phase1_iter is missing'),
        (lambda opt: opt.pop('network_d'), 'network_d and train.gan_opt belong together'),
        (lambda opt: opt['train'].pop('optim_d'), 'train.optim_d is missing'),
        (lambda opt: opt['val'].update(metric={}), 'metric.*metrics'),
        (lambda opt: opt['train']['classifier_opt'].update(pixels=1), 'pixels.*pixel_weight'),
        (lambda opt: (opt['train'].update(detector_iter=1), opt.update(dist=True)), 'find_unused_parameters'),
        (lambda opt: opt['val'].update(guidance='truth'), "val.guidance must be one of .* got 'truth'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], change: Callable[[dict], Any], message: str) -> None:
    change(options)
    with pytest.raises(ValueError, match=message):
        build_model(options)


def test_a_frozen_restorer_has_no_unused_parameters(options: dict[str, Any]) -> None:
    options['train'] = {'phase1_iter': 0, 'detector_iter': 1}
    options.update(dist=True, network_d=None)
    with pytest.raises(ValueError, match='find_unused_parameters'):
        BlindRestorationModel.check_train_options(options)
    options['network_g']['freeze_restorer'] = True
    BlindRestorationModel.check_train_options(options)


def test_misspelt_network_option_is_named(options: dict[str, Any]) -> None:
    options['network_g']['proj_dims'] = 8
    with pytest.raises(TypeError, match='proj_dims'):
        build_model(options)


def test_a_metric_that_lacks_its_data_is_named(options: dict[str, Any], batch: dict[str, Any]) -> None:
    model = build_model(options)
    model.feed_data(batch)
    model.test()
    blind = {key: value for key, value in batch.items() if key != 'mask'}
    sample = samples_of_batch(blind, ['a', 'b'], model.full_output, model.net_g.size_multiple)[1]
    with pytest.raises(ValueError, match=r"calculate_mask_accuracy needs 'true_mask'"):
        sample.score({'type': 'calculate_mask_accuracy'})
