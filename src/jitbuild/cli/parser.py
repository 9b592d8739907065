"""The parser of the command line. It imports only the module of the requested command."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from jitbuild.cli.arguments import add_general_options
from jitbuild.cli.command_parser import Parser
from jitbuild.cli.commands import COMMANDS, GROUPS, MODULES, TAKE_COMMAND
from jitbuild.cli.list_options import expand_lists
from jitbuild.system.own_version import own_version

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class CommandModule(Protocol):
    """The module of a command: `jitbuild.cli.<command>`."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command, and a longer description if needed."""

    def run(self, options: argparse.Namespace) -> int:
        """Run the command and return its exit code."""


class MainParser(Parser):
    """The parser of `jitbuild` itself, whose help lists the commands in groups."""

    def __init__(self) -> None:
        super().__init__(
            prog="jitbuild",
            description="Build, prove and run CPython interpreters with the experimental JIT.",
            epilog="Exit codes: 0 success; 1 a check failed, or a difference was found; 2 wrong "
            "usage. The README lists the others.",
        )
        self.add_argument(
            "--version", action=_Version, nargs=0, help="print the version of jitbuild and exit"
        )
        add_general_options(self, default=False)
        self.set_defaults(parser=self)
        # If `prog` were omitted, argparse would import shutil to derive it from the usage.
        self.commands = self.add_subparsers(
            dest="name", metavar="COMMAND", parser_class=Parser, prog="jitbuild"
        )

    def add_command(self, name: str, module: CommandModule | None) -> None:
        """Add the command `name` with the arguments of `module`.

        If `module` is None, only the summary is added, which suffices for the help of jitbuild.
        """
        summary = COMMANDS[name]
        parser = self.commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        if module is not None:
            add_general_options(parser, default=argparse.SUPPRESS)
            module.add_arguments(parser)
            parser.set_defaults(run=module.run, parser=parser)

    def format_help(self) -> str:
        """Return the help with the commands in groups."""
        formatter = self._get_formatter()
        formatter.add_usage("jitbuild [-q | -v] COMMAND [arguments]", (), ())
        formatter.add_text(self.description)
        actions = self.commands._get_subactions()  # noqa: SLF001
        summaries = {action.dest: action for action in actions}
        for title, names in GROUPS.items():
            formatter.start_section(title)
            formatter.add_arguments(summaries[name] for name in names)
            formatter.end_section()
        formatter.start_section("options")
        formatter.add_arguments(action for action in self._actions if action is not self.commands)
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line `argv`.

    Besides the arguments of the command, the result has `name` (the name of the command), `run`
    (its handler) and `command` (the words after the first `--`; None if there is no `--`).

    Raises UsageError when the command line is invalid.
    """
    words, command = _split_at_hyphens(argv)
    begin = next((index for index, word in enumerate(words) if word[:1] != "-"), len(words))
    names = [name for name in words[begin : begin + 1] if name in COMMANDS]
    if {"-h", "--help"} & set(words[:begin]):
        names = []
    if "_ARGCOMPLETE" in os.environ:
        from jitbuild.cli.completion import complete

        parser = build(COMMANDS)
        complete(parser, parser.commands.choices)
    parser = build(names)
    for name in names:
        words[begin + 1 :] = expand_lists(words[begin + 1 :], parser.commands.choices[name])
    options, unknown = parser.parse_known_args(words)
    if unknown:
        options.parser.reject(unknown)
    if options.name is None:
        parser.print_help()
        parser.exit()
    options.command = command
    _check(options)
    return options


def _split_at_hyphens(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Return the words before the first `--`, and the words after it (None if there is no `--`)."""
    words = list(argv)
    if "--" not in words:
        return words, None
    index = words.index("--")
    return words[:index], words[index + 1 :]


def _check(options: argparse.Namespace) -> None:
    """Raise UsageError when options conflict, or when the command accepts nothing after `--`."""
    parser: Parser = options.parser
    if options.quiet and options.verbose:
        parser.error("argument -v/--verbose: not allowed with argument -q/--quiet")
    if options.command is not None and options.name not in TAKE_COMMAND:
        parser.error(f"`jitbuild {options.name}` takes no command after `--`")


def build(names: Collection[str] = ()) -> MainParser:
    """Return the parser with the commands `names`.

    If `names` is empty, the parser has the summaries of all commands, for the help. Only the
    modules of `names` are imported, because importing all of them takes longer than starting
    Python.
    """
    parser = MainParser()
    for name in names or COMMANDS:
        module = import_module(f"jitbuild.cli.{MODULES.get(name, name)}") if names else None
        parser.add_command(name, cast("CommandModule | None", module))
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(f"jitbuild {own_version()}")
        parser.exit()
