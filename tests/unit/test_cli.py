"""The command line, in this process: what goes where, what it ends with, and what is said of mistakes."""

import io
import json
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stores

from jitbuild import api
from jitbuild.building.caches import inventory
from jitbuild.building.caches.stencil_store import StencilStore
from jitbuild.cli import parser as parsers
from jitbuild.cli.commands import COMMANDS, GROUPS
from jitbuild.cli.install import summary
from jitbuild.cli.main import main
from jitbuild.cli.prune import superseded
from jitbuild.errors import (
    BuildError,
    DiskFullError,
    JitbuildError,
    NotInstalledError,
    RecipeError,
    RequestError,
    SettingsError,
    UsageError,
    VariantError,
)
from jitbuild.running.command import command_line
from jitbuild.running.environment import check_mode, command_environment
from jitbuild.running.lookup import find_program
from jitbuild.settings import KNOWN
from jitbuild.store.store import Store
from jitbuild.system.formatting import format_size
from jitbuild.system.process import Completed
from jitbuild.system.signals import SignalReceived
from jitbuild.target import host

PIN = "a" * 64


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in KNOWN:
        monkeypatch.delenv(f"JITBUILD_{name.upper()}", raising=False)
    for name in ("GITHUB_ACTIONS", "_ARGCOMPLETE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JITBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def store(home):
    return Store(home)


@pytest.fixture
def run(capsys):
    """Runs a command line: its exit code, stdout and stderr."""

    def run(*words):
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def put(store, name, version="3.15.2", *, ok=True, program=None, kind="release", **variant):
    """An interpreter in the store; adopted when there is a program elsewhere."""
    source = {} if program is not None else {"source": {"kind": kind, "digest": "d" * 64}}
    return stores.put(store, version, name=name, ok=ok, program=program, **source, **variant)


@pytest.fixture
def elsewhere(tmp_path):
    """A tree that is not ours, and what it looked like."""
    program = tmp_path / "elsewhere" / "bin" / "python3.15"
    program.parent.mkdir(parents=True)
    program.write_text("somebody's own")
    return program


def look(program):
    return [(path, path.stat().st_mtime_ns) for path in sorted(program.parents[1].rglob("*"))]


# ---- the parser ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_a_handler_and_help_for_each_argument(command):
    parser = parsers.build([command]).commands.choices[command]
    assert COMMANDS[command][0].islower()
    assert not COMMANDS[command].endswith(".")
    assert parser.description[0].isupper()
    assert parser.description.endswith(".")
    assert callable(parser.get_default("run"))
    for argument in parser._actions:
        assert argument.help, f"{argument.dest} has no help"


def test_the_help_lists_every_command_in_its_group(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for title, commands in GROUPS.items():
        section = text.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert re.findall(r"^  (\w+)", section, re.MULTILINE) == [*commands]


def test_the_help_of_a_command_shows_examples_line_by_line(capsys):
    with pytest.raises(SystemExit):
        main(["which", "--help"])
    assert "\nexamples:\n  jitbuild which 3.15\n" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--help"], [], *([command, "--help"] for command in COMMANDS)])
def test_help_goes_to_stdout(capsys, words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    out, err = capsys.readouterr()
    assert (caught.value.code, err) == (0, "")
    assert out.startswith("usage: jitbuild")


def test_the_version_goes_to_stdout(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("jitbuild 0.")


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        (
            ["instal", "3.15"],
            "argument COMMAND: invalid choice: 'instal' (choose from install, adopt, list, ",
            "Did you mean install? See `jitbuild --help`.",
        ),
        (["xyzzy"], "argument COMMAND: invalid choice: 'xyzzy'", "See `jitbuild --help`."),
        (["--frobnicate"], "unrecognized arguments: --frobnicate.", "See `jitbuild --help`."),
        (
            ["install"],
            "the following arguments are required: SPEC.",
            "See `jitbuild install --help`.",
        ),
        (
            ["plan", "3.15", "--josn"],
            "unrecognized arguments: --josn.",
            "Did you mean --json? See `jitbuild plan --help`.",
        ),
        (
            ["plan", "3.15", "--profle=fast"],
            "unrecognized arguments: --profle=fast.",
            "Did you mean --profile? ",
        ),
        (
            ["install", "3.15", "--mirr", "x"],
            "unrecognized arguments: --mirr",
            "Did you mean --mirror? ",
        ),
        (
            ["--json", "list"],
            "unrecognized arguments: --json.",
            "Options of a command follow it: jitbuild list --json. See `jitbuild list --help`.",
        ),
        (["list", "3.15"], "unrecognized arguments: 3.15.", "See `jitbuild list --help`."),
        (
            ["plan", "3.15", "--jit", "off"],
            "argument --jit: invalid choice: 'off' (choose from yes-off, yes, interpreter, no).",
            "Did you mean yes-off? ",
        ),
        (
            ["install", "3.15", "--jit", "no,of"],
            "argument --jit: invalid choice: 'of' (choose from yes-off, yes, interpreter, no).",
            "See `jitbuild install --help`.",
        ),
        (
            ["plan", "3.15", "--profile", "unknown"],
            "argument --profile: invalid choice: 'unknown' (choose from fast, release, debug).",
            "See `jitbuild plan --help`.",
        ),
        (
            ["run", "3.15", "--mode", "strss"],
            "argument --mode: invalid choice: 'strss' (choose from off, on, stress, default).",
            "Did you mean stress? ",
        ),
        (
            ["diff", "3.15", "--modes", "off", "strss", "--", "x"],
            "argument --modes: invalid choice: 'strss' (choose from off, on, stress, default).",
            "Did you mean stress? ",
        ),
        (
            ["run", "3.15", "script.py", "-x"],
            "unrecognized arguments: script.py -x.",
            "jitbuild run SPEC -- COMMAND",
        ),
        (
            ["run", "3.15", "-m", "timeit"],
            "unrecognized arguments: -m timeit.",
            "jitbuild run SPEC -- COMMAND",
        ),
        (
            ["run", "3.15", "--mod", "on"],
            "unrecognized arguments: --mod on.",
            "Did you mean --mode? ",
        ),
        (
            ["list", "--", "python"],
            "`jitbuild list` takes no command after `--`.",
            "See `jitbuild list --help`.",
        ),
        (
            ["install", "3.15", "-j", "0"],
            "argument -j/--jobs: must be a positive integer, not '0'.",
            "See `jitbuild install --help`.",
        ),
        (
            ["install", "3.15", "-j", "many"],
            "argument -j/--jobs: must be a positive integer, not 'many'.",
            "See `jitbuild install --help`.",
        ),
        (
            ["diff", "3.15", "--timeout", "-1", "--", "x"],
            "argument --timeout: ",
            "See `jitbuild diff --help`.",
        ),
        (
            ["bench", "3.15", "--timeout", "soon"],
            "argument --timeout: must be a positive number of seconds, not 'soon'.",
            "See `jitbuild bench --help`.",
        ),
        (["-q", "list", "-v"], "not allowed with argument", "See `jitbuild list --help`."),
        (
            ["install", "3.15", "-q", "-v"],
            "not allowed with argument",
            "See `jitbuild install --help`.",
        ),
        (
            ["install", "3.15", "3.14.10", "--sha256", PIN],
            "--sha256 belongs to one release.",
            "one at a time",
        ),
        (
            ["plan", "3.15", "--platform", "x64-linucks"],
            "'x64-linucks' is not a platform",
            "x86_64-linux-gnu",
        ),
        (
            ["plan", "3.15.2", "--patch", "none.patch"],
            "The patch none.patch cannot be read",
            "Check the path.",
        ),
    ],
)
def test_a_usage_error_is_one_line_with_its_remedy_and_code_2(run, words, what, remedy):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith("error: ")
    assert what in first
    assert remedy in second


@pytest.mark.parametrize(
    "words", [["-q", "list"], ["list", "-q"], ["cache", "-q", "clear"], ["cache", "clear", "-q"]]
)
def test_general_options_work_before_and_after_the_command(words):
    options = parsers.parse(words)
    assert (options.quiet, options.verbose) == (True, False)


def test_general_options_are_off_by_default():
    options = parsers.parse(["list"])
    assert (options.quiet, options.verbose) == (False, False)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["run", "3.15"], None),
        (["run", "3.15", "--"], []),
        (["run", "3.15", "--mode", "on", "--", "-c", "pass"], ["-c", "pass"]),
        (
            ["run", "3.15", "--", "pytest", "--", "-x", "--mode", "off"],
            ["pytest", "--", "-x", "--mode", "off"],
        ),
        (
            ["run", "3.15", "--", "tool", "--configure-arg", "--x"],
            ["tool", "--configure-arg", "--x"],
        ),
    ],
)
def test_what_stands_after_the_first_two_hyphens_is_the_command(words, command):
    options = parsers.parse(words)
    assert options.spec == "3.15"
    assert options.command == command


