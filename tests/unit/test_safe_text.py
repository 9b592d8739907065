"""What is escaped and hidden in text of others, before it is printed."""

import json

import pytest

from jitbuild.errors import DownloadError
from jitbuild.safe_text import escape_controls, json_escaped, safe_data, safe_result, safe_text

# Every character that may not reach a terminal as it is, with a name for messages.
CONTROLS = [
    *map(chr, (*range(9), *range(11, 32), *range(0x7F, 0xA0))),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
]
SECRET = "hunter2"


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_a_control_character_is_escaped(control):
    text = escape_controls(f"a{control}b")
    assert text == f"a{ascii(control)[1:-1]}b"


def test_text_of_every_language_stays_as_it_is():
    text = "Z\u00fcrich\t\u65e5\u672c\u8a9e \u05e2\u05d1\u05e8\u05d9\u05ea \U0001f40d\nb\udcff"
    assert safe_text(text) == text


def test_a_line_has_no_line_breaks():
    assert escape_controls("a\nb\tc", one_line=True) == r"a\nb\tc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git+https://bob:hunter2@h/x@main", "git+https://***@h/x@main"),
        ("'https://hunter2@h'", "'https://***@h'"),
        ("https://bob:hun@ter2@h/", "https://***@h/"),
        ("ssh://git:hunter2@h/~/x", "ssh://git:***@h/~/x"),
        ("ssh://git@h/x", "ssh://git@h/x"),
        ("redis://:hunter2@h:6379", "redis://***@h:6379"),
        # A slash, ? or # in a password must be percent-encoded; if it is not, everything is hidden.
        ("https://bob:a/hunter2@h/x and", "https://*** and"),
        ("https://bob:hunter2?@h/x and", "https://***@h/x and"),
        ("https://bob:a/hunter2@h,https://x:hunter2@y", "https://***"),
        ("https://h/,https://h/?x=hunter2,https://h/", "https://h/,https://h/?***"),
        ("(https://h/x?a=1&whatever=hunter2).", "(https://h/x?***)."),
        ("'https://h/?sig=hunter2', b", "'https://h/?***', b"),
        ("GET /?access_token=hunter2&b=1", "GET /?access_token=***&b=1"),
        ("GET /?key='hunter2 '", "GET /?key=***"),
        ("https:/bob:hunter2@h/x as a path", "https:/***@h/x as a path"),
        ("bob:hunter2@h is no URL", "***@h is no URL"),
        ("//bob:hunter2@h/x is no URL", "//***@h/x is no URL"),
        ("https://h/#id_token=hunter2", "https://h/#id_token=***"),
        ("http://h|bearer-token=hunter2|read-only", "http://h|bearer-token=***|read-only"),
        (
            "from https://a:hunter2@h/x to ftp://b:hunter2@h/",
            "from https://***@h/x to ftp://***@h/",
        ),
    ],
)
def test_secrets_are_hidden_in_messages(text, shown):
    assert safe_text(text) == shown
    assert safe_text(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("t[https://bob:hunter2@h/?q=1]", "t[https://***@h/?q=1]"),
        (
            "t[https://h/?q=1&X-Amz-Signature=hunter2&b=1]",
            "t[https://h/?q=1&X-Amz-Signature=***&b=1]",
        ),
        (
            "t[https://h/?q=1-monkey=2] t[mailto:bob@h]",
            "t[https://h/?q=1-monkey=2] t[mailto:bob@h]",
        ),
    ],
)
def test_results_keep_what_tells_tests_apart(text, shown):
    assert safe_result(text) == shown
    assert safe_result(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Write the proxy as http://host:port, or unset it.",
        "http://[::1]:8080/x and http://h:80, http://h:/",
        r"git+./a:b@main C:\x@y C:/x@y ~/a:b@c sha256:abc /usr/lib/a.py:12",
        "jitbuild install ./cpython@main git@h:me/x@main --configure-arg=CC=gcc; x=1",
        "https://docs.python.org/3/x.html#the-end",
    ],
)
def test_text_without_secrets_stays_as_it_is(text):
    assert safe_text(text) == text


@pytest.mark.parametrize(
    "text", ["x:/ " + "a-" * 100_000, "xy:/" + "a" * 200_000, "https://h/," * 50_000 + " ?@"]
)
def test_long_text_takes_no_quadratic_time(text):
    # With a regular expression that takes quadratic time, this would take minutes.
    assert safe_text(text) == text


def test_an_error_is_safe_wherever_it_is_shown():
    error = DownloadError(
        "https://a:hunter2@h/ said \x1b[2J", remedy="Ask \u202e\x9b?token=hunter2"
    )
    for text in (str(error), repr(error), *error.args, error.what, error.remedy):
        assert SECRET not in text
        assert text.isprintable() or text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a ##[add-mask]b", r"a \x23#[add-mask]b"),
        ("##[set-output name=x]y\n##vso[task.x]", "\\x23#[set-output name=x]y\n\\x23#vso[task.x]"),
        ("###[x]", r"#\x23#[x]"),
        ("## Title\n[link](x) C##", "## Title\n[link](x) C##"),
    ],
)
def test_commands_within_a_line_are_escaped(text, shown):
    assert escape_controls(text) == shown
    data = json_escaped(json.dumps([text]))
    assert "##[" not in data
    assert json.loads(data) == [text]


def test_data_keeps_its_shape():
    data = {"https://a:b@h": ("https://a:b@h", 1, None, True), "x": {"y": ["?token=1"]}}
    assert safe_data(data) == {
        "https://***@h": ["https://***@h", 1, None, True],
        "x": {"y": ["?token=***"]},
    }


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_json_means_the_same_after_it_was_escaped(control):
    text = json_escaped(json.dumps({"a": f"x{control}y"}, ensure_ascii=False, indent=2))
    assert control not in text
    assert json.loads(text) == {"a": f"x{control}y"}


def test_every_control_character_is_escaped():
    ranges = [(0, 8), (11, 31), (0x7F, 0x9F), (0x2028, 0x202E), (0x2066, 0x2069)]
    controls = [chr(each) for low, high in ranges for each in range(low, high + 1)]
    for control in [*controls, "\u061c", "\u200e", "\u200f"]:
        assert control not in escape_controls(f"a{control}b")
