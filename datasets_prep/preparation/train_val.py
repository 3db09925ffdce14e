"""The command for data sets with a training and a validation folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Callable

from preparation.command_line import (
    PrepOptions,
    add_common_arguments,
    add_missing_argument,
    add_store_argument,
    plain_errors,
    split_path,
)
from preparation.item_check import check_apart
from preparation.items import FileItems

# Returns the checked relative paths of a split's images. Arguments: split, folder, command line.
ListSplit = Callable[[str, str, argparse.Namespace], Sequence[str]]


def prepare_train_val(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    *,
    train: str,
    val: str,
    data_set: str,
    list_split: ListSplit,
) -> None:
    """Parse the command line and write OUTPUT/train.lmdb and OUTPUT/val.lmdb, or folders; either can be omitted.

    Both splits are checked before anything is written.

    Args:
        parser: the script's parser, to which the arguments are added.
        argv: the command line; None = that of the process.
        train: help text for the training folder.
        val: help text for the validation folder.
        data_set: name of the data set, for the record.
        list_split: lists and checks the images of a split.

    Raises:
        SystemExit: after an error reported to the user.
    """
    parser.add_argument('output', type=os.path.expanduser, help='folder for the splits')
    parser.add_argument('--train', type=os.path.expanduser, metavar='FOLDER', help=train)
    parser.add_argument('--val', type=os.path.expanduser, metavar='FOLDER', help=val)
    add_store_argument(parser)
    add_missing_argument(parser)
    add_common_arguments(parser)
    arguments = parser.parse_args(argv)
    sources = {split: source for split, source in (('train', arguments.train), ('val', arguments.val)) if source}
    if not sources:
        parser.error('expected --train, --val or both, got neither')
    with plain_errors():
        for split in sources:
            check_apart(split_path(arguments, split), *sources.values())
        listed = {split: list_split(split, source, arguments) for split, source in sources.items()}
        for split, names in listed.items():
            PrepOptions.of(arguments).prepare(
                FileItems(sources[split], names),
                split_path(arguments, split),
                settings={'data set': data_set, 'split': split},
            )
