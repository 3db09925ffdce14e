"""What the runs of benchmarks/claim have in common, what they measure, and how they are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import pytest
import torch
import yaml
from basicsr.archs import build_network
from claim import command, training
from claim.design import ARMS, FAMILIES, KINDS, Run, Settings, all_runs, network_options, training_options
from claim.evaluation import best_threshold, confidences, scores
from claim.samples import Samples, lay_out, samples_of
from claim.training import Stop, weights_file, write_initial_states


@pytest.fixture
def data(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    """Pictures as the program reads them."""
    folder = tmp_path / 'pictures'
    for part, (train, test) in {'photos': (13, 4), 'faces': (7, 3), 'masks': (7, 3)}.items():
        (folder / part).mkdir(parents=True)
        for name, count in (('train', train), ('val', test)):
            image_folder(count, 140, name=f'pictures/{part}/{name}', seed=len(part) + count)
            if part == 'masks':
                for path in (folder / part / name).iterdir():
                    mask = np.zeros((64, 64), np.uint8)
                    mask[10:40, 10 + int(path.stem) : 40] = 255
                    cv2.imwrite(str(path), mask)
    return folder


class TestDesign:
    def test_27_runs(self) -> None:
        runs = all_runs(3)
        assert len({run.name for run in runs}) == len(runs) == 27
        assert all(run.seed == 0 for run in runs[:9])
        assert Run('C', 'drawn', 2).seen == ('constant', 'noise', 'patch', 'faces')

    @pytest.mark.parametrize('left_out', FAMILIES)
    def test_arms_differ_in_network_and_losses_alone(self, left_out: str) -> None:
        options = {arm: training_options(Run(arm, left_out, 1), Settings()) for arm in ARMS}
        losses = {'mask_opt', 'contrastive_opt', 'classifier_opt'}
        for one in options.values():
            differing = {key for key in options['P'] if one.get(key) != options['P'][key]}
            assert differing <= {'name', 'path', 'network_g', 'train'}
            assert {**one['train'], **dict.fromkeys(losses)} == {**options['P']['train'], **dict.fromkeys(losses)}
        assert {arm: set(options[arm]['train']) & losses for arm in ARMS} == {
            'P': {'mask_opt'}, 'C': {'contrastive_opt', 'classifier_opt'}, 'B': {'mask_opt', 'contrastive_opt'}
        }  # fmt: skip
        assert options['P']['network_g'] == options['B']['network_g']
        assert 'pixel_weight' not in options['C']['train']['classifier_opt']
        assert options['C']['network_g']['detach_classifier'] is True

    def test_families_are_seen_alike_and_the_left_out_one_never(self) -> None:
        for left_out in FAMILIES:
            entries = training_options(Run('P', left_out, 0), Settings())['datasets']['train']['corruptions']
            weights = {kind: entry['weight'] if kind == 'faces' else entry for kind, entry in entries.items()}
            sums = {
                family: sum(weights.get(kind, 0) for kind in kinds) for family, kinds in FAMILIES.items()
            }  # fmt: skip
            assert sums == pytest.approx({family: float(family != left_out) for family in FAMILIES})

    def test_length(self) -> None:
        assert Settings(100_000, 16).iterations == 6250
        options = training_options(Run('P', 'flat', 0), Settings(100, 16))['train']
        assert options['total_iter'] == options['detector_iter'] == options['scheduler']['periods'][0] == 7

    def test_settings_of_a_folder_stay(self, tmp_path: Path) -> None:
        Settings(320).keep_in(tmp_path)
        Settings(320).keep_in(tmp_path)
        with pytest.raises(ValueError, match='was begun with .*320.*, and now: .*640.* Give another folder'):
            Settings(640).keep_in(tmp_path)


@pytest.mark.parametrize('encoder', ['conv', 'timm'])
def test_arms_of_a_seed_start_alike(tmp_path: Path, encoder: str) -> None:
    settings = Settings(seeds=2, encoder=encoder)  # type: ignore[arg-type]
    write_initial_states(tmp_path, settings, None)
    states = {}
    for run in all_runs(2):
        file = tmp_path / training_options(run, settings)['path']['pretrain_network_g']
        states[run.arm, run.seed] = torch.load(file, weights_only=True)['params']
        build_network(network_options(run.arm, encoder)).load_state_dict(states[run.arm, run.seed])
    for arm in 'CB':
        assert all(torch.equal(value, states['P', 0][name]) for name, value in states[arm, 0].items())
    foreign = set(states['P', 0]) - set(states['C', 0])
    assert foreign
    assert all(name.startswith('detector.pixel_classifiers.') for name in foreign)
    first, second = (states['P', seed]['detector.projection_heads.heads.0.0.weight'] for seed in range(2))
    assert not torch.equal(first, second)


class TestSamples:
    def test_pictures_are_divided(self, data: Path, tmp_path: Path) -> None:
        lay_out(data, tmp_path)
        found = {
            (part, name): {path.stem for path in (tmp_path / 'data' / part / name).iterdir()}
            for part in ('photos', 'faces', 'masks') for name in ('learn', 'tune', 'test')
        }  # fmt: skip
        assert found['photos', 'tune'] == {'000', '012'}
        assert found['masks', 'tune'] == found['faces', 'tune'] == {'000', '006'}
        for part, train in {'photos': 13, 'faces': 7, 'masks': 7}.items():
            assert not found[part, 'learn'] & found[part, 'tune']
            assert len(found[part, 'learn'] | found[part, 'tune']) == train
        photograph = cv2.imread(str(next((tmp_path / 'data/photos/test').iterdir())))
        assert photograph.shape == (128, 128, 3)
        mask = next((tmp_path / 'data/masks/test').iterdir())
        assert mask.read_bytes() == (data / 'masks/val' / mask.name).read_bytes()
        assert len(list((data / 'photos/train').iterdir())) == 13

    def test_sample_i_is_on_photograph_i_and_stays(self, data: Path, tmp_path: Path) -> None:
        lay_out(data, tmp_path)
        made = samples_of(tmp_path, 'test', 3)
        assert list(made) == list(KINDS)
        for samples in made.values():
            assert samples.images.shape == (3, 3, 64, 64)
            assert samples.masks.shape == (3, 64, 64)
            assert set(np.unique(samples.masks)) == {0, 1}
        clean = (made['constant'].masks & made['patch'].masks)[0] > 0
        clean = cv2.erode(clean.astype(np.uint8), np.ones((9, 9))) > 0  # away from soft edges
        assert np.array_equal(made['constant'].images[0][:, clean], made['patch'].images[0][:, clean])
        assert not np.array_equal(made['faces'].images, made['patch'].images)
        again = samples_of(tmp_path, 'test', 3)
        assert all(np.array_equal(again[kind].images, made[kind].images) for kind in KINDS)

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match='photos.train: expected a folder with at least two pictures'):
            lay_out(tmp_path, tmp_path)


def test_scores_by_hand() -> None:
    """Three pixels of four are clean; the timid detector sees the fourth, and one of the others half."""
    mask = np.array([[[1, 1], [1, 0]]], np.uint8)
    found = np.array([[[0.95, 0.94], [0.8, 0.7]]], np.float32)
    assert {name: float(values[0]) for name, values in scores(found, mask, 0.75).items()} == pytest.approx({
        'auc': 1.0, 'iou_half': 0.0, 'iou_otsu': 0.5, 'iou_tuned': 1.0,
    })  # fmt: skip


def test_best_threshold_weighs_families_alike() -> None:
    """Three drawn kinds want 0.3, two flat ones 0.8 more strongly; kinds that were not seen say nothing."""
    mask = np.array([[[1, 1, 1, 0]]], np.uint8)

    def kind(*confidence: float) -> tuple[np.ndarray, Samples]:
        return np.array([[confidence]], np.float32), Samples(np.empty((1, 3, 1, 4), np.uint8), mask)

    drawn = kind(0.6, 0.9, 0.9, 0.205)  # IoU 1 from 0.21 to 0.6, then 1/2
    flat = kind(0.9, 0.9, 0.9, 0.705)  # 0, then 1 from 0.71 to 0.9
    seen = {'graffiti': drawn, 'text': drawn, 'watermark': drawn}
    assert best_threshold(seen) == 0.21
    assert best_threshold({**seen, 'constant': flat, 'noise': flat}) == 0.71


def test_confidences_are_those_of_the_blind_network() -> None:
    torch.manual_seed(0)
    net = build_network(network_options('C', 'conv', in_use=True)).eval()
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    found = confidences(net, Samples(images, np.ones((3, 64, 64), np.uint8)))
    assert found.shape == (3, 64, 64)
    with torch.inference_mode():
        alone = net(torch.from_numpy(images[1:2]).float() / 255, return_all=True).soft_mask[0, 0].numpy()
    assert found[1] == pytest.approx(alone, abs=1e-4)


@pytest.fixture
def stop() -> Iterator[Stop]:
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield Stop()
    for number, handler in previous.items():
        signal.signal(number, handler)


WAITING = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
open(sys.argv[1], 'w').close()
time.sleep(60)
"""