@pytest.mark.parametrize(
    "words",
    [
        ["--configure-arg", "--with-trace-refs", "--configure-arg", "CC=x"],
        ["--configure-arg=--with-trace-refs", "--configure-arg=CC=x"],
    ],
)
def test_an_argument_for_configure_may_begin_with_hyphens(words):
    options = parsers.parse(["plan", "3.15", *words, "--jit", "no"])
    assert options.configure_arg == ["--with-trace-refs", "CC=x"]
    assert options.jit == "no"


# ---- errors --------------------------------------------------------------------------------------------------------------


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
def test_an_error_goes_to_stderr_and_its_code_is_its_class_s(run, monkeypatch, kind):
    monkeypatch.setattr(Store, "installed", raising(kind("What happened.", remedy="What to do.")))
    assert run("list") == (kind.exit_code, "", "error: What happened.\nWhat to do.\n")


def test_verbose_shows_where_an_error_comes_from(run, monkeypatch):
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
def test_an_interrupt_has_the_code_that_shells_give_it(run, monkeypatch, error, code):
    monkeypatch.setattr(Store, "installed", raising(error))
    assert run("prune") == (code, "", "interrupted: nothing was left half-done\n")


def test_a_bug_is_shown_whole_and_is_not_taken_for_an_answer(run, monkeypatch):
    monkeypatch.setattr(Store, "installed", raising(ZeroDivisionError("oops")))
    code, out, err = run("list")
    assert (code, out) == (JitbuildError.exit_code, "")
    assert "Traceback" in err
    assert "This is a bug in jitbuild (ZeroDivisionError('oops'))" in err.splitlines()[-1]


