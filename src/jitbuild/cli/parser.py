"""Every command and flag. Nothing here may import what is heavy: this is built for `jitbuild which` too."""

from __future__ import annotations

import argparse
import os
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from jitbuild.errors import UsageError
from jitbuild.modes import MODES
from jitbuild.request import JITS, PARTS, PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_SPEC = "3.15.0b2, 3.15, 3.15t, '>=3.14,<3.16', main, git+URL@REF, or the path of a source folder or archive"


class _Formatter(argparse.HelpFormatter):
    """argparse makes a formatter for every argument it adds, and without a width each asks shutil, which imports bz2 and lzma."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"width": _width(), **options})


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        # No abbreviations: a flag added later must not break somebody's script.
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[0].upper()}{message[1:]}.", remedy=f"See `{self.prog} --help`.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        what = (
            action.metavar.lower()
            if isinstance(action.metavar, str)
            else f"value of {'/'.join(action.option_strings)}"
        )
        choices = list(map(str, action.choices))
        raise UsageError(
            f"{value!r} is not a {what}.",
            remedy=f"{_near(str(value), choices)}There are: {', '.join(choices)}.",
        )

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Say which words are not understood, and what may have been meant."""
        flags = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        hint = _near(flags[0], self._option_string_actions) if flags else ""
        if flags and flags[0] in self._option_string_actions:
            hint = "Flags stand after the command. "
        elif self.prog.rpartition(" ")[2] in _TAKE_COMMANDS and not (
            hint and unknown[0].startswith("-")
        ):
            hint = f"A command stands after `--`: {self.prog} SPEC -- COMMAND. "
        raise UsageError(
            f"Not understood: {' '.join(unknown)}.", remedy=f"{hint}See `{self.prog} --help`."
        )


def _near(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f"Did you mean {near[0]}? " if near else ""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; what stands after the first `--` is `command`. Raises UsageError."""
    words = _joined(argv)
    command = None
    if "--" in words:
        split = words.index("--")
        words, command = words[:split], words[split + 1 :]
    parser = build(words[0] if words else None)
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        (options.parser if options.name else parser).refuse(unknown)
    if options.name is None:
        parser.print_help()
        raise SystemExit(0)
    if command is not None and options.name not in _TAKE_COMMANDS:
        raise UsageError(
            f"`jitbuild {options.name}` takes no command after `--`.",
            remedy=f"See `jitbuild {options.name} --help`.",
        )
    options.command = command
    return options


_TAKE_COMMANDS = frozenset({"run", "diff", "bench"})
# Their values begin with hyphens, which argparse takes for flags of ours: any, or those that no flag of ours looks like.
_TAKE_HYPHENS = frozenset({"--configure-arg"})
_MAY_BEGIN = {"--benchmarks": re.compile(r"-\w\w"), "--with": re.compile(r"-e")}


def _joined(argv: Sequence[str]) -> list[str]:
    """`argv` with `--configure-arg --with-x` as `--configure-arg=--with-x`, up to the first `--`."""
    end = argv.index("--") if "--" in argv else len(argv)
    words: list[str] = []
    for word in argv[:end]:
        last = words[-1] if words else ""
        if last in _TAKE_HYPHENS or (last in _MAY_BEGIN and _MAY_BEGIN[last].match(word)):
            words[-1] = f"{last}={word}"
        else:
            words.append(word)
    return [*words, *argv[end:]]


def _width() -> int:
    """The columns that help may take: those of the terminal, else 80, less the two that argparse keeps free."""
    try:
        return int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size().columns - 2
    except (OSError, ValueError):
        return 78


def build(only: str | None = None) -> _Parser:
    """The parser of all commands, or of `only` that one if it is a command: building them all costs as much as Python's start."""
    parser = _Parser(
        prog="jitbuild",
        description="Build, prove and run CPython interpreters with the experimental JIT.",
        epilog="Exit codes: 0 done; 1 the thing asked about is not so; 2 usage; others are listed in the README.",
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="print jitbuild's version and exit"
    )
    # Without a prog argparse formats a usage to find it, and imports shutil for that.
    commands = parser.add_subparsers(
        dest="name", metavar="COMMAND", parser_class=_Parser, prog="jitbuild"
    )
    for name, add in _COMMANDS.items():
        if only not in _COMMANDS or only == name:
            add(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"jitbuild {version('jitbuild')}")
        except PackageNotFoundError:
            print("jitbuild of a checkout that is not installed")
        parser.exit()


Commands = argparse._SubParsersAction  # noqa: SLF001


def _command(
    commands: Commands[_Parser], name: str, handler: str, help_: str, description: str = ""
) -> argparse.ArgumentParser:
    """A command whose handler is `module:function` under jitbuild.cli, imported when it is called."""
    parser = commands.add_parser(
        name, help=help_, description=description or f"{help_[0].upper()}{help_[1:]}."
    )
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument(
        "-q", "--quiet", action="store_true", help="print warnings and errors only"
    )
    loudness.add_argument(
        "-v", "--verbose", action="store_true", help="print more, and tracebacks of errors"
    )
    parser.set_defaults(handler=lambda: _load(handler), parser=parser)
    return parser


def _load(handler: str) -> Callable[..., Any]:
    module, _, function = handler.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"jitbuild.cli.{module}"), function)
    return found