class TestStop:
    @pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
    def test_signals_reach_the_training_as_sigterm(self, stop: Stop, tmp_path: Path, number: int) -> None:
        stop.install()
        stop.check()
        begun = tmp_path / 'begun'

        def ask() -> None:
            while not begun.exists():
                time.sleep(0.01)
            os.kill(os.getpid(), number)

        threading.Thread(target=ask).start()
        assert stop.run([sys.executable, '-c', WAITING, str(begun)]) == 7
        with pytest.raises(SystemExit) as left:
            stop.check()
        assert left.value.code == 128 + number

    def test_one_that_came_before_is_not_lost(self, stop: Stop) -> None:
        stop.install()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.run([sys.executable, '-c', 'import time; time.sleep(60)']) == -signal.SIGTERM

    def test_failed_training_names_its_log(self, stop: Stop, tmp_path: Path) -> None:
        run = Run('P', 'flat', 0)
        with pytest.raises(RuntimeError, match=r'training P_flat_0 ended with status \d+; its log is .*P_flat_0\.log'):
            training.train(tmp_path, run, stop)
        assert 'P_flat_0.yml' in (tmp_path / 'logs/P_flat_0.log').read_text()


def test_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (['--samples', '0'], ['--encoder', 'timm'], ['--backbone-weights', 'x.pth']):
        with pytest.raises(SystemExit):
            command.main([str(tmp_path / 'runs'), *wrong])
    assert not (tmp_path / 'runs').exists()


