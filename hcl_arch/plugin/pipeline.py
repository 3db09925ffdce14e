"""Changes to BasicSR's training and testing pipelines, made by replacing functions that they look up.

No loop of BasicSR is copied. Its modules `basicsr.train` and `basicsr.test` call functions by name, even when run as a
script; some of these names are bound to ours:

`load_resume_state`
    checks the options first; `--auto_resume` looks in the run's folder and skips damaged checkpoints.
`build_dataset`
    guards a training set against images that cannot be read.
`EnlargedSampler`
    gives each sample its seed, and can start in the middle of an epoch.
`create_train_val_dataloader`
    makes data order and seeds continue where the run was saved.
`build_model`
    makes BasicSR's own models say which learning rates a resumed run has; ours do so themselves.
`CPUPrefetcher`, `CUDAPrefetcher`
    start workers that survive the signals that ask the training to stop.
`init_tb_loggers`
    closes TensorBoard's writer at the end of the program, however it ends.
`MessageLogger`
    estimates the time that is left up to the last iteration.
`make_exp_dirs` (of the test)
    checks the options first.
"""

from __future__ import annotations

import atexit
import functools
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Optional, TypeVar, cast

import torch.distributed as dist

from hcl_arch.training.checkpoints import CheckpointError, CheckpointFolders, damage_of, newest_usable
from hcl_arch.training.data_order import Position, ResumableSampler, resumed_position
from hcl_arch.training.guarded_dataset import GuardedDataset
from hcl_arch.training.resumed_schedule import with_schedule
from hcl_arch.training.run_lock import lock_run
from hcl_arch.training.step_watch import DEFAULT_SKIPPED_STEPS
from hcl_arch.training.unreadable_log import UnreadableLog
from hcl_arch.training.worker_signals import protect_workers, protected_prefetcher
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint
from hcl_arch.utils.errors import HCLError

Options = dict[str, Any]
T = TypeVar('T')

UNREADABLE_LOG = 'unreadable_images.log'
DEFAULT_UNREADABLE_SHARE = 0.01
# Name that marks a module as having our functions.
_INSTALLED = '_has_functions_of_hcl_arch'


def install() -> None:
    """Replace BasicSR's functions by ours; a second call changes nothing."""
    import basicsr.test
    import basicsr.train  # noqa: F401

    for module in _modules('basicsr.train', 'train_pipeline'):
        names = vars(module)
        if names.setdefault(_INSTALLED, False):
            continue
        names[_INSTALLED] = True
        names['load_resume_state'] = load_resume_state
        names['EnlargedSampler'] = ResumableSampler
        names['build_dataset'] = guarded_build(names['build_dataset'])
        names['create_train_val_dataloader'] = resumed_loaders(names['create_train_val_dataloader'])
        for name in ('CPUPrefetcher', 'CUDAPrefetcher'):
            names[name] = protected_prefetcher(names[name])
        names['init_tb_loggers'] = closed_at_exit(names['init_tb_loggers'])
        names['build_model'] = resuming_with_schedule(names['build_model'])
        names['MessageLogger'] = counting_to_the_end(names['MessageLogger'])
    for module in _modules('basicsr.test', 'test_pipeline'):
        names = vars(module)
        if not names.setdefault(_INSTALLED, False):
            names[_INSTALLED] = True
            names['make_exp_dirs'] = checked_folders(names['make_exp_dirs'])


def _modules(name: str, pipeline: str) -> Iterator[ModuleType]:
    """Yield the module of this name, and the running script if it is the same file."""
    yield sys.modules[name]
    script = sys.modules.get('__main__')
    if script is not None and getattr(vars(script).get(pipeline), '__module__', None) == '__main__':
        yield script


# ------------------------------------------------------------------ where a run goes on


def load_resume_state(opt: Options) -> Optional[dict[str, Any]]:
    """Load the training state that `path: resume_state` names or, with `--auto_resume`, the run's latest usable one.

    The state is loaded to the CPU, whatever the device: optimizers move loaded values to the device of their
    parameters. Only tensors and plain types are accepted (`weights_only`), so that a downloaded state cannot run code.

    Args:
        opt: BasicSR's options as `parse_options` returns them. As in BasicSR, `path: resume_state` is set to the file
            found, and `path: pretrain_network_*` to the run's networks of that iteration.

    Returns:
        The state, or None for a new run.

    Raises:
        OptionsError: the options are not valid for a training.
        CheckpointError: the named state is damaged or belongs to another run, or all states of the run are damaged.
        RunInUseError: another training is writing into the run's folder.
    """
    from basicsr.utils import check_resume

    check_options(opt)
    found = _found_by_the_first(_find_state_file, opt)
    if found is None:
        return None
    state_file, went_back = found
    if went_back:  # which with the old learning rate would end as it did
        opt['reset_schedule'] = True
    opt['path']['resume_state'] = str(state_file)
    state = _load_state(state_file)
    check_resume(opt, state['iter'])
    _take_seed(opt, state)
    opt['resumed_from'] = {key: state[key] for key in ('iter', 'epoch', 'position') if key in state}
    return state


