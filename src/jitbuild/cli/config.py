"""`jitbuild config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild import settings
from jitbuild.api import store
from jitbuild.cli.arguments import add_json
from jitbuild.cli.output import print_json
from jitbuild.system.table import print_table

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jitbuild config`."""
    add_json(parser, "the settings")


def run(options: argparse.Namespace) -> int:
    """Print every setting with its value and the origin of the value."""
    values = {name: settings.get(name) for name in settings.KNOWN}
    if options.json:
        print_json(
            {
                name: {"value": setting.value, "origin": setting.origin} if setting else None
                for name, setting in values.items()
            }
        )
        return 0
    print_table(
        [
            (name, setting.value, setting.origin)
            if setting
            else (name, "not set", settings.KNOWN[name])
            for name, setting in values.items()
        ]
    )
    own = settings.user_file()
    print(f"\nYour own settings belong in {own}" if own else "\nYou have no home folder.")
    print(f"The store is {store().root}")
    return 0
