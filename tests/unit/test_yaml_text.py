"""ci/yaml_text.py: strings in CI files, read again with PyYAML."""

import pytest
import yaml

from jitbuild.ci.yaml_text import comment, fill, flow_mapping, flow_scalar, scalar

TEXTS = [
    "linux",
    "ubuntu-24.04",
    "tests(3.15-jit-on)",
    'nox -s "$SESSION"',
    "3.15",
    ">=3.14,<3.16",
    "on",
    "No",
    "null",
    "",
    " a ",
    "a: b",
    "a:",
    "a #b",
    "a#b",
    "a:b",
    "#a",
    "-a",
    "[a]",
    "a, b",
    "{a}",
    "*a",
    "!a",
    "'a'",
    'a"b\\c',
    "a\nb",
    "a\tb",
    "ä € 😀",
    "a\x7fb\x85c\u2028d\ufeff",
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_is_read_as_the_same_string(text):
    assert yaml.safe_load(f"- {scalar(text)}\n- 1") == [text, 1]
    assert yaml.safe_load(f"{scalar(text)}: 1") == {text: 1}
    assert yaml.safe_load(f"[{flow_scalar(text)}, 1]") == [text, 1]
    assert yaml.safe_load(f"- {flow_mapping({'a': text, 'b': text})}") == [{"a": text, "b": text}]
    assert "\n" not in scalar(text)


@pytest.mark.parametrize("text", ["linux", "tests(3.15-jit-on)", "build 3.15 on linux"])
def test_simple_texts_have_no_quotes(text):
    assert scalar(text) == flow_scalar(text) == text
    assert scalar('nox -s "$SESSION"') == 'nox -s "$SESSION"'


def test_a_comment_is_one_line():
    assert comment("a\nb\rc\x85d\u2028e") == "a b c d e"


def test_a_template_without_a_value_is_refused():
    with pytest.raises(KeyError):
        fill("github.yml", {})
