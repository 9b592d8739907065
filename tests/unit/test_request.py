"""Tests of parsing requests, and of the variants that they mean."""

import pytest

from jitbuild.errors import RequestError, VariantError
from jitbuild.request import JITS, Axes, Patch, Variant, parse


@pytest.mark.parametrize(
    ("text", "kind", "value", "ref", "free_threaded"),
    [
        ("3.15.0b2", "tag", "3.15.0b2", "", False),
        ("v3.15.0b2", "tag", "3.15.0b2", "", False),
        ("cpython-3.15.0rc1", "tag", "3.15.0rc1", "", False),
        ("3.15.0b2t", "tag", "3.15.0b2", "", True),
        (" 3.15 ", "series", "3.15", "", False),
        ("3.15t", "series", "3.15", "", True),
        ("python3.14", "series", "3.14", "", False),
        (">=3.14,<3.16", "specifier", ">=3.14,<3.16", "", False),
        ("main", "branch", "main", "main", False),
        ("./cpython", "folder", "./cpython", "", False),
        (r"C:\src\cpython", "folder", r"C:\src\cpython", "", False),
        ("~/cpython", "folder", "~/cpython", "", False),
        ("~nobody-here/x", "folder", "~nobody-here/x", "", False),
        ("~nobody-here", "folder", "~nobody-here", "", False),
        ("Python-3.15.0.tar.xz", "archive", "Python-3.15.0.tar.xz", "", False),
        (
            "/tmp/My Sources/Python-3.15.0.TGZ",
            "archive",
            "/tmp/My Sources/Python-3.15.0.TGZ",
            "",
            False,
        ),
        ("./cpython@v3.15.0b2", "git", "./cpython", "v3.15.0b2", False),
        (
            "git+https://example.org/cpython@main",
            "git",
            "https://example.org/cpython",
            "main",
            False,
        ),
        (
            "git+ssh://git@example.org/cpython",
            "git",
            "ssh://git@example.org/cpython",
            "HEAD",
            False,
        ),
        (
            "git+ssh://git@example.org/cpython@fix-1",
            "git",
            "ssh://git@example.org/cpython",
            "fix-1",
            False,
        ),
        (
            "git+https://example.org/me/cpython@feature/y",
            "git",
            "https://example.org/me/cpython",
            "feature/y",
            False,
        ),
        (
            "git+git@example.org:me/cpython@refs/pull/1/head",
            "git",
            "git@example.org:me/cpython",
            "refs/pull/1/head",
            False,
        ),
        ("git+file:///srv/cpython@main", "git", "file:///srv/cpython", "main", False),
        ("git+../cpython@main", "git", "../cpython", "main", False),
        ("./cpython@feature/y", "git", "./cpython", "feature/y", False),
    ],
)
def test_parse(text, kind, value, ref, free_threaded):
    request = parse(text)
    assert (request.kind, request.value, request.ref, request.free_threaded) == (
        kind,
        value,
        ref,
        free_threaded,
    )


@pytest.mark.parametrize(
    "text",
    ["", "latest", "2.7.18", "pypy3", "3.15.0b", "three", "3.015", "3.15.00", "3.\u0661\u0665"],
)
def test_anything_else_is_refused_with_the_known_forms(text):
    with pytest.raises(RequestError, match=r"3\.15\.0b2"):
        parse(text)


def test_a_broken_specifier_is_refused():
    with pytest.raises(RequestError, match="PEP 440"):
        parse(">=3.x")


@pytest.mark.parametrize(
    ("text", "version", "fits"),
    [
        ("3.15", "3.15.0b1", True),
        ("3.15", "3.15.2", True),
        ("3.15", "3.14.9", False),
        ("3.15.0b1", "3.15.0b1", True),
        ("3.15.0b1", "3.15.0", False),
        (">=3.14,<3.16", "3.15.2", True),
        (">=3.14,<3.16", "3.13.9", False),
        ("main", "3.15.2", False),
    ],
)
def test_admits(text, version, fits):
    assert parse(text).admits(version) is fits


