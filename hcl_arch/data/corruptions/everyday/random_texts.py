"""Random texts as found on photographs: words, sentences, names, addresses, numbers, in several scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, TypeVar

import numpy as np

from hcl_arch.data.weighted_choice import choose_by_weight

T = TypeVar('T')

# Consonants and vowels that made-up words alternate between.
_SOUNDS = {
    'latin': ('b c d f g h k l m n p r s t v w st tr ch sh br pl nd ng th z j qu x', 'a e i o u y ee ou'),
    'accented': ('b č d ğ l ł m ñ n r ř š t v ž ç ß k', 'á é ü ö ä ê ı ő å ø à e a o'),
    'cyrillic': ('б в г д ж з к л м н п р с т ф х ц ч ш щ ст', 'а е и о у ы э ю я ё'),
    'greek': ('β γ δ ζ θ κ λ μ ν ξ π ρ σ τ φ χ ψ', 'α ε η ι ο υ ω ά έ'),
}
ALPHABETS = {script: (consonants.split(), vowels.split()) for script, (consonants, vowels) in _SOUNDS.items()}
COMMON = (
    'the',
    'and',
    'of',
    'to',
    'in',
    'is',
    'you',
    'for',
    'with',
    'my',
    'we',
    'at',
    'on',
    'this',
    'not',
    'all',
    'day',
    'love',
    'home',
    'new',
    'life',
    'night',
    'one',
    'best',
    'never',
    'time',
    'world',
    'happy',
    'summer',
    'sale',
    'photo',
    'copy',
    'sample',
    'preview',
    'studio',
    'images',
    'stock',
    'free',
    'live',
    'news',
    'travel',
    'only',
    'demo',
    'art',
    'design',
    'gallery',
    'media',
    'by',
    'when',
    'what',
    'your',
    'good',
    'no',
    'yes',
)
ENDINGS = ('com', 'net', 'org', 'de', 'ru', 'cn', 'co.uk', 'fr', 'io', 'tv', 'jp', 'info', 'pl')
# Weights of the kinds of `some_text`.
TEXTS = {
    'sentence': 0.3,
    'words': 0.22,
    'word': 0.16,
    'address': 0.08,
    'name': 0.07,
    'rights': 0.06,
    'handle': 0.04,
    'number': 0.07,
}
FOREIGN_SHARE = 0.15


def pick(choices: Sequence[T], rng: np.random.Generator) -> T:
    """Return one of the choices, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


def some_text(rng: np.random.Generator, *, longest: int, scripts: Sequence[str] = ()) -> str:
    """Return one line of text of a random kind.

    Args:
        rng: source of all randomness.
        longest: approximate maximum length in characters, at least 1; the text has at least one.
        scripts: names in `ALPHABETS` that may be used besides 'latin'.
    """
    script = pick(scripts, rng) if scripts and rng.random() < FOREIGN_SHARE else 'latin'
    if longest < 4:
        return _cased(made_up_word(rng, 'latin'), rng)[: max(longest, 1)]
    kind = choose_by_weight(TEXTS, rng)
    text = _MAKERS[kind](rng, longest) if kind in _MAKERS else _words(rng, longest, script, kind)
    return text[:longest].strip() or 'a'


def made_up_word(rng: np.random.Generator, script: str = 'latin') -> str:
    """Return a pronounceable word of one to four syllables, in lower case."""
    consonants, vowels = ALPHABETS[script]
    letters = []
    for _ in range(int(rng.integers(1, 5))):
        letters += [pick(consonants, rng), pick(vowels, rng)]
    if rng.random() < 0.3:
        letters = letters[1:]
    if rng.random() < 0.4:
        letters.append(pick(consonants, rng))
    return ''.join(letters)


def a_name(rng: np.random.Generator, longest: int = 40) -> str:
    """Return a made-up name of a person or a firm."""
    first, last = made_up_word(rng).capitalize(), made_up_word(rng).capitalize()
    form = pick(('{0} {1}', '{1}', '{2}. {1}', '{0} {1} Photography', '{1} & {0}', '{1} Studio', '{0}{1}'), rng)
    name = form.format(first, last, first[0])
    return name if len(name) <= longest else last


def _words(rng: np.random.Generator, longest: int, script: str, kind: str) -> str:
    """Return a word, several words or a sentence that fits the length, with random capitalisation."""
    most = {'word': 1, 'words': int(rng.integers(2, 5))}.get(kind, 99)
    room = longest if kind != 'sentence' else max(4, int(longest * rng.uniform(0.5, 1)))
    words: list[str] = []
    while len(words) < most and sum(map(len, words)) + len(words) < room - 3:
        known = script == 'latin' and rng.random() < 0.5
        words.append(pick(COMMON, rng) if known else made_up_word(rng, script))
    text = ' '.join(words)
    if len(text) > longest > 12 and len(words) > 1:
        text = ' '.join(words[:-1])
    return _cased(text, rng) + (pick(('', '', '', '.', '!', '?', '...', ',', ':'), rng) if kind != 'word' else '')


def _cased(text: str, rng: np.random.Generator) -> str:
    """Return the text in upper, sentence, title, random or lower case."""
    way = rng.random()
    if way < 0.33:
        return text.upper()
    if way < 0.63:
        return text.capitalize()
    if way < 0.8:
        return text.title()
    if way < 0.85:
        return ''.join(letter.upper() if rng.random() < 0.5 else letter for letter in text)
    return text


def _address(rng: np.random.Generator, longest: int) -> str:
    """Return the address of a website."""
    host = ''.join(made_up_word(rng) if rng.random() < 0.6 else pick(COMMON, rng) for _ in range(2))
    address = pick(('www.', '', '', 'http://', 'https://'), rng) + host + '.' + pick(ENDINGS, rng)
    return address.upper() if rng.random() < 0.2 else address


def _name(rng: np.random.Generator, longest: int) -> str:
    """Return a name, occasionally in capitals."""
    name = a_name(rng, longest)
    return name.upper() if rng.random() < 0.3 else name


def _rights(rng: np.random.Generator, longest: int) -> str:
    """Return a copyright note."""
    sign = pick(('\N{COPYRIGHT SIGN}', '(c)', '(C)', '\N{COPYRIGHT SIGN} ', 'Copyright ', 'Photo: ', 'by '), rng)
    year = pick(('', f' {int(rng.integers(1990, 2030))}'), rng)
    return sign + a_name(rng, max(longest - 8, 4)) + year


def _handle(rng: np.random.Generator, longest: int) -> str:
    """Return the name of an account, or a tag."""
    return pick(('@', '#', '@'), rng) + made_up_word(rng) + pick(('', '_', '.'), rng) + made_up_word(rng)


def _number(rng: np.random.Generator, longest: int) -> str:
    """Return a number, price, time of day or share."""
    number = int(rng.integers(0, 10 ** int(rng.integers(1, 9))))
    form = pick(
        ('{0}', '#{0}', '${0}', '{0} EUR', '{1:02d}:{2:02d}', '{2}%', '-{2}%', '{0}-{1}', '+{0} {0}', 'No. {2}'), rng
    )
    return form.format(number, int(rng.integers(24)), int(rng.integers(60)))


_MAKERS: dict[str, Callable[[np.random.Generator, int], str]] = {
    'address': _address,
    'name': _name,
    'rights': _rights,
    'handle': _handle,
    'number': _number,
}
