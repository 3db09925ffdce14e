"""Several processes train as one, stop as one, and do not wait for one that is gone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.tiny_run import TIMEOUT, MakeRun, Run, load

HERE = Path(__file__).parent
# Most seconds from the end of a process to the end of the others.
END_TOGETHER = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return int(listener.getsockname()[1])


def shared_among(run: Run, processes: int, *, workers: int = 0, **options: Any) -> Run:
    """Set a run up for several processes with a part of its batch each."""
    run.processes = processes
    data = run.options['datasets']['train']
    data['batch_size_per_gpu'] //= processes
    data['num_worker_per_gpu'] = workers
    run.options.update(options)
    return run


def workers_of(process: subprocess.Popen[bytes], module: str = 'hcl_arch.train') -> list[int]:
    """The training processes below a torchrun."""
    found = []
    for folder in Path('/proc').iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / 'cmdline').read_text().split('\0')
                parent = int((folder / 'stat').read_text().rpartition(')')[2].split()[1])
            except OSError:
                continue
            if parent == process.pid and module in command:
                found.append(int(folder.name))
    return found


def largest_difference(one: Path, other: Path) -> float:
    """The largest absolute difference between two checkpoints' tensors."""
    tensors, others = load(one), load(other)
    return max(float((tensors[key][name] - others[key][name]).abs().max()) for key in tensors for name in tensors[key])


def test_two_processes_equal_one_with_the_whole_batch(make_run: MakeRun) -> None:
    """Both phases, discriminator with penalty, averaged network: ten iterations on the same samples."""
    runs = [make_run('one', module=[str(HERE / 'double_precision.py')]),
            make_run('two', module=[str(HERE / 'double_precision.py')])]  # fmt: skip
    for run, processes in zip(runs, (1, 2)):
        shared_among(run, processes, model_type='Float64HCLModel')
        run.options['train'] = {**run.options['train'], 'total_iter': 10}
        for name in ('optim_g', 'optim_d'):
            run.options['train'][name] = {**run.options['train'][name], 'fused': False}
        run.finish()
    one, two = runs
    for label in 'gd':
        files = [run.checkpoints.network_file(label, 10) for run in (one, two)]
        difference = largest_difference(*files)
        print(f'net_{label}: parameters differ by {difference:.1e} at most')
        assert difference < 1e-5
        untrained = largest_difference(one.checkpoints.network_file(label, 5), files[0])
        assert untrained > 1e-3  # or nothing has been trained


@pytest.mark.slow
def test_the_launcher_before_torchrun(make_run: MakeRun) -> None:
    """`torch.distributed.launch` hands `--local-rank` over, which BasicSR's parser refuses."""
    run = shared_among(make_run(), 2)
    run.options['train'] = {**run.options['train'], 'total_iter': 7}
    run.starter = 'torch.distributed.launch'
    run.launcher = ('--master_port', str(free_port()))
    run.finish()
    assert run.checkpoints.iterations() == [7, 5]


