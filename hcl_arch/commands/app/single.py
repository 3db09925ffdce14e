"""One photograph: find, correct, repair, and what the page shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hcl_arch.commands.app import display
from hcl_arch.commands.app.downloads import labels_of
from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.filler_choice import FillerChoice
from hcl_arch.commands.app.job import Job, share_of
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.commands.app.sent import RepairOptions, read_grow, read_own_mask, read_threshold
from hcl_arch.commands.app.strokes import read_strokes
from hcl_arch.commands.app.tasks import Result, Task
from hcl_arch.restoration.photographs.photograph import SUFFIX_OF_FORMAT, Photograph
from hcl_arch.restoration.verdict import nothing_found, unusual_share

_CHANGED = 'The marks have changed. Press “Repair” to use them.'
_DONE = 'Repaired. Compare it with the photograph. If too much or too little is marked, correct that and repair again.'
_UNCHANGED = (
    'The photograph is left as it is. If something spoils it, mark more or paint over it with the brush, then repair.'
)


class Single:
    """The work on single photographs.

    Args:
        fillers: restorers to choose from.
        kept: the visitors' uploads and results.
        examples: to choose from.
        threshold: with which a photograph's mask starts.
    """

    def __init__(self, fillers: FillerChoice, kept: Kept, examples: Sequence[Example], *, threshold: float) -> None:
        self._fillers, self._kept, self._examples, self._threshold = fillers, kept, examples, threshold

    def open(self, sent: Mapping[str, Any], options: RepairOptions, task: Task) -> Result:
        """Find what is corrupted in an upload or an example, then repair it.

        Raises:
            PageError: there is no such photograph, or it cannot be used.
        """
        restorer = self._fillers.of(options.filler)
        task.tell('Reading the photograph …')
        name, photograph = self._opened(sent)
        task.tell('Finding what spoils it …')
        finding = restorer.find(photograph.shown, threshold=self._threshold, progress=task.progress)
        job = Job(name, photograph, finding.confidence, threshold=self._threshold, min_score=restorer.min_score)
        token = self._kept.jobs.add(job, weight=job.weight)
        return self._repaired(token, job, options, task)

    def repair(self, token: Any, options: RepairOptions, task: Task) -> Result:
        """Repair again with the current mask.

        Raises:
            PageError: the photograph is no longer kept.
        """
        return self._repaired(token, self._kept.jobs.get(token), options, task)

    def change(self, token: Any, sent: Mapping[str, Any]) -> Result:
        """Make the mask that sliders, brush and the visitor's own mask say.

        Raises:
            PageError: the photograph is no longer kept, or something sent cannot be used.
        """
        job = self._kept.jobs.get(token)
        own = read_own_mask(sent.get('own'), self._kept.masks)
        threshold, grow = read_threshold(sent.get('threshold')), read_grow(sent.get('grow'))
        strokes = read_strokes(sent.get('strokes'))
        given = None if own is None else own.mask_for(job.photograph)
        with job.lock:
            job.given, job.grow, job.strokes = given, grow, strokes
            job.set_threshold(threshold)
            return view(token, job, _CHANGED)

    def _opened(self, sent: Mapping[str, Any]) -> tuple[str, Photograph]:
        if 'example' not in sent:
            return self._kept.uploads.open(sent.get('upload'))
        index = sent['example']
        if not isinstance(index, int) or not 0 <= index < len(self._examples):
            raise PageError('There is no such example.')
        example = self._examples[index]
        return example.name + SUFFIX_OF_FORMAT[example.photograph.format], example.photograph

    def _repaired(self, token: Any, job: Job, options: RepairOptions, task: Task) -> Result:
        restorer = self._fillers.of(options.filler)
        with job.lock:
            shown = view(token, job, 'Repairing …')
        task.tell('Repairing …', shown)
        how = {'composite': options.composite, 'reverse': options.reverse, 'erase': options.erase}
        job.repair(restorer, **how, progress=task.progress)
        with job.lock:
            return view(token, job, outcome(job))


def view(token: Any, job: Job, said: str) -> Result:
    """What the page shows of a photograph."""
    mask = job.mask()
    height, width = mask.shape
    restoration = job.restoration
    return {
        'id': token,
        'name': job.name,
        'width': width,
        'height': height,
        'said': said,
        'mask': display.data_url(display.mask_png(mask), 'png'),
        'share': share_text(share_of(mask), job.score),
        'threshold': job.threshold,
        'grow': job.grow,
        'strokes': len(job.strokes),
        'own': job.given is not None,
        'repairs': job.repairs,
        'found': restoration is not None and restoration.found,
        'downloads': {} if restoration is None else labels_of(job),
    }


def outcome(job: Job) -> str:
    """The message after a repair, with remarks on how the photograph was read."""
    return ' '.join([_verdict(job), *(f'Note: {remark}.' for remark in job.photograph.remarks)])


def _verdict(job: Job) -> str:
    if job.restoration is not None and job.restoration.found:
        share = 100 * job.restoration.pixelated
        left = f' {share:.1f} % of it is pixelated, marked but left as it is: “Repair” repairs that too.'
        return _DONE + (left if share else '')
    # The first repair is of the finding; later the visitor may have erased it.
    is_verdict = job.given is None and (job.repairs == 1 or job.score < job.min_score)
    verdict = nothing_found(job.score, job.min_score, job.confidence.shape) if is_verdict else 'nothing is marked'
    return f'{verdict.replace("nothing found", "nothing was found").capitalize()}. {_UNCHANGED}'


def share_text(share: float, score: float) -> str:
    """The text below the photograph."""
    unusual = ' Unusually much: check the marks.' if unusual_share(share) else ''
    return f'{100 * share:.1f} % of the photograph is marked. Score that anything spoils it: {score:.2f}.{unusual}'
