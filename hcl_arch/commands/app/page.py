"""The page's HTML, with what depends on the command line."""

from __future__ import annotations

import html
import importlib.util
from collections.abc import Iterable, Sequence
from string import Template

from hcl_arch.commands.app import display
from hcl_arch.commands.app.examples import Example
from hcl_arch.commands.app.filler_choice import FillerChoice
from hcl_arch.commands.app.limits import Limits
from hcl_arch.commands.app.own_masks import CHANNELS, POLARITIES
from hcl_arch.commands.app.routes import read_static
from hcl_arch.commands.app.sent import MAX_GROW
from hcl_arch.restoration.photographs.photograph_kinds import SUFFIXES

_HEIC = {'.heic', '.heif', '.hif'}
_FORMATS = 'JPEG, PNG, WebP, AVIF, TIFF, JPEG 2000, BMP or GIF'


def build_page(limits: Limits, examples: Sequence[Example], fillers: FillerChoice, *, threshold: float = 0.5) -> str:
    """Return the page.

    Args:
        limits: what is accepted.
        examples: shown to choose from.
        fillers: ways to fill, to choose from.
        threshold: where its sliders start, in [0, 1].
    """
    endings = readable_endings()
    values = {
        'endings': ','.join(endings),
        'formats': ('HEIC, ' if '.heic' in endings else '') + f'{_FORMATS}, up to {limits.megapixels:g} megapixels',
        'files': limits.files,
        'bytes': limits.file_bytes,
        'threshold': threshold,
        'grow': MAX_GROW,
        'examples': ''.join(_example(example) for example in examples),
        'fillers': _options(fillers.labels.items(), fillers.default),
        'polarities': _options(POLARITIES.items()),
        'channels': _options(CHANNELS.items()),
    }
    return Template(read_static('page.html')).substitute(values)


def readable_endings() -> list[str]:
    """Endings of files for the browser's dialogue; the content of a file decides.

    Those of HEIC only where it can be read: phones convert such a photograph for a page that does not name them.
    """
    return sorted(SUFFIXES if importlib.util.find_spec('pillow_heif') else SUFFIXES - _HEIC)


def _example(example: Example) -> str:
    picture = display.data_url(display.jpeg(example.photograph.shown, 240), 'jpeg')
    name, note = html.escape(example.name), f'<small>{html.escape(example.note)}</small>' if example.note else ''
    return f'<button type="button"><img alt="" src="{picture}"><span>{name}{note}</span></button>'


def _options(labels: Iterable[tuple[str, str]], chosen: str = '') -> str:
    return ''.join(
        f'<option value="{html.escape(key)}"{" selected" if key == chosen else ""}>{html.escape(label)}</option>'
        for key, label in labels
    )
