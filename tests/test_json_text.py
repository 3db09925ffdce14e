"""JSON texts of others: what is not finite, too deep or too much is refused."""

from __future__ import annotations

import pytest

from hcl_arch.utils.json_text import load_json


@pytest.mark.parametrize('text', ['NaN', '-Infinity', '1e999', '[1, {"a": -1e400}]'])
def test_numbers_are_finite(text: str) -> None:
    with pytest.raises(ValueError, match='is no number that is finite'):
        load_json(text)


def test_plain_values() -> None:
    assert load_json('{"a": [1, 2.5e3, null, "b", true]}') == {'a': [1, 2500.0, None, 'b', True]}


@pytest.mark.parametrize(
    ('text', 'words'),
    [('[' * 60 + ']' * 60, 'more than 50 lists'), ('[1, 2, 3, 4]', 'more than 4 values'), ('9' * 101, '101 digits')],
)
def test_limits(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        load_json(text, max_values=100 if 'lists' in words else 4, max_depth=50)
