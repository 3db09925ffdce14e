"""Degradations of a whole picture, as on its way through the internet: blur, resizing, noise, JPEG, WebP."""

from __future__ import annotations

import io
import math
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from hcl_arch.data.corruptions.corruption import FloatArray, Span
from hcl_arch.data.square_crop import to_float
from hcl_arch.utils.option_fields import OptionSection, number, span

Pixels = NDArray[np.uint8]  # (H, W, 3), BGR, which OpenCV's encoders expect

# How a picture is resized and resized back; each time a random one of them.
INTERPOLATIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
# Share of the noisy pictures whose noise is the same in all channels, and of those whose noise grows with the light.
GRAY_NOISE_SHARE = 0.4
POISSON_SHARE = 0.4
# Share of the JPEGs whose colours are stored at half the size (4:2:0); the others are 4:4:4.
SUBSAMPLED_SHARE = 0.5

# cv2.IMWRITE_JPEG_SAMPLING_FACTOR; OpenCV before 4.6 ignores it and always takes 4:2:0.
_SAMPLING_KEY = 7
_SAMPLING_420, _SAMPLING_444 = 0x221111, 0x111111
# The standard deviation of a photon count is its square root; here as a factor that is 1 at middle gray.
_LIGHT = np.sqrt(np.arange(256) / 127.5).astype(np.float32)


_PROB = number(0, 1)


class Degradation(OptionSection):
    """How pictures are degraded; a stage with chance 0 never happens. Values are drawn uniformly from ranges."""

    prob: Annotated[float, _PROB] = Field(1.0, description='chance that a picture is degraded at all')
    blur_prob: Annotated[float, _PROB] = Field(0.0, description='chance of a Gaussian blur')
    blur_sigma: Annotated[Span, span(0, 20)] = Field((0.2, 1.5), description='range of its sigma in pixels')
    resize_prob: Annotated[float, _PROB] = Field(0.0, description='chance of a detour by another size')
    resize_range: Annotated[Span, span(0.1, 4)] = Field(
        (0.5, 1.5), description='range of the factor of that size, drawn on a logarithmic scale: below 1 the picture '
        'shrinks first, above 1 it grows first',
    )  # fmt: skip
    noise_prob: Annotated[float, _PROB] = Field(0.0, description='chance of noise')
    noise_sigma: Annotated[Span, span(0, 100)] = Field(
        (1.0, 10.0), description='range of its sigma in gray levels of 255; of noise that grows with the light, at '
        'middle gray',
    )  # fmt: skip
    jpeg_prob: Annotated[float, _PROB] = Field(0.0, description='chance of a JPEG at the size of the detour')
    jpeg_quality: Annotated[Span, span(1, 100)] = Field((40.0, 95.0), description='range of the quality of both JPEGs')
    webp_prob: Annotated[float, _PROB] = Field(
        0.0, description='chance of a WebP at the size of the detour, after the JPEG if there is one'
    )
    webp_quality: Annotated[Span, span(1, 100)] = Field((40.0, 95.0), description='range of its quality')
    second_jpeg_prob: Annotated[float, _PROB] = Field(
        0.0, description="chance of a JPEG at the end, at the picture's own size"
    )


