"""`jitbuild config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild import setting_lists, settings
from jitbuild.api import store
from jitbuild.cli.arguments import add_json
from jitbuild.cli.output import print_json
from jitbuild.errors import SettingsError
from jitbuild.options import CCACHE_MODES
from jitbuild.request import JITS, PROFILES
from jitbuild.system.table import print_table

if TYPE_CHECKING:
    import argparse

_CHOICES = {"ccache": CCACHE_MODES, "jit": JITS, "profile": PROFILES}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild config`."""
    add_json(parser, "the settings")


def run(options: argparse.Namespace) -> int:
    """Print every setting with its value and the origin of the value.

    Raises SettingsError, after printing, if a value is invalid.
    """
    values = {name: settings.get(name) for name in settings.KNOWN}
    errors = {name: error for name in values if (error := _error_of(name)) is not None}
    if options.json:
        print_json(
            {
                name: {
                    "value": setting.value,
                    "origin": setting.origin,
                    "error": errors[name].what if name in errors else None,
                }
                if setting
                else None
                for name, setting in values.items()
            }
        )
    else:
        print_table([_row(name, setting, name in errors) for name, setting in values.items()])
        if not options.quiet:
            own = settings.user_file()
            print(f"\nYour own settings belong in {own}" if own else "\nYou have no home folder.")
            print(f"The store is {store().root}")
    if errors:
        *others, last = errors.values()
        raise SettingsError("\n".join([*map(str, others), last.what]), remedy=last.remedy)
    return 0


def _row(name: str, setting: settings.Setting | None, invalid: bool) -> tuple[str, str, str]:
    if setting is None:
        return name, "not set", settings.KNOWN[name]
    return name, setting.value, f"{setting.origin}{' (invalid)' * invalid}"


def _error_of(name: str) -> SettingsError | None:
    """Return the error that a command would raise for the value of a setting, or None.

    Paths, URLs and the values of other programs are not checked.
    """
    try:
        if name in _CHOICES:
            settings.choice(name, _CHOICES[name])
        elif name == "jobs":
            settings.number(name)
        elif name == "min-speed":
            settings.number(name, least=0)
        elif name == "modes":
            setting_lists.modes()
        elif name == "pythons":
            setting_lists.pythons()
    except SettingsError as error:
        return error
    return None
