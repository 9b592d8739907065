"""The report of a preflight: what stops an install, the command and the errors."""

from __future__ import annotations

import pytest

from jitbuild.cli.doctor import advice
from jitbuild.errors import LLVMError, PreflightError
from jitbuild.toolchain.requirements import CheckedRequirement, PreflightReport

INSTALL = "sudo dnf install {packages}"
SSL = CheckedRequirement(
    name="ssl", ok=False, detail="no ssl.h", modules=("ssl",), packages=("openssl-devel",)
)
CURSES = CheckedRequirement(
    name="curses",
    ok=False,
    detail="no curses.h",
    modules=("curses", "readline"),
    packages=("ncurses-devel", "openssl-devel"),
)
TK = CheckedRequirement(name="tk", ok=False, required=False, packages=("tk-devel",))
MAKE = CheckedRequirement(name="make", ok=False, detail="no make on PATH", packages=("make",))
LLVM = CheckedRequirement(
    name="LLVM", ok=False, detail="not found", remedy="Install it: sudo dnf install clang21"
)
STORE = CheckedRequirement(name="store", ok=False, detail="/x: is not writable.", remedy="Move it.")
ZLIB = CheckedRequirement(name="zlib", ok=True, modules=("zlib",), packages=("zlib-devel",))


def report(*requirements: CheckedRequirement, install: str = INSTALL) -> PreflightReport:
    return PreflightReport(requirements=requirements, install=install)


def error_of(checked: PreflightReport, **settings) -> PreflightError | LLVMError:
    with pytest.raises((PreflightError, LLVMError)) as error:
        checked.raise_for_missing(**settings)
    return error.value


def test_the_command_names_each_package_of_missing_requirements_once():
    checked = report(ZLIB, SSL, CURSES, TK)
    assert checked.missing == (SSL, CURSES)
    assert checked.command == "sudo dnf install openssl-devel ncurses-devel"
    assert checked.full_command == "sudo dnf install openssl-devel ncurses-devel tk-devel"


def test_no_command_without_missing_packages_or_a_known_package_manager():
    assert report(ZLIB).command == ""
    assert report(STORE).command == ""
    assert report(SSL, install="").command == ""


def test_optional_requirements_stop_nothing():
    report(ZLIB, TK).raise_for_missing()


def test_missing_modules_can_be_allowed_and_other_requirements_cannot():
    report(SSL, CURSES).raise_for_missing(allow_missing=True)
    assert report(SSL, MAKE).fatal == (MAKE,)
    error = error_of(report(SSL, MAKE), allow_missing=True)
    assert error.what == "This machine lacks what the build needs. make: no make on PATH."
    assert "--allow-missing" not in error.remedy


def test_the_error_lists_all_requirements_and_their_modules():
    error = error_of(report(SSL, CURSES))
    assert error.what.splitlines() == [
        "This machine lacks what the build needs.",
        "  ssl: no ssl.h (needed by the module ssl)",
        "  curses: no curses.h (needed by the modules curses, readline)",
    ]
    assert error.remedy.splitlines() == [
        "Install what is missing: sudo dnf install openssl-devel ncurses-devel",
        (
            "Use --install-deps to run this command, or --allow-missing to build without those "
            "modules."
        ),
    ]


def test_an_unknown_package_manager_leaves_the_names_of_libraries():
    assert error_of(report(SSL, STORE, install="")).remedy.splitlines() == [
        "Move it.",
        "Install the development packages of: ssl.",
        "Use --allow-missing to build without those modules.",
    ]


def test_a_missing_llvm_alone_is_an_llvm_error():
    error = error_of(report(LLVM))
    assert isinstance(error, LLVMError)
    assert error.remedy == LLVM.remedy
    assert isinstance(error_of(report(LLVM, SSL)), PreflightError)


def test_the_doctor_prints_remedies_that_the_command_does_not_include():
    assert advice(report(LLVM, SSL))[-2:] == [
        "LLVM: Install it: sudo dnf install clang21",
        "Install what is missing: sudo dnf install openssl-devel",
    ]


def test_the_doctor_prints_the_command_for_optional_packages_as_well():
    assert advice(report(ZLIB, TK)) == [
        "Including what is optional: sudo dnf install tk-devel",
    ]
