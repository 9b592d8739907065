"""Errors, interrupts and bugs: what is printed, and the exit code."""

import io
import os
import signal
import sys

import pytest
from cli_fixtures import put

from jitbuild.cli.main import main
from jitbuild.errors import (
    BuildError,
    DiskFullError,
    JitbuildError,
    NotInstalledError,
    OperatingSystemError,
    RecipeError,
    RequestError,
    SettingsError,
    StoreError,
    UsageError,
    VariantError,
)
from jitbuild.store.store import Store
from jitbuild.system.signals import SignalReceived

pytestmark = pytest.mark.usefixtures("home")


def raising(error):
    def installed(*args, **options):
        raise error

    return installed


@pytest.mark.parametrize(
    "kind",
    [
        RequestError,
        VariantError,
        RecipeError,
        SettingsError,
        BuildError,
        NotInstalledError,
        DiskFullError,
    ],
)
def test_an_error_is_printed_on_stderr_and_gives_the_exit_code_of_its_class(run, monkeypatch, kind):
    monkeypatch.setattr(Store, "installed", raising(kind("What happened.", remedy="What to do.")))
    assert run("list") == (kind.exit_code, "", "error: What happened.\nWhat to do.\n")


def test_verbose_adds_the_traceback_of_an_error(run, monkeypatch):
    monkeypatch.setattr(
        Store, "installed", raising(UsageError("What happened.", remedy="What to do."))
    )
    code, _, err = run("list", "--verbose")
    assert code == 2
    assert "Traceback" in err
    assert err.endswith("error: What happened.\nWhat to do.\n")


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (SignalReceived(signal.SIGTERM), 143)]
)
def test_an_interrupt_gives_the_exit_code_that_shells_use(run, monkeypatch, error, code):
    monkeypatch.setattr(Store, "installed", raising(error))
    assert run("prune") == (code, "", "interrupted: nothing was left half-done\n")


def test_a_bug_is_printed_with_its_traceback_and_code_70(run, monkeypatch):
    monkeypatch.setattr(Store, "installed", raising(ZeroDivisionError("oops")))
    code, out, err = run("list")
    assert (code, out) == (JitbuildError.exit_code, "")
    assert "Traceback" in err
    assert "This is a bug in jitbuild (ZeroDivisionError('oops'))" in err.splitlines()[-1]


def test_an_error_of_the_system_is_printed_without_a_traceback(run, monkeypatch):
    monkeypatch.setattr(Store, "installed", raising(OSError(24, "Too many open files")))
    code, out, err = run("list")
    assert (code, out) == (OperatingSystemError.exit_code, "")
    assert err.startswith("error: The operating system reports an error: Too many open files.\n")
    assert "Traceback" not in err
    assert "Traceback" in run("list", "-v")[2]


def test_a_full_disk_of_the_output_has_the_exit_code_of_a_full_disk(run, monkeypatch):
    monkeypatch.setattr(Store, "installed", raising(OSError(28, "No space left on device")))
    code, out, err = run("list")
    assert (code, out) == (DiskFullError.exit_code, "")
    assert err.startswith("error: The output could not be written: no space is left where it goes.")


def test_a_full_disk_is_that_of_the_store_only_for_a_file_in_the_store(
    run, monkeypatch, home, tmp_path
):
    def report(path):
        error = OSError(28, "No space left on device", str(path))
        monkeypatch.setattr(Store, "installed", raising(error))
        code, _, err = run("list")
        assert code == DiskFullError.exit_code
        return err

    report_file = tmp_path / "usb" / "report.html"
    assert report(report_file) == (
        f"error: {report_file} could not be written: no space is left where it goes.\n"
        "Free some space there, or write the output to another disk.\n"
    )
    assert f"No space is left for {home} (" in report(home / "logs" / "x.log")


@pytest.mark.parametrize("number", [13, 40, 21])
def test_an_unusable_file_of_the_store_has_the_exit_code_of_the_store(
    run, monkeypatch, home, number
):
    path = home / "logs" / "x.log"
    monkeypatch.setattr(
        Store, "installed", raising(OSError(number, os.strerror(number), str(path)))
    )
    code, out, err = run("list")
    assert (code, out) == (StoreError.exit_code, "")
    assert err.startswith(f"error: {path} cannot be read or written ({os.strerror(number)}).\n")


def test_an_unusable_file_elsewhere_is_not_an_error_of_the_store(run, monkeypatch, tmp_path):
    error = OSError(13, "Permission denied", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(Store, "installed", raising(error))
    assert run("list") == (
        OperatingSystemError.exit_code,
        "",
        (
            f"error: {tmp_path / 'elsewhere'} cannot be used (Permission denied).\n"
            "Check the path and its permissions.\n"
        ),
    )


@pytest.mark.parametrize("command", ["which", "plan", "uninstall", "run"])
def test_a_path_that_is_too_long_is_not_a_bug(run, command):
    code, _, err = run(command, f"./{'a' * 5000}")
    assert code != JitbuildError.exit_code
    assert "aaaa" in err


def test_a_closed_stdout_and_a_closed_stderr_are_no_error(store, monkeypatch):
    put(store, "cpython-3.15.2-jit-fast-kkkkkkkk")
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["list"]) == 0
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["xyzzy"]) == UsageError.exit_code


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_a_closed_pipe_ends_a_command_silently_with_code_141(store, monkeypatch, capfd):
    put(store, "cpython-3.15.2-jit-fast-kkkkkkkk")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["list"]) == 141
    assert capfd.readouterr().err == ""


class Tty(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "red"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_errors_are_red_on_terminals_that_allow_colour(monkeypatch, environ, red):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", Tty())
    assert main(["xyzzy"]) == 2
    assert sys.stderr.getvalue().startswith("\x1b[31m") is red


def test_the_error_about_missing_packages_is_red_too(monkeypatch):
    def parse(argv):
        raise ModuleNotFoundError("No module named 'msgspec'", name="msgspec")

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("jitbuild.cli.parser.parse", parse)
    monkeypatch.setattr(sys, "stderr", Tty())
    main(["list"])
    assert sys.stderr.getvalue().startswith("\x1b[31merror:\x1b[0m jitbuild needs msgspec")


def test_signal_handlers_are_restored_after_a_command(run):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run("prune")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_installation_without_dependencies_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "typing_extensions", raising=False)
    monkeypatch.setitem(sys.modules, "msgspec", None)
    assert main(["list"]) == JitbuildError.exit_code
    assert capsys.readouterr().err == (
        "error: jitbuild needs msgspec, which is not installed here.\n"
        "Install jitbuild without the option --no-deps. Only its pytest plugin works without the "
        "other packages.\n"
    )
