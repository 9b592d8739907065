"""`jitbuild config`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from jitbuild import settings
from jitbuild.api import store_folder
from jitbuild.cli.arguments import add_json
from jitbuild.cli.output import print_json
from jitbuild.cli.setting_values import DEFAULT, effective, error_of
from jitbuild.errors import JitbuildError, SettingsError
from jitbuild.system.table import print_table

if TYPE_CHECKING:
    import argparse


class _Entry(NamedTuple):
    """A setting with its effective value, and the reason why it is invalid.

    `setting` is None if the setting has no value, and also if a settings file cannot be read.
    """

    name: str
    setting: settings.Setting | None
    error: SettingsError | None

    @property
    def row(self) -> tuple[str, str, str]:
        meaning = settings.KNOWN[self.name]
        if self.setting is None:
            return self.name, "unknown" if self.error else "not set", meaning
        origin = self.setting.origin
        if origin == DEFAULT:
            origin = f"{DEFAULT}: {meaning}"
        return self.name, self.setting.shown, f"{origin}{' (invalid)' if self.error else ''}"

    @property
    def plain(self) -> dict[str, str | None] | None:
        """The entry of the JSON output; None if the setting has no value."""
        if self.setting is None and self.error is None:
            return None
        return {
            "value": self.setting.shown if self.setting else None,
            "origin": self.setting.origin if self.setting else None,
            "error": self.error.what if self.error else None,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild config`."""
    parser.description = (
        "Show the value of each setting and its origin, and check the values. Exit with 6 if a "
        "value is invalid."
    )
    add_json(parser, "the settings")


def run(options: argparse.Namespace) -> int:
    """Print every setting with its effective value, without secrets, and the origin of the value.

    Raises SettingsError, after printing, if a value is invalid.
    """
    entries = [_entry(name) for name in settings.KNOWN]
    if options.json:
        print_json({entry.name: entry.plain for entry in entries})
    else:
        print_table([entry.row for entry in entries])
        if not options.quiet:
            own = settings.user_file()
            print(f"\nYour own settings belong in {own}" if own else "\nYou have no home folder.")
            with contextlib.suppress(JitbuildError):
                print(f"The store is {store_folder()}")
    # An invalid file makes several settings unknown, with equal errors.
    errors = {str(entry.error): entry.error for entry in entries if entry.error}
    if errors:
        *others, last = errors.values()
        raise SettingsError("\n".join([*map(str, others), last.what]), remedy=last.remedy)
    return 0


def _entry(name: str) -> _Entry:
    try:
        setting = effective(name)
    except SettingsError as error:
        return _Entry(name, None, error)
    return _Entry(name, setting, error_of(setting) if setting else None)