def test_a_system_s_error_that_nobody_foresaw_is_said_without_a_traceback(run, monkeypatch):
    monkeypatch.setattr(Store, "installed", raising(OSError(28, "No space left on device")))
    code, out, err = run("list")
    assert (code, out) == (JitbuildError.exit_code, "")
    assert err.startswith("error: [Errno 28] No space left on device.\n")
    assert "Traceback" not in err
    assert "Traceback" in run("list", "-v")[2]


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_a_reader_that_has_gone_ends_it_without_a_word(store, monkeypatch, capfd):
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
def test_red_is_for_terminals_that_want_it(monkeypatch, environ, red):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", Tty())
    assert main(["xyzzy"]) == 2
    assert sys.stderr.getvalue().startswith("\x1b[31m") is red


def test_signals_are_as_they_were_after_a_command(run):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run("prune")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


# ---- install -------------------------------------------------------------------------------------------------------------


def test_install_prints_the_executables_alone_and_says_the_rest_on_stderr(run, store):
    first, second = put(store, "a"), put(store, "b", "3.14.10")
    code, out, err = run("install", "3.15", "3.14")
    assert (code, out) == (0, f"{first.executable}\n{second.executable}\n")
    assert "a is in the store already." in err
    assert "a: the JIT is in and runs machine code with PYTHON_JIT=1." in err
    assert run("install", "-q", "3.15") == (0, f"{first.executable}\n", "")


def test_install_json_is_that_of_list(run, store):
    put(store, "a")
    assert json.loads(run("install", "3.15", "--json")[1]) == json.loads(run("list", "--json")[1])


def test_a_typo_in_the_last_request_is_said_before_the_first_is_built(run, monkeypatch):
    monkeypatch.setattr(api, "ensure", raising(AssertionError("built")))
    assert run("install", "3.15", "latest")[0] == RequestError.exit_code


def test_what_was_built_is_printed_though_the_next_one_fails(run, store):
    there = put(store, "a")
    code, out, _ = run("install", "3.15", "3.15.77")
    assert (code, out) == (RequestError.exit_code, f"{there.executable}\n")


@pytest.mark.parametrize("jit", ["yes-off", "yes", "interpreter", "no"])
def test_the_summary_says_what_was_proven_and_where_the_time_went(store, jit):
    found = put(store, "x", jit=jit)
    assert summary(found).startswith("x: ")
    assert "Built in" not in summary(found)
    found = stores.edited(found, times={"configure": 12.0, "make": 185.0, "total": 200.0})
    assert summary(found).endswith(" Built in 3 min 20 s (configure 12 s, make 3 min 05 s).")


# ---- plan ----------------------------------------------------------------------------------------------------------------


