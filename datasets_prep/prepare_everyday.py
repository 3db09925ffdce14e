"""Lay out what the detector of the packaged model is trained on: photographs, masks, fonts, pictures, weights.

    python datasets_prep/prepare_everyday.py datasets/everyday --photos ~/photos --held 100 --masks ~/masks \\
        --fonts /usr/share/fonts/truetype --emoji NotoColorEmoji.ttf --signs fontawesome-webfont.ttf \\
        --backbone-weights efficientnet-lite0-57934424.pth

writes photos/ (to train on), held/ (photographs set aside, drawn by --seed), masks/, fonts/, pictures/ (RGBA PNG files
of the characters of the two fonts) and the file of weights into datasets/everyday, where options/train_hcl_small.yml
and options/train/train_hcl_small_first.yml look for them. All of them but pictures and weights are links to the files
given, or copies by --copy. What lies in a folder of photographs or fonts goes into a subfolder of its name. What is
given is left as it is. A run that was ended is gone on with by the same command.

Photographs that have writing, frames or bands of one colour teach a detector that these are no corruption. --screen
takes a list of what was found in them, with the columns path (its end suffices), text_share (of the pixels) and
plain_sides (of the four), and leaves out those with more than --most-text or --most-plain-sides, and those not listed.
"""

from __future__ import annotations

import argparse
import csv
import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hcl_arch.data.corruptions.font_files import find_fonts
from preparation import PreparationError, check_apart, list_images, plain_errors, whole_number
from preparation.font_pictures import PictureFont, png_of
from preparation.laying_out import Entry, lay_out

# The one size of Noto Color Emoji, and about the same for signs.
EMOJI_SIZE, SIGN_SIZE = 109, 120
# Unicode's pictographs, without the colours of skin among them.
EMOJI_CODES = (*range(0x2600, 0x27C0), *range(0x1F300, 0x1F3FB), *range(0x1F400, 0x1FB00))
# Where fonts put signs that Unicode has not.
SIGN_CODES = range(0xE000, 0xF900)
BLACK_SHARE, WHITE_SHARE = 0.4, 0.3
# The everyday benchmark writes with these fonts.
KEPT_FOR_THE_BENCHMARK = 'dejavu'
SCREEN_COLUMNS = ('path', 'text_share', 'plain_sides')
# What the option files read, and what to do where it was not given.
WITHOUT = {
    'masks': "take 'dataroot_mask' and 'folder' under 'masks' out of the option files",
    'fonts': "take 'dataroot_fonts' out of the option files; letters are OpenCV's own then",
    'pictures': "take 'dataroot' under 'corruptions' out of the option files; stickers and marks are drawn then",
    'weights': "take 'backbone_weights' out of train_hcl_small_first.yml; the backbone starts from random ones then",
}


class Photograph(NamedTuple):
    """A photograph to be laid out."""

    source: str
    name: str
    """Its path below photos/ or held/."""


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: see the module's docstring."""
    arguments = _parser().parse_args(argv)
    with plain_errors():
        folders = [*arguments.photos, *arguments.fonts, *([arguments.masks] if arguments.masks else [])]
        for folder in folders:
            check_apart(arguments.output, folder)
        photographs = screened(list_photographs(arguments.photos), arguments)
        entries = [
            *photo_entries(photographs, arguments),
            *mask_entries(arguments),
            *font_entries(arguments),
            *emoji_entries(arguments.emoji),
            *sign_entries(arguments.signs, arguments.seed),
            *weight_entries(arguments.backbone_weights),
        ]
        settings = {'data set': 'everyday', 'seed': arguments.seed, 'held': arguments.held, 'copy': arguments.copy}
        lay_out(entries, arguments.output, settings=settings)
        parts = {entry.name.partition('/')[0] if '/' in entry.name else 'weights' for entry in entries}
        for part, advice in WITHOUT.items():
            if part not in parts:
                print(f'No {part}: {advice}.')


