from __future__ import annotations

import pytest

from hcl_arch.data.image_match import NameTemplate


@pytest.mark.parametrize(
    ('template', 'name', 'parts'),
    [
        ('{}', 'a/b.c', ('a', 'b.c', '')),
        ('{}_rain', '0_rain', ('', '0', '')),
        ('{}_rain', 'x/y/rain_rain', ('x/y', 'rain', '')),
        ('{}_rain', '0_clean', None),
        ('{}_rain', '_rain', None),
        ('shot({})+', 'shot(7)+', ('', '7', '')),
        ('{}-*', 'cat-logo-2', ('', 'cat', 'logo-2')),
        ('*-{}', 'logo-cat-2', ('', 'cat-2', 'logo')),
        ('{}-*', 'cat-', None),
        ('{}-*', 'a*b-c', ('', 'a*b', 'c')),
    ],
)
def test_parse_and_fill(template: str, name: str, parts: tuple[str, str, str] | None) -> None:
    assert NameTemplate(template).parse(name) == parts
    if parts is not None:
        assert NameTemplate(template).fill(*parts) == name


@pytest.mark.parametrize('text', ['rain', '{}{}', '{}-*-*', 'a/{}', '{name}', '{}}'])
def test_wrong_templates(text: str) -> None:
    with pytest.raises(ValueError, match="one '{}', at most one '\\*' and no '/'"):
        NameTemplate(text)