def test_a_plan_as_text_names_the_source_the_llvm_and_every_step(run):
    code, out, err = run("plan", "3.15.2", "--platform", "x86_64-linux-gnu")
    assert (code, err) == (0, "")
    assert out.startswith("cpython-3.15.2-jit-fast  for x86_64-linux-gnu\n")
    assert (
        "  source  https://www.python.org/ftp/python/3.15.2/Python-3.15.2.tar.xz\n          sha256 8b5536d2"
        in out
    )
    assert "  llvm    21: clang, " in out
    assert "--enable-experimental-jit=yes-off" in out
    assert "  configure\n" in out
    assert "      OPT='-O3 -Wall'\n" in out


def test_a_plan_as_text_says_its_warnings_and_whose_llvm_it_is(run):
    assert (
        "  warning: 3.15.0 has run-time bugs"
        in run("plan", "3.15.0", "--platform", "x86_64-linux-gnu")[1]
    )
    assert "(fetched by the build itself)" in run("plan", "3.15.2", "--platform", "x64-windows")[1]
    assert "  llvm " not in run("plan", "3.15.2", "--platform", "x64-windows", "--jit", "no")[1]


@pytest.mark.parametrize("platform", ["x86_64-linux-gnu", "aarch64-macos", "x86_64-windows"])
def test_the_shape_of_a_plan_in_json(run, platform):
    plan = json.loads(run("plan", "3.15.0b2", "--platform", platform, "--json")[1])
    assert set(plan) == {
        "name",
        "key",
        "version",
        "target",
        "variant",
        "source",
        "llvm",
        "edits",
        "leave_out",
        "steps",
        "warnings",
    }
    assert plan["target"] == platform
    assert set(plan["source"]) == {"kind", "url", "sha256", "digest"}
    assert set(plan["llvm"]) == {"major", "tools", "bundled"}
    assert plan["steps"]
    for step in plan["steps"]:
        assert set(step) == {"name", "argv", "env", "cwd"}


def test_a_plan_of_what_cannot_be_has_its_own_code(run):
    assert run("plan", "3.15t", "--jit", "yes")[0] == VariantError.exit_code
    assert run("plan", "3.15.77")[0] == RequestError.exit_code
    assert run("plan", "3.15", "--recipes", "none")[0] == RecipeError.exit_code
    assert run("plan", "3.15", "--sha256", PIN)[0] == UsageError.exit_code


# ---- list, which, config -------------------------------------------------------------------------------------------------


def test_an_empty_store_says_on_stderr_what_to_do(run):
    assert run("list") == (
        0,
        "",
        "The store is empty. Build an interpreter: jitbuild install 3.15\n",
    )
    assert run("list", "--quiet") == (0, "", "")
    assert run("list", "--json") == (0, "[]\n", "")


def test_a_list_is_a_line_each_on_stdout(run, store, elsewhere):
    one = put(store, "cpython-3.15.2-jit-fast-kkkkkkkk")
    put(store, "x", program=elsewhere)
    put(store, "y", ok=False)
    put(store, "z").executable.unlink()
    code, out, err = run("list")
    assert (code, err) == (0, "")
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert [line[0] for line in lines] == [one.name, "x", "y", "z"]
    assert lines[0][1].split() == ["proven", str(one.executable)]
    assert lines[1][1].split() == ["proven,", "adopted", str(elsewhere)]
    assert lines[2][1].startswith("not proven ")
    assert lines[3][1].startswith("gone ")


def test_the_shape_of_a_list_in_json(run, store):
    found = put(store, "x")
    (listed,) = json.loads(run("list", "--json")[1])
    assert set(listed) == {
        *(
            "name",
            "version",
            "variant",
            "path",
            "executable",
            "adopted",
            "instance",
            "verdict",
            "times",
            "caches",
        ),
    }
    assert (listed["name"], listed["executable"], listed["instance"]) == (
        "x",
        str(found.executable),
        found.instance,
    )
    assert listed["variant"]["jit"] == "yes-off"


