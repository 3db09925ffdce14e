"""Complete checkpoints, limited in number, and saved when a signal stops a training."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from basicsr.utils import get_root_logger
from basicsr.utils.dist_util import get_dist_info, master_only
from torch import nn

from hcl_arch.models.blind_validation_model import BlindValidationModel
from hcl_arch.models.gradient_step import GradientStep
from hcl_arch.training.checkpoints import CheckpointError, CheckpointFolders, save_atomically
from hcl_arch.training.data_order import Position
from hcl_arch.training.interruption import StopVote, interruption
from hcl_arch.training.resumed_schedule import with_schedule
from hcl_arch.training.step_watch import DEFAULT_SKIPPED_STEPS, NonFiniteError, StepWatch
from hcl_arch.training.weight_gradients import WeightGradients

# What BasicSR calls the networks that are saved at the end.
_LATEST = -1
_NEVER = -2
SKIPPED_STEPS_LOG = 'skipped_steps.log'


class InterruptibleModel(BlindValidationModel):
    """A training that can be stopped at any point and resumed with the same result.

    In BasicSR's training pipeline, SIGTERM and Ctrl-C let the iteration finish, save a checkpoint and end the program,
    in all processes alike. (`hcl_arch.plugin.pipeline` records the progress of the run in ``opt['position']``.)
    Checkpoints are written completely or not at all, the networks before the state that belongs to them. The option
    ``logger.keep_checkpoints`` is the number to keep; older ones are removed.

    Args:
        opt: BasicSR's options.
    """

    # Of every network; with loss scaling they have a state.
    _gradient_steps: Sequence[GradientStep] = ()
    # A model outside of a pipeline has no progress that could be resumed.
    _position: Optional[Position] = None
    weight_gradients: Optional[WeightGradients] = None

    def init_training_settings(self) -> None:
        """Also begin to note signals, if this is a pipeline's model."""
        position = self.opt.get('position')
        self._position = Position(**position) if position else None
        self._last_saved = self._validated_iter = _NEVER
        self._iteration = self._position.iteration if self._position else 0
        self._digests: dict[str, str] = {}
        log_folder = self.opt['path'].get('log')  # a model built outside of a pipeline may have none
        self._step_watch = StepWatch(
            limit=self.opt['train'].get('max_skipped_steps', DEFAULT_SKIPPED_STEPS),
            log_file=Path(log_folder) / SKIPPED_STEPS_LOG if log_folder else None,
        )
        if self._position is not None:
            interruption.install()
            self._stop_vote = StopVote()
            self._checkpoints = CheckpointFolders(
                Path(self.opt['path']['training_states']), Path(self.opt['path']['models'])
            )
            if get_dist_info()[0] == 0:
                self._checkpoints.remove_remains()
        super().init_training_settings()

    def update_learning_rate(self, current_iter: int, warmup_iter: int = -1) -> None:
        """As BasicSR's, which calls it first in an iteration: before that, stop if a process was asked to.

        Raises:
            SystemExit: With 128 + the signal's number, after a checkpoint has been saved.
        """
        if self._position is not None:
            number = self._stop_vote.count(interruption.signal)
            if number:
                self._stop(current_iter - 1, number)
        self._iteration = current_iter
        super().update_learning_rate(current_iter, warmup_iter)

    def _stop(self, done: int, number: int) -> None:
        if done != self._last_saved and done > 0:
            self.save_now(done)
        self._stop_vote.wait_for_all()
        interruption.remove()
        where = f'after iteration {done}; --auto_resume goes on from there' if done else 'before the first iteration'
        get_root_logger().info(f'Stopped by signal {number} {where}.')
        raise SystemExit(128 + number)

    def validation(self, dataloader: Any, current_iter: Any, tb_logger: Any, save_img: bool = False) -> None:
        """As BasicSR's; if a signal comes meanwhile, a checkpoint is saved at once and the validation goes on."""
        if self.is_train and 0 < self._iteration == current_iter - 1:
            current_iter = self._iteration  # at the end of a training BasicSR has counted one too many
        self._validated_iter = current_iter
        super().validation(dataloader, current_iter, tb_logger, save_img)
        if self.is_train and self._position is not None and self._last_saved == current_iter:
            # BasicSR saves first and validates then; the best scores belong to the checkpoint too.
            self.save_training_state(self._position.after(current_iter).epoch, current_iter)

    def test(self) -> None:
        """See :class:`BlindValidationModel`."""
        # Nobody says how long a scheduler waits before it ends the program for good.
        if self._saves_in_validation():
            self.save_now(self._validated_iter)
        super().test()

    def _saves_in_validation(self) -> bool:
        return self.is_train and bool(interruption.signal) and self._last_saved != self._validated_iter

    def save_now(self, current_iter: int) -> None:
        """Save a checkpoint out of turn, between two iterations."""
        assert self._position is not None
        self.save(self._position.after(current_iter).epoch, current_iter)

    def save(self, epoch: int, current_iter: int) -> None:
        """Save networks and training state in BasicSR's layout; the state last, so that it never names missing ones.

        At the end of the training the last iteration gets its checkpoint too, from which a longer one can go on.

        Args:
            epoch: The epoch.
            current_iter: The iteration; -1 for the end of the training, which has no state.

        Raises:
            CheckpointError: A file cannot be written; older checkpoints are untouched.
            NonFiniteError: All is saved, but too many steps in a row could not be taken.
        """
        not_finite = self._judge_all_steps()
        if current_iter == _LATEST and self._position is not None and self._iteration not in (0, self._last_saved):
            with contextlib.suppress(NonFiniteError):
                self.save_now(self._iteration)
        super().save(epoch, current_iter)
        if current_iter == _LATEST:
            self._end_of_training()
        else:
            self._last_saved = current_iter
            self._remove_old_checkpoints()
        if not_finite:
            raise not_finite

    def _remove_old_checkpoints(self) -> None:
        keep = (self.opt.get('logger') or {}).get('keep_checkpoints')
        # While steps are left out, an older checkpoint may be the last from which a training can go on.
        if keep is None or self._position is None or self._step_watch.in_a_row or get_dist_info()[0] != 0:
            return
        self._checkpoints.keep_newest(keep, last=self._last_saved)

    def _judge_steps(self, current_iter: int) -> None:
        """Report the steps that were left out, as far as that is known without waiting for a GPU.

        Raises:
            NonFiniteError: Too many steps in a row could not be taken; a checkpoint has been saved.
        """
        try:
            self._warn_of(self._step_watch.judge())
        except NonFiniteError:
            if self._position is not None:
                with contextlib.suppress(NonFiniteError):
                    self.save_now(current_iter)
            raise

    def _judge_all_steps(self) -> Optional[NonFiniteError]:
        """Report all steps that were left out; return the error if they are too many."""
        try:
            self._warn_of(self._step_watch.judge(all_of_them=True))
        except NonFiniteError as error:
            return error
        return None

    def _warn_of(self, steps: list[str]) -> None:
        for line in steps:
            get_root_logger().warning(line)

    def _end_of_training(self) -> None:
        """Stop if a signal came in the last iteration; one that comes from here on loses nothing."""
        if self._position is not None:
            number = self._stop_vote.count_now(interruption.signal)
            if number:
                self._stop(self._iteration, number)
            interruption.remove()

    @master_only
    def save_network(
        self,
        net: Union[nn.Module, list[nn.Module]],
        net_label: str,
        current_iter: int,
        param_key: Union[str, list[str]] = 'params',
    ) -> None:
        """As BasicSR's, whole or not at all.

        Raises:
            CheckpointError: The file cannot be written.
        """
        nets = net if isinstance(net, list) else [net]
        keys = param_key if isinstance(param_key, list) else [param_key]
        content = {
            key: {name: tensor.cpu() for name, tensor in self.get_bare_model(one).state_dict().items()}
            for key, one in zip(keys, nets)
        }
        iteration = 'latest' if current_iter == _LATEST else current_iter
        name = f'{net_label}_{iteration}.pth'
        self._digests[name] = save_atomically(content, Path(self.opt['path']['models']) / name)

    @master_only
    def save_training_state(self, epoch: int, current_iter: int) -> None:
        """As BasicSR's, whole or not at all, and with all that an exact resumption needs beside it.

        Raises:
            CheckpointError: The file cannot be written.
        """
        if current_iter == _LATEST:
            return
        state: dict[str, Any] = {
            'epoch': epoch,
            'iter': current_iter,
            'optimizers': [optimizer.state_dict() for optimizer in self.optimizers],
            'schedulers': [scheduler.state_dict() for scheduler in self.schedulers],
            'scalers': [step.state_dict() for step in self._gradient_steps],
            'best_metric_results': self._plain_best_results(),
            'networks': self._digests_of(current_iter),
            'steps_left_out': self._step_watch.in_a_row,
        }
        if self.weight_gradients is not None:
            state['weight_gradients'] = self.weight_gradients.layout
        if 'manual_seed' in self.opt:
            state['manual_seed'] = self.opt['manual_seed']
        if self._position is not None:
            position = self._position.after(current_iter)
            # Which at the end of an epoch is the beginning of the next one.
            state.update(epoch=position.epoch, position=position.as_dict())
        save_atomically(state, Path(self.opt['path']['training_states']) / f'{current_iter}.state')
        self._digests = state['networks']  # those of older checkpoints are of no use any more

    def _digests_of(self, current_iter: int) -> dict[str, str]:
        """Digests of the networks' files that belong to a state, by which it will know them."""
        return {name: digest for name, digest in self._digests.items() if name.endswith(f'_{current_iter}.pth')}

    def _plain_best_results(self) -> dict[str, dict[str, dict[str, Any]]]:
        """BasicSR's record of the best scores, in numbers that can be read again without running code."""
        return {
            dataset: {metric: {**best, 'val': float(best['val'])} for metric, best in record.items()}
            for dataset, record in getattr(self, 'best_metric_results', {}).items()
        }

    def resume_training(self, resume_state: dict[str, Any]) -> None:
        """Go on with what :meth:`save_training_state` saved, or BasicSR's method of this name.

        Raises:
            CheckpointError: The state is one of another model, of other optimizers say.
        """
        try:
            self._resume(resume_state)
        except CheckpointError as error:
            raise CheckpointError(f'{self.opt["path"].get("resume_state")}: {error}') from error
        except Exception as error:  # of torch's and BasicSR's loading, whatever does not fit
            raise CheckpointError(
                f'{self.opt["path"].get("resume_state")}: does not fit this run ({type(error).__name__}: {error}). '
                'Resume with the options of the run, or begin a new one with its weights (`path: pretrain_network_g`).'
            ) from error

    def _resume(self, resume_state: dict[str, Any]) -> None:
        super().resume_training(with_schedule(self, resume_state))
        for step, state in zip(self._gradient_steps, resume_state.get('scalers', [])):
            step.load_state_dict(state)
        if self.weight_gradients is not None and 'weight_gradients' in resume_state:
            self.weight_gradients.layout = resume_state['weight_gradients']
        metrics = ((self.opt.get('val') or {}).get('metrics') or {}).keys()
        best = resume_state.get('best_metric_results', {})
        kept = {dataset: record for dataset, record in best.items() if record.keys() == metrics}
        if kept:
            self.best_metric_results = kept
        self._last_saved = resume_state['iter']
        left_out = resume_state.get('steps_left_out', 0)
        self._step_watch.in_a_row = left_out if left_out < self._step_watch.limit else 0
        self._digests = dict(resume_state.get('networks') or {})