def test_a_variant_takes_the_defaults_of_axes_that_are_not_stated():
    assert Axes().variant(parse("3.15")) == Variant(jit="yes-off", profile="fast")


def test_free_threaded_without_a_jit_axis_means_no_jit():
    assert Axes().variant(parse("3.15t")) == Variant(jit="no", free_threaded=True)


@pytest.mark.parametrize("jit", ["yes", "yes-off", "interpreter"])
def test_free_threaded_with_a_jit_is_refused(jit):
    with pytest.raises(VariantError, match="free-threaded"):
        Axes(jit=jit).variant(parse("3.15t"))


@pytest.mark.parametrize("axes", [Axes(jit="on"), Axes(profile="unknown")])
def test_an_unknown_value_of_an_axis_is_refused_with_the_known_ones(axes):
    with pytest.raises(VariantError, match="Choose from"):
        axes.variant(parse("3.15"))


def test_an_axis_that_is_not_stated_admits_every_value():
    assert Axes().admits(Variant(jit="interpreter", profile="unknown", tail_call=True))


@pytest.mark.parametrize(
    "axes",
    [
        Axes(jit="yes"),
        Axes(profile="release"),
        Axes(tail_call=True),
        Axes(configure_args=("--with-trace-refs",)),
        Axes(patches=(Patch(path="a", sha256="1"),)),
    ],
)
def test_a_stated_axis_admits_only_its_value(axes):
    assert not axes.admits(Variant())
    assert axes.admits(axes.variant(parse("3.15")))


def test_a_build_with_extra_flags_does_not_match_a_plain_request():
    assert not Axes().admits(Variant(configure_args=("--with-trace-refs",)))


def test_patches_are_compared_by_their_content():
    here, there = Patch(path="here/a", sha256="1"), Patch(path="there/a", sha256="1")
    assert Axes(patches=(here,)).admits(Variant(patches=(there,)))


@pytest.mark.parametrize(
    ("variant", "slug"),
    [
        (Variant(), "jit-fast"),
        (Variant(jit="yes", profile="release", tail_call=True), "jit-on-release-tailcall"),
        (Variant(jit="interpreter"), "uops-fast"),
        (Variant(jit="no", profile="debug", configure_args=("X=1",)), "nojit-debug-custom"),
    ],
)
def test_slug(variant, slug):
    assert variant.slug == slug


@pytest.mark.parametrize(
    ("text", "shown", "local"),
    [
        ("3.15", "3.15", False),
        ("main", "main", False),
        (
            "git+https://me:secret@example.org/cpython@main",
            "git+https://example.org/cpython@main",
            False,
        ),
        ("git+ssh://git@example.org/cpython@main", "git+ssh://git@example.org/cpython@main", False),
        ("git+git@example.org:me/cpython@main", "git+git@example.org:me/cpython@main", False),
        ("/src/cpython", "/src/cpython", True),
        ("/src/cpython@main", "/src/cpython@main", True),
        ("/src/../src/Python-3.15.0.tar.xz", "/src/Python-3.15.0.tar.xz", True),
    ],
)
def test_the_stored_text_has_absolute_paths_and_no_passwords(text, shown, local):
    request = parse(text, exists=lambda _: False)
    assert (request.shown, request.is_local) == (shown, local)


def test_machine_code_requires_a_jit_unless_one_is_stated():
    for text, axes, admitted in [
        ("3.15", Axes(), {"yes-off", "yes"}),
        ("3.15", Axes(jit="interpreter"), {"interpreter"}),
        ("3.15t", Axes(), {"yes-off", "yes", "interpreter", "no"}),
    ]:
        wanted = axes.wanting_machine_code(parse(text))
        assert {jit for jit in JITS if wanted.admits(Variant(jit=jit))} == admitted


def test_an_existing_folder_with_an_at_in_its_name_is_not_a_git_reference():
    assert parse("/home/me@work/cpython", exists=lambda _: True).kind == "folder"
    checkout = parse("/home/me@work/cpython@main", exists=lambda _: False)
    assert (checkout.kind, checkout.value, checkout.ref) == ("git", "/home/me@work/cpython", "main")