def test_which_prints_the_executable_alone(run, store):
    name = "cpython-3.15.2-jit-fast-kkkkkkkk"
    found = put(store, name)
    for spec in ("3.15", "3.15.2", ">=3.13", name, "cpython-3.15"):
        assert run("which", spec) == (0, f"{found.executable}\n", "")


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["3.14"], "jitbuild install 3.14"),
        ([">=3.14,<3.15"], "jitbuild install '>=3.14,<3.15'"),
        (["3.15", "--jit", "yes"], "jitbuild install 3.15 --jit=yes"),
        (
            ["3.15", "--profile", "debug", "--tail-call", "--configure-arg", "--with-x=a b"],
            "jitbuild install 3.15 --profile=debug --tail-call '--configure-arg=--with-x=a b'",
        ),
    ],
)
def test_what_is_not_there_is_answered_with_the_command_that_builds_it(run, store, words, remedy):
    put(store, "x")
    code, out, err = run("which", *words)
    assert (code, out) == (NotInstalledError.exit_code, "")
    assert "It has: x." in err
    assert err.endswith(f"\nBuild it: {remedy}\n")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("3.12", "CPython 3.12 has no JIT: it came with 3.13."),
        ("3.15.77", "No recipe has a release for 3.15.77."),
        (">=3.17", "No recipe has a release for >=3.17."),
    ],
)
def test_no_install_is_advised_that_must_fail(run, spec, reason):
    code, out, err = run("which", spec)
    assert (code, out) == (NotInstalledError.exit_code, "")
    assert reason in err
    assert "jitbuild install" not in err


@pytest.mark.parametrize("command", ["which", "uninstall"])
def test_a_name_that_is_not_there_any_more_is_a_miss_and_no_bad_request(run, command):
    code, _, err = run(command, "cpython-3.15.2-jit-fast-00000000")
    assert code == NotInstalledError.exit_code
    assert "jitbuild list" in err


def test_an_interpreter_whose_program_is_gone_is_not_handed_out(run, store):
    put(store, "x").executable.unlink()
    assert run("which", "3.15")[0] == NotInstalledError.exit_code


def test_config_shows_each_setting_and_where_it_comes_from(run, home, monkeypatch):
    monkeypatch.setenv("JITBUILD_JOBS", "3")
    code, out, err = run("config")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()[: len(KNOWN)]}
    assert lines["jobs"].split() == ["jobs", "3", "JITBUILD_JOBS"]
    assert re.split("  +", lines["mirror"])[1:] == ["not set", KNOWN["mirror"]]
    columns = {lines[name].index("not set") for name in ("mirror", "ccache-storage")}
    assert columns == {lines["jobs"].index("3")}
    assert f"The store is {home}" in out
    shown = json.loads(run("config", "--json")[1])
    assert set(shown) == set(KNOWN)
    assert shown["jobs"] == {"value": "3", "origin": "JITBUILD_JOBS"}
    assert shown["mirror"] is None


# ---- run -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ([], ["PYTHON"]),
        (["python"], ["PYTHON"]),
        (["python", "-c", "pass"], ["PYTHON", "-c", "pass"]),
        (["python3", "x"], ["PYTHON", "x"]),
        (["-m", "pytest", "-x"], ["PYTHON", "-m", "pytest", "-x"]),
        (["-"], ["PYTHON", "-"]),
        (["bench.py", "1"], ["PYTHON", "bench.py", "1"]),
        (["pytest", "-x"], ["pytest", "-x"]),
        (["python3.14", "x.py"], ["python3.14", "x.py"]),
        (["./tool"], ["./tool"]),
    ],
)
def test_the_first_word_says_whether_the_interpreter_runs_it(store, command, expected):
    found = put(store, "x")
    assert command_line(found, command) == [
        str(found.executable) if word == "PYTHON" else word for word in expected
    ]


def test_the_interpreter_s_own_programs_come_first_on_path(store):
    found = put(store, "x")
    caller = {"PATH": "/usr/bin", "PYTHONHOME": "/usr", "PYTHON_JIT": "1", "A": "b"}
    env = command_environment(found, None, caller)
    assert env["PATH"].split(os.pathsep)[0] == str(found.executable.parent)
    assert env["PATH"].endswith(f"{os.pathsep}/usr/bin")
    assert "PYTHONHOME" not in env
    assert (env["PYTHON_JIT"], env["A"]) == ("1", "b")
    assert command_environment(found, "off", caller)["PYTHON_JIT"] == "0"
    assert "PYTHON_JIT" not in command_environment(found, "default", caller)
    assert command_environment(found, "on", {})["PATH"].endswith(os.defpath)


