"""Marks of rubber stamps: a frame with words, in uneven ink."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.letter_styles import grey
from hcl_arch.data.corruptions.everyday.lettering import Mask, Setting, cropped, random_face, text_mask
from hcl_arch.data.corruptions.everyday.mask_effects import arched, blurred, shrunk_to, soft_noise, turned
from hcl_arch.data.corruptions.everyday.painting import Coat, paint_centred
from hcl_arch.data.corruptions.everyday.random_texts import a_name, made_up_word, pick
from hcl_arch.data.corruptions.everyday.spoiled import Materials

WORDS = (
    'PAID',
    'COPY',
    'DRAFT',
    'SOLD',
    'APPROVED',
    'VOID',
    'SECRET',
    'SAMPLE',
    'RECEIVED',
    'URGENT',
    'FINAL',
    'OK',
    'FRAGILE',
    'REJECTED',
    'ORIGINAL',
    'PROOF',
    'CHECKED',
    'BEZAHLT',
    'KOPIE',
    'URGENTE',
    'FAKE',
    'NEW',
    '100%',
)
# The stamp's longer side as a share of the image's short side.
SIDE = (0.22, 0.75)


def draw_rubber_stamp(image: FloatArray, materials: Materials, rng: np.random.Generator, boldness: float) -> None:
    """Draw one stamp anywhere, turned at random, all or most of it on the image."""
    height, width = image.shape[:2]
    side = max(12.0, min(height, width) * float(rng.uniform(*SIDE)))
    shape = _round(side, materials, rng) if rng.random() < 0.42 else _rectangular(side, materials, rng)
    angle = float(rng.normal(0, 14) if rng.random() < 0.75 else rng.uniform(-180, 180))
    mask = _worn(turned(shape, angle), rng)
    centre = rng.uniform(0.15, 0.85) * height, rng.uniform(0.15, 0.85) * width
    opacity = min(1.0, boldness * float(rng.uniform(0.5, 1)))
    paint_centred(image, [Coat(mask, _ink(rng), opacity, pick(('multiply', 'normal'), rng))], centre)


def _word(rng: np.random.Generator) -> str:
    """Return one word in capitals."""
    return pick(WORDS, rng) if rng.random() < 0.65 else made_up_word(rng).upper()


def _rectangular(side: float, materials: Materials, rng: np.random.Generator) -> Mask:
    """Return a word or two lines in a frame with one line or two and, sometimes, round corners."""
    lines = [_word(rng)] + (
        [str(rng.integers(10**6)) if rng.random() < 0.5 else _word(rng)] if rng.random() < 0.3 else []
    )
    letter = side * 1.1 / max(3, *map(len, lines))
    text = shrunk_to(text_mask(lines, random_face(materials.fonts, rng), Setting(letter)), 0.85 * side)
    gap, line = max(2, round(letter * rng.uniform(0.25, 0.6))), max(1, round(letter * rng.uniform(0.06, 0.2)))
    border = gap + 2 * line + 2
    mask = cv2.copyMakeBorder(text, border, border, border, border, cv2.BORDER_CONSTANT)
    frames = int(rng.choice([0, 1, 2], p=[0.1, 0.6, 0.3]))
    bend = round(letter * rng.uniform(0.15, 0.5)) if rng.random() < 0.5 else 0
    for number in range(frames):
        inset = line // 2 + 1 + number * (gap // 2 + line)
        _draw_frame(mask, inset, bend, max(1, line // (number + 1)))  # type: ignore[arg-type]
    return cropped(mask)  # type: ignore[arg-type]


def _draw_frame(mask: Mask, inset: int, bend: int, line: int) -> None:
    """Draw a frame with round corners."""
    height, width = mask.shape
    left, top, right, bottom = inset, inset, width - 1 - inset, height - 1 - inset
    bend = max(0, min(bend, (bottom - top) // 2))
    for ends in (
        ((left + bend, top), (right - bend, top)),
        ((left + bend, bottom), (right - bend, bottom)),
        ((left, top + bend), (left, bottom - bend)),
        ((right, top + bend), (right, bottom - bend)),
    ):
        cv2.line(mask, ends[0], ends[1], 255, line, cv2.LINE_AA)
    if bend:
        for centre, start in (
            ((left + bend, top + bend), 180),
            ((right - bend, top + bend), 270),
            ((right - bend, bottom - bend), 0),
            ((left + bend, bottom - bend), 90),
        ):
            cv2.ellipse(mask, centre, (bend, bend), 0, start, start + 90, 255, line, cv2.LINE_AA)


def _round(side: float, materials: Materials, rng: np.random.Generator) -> Mask:
    """Return rings with words along them and a word, a date or a star in the middle."""
    size = round(side)
    canvas = np.zeros((size + 4, size + 4), np.uint8)
    middle, radius = size // 2 + 2, size // 2 - 1
    face, line = random_face(materials.fonts, rng), max(1, round(side * rng.uniform(0.01, 0.035)))
    cv2.circle(canvas, (middle, middle), radius - line // 2, 255, line, cv2.LINE_AA)
    letter = side * rng.uniform(0.08, 0.13)
    inner = radius - line - 2 * letter
    if rng.random() < 0.7:
        cv2.circle(canvas, (middle, middle), round(inner), 255, max(1, line // 2), cv2.LINE_AA)
    if inner > 6:
        both = rng.random() < 0.6
        for down in (False, True) if both else (False,):
            # Bent along the inner ring: their length sets how far they reach around it.
            words = text_mask([a_name(rng, 16).upper()], face, Setting(letter, spacing=0.15))
            words = shrunk_to(words, inner * np.radians(150 if both else 230))
            span = float(np.degrees(words.shape[1] / inner))
            _add(canvas, arched(words, -span if down else span), middle, down, radius - line - 0.5 * letter)
    word = pick((_word(rng), _word(rng), str(rng.integers(1990, 2030))), rng)
    core = text_mask([word], face, Setting(side * rng.uniform(0.12, 0.3)))
    _add(canvas, shrunk_to(core, max(3, 1.7 * inner), max(3, 1.2 * inner)), middle, False, None)
    return cropped(canvas)


def _add(canvas: Mask, mask: Mask, middle: int, down: bool, radius: float | None) -> None:
    """Add a picture in the middle of the canvas, or with its outer side at a radius above or below."""
    height, width = mask.shape
    top = middle - height / 2
    if radius is not None:
        top = middle + radius - height if down else middle - radius
    row, column = max(0, round(top)), max(0, round(middle - width / 2))
    part = canvas[row : row + height, column : column + width]
    np.maximum(part, mask[: part.shape[0], : part.shape[1]], out=part)


def _worn(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return the picture with soft edges and ink that is uneven, grainy or missing in places."""
    size = (mask.shape[0], mask.shape[1])
    low, contrast = rng.uniform(0.15, 0.6), rng.uniform(1.2, 5)
    cover = np.clip((soft_noise(size, max(size) * rng.uniform(0.1, 0.5), rng) - low) * contrast + 0.6, 0.1, 1)
    if rng.random() < 0.7:
        grains = soft_noise(size, rng.uniform(1, 3.5), rng)
        cover *= np.clip((grains - rng.uniform(0, 0.35)) * rng.uniform(2, 8), rng.uniform(0, 0.7), 1)
    return blurred((mask * cover).astype(np.uint8), float(rng.uniform(0, 0.8)))


def _ink(rng: np.random.Generator) -> FloatArray:
    """Return red, blue, violet, black or green, dark enough to be read."""
    way = rng.random()
    if way < 0.45:
        return np.array([rng.uniform(0.55, 0.95), rng.uniform(0, 0.2), rng.uniform(0, 0.25)], np.float32)
    if way < 0.72:
        return np.array([rng.uniform(0, 0.25), rng.uniform(0.05, 0.4), rng.uniform(0.4, 0.9)], np.float32)
    if way < 0.85:
        return np.array([rng.uniform(0.3, 0.6), rng.uniform(0, 0.2), rng.uniform(0.4, 0.75)], np.float32)
    if way < 0.93:
        return grey(rng.uniform(0, 0.2))
    return np.array([rng.uniform(0, 0.2), rng.uniform(0.35, 0.6), rng.uniform(0.1, 0.3)], np.float32)
