"""The shared command line of the preparation scripts."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hcl_arch.utils.command_line import whole_number
from preparation.decoding import FORMATS, ImageFormat
from preparation.items import PreparationError, PrepItem, Transform
from preparation.preparation import COMMIT_EVERY, prepare
from preparation.record import PrepRecord
from preparation.resize import ResizeShortSide
from preparation.workers import default_workers


@dataclass(frozen=True)
class PrepOptions:
    """The shared arguments, as given on the command line.

    Attributes:
        size: length of the short side; None keeps it.
        format: 'jpg' or 'png'.
        quality: of JPEG files.
        workers: number of worker processes.
        commit_every: images between two commits.
    """

    size: int | None
    format: ImageFormat
    quality: int
    workers: int
    commit_every: int

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> PrepOptions:
        """Return the options from parsed arguments."""
        return cls(
            size=arguments.size or None,
            format=arguments.format,
            quality=arguments.quality,
            workers=arguments.workers,
            commit_every=arguments.commit_every,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The options that affect the output, for `prepare`."""
        return {'size': self.size, 'format': self.format, 'quality': self.quality}

    def resize(self) -> ResizeShortSide:
        """Return the transform of photographs."""
        return ResizeShortSide(self.size, self.format, self.quality)

    def prepare(
        self, items: Sequence[PrepItem], output: str, *, settings: Mapping[str, Any], transform: Transform | None = None
    ) -> PrepRecord:
        """Call `prepare` with these options; `settings` are added to them, `transform` is `resize()` by default."""
        output = os.path.normpath(output)
        return prepare(
            items,
            output,
            transform=transform or self.resize(),
            settings={**self.settings, **settings},
            workers=self.workers,
            commit_every=self.commit_every,
            title=os.path.basename(output),
        )


def add_common_arguments(
    parser: argparse.ArgumentParser, *, size: int | None = 256, image_format: ImageFormat = 'jpg'
) -> None:
    """Add --size, --format, --quality, --workers and --commit-every.

    Args:
        parser: the script's parser.
        size: default length of the short side; None keeps it by default.
        image_format: default format.
    """
    group = parser.add_argument_group('what is written, and how')
    group.add_argument(
        '--size',
        type=whole_number(0),
        default=size or 0,
        metavar='PIXELS',
        help='length to which the short side is reduced; a smaller image keeps its size; 0: keep all '
        '(default: %(default)s)',
    )
    group.add_argument('--format', choices=FORMATS, default=image_format, help='image format (default: %(default)s)')
    group.add_argument(
        '--quality',
        type=whole_number(1, 100),
        default=95,
        metavar='1..100',
        help='quality of JPEG files (default: %(default)s)',
    )
    group.add_argument(
        '--workers',
        type=whole_number(0),
        default=default_workers(),
        metavar='N',
        help='worker processes, 0 for none (default: one a core, here %(default)s)',
    )
    group.add_argument(
        '--commit-every',
        type=whole_number(1),
        default=COMMIT_EVERY,
        metavar='N',
        help='images after which the work is made safe; a killed run loses at most these (default: %(default)s)',
    )


def add_store_argument(parser: argparse.ArgumentParser) -> None:
    """Add --store, for scripts that write several splits into one folder."""
    parser.add_argument(
        '--store',
        choices=('lmdb', 'folder'),
        default='lmdb',
        help='write OUTPUT/<split>.lmdb or folders of files OUTPUT/<split> (default: %(default)s)',
    )


def add_missing_argument(parser: argparse.ArgumentParser) -> None:
    """Add --allow-missing, for scripts that know the required number of images."""
    parser.add_argument('--allow-missing', action='store_true', help='go on although images are missing')


def split_path(arguments: argparse.Namespace, split: str) -> str:
    """Return the path of a split's output."""
    return os.path.join(arguments.output, split + ('.lmdb' if arguments.store == 'lmdb' else ''))


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """End the program with one line after user or file system errors: status 1, or 130 after Ctrl-C."""
    try:
        yield
    except PreparationError as error:
        sys.exit(f'Error: {error}')
    except OSError as error:
        where = f'{error.filename}: ' if error.filename else ''
        sys.exit(f'Error: {where}{error.strerror or error}. Correct the path, or allow reading and writing there.')
    except KeyboardInterrupt as error:
        print(f'\n{error or "Interrupted."}', file=sys.stderr)
        sys.exit(130)