@pytest.mark.parametrize(
    ("version", "jit", "mode", "said"),
    [
        ("3.15.2", "no", "on", "has no JIT"),
        ("3.15.2", "no", "stress", "has no JIT"),
        ("3.14.10", "yes-off", "stress", "3.15"),
        ("3.13.15", "interpreter", "stress", "3.15"),
        ("3.15.2", "no", "off", None),
        ("3.15.2", "no", "default", None),
        ("3.15.0b2", "yes-off", "stress", None),
        ("3.16.0a1", "yes", "stress", None),
        ("3.13.15", "interpreter", "on", None),
    ],
)
def test_a_mode_that_would_be_ignored_is_refused(store, version, jit, mode, said):
    found = put(store, "x", version, jit=jit)
    if said is None:
        check_mode(found, mode)
    else:
        with pytest.raises(VariantError, match=said):
            check_mode(found, mode)


def test_run_becomes_the_command(run, store, monkeypatch):
    found, became = put(store, "x"), []

    def execvpe(file, argv, env):
        became.append((file, argv, env["PYTHON_JIT"]))
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "execvpe", execvpe)
    code, out, err = run("run", "3.15", "--mode", "on", "--", "bench.py")
    assert became == [(str(found.executable), [str(found.executable), "bench.py"], "1")]
    assert (code, out) == (2, "")
    assert "cannot be run: No such file or directory." in err


# ---- uninstall and prune -------------------------------------------------------------------------------------------------


def names(store):
    return [found.name for found in store.installed()]


def test_uninstall_removes_what_is_named_and_that_alone(run, store):
    for name in ("a", "b", "c"):
        put(store, name)
    assert run("uninstall", "a", "c", "a") == (0, "", "removed a\nremoved c\n")
    assert names(store) == ["b"]
    assert list((store.root / "scratch").iterdir()) == []


def test_uninstall_refuses_what_fits_several_without_all(run, store):
    put(store, "a")
    put(store, "b", jit="no")
    code, _, err = run("uninstall", "3.15")
    assert code == 2
    assert "3.15 fits 2 interpreters: a, b." in err
    assert names(store) == ["a", "b"]
    assert run("uninstall", "3.15", "--jit", "no")[0] == 0
    assert names(store) == ["a"]
    put(store, "b")
    assert run("uninstall", "3.15", "--all", "-q") == (0, "", "")
    assert names(store) == []


def test_uninstall_looks_everything_up_before_it_removes_anything(run, store):
    put(store, "a")
    assert run("uninstall", "a", "3.14")[0] == NotInstalledError.exit_code
    assert names(store) == ["a"]


def test_an_unproven_interpreter_can_be_removed_by_its_name(run, store):
    put(store, "a", ok=False)
    assert run("uninstall", "a")[0] == 0
    assert names(store) == []


@pytest.mark.parametrize("words", [["uninstall", "x"], ["uninstall", "3.15"], ["prune"]])
def test_the_tree_of_an_adopted_interpreter_is_never_touched(run, store, elsewhere, words):
    put(store, "x", "3.15.1", program=elsewhere)
    if words == ["prune"]:
        put(store, "y", "3.15.2", program=elsewhere)
    before = look(elsewhere)
    code, _, err = run(*words)
    assert code == 0
    assert "unregister" in err
    assert "x" not in names(store)
    assert look(elsewhere) == before
    assert elsewhere.read_text() == "somebody's own"


def test_prune_removes_what_is_superseded_or_gone(run, store, elsewhere):
    put(store, "old", "3.15.0")
    put(store, "new", "3.15.2")
    put(store, "gone").executable.unlink()
    put(store, "mine", "3.15.1", program=elsewhere)
    code, out, err = run("prune", "--dry-run")
    assert (code, out) == (0, "")
    assert err.splitlines() == ["remove gone", "remove old"]
    assert names(store) == ["gone", "mine", "new", "old"]
    assert run("prune")[2] == err
    assert names(store) == ["mine", "new"]
    assert run("prune") == (0, "", "")


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([("new", "3.15.2", {})], ["old"]),
        ([("b", "3.15.1", {}), ("new", "3.15.2", {})], ["b", "old"]),
        ([("same", "3.15.0", {}), ("new", "3.15.2", {})], ["old", "same"]),
        ([("same", "3.15.0", {})], []),
        ([("new", "3.15.10", {}), ("b", "3.15.9", {})], ["b", "old"]),
        ([("other", "3.16.0", {})], []),
        ([("release", "3.15.2", {"profile": "release"})], []),
        ([("no", "3.15.2", {"jit": "no"})], []),
        ([("threads", "3.15.2", {"free_threaded": True})], []),
        ([("args", "3.15.2", {"configure_args": ["--x"]})], []),
        ([("failed", "3.15.2", {"ok": False})], []),
        ([("tree", "3.15.2", {"kind": "folder"})], []),
        ([("beta", "3.15.0b2", {})], ["beta"]),
    ],
)
def test_a_newer_one_of_the_same_kind_supersedes(store, others, expected):
    put(store, "old", "3.15.0")
    for name, version, more in others:
        put(store, name, version, **more)
    assert sorted(found.name for found in superseded(store.installed())) == expected


