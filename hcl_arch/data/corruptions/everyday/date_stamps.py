"""Dates and times as cameras print them, and rubber stamps."""

from __future__ import annotations

import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.captions import letter_height
from hcl_arch.data.corruptions.everyday.letter_styles import any_colour, grey
from hcl_arch.data.corruptions.everyday.lettering import Mask, random_face, random_setting, text_mask
from hcl_arch.data.corruptions.everyday.mask_effects import blurred, padded, shrunk_to, thickened, turned
from hcl_arch.data.corruptions.everyday.painting import Coat, box_coat, drawn_visibly, paint
from hcl_arch.data.corruptions.everyday.random_texts import pick
from hcl_arch.data.corruptions.everyday.rubber_stamps import draw_rubber_stamp
from hcl_arch.data.corruptions.everyday.segment_digits import bar_digits, dot_digits
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

RUBBER_SHARE = 0.2
# Height of a digit as a share of the image's short side.
DIGITS = (0.025, 0.07)
LETTERS_BY = {'bars': 0.34, 'dots': 0.14, 'font': 0.52}
DATES = (
    "'{yy} {m:2d} {d:2d}",
    "'{yy} {m:02d} {d:02d}",
    '{dd}.{mm}.{y}',
    '{dd}.{mm}.{yy}',
    '{d}.{m}.{yy}',
    '{y}-{mm}-{dd}',
    '{y}/{mm}/{dd}',
    '{mm}/{dd}/{y}',
    '{mm}/{dd}/{yy}',
    '{m}/{d}/{yy}',
    '{dd}/{mm}/{yy}',
    '{dd}-{mm}-{y}',
    '{mm} {dd} {y}',
    "{m} {d} '{yy}",
    "{d:2d} {m:2d} '{yy}",
    '{y} {mm} {dd}',
    '{yy}.{m:2d}.{d:2d}',
)
# Formats that digits of bars and dots cannot show.
WRITTEN_DATES = (
    '{month} {d} {y}',
    '{d} {month} {y}',
    '{month}. {d}, {y}',
    '{d}. {month} {y}',
    '{day} {dd} {month}',
    '{dd}{month}{yy}',
    '{day} {mm}/{dd}/{y}',
)
TIMES = (
    '{h:02d}:{n:02d}',
    '{h:02d}:{n:02d}:{s:02d}',
    '{k}:{n:02d}',
    '{k}:{n:02d} {half}',
    '{k:02d}:{n:02d}{half}',
    '{half} {k}:{n:02d}',
)
MONTHS = (
    'JAN',
    'FEB',
    'MAR',
    'APR',
    'MAY',
    'JUN',
    'JUL',
    'AUG',
    'SEP',
    'OCT',
    'NOV',
    'DEC',
    'Jan',
    'Mai',
    'Juin',
    'Okt',
    'Dez',
    'Ago',
    'March',
    'July',
    'August',
)
DAYS = ('MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN', 'Mo', 'Di', 'Fri', 'Sat', 'lun', 'dim')


