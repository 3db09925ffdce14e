"""The command line of `hcl-restore`, and its help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Optional, get_args

from hcl_arch.commands.restore.mask_arguments import add_masks
from hcl_arch.commands.restore.options import (
    DEFAULT_KINDS,
    DEFAULT_MASK_NAME,
    DEFAULT_OUTPUT,
    FORMATS,
    MASK_NAME_WORDS,
    PICTURE_KINDS,
    Options,
    check_options,
)
from hcl_arch.commands.restore.shard import parse_shard
from hcl_arch.utils.command_line import CommandParser, whole_number
from hcl_arch.utils.image_limits import DEFAULT_MEMORY, MAX_DECODED_BYTES, MAX_PIXELS, MIB
from hcl_arch.utils.precision import Precision
from hcl_arch.utils.runtime import Runtime

PROGRAM = 'hcl-restore'
_DESCRIPTION = """\
Find what is corrupted in photographs, without being told where, and repair it.

Takes AVIF, BMP, GIF, JPEG, JPEG 2000, PNG, TIFF and WebP (and HEIC with pillow-heif) of any size, gray or colour, with
or without transparency. Orientation, colour profile and metadata are kept. An input is never overwritten."""
_EPILOG = """\
files that are written:
  NAME.EXT               the restored photograph, in the input's format (PNG for a GIF, JPEG for a HEIC)
  NAME_mask.png          what is corrupted: white = corrupted, as other inpainting programs take it
  NAME_cutout.png        the photograph, with what is corrupted transparent, for other programs and for --mask alpha
  NAME_alpha.tif         the photograph, with the mask as a further channel, as Photoshop keeps selections
  NAME_confidence.png    how sure it is that a pixel is NOT corrupted: black = corrupted, white = not
  NAME_overlay.png       the photograph with the corrupted region tinted and outlined
  NAME_side_by_side.png  input, overlay and restored photograph in one picture
  Folders are searched with their subfolders, whose layout is kept; hidden files are left out. Of several folders, each
  gets a folder of its name. Where inputs differ only in their extension, it joins the name: a_jpg.jpg and a_png.png;
  other inputs that would be written to one place are refused before anything is done. A photograph in which nothing is
  repaired is copied byte for byte; in a JPEG only the blocks with repaired pixels change. Other lossy formats change
  pixels a little wherever they are written: for pixels that stay exactly, write PNG or TIFF.

exit status:
  0    all images are done
  1    some images failed; each has a line on standard error, and the others are done
  2    nothing could be begun: wrong arguments, no such model, none of the inputs is there, outputs that would overwrite
       inputs
  130  interrupted by Ctrl-C or SIGTERM: no file is left half, and the summary is written