def test_a_build_of_ones_own_sources_is_kept(store):
    put(store, "a", "3.15.0", kind="git")
    put(store, "b", "3.15.2", kind="git")
    put(store, "c", "3.15.3")
    assert superseded(store.installed()) == []


def test_prune_removes_old_logs_scratch_and_with_caches_the_caches(run, store):
    store.logs.mkdir(parents=True)
    old, new = store.logs / "old.log", store.logs / "new.log"
    for log, age in ((old, timedelta(days=8)), (new, timedelta(days=6))):
        log.write_text("x")
        then = (datetime.now(UTC) - age).timestamp()
        os.utime(log, (then, then))
    for name in ("sources", "llvm", "scratch/killed"):
        (store.root / name).mkdir(parents=True)
        (store.root / name / "file").write_bytes(b"x" * 2000)
    assert run("prune")[2] == f"remove {old} (1 B)\n"
    assert [old.exists(), new.exists(), (store.root / "scratch" / "killed").exists()] == [
        False,
        True,
        False,
    ]
    assert (store.root / "sources" / "file").exists()
    assert run("prune", "--caches", "-n")[2].splitlines() == [
        f"remove {store.root / name} (2.0 kB)" for name in ("sources", "llvm")
    ]
    assert (store.root / "sources" / "file").exists()
    run("prune", "--caches")
    assert not (store.root / "sources").exists()
    assert not (store.root / "llvm").exists()


def test_prune_keeps_what_a_build_needs_while_something_is_built(run, store):
    fill(store, "llvm", "sources", "stencils", "configure", "ccache")
    with store.scratch():
        code, _, err = run("prune", "--caches")
    assert code == 0
    assert "the caches it needs are kept" in err
    assert caches_in(store) == ["ccache", "llvm", "sources"]
    assert not (store.root / "ccache" / "folder" / "file").exists()


# ---- caches -------------------------------------------------------------------------------------------------------------


def fill(store, *names):
    for name in names:
        (store.root / name / "folder").mkdir(parents=True)
        (store.root / name / "folder" / "file").write_bytes(b"x" * 2000)


def caches_in(store):
    return sorted(path.name for path in store.root.iterdir() if path.name in inventory.NAMES)


@pytest.fixture
def no_programs(monkeypatch):
    monkeypatch.setenv("PATH", "")


def test_the_caches_are_shown_with_their_sizes_and_how_often_they_helped(run, store, no_programs):
    fill(store, "llvm", "ccache")
    stencils = StencilStore.below(store.root).entries
    stencils.put("a" * 64, {"jit_stencils.h": b"x" * 5000}, {})
    for hit in (True, True, False):
        stencils.record_lookup(hit=hit)
    code, out, err = run("cache", "--json")
    assert code == 0
    assert "ccache" in err, "whose hits nobody can tell"
    rows = {row["name"]: row for row in json.loads(out)}
    assert list(rows) == list(inventory.NAMES)
    assert set(rows["llvm"]) == {"name", "path", "bytes", "entries", "hits", "misses"}
    assert rows["llvm"]["path"] == str(store.root / "llvm")
    assert (rows["llvm"]["bytes"], rows["llvm"]["hits"]) == (2000, None)
    assert rows["sources"]["bytes"] == 0
    assert rows["measurements"]["entries"] is None, "its folders are no cache entries"
    assert [rows["stencils"][each] for each in ("entries", "hits", "misses")] == [1, 2, 1]
    assert 5000 < rows["stencils"]["bytes"] < 6000
    assert [rows["configure"][each] for each in ("bytes", "entries", "hits", "misses")] == [
        0,
        0,
        0,
        0,
    ]
    assert rows["ccache"]["bytes"] == 2000
    lines = run("cache")[1].splitlines()
    assert lines[0].split() == ["size", "entries", "hits", "misses"]
    table = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert list(table) == [*inventory.NAMES, "total"]
    assert table["llvm"] == ["2.0", "kB"]
    assert table["stencils"][-3:] == ["1", "2", "1"]
    assert " ".join(table["total"]) == format_size(sum(row["bytes"] for row in rows.values()))


