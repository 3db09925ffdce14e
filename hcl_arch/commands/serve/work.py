"""The work on one request, in the worker's thread."""

from __future__ import annotations

import base64
import io
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from hcl_arch.commands.serve.queue import CheckStop
from hcl_arch.commands.serve.receiving import Files
from hcl_arch.restoration.mask_array import grown
from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.user_mask import user_mask
from hcl_arch.restoration.verdict import Finding, found_by_user
from hcl_arch.utils.image_limits import Limits
from hcl_arch.utils.mask_options import MaskChannel, MaskPolarity
from hcl_arch.utils.unreadable_image import UnreadableImageError

MOST_GROWN = 256
_Share = Annotated[float, Field(ge=0, le=1)]


class Options(BaseModel):
    """What a request may ask for, in its URL."""

    model_config = ConfigDict(extra='forbid')

    answer: Literal['restored', 'mask', 'json'] = Field('restored', description='`mask` does not run the repair')
    threshold: Optional[_Share] = Field(None, description='pixels with less confidence are repaired')
    grow: Annotated[int, Field(ge=0, le=MOST_GROWN, description='pixels by which the mask is enlarged')] = 0
    min_score: Optional[_Share] = Field(None, description='a photograph with a lower score is left alone')
    repair_pixelated: bool = Field(False, description='otherwise pixelated regions are only marked')
    erase: bool = Field(False, description='look at nothing under the mask, as to remove a person')
    mask_polarity: MaskPolarity = 'auto'
    mask_channel: MaskChannel = 'auto'


class Answer(NamedTuple):
    """What a request gets: a PNG, JSON, or why its files cannot be used."""

    content: Union[bytes, dict[str, Any]] = b''
    headers: dict[str, str] = {}
    refused: str = ''


def answer(restorer: Restorer, files: Files, options: Options, limits: Limits, check_stop: CheckStop) -> Answer:
    """Work on a request.

    Args:
        restorer: finds and repairs.
        files: of the request.
        options: of the request.
        limits: what a file may state.
        check_stop: raises when nobody waits for the answer any more.
    """
    try:
        photograph = _read('image', files.image, limits)
        given = None if files.mask is None else _given(photograph, files.mask, options, limits)
        if options.answer == 'mask':
            finding = given or restorer.find(photograph.shown, **_to_find(options, check_stop))
            return Answer(_mask_png(finding.mask), _headers(finding))
        restoration = _restored(restorer, photograph, given, options, check_stop)
        check_stop()
        if restoration.found:
            photograph = photograph.with_repaired(restoration.image)
        restored, remarks = photograph.encode('PNG')
    except MemoryError:
        return Answer(refused='image: there is not enough memory for it')
    except ValueError as error:
        return Answer(refused=str(error))
    if options.answer == 'restored':
        return Answer(restored, _headers(restoration))
    return Answer(_as_json(restored, restoration, [*photograph.remarks, *remarks]))


def _read(name: str, content: bytes, limits: Limits) -> Photograph:
    try:
        return read_photograph(io.BytesIO(content), limits=limits)
    except UnreadableImageError as error:
        raise ValueError(f'{name}: {error.reason}') from None


def _given(photograph: Photograph, mask: bytes, options: Options, limits: Limits) -> Finding:
    """The mask of the request, grown."""
    width, height = photograph.size
    given = user_mask(
        _read('mask', mask, limits).pixels,
        height,
        width,
        polarity=options.mask_polarity,
        channel=options.mask_channel,
    )
    return found_by_user(given, grown(given, options.grow))


def _to_find(options: Options, check_stop: CheckStop) -> dict[str, Any]:
    wanted = options.model_dump(include={'threshold', 'grow', 'min_score'})
    return {**wanted, 'progress': lambda done, total: check_stop()}


def _restored(
    restorer: Restorer, photograph: Photograph, given: Optional[Finding], options: Options, check_stop: CheckStop
) -> Restoration:
    """What is repaired: what the mask says, else what is found."""
    settings = _to_find(options, check_stop)
    if given is None:
        settings.update(repair_pixelated=options.repair_pixelated, erase=options.erase)
        return restorer.restore(photograph.shown, **settings)
    if not given.found:
        return Restoration(photograph.shown, *given)
    wanted = {'confidence': given.confidence, 'erase': options.erase, 'progress': settings['progress']}
    return restorer.repair(photograph.shown, given.mask, **wanted)


def _mask_png(mask: np.ndarray) -> bytes:
    return cv2.imencode('.png', mask)[1].tobytes()


def _share(finding: Union[Finding, Restoration]) -> float:
    return float(np.count_nonzero(finding.mask)) / finding.mask.size


def _headers(finding: Union[Finding, Restoration]) -> dict[str, str]:
    return {
        'X-HCL-Score': f'{finding.score:.4f}',
        'X-HCL-Share': f'{_share(finding):.6f}',
        'X-HCL-Found': str(finding.found).lower(),
    }


def _as_json(restored: bytes, finding: Restoration, remarks: list[str]) -> dict[str, Any]:
    height, width = finding.mask.shape
    return {
        'score': finding.score,
        'share': _share(finding),
        'found': finding.found,
        'pixelated': finding.pixelated,
        'width': width,
        'height': height,
        'remarks': remarks,
        'restored': base64.b64encode(restored).decode('ascii'),
        'mask': base64.b64encode(_mask_png(finding.mask)).decode('ascii'),
    }
