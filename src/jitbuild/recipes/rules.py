"""Build rules, and recipes/build.toml, which contains the rules that all series share.

A rule states what a build must do for certain targets, variants and versions. Rules are data, so a
new flag or a newly known problem needs no code. docs/recipes.md describes the keys.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from msgspec import field
from packaging.specifiers import SpecifierSet

from jitbuild.recipes import toml
from jitbuild.request import BuildProfile, Jit, Part, Variant

if TYPE_CHECKING:
    from packaging.version import Version

    from jitbuild.target import Target

# The arguments of configure that compile assertions in.
_ASSERTIONS = {"--with-assertions", "--with-pydebug"}


class Condition(toml.Table, frozen=True):
    """The builds to which a rule or a requirement applies.

    A field that is not given is not tested. `targets` are patterns (`*-linux-gnu`), and `versions`
    is a PEP 440 specifier. `left_out` names a part of CPython that the rule leaves out of the
    build. The rule does not apply if the user wants that part (--include). `configure_args` are
    patterns for the names of arguments that the user gave with --configure-arg (the text before
    `=`). The rule applies if a pattern matches one of these names. `assertions` tells whether
    CPython's assertions are compiled in.
    """

    versions: str = ""
    targets: tuple[str, ...] = ()
    jit: tuple[Jit, ...] = ()
    profile: tuple[BuildProfile, ...] = ()
    tail_call: bool | None = None
    free_threaded: bool | None = None
    left_out: Part | None = None
    configure_args: tuple[str, ...] = ()
    assertions: bool | None = None

    def holds(self, version: Version, target: Target, variant: Variant) -> bool:
        """Return True if a build of `version` for `target` as `variant` meets the condition."""
        return self.includes(version) and self.fits(target, variant)

    def includes(self, version: Version) -> bool:
        """Return True if `version` is one of the versions; targets and variants are not tested."""
        return not self.versions or SpecifierSet(self.versions).contains(version, prereleases=True)

    def fits(self, target: Target, variant: Variant) -> bool:
        """Return True if `target` and `variant` meet the condition; the version is not tested."""
        return (
            (not self.targets or any(fnmatchcase(target.name, name) for name in self.targets))
            and (not self.jit or variant.jit in self.jit)
            and (not self.profile or variant.profile in self.profile)
            and self.tail_call in {None, variant.tail_call}
            and self.free_threaded in {None, variant.free_threaded}
            and self.left_out not in variant.includes
            and (not self.configure_args or bool(self.matching_arguments(variant)))
            and self.assertions in {None, _has_assertions(variant)}
        )

    def matching_arguments(self, variant: Variant) -> list[str]:
        """Return the arguments of `variant` whose names match one of the patterns `configure_args`.

        The names `-exec-prefix` and `exec_prefix` are treated like `--exec-prefix`, because
        configure does so: it stores the value of a flag in a variable, which NAME=VALUE also sets.
        """
        return [
            argument
            for argument in variant.configure_args
            for name in _names(argument)
            if any(fnmatchcase(name, pattern) for pattern in self.configure_args)
        ]


def _has_assertions(variant: Variant) -> bool:
    names = {name for argument in variant.configure_args for name in _names(argument)}
    return variant.profile == "debug" or not names.isdisjoint(_ASSERTIONS)


def _names(argument: str) -> tuple[str, str]:
    """Return the name of an argument of configure, and the same name with two dashes."""
    name = argument.partition("=")[0]
    return name, f"-{name}" if name.startswith("-") else f"--{name.replace('_', '-')}"


class Edit(toml.Table, frozen=True):
    """A replacement of text in the file `file` of the source tree, made before configure runs.

    `find` must occur exactly once. An `optional` edit only makes the build faster: if the text is
    not found, the build continues without the edit.
    """

    file: str
    find: str
    replace: str
    optional: bool = False


class Rule(toml.Table, frozen=True):
    """A rule for the builds that meet the condition `when`.

    `args` are arguments for configure or build.bat. `make` are arguments for every run of make, and
    `install` for the run that installs. `env` are variables for every step; their values may
    contain the plan's placeholders. `edits` change files of the source tree. `leave_out` are
    patterns of files in a release's archive that are not unpacked (`Doc/*`, as in fnmatch: `*` also
    matches slashes). If `refuse` is given, planning ends with this message and `remedy`. `warn` is
    a warning for the user. `why` explains the rule to readers of the recipe.
    """

    id: str
    why: str
    when: Condition = field(default_factory=Condition)
    args: tuple[str, ...] = ()
    make: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    leave_out: tuple[str, ...] = ()
    refuse: str = ""
    remedy: str = ""
    warn: str = ""


class Advice(toml.Table, frozen=True):
    """Advice on a failed build, which is given if a line of its log matches the regex `pattern`."""

    pattern: str
    advice: str


class BuildRecipe(toml.Table, frozen=True):
    """recipes/build.toml: the rules and the advice that all series share.

    `neutral_args` (patterns) and `neutral_env` (names) are the arguments and variables of configure
    that change none of the answers in its config.cache. `configure_flags` are the flags that
    configure knows.
    """

    rule: tuple[Rule, ...]
    advice: tuple[Advice, ...]
    neutral_args: tuple[str, ...] = ()
    neutral_env: tuple[str, ...] = ()
    configure_flags: tuple[str, ...] = ()