def test_the_caches_of_no_store_are_empty_and_make_none(run, home):
    code, out, err = run("cache", "--json")
    assert (code, err) == (0, "")
    assert {row["bytes"] for row in json.loads(out)} == {0}
    assert run("cache", "clear") == (0, "", "")
    assert not Path(home).exists()


def find_ccache(store, runner, **options):
    pins = api.catalog().ccache.wheel
    return inventory.find_ccache(store, pins, host().target, runner=runner, **options)


def test_the_hits_of_ccache_are_asked_of_one_that_is_there_and_none_is_fetched(
    store, no_programs, monkeypatch, tmp_path
):
    asked = []

    def runner(argv, **_):
        asked.append(argv)
        return Completed(
            argv=tuple(argv), returncode=0, stdout="ccache version 4.10.2\nFeatures: http-storage\n"
        )

    assert find_ccache(store, runner) is None
    fill(store, "ccache")
    assert find_ccache(store, runner) is None
    assert asked == []
    program = tmp_path / "tools" / "ccache"
    program.parent.mkdir()
    program.touch(mode=0o755)
    found = find_ccache(store, runner, environ={"PATH": str(program.parent)})
    assert found.program == program
    assert asked == [[str(program), "--version"]]


def test_what_is_named_is_cleared_and_that_alone(run, store):
    fill(store, *inventory.NAMES)
    code, out, err = run("cache", "clear", "stencils", "ccache", "stencils")
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        f"remove {store.root / name} (2.0 kB)" for name in ("stencils", "ccache")
    ]
    assert set(caches_in(store)) == {*inventory.NAMES} - {"stencils", "ccache"}
    assert run("cache", "clear", "stencils") == (0, "", "")
    assert list(store.scratches.iterdir()) == []


def test_clearing_all_takes_every_cache_and_nothing_else(run, store):
    mine = put(store, "cpython-3.15.2")
    fill(store, *inventory.NAMES)
    assert len(run("cache", "clear", "--dry-run")[2].splitlines()) == len(inventory.NAMES)
    assert caches_in(store) == sorted(inventory.NAMES)
    assert run("cache", "clear")[0] == 0
    assert caches_in(store) == []
    assert store.installed() == [mine]


def test_what_a_running_build_needs_is_not_cleared_from_under_it(run, store):
    fill(store, "llvm", "stencils", "configure", "ccache")
    with store.scratch():
        code, _, err = run("cache", "clear")
        assert code == 1
        assert "These caches are kept: llvm." in err
        assert caches_in(store) == ["ccache", "llvm"]
        assert [path.name for path in (store.root / "ccache").rglob("*")] == ["folder"], (
            "which a ccache at work may need"
        )
        assert run("cache", "clear", "stencils")[0] == 0, (
            "what was not there is no reason to complain"
        )
    assert run("cache", "clear")[0] == 0
    assert caches_in(store) == []


def test_a_cache_that_nobody_knows_is_a_usage_error_and_nothing_is_cleared(run, store):
    fill(store, "stencils", "llvm")
    code, _, err = run("cache", "clear", "llvm", "stencil")
    assert code == UsageError.exit_code
    assert "Did you mean stencils?" in err
    assert caches_in(store) == ["llvm", "stencils"]


def test_flags_of_clear_may_stand_before_the_names(run, store):
    fill(store, "stencils")
    assert run("cache", "clear", "-n", "stencils")[0] == 0
    assert caches_in(store) == ["stencils"]


def test_prune_of_no_store_makes_none(run, home):
    assert run("prune") == (0, "", "")
    assert not Path(home).exists()


def test_a_program_is_a_path_or_a_name_on_path(tmp_path, monkeypatch):
    tool = tmp_path / "bin" / "python3.15"
    tool.parent.mkdir()
    tool.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    assert find_program("python3.15") == tool
    assert find_program(str(tool)) == tool
    assert find_program("no/such/python") == Path("no/such/python")
    assert find_program("nosuch") is None


def test_all_of_a_version_is_what_was_built_of_it_in_any_way(run, store):
    put(store, "plain", "3.15.2")
    put(store, "custom", "3.15.2", configure_args=["--with-trace-refs"])
    put(store, "other", "3.14.1")
    assert run("uninstall", "3.15.2", "--all")[0] == 0
    assert [found.name for found in store.installed()] == ["other"]
