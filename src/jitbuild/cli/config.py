"""`jitbuild config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jitbuild import settings
from jitbuild.api import store
from jitbuild.cli.output import print_json

if TYPE_CHECKING:
    import argparse


def config(options: argparse.Namespace) -> int:
    """Print every setting, its value and where that comes from."""
    found = {name: settings.get(name) for name in settings.KNOWN}
    if options.json:
        print_json(
            {
                name: {"value": each.value, "origin": each.origin} if each else None
                for name, each in found.items()
            }
        )
        return 0
    for name, each in found.items():
        value = f"{each.value}  ({each.origin})" if each else f"not set: {settings.KNOWN[name]}"
        print(f"{name:<8} {value}")
    print(f"\nThe store is {store().root}\nYour own settings go into {settings.user_file()}")
    return 0