def _take_seed(opt: Options, state: dict[str, Any]) -> None:
    """Continue with the run's seed: without one in the option file, BasicSR draws a new one at every start."""
    seed = state.get('manual_seed')
    if seed is None or seed == opt.get('manual_seed'):
        return
    if opt.get('rank', 0) == 0:
        print(f'The run goes on with its own `manual_seed: {seed}`, not with {opt.get("manual_seed")}.')
    opt['manual_seed'] = seed


def _load_state(state_file: Path) -> dict[str, Any]:
    try:
        state = load_checkpoint(state_file)
    except (OSError, CheckpointFileError) as error:
        raise CheckpointError(f'{state_file}: cannot be loaded as a training state: {error}') from error
    if not _is_state(state):
        raise CheckpointError(f'{state_file}: expected a training state (*.state), found another content.')
    return cast(dict[str, Any], state)


def _is_state(state: object) -> bool:
    """Whether the content of a file has the form of a training state, BasicSR's or ours."""
    if not isinstance(state, dict):
        return False
    numbers, lists = (state.get('iter'), state.get('epoch')), (state.get('optimizers'), state.get('schedulers'))
    position, seed = state.get('position'), state.get('manual_seed', 0)
    return (
        all(isinstance(number, int) and number >= 0 for number in numbers)
        and all(isinstance(entries, list) for entries in lists)
        and (position is None or isinstance(position, dict) and Position.is_one(position))
        and isinstance(seed, int)
    )


def _find_state_file(opt: Options) -> Optional[tuple[Path, bool]]:
    """Return the state to resume from, and whether it lies before steps that were not finite.

    Runs in the process that also writes, and locks the run.
    """
    lock_run(Path(opt['path']['training_states']).parent)
    folders = CheckpointFolders(Path(opt['path']['training_states']), Path(opt['path']['models']))
    ignored = opt['path'].get('ignore_resume_networks') or []
    networks = [key for key in opt if key.startswith('network_') and opt[key] and key not in ignored]
    if not opt['auto_resume']:
        named = opt['path'].get('resume_state')
        return (_named_state(Path(named), folders), False) if named else None
    found = newest_usable(
        folders,
        [key[len('network_') :] for key in networks],
        most_left_out=opt.get('train', {}).get('max_skipped_steps', DEFAULT_SKIPPED_STEPS),
    )
    if found.went_back:
        print('\n'.join(found.remarks), file=sys.stderr)
        print(
            f'The last finite one, {found.iteration}.state, is taken, with the learning rates and the schedule of the '
            'option file. (Name another one in `path: resume_state` to go on from that, without --auto_resume.)',
            file=sys.stderr,
        )
    else:
        for damage in found.remarks:
            print(f'{damage}: the checkpoint before it is taken.', file=sys.stderr)
    return None if found.iteration is None else (folders.state_file(found.iteration), found.went_back)


def _named_state(path: Path, folders: CheckpointFolders) -> Path:
    """Return the state that `path: resume_state` names, if it is usable."""
    damage = damage_of(path)
    if damage:
        raise CheckpointError(f'{path} {damage}. Give another one in `path: resume_state`.')
    if path.resolve().parent != folders.states.resolve():
        raise CheckpointError(
            f'{path}: is no state of this run, whose states are in {folders.states}. Give the run the `name` that it '
            'had, or begin a new one with the weights of the other, by `path: pretrain_network_g`.'
        )
    if path.stem.isdigit():
        damage = folders.damage(int(path.stem), [])
        if damage:
            raise CheckpointError(f'{damage}. Give another state in `path: resume_state`.')
    later = [iteration for iteration in folders.iterations() if path.stem.isdigit() and iteration > int(path.stem)]
    if later:
        print(
            f'{folders.states} holds later states, up to {later[0]}.state. --auto_resume will go on from the latest of '
            'all: move them away if this run shall take their place.', file=sys.stderr,
        )  # fmt: skip
    return path


