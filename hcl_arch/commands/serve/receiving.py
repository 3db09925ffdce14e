"""Receive a request's files, within a limit of bytes."""

from __future__ import annotations

from typing import NamedTuple, Optional

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from hcl_arch.utils.image_limits import MIB

_FORM = 'multipart/form-data'
_FIELDS = ('image', 'mask')


class Files(NamedTuple):
    """The files of a request, as they came."""

    image: bytes
    mask: Optional[bytes] = None


async def receive_files(request: Request, most: int) -> Files:
    """Return the files of a request: of a form, or its whole body as the image.

    Args:
        request: nothing of its body has been read.
        most: bytes of the body.

    Raises:
        HTTPException: with status 400, it is cut short or no form; 413, it is too large; 422, it has no image,
            or other fields.
    """
    length = request.headers.get('content-length', '0')
    if length.isdigit() and int(length) > most:
        raise _too_large(most)
    bounded = Request(request.scope, _bounded(request.receive, most))
    is_form = request.headers.get('content-type', '').partition(';')[0].strip().lower() == _FORM
    try:
        files = await _of_form(bounded) if is_form else Files(await bounded.body())
    except ClientDisconnect:
        raise HTTPException(400, 'cut short') from None
    if not files.image:
        raise HTTPException(422, 'image: expected a file, found an empty one')
    return files


async def _of_form(request: Request) -> Files:
    async with request.form(max_files=len(_FIELDS), max_fields=len(_FIELDS)) as form:
        fields = form.multi_items()
        names = [name for name, _ in fields]
        files = {name: await value.read() for name, value in fields if isinstance(value, UploadFile)}
    if 'image' not in files or len(files) != len(names) or not set(files) <= set(_FIELDS):
        found = ', '.join(names) or 'nothing'
        raise HTTPException(422, f'expected a file `image` and at most one `mask` in the form, found {found}')
    return Files(**files)


def _bounded(receive: Receive, most: int) -> Receive:
    """Return a `receive` that takes no more bytes than allowed."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get('body', b''))
        if size > most:
            raise _too_large(most)
        return message

    return bounded


def _too_large(most: int) -> HTTPException:
    # What is still on its way is not read.
    return HTTPException(
        413, f'the request is too large: at most {most / MIB:g} MiB can be taken', {'Connection': 'close'}
    )