def _parser() -> argparse.ArgumentParser:
    path = os.path.expanduser
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('output', type=path, help='folder to write, e.g. datasets/everyday')
    parser.add_argument(
        '--photos',
        type=path,
        nargs='+',
        required=True,
        metavar='FOLDER',
        help='folders of photographs without corruption, searched with their subfolders',
    )
    parser.add_argument('--screen', type=path, metavar='FILE', help='CSV of the photographs to take, see above')
    parser.add_argument(
        '--most-text',
        type=float,
        default=0.003,
        metavar='SHARE',
        help='largest text_share that --screen lets pass (default: %(default)s)',
    )
    parser.add_argument(
        '--most-plain-sides',
        type=whole_number(0, 4),
        default=0,
        metavar='N',
        help='most plain_sides that it lets pass (default: %(default)s)',
    )
    parser.add_argument(
        '--held',
        type=whole_number(0),
        default=0,
        metavar='N',
        help='photographs to set aside, to measure on (default: %(default)s)',
    )
    parser.add_argument('--masks', type=path, metavar='FOLDER', help='mask images, white = corrupted')
    parser.add_argument(
        '--fonts',
        type=path,
        nargs='+',
        default=[],
        metavar='FOLDER',
        help="folders of fonts; DejaVu's are left out, the everyday benchmark writes with them",
    )
    parser.add_argument('--emoji', type=path, metavar='FONT', help='a font of coloured emoji: Noto Color Emoji')
    parser.add_argument('--signs', type=path, metavar='FONT', help='a font of signs: Font Awesome')
    parser.add_argument('--backbone-weights', type=path, metavar='FILE', help="the backbone's weights; copied")
    parser.add_argument(
        '--seed',
        type=whole_number(0),
        default=0,
        help='of the photographs set aside and the colours of signs (default: %(default)s)',
    )
    parser.add_argument('--copy', action='store_true', help='copy files instead of linking to them')
    return parser


# ------------------------------------------------------------------ photographs


def list_photographs(folders: Sequence[str]) -> list[Photograph]:
    """Return the photographs of the folders, each file once, however many folders lead to it."""
    found: list[Photograph] = []
    seen: set[str] = set()
    twice = 0
    for folder, title in zip(folders, titles(folders)):
        for name in list_images(folder):
            source = os.path.join(folder, name)
            place = os.path.realpath(source)
            twice += place in seen
            if place not in seen:
                seen.add(place)
                found.append(Photograph(source, f'{title}/{name}'))
    if twice:
        print(f'photographs that are in two of the folders, taken once: {twice:,}')
    return found


def titles(folders: Sequence[str]) -> list[str]:
    """Return a name for each folder: its own, with a number where another one has it.

    >>> titles(['a/train', 'b/train', 'c'])
    ['train', 'train-2', 'c']
    """
    taken: list[str] = []
    for folder in folders:
        name = os.path.basename(os.path.abspath(folder)).lstrip('.') or 'files'  # hidden folders are not searched
        number, title = 1, name
        while title in taken:
            number += 1
            title = f'{name}-{number}'
        taken.append(title)
    return taken


def screened(photographs: list[Photograph], arguments: argparse.Namespace) -> list[Photograph]:
    """Return the photographs that the list of --screen lets pass; all of them without one."""
    if arguments.screen is None:
        return photographs
    passes = read_screen(arguments.screen, arguments.most_text, arguments.most_plain_sides)
    verdicts = [verdict_of(photograph.source, passes) for photograph in photographs]
    taken = [photograph for photograph, verdict in zip(photographs, verdicts) if verdict]
    print(
        f'{arguments.screen}: {len(taken):,} of {len(photographs):,} photographs pass, {verdicts.count(False):,} do '
        f'not, {verdicts.count(None):,} are not listed'
    )
    if not taken:
        raise PreparationError(
            f'{arguments.screen}: expected photographs of --photos that pass, found none. Compare '
            'the paths in it with theirs, or raise --most-text and --most-plain-sides.'
        )
    return taken


