"""Texts that Python's parsers of TOML and JSON stumble over."""

from __future__ import annotations

import pytest

from jitbuild.system.parsing import parse_json, parse_toml


@pytest.mark.parametrize("value", ["[" * 100_000, "9" * 10_000, '{"a":' * 100_000, "\0", "\ud800"])
@pytest.mark.parametrize("parse", [parse_json, lambda text: parse_toml(f"x = {text}")])
def test_whatever_is_wrong_is_a_value_error(parse, value):
    with pytest.raises(ValueError, match=r"."):
        parse(value)


@pytest.mark.parametrize(
    "text",
    [
        "a." * 200_000 + "x = 1",
        "[" + '"a" . ' * 100_000 + "x]",
        "x = {" + "a.'b'." * 100_000 + "x = 1}",
    ],
)
def test_a_key_of_very_many_parts_is_refused_at_once(text):
    # tomllib would take minutes.
    with pytest.raises(ValueError, match="more than 100 parts"):
        parse_toml(text)


@pytest.mark.parametrize("value", ["a, b. " * 1000, "1.2.3.4" * 30, "." * 5000, "a" * 100_000])
def test_a_text_with_many_dots_is_no_long_key(value):
    assert parse_toml(f"a.b.c = '{value}' # {value}\n")["a"]["b"]["c"] == value


def test_a_valid_text_is_parsed():
    assert parse_json(b'{"a": [1]}') == parse_toml("a = [1]") == {"a": [1]}
