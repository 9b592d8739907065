"""Addresses, which never show their secrets, and requests that contain addresses."""

import pytest

from jitbuild.errors import RequestError
from jitbuild.options import BuildOptions
from jitbuild.request import parse
from jitbuild.settings import Setting
from jitbuild.sources.origin import ArchiveOrigin
from jitbuild.system.urls import Address

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "shown", "public"),
    [
        ("https://h/x", "https://h/x", "https://h/x"),
        ("https://bob:hunter2@h/x", "https://***@h/x", "https://h/x"),
        ("https://hunter2@h/x", "https://***@h/x", "https://h/x"),
        ("https://bob:hunter 2 hunter2@h/x", "https://***@h/x", "https://h/x"),
        ("https://h/x?whatever=hunter2", "https://h/x?***", "https://h/x"),
        ("https://h/x#hunter2", "https://h/x#***", "https://h/x"),
        ("ssh://git@h/~/x", "ssh://git@h/~/x", "ssh://git@h/~/x"),
        ("ssh://git:hunter2@h/x", "ssh://git:***@h/x", "ssh://git@h/x"),
        ("git@h:x/y", "git@h:x/y", "git@h:x/y"),
        ("bob:hunter2@h/x", "***@h/x", "***@h/x"),
        ("//bob:hunter2@h/x", "//***@h/x", "//***@h/x"),
        ("https://bob:a/hunter2@h/x", "https://***", "https://***"),
        (
            "redis://:hunter2@h:6379|shards=a,hunter2",
            "redis://***@h:6379|shards=***",
            "redis://h:6379",
        ),
        (
            "http://h/x|bearer-token=hunter2|read-only",
            "http://h/x|bearer-token=***|read-only",
            "http://h/x",
        ),
        (
            "http://h/x @bearer-token=hunter2",
            "http://h/x @bearer-token=***",
            "http://h/x",
        ),
        ("/srv/a?b=#c|d=e", "/srv/a?b=#c|d=e", "/srv/a?b=#c|d=e"),
        (r"C:\mirror@home", r"C:\mirror@home", r"C:\mirror@home"),
    ],
)
def test_an_address_shows_no_secrets(text, shown, public):
    address = Address(text)
    assert (str(address), f"{address}", address.public) == (shown, shown, public)
    assert repr(address) == f"Address({shown!r})"
    assert SECRET not in f"{address!r}{address.public}{vars(type(address)).keys()}"
    assert address.reveal() == text
    assert str(Address(address)) == shown


def test_addresses_are_equal_if_their_real_texts_are():
    assert Address("https://a:b@h") == Address("https://a:b@h") != Address("https://a:c@h")
    assert len({Address("https://h"), Address("https://h")}) == 1
    assert not Address("")


@pytest.mark.parametrize(
    "line",
    [
        "fatal: unable to access 'https://bob:hunter2%21@h/x?sig=hunter3/': no",
        "user bob, password hunter2! or hunter2%21",
        "GET /x?sig=hunter3 HTTP/1.1, sig hunter3",
    ],
)
def test_the_output_of_a_tool_contains_no_part_of_the_secrets(line):
    hidden = Address("https://bob:hunter2%21@h/x?sig=hunter3").hide_in(line)
    assert "hunter" not in hidden
    assert "***" in hidden


def test_words_of_ccache_s_attributes_are_kept_in_the_output_of_a_tool():
    address = Address("http://cache/x|keep-alive=true|layout=bazel|password=hunter2")
    assert address.hide_in("true, bazel, hunter2") == "true, bazel, ***"


def test_values_that_have_an_address_do_not_show_its_secrets():
    url = "https://bob:hunter2@h/x?y=hunter2"
    values = [
        parse(f"git+{url}@main"),
        ArchiveOrigin.parse(url),
        BuildOptions(mirror=Address(url), ccache_storage=Address(url)),
        BuildOptions(mirror=url, ccache_storage=url).with_settings(),
        Setting(name="mirror", value=url, origin="JITBUILD_MIRROR"),
        Setting(name="ccache-storage", value=url, origin="JITBUILD_CCACHE_STORAGE"),
    ]
    for value in values:
        assert SECRET not in f"{value} {value!r}"


@pytest.mark.parametrize(
    ("typed", "text", "real"),
    [
        ("git+https://bob:hunter2@h/x@main", "git+https://h/x@main", "https://bob:hunter2@h/x"),
        ("git+https://bob:hunter2@h/x", "git+https://h/x", "https://bob:hunter2@h/x"),
        ("git+https://h/x?t=hunter2@main", "git+https://h/x@main", "https://h/x?t=hunter2"),
        ("git+https://h/x?t=a@hunter2@main", "git+https://h/x@main", "https://h/x?t=a@hunter2"),
        ("git+ssh://git:hunter2@h/x@main", "git+ssh://git@h/x@main", "ssh://git:hunter2@h/x"),
    ],
)
def test_a_request_is_the_same_with_and_without_credentials(typed, text, real):
    request = parse(typed)
    assert (request.text, request.shown) == (text, text)
    assert request.shown == parse(text).shown
    assert request.address is not None
    assert request.address.reveal() == real
    assert parse(request.reveal()).address == request.address


@pytest.mark.parametrize(
    "typed",
    [
        "git+https://bob:a/hunter2@h/x@main",
        "git+https://bob:hunter2@h",
        "git+https://hunter2@h",
        "git+https:/bob:hunter2@h/x",
        "git+bob:hunter2@h:x",
        "bob:hunter2@h",
    ],
)
def test_a_request_is_refused_without_its_password(typed):
    with pytest.raises(RequestError) as caught:
        parse(typed)
    assert SECRET not in str(caught.value)
