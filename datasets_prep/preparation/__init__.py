"""Preparation of data sets: conversion of many image files to an LMDB in BasicSR's layout, or to a folder.

The scripts of `datasets_prep/` list the files of a data set as `PrepItem`s and pass them to `prepare` with a transform.
"""

from __future__ import annotations

from preparation.command_line import (
    PrepOptions,
    add_common_arguments,
    add_missing_argument,
    add_store_argument,
    plain_errors,
    split_path,
    whole_number,
)
from preparation.decoding import decode_bgr, decode_holes, encode_image, read_header, read_source, resize_short_side
from preparation.item_check import check_apart
from preparation.items import (
    EncodedImage,
    FileItems,
    PreparationError,
    PreparationInterruptedError,
    PrepItem,
    Transform,
    UnreadableImageError,
)
from preparation.keys import key_of
from preparation.listing import check_count, check_layout, describe_folder, list_images
from preparation.preparation import prepare
from preparation.record import PrepRecord
from preparation.resize import ResizeShortSide
from preparation.train_val import prepare_train_val

__all__ = [
    'EncodedImage',
    'FileItems',
    'PrepItem',
    'PrepOptions',
    'PrepRecord',
    'PreparationError',
    'PreparationInterruptedError',
    'ResizeShortSide',
    'Transform',
    'UnreadableImageError',
    'add_common_arguments',
    'add_missing_argument',
    'add_store_argument',
    'check_apart',
    'check_count',
    'check_layout',
    'decode_bgr',
    'decode_holes',
    'describe_folder',
    'encode_image',
    'key_of',
    'list_images',
    'plain_errors',
    'prepare',
    'prepare_train_val',
    'read_header',
    'read_source',
    'resize_short_side',
    'split_path',
    'whole_number',
]
