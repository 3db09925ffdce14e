"""Draw hole maps from mask images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.hole_maps import fit_share, resize_holes
from hcl_arch.data.storage.image_source import ImageSource

MAX_TRIES = 50
# A mask further from the target range than this is first joined with others: moving its border that far would leave
# little of its shape.
FIT_DISTANCE = 0.1
MAX_JOINED = 8
# Python's overhead per cache entry besides the bits, in bytes.
ENTRY_BYTES = 250

Size = tuple[int, int]


class MaskImages:
    """Random hole maps from mask images, in 8 rotations and flips, with a share of holes in a given range.

    An image is made binary and then resized (`resize_holes`: a pixel is a hole if at least half of its area is).

    Args:
        source: the mask images; see `ImageSource.read_mask`.
        inverted: the dark pixels are the holes instead.
        cache_mib: memory for decoded masks in MiB, stored with one bit per pixel at the size they are drawn at (8 KiB
            for 256 px). The first masks read stay in it: since all masks are equally likely, evicting old ones would
            gain nothing. Each worker process has its own cache; it is not pickled. The draws are the same with and
            without it.
    """

    def __init__(self, source: ImageSource, *, inverted: bool = False, cache_mib: float = 0) -> None:
        self._source = source
        self._inverted = inverted
        # Shares seen so far, NaN for the others, by size: an image known not to fit is skipped without decoding it. The
        # random draws are the same either way.
        self._shares: dict[Size, NDArray[np.float32]] = {}
        self._cache_bytes = int(cache_mib * 2**20)
        self._cache: dict[tuple[int, Size], bytes] = {}
        self._cache_left = self._cache_bytes

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_cache': {}, '_cache_left': self._cache_bytes}

    def draw(self, size: Size, *, hole_share: tuple[float, float], rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return a random mask image, resized, turned and flipped at random, with a share of holes in the range.

        Up to 50 images are tried for the range. If none fits, the closest one is changed. If it is more than 0.1 away,
        it is joined with up to 8 others, by union if it has too few holes and by intersection if it has too many; each
        is kept if it brings the share closer. The rest is added or removed along the border of the holes (`fit_share`),
        so even empty and full images, if there are no others, give a share in the range.

        Args:
            size: height and width; must be equal, since the quarter turns swap them.
            hole_share: least and largest share of holes in [0, 1].
            rng: source of all randomness.

        Returns:
            (H, W) bool, True = hole.

        Raises:
            UnreadableImageError: a mask image cannot be read; an OSError that says which image it is.
            UnusableImageError: a mask image is not black and white; also a ValueError.
        """
        closest, closest_distance = self._find_closest(size, hole_share, rng)
        holes = _turn(closest, rng)
        if closest_distance > FIT_DISTANCE:
            holes = self._join_others(holes, hole_share, rng)
        return fit_share(np.ascontiguousarray(holes), hole_share, rng)

    def _join_others(
        self, holes: NDArray[np.bool_], hole_share: tuple[float, float], rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Return `holes` united or intersected with other images until they are close enough to the range."""
        size = (holes.shape[0], holes.shape[1])
        distance = _distance(float(holes.mean()), hole_share)
        for _ in range(MAX_JOINED):
            if distance <= FIT_DISTANCE:
                break
            other = _turn(self._read(int(rng.integers(len(self._source))), size), rng)
            joined = holes | other if holes.mean() < hole_share[0] else holes & other
            joined_distance = _distance(float(joined.mean()), hole_share)
            if joined_distance < distance:
                holes, distance = joined, joined_distance
        return holes

    def _find_closest(
        self, size: Size, hole_share: tuple[float, float], rng: np.random.Generator
    ) -> tuple[NDArray[np.bool_], float]:
        """Return the first of some random masks within the range, or the closest one, and its distance to the range."""
        shares = self._shares.setdefault(size, np.full(len(self._source), np.nan, np.float32))
        closest, closest_distance = -1, np.inf
        holes: NDArray[np.bool_] | None = None  # of the closest, if it was read just now
        for _ in range(MAX_TRIES):
            index = int(rng.integers(len(self._source)))
            read = None
            if np.isnan(shares[index]):
                read = self._read(index, size)
                shares[index] = read.mean()
            distance = _distance(float(shares[index]), hole_share)
            if distance < closest_distance:
                closest, closest_distance, holes = index, distance, read
            if distance == 0:
                break
        return (self._read(closest, size) if holes is None else holes), closest_distance

    def _read(self, index: int, size: Size) -> NDArray[np.bool_]:
        """Return mask `index` at a size, from the cache if it is there."""
        packed = self._cache.get((index, size))
        if packed is not None:
            bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=size[0] * size[1])
            return bits.reshape(size).view(np.bool_)
        holes = self._decode(index, size)
        needed = (holes.size + 7) // 8 + ENTRY_BYTES
        if needed <= self._cache_left:
            self._cache[index, size] = np.packbits(holes).tobytes()
            self._cache_left -= needed
        return holes

    def _decode(self, index: int, size: Size) -> NDArray[np.bool_]:
        return resize_holes(self._source.read_mask(index, inverted=self._inverted), size)


def _distance(share: float, hole_share: tuple[float, float]) -> float:
    """Return the distance of a share from a range; 0 within it."""
    return max(hole_share[0] - share, share - hole_share[1], 0.0)


def _turn(holes: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return one of the 8 rotations and flips."""
    turned = np.rot90(holes, int(rng.integers(4)))
    return turned[:, ::-1] if rng.random() < 0.5 else turned
