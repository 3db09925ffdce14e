"""The tab "One photograph": detect, view, correct, repair, compare, download."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any, get_args

import gradio as gr
import numpy as np

from hcl_arch.commands.app import display, fragments
from hcl_arch.commands.app.downloads import PICTURES
from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.job import Job, share_of
from hcl_arch.commands.app.kept import Kept
from hcl_arch.commands.app.page_error import PageError, Updates, plain_errors
from hcl_arch.commands.app.strokes import read_strokes
from hcl_arch.restoration.photographs.photograph import Photograph
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.restoration.user_mask import user_mask
from hcl_arch.restoration.verdict import nothing_found, unusual_share
from hcl_arch.utils.mask_options import MaskChannel, MaskPolarity
from hcl_arch.utils.mask_reading import UnclearMaskError

MAX_GROW = 64
# All uses of the network wait in one queue, so two visitors do not take twice the memory.
MODEL_LINE = 'model'
_CHANGED = 'The mask has changed. Press "Repair" to use it.'
_DONE = 'Done. Look at the mask and correct it with threshold and brush, then repair again; or download below.'
_UNCHANGED = (
    'The photograph is left as it is. If something spoils it, move the threshold or paint over it with the '
    'brush, then repair.'
)
_DOWNLOAD_NAMES = {
    'restored': 'Restored photograph',
    'mask': 'Mask',
    'confidence': 'Confidence map',
    'all': 'All (ZIP)',
}


class SingleTab:
    """Builds the tab, within a `gr.Blocks`, and handles its events.

    Args:
        restorer: finds and repairs.
        kept: the visitors' uploads and results.
        examples: to choose from.
        threshold: where its slider starts.
    """

    def __init__(self, restorer: Restorer, kept: Kept, examples: Sequence[Example], *, threshold: float) -> None:
        self._restorer, self._kept, self._examples, self._threshold = restorer, kept, examples, threshold
        self.token = gr.State('')
        self.drop = fragments.drop_area(kept.limits, several=False, label='Drop a photograph here, or choose one')
        self.example_list = fragments.example_list(examples)
        self.status = fragments.status('hcl-status-one')
        # Hidden rather than absent: components that Gradio adds to a page later can miss their first value.
        with gr.Column(visible='hidden', elem_id='hcl-work') as self.work:
            self._build_work()
        with gr.Column(visible='hidden', elem_id='hcl-result') as self.result:
            gr.HTML('<h2>Before and after</h2>', js_on_load=None, apply_default_css=False)
            self.compare = fragments.compare()
            self.downloads = fragments.plain('hcl-downloads')
        self._connect()

    def _build_work(self) -> None:
        self.editor = fragments.editor()
        with gr.Row():
            self.threshold = gr.Slider(
                0,
                1,
                self._threshold,
                step=0.01,
                label='Threshold',
                info='Further right, more is marked.',
                elem_id='hcl-threshold',
            )
            self.grow = gr.Slider(
                0, MAX_GROW, 0, step=1, label='Grow', info='Widens the mask by so many pixels.', elem_id='hcl-grow'
            )
        with gr.Row():
            self.mask_drop = fragments.drop_area(
                self._kept.limits, several=False, label='Use a mask of yours', name='mask'
            )
            self.polarity = gr.Radio(
                get_args(MaskPolarity),
                value='auto',
                label='Mask polarity',
                info='What is corrupted in your mask. Auto: white, or what is painted.',
            )
            self.channel = gr.Radio(
                get_args(MaskChannel),
                value='auto',
                label='Mask channel',
                info='What tells it. Auto: whichever differs.',
            )
        with gr.Row(equal_height=True):
            self.composite = gr.Checkbox(
                True, label='Keep all pixels outside the mask', info='Nothing else of the photograph is changed.'
            )
            self.reverse = gr.Checkbox(
                False, label='Reverse', info='Repaint what is not marked: the other image of a blend.'
            )
            self.repair_button = gr.Button('Repair', variant='primary', elem_id='hcl-repair')

    def _connect(self) -> None:
        options: list[Any] = [self.composite, self.reverse]
        shown: Any = {
            self.token,
            self.status,
            self.work,
            self.result,
            self.editor,
            self.compare,
            self.downloads,
            self.threshold,
            self.grow,
        }
        heavy: dict[str, Any] = {'concurrency_limit': 1, 'concurrency_id': MODEL_LINE}
        # Private: not offered as an API, only used by the page itself. No spinners over areas that can be painted on.
        common: dict[str, Any] = {'api_visibility': 'private', 'show_progress': 'hidden'}
        # The scripts refer to these names.
        self.drop.brought(self.open_upload, [*options], shown, trigger_mode='once', **heavy, **common)
        self.example_list.picked(self.open_example, [*options], shown, trigger_mode='once', **heavy, **common)
        light: Any = {self.status, self.editor}
        last: dict[str, Any] = {'trigger_mode': 'always_last', 'concurrency_limit': 2, 'concurrency_id': 'mask'}
        for slider in (self.threshold, self.grow):
            slider.input(self.change_mask, [self.token, self.threshold, self.grow], light, **last, **common)
        self.editor.painted(self.take_strokes, [self.token], light, **last, **common)
        mask_options: list[Any] = [self.token, self.polarity, self.channel]
        self.mask_drop.brought(self.take_mask, mask_options, light, **last, **common)
        self.repair_button.click(self.repair, [self.token, *options], shown, trigger_mode='once', **heavy, **common)

    @plain_errors
    def open_upload(self, composite: bool, reverse: bool, event: gr.EventData) -> Any:
        """Detect and repair in an uploaded photograph, then show everything."""
        yield {self.status: 'Reading the photograph …'}
        name, photograph = self._kept.uploads.open(_first_token(event))
        yield from self._open(name, photograph, composite, reverse)

    @plain_errors
    def open_example(self, composite: bool, reverse: bool, event: gr.EventData) -> Any:
        """Detect and repair in an example, then show everything."""
        index = event._data.get('index')
        if not isinstance(index, int) or not 0 <= index < len(self._examples):
            raise PageError('There is no such example.')
        example = self._examples[index]
        yield from self._open(f'{example.name}.png', Photograph(example.pixels), composite, reverse)

    @plain_errors
    def change_mask(self, token: str, threshold: float, grow: float) -> Any:
        """Recompute the mask from the confidence."""
        job = self._kept.jobs.get(token)
        job.set_threshold(read_threshold(threshold))
        job.grow = read_grow(grow)
        yield self._mask_updates(token, job)

    @plain_errors
    def take_strokes(self, token: str, event: gr.EventData) -> Any:
        """Paint on the mask."""
        job = self._kept.jobs.get(token)
        job.strokes = read_strokes(event._data.get('strokes'))
        yield self._mask_updates(token, job)

    @plain_errors
    def take_mask(self, token: str, polarity: Any, channel: Any, event: gr.EventData) -> Any:
        """Use an uploaded mask in place of what was found."""
        job = self._kept.jobs.get(token)
        name, picture = self._kept.uploads.open(_first_token(event))
        height, width = job.confidence.shape
        try:
            job.given = user_mask(picture.pixels, height, width, polarity=polarity, channel=channel)
        except UnclearMaskError as error:
            raise PageError(f'{name}: {error.worded("the mask {} “{}”")}.') from None
        except ValueError as error:
            raise PageError(f'{name}: {error}') from None
        marked = int(np.count_nonzero(job.given))
        said = f'Your mask marks {marked:,} pixels, {100 * share_of(job.given):.1f} %. Press "Repair" to use it.'
        yield {self.editor: self._editor_value(token, job), self.status: said}

    @plain_errors
    def repair(self, token: str, composite: bool, reverse: bool) -> Any:
        """Repair again with the current mask."""
        job = self._kept.jobs.get(token)
        yield {self.status: 'Repairing …'}
        yield self._repaired(token, job, composite, reverse)

    def _open(self, name: str, photograph: Photograph, composite: bool, reverse: bool) -> Any:
        yield {self.status: 'Finding what is corrupted …', self.result: gr.Column(visible='hidden')}
        job = Job(
            name,
            photograph,
            self._restorer.detect(photograph.shown),
            threshold=self._threshold,
            min_score=self._restorer.min_score,
        )
        token = self._kept.jobs.add(job, weight=job.weight)
        opened = {
            self.token: token,
            self.editor: self._editor_value(token, job),
            self.work: gr.Column(visible=True),
            self.threshold: job.threshold,
            self.grow: job.grow,
        }
        yield {**opened, self.status: 'Repairing …'}
        # All values again: of two updates in quick succession, Gradio's page can drop values that only the first one
        # has.
        yield {**opened, **self._repaired(token, job, composite, reverse)}

    def _repaired(self, token: str, job: Job, composite: bool, reverse: bool) -> Updates:
        job.repair(self._restorer, composite=composite is True, reverse=reverse is True)
        base = f'hcl/photo/{token}'
        links = ''.join(
            f'<a class="hcl-button" href="{base}/{what}" download>{_DOWNLOAD_NAMES[what]}</a>'
            for what in (*PICTURES, 'all')
        )
        return {
            self.status: _outcome(job),
            self.result: gr.Column(visible=True),
            # The number makes the browser fetch the new picture.
            self.compare: {'before': f'{base}/before', 'after': f'{base}/after?{job.repairs}'},
            self.downloads: f'<nav class="hcl-links" aria-label="Downloads">{links}</nav>',
        }

    def _mask_updates(self, token: str, job: Job) -> Updates:
        return {self.editor: self._editor_value(token, job), self.status: _CHANGED}

    def _editor_value(self, token: str, job: Job) -> dict[str, Any]:
        mask = job.mask()
        height, width = mask.shape
        strokes = [
            {'erase': stroke.erase, 'radius': stroke.radius, 'points': stroke.points.tolist()} for stroke in job.strokes
        ]
        return {
            'id': token,
            'photo': f'hcl/photo/{token}/before',
            'map': f'hcl/photo/{token}/map',
            'mask': display.data_url(display.mask_png(mask), 'png'),
            'strokes': strokes,
            'share': _share_text(share_of(mask), job.score),
            'width': width,
            'height': height,
        }


def _first_token(event: gr.EventData) -> Any:
    """The token of the first file that the browser sent, None if there is none."""
    files = event._data.get('files')
    return files[0].get('token') if isinstance(files, list) and files and isinstance(files[0], dict) else None


def _outcome(job: Job) -> str:
    """The message after a repair, with remarks on how the photograph was read."""
    return _verdict(job) + ''.join(f' Note: {html.escape(remark)}.' for remark in job.photograph.remarks)


def _verdict(job: Job) -> str:
    if job.restoration is not None and job.restoration.found:
        return _DONE
    # The first repair is of the finding; later the visitor may have erased it.
    is_verdict = job.repairs == 1 or job.score < job.min_score
    verdict = (
        nothing_found(job.score, job.min_score, job.confidence.shape).capitalize()
        if is_verdict
        else 'Nothing is marked'
    )
    return f'{verdict}. {_UNCHANGED}'


def _share_text(share: float, score: float) -> str:
    """The text below the photograph."""
    unusual = ' Unusually much: check the mask.' if unusual_share(share) else ''
    return f'{100 * share:.1f} % of the photograph is marked. Score that anything is corrupted: {score:.2f}.{unusual}'


def read_threshold(value: Any) -> float:
    """Return a threshold that the browser sent.

    Raises:
        PageError: it is none.
    """
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise PageError('The threshold is a number from 0 to 1.')
    return float(value)


def read_grow(value: Any) -> int:
    """Return the number of pixels by which to grow the mask, as sent by the browser.

    Raises:
        PageError: it is not such a number.
    """
    if not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= MAX_GROW:
        raise PageError(f'The mask can grow by 0 to {MAX_GROW} pixels.')
    return int(value)
