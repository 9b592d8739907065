"""The parser: help, usage errors and general options."""

import re

import pytest

from jitbuild.cli import parser as parsers
from jitbuild.cli.commands import COMMANDS, GROUPS
from jitbuild.cli.main import main
from jitbuild.errors import UsageError

PIN = "a" * 64

pytestmark = pytest.mark.usefixtures("home")


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


@pytest.mark.parametrize(
    ("command", "jit", "profile"),
    [
        ("plan", "yes-off, which serves both modes", "fast"),
        *(
            (command, "any that fits", "any that fits")
            for command in ("which", "run", "diff", "bench", "uninstall")
        ),
    ],
)
def test_the_help_names_the_default_variant(capsys, command, jit, profile):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"--enable-experimental-jit= (default: {jit})" in text
    assert f"or debug (default: {profile})" in text


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
            "argument COMMAND: invalid choice: 'instal' (choose from install, adopt, export, ",
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
            (
                "Write the options of a command after it: jitbuild list --json. "
                "See `jitbuild list --help`."
            ),
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
def test_the_words_after_the_first_two_hyphens_are_the_command(words, command):
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


@pytest.mark.parametrize("option", ["--configure-arg=--", "-j--", "--jit=--", "--patch=--"])
def test_two_hyphens_are_no_value_of_an_option(run, option):
    code, out, err = run("install", "3.15", option)
    assert (code, out) == (UsageError.exit_code, "")
    assert "`--` is not a value" in err