def spoil_date_stamps(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Return the truth with a date or time printed on it, or, one time in five, with a rubber stamp's mark."""
    if rng.random() < RUBBER_SHARE:
        return drawn_visibly(truth, materials, rng, draw_rubber_stamp)
    return drawn_visibly(truth, materials, rng, _draw_date)


def random_date(rng: np.random.Generator, *, written: bool) -> list[str]:
    """Return a date, a time or both, in one line or two; with names of months and days if `written`."""
    y, m, d = int(rng.integers(1975, 2031)), int(rng.integers(1, 13)), int(rng.integers(1, 32))
    h = int(rng.integers(24))
    numbers = {
        'y': y,
        'yy': f'{y % 100:02d}',
        'm': m,
        'mm': f'{m:02d}',
        'd': d,
        'dd': f'{d:02d}',
        'h': h,
        'k': h % 12 or 12,
        'n': int(rng.integers(60)),
        's': int(rng.integers(60)),
        'half': pick(('AM', 'PM', 'am', 'pm') if written else ('A', 'P'), rng),
        'month': pick(MONTHS, rng),
        'day': pick(DAYS, rng),
    }
    date = pick(WRITTEN_DATES if written and rng.random() < 0.35 else DATES, rng).format(**numbers)
    time = pick(TIMES, rng).format(**numbers)
    way = rng.random()
    if way < 0.5:
        return [date]
    if way < 0.8:
        return [pick((f'{date} {time}', f'{date}  {time}', f'{time} {date}'), rng)]
    return [time] if way < 0.88 else pick(([date, time], [time, date]), rng)


def _draw_date(image: FloatArray, materials: Materials, rng: np.random.Generator, boldness: float) -> None:
    """Draw a date, mostly near a corner."""
    height, width = image.shape[:2]
    letter = letter_height(image, rng, DIGITS)
    mask = shrunk_to(_date_mask(letter, materials, rng), 0.96 * width, 0.9 * height)
    if rng.random() < 0.06:
        mask = turned(mask, pick((90.0, -90.0), rng))
    mask = shrunk_to(mask, 0.96 * width, 0.96 * height)
    reach = int(letter * 0.9) + 2
    corner = _place(image, mask, rng)
    if rng.random() < 0.05:
        gap = letter * rng.uniform(0.2, 0.6)
        box_coat(
            image,
            (corner[0] - gap, corner[0] + mask.shape[0] + gap),
            (corner[1] - gap, corner[1] + mask.shape[1] + gap),
            grey(rng.uniform(0, 0.2)),
            rng.uniform(0.3, 1),
        )
    coats = _printed(padded(mask, reach), letter, rng, boldness)
    paint(image, coats, (corner[0] - reach, corner[1] - reach))


def _date_mask(letter: float, materials: Materials, rng: np.random.Generator) -> Mask:
    """Return a date in digits of bars or of dots, or in a font."""
    way = choose_by_weight(LETTERS_BY, rng)
    lines = random_date(rng, written=way == 'font')
    if way == 'font':
        return text_mask(lines, random_face(materials.fonts, rng), random_setting(letter, rng))
    make = bar_digits if way == 'bars' else dot_digits
    # All in one line: camera prints have no second one.
    return make(' '.join(lines), letter, rng)


def _place(image: FloatArray, mask: Mask, rng: np.random.Generator) -> tuple[float, float]:
    """Return the row and column of the first pixel: in the lower right mostly, in another corner, or anywhere."""
    room = [side - own for side, own in zip(image.shape[:2], mask.shape)]
    way = rng.random()
    if way < 0.12:
        return room[0] * float(rng.random()), room[1] * float(rng.random())
    margin = [min(side * rng.uniform(0.01, 0.1), max(free, 0) / 2) for side, free in zip(image.shape[:2], room)]
    lower, right = rng.random() < 0.8, rng.random() < 0.7
    column = room[1] - margin[1] if right else margin[1]
    if way < 0.2:
        column = room[1] / 2
    return room[0] - margin[0] if lower else margin[0], column


def _printed(mask: Mask, letter: float, rng: np.random.Generator, boldness: float) -> list[Coat]:
    """Return the coats of a printed date: a glow or a dark line around it, and the digits, a little blurred."""
    colour = _print_colour(rng)
    opacity = min(1.0, boldness * float(rng.uniform(0.6, 1) if rng.random() < 0.5 else 1))
    coats = []
    way = rng.random()
    if way < 0.4:
        glow = colour * (1, rng.uniform(0.4, 1), rng.uniform(0.4, 1))
        halo = blurred(thickened(mask, letter * 0.04), letter * rng.uniform(0.08, 0.28))
        coats.append(
            Coat(halo, glow.astype(np.float32), float(rng.uniform(0.3, 1)), pick(('screen', 'normal', 'add'), rng))
        )
    elif way < 0.62:
        line = thickened(mask, float(np.clip(letter * rng.uniform(0.04, 0.12), 0.5, 3)))
        coats.append(Coat(line, grey(rng.uniform(0, 0.2)), float(rng.uniform(0.4, 1))))
    soft = blurred(mask, letter * rng.uniform(0, 0.07)) if rng.random() < 0.6 else mask
    coats.append(Coat(soft, colour, opacity))
    if rng.random() < 0.15:
        # Overexposed in the middle of the strokes.
        core = blurred(mask, letter * 0.06)
        light = np.minimum(colour + rng.uniform(0.2, 0.6), 1).astype(np.float32)
        coats.append(Coat(np.maximum(core, 100) - np.uint8(100), light, 1.0))
    return coats


def _print_colour(rng: np.random.Generator) -> FloatArray:
    """Return orange, yellow, red, green, white or, rarely, another colour."""
    way = rng.random()
    if way < 0.42:
        return np.array([rng.uniform(0.85, 1), rng.uniform(0.3, 0.7), rng.uniform(0, 0.35)], np.float32)
    if way < 0.57:
        return np.array([rng.uniform(0.85, 1), rng.uniform(0.75, 1), rng.uniform(0, 0.5)], np.float32)
    if way < 0.69:
        return np.array([rng.uniform(0.7, 1), rng.uniform(0, 0.25), rng.uniform(0, 0.25)], np.float32)
    if way < 0.76:
        return np.array([rng.uniform(0.1, 0.6), rng.uniform(0.7, 1), rng.uniform(0.1, 0.6)], np.float32)
    if way < 0.93:
        return grey(rng.uniform(0.8, 1) if way < 0.9 else rng.uniform(0, 0.15))
    return any_colour(rng)
