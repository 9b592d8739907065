"""Arguments given with --configure-arg: refused, corrected or passed on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitbuild.errors import VariantError
from jitbuild.planning import planner
from jitbuild.recipes.catalog import load_catalog
from jitbuild.request import Axes, parse
from jitbuild.target import TARGETS

CATALOG = load_catalog()
SHARED = "LINKFORSHARED=-Xlinker -export-dynamic -Wl,--disable-new-dtags,-rpath,\\$$ORIGIN/../lib"


def planned(*arguments, spec="3.13.15", target="x86_64-linux-gnu", kind="release", **axes):
    request = parse(spec)
    resolved = planner.resolve_version(request, CATALOG)
    resolved = replace(resolved, source=replace(resolved.source, kind=kind))
    variant = Axes(configure_args=arguments, **axes).variant(request)
    return planner.make_plan(resolved, variant, TARGETS[target], CATALOG)


def refusal(*arguments, **options):
    with pytest.raises(VariantError) as raised:
        planned(*arguments, **options)
    return raised.value


@pytest.mark.parametrize(
    ("argument", "instead"),
    [
        ("--disable-gil", "3.15t"),
        ("--enable-gil=no", "3.15t"),
        ("--enable-experimental-jit", "--jit"),
        ("--enable-experimental-jit=yes", "--jit"),
        ("--disable-experimental-jit", "--jit"),
        ("--with-pydebug", "--profile debug"),
        ("--with-tail-call-interp", "--tail-call"),
        ("--enable-optimizations", "--profile release"),
        ("--enable-bolt", "--profile release"),
        ("--enable-test-modules", "--include tests"),
        ("--prefix=/opt/python", "JITBUILD_HOME"),
        ("-prefix=/opt/python", "JITBUILD_HOME"),
        ("prefix=/opt/python", "JITBUILD_HOME"),
        ("exec_prefix=/x", "JITBUILD_HOME"),
        ("libdir=/x", "JITBUILD_HOME"),
        ("bindir=/x", "JITBUILD_HOME"),
        ("program_suffix=-jit", "JITBUILD_HOME"),
        ("with_suffix=.exe", "Omit"),
        ("enable_gil=no", "3.15t"),
        ("enable_experimental_jit=yes", "--jit"),
        ("with_pydebug=yes", "--profile debug"),
        ("with_build_python=python3", "machine of the other kind"),
        ("enable_optimizations=yes", "--profile release"),
        ("cache_file=/dev/null", "--no-caches"),
        ("--prefix", "JITBUILD_HOME"),
        ("--exec-prefix=/x", "JITBUILD_HOME"),
        ("--libdir=/x", "JITBUILD_HOME"),
        ("--mandir=/x", "JITBUILD_HOME"),
        ("--program-suffix=-jit", "JITBUILD_HOME"),
        ("--with-suffix=.exe", "Omit"),
        ("--host=aarch64-linux-gnu", "machine of the other kind"),
        ("--build=x86_64-linux-gnu", "machine of the other kind"),
        ("--with-build-python=python3", "machine of the other kind"),
        ("--enable-framework", "Omit"),
        ("--srcdir=../cpython", "request its folder"),
        ("--cache-file=/dev/null", "--no-caches"),
        ("-C", "--no-caches"),
        ("-n", "--no-caches"),
        ("--help", "in a source tree"),
        ("--help=short", "in a source tree"),
        ("-V", "in a source tree"),
        ("LLVM_VERSION=20", "--llvm PATH"),
    ],
)
@pytest.mark.parametrize("kind", ["release", "folder"])
def test_an_argument_that_cannot_end_well_is_refused_with_what_to_use_instead(
    argument, instead, kind
):
    error = refusal("--with-trace-refs", argument, kind=kind)
    assert error.what.startswith(f"--configure-arg={argument}: ")
    assert instead in error.remedy


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("--with-lot", "--with-lto"),
        ("--enable-lto", "--with-lto"),
        ("--disable-lto", "--without-lto"),
        ("--with-shared", "--enable-shared"),
        ("--enable-optimisations", "--enable-optimizations"),
        ("--disable-optimisations", "--disable-optimizations"),
        ("--without-pymaloc", "--without-pymalloc"),
        ("--with-pydebg", "--with-pydebug"),
        ("--shared", "--enable-shared"),
        ("--pydebug", "--with-pydebug"),
        ("with_lto=thin", "--with-lto"),
        ("enable_shared=yes", "--enable-shared"),
    ],
)
def test_a_misspelt_flag_is_answered_with_the_right_one(argument, meant):
    assert refusal(argument).remedy.startswith(f"Did you mean {meant}? ")


@pytest.mark.parametrize(
    "argument", ["", "x86_64", "--", "-z", "--pre=/x", "--colour", "=x", "build_alias=x86_64"]
)
def test_what_is_neither_a_flag_nor_a_variable_is_refused(argument):
    assert "neither a flag" in refusal(argument).what
    assert "neither a flag" in refusal(argument, kind="folder").what


@pytest.mark.parametrize(
    "argument",
    [
        *("--with-trace-refs", "--without-pymalloc", "--disable-ipv6", "--with-lto=thin", "-q"),
        *("--with-ensurepip=no", "--enable-big-digits=15", "CC=clang-19", "CFLAGS_JIT=-O1"),
        *("ac_cv_func_getentropy=no", "py_cv_module__tkinter=n/a", "ax_cv_x=no"),
        *("CFLAGS=-O1 --prefix=/x", "--enable-shared", "--with-something-new", "--silent"),
    ],
)
def test_other_arguments_are_passed_on(argument):
    assert planned(argument).steps[0].argv[-1] == argument


def test_a_tree_that_is_no_release_may_have_other_flags():
    assert planned("--with-lot", kind="folder").steps[0].argv[-1] == "--with-lot"


@pytest.mark.parametrize(
    ("argument", "axes"),
    [
        ("--enable-optimizations", {"includes": ("tests",)}),
        ("--enable-optimizations", {"profile": "debug"}),
        ("--enable-test-modules", {"includes": ("tests",)}),
    ],
)
def test_a_build_with_tests_accepts_what_needs_them(argument, axes):
    assert argument in planned(argument, **axes).steps[0].argv


@pytest.mark.parametrize("argument", ["--experimental-jit", "--disable-gil", "-d", "-p", "-h"])
def test_the_flags_of_build_bat_that_jitbuild_sets_are_refused(argument):
    refusal(argument, target="x86_64-windows", spec="3.15.2")


def test_other_flags_of_build_bat_are_passed_on():
    plan = planned("--no-ssl", target="x86_64-windows", spec="3.15.2")
    assert "--no-ssl" in plan.steps[0].argv


def test_assertions_are_refused_where_they_abort():
    for spec in ("3.15.0a2", "3.15.0b2", "3.15.0b4"):
        assert "abort at run time" in refusal("--with-assertions", spec=spec).what
    for spec in ("3.15.0a1", "3.15.0rc1", "3.15.2"):
        planned("--with-assertions", spec=spec)
    planned("--with-assertions", spec="3.15.0b4", jit="no")


@pytest.mark.parametrize("argument", ["--enable-shared", "--enable-shared=yes"])
def test_a_shared_libpython_is_found_relative_to_the_program(argument):
    plan = planned(argument)
    makes = [step.argv for step in plan.steps if step.argv[0] == "make"]
    assert len(makes) == 3
    assert all(SHARED in argv for argv in makes)
    assert "LINKFORSHARED" not in str(planned().steps)


def test_a_shared_libpython_has_a_relative_install_name_on_macos():
    (edit,) = set(planned("--enable-shared", target="aarch64-macos").edits) - set(
        planned(target="aarch64-macos").edits
    )
    assert "@executable_path/../lib" in edit.replace


@pytest.mark.parametrize("argument", ["--prefix=/x", "--disable-gil", "--shared"])
def test_an_argument_is_refused_before_the_source_is_known(argument):
    variant = Axes(configure_args=(argument,)).variant(parse("main"))
    with pytest.raises(VariantError, match="--configure-arg="):
        planner.check_variant(variant, TARGETS["x86_64-linux-gnu"], CATALOG)