@pytest.mark.slow
def test_chain(repository: Path, data: Path, tmp_path: Path) -> None:
    """Train and measure nine networks a little; stop in the first one, and go on."""
    runs, page = tmp_path / 'runs', tmp_path / 'page.md'
    page.write_text('<!-- table of benchmarks/claim -->\n<!-- end of the table -->\n')
    options = ['--data', str(data), '--samples', '24', '--batch', '4', '--seeds', '1', '--images', '3']
    command_line = [sys.executable, str(repository / 'benchmarks/claim/run.py'), str(runs), *options]
    first = weights_file(runs, Run('P', 'flat', 0))

    with subprocess.Popen([*command_line, '--page', str(page)]) as program:
        while not (runs / 'logs').exists() and program.poll() is None:
            time.sleep(0.05)
        program.send_signal(signal.SIGTERM)
        assert program.wait() == 128 + signal.SIGTERM
    assert not first.exists()

    subprocess.run([*command_line, '--only', '*_flat_*'], check=True)
    begun = first.stat().st_mtime_ns
    assert (runs / 'table.md').read_text() == 'The runs are under way; there are no figures yet.\n'
    assert len(list((runs / 'scores').iterdir())) == 3

    subprocess.run([*command_line, '--page', str(page)], check=True)
    assert first.stat().st_mtime_ns == begun
    assert len(list((runs / 'scores').iterdir())) == 9
    assert '| AUC | C - P |' in page.read_text()
    for file in (runs / 'scores').iterdir():
        with np.load(file) as kept:
            assert all(kept[name].shape == (7, 3) for name in ('auc', 'iou_half', 'iou_otsu', 'iou_tuned'))
    logged = yaml.safe_load((runs / 'options/C_pasted_0.yml').read_text())
    assert 'l_contrastive_0' in (runs / 'logs/C_pasted_0.log').read_text() or logged['logger']['print_freq'] > 6
