"""Checks that each phase of the training begins before the training ends."""

from __future__ import annotations

from collections.abc import Iterator

from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.option_lines import Place, problem


def check_phases(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each phase that starts after the last iteration.

    One that starts right after it is allowed: a training may consist of phase 1 only, or train only the detector.
    Validations and checkpoints are not phases: BasicSR also validates and saves at the end, and a short test run of a
    long training is not a mistake.
    """
    total = run.iterations('train', 'total_iter')
    if not run.is_train or run.our_model is None or total is None or total < 1:
        return
    yield from _late(run, ('train', 'phase1_iter'), total, 'the predicted mask would never guide')
    yield from _late(run, ('train', 'detector_iter'), total, 'the restorer would never be trained')


def _late(run: RunOptions, place: Place, total: int, consequence: str) -> Iterator[str]:
    count = run.iterations(*place)
    if count is not None and count > total:
        yield problem(place, f'{count} is more than the {total} iterations of `train: total_iter`: {consequence}.')