def degrade(image: FloatArray, options: Degradation, rng: np.random.Generator) -> FloatArray:
    """Return the image as it would arrive over the internet; the given image itself if nothing happens to it.

    Blur -> resize -> noise -> JPEG -> WebP -> resize back -> JPEG. The stages between the two resizings happen at the
    other size, so the blocks of a JPEG may end up smaller or larger than 8 pixels.

    Differs from Real-ESRGAN (Wang et al. 2021, Section 3), whose stages these are: no low-resolution result, only one
    round and a second JPEG, and milder by default, since the network is to repair the damage and not the degradation.

    Args:
        image: (H, W, 3) float32, RGB in [0, 1]; it is not changed.
        options: chances and strengths.
        rng: source of all randomness.

    Returns:
        (H, W, 3) float32, RGB in [0, 1], in steps of 1/255 where it was degraded.
    """
    if rng.random() >= options.prob:
        return image
    given: Pixels = cv2.convertScaleAbs(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), alpha=255)  # type: ignore[assignment]
    pixels = given
    size = image.shape[0], image.shape[1]
    if rng.random() < options.blur_prob:
        pixels = _blurred(pixels, _draw(options.blur_sigma, rng))
    if rng.random() < options.resize_prob:
        pixels = _resized(pixels, _scaled(size, options.resize_range, rng), rng)
    if rng.random() < options.noise_prob:
        pixels = _with_noise(pixels, _draw(options.noise_sigma, rng), rng)
    if rng.random() < options.jpeg_prob:
        pixels = _as_jpeg(pixels, options.jpeg_quality, rng)
    if rng.random() < options.webp_prob:
        pixels = _as_webp(pixels, round(_draw(options.webp_quality, rng)))
    if pixels.shape[:2] != size:
        pixels = _resized(pixels, size, rng)
    if rng.random() < options.second_jpeg_prob:
        pixels = _as_jpeg(pixels, options.jpeg_quality, rng)
    return image if pixels is given else to_float(_swapped(pixels))


def _blurred(pixels: Pixels, sigma: float) -> Pixels:
    return cv2.GaussianBlur(pixels, (0, 0), sigma) if sigma > 0 else pixels  # type: ignore[return-value]


def _scaled(size: tuple[int, int], factors: Span, rng: np.random.Generator) -> tuple[int, int]:
    """Return height and width times a factor of the range."""
    factor = math.exp(_draw((math.log(factors[0]), math.log(factors[1])), rng))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _resized(pixels: Pixels, size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Return the picture resized to a height and width, with a random interpolation."""
    method = INTERPOLATIONS[int(rng.integers(len(INTERPOLATIONS)))]
    return cv2.resize(pixels, size[::-1], interpolation=method)  # type: ignore[return-value]


def _with_noise(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Return the picture with noise: equal in all channels or not, uniform or stronger where it is bright."""
    gray, grows = rng.random() < GRAY_NOISE_SHARE, rng.random() < POISSON_SHARE
    drawn = rng.standard_normal(pixels.shape[:2] if gray else pixels.shape, np.float32) * np.float32(sigma)
    noise = cv2.merge([drawn, drawn, drawn]) if gray else drawn
    if grows:
        noise = cv2.multiply(noise, cv2.LUT(pixels, _LIGHT))
    return cv2.add(pixels, noise, dtype=cv2.CV_8U)  # type: ignore[return-value]


def _as_jpeg(pixels: Pixels, qualities: Span, rng: np.random.Generator) -> Pixels:
    """Return the picture after JPEG coding."""
    sampling = _SAMPLING_420 if rng.random() < SUBSAMPLED_SHARE else _SAMPLING_444
    settings = [cv2.IMWRITE_JPEG_QUALITY, round(_draw(qualities, rng)), _SAMPLING_KEY, sampling]
    _, content = cv2.imencode('.jpg', pixels, settings)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)  # type: ignore[return-value]


def _as_webp(pixels: Pixels, quality: int) -> Pixels:
    """Return the picture after WebP coding."""
    content = io.BytesIO()
    # With the lowest encoder effort, which OpenCV does not offer: it takes a third of the time.
    Image.fromarray(_swapped(pixels)).save(content, 'WEBP', quality=quality, method=0)
    return cv2.imdecode(np.frombuffer(content.getbuffer(), np.uint8), cv2.IMREAD_COLOR)  # type: ignore[return-value]


def _swapped(pixels: Pixels) -> Pixels:
    """Return RGB for BGR."""
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _draw(span: Span, rng: np.random.Generator) -> float:
    """Return a number drawn uniformly from a range."""
    return span[0] if span[0] == span[1] else float(rng.uniform(*span))
