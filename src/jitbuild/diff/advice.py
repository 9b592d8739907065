"""Advise on a suite that did not run, given what the user already stated. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from jitbuild.diff.no_test import skip_reason, telling_line
from jitbuild.running.venvs import Requirements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jitbuild.diff.command_run import CommandRun

_MISSING = re.compile(r"No module named '?(?P<module>\w+)")
_OPTION = re.compile(r"unrecognized arguments: (?P<option>--?[\w-]+)")
# The packages with options of pytest that projects often set.
_PLUGINS = (
    (re.compile(r"-n\d*|--dist|--numprocesses|--maxprocesses"), "pytest-xdist"),
    (re.compile(r"--(?:no-)?cov(?:-.+)?"), "pytest-cov"),
    (re.compile(r"--timeout(?:-.+)?"), "pytest-timeout"),
    (re.compile(r"--reruns(?:-.+)?"), "pytest-rerunfailures"),
    (re.compile(r"--benchmark-.+"), "pytest-benchmark"),
    (re.compile(r"--asyncio-mode"), "pytest-asyncio"),
    (re.compile(r"--hypothesis-.+"), "hypothesis"),
)
_JIT_OPTION = re.compile(r"--jit-.+")
_PROJECT = re.compile(r"(?:-e\s*)?(?:\.|\./)(?:\[.*\])?")


class Given(NamedTuple):
    """The requirements that the user stated, and the names that the current project offers.

    `groups` and `extras` are the names of its dependency groups and extras, and `modules` those of
    the packages and modules in its folder. `in_project` is True if that folder can be installed.
    """

    requirements: Requirements = Requirements()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    modules: frozenset[str] = frozenset()
    in_project: bool = False

    @property
    def has_project(self) -> bool:
        """True if the project in the current folder is among the requirements."""
        return any(_PROJECT.fullmatch(package) for package in self.requirements.packages)

    def has(self, package: str) -> bool:
        """Return True if `package` is among the requirements by its name."""
        from packaging.utils import canonicalize_name

        names = (re.split(r"[^\w.-]", text)[0] for text in self.requirements.all_packages)
        return package in {canonicalize_name(name) for name in names if name}


def explain(run: CommandRun, lines: Sequence[str], given: Given) -> tuple[str, str]:
    """Return the line that tells why nothing ran, and a remedy.

    `lines` is the output of `run`. The line is empty if there is no output.
    """
    if skipped := skip_reason(run) if run.ok else "":
        return skipped, "Run tests that are not skipped with this interpreter."
    line = telling_line(lines)
    return line, next(_remedies(line, given), "Correct the command.")


def _remedies(line: str, given: Given) -> Iterator[str]:
    if match := _OPTION.search(line):
        yield _option_remedy(match["option"], given)
    if match := _MISSING.search(line):
        yield _module_remedy(match["module"], given)
    if "ImportError" in line:
        yield _module_remedy("", given)
    if re.search(r"\bdeselected\b", line):
        yield "Correct the options -k, -m and --deselect: they leave out every test."


def _option_remedy(option: str, given: Given) -> str:
    if _JIT_OPTION.fullmatch(option):
        return f"Omit {option}: the report of `jitbuild diff` has these numbers."
    plugin = next((name for regex, name in _PLUGINS if regex.fullmatch(option)), "")
    if not plugin:
        return "Correct the options of pytest, or add the plugin that has them: --with PLUGIN."
    if given.has(plugin):
        return (
            f"{plugin} is installed, but not loaded: look for `-p no:` in the command and in "
            "pytest's settings, and for PYTEST_DISABLE_PLUGIN_AUTOLOAD."
        )
    return f"Add `--with {plugin}` for the option {option}."


def _module_remedy(module: str, given: Given) -> str:
    if module == "pytest":
        if given.has("pytest"):
            return (
                "The environment has pytest, but another Python ran: start pytest as `pytest` or "
                "`-m pytest`."
            )
        return "Add `--with pytest` for an environment that has pytest."
    lacks_project = given.in_project and not given.has_project
    if lacks_project and module in given.modules:
        return f"Add `--with .` to install the package in this folder, which has {module}."
    installs = [f"`--with {module.replace('_', '-')}`" if module else "--with PKG"]
    if module and given.has(module.lower().replace("_", "-")):
        installs = ["--with PKG"]
    installs += _offers(given)
    own = "" if not lacks_project else " Install the package in this folder with `--with .`."
    return f"Install what is missing, for example with {' or '.join(installs)}.{own}"


def _offers(given: Given) -> Iterator[str]:
    """Yield the options that install what the project offers and the user did not request."""
    requested = {group.name for group in given.requirements.groups}
    if groups := [name for name in given.groups if name not in requested]:
        yield f"--group ({', '.join(groups)})"
    if given.extras and not any("[" in package for package in given.requirements.packages):
        yield f"`--with '.[EXTRA]'` ({', '.join(given.extras)})"
