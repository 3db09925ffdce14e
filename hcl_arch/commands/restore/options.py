"""The options of a run, checked."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Optional, get_args

from hcl_arch.commands.restore.shard import Shard
from hcl_arch.utils.image_limits import MIB, Limits
from hcl_arch.utils.mask_options import OWN_ALPHA, MaskChannel, MaskPolarity
from hcl_arch.utils.precision import Precision
from hcl_arch.utils.regions import Anchor, Region
from hcl_arch.utils.runtime import Runtime

PictureKind = Literal['restored', 'mask', 'confidence', 'cutout', 'alpha', 'overlay', 'side-by-side']
PICTURE_KINDS: tuple[PictureKind, ...] = get_args(PictureKind)
DEFAULT_KINDS: tuple[PictureKind, ...] = ('restored', 'mask')
FORMATS = {'keep': None, 'png': 'PNG', 'jpg': 'JPEG', 'webp': 'WEBP', 'tiff': 'TIFF', 'avif': 'AVIF', 'jp2': 'JPEG2000'}
DEFAULT_OUTPUT = 'restored'
STANDARD_STREAM = '-'
DEFAULT_MASK_NAME, MASK_NAME_WORDS = 'NAME_mask', {'same': 'NAME', 'lama': 'NAME_mask001'}


@dataclass(frozen=True)
class Options:
    """The options of the command line; the fields are its arguments."""

    inputs: tuple[str, ...]
    output: str
    model: str
    model_options: Optional[str]
    filler: Optional[str]
    list_models: bool
    save: tuple[PictureKind, ...]
    mask_name: str
    format: str
    quality: Optional[int]
    pages: Literal['first', 'all']
    composite: bool
    mask: Optional[str]
    mask_polarity: MaskPolarity
    mask_channel: MaskChannel
    fit_mask: bool
    region: tuple[str, ...]
    exclude: tuple[str, ...]
    template: Optional[str]
    anchor: Anchor
    offset: str
    template_width: Optional[str]
    grow: int
    feather: Optional[int]
    threshold: Optional[float]
    min_score: Optional[float]
    repair_pixelated: bool
    reverse: bool
    erase: bool
    runtime: Runtime
    device: str
    precision: Precision
    batch: int
    memory: int
    detect_side: Optional[int]
    strip_metadata: bool
    json: Optional[str]
    dry_run: bool
    quiet: bool
    overwrite: bool
    skip_existing: bool
    threads: Optional[int]
    max_megapixels: float
    max_decoded: float
    shard: Optional[Shard]

    @property
    def repairs(self) -> bool:
        """Whether a picture is wanted that shows the repair."""
        return bool({'restored', 'side-by-side'} & set(self.save))

    @property
    def has_own_mask(self) -> bool:
        """Whether the user says what is corrupted, so that nothing needs to be found."""
        return self.mask is not None or bool(self.region) or self.template is not None

    def mask_stem(self, stem: str) -> str:
        """Return the name of a photograph's mask without extension."""
        return MASK_NAME_WORDS.get(self.mask_name, self.mask_name).replace('NAME', stem)

    @property
    def to_stdout(self) -> bool:
        """Whether the one picture goes to standard output."""
        return self.output == STANDARD_STREAM

    @property
    def repairs_erased(self) -> bool:
        """Whether the photographs' own transparency is the mask."""
        return self.mask == OWN_ALPHA

    @property
    def wanted_format(self) -> Optional[str]:
        """Pillow's name of the format to write, None to keep each input's."""
        return FORMATS[self.format]

    @property
    def limits(self) -> Limits:
        """What a file may state."""
        return Limits(
            round(self.max_megapixels * 1e6), round(self.max_decoded * MIB), '--max-megapixels', '--max-decoded'
        )

    def as_record(self) -> dict[str, Any]:
        """Return the options for the summary."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def excluded_region(text: str) -> Optional[Region]:
    """Return the rectangle of `--exclude`; None if it names a file."""
    try:
        return Region.parse(text)
    except ValueError:
        return None


def check_options(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> Options:
    """Return the options of parsed arguments; ends the program with status 2 if they contradict each other."""
    values = vars(arguments)
    to_stdout = values['output'] == STANDARD_STREAM
    kinds: Sequence[PictureKind] = values['save'] or (('restored',) if to_stdout else DEFAULT_KINDS)
    values['save'] = tuple(kind for kind in PICTURE_KINDS if kind in kinds)
    values['output'] = values['output'] or DEFAULT_OUTPUT
    for name in ('inputs', 'region', 'exclude'):
        values[name] = tuple(values[name] or ())
    options = Options(**values)
    if not options.inputs and not options.list_models:
        parser.error('expected photographs: files, folders, or - for standard input')
    if any(not name for name in options.inputs):
        parser.error("expected photographs, got an empty name ''")
    _check_masks(options, parser)
    if to_stdout and len(options.save) > 1:
        parser.error(f'-o - takes one picture: give one kind to --save, not {", ".join(options.save)}')
    if to_stdout and options.json == STANDARD_STREAM:
        parser.error('-o - and --json - would both write to standard output: give a file to one of them')
    return options


def _check_masks(options: Options, parser: argparse.ArgumentParser) -> None:
    files = [options.mask, options.template, *(text for text in options.exclude if excluded_region(text) is None)]
    is_read = any(place not in (None, OWN_ALPHA) for place in files)
    if (options.mask_polarity, options.mask_channel) != ('auto', 'auto') and not is_read:
        parser.error('--mask-polarity and --mask-channel say how a mask is read: give its file or folder to --mask')
    if options.repairs_erased and (options.region or options.template is not None):
        parser.error('--mask alpha repairs what is erased, and nothing besides: leave out --region and --template')
    placed = (options.anchor, options.offset, options.template_width)
    if options.template is None and placed != ('bottom-right', '0,0', None):
        parser.error('--anchor, --offset and --template-width say where a template lies: give its file to --template')
    for option, place in (('template', options.template), *(('exclude', text) for text in options.exclude)):
        if place is None or (option == 'exclude' and excluded_region(place) is not None) or os.path.isfile(place):
            continue
        other = '' if option == 'template' else ', and no x,y,width,height in pixels or %'
        parser.error(f'--{option} {place}: no such file{other}')
