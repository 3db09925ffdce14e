from __future__ import annotations

import pytest

from preparation.keys import key_fault, key_of


@pytest.mark.parametrize(
    ('path', 'key'),
    [
        ('000.jpg', '000'),
        ('a/b/c.JPEG', 'a/b/c'),
        ('no_extension', 'no_extension'),
        ('IMG_1.5.tar.png', 'IMG_1_5_tar'),
        ('v1.0/x.png', 'v1_0/x'),
        ('Überlingen/Café.jpg', 'Uberlingen/Cafe'),
        ('Café.jpg', 'Cafe'),  # accent as a character of its own, as macOS writes it
        ('東京.jpg', 'u6771u4eac'),
        ('a b (1).png', 'a b (1)'),
        (' a /b .png', '_a_/b_'),
        ('tab\tand\nline.png', 'tab_and_line'),
        ('../up.png', '__/up'),
        ('.hidden.png', '_hidden'),
        ('//a.png', 'a'),
    ],
)
def test_key_of(path: str, key: str) -> None:
    assert key_of(path) == key
    assert key_fault(key) is None
