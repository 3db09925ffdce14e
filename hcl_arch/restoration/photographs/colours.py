"""Colours of a file as sRGB, which networks have learned, and back.

A profile with curves and a matrix, which is what photographs have, and PNG's gamma are computed here, since Pillow
converts 8 bits only. Other profiles are left to Pillow.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from hcl_arch.utils.errors import InputError
from hcl_arch.utils.pixel_values import linear_to_srgb, srgb_to_linear

# Linear sRGB to XYZ under D50, to which profiles refer (IEC 61966-2-1, adapted by Bradford's matrix).
_SRGB = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])
# Linear values are looked up in a table this fine: 16 bits of sRGB differ by one at most.
_FINE = 2**20 - 1
_STRIP = 2**18
# 1 / 2.2, which files state where they mean sRGB.
_USUAL_GAMMA, _GAMMA_SLACK = 45455, 500
_MOST_TAGS, _MOST_TAG_BYTES = 200, 2**18
_TAGS = frozenset((b'rXYZ', b'gXYZ', b'bXYZ', b'rTRC', b'gTRC', b'bTRC', b'kTRC', b'A2B0', b'A2B1'))

Curve = Callable[[NDArray[Any]], NDArray[Any]]


class Colours(Protocol):
    """Converts integers of a file, (N, 1) gray or (N, 3), to sRGB of the same type, and back."""

    def shown(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return sRGB."""

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what the file has for sRGB values."""


class CurveColours:
    """Colours with a curve for each channel, then a matrix.

    Args:
        curves: from [0, 1] to linear light, one or three.
        matrix: from linear light to linear sRGB, (3, 3); None if these are the same, as for gray.
    """

    def __init__(self, curves: Sequence[Curve], matrix: Optional[NDArray[Any]] = None) -> None:
        grid = np.linspace(0, 1, 65536)
        # A curve that falls somewhere has no inverse.
        self._curves = [np.maximum.accumulate(np.clip(curve(grid), 0, 1)) for curve in curves]
        self._grid, self._matrix = grid, matrix

    def shown(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return sRGB."""
        most = np.iinfo(values.dtype).max
        step = 65535 // most
        tables = [curve[::step].astype(np.float32) for curve in self._curves]
        fine = np.rint(linear_to_srgb(np.linspace(0, 1, _FINE + 1)) * most).astype(values.dtype)
        result = np.empty_like(values)
        for start in range(0, len(values), _STRIP):
            part = values[start : start + _STRIP]
            linear = np.stack([tables[channel][part[:, channel]] for channel in range(part.shape[1])], axis=1)
            if self._matrix is not None:
                linear = linear @ self._matrix.T.astype(np.float32)
            result[start : start + _STRIP] = fine[np.rint(linear.clip(0, 1) * _FINE).astype(np.int32)]
        return result

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what the file has for sRGB values."""
        most = np.iinfo(values.dtype).max
        linear = srgb_to_linear(values.astype(np.float64) / most)
        if self._matrix is not None:
            linear = (linear @ np.linalg.inv(self._matrix).T).clip(0, 1)
        coded = [np.interp(linear[:, channel], curve, self._grid) for channel, curve in enumerate(self._curves)]
        return np.rint(np.stack(coded, axis=1) * most).astype(values.dtype)


class ProfileColours:
    """Colours of any profile, converted by Pillow with 8 bits.

    Args:
        profile: the profile.
        mode: 'L' or 'RGB'.

    Raises:
        ImageCms.PyCMSError: it cannot be used.
    """

    def __init__(self, profile: bytes, mode: str) -> None:
        own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile('sRGB')
        self._mode = mode
        self._shown = ImageCms.buildTransform(own, srgb, mode, 'RGB')
        self._stored = ImageCms.buildTransform(srgb, own, 'RGB', mode)

    def shown(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return sRGB."""
        return self._applied(self._shown, values, self._mode)[:, : values.shape[1]]

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what the file has for sRGB values."""
        colours = self._applied(self._stored, np.repeat(values, 4 - values.shape[1], 1)[:, :3], 'RGB')
        return colours[:, : values.shape[1]]

    @staticmethod
    def _applied(transform: ImageCms.ImageCmsTransform, values: NDArray[Any], mode: str) -> NDArray[Any]:
        factor = np.iinfo(values.dtype).max // 255
        coarse = ((values.astype(np.uint32) + factor // 2) // factor).astype(np.uint8)
        picture = Image.fromarray(coarse[None] if mode == 'RGB' else coarse.T)
        done = np.asarray(ImageCms.applyTransform(picture, transform))
        return done.reshape(len(values), -1).astype(values.dtype) * np.array(factor, values.dtype)


def colours_of(profile: Optional[bytes], chunks: Mapping[bytes, bytes], *, is_gray: bool) -> Optional[Colours]:
    """Return the colours of a file, None if they are sRGB or nothing is said of them.

    Args:
        profile: the ICC profile; it counts before the chunks.
        chunks: PNG's chunks on colours.
        is_gray: whether the pixels are gray.
    """
    if profile is not None:
        found = _of_profile(profile, 'L' if is_gray else 'RGB')
    elif b'sRGB' in chunks or b'cICP' in chunks:
        return None
    else:
        found = _of_gamma(chunks.get(b'gAMA', b''), chunks.get(b'cHRM', b''), is_gray)
    return None if found is None or _is_srgb(found, 1 if is_gray else 3) else found


def is_usable(profile: bytes) -> bool:
    """Whether a profile can be read."""
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ValueError, ImageCms.PyCMSError):
        return False
    return True


def _is_srgb(colours: Colours, channels: int) -> bool:
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(*[levels] * channels), axis=-1).reshape(-1, channels)
    return int(np.abs(colours.shown(grid).astype(int) - grid).max()) <= 1


def _of_profile(profile: bytes, mode: str) -> Optional[Colours]:
    if profile[16:20] != (b'GRAY' if mode == 'L' else b'RGB '):
        return None
    try:
        tags = _tags(profile)
        if profile[20:24] == b'XYZ ' and not any(name in tags for name in (b'A2B0', b'A2B1')):
            if mode == 'L':
                return CurveColours([_curve(tags[b'kTRC'])])
            columns = np.stack([_fixed(tags[name][8:20]) for name in (b'rXYZ', b'gXYZ', b'bXYZ')], axis=1)
            curves = [_curve(tags[name]) for name in (b'rTRC', b'gTRC', b'bTRC')]
            return CurveColours(curves, np.linalg.inv(_SRGB) @ _regular(columns))
        return ProfileColours(profile, mode)
    except (
        LookupError,
        ValueError,
        ZeroDivisionError,
        struct.error,
        OSError,
        ImageCms.PyCMSError,
        np.linalg.LinAlgError,
    ):
        return None


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from('>I', profile, 128)
    places = [struct.unpack_from('>4sII', profile, 132 + 12 * number) for number in range(min(count, _MOST_TAGS))]
    return {name: profile[start : start + min(size, _MOST_TAG_BYTES)] for name, start, size in places if name in _TAGS}


def _fixed(data: bytes) -> NDArray[Any]:
    return np.frombuffer(data, '>i4').astype(np.float64) / 65536


def _regular(matrix: NDArray[Any]) -> NDArray[Any]:
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise InputError('primaries in one line')
    return matrix


def _curve(tag: bytes) -> Curve:
    """Return the function of a curve or a parametric curve.

    Raises:
        ValueError, struct.error: it is damaged.
    """
    if tag.startswith(b'para'):
        return _parametric(int.from_bytes(tag[8:10], 'big'), _fixed(tag[12 : 12 + (len(tag) - 12) // 4 * 4]))
    (count,) = struct.unpack_from('>I', tag, 8)
    if not tag.startswith(b'curv') or count > 65536:
        raise InputError('no curve')
    table = np.frombuffer(tag[12 : 12 + 2 * count], '>u2').astype(np.float64)
    if len(table) < 2:
        return _power(table[0] / 256 if count else 1.0)
    return lambda x: np.interp(x, np.linspace(0, 1, len(table)), table / 65535)


def _power(exponent: float) -> Curve:
    if not 0.05 < exponent < 20:
        raise InputError('no gamma')
    return lambda x: x**exponent


def _parametric(kind: int, numbers: NDArray[Any]) -> Curve:
    """ICC.1, parametricCurveType: (a x + b)^g + e from d on, c x + f below."""
    g, a, b, c, d, e, f = {
        0: lambda n: (n[0], 1, 0, 0, -1, 0, 0),
        1: lambda n: (n[0], n[1], n[2], 0, -n[2] / n[1], 0, 0),
        2: lambda n: (n[0], n[1], n[2], 0, -n[2] / n[1], n[3], n[3]),
        3: lambda n: (n[0], n[1], n[2], n[3], n[4], 0, 0),
        4: lambda n: (n[0], n[1], n[2], n[3], n[4], n[5], n[6]),
    }[kind](numbers.tolist())
    power = _power(g)
    return lambda x: np.where(x >= d, power((a * x + b).clip(0)) + e, c * x + f)


def _of_gamma(gamma: bytes, chromaticities: bytes, is_gray: bool) -> Optional[Colours]:
    """Colours of PNG's chunks gAMA and cHRM."""
    if len(gamma) != 4:
        return None
    (stated,) = struct.unpack('>I', gamma)
    matrix = None if is_gray or len(chromaticities) != 32 else _matrix_of(struct.unpack('>8I', chromaticities))
    if not stated or (matrix is None and abs(stated - _USUAL_GAMMA) < _GAMMA_SLACK):
        return None
    usual = abs(stated - _USUAL_GAMMA) < _GAMMA_SLACK
    try:
        curve = srgb_to_linear if usual else _power(100_000 / stated)
    except ValueError:
        return None
    return CurveColours([curve] * (1 if is_gray else 3), matrix)


def _matrix_of(stated: Sequence[int]) -> Optional[NDArray[Any]]:
    """The matrix to linear sRGB of white, red, green and blue as x and y; None if there is no such one."""
    places = np.array(stated, np.float64).reshape(4, 2) / 100_000
    if (places[:, 1] <= 0).any():
        return None
    white, *primaries = np.stack([places[:, 0], places[:, 1], 1 - places.sum(1)], axis=1) / places[:, 1:]
    columns = np.stack(primaries, axis=1)
    if abs(np.linalg.det(columns)) < 1e-6:
        return None
    columns = columns * np.linalg.solve(columns, white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ (cones[:, None] * _BRADFORD) @ columns
    matrix = np.linalg.inv(_SRGB) @ adapted
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-6:
        return None
    return matrix