def _completed(action: argparse.Action, offers: str) -> None:
    """Let argcomplete offer what a function of cli/completion.py knows."""

    def completer(**options: Any) -> Any:
        return _load(f"completion:{offers}")(**options)

    action.completer = completer  # type: ignore[attr-defined]


def _install(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "install",
        "install:install",
        "build interpreters, prove their JIT and keep them in the store",
        "Build interpreters, prove their JIT and keep them in the store. What the store has already is not built again.",
    )
    _completed(parser.add_argument("spec", nargs="+", metavar="SPEC", help=_SPEC), "known")
    _axes(parser, several=True)
    _sources(parser)
    _llvm(parser)
    parser.add_argument(
        "--ccache",
        choices=("auto", "managed", "off"),
        help="the compiler cache: one on PATH (auto, default), a wheel's, or none",
    )
    parser.add_argument(
        "--no-caches",
        action="store_true",
        help="take nothing from the stencil, configure and compiler caches",
    )
    parser.add_argument(
        "-j",
        "--jobs",
        type=_jobs,
        metavar="N",
        help="jobs at once, for all builds together (default: this machine's processors)",
    )
    parser.add_argument(
        "--keep-going",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="build the others when one of several fails (default); --no-keep-going stops them",
    )
    parser.add_argument(
        "--upgrade",
        action="store_true",
        help="look past the store for the newest release that fits",
    )
    parser.add_argument("--reinstall", action="store_true", help="build anew what the store has")
    parser.add_argument(
        "--install-deps",
        action="store_true",
        help="install what the build needs with this machine's package manager",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="go on without headers, and keep an interpreter that lacks modules",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the interpreters as JSON, as `list` does"
    )


def _plan(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "plan",
        "plan:plan",
        "show what install would do, for any platform, without touching the network",
    )
    _completed(parser.add_argument("spec", metavar="SPEC", help=_SPEC), "known")
    _axes(parser)
    _sources(parser, mirror=False)
    parser.add_argument(
        "--platform",
        metavar="TARGET",
        help="x86_64-linux-gnu, aarch64-macos, x86_64-windows, ... (default: this machine)",
    )
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")


