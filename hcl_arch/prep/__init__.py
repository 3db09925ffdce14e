"""Preparation of data sets: many image files into an LMDB in BasicSR's layout, or into a folder.

The scripts of `datasets_prep/` list the files of a data set as `PrepItem`s and hand them to `prepare` with a transform.
"""

from __future__ import annotations

from hcl_arch.prep.command_line import (
    PrepOptions,
    add_common_arguments,
    add_missing_argument,
    add_store_argument,
    plain_errors,
    split_path,
    whole_number,
)
from hcl_arch.prep.decoding import decode_bgr, encode_image, read_header, read_source, resize_short_side
from hcl_arch.prep.item_check import check_apart
from hcl_arch.prep.items import (
    EncodedImage,
    FileItems,
    PreparationError,
    PreparationInterruptedError,
    PrepItem,
    Transform,
    UnreadableImageError,
)
from hcl_arch.prep.keys import key_of
from hcl_arch.prep.listing import check_count, check_layout, describe_folder, list_images
from hcl_arch.prep.preparation import prepare
from hcl_arch.prep.record import PrepRecord
from hcl_arch.prep.resize import ResizeShortSide
from hcl_arch.prep.train_val import prepare_train_val

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
