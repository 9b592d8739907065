"""Texts that Python's parsers of TOML and JSON stumble over."""

from __future__ import annotations

import pytest

from jitbuild.system.parsing import parse_json, parse_toml


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 10_000, '{"a":' * 100_000, "\0", "\ud800"])
@pytest.mark.parametrize("parse", [parse_json, lambda text: parse_toml(f"x = {text}")])
def test_whatever_is_wrong_is_a_value_error(parse, value):
    with pytest.raises(ValueError, match=r"."):
        parse(value)


def test_a_valid_text_is_parsed():
    assert parse_json(b'{"a": [1]}') == parse_toml("a = [1]") == {"a": [1]}