def _doctor(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "doctor",
        "doctor:doctor",
        "check what this machine needs for a build; exit 1 when something is missing",
    )
    _completed(
        parser.add_argument(
            "spec",
            nargs="?",
            default="3.15",
            metavar="SPEC",
            help="what would be built (default: 3.15)",
        ),
        "known",
    )
    _axes(parser)
    _sources(parser, mirror=False)
    _llvm(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def _probe(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "probe",
        "probe:probe",
        "prove an interpreter's JIT by its machine code; exit 1 when it is not as expected",
    )
    _completed(
        parser.add_argument(
            "spec",
            metavar="SPEC|PATH",
            help="an interpreter of the store, or any Python: a path, or a program on PATH",
        ),
        "kept",
    )
    parser.add_argument(
        "--expect",
        choices=("jit", "yes", "yes-off", "interpreter", "no"),
        default="jit",
        help="default: jit",
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def _config(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands, "config", "config:config", "show every setting and where its value comes from"
    )
    parser.add_argument("--json", action="store_true", help="print the settings as JSON")


def _list(commands: Commands[_Parser]) -> None:
    parser = _command(commands, "list", "kept:list_", "list the interpreters in the store")
    parser.add_argument("--json", action="store_true", help="print them as JSON")


def _which(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "which",
        "kept:which",
        "print the path of an interpreter in the store, and nothing else",
    )
    _completed(parser.add_argument("spec", metavar="SPEC", help=_SPEC), "kept")
    _axes(parser)


def _run(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "run",
        "run:run",
        "run a command with an interpreter of the store",
        "Run a command with an interpreter of the store. After --, a first word that begins with - or ends in .py goes to the "
        "interpreter, `python` is the interpreter, and anything else is found on PATH with the interpreter's bin folder first.",
    )
    parser.usage = "jitbuild run SPEC [--mode MODE] [-- COMMAND ...]"
    _completed(parser.add_argument("spec", metavar="SPEC", help=_SPEC), "kept")
    parser.add_argument(
        "--mode",
        choices=MODES,
        default=None,
        help="PYTHON_JIT=0, 1, with stress, or none set (default: as the environment has it)",
    )
    _axes(parser)


def _diff(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "diff",
        "diff:diff",
        "compare a command with the JIT off and on; exit 1 when something differs",
        "Run a command in several modes on one interpreter of the store and say what differs with the JIT, what is flaky and what "
        "takes another time. Of pytest every test is compared. After -- the words are read as `jitbuild run` reads them. Exit 1 "
        "when something differs; what is flaky or takes another time alone is no difference.",
    )
    parser.usage = "jitbuild diff SPEC [options] -- COMMAND ..."
    _completed(parser.add_argument("spec", metavar="SPEC", help=_SPEC), "kept")
    parser.add_argument(
        "--modes",
        metavar="MODES",
        help="two or more of off, on, stress (3.15+), default (default: off,on)",
    )
    parser.add_argument(
        "--repeat",
        type=_repeats,
        default=3,
        metavar="N",
        help="runs in each mode, interleaved (default: 3)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="S",
        help="end a run, and all it started, after so many seconds",
    )
    parser.add_argument(
        "--with",
        dest="with_",
        action="append",
        default=[],
        metavar="PKG",
        help="run in an environment of its own that has PKG",
    )
    parser.add_argument(
        "--requirements",
        action="append",
        default=[],
        metavar="FILE",
        help="the same, with what FILE lists",
    )
    parser.add_argument(
        "--keep",
        metavar="DIR",
        help="keep the log of every run there (default: of those that fail, in the store's logs/)",
    )
    _axes(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def _bench(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "bench",
        "bench:bench",
        "measure how much the JIT gains, and whether the number can be trusted",
        "Measure programs with the JIT off and on, interleaved, on one interpreter of the store, and say what to do: the quick "
        "suite, pyperformance, --stmt, or a command after `--`, which is read as `jitbuild run` reads it. `bench compare` compares "
        "any files of pyperf's. The ratio is off / on: above 1 the JIT is faster. docs/bench.md says how it is measured.",
    )
    parser.usage = "jitbuild bench SPEC [options] [-- COMMAND ...]\n       jitbuild bench compare FILE FILE ... [--json]"
    _completed(
        parser.add_argument("spec", metavar="SPEC", help=f"{_SPEC}; or the word compare"), "kept"
    )
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="after compare: files of pyperf's; the others are compared with the first",
    )
    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "--suite",
        choices=("quick", "pyperformance"),
        help="quick (default): 14 small programs; pyperformance: the official suite, in environments of its own",
    )
    _completed(
        what.add_argument(
            "--benchmarks",
            metavar="NAME[,NAME]",
            help="only these of the suite; of pyperformance also groups, and -NAME for what is left out",
        ),
        "programs",
    )
    what.add_argument(
        "--pytest-benchmark",
        action="store_true",
        help="each test of pytest-benchmark in the command of pytest's after `--`; --with pytest-benchmark installs it",
    )
    what.add_argument("--stmt", metavar="CODE", help="this statement, as timeit has it")
    what.add_argument("--setup", metavar="CODE", help="what is run once before --stmt")
    what.add_argument(
        "--aa",
        action="store_true",
        help="off against off: the noise of this machine, which later runs take into account",
    )
    what.add_argument(
        "--with",
        dest="with_",
        action="append",
        default=[],
        metavar="PKG",
        help="measure in an environment that has PKG, too",
    )
    what.add_argument(
        "--requirements",
        action="append",
        default=[],
        metavar="FILE",
        help="the same, with what FILE lists",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--rounds",
        type=_repeats,
        metavar="N",
        help="processes in each mode (default: 5, for --stmt and a command 10)",
    )
    how.add_argument(
        "--values",
        type=_repeats,
        metavar="N",
        help="values of each process (default: 12, for --stmt 20, for a command 1, for pyperformance 3)",
    )
    how.add_argument(
        "--timeout",
        type=_seconds,
        metavar="S",
        help="end a process after so many seconds (default: 600)",
    )
    how.add_argument(
        "--resume",
        action="store_true",
        help="go on with the same measurement where it was interrupted or failed",
    )
    _axes(parser)
    shown = parser.add_argument_group("what is shown")
    shown.add_argument(
        "--inspect",
        action="store_true",
        help="which functions got machine code, and which hot ones did not",
    )
    shown.add_argument(
        "--output",
        metavar="DIR",
        help="write the files of pyperf there, off.json and on.json (default: in the store)",
    )
    shown.add_argument(
        "--html",
        metavar="FILE",
        help="write a report that is one file, with charts (needs jitbuild[bench])",
    )
    shown.add_argument(
        "--svg", metavar="FILE", help="write the chart of ratios (needs jitbuild[bench])"
    )
    shown.add_argument("--json", action="store_true", help="print the report as JSON")


def _adopt(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "adopt",
        "kept:adopt",
        "register an interpreter that is already on this machine, after probing it",
    )
    parser.add_argument(
        "path", metavar="PATH", help="the interpreter; its own tree is never written"
    )
    parser.add_argument(
        "--expect",
        choices=("jit", "yes", "yes-off", "interpreter", "no"),
        default="jit",
        help="what it must be (default: jit)",
    )
    parser.add_argument(
        "--profile", choices=PROFILES, default=None, help="how it was built, if you know"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON, as `list` does")


def _uninstall(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "uninstall",
        "upkeep:uninstall",
        "remove interpreters from the store; adopted ones are only unregistered",
    )
    spec = parser.add_argument(
        "spec",
        nargs="+",
        metavar="SPEC|NAME",
        help="a name as `list` prints it, or what fits exactly one interpreter",
    )
    _completed(spec, "kept")
    _axes(parser)
    parser.add_argument("--all", action="store_true", help="remove every interpreter that fits")


def _prune(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "prune",
        "upkeep:prune",
        "remove what is superseded or left over",
        "Remove interpreters that a newer release of the same series and variant supersedes, registrations whose interpreter is "
        "gone, logs older than a week, and what killed builds left.",
    )
    parser.add_argument(
        "--caches", action="store_true", help="also remove every cache: `jitbuild cache` shows them"
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="only say what would be removed"
    )


def _cache(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "cache",
        "cache:show",
        "show what the caches hold and how often they helped, or clear them",
        "Show how large each cache is, and how often the stencil, configure and compiler caches had what was asked for. "
        "docs/caches.md says what each of them keeps.",
    )
    parser.usage = (
        "jitbuild cache [-q | -v] [--json]\n       jitbuild cache clear [-q | -v] [-n] [NAME ...]"
    )
    parser.add_argument("--json", action="store_true", help="print the caches as JSON")
    actions = parser.add_subparsers(
        dest="action",
        metavar="clear",
        parser_class=_Parser,
        prog="jitbuild cache",
        help="remove caches: see `cache clear --help`",
    )
    clear = _command(
        actions, "clear", "cache:clear", "remove caches, all of them or those that are named"
    )
    _completed(
        clear.add_argument(
            "cache",
            nargs="*",
            metavar="NAME",
            help="a name as `jitbuild cache` prints it (default: all)",
        ),
        "caches",
    )
    clear.add_argument(
        "-n", "--dry-run", action="store_true", help="only say what would be removed"
    )


def _matrix(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "matrix",
        "matrix:show",
        "print the jobs of a CI: what to build once, and what to test with it",
        "Print the jobs of a CI: each interpreter to build, once for each OS, and each session to test with it. What the store has "
        "is not looked at, so the answer is the same on every machine. docs/ci.md shows the workflows around it.",
    )
    parser.add_argument(
        "--format",
        choices=("github", "gitlab", "json"),
        default="json",
        help="lines for $GITHUB_OUTPUT, YAML, or (default) an object",
    )
    _completed(
        parser.add_argument(
            "--pythons", nargs="+", metavar="SPEC", help="default: `pythons` of the settings"
        ),
        "known",
    )
    parser.add_argument(
        "--modes",
        nargs="+",
        metavar="MODE",
        help="default: `modes` of the settings, else off and on",
    )
    parser.add_argument(
        "--os",
        nargs="+",
        default=["linux"],
        metavar="OS",
        help="linux (default), linux-arm, macos, windows, windows-arm",
    )
    parser.add_argument(
        "--runner",
        action="append",
        default=[],
        metavar="OS=LABEL",
        help="the runner to use for an OS",
    )
    parser.add_argument(
        "--session",
        default="tests",
        metavar="NAME",
        help="the name of the nox session (default: tests)",
    )
    parser.add_argument(
        "--from-nox",
        nargs="?",
        const="noxfile.py",
        metavar="NOXFILE",
        help="take the sessions of a noxfile (default: noxfile.py)",
    )
    parser.add_argument(
        "--recipes", metavar="DIR", help="a folder of recipes on top of the shipped ones"
    )


def _ci(commands: Commands[_Parser]) -> None:
    parser = _command(
        commands,
        "ci",
        "ci:ci",
        "do a step of the setup-jitbuild action",
        "Do a step of the setup-jitbuild action. `key` says under which key the CI's cache keeps the interpreters, and which "
        "folders; `provide` probes what is in the store, removes what fails, installs what is missing, and puts it on PATH. "
        "Under GitHub Actions the answers go into its files, elsewhere to stdout.",
    )
    parser.add_argument("step", choices=("key", "provide"), metavar="STEP", help="key or provide")
    _completed(
        parser.add_argument(
            "--pythons", nargs="+", metavar="SPEC", help="default: `pythons` of the settings"
        ),
        "known",
    )
    parser.add_argument(
        "--install-deps",
        action="store_true",
        help="install what a build needs with this machine's package manager",
    )


def _axes(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    group = parser.add_argument_group("variant")
    jit = "--enable-experimental-jit= (default: yes-off, which serves both modes)"
    if several:
        group.add_argument(
            "--jit", type=_jits, default=None, metavar="JIT[,JIT]", help=f"{jit}: {', '.join(JITS)}"
        )
    else:
        group.add_argument("--jit", choices=JITS, default=None, help=jit)
    group.add_argument(
        "--profile",
        choices=PROFILES,
        default=None,
        help="fast to build, release (PGO and LTO), or debug (default: fast)",
    )
    group.add_argument(
        "--tail-call",
        action="store_true",
        default=None,
        help="the tail-calling interpreter (3.14+)",
    )
    group.add_argument(
        "--configure-arg",
        action="append",
        default=[],
        metavar="ARG",
        help="one more argument for configure or build.bat",
    )
    group.add_argument(
        "--patch", action="append", default=[], metavar="FILE", help="apply a patch to the sources"
    )
    group.add_argument(
        "--include",
        action="append",
        choices=PARTS,
        default=[],
        metavar="PART",
        help=f"what fast and release builds leave out: {', '.join(PARTS)}",
    )


def _sources(parser: argparse.ArgumentParser, *, mirror: bool = True) -> None:
    group = parser.add_argument_group("sources")
    if mirror:
        group.add_argument(
            "--mirror",
            metavar="PLACE",
            help="the only place to ask: a URL, a folder, or `distro` (Debian, Ubuntu)",
        )
    group.add_argument(
        "--sha256",
        metavar="HASH",
        help="the sha256 of the .tar.xz of a release that the recipes do not know yet",
    )
    group.add_argument(
        "--recipes", metavar="DIR", help="a folder of recipes on top of the shipped ones"
    )


def _llvm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--llvm",
        metavar="WHERE",
        help="auto (default), system, managed (wheels, no root), or a path",
    )


def _jits(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in JITS:
            raise UsageError(
                f"{word!r} is not a value of --jit.",
                remedy=f"{_near(word, JITS)}There are: {', '.join(JITS)}.",
            )
    return list(dict.fromkeys(words))


def _jobs(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of jobs: give one from 1 on")
    return number


def _repeats(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of repeats: give one from 1 on")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


_COMMANDS: dict[str, Callable[[Commands[_Parser]], None]] = {
    "install": _install,
    "plan": _plan,
    "doctor": _doctor,
    "probe": _probe,
    "list": _list,
    "which": _which,
    "run": _run,
    "diff": _diff,
    "bench": _bench,
    "adopt": _adopt,
    "uninstall": _uninstall,
    "prune": _prune,
    "cache": _cache,
    "matrix": _matrix,
    "ci": _ci,
    "config": _config,
}