def _found_by_the_first(find: Callable[[Options], T], opt: Options) -> T:
    """Return the result of `find` in the first process: others may look later, or on a slower network drive."""
    if not (dist.is_available() and dist.is_initialized()):
        return find(opt)
    found: list[Any] = [find(opt) if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(found)
    return cast(T, found[0])


def resuming_with_schedule(build_model: Callable[[Options], Any]) -> Callable[[Options], Any]:
    """Return BasicSR's `build_model`, whose models resume with the learning rates that were asked for."""

    @functools.wraps(build_model)
    def build(opt: Options) -> Any:
        from hcl_arch.models.interruptible_model import InterruptibleModel

        model = build_model(opt)
        if not isinstance(model, InterruptibleModel):  # which does so itself
            resume = model.resume_training
            model.resume_training = lambda state: resume(with_schedule(model, state))
        return model

    return build


# ------------------------------------------------------------------ data


def guarded_build(build_dataset: Callable[[Options], Any]) -> Callable[[Options], Any]:
    """Return BasicSR's `build_dataset` with a guard around training sets."""

    @functools.wraps(build_dataset)
    def build_guarded(dataset_opt: Options) -> Any:
        dataset = build_dataset(dataset_opt)
        if dataset_opt.get('phase') != 'train':
            return dataset
        return GuardedDataset(dataset, f"data set '{dataset_opt.get('name', dataset_opt['type'])}'")

    return build_guarded


def resumed_loaders(create: Callable[..., tuple]) -> Callable[..., tuple]:
    """Return BasicSR's `create_train_val_dataloader` with data that continue where the run was saved."""

    @functools.wraps(create)
    def create_resumed(opt: Options, logger: Any) -> tuple:
        loader, sampler, val_loaders, _, total_iters = create(opt, logger)
        if opt['rank'] == 0:
            lock_run(Path(opt['path']['log']))  # the folder of a new run exists only now
        protect_workers(loader)
        _agree_on_seed(opt)
        batch_size = loader.batch_size * opt['world_size']
        position = resumed_position(
            opt.get('resumed_from'), batches_per_epoch=max(len(loader), 1), batch_size=batch_size
        )
        opt['position'] = position.as_dict()
        sampler.manual_seed = opt['manual_seed']
        sampler.start_epoch, sampler.start_sample = position.epoch, position.batch * loader.batch_size
        guarded: GuardedDataset = loader.dataset
        share = opt['datasets']['train'].get('max_unreadable_share', DEFAULT_UNREADABLE_SHARE)
        guarded.log = UnreadableLog(
            Path(opt['path']['log']) / UNREADABLE_LOG, most=_share_of(len(guarded), share), share=share
        )
        return loader, sampler, val_loaders, last_epoch(position, total_iters), total_iters

    return create_resumed


def last_epoch(position: Position, total_iters: int) -> int:
    """Return the epoch in which a training ends: the last one that BasicSR starts if given this as their number.

    BasicSR counts as if the batch size had never changed, and adds one: in epochs after the end it would start all
    workers with nothing left to do.
    """
    batches = position.batch + total_iters - position.iteration
    return position.epoch + math.ceil(batches / position.batches_per_epoch) - 1


def closed_at_exit(init_tb_loggers: Callable[[Options], Any]) -> Callable[[Options], Any]:
    """Return BasicSR's `init_tb_loggers`, whose writer loses nothing when a training is stopped."""

    @functools.wraps(init_tb_loggers)
    def init_and_close_at_exit(opt: Options) -> Any:
        writer = init_tb_loggers(opt)
        if writer is not None:
            atexit.register(writer.close)
        return writer

    return init_and_close_at_exit


def counting_to_the_end(message_logger: type[Any]) -> type[Any]:
    """Return a subclass of BasicSR's `MessageLogger` whose estimated time ends at 0, not an iteration earlier."""

    class CountingToTheEnd(message_logger):
        """A logger that reports `eta: 0:00:00` in the last iteration, where BasicSR's has less than no time left."""

        def __init__(self, opt: Options, *arguments: Any, **options: Any) -> None:
            super().__init__(opt, *arguments, **options)
            self.max_iters += 1  # of which BasicSR takes off the present iteration, and one

    return CountingToTheEnd


def _share_of(count: int, share: float) -> int:
    """Return a share of `count`, rounded down, so that 0.29 of 100 is 29."""
    return math.floor(round(share * count, 6))


def _agree_on_seed(opt: Options) -> None:
    """Give all processes the first one's seed: without one in the option file, BasicSR draws one in each."""
    if dist.is_available() and dist.is_initialized():
        seed = [opt['manual_seed']]
        dist.broadcast_object_list(seed)
        opt['manual_seed'] = seed[0]


# ------------------------------------------------------------------ options


class OptionsError(HCLError, ValueError):
    """Options are not valid for their use; the message lists all problems."""


def check_options(opt: Options) -> None:
    """Raise an OptionsError that lists all problems of a run's options; print warnings."""
    from hcl_arch.option_checks.problems import find_problems, find_warnings

    problems = find_problems(opt)
    if problems:
        raise OptionsError(problems_text(problems))
    if opt.get('rank', 0) == 0:
        for warning in find_warnings(opt):
            print(f'Warning: {warning}', file=sys.stderr)


def problems_text(problems: list[str]) -> str:
    """Return a list of problems as a message."""
    count = 'a problem' if len(problems) == 1 else f'{len(problems)} problems'
    return '\n  '.join([f'{count} in the options:', *problems])


def checked_folders(make_exp_dirs: Callable[[Options], None]) -> Callable[[Options], None]:
    """Return BasicSR's `make_exp_dirs`, which is the first to write to the disk, with a check before it."""

    @functools.wraps(make_exp_dirs)
    def check_and_make(opt: Options) -> None:
        check_options(opt)
        make_exp_dirs(opt)

    return check_and_make