examples:
  hcl-restore photo.jpg                        restored/photo.jpg and restored/photo_mask.png
  hcl-restore photo.jpg -o repaired.png        repaired.png and repaired_mask.png
  hcl-restore holiday/ -o repaired/            a folder with its subfolders
  hcl-restore "scans/*.tif" --format png       globs work without a shell too
  hcl-restore photo.jpg -o shown/ --save restored overlay side-by-side
  hcl-restore photo.jpg -o mine/ --mask mine.png      repair what a mask of yours says
  hcl-restore erased.png --mask alpha          repair what is erased in the photograph
  hcl-restore holiday/ -o masks/ --save mask --mask-name same      find only; correct the masks, and then:
  hcl-restore holiday/ -o corrected/ --mask masks/                 repair by them
  hcl-restore holiday/ -o no-logo/ --template logo.png --anchor bottom-right
  hcl-restore photo.jpg -o lama/ --filler big-lama.pt      find with the model, fill with LaMa
  hcl-restore photo.jpg -o more/ --threshold 0.7 --grow 4     find more, and a little around it
  hcl-restore photo.jpg -o all/ --min-score 0  repair also where hardly anything seems corrupted
  hcl-restore blend.png --reverse              of two blended images, the other one
  hcl-restore -o out --save restored -- -odd-name.png
  hcl-restore - -o - < spoiled.png > good.png
  hcl-restore photos/ --json summary.json --quiet
  hcl-restore --list-models"""


def parse_arguments(argv: Optional[Sequence[str]]) -> Options:
    """Return the options; wrong ones end the program with status 2 and say what was expected."""
    parser = make_parser()
    return check_options(parsed(parser, argv), parser)


def parsed(parser: argparse.ArgumentParser, argv: Optional[Sequence[str]]) -> argparse.Namespace:
    """Return what a parser of these arguments, and maybe of more, reads; None: those of the program."""
    given = list(sys.argv[1:] if argv is None else argv)
    # Split here, since `parse_intermixed_args`, which lets options follow inputs, does not keep the two apart.
    end = given.index('--') if '--' in given else len(given)
    arguments = parser.parse_intermixed_args(given[:end])
    arguments.inputs = [*arguments.inputs, *given[end + 1 :]]
    return arguments


def make_parser(prog: str = PROGRAM) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = CommandParser(prog=prog, description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        'inputs', nargs='*', metavar='INPUT', help='photographs, folders of them, globs, or - for standard input'
    )
    _add_writing(parser.add_argument_group('what is written'))
    _add_finding(parser.add_argument_group('what is found and repaired'))
    add_masks(parser.add_argument_group('masks of yours'))
    _add_model(parser.add_argument_group('model and machine'))
    _add_telling(parser.add_argument_group('what is told'))
    return parser


def _add_writing(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '-o',
        '--output',
        metavar='OUT',
        help='folder, or of one photograph a file, or - for standard output (default: the folder '
        f'{DEFAULT_OUTPUT}/ here)',
    )
    group.add_argument(
        '--save',
        nargs='+',
        choices=PICTURE_KINDS,
        metavar='PICTURE',
        action='extend',
        help=f'which pictures: {", ".join(PICTURE_KINDS)} (default: {" ".join(DEFAULT_KINDS)}). Without restored and '
        'side-by-side nothing is repaired',
    )
    group.add_argument(
        '--mask-name',
        type=_mask_name,
        default=DEFAULT_MASK_NAME,
        metavar='same|lama|NAME...',
        help='how masks are named: same: NAME.png, in a folder of their own, as IOPaint pairs them; lama: '
        'NAME_mask001.png; or your own, such as NAME_m (default: %(default)s)',
    )
    group.add_argument(
        '--format',
        choices=tuple(FORMATS),
        default='keep',
        help="format of the restored photographs; keep: each input's (default: %(default)s)",
    )
    group.add_argument(
        '--quality',
        type=_quality,
        metavar='keep|1..100',
        help='of JPEG, WebP, AVIF and JPEG 2000. keep (default): a file in which nothing is repaired is copied, and a '
        'JPEG keeps its tables and every block without repaired pixels; where nothing can be kept, 95. A lossless WebP '
        'stays lossless',
    )
    group.add_argument(
        '--pages',
        choices=('first', 'all'),
        default='first',
        help='of a TIFF of several pages, or of an animation (GIF, PNG, WebP, AVIF); all: each is repaired, and the '
        'other pictures are PNGs of as many frames (default: %(default)s)',
    )
    group.add_argument(
        '--strip-metadata',
        action='store_true',
        help='leave out EXIF (with the place), XMP, resolution and texts; the colour profile is kept',
    )
    again = group.add_mutually_exclusive_group()
    again.add_argument(
        '--overwrite',
        action='store_true',
        help='replace existing files, as in a second run with other options; never an input',
    )
    again.add_argument(
        '--skip-existing',
        action='store_true',
        help='make only the pictures that are not there yet, as after an interrupted run; those that are stay as they '
        'are',
    )
    group.add_argument('--dry-run', action='store_true', help='only say what would be written; no model is loaded')


def _add_finding(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--threshold',
        type=_share,
        metavar='T',
        help='pixels with less confidence than this are corrupted, 0 to 1: more finds more '
        '(default: what the model says)',
    )
    group.add_argument(
        '--min-score',
        type=_share,
        metavar='S',
        help='each photograph gets a score, 0 to 1, of how surely anything in it is corrupted; those '
        'with a lower one than this are left as they are. 0 repairs all that is found (default: what '
        'the model says, else 0). A mask of yours needs no score',
    )
    group.add_argument(
        '--grow',
        type=whole_number(0),
        default=0,
        metavar='PX',
        help='enlarge the mask by this many pixels on all sides (default: %(default)s)',
    )
    group.add_argument(
        '--feather',
        type=whole_number(0),
        metavar='PX',
        help='let the repair fade into the photograph over this many pixels around the mask (default: what the model '
        'says, else 0; for a mask of yours: 0)',
    )
    group.add_argument(
        '--repair-pixelated',
        action='store_true',
        help='also repair what is found pixelated; otherwise it is only marked, since a repair would invent '
        'what it hides',
    )
    group.add_argument(
        '--composite',
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep every pixel outside the mask as it is; otherwise take all of the network's picture (default: keep)",
    )
    group.add_argument(
        '--reverse',
        action='store_true',
        help='repaint what is NOT corrupted and keep the rest: the other image of a blend',
    )
    group.add_argument(
        '--erase',
        action='store_true',
        help='look at nothing that is under the mask, as to remove a person or a thing; otherwise the packaged model '
        'keeps what shines through, and much of what looks right',
    )


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--model',
        default='small',
        metavar='NAME|FILE',
        help='name out of --list-models, or a .safetensors or .pth file (default: %(default)s)',
    )
    group.add_argument('--model-options', metavar='FILE', help='option file (YAML) that a .pth file was trained with')
    group.add_argument(
        '--filler',
        metavar='NAME|FILE',
        help="what fills the holes in the place of the model's restorer: opencv-telea, opencv-ns, patchmatch (of the "
        "package pypatchmatch), or another project's inpainting network, such as LaMa, by its file or its name out of "
        '--list-models',
    )
    group.add_argument('--list-models', action='store_true', help='list the models and fillers by name, and end')
    group.add_argument(
        '--runtime',
        choices=get_args(Runtime),
        default='auto',
        help='what computes: torch; onnx: onnxruntime, which starts in a part of the time, on the processor, for the '
        'packaged model and what is built like it; auto: onnxruntime if it is installed and can, and there is no GPU, '
        'else PyTorch (default: %(default)s)',
    )
    group.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1, mps ... (default: %(default)s)')
    group.add_argument(
        '--precision', choices=get_args(Precision), default='fp32', help='of the computation (default: %(default)s)'
    )
    group.add_argument(
        '--memory',
        type=whole_number(64),
        default=DEFAULT_MEMORY,
        metavar='MIB',
        help='photographs that would need more are restored in tiles (default: %(default)s)',
    )
    group.add_argument(
        '--max-megapixels',
        type=above_0,
        default=MAX_PIXELS / 1e6,
        metavar='N',
        help='larger photographs are refused before they are decoded (default: %(default).0f)',
    )
    group.add_argument(
        '--max-decoded',
        type=above_0,
        default=MAX_DECODED_BYTES / MIB,
        metavar='MIB',
        help='so are those that take more memory decoded (default: %(default)g)',
    )
    group.add_argument(
        '--detect-side',
        type=whole_number(16),
        metavar='PX',
        help='length to which the short side is reduced for finding (default: what the model says)',
    )
    group.add_argument(
        '--batch',
        type=whole_number(1),
        default=2,
        metavar='N',
        help='read N photographs ahead and write N behind while the network works (default: %(default)s)',
    )
    group.add_argument(
        '--shard',
        type=parse_shard,
        metavar='I/N',
        help='do only part I of N: N runs, on as many machines, with 1/N to N/N do each photograph once',
    )
    group.add_argument(
        '--threads',
        type=whole_number(1),
        metavar='N',
        help='threads of the computation (default: as many as the runtime takes)',
    )


def _add_telling(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--json', metavar='FILE|-', help='write a summary with the figures of every image')
    group.add_argument('-q', '--quiet', action='store_true', help='say errors only')


def _quality(text: str) -> Optional[int]:
    try:
        return None if text == 'keep' else whole_number(1, 100)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f'{error} (or keep)') from None


def _mask_name(text: str) -> str:
    form = MASK_NAME_WORDS.get(text, text)
    if 'NAME' not in form or set(form) & set('/\\:'):
        raise argparse.ArgumentTypeError(f"expected same, lama, or a file's name with NAME in it, got '{text}'")
    return text


def above_0(text: str) -> float:
    """A number above 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got '{text}'")
    return value


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got '{text}'")
    return value