@pytest.mark.slow
def test_processes_hold_the_same_and_resume(make_run: MakeRun) -> None:
    """Also: only the first process writes, validation is shared, the group is left in order; with workers."""
    run = make_run('digests', module=[str(HERE / 'digest_plugin.py')])
    shared_among(run, 2, workers=1, model_type='DigestHCLModel')
    images = run.options['datasets']['train']['dataroot_gt']
    run.options['datasets']['val'] = {
        'name': 'V', 'type': 'BlindCorruptionDataset', 'dataroot_gt': images, 'gt_size': 32, 'max_samples': 5,
        'corruptions': {'constant': 1},
    }  # fmt: skip
    run.options['val'] = {'val_freq': 4, 'save_img': False, 'metrics': {
        'psnr': {'type': 'calculate_psnr', 'crop_border': 0}}}  # fmt: skip
    run.options['train'] = {**run.options['train'], 'total_iter': 8}
    run.options['logger']['save_checkpoint_freq'] = 4
    output = run.finish()
    assert output.count('# psnr:') >= 2
    assert 'destroy_process_group' not in output  # torch's complaint about a group that was left to the end
    run.options['train'] = {**run.options['train'], 'total_iter': 12}
    output = run.finish('--auto_resume')
    assert 'Resuming training from epoch: 2, iter: 8' in output
    digests = [(run.folder / f'digests_digests_{rank}.txt').read_text() for rank in (0, 1)]
    assert digests[0] == digests[1]
    assert [line.split()[0] for line in digests[0].splitlines()] == ['4', '8', '-1', '12', '-1']
    assert len(list((run.folder / 'experiments').iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize(('iterations', 'seconds'), [(2, 0.0), (3, 1.0), (3, 3.0)])
def test_sigterm_to_the_launcher_saves_and_stops_all(iterations: int, seconds: float, make_run: MakeRun) -> None:
    run = shared_among(make_run(), 2, workers=1)  # which are started anew for each epoch of three batches
    run.options['train'] = {**run.options['train'], 'total_iter': 100000}
    process = run.start()
    run.wait_for_iteration(process, iterations)
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=TIMEOUT) != 0
    assert 'is killed by signal' not in run.log.read_text()
    newest = run.checkpoints.iterations()[0]
    assert newest >= iterations
    assert run.checkpoints.damage(newest, ['g', 'd']) == ''
    run.options['train'] = {**run.options['train'], 'total_iter': newest + 1, 'phase1_iter': 1}
    assert f'iter: {newest}.' in run.finish('--auto_resume')


@pytest.mark.slow
@pytest.mark.parametrize('victim', [0, 1])
def test_killed_process_ends_the_others_within_a_minute(victim: int, make_run: MakeRun) -> None:
    run = shared_among(make_run(), 2)
    run.options['train'] = {**run.options['train'], 'total_iter': 100000}
    process = run.start()
    run.wait_for_iteration(process, 6)
    workers = workers_of(process)
    assert len(workers) == 2
    ranks = {worker: rank_of(worker) for worker in workers}
    start = time.monotonic()
    os.kill(next(worker for worker, rank in ranks.items() if rank == victim), signal.SIGKILL)
    code = process.wait(timeout=TIMEOUT)
    seconds = time.monotonic() - start
    print(f'all processes had ended {seconds:.1f} s after rank {victim} was killed')
    assert code != 0
    assert seconds < END_TOGETHER
    assert not [worker for worker in workers if Path(f'/proc/{worker}').exists()]
    newest = run.checkpoints.iterations()[0]
    run.options['train'] = {**run.options['train'], 'total_iter': newest + 1, 'phase1_iter': 1}
    assert f'iter: {newest}.' in run.finish('--auto_resume')


def rank_of(pid: int) -> int:
    """The rank that torchrun gave to a process."""
    found = re.search(r'(?:^|\0)RANK=(\d+)', Path(f'/proc/{pid}/environ').read_text())
    assert found is not None
    return int(found[1])


def start_nodes(run: Run, *arguments: str) -> list[subprocess.Popen[bytes]]:
    """Start two torchruns with a process each, that meet on this machine's loopback."""
    port, processes, own_log = free_port(), [], run.options['name']
    for node in (0, 1):
        run.launcher = ['--nnodes=2', f'--node_rank={node}', '--master_addr=127.0.0.1', f'--master_port={port}']
        run.options['name'] = own_log
        processes.append(start_one_of_several(run, node, *arguments))
    return processes


def start_one_of_several(run: Run, node: int, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a node's launcher, with its own output."""
    option_file = run.folder / f'{run.options["name"]}.yml'
    if node == 0:
        option_file.write_text(yaml.safe_dump(run.options, sort_keys=False))
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=1', *run.launcher, '-m',
               'hcl_arch.train', '-opt', str(option_file), '--launcher', 'pytorch', *arguments]  # fmt: skip
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'}
    log = run.log if node == 0 else run.log.with_suffix('.node1')
    with log.open('wb') as file:
        return subprocess.Popen(
            command, cwd=run.folder, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


@pytest.mark.slow
def test_two_nodes(make_run: MakeRun) -> None:
    """Two launchers on loopback: a training, the loss of a node, and a resumed run."""
    run = shared_among(make_run(), 2)
    run.options['train'] = {**run.options['train'], 'total_iter': 100000}
    nodes = start_nodes(run)
    run.wait_for_iteration(nodes[0], 6)
    start = time.monotonic()
    for pid in [*workers_of(nodes[1]), nodes[1].pid]:  # the launcher too: a machine that is gone
        os.kill(pid, signal.SIGKILL)
    code = nodes[0].wait(timeout=TIMEOUT)
    seconds = time.monotonic() - start
    nodes[1].wait(timeout=TIMEOUT)
    print(f'the other node had ended {seconds:.1f} s after the loss of one')
    assert code != 0
    assert seconds < END_TOGETHER
    newest = run.checkpoints.iterations()[0]
    run.options['train'] = {**run.options['train'], 'total_iter': newest + 2}
    nodes = start_nodes(run, '--auto_resume')
    assert [node.wait(timeout=TIMEOUT) for node in nodes] == [0, 0]
    assert f'iter: {newest}.' in run.log.read_text()


@pytest.mark.slow
def test_basicsrs_own_script_with_several_processes(
    make_run: MakeRun, master_checkout: Path, repository: Path, tmp_path: Path
) -> None:
    """`torchrun ... basicsr/train.py` of BasicSR's master, unmodified, with the plugin line in the option file."""
    checkout = tmp_path / 'checkout'
    shutil.copytree(master_checkout / 'basicsr', checkout / 'basicsr')
    run = shared_among(make_run(), 2)
    run.options['train'] = {**run.options['train'], 'total_iter': 6, 'phase1_iter': 3}
    option_file = tmp_path / 'script.yml'
    option_file.write_text(
        'plugin: !!python/name:hcl_arch.__version__\n' + yaml.safe_dump(run.options, sort_keys=False)
    )
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': f'{checkout}{os.pathsep}{repository}'}
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2', '--standalone', 'basicsr/train.py',
               '--launcher', 'pytorch', '-opt', str(option_file)]  # fmt: skip
    for arguments in ([], ['--auto_resume']):
        done = subprocess.run(
            [*command, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, timeout=TIMEOUT
        )
        assert done.returncode == 0, done.stderr[-3000:]
    assert 'Resuming training from epoch: 2, iter: 6' in done.stdout + done.stderr
    states = checkout / 'experiments' / 'tiny' / 'training_states'
    assert {file.name for file in states.iterdir()} == {'5.state', '6.state'}
