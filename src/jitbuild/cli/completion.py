"""Complete the values of arguments in a shell.

Only argcomplete calls these functions. argcomplete hides errors, so these functions print nothing.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from jitbuild import api
from jitbuild.cli.commands import RECIPE_ACTIONS, RECIPE_PREBUILT
from jitbuild.cli.list_options import expand_lists, open_list

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

_PYTHON = re.compile(r"(python|pypy)[0-9.]*t?(\.exe)?")


def complete(
    parser: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser]
) -> None:
    """Answer the shell that asks for completions, and end this process.

    `parser` is the parser of jitbuild, and `commands` are the parsers of its commands.
    """
    import argcomplete

    line, point = os.environ["COMP_LINE"], int(os.environ["COMP_POINT"])
    line = with_joined_lists(line[:point], commands)
    os.environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    argcomplete.autocomplete(parser)


def with_joined_lists(line: str, commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """Return the command line `line` in a form in which argcomplete finds the open list.

    argcomplete knows only options with one value. So `diff 3.15 --modes off s`, in which the list
    continues, becomes `diff 3.15 --modes=off --modes s`.
    """
    from argcomplete.lexers import split_line

    quote, prefix, _, words, _ = split_line(line)
    begin = next((index for index, word in enumerate(words) if word in commands), None)
    if quote or prefix.startswith("-") or begin is None or "--" in words:
        return line
    command = commands[words[begin]]
    option = open_list(words[begin + 1 :], command)
    if option is None:
        return line
    expanded = expand_lists(words[begin + 1 :], command)
    return f"{shlex.join([*words[: begin + 1], *expanded, option])} {prefix}"


def continued(prefix: str, words: Iterable[str]) -> list[str]:
    """Return `words` as items that continue the list in `prefix`: `off,on` for the prefix `off,`.

    Items that the list already has are left out. A comma in a version specifier separates no items.
    """
    head, comma, _ = prefix.rpartition(",")
    if not comma or set("<>=!~") & set(head):
        return list(words)
    given = set(head.split(","))
    return [f"{head},{word}" for word in words if word not in given]


def choices_of(*, action: argparse.Action, **_: object) -> list[str]:
    """Return the choices of the action."""
    return [str(choice) for choice in action.choices or ()]


def known_requests(**_: object) -> list[str]:
    """Return every series and tag of the recipes that has a pin, and main."""
    catalog = api.catalog(None)
    series = (name for name, recipe in catalog.series.items() if recipe.tag or name == "main")
    return [*sorted(series), *catalog.tags()]


def recipe_words(**_: object) -> list[str]:
    """Return the actions of `jitbuild recipes`, and what `known_requests` returns."""
    return [*RECIPE_ACTIONS, RECIPE_PREBUILT, *known_requests()]


def installed_names(**_: object) -> list[str]:
    """Return the names, versions and series of the interpreters in the store."""
    names: set[str] = set()
    for interpreter in api.installed():
        series = interpreter.version.rpartition(".")[0]
        names |= {interpreter.name, interpreter.version, series}
    return sorted(names)


def requests_and_names(**_: object) -> list[str]:
    """Return what `known_requests` returns, the tags without a pin, and the names in the store."""
    unpinned = api.catalog(None).unpinned()
    return [*known_requests(), *unpinned, *(each.name for each in api.installed())]


def names_and_compare(**_: object) -> list[str]:
    """Return what `installed_names` returns, and the word `compare` of `jitbuild bench`."""
    return [*installed_names(), "compare"]


def programs_and_names(**_: object) -> list[str]:
    """Return the Pythons on PATH, and what `installed_names` returns.

    If the user types a path, no word fits, and the shell completes the path itself.
    """
    programs: set[str] = set()
    for folder in filter(None, os.environ.get("PATH", "").split(os.pathsep)):
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError:
            continue
        programs |= {name for name in names if _PYTHON.fullmatch(name)}
    return [*sorted(programs), *installed_names()]


def platforms(**_: object) -> list[str]:
    """Return the names of all targets."""
    from jitbuild.target import TARGETS

    return list(TARGETS)


def llvm_origins(**_: object) -> list[str]:
    """Return the words that --llvm takes; the shell completes a path itself."""
    return ["auto", "system", "managed"]


def mirrors(**_: object) -> list[str]:
    """Return the word that --mirror takes; the shell completes a folder itself."""
    return ["distro"]


def runner_systems(**_: object) -> list[str]:
    """Return the beginnings of the values of --runner: `linux=` and so on."""
    from jitbuild.ci.systems import SYSTEMS

    return [f"{name}=" for name in SYSTEMS]


def moved_names(**_: object) -> list[str]:
    """Return the names of the interpreters that were moved."""
    return [each.name for each in api.installed() if each.moved_from is not None]


def exportable_names(**_: object) -> list[str]:
    """Return the names of the interpreters that `export` accepts."""
    return [each.name for each in api.installed() if not each.adopted]


def cache_names(**_: object) -> list[str]:
    """Return the names of the caches."""
    from jitbuild.building.caches.inventory import NAMES

    return list(NAMES)


def dependency_groups(**_: object) -> list[str]:
    """Return the names of the dependency groups of the current project."""
    from jitbuild.running.dependency_groups import group_names

    return group_names()


def benchmark_names(*, parsed_args: object = None, **_: object) -> list[str]:
    """Return the names of the benchmarks of the suite that `parsed_args` selects.

    The names of pyperformance's benchmarks are known only if an environment in the store contains
    pyperformance.
    """
    if getattr(parsed_args, "suite", None) == "pyperformance":
        from jitbuild.bench import pyperformance

        return pyperformance.installed_names(api.store().cache("environments"))
    from jitbuild.bench.quick_suite import PROGRAMS

    return list(PROGRAMS)