def read_screen(path: str, most_text: float, most_plain_sides: int) -> dict[str, bool]:
    """Return for each path in a list of screened photographs whether it passes.

    Raises:
        PreparationError: a column is missing, or holds something other than a number.
    """
    passes = {}
    with open(path, encoding='utf-8', newline='') as file:
        rows = csv.DictReader(file)
        missing = [name for name in SCREEN_COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise PreparationError(
                f"{path}: expected the columns {', '.join(SCREEN_COLUMNS)} in the first line, found no '{missing[0]}'."
            )
        for row in rows:
            try:
                passes[row['path']] = (
                    float(row['text_share']) <= most_text and float(row['plain_sides']) <= most_plain_sides
                )
            except (TypeError, ValueError):
                raise PreparationError(
                    f'{path}, line {rows.line_num}: expected a path and two numbers, found '
                    f"'{','.join(map(str, row.values()))}'."
                ) from None
    return passes


def verdict_of(source: str, passes: dict[str, bool]) -> bool | None:
    """Return whether a photograph passes, by the longest end of its path that is listed; None if none is."""
    parts = os.path.abspath(source).split(os.sep)
    ends = ('/'.join(parts[start:]) for start in range(len(parts)))
    return next((passes[end] for end in ends if end in passes), None)


def photo_entries(photographs: Sequence[Photograph], arguments: argparse.Namespace) -> Iterator[Entry]:
    """Yield the photographs, drawn by the seed for held/, the others for photos/."""
    if arguments.held >= len(photographs):
        raise PreparationError(
            f'--held: expected less than the {len(photographs):,} photographs, got {arguments.held:,}.'
        )
    held = set(np.random.default_rng(arguments.seed).permutation(len(photographs))[: arguments.held].tolist())
    print(f'photographs: {len(photographs) - len(held):,} to train on, {len(held):,} held')
    for index, photograph in enumerate(photographs):
        folder = 'held' if index in held else 'photos'
        yield Entry(f'{folder}/{photograph.name}', photograph.source, arguments.copy)


# ------------------------------------------------------------------ what spoils them


def mask_entries(arguments: argparse.Namespace) -> Iterator[Entry]:
    """Yield the masks."""
    for name in list_images(arguments.masks) if arguments.masks else ():
        yield Entry(f'masks/{name}', os.path.join(arguments.masks, name), arguments.copy)


def font_entries(arguments: argparse.Namespace) -> list[Entry]:
    """Return the fonts, without those that are kept for the benchmark."""
    found = [
        (os.path.relpath(path, folder), folder, title)
        for folder, title in zip(arguments.fonts, titles(arguments.fonts))
        for path in fonts_of(folder)
    ]
    taken = [font for font in found if not os.path.basename(font[0]).lower().startswith(KEPT_FOR_THE_BENCHMARK)]
    if found:
        print(f'fonts: {len(taken):,}, and {len(found) - len(taken):,} of DejaVu, left out for the everyday benchmark')
    return [
        Entry(f'fonts/{title}/{name}'.replace(os.sep, '/'), os.path.join(folder, name), arguments.copy)
        for name, folder, title in taken
    ]


def fonts_of(folder: str) -> Iterable[str]:
    """Return the paths of a folder's fonts."""
    try:
        return map(str, find_fonts([folder]))
    except (FileNotFoundError, ValueError) as error:
        raise PreparationError(str(error)) from error


def emoji_entries(path: str | None) -> list[Entry]:
    """Return the pictures of a font of coloured emoji."""
    if path is None:
        return []
    font = PictureFont(path, size=EMOJI_SIZE)
    codes = [code for code in font.codes(EMOJI_CODES) if font.is_coloured(code)]
    if not codes:
        raise PreparationError(
            f'{path}: expected a font of coloured emoji, such as Noto Color Emoji, found no coloured character in it.'
        )
    print(f'{path}: {len(codes):,} emoji')
    return [picture_entry(font, code, 'emoji', (0, 0, 0)) for code in codes]


def sign_entries(path: str | None, seed: int) -> list[Entry]:
    """Return the pictures of a font of signs: black, white and in any colour."""
    if path is None:
        return []
    font = PictureFont(path, size=SIGN_SIZE)
    codes = font.codes(SIGN_CODES)
    if not codes:
        raise PreparationError(
            f'{path}: expected a font of signs, such as Font Awesome, found no character from U+E000 to U+F8FF in it.'
        )
    print(f'{path}: {len(codes):,} signs')
    return [picture_entry(font, code, 'sign', sign_colour(np.random.default_rng([seed, code]))) for code in codes]


def sign_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Return R, G and B of a sign."""
    chance = rng.random()
    if chance < BLACK_SHARE + WHITE_SHARE:
        return (0, 0, 0) if chance < BLACK_SHARE else (255, 255, 255)
    red, green, blue = (int(level) for level in rng.integers(0, 256, 3))
    return red, green, blue


def picture_entry(font: PictureFont, code: int, kind: str, colour: tuple[int, int, int]) -> Entry:
    """Return the picture of a character, as a PNG that is made when it is written."""
    source = f'{os.path.abspath(font.path)} U+{code:04X} {colour}'
    make = functools.partial(png_of_character, font, code, colour)
    return Entry(f'pictures/{kind}_{code:04x}.png', source, make=make)


def png_of_character(font: PictureFont, code: int, colour: tuple[int, int, int]) -> bytes:
    """Return the PNG file of a character."""
    return png_of(font.picture(code, colour))


def weight_entries(path: str | None) -> list[Entry]:
    """Return the file of weights, always as a copy: what is installed may be removed."""
    return [] if path is None else [Entry(os.path.basename(path), path, copied=True)]


if __name__ == '__main__':
    main()
