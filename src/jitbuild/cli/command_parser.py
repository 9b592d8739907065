"""The parser class: its errors suggest corrections, and its help fits the terminal's width."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any, NoReturn

from jitbuild.cli.commands import TAKE_COMMAND
from jitbuild.cli.list_options import ListAction
from jitbuild.errors import UsageError
from jitbuild.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


class Formatter(argparse.HelpFormatter):
    """Format help at the width of the terminal, and keep the line breaks of examples.

    argparse makes a formatter for every argument. A formatter without a width imports shutil, which
    takes longer than the rest of the parser.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"width": _width(), **options})

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError for errors, with a suggestion for a misspelt word."""

    def __init__(self, **options: Any) -> None:
        # Abbreviated options are refused, because a script that uses an abbreviation would break
        # when a new option makes the abbreviation ambiguous.
        super().__init__(formatter_class=Formatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}.", remedy=self.see_help())

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print a help text; unlike argparse, raise OSError if it cannot be written."""
        if file is not None:
            file.write(message)

    def see_help(self, hint: str = "") -> str:
        """Return `hint`, followed by a sentence that names the command to show the help."""
        return f"{hint}See `{self.prog} --help`."

    def _invalid_choice(self, argument: str, value: str, choices: Sequence[str]) -> NoReturn:
        raise UsageError(
            f"argument {argument}: invalid choice: {value!r} (choose from {', '.join(choices)}).",
            remedy=self.see_help(did_you_mean(value, choices)),
        )

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Return the value of an argument; unlike argparse, refuse `--` as the value of an option.

        Python 3.11 would return a list for `--option=--`.
        """
        if action.option_strings and "--" in arg_strings:
            self.error(f"argument {'/'.join(action.option_strings)}: `--` is not a value")
        return super()._get_values(action, arg_strings)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None:
            return
        argument = "/".join(action.option_strings) or str(action.metavar or action.dest)
        for item in action.items(value) if isinstance(action, ListAction) else [value]:
            if item not in action.choices:
                self._invalid_choice(argument, str(item), list(map(str, action.choices)))

    def reject(self, unknown: Sequence[str]) -> NoReturn:
        """Raise UsageError for `unknown`, the words that no argument accepts."""
        options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        hint = did_you_mean(options[0], self._option_string_actions) if options else ""
        name = self.prog.rpartition(" ")[2]
        if options and options[0] in self._option_string_actions:
            hint = f"Write the options of a command after it: jitbuild {name} {options[0]}. "
        elif name in TAKE_COMMAND and not (hint and unknown[0].startswith("-")):
            hint = f"Write the command to run after `--`: {self.prog} SPEC -- COMMAND. "
        raise UsageError(
            f"unrecognized arguments: {' '.join(unknown)}.", remedy=self.see_help(hint)
        )


def _width() -> int:
    """Return the width of help texts in columns.

    It is COLUMNS, else the width of the terminal (80 if unknown) minus argparse's margin of 2.
    """
    try:
        return int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size().columns - 2
    except (OSError, ValueError):
        return 78
